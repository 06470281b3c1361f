/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Intentions made, replaced and deleted. Each takes or gives, never both: an intention decides about the same pairs
 * before and behind, so what counts is whether it says deny where allow was possible, or the reverse.
 */
#include "server/admin/admin_change.h"

/* Of one private service, made by its owner: each of them may be another's name, which nobody checks. */
#define INTENTIONS_OF_SERVICE_MAX 1024

void intention_create(struct admin_request *rq);
void intention_put(struct admin_request *rq);
void intention_delete(struct admin_request *rq);
