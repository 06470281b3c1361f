/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Intentions made, replaced and deleted. Each takes or gives, never both: an intention decides about the same pairs
 * before and behind, so what counts is whether it says deny where allow was possible, or the reverse.
 */
#include "policy/intention.h"
#include "server/admin/admin_change.h"

/* Of one private service, made by its owner: each of them may be another's name, which nobody checks. */
#define INTENTIONS_OF_SERVICE_MAX 1024

/* Action, description and meta. */
bool intention_is_same(const struct policy_intention *a, const struct policy_intention *b);

/* A row of it; one that takes is in force before it is stored. False: memory is out, and the request was refused. */
bool change_intention(struct change *c, const struct policy_intention *value, bool gone,
	bool takes);

void intention_create(struct api_request *rq);
void intention_put(struct api_request *rq);
void intention_delete(struct api_request *rq);
