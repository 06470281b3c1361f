/* SPDX-License-Identifier: MIT */
#pragma once
/* The intentions of a file: those that are not there are made, those that are become what it says. */
#include "policy/intention.h"
#include "server/admin/admin_change.h"
#include "server/admin/intention_json.h"

struct apply_intentions {
	struct policy_intention *v; /* owned */
	size_t n;
};

/* From the body's list; NULL: none. 0; -EINVAL with a sentence that says which one is wrong; -ENOMEM. */
int apply_intentions_read(struct apply_intentions *a, const json_t *list, const char *by,
	struct error *err);
/* Accepts zeroed memory. */
void apply_intentions_deinit(struct apply_intentions *a);

/* Rows for what is another than it was, and all of them to `changes`. False: the request was refused. */
bool apply_intentions_look(const struct apply_intentions *a, struct change *c, json_t *changes);
