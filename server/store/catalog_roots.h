/* SPDX-License-Identifier: MIT */
#pragma once
/* The roots of the certificate authority, on the main thread. Part of the catalog, whose rows bring them. */
#include <stddef.h>

#include "policy/root.h"

struct catalog_roots {
	struct policy_root **v; /* owned, in the order of their ids */
	size_t n, room;
};

/* The one that signs; NULL: there is no certificate authority. */
const struct policy_root *catalog_signing_root(const struct catalog_roots *c);

/* ---- For catalog_apply() ---- */

/* A copy that can be put. 0 or -ENOMEM. */
int catalog_roots_stage(const struct policy_root *value, struct policy_root **staged_out);
/* Accepts NULL. */
void catalog_root_free(struct policy_root *r);
/* Room for so many more. 0 or -ENOMEM. */
int catalog_roots_reserve(struct catalog_roots *c, size_t more);
/* Takes it over; the one with its id goes. */
void catalog_roots_put(struct catalog_roots *c, struct policy_root *r);
void catalog_roots_remove(struct catalog_roots *c, uint64_t id);
/* It has been stored with this revision. */
void catalog_roots_stored(struct catalog_roots *c, uint64_t id, uint64_t rev);
/* Accepts zeroed memory. */
void catalog_roots_deinit(struct catalog_roots *c);
