/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Origin groups of the operator's file, compiled: how requests are divided among the clients that publish into one.
 *
 *	groups:
 *	  web:
 *	    origins:
 *	      - {name: blue, weight: 900}
 *	      - {name: green, weight: 100}
 *	      - {name: cloud, priority: 2}
 *
 * A published host that no route concerns is a group of its own, of that name.
 */
#include "base/str.h"
#include "rules/compile.h"

#define ORIGIN_GROUPS_MAX         4096                       /* of a file */
#define ORIGIN_GROUP_AFFINITY_MAX (400 * 86400ull * 1000000) /* µs: RFC 6265bis, 5.6.1 */
#define ORIGIN_GROUP_LISTED_MAX   256                        /* that are listed in one group */

/* Before a group's name, where names of groups and of hosts stand beside each other: no Host reads so. */
#define ORIGIN_GROUP_PREFIX "group:"

/* What the operator says of an origin; what he does not say, its client may. */
struct origin_setting {
	unsigned line;
	struct str name;
	uint32_t priority; /* 1 to CONTROL_PRIORITY; 0: not said */
	uint32_t weight;   /* 1 to CONTROL_WEIGHT; 0: not said */
};

struct origin_group {
	unsigned line;
	struct str name;  /* a canonical host name */
	struct str place; /* with ORIGIN_GROUP_PREFIX */
	struct origin_setting *origins;
	size_t n_origins;
	bool affinity;          /* a visitor comes back to the origin that it had, by a cookie */
	uint64_t affinity_for;  /* µs; 0: until the visitor's browser ends */
	bool affinity_anywhere; /* in frames of other sites as well: SameSite=None */
};

struct origin_groups {
	struct origin_group *v; /* sorted by name */
	size_t n;
};

/* `node` is the mapping `groups`. 0, or < 0 with a sentence that has file and line. */
int origin_groups_compile(struct compile *c, const struct tree_node *node,
	struct origin_groups *out);

/* NULL: there is none of that name. */
const struct origin_group *origin_groups_find(const struct origin_groups *g, struct str name);

/* NULL: the operator says nothing of it. */
const struct origin_setting *origin_group_find(const struct origin_group *g, struct str name);
