/* SPDX-License-Identifier: MIT */
#pragma once
/* The tree of a query, which query.c makes and query_run.c walks. */
#include <stdbool.h>

#include "cli/query.h"

#define QUERY_NODES_MAX 256 /* of one expression; each is a step that is typed */
#define QUERY_DEPTH_MAX 64  /* of parentheses and brackets: recursion */
#define QUERY_ARGS_MAX  8

enum query_kind {
	QUERY_CURRENT, /* @ */
	QUERY_FIELD,   /* value: a text */
	QUERY_LITERAL, /* value */
	QUERY_INDEX,   /* slice.start */
	QUERY_SLICE,   /* [start:stop:step] */
	QUERY_SUB,     /* right of left */
	QUERY_PIPE,    /* likewise, and a projection ends there */
	QUERY_LIST,    /* right of each item of left: [*] and slices */
	QUERY_FILTER,  /* the same of those items for which condition is true */
	QUERY_VALUES,  /* right of each member of left: * */
	QUERY_FLATTEN, /* left, its lists within the list dissolved */
	QUERY_OR,
	QUERY_AND,
	QUERY_NOT,       /* left */
	QUERY_COMPARE,   /* left and right, by op */
	QUERY_SELECT,    /* [a, b]: first, and the nodes behind it by next */
	QUERY_HASH,      /* {k: a}: likewise, each with its name in `value` */
	QUERY_FUNCTION,  /* value: its name; first: its arguments */
	QUERY_REFERENCE, /* &left: not looked up, but given to a function */
};

enum query_op { QUERY_EQ, QUERY_NE, QUERY_LT, QUERY_LE, QUERY_GT, QUERY_GE };

struct query_node {
	enum query_kind kind;
	struct query_node *left, *right, *condition, *first, *next;
	json_t *value; /* owned by the query */
	enum query_op op;
	struct {
		long long start, stop, step;
		bool start_given, stop_given;
	} slice;
};

struct query {
	struct query_node *root;
	struct query_node nodes[QUERY_NODES_MAX];
	unsigned n;
};

/* One walk. */
struct query_walk {
	struct error *err; /* set, and `failed`, by whoever fails first */
	bool failed;
	/* query_call() */
	json_t *(*call)(struct query_walk *w, const struct query_node *node, json_t *value);
};

/* A reference of the caller's; NULL: it failed. */
json_t *query_eval(struct query_walk *w, const struct query_node *node, json_t *value);

/* The function of a node of `value`. */
json_t *query_call(struct query_walk *w, const struct query_node *node, json_t *value);

/* False are null, false and whatever is empty. */
bool query_is_true(const json_t *value);
