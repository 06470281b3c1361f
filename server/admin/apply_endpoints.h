/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The decisions of a file about endpoints. One that is not there is made with its decision, so that its consumer need
 * not wait when it asks.
 */
#include "policy/endpoint.h"
#include "server/admin/apply_names.h"

struct apply_endpoint {
	char consumer[POLICY_NAME_SIZE], service[POLICY_NAME_SIZE], name[POLICY_NAME_SIZE];
	enum policy_endpoint_event event; /* POLICY_APPROVE or POLICY_REJECT */
	const char *description;          /* the body's */
};

struct apply_endpoints {
	struct apply_endpoint *v; /* owned */
	size_t n;
};

/* From the body's list, which outlives it; NULL: none. 0; -EINVAL with a sentence that says which one is wrong; -ENOMEM. */
int apply_endpoints_read(struct apply_endpoints *a, const json_t *list, struct error *err);
/* Accepts zeroed memory. */
void apply_endpoints_deinit(struct apply_endpoints *a);

/*
 * Rows for what is another than it was, behind those of identities and private services, and all of them to `changes`.
 * False: the request was refused.
 */
bool apply_endpoints_look(const struct apply_endpoints *a, struct change *c, struct apply_ids *ids,
	json_t *changes);
