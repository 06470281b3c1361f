/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A rule: `when`, and one verb. Rules run from top to bottom; deny, redirect and answer end, rate and basic may
 * end, the others go on. Compiled rules are immutable but for their counts, and shared by all threads.
 */
#include <stdatomic.h>

#include "rules/condition.h"
#include "rules/template.h"
#include "rules/users.h"

#define RULES_MAX        256                      /* of one route */
#define RULE_FIELD_MAX   128                      /* characters of a field's name */
#define RULE_NAME_MAX    64                       /* characters of a rule's name */
#define RULE_BODY_MAX    4096                     /* bytes of an answer's body */
#define RULE_BY_MAX      4                        /* facts that a rate counts by */
#define RULE_RATE_MAX    1000000                  /* of `allow` and `burst` */
#define RULE_RATE_PERIOD (86400ull * 1000000)     /* µs: the longest `every` */
#define RULE_RATE_AHEAD  (365 * RULE_RATE_PERIOD) /* µs: the longest in which a `burst` comes back */

enum verb {
	VERB_DENY,
	VERB_REDIRECT,
	VERB_ANSWER,
	VERB_REWRITE,
	VERB_TO,
	VERB_REQUEST,
	VERB_RESPONSE,
	VERB_BASIC,
	VERB_RATE,
	VERB_LIMIT,
	VERBS,
};

/* "deny". */
const char *verb_name(enum verb verb);

struct rule_redirect {
	uint16_t status;
	int8_t https;         /* of the URL: -1: as it was asked for */
	uint16_t port;        /* 0: the scheme's own, or the one asked for where the scheme stays */
	struct str host;      /* empty: the one asked for */
	struct template path; /* no parts: the one asked for */
	bool has_path, drops_query;
};

struct rule_answer {
	uint16_t status;
	struct str type, body;
};

struct rule_rewrite {
	struct template path;
	bool drops_query;
};

enum field_change { FIELD_SET, FIELD_ADD, FIELD_REMOVE };

struct field_op {
	uint8_t change; /* enum field_change */
	struct str name;
	struct template value;
	struct str plain; /* the value, where it is the same for every request */
	bool is_plain;
};

struct rule_fields {
	struct field_op *v;
	size_t n;
};

struct rule_basic {
	struct users users;
	struct str challenge; /* WWW-Authenticate's value */
	bool pass;            /* Authorization goes on to the upstream */
};

struct rule_rate {
	uint8_t by[RULE_BY_MAX]; /* enum fact */
	struct str names[RULE_BY_MAX];
	size_t n_by;                  /* 0: all requests count together */
	uint64_t allow, every, burst; /* every: µs */
	bool block;
};

struct rule_limit {
	uint64_t body; /* bytes; UINT64_MAX: any number */
	uint64_t time; /* µs; 0: any */
};

struct rule {
	unsigned line;
	uint8_t verb;    /* enum verb */
	struct str name; /* as the log says it: the file's `name`, else "line:12" */
	struct when when;
	atomic_ullong *ended; /* requests that it ended */
	union {
		uint16_t deny;
		struct rule_redirect redirect;
		struct rule_answer answer;
		struct rule_rewrite rewrite;
		struct str to;             /* a host, or a group's origin_group::place */
		struct rule_fields fields; /* request, response */
		struct rule_basic basic;
		struct rule_rate rate;
		struct rule_limit limit;
	};
};

/* What stands behind a verb. 0, or < 0 with a sentence. */
int verb_compile(struct compile *c, const struct tree_node *node, struct rule *out);
/* Those about fields of heads. */
int fields_compile(struct compile *c, const struct tree_node *node, bool response,
	struct rule_fields *out);
