/* SPDX-License-Identifier: MIT */
#pragma once
/* What a file of `tunnel apply` names: something that is there, or that a row of the same change makes. */
#include "server/admin/admin_change.h"

/* Numbers of new rows, counted up within one change. */
struct apply_ids {
	uint64_t identity, service, endpoint, link;
};

struct apply_ids apply_ids_of(const struct catalog *c);

/*
 * The value that the identity of that name will have, whose id is its row's. NULL: there is none; or memory is out, and
 * the request was refused, which `failed_out` says.
 */
const struct policy_identity *apply_identity(struct change *c, const char *name,
	struct apply_ids *ids, bool *failed_out);

/* Of a private service; NULL: there is none that is not deleted. */
const struct policy_private_service *apply_service(struct change *c, const char *name);

/* {"action": …, "subject": …, "detail": …} behind the changes. Takes the detail. False: memory is out, and it was refused. */
bool apply_say(struct change *c, json_t *changes, const char *action, const char *subject,
	json_t *detail);
