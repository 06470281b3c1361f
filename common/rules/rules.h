/* SPDX-License-Identifier: MIT */
#pragma once
/* A list of rules, and the walk through it: whoever walks does what each verb says. */
#include "rules/rule.h"

struct rules {
	struct rule *v;
	size_t n;
	bool asks_path; /* so its paths must not be ambiguous, unless `as_is` */
	bool as_is;
};

/* `node` is the list of `rules`. 0, or < 0 with a sentence that has file and line; -EACCES: a verb is not allowed. */
int rules_compile(struct compile *c, const struct tree_node *node, struct rules *out);

/* The bit of a verb by its name; 0: there is none. */
uint32_t verb_bit(const char *name);

/*
 * The next rule whose `when` holds, from `*at` on, which becomes the one behind it; NULL: there is no more, or the
 * request could not be judged, which facts::undecided says: it must be refused then.
 */
const struct rule *rules_next(const struct rules *r, size_t *at, struct facts *f);
