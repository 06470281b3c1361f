/* SPDX-License-Identifier: MIT */
#pragma once
/* What all compilers of parts of a rules' file share: their sentences, and how they read the tree. */
#include "base/error.h"
#include "config/tree.h"
#include <stdbool.h>
#include <stdint.h>

#include "rules/arena.h"

/* What is left of what somebody else than the operator may have in his rules (rules/client_rules.h). */
struct compile_quota {
	uint32_t verbs; /* bits 1 << enum verb that he may use */
	unsigned rules, searches, fields;
};

/* How a file is compiled, and where its sentences come from. */
struct compile {
	const char *path; /* of the file */
	struct arena *arena;
	struct error *err;
	bool countries;              /* there is a file of them */
	struct compile_quota *quota; /* NULL: they are the operator's */
};

/* Sets the sentence "FILE:LINE: …" and returns -EINVAL. */
int compile_fail(const struct compile *c, const struct tree_node *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Puts file and line before a sentence that is there, and returns `r`. */
int compile_fail_at(const struct compile *c, const struct tree_node *at, int r);
int compile_fail_memory(const struct compile *c);

/* One more of what has to be searched for. 0, or -EINVAL with a sentence: the quota has none left. */
int compile_search(const struct compile *c, const struct tree_node *at);

/* The same for so many of them. */
int compile_searches(const struct compile *c, const struct tree_node *at, size_t n);

/* How many scalars a value is: itself, or those of a list; each of them by its number. NULL behind the last. */
const struct tree_node *compile_first(const struct tree_node *value);
const struct tree_node *compile_next(const struct tree_node *value, const struct tree_node *item);
/* Checks that a value is a text or a list of texts, not empty; how many. < 0: it is not. */
int compile_texts(const struct compile *c, const struct tree_node *value, const char *what);

/* Members of a mapping, none of which may be missing in the list `known` (the last one NULL). */
int compile_members(const struct compile *c, const struct tree_node *map, const char *const *known);
const struct tree_node *compile_member(const struct tree_node *map, const char *name);

/* A number in decimal digits, within these bounds. */
int compile_number(const struct compile *c, const struct tree_node *node, uint64_t min,
	uint64_t max, uint64_t *out);
/* A time in µs, as "30s": not 0. */
int compile_duration(const struct compile *c, const struct tree_node *node, uint64_t max,
	uint64_t *out);
