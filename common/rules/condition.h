/* SPDX-License-Identifier: MIT */
#pragma once
/* What `when` says: conditions, all of which must hold; and behind `not` those that must not all hold. */
#include "rules/compile.h"
#include "rules/facts.h"
#include "wire/cidr.h"

struct status_range {
	uint16_t from, to;
};

struct condition {
	uint8_t fact; /* enum fact */
	uint8_t cost; /* by which they are sorted */
	struct str name;
	/* By the fact one of these */
	uint32_t methods; /* bits 1 << enum http1_method; of the scheme, 1 << whether it is https */
	struct patterns patterns; /* also methods without a bit, and countries */
	struct cidr_list networks;
	struct status_range *ranges; /* also ports */
	size_t n_ranges;
};

struct conditions {
	struct condition *v; /* the cheapest first */
	size_t n;
};

struct when {
	struct conditions all, not ;
	/* The response's, which are asked when that has come; without the others. */
	struct conditions statuses, not_statuses;
	const struct condition *path; /* the one of `all`; NULL: there is none */
	bool asks_path;               /* `all` or `not` does */
};

/* `node` is the mapping of `when`; `response`: its rule may ask for the status. */
int when_compile(struct compile *c, const struct tree_node *node, bool response, struct when *out);

/* Whether the response's part holds; the request's is asked by rules_next(). */
bool when_holds_status(const struct when *w, unsigned status);
/* What the path's pattern captured; `when` holds. */
void when_captures(const struct when *w, struct facts *f, struct captures *out);
