/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The private services of a file: those that are not there are made, those that are become what it says. They are
 * managed, unless the file says otherwise: what it states counts, whatever their clients state.
 */
#include "policy/private_service.h"
#include "server/admin/apply_names.h"

struct apply_service {
	struct policy_private_service value; /* owned */
	char owner[POLICY_NAME_SIZE];
	bool kind_given;
};

struct apply_services {
	struct apply_service *v; /* owned */
	size_t n;
};

/* From the body's list; NULL: none. 0; -EINVAL with a sentence that says which one is wrong; -ENOMEM. */
int apply_services_read(struct apply_services *a, const json_t *list, struct error *err);
/* Accepts zeroed memory. */
void apply_services_deinit(struct apply_services *a);

/*
 * Rows for what is another than it was, behind those of identities, and all of them to `changes`. False: the request
 * was refused.
 */
bool apply_services_look(const struct apply_services *a, struct change *c, struct apply_ids *ids,
	json_t *changes);
