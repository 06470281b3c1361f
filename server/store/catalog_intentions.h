/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The intentions that there are, on the main thread: in the order of lists, the one that counts first in front, so a
 * pair is found by halves. Part of the catalog, whose rows bring them.
 */
#include "policy/intention.h"

struct catalog_intentions {
	struct policy_intention **v; /* owned, in the order of policy_intention_order() */
	size_t n, room;
	uint64_t max_id; /* of those that are there, or were since the start */
};

/* Of exactly this pair; NULL: there is none. */
const struct policy_intention *catalog_find_intention(const struct catalog_intentions *c,
	const char *source, const char *destination);

/* Which one decides whether an identity may use a private service. NULL: none does, and the default decides. */
const struct policy_intention *catalog_decide(const struct catalog_intentions *c,
	const char *source, const char *destination);

/* The place of the first that does not come before this pair. */
size_t catalog_intention_position(const struct catalog_intentions *c, const char *source,
	const char *destination);

/* ---- For catalog_apply() ---- */

/* NULL: there is none. */
const struct policy_intention *catalog_find_intention_row(const struct catalog_intentions *c,
	uint64_t id);

/* A copy that can be put. 0 or -ENOMEM. */
int catalog_intentions_stage(const struct policy_intention *value,
	struct policy_intention **staged_out);
/* Accepts NULL. */
void catalog_intention_free(struct policy_intention *i);
/* Room for so many more. 0 or -ENOMEM. */
int catalog_intentions_reserve(struct catalog_intentions *c, size_t more);
/* Takes it over; the one that its pair had goes. */
void catalog_intentions_put(struct catalog_intentions *c, struct policy_intention *i);
void catalog_intentions_remove(struct catalog_intentions *c, uint64_t id);
/* It has been stored with this revision. */
void catalog_intentions_stored(struct catalog_intentions *c, uint64_t id, uint64_t rev);
/* Accepts zeroed memory. */
void catalog_intentions_deinit(struct catalog_intentions *c);
