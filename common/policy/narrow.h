/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A change of an identity, parted: what it takes away may be in force before the change is stored, what it gives
 * must not be.
 */
#include "policy/identity.h"

/*
 * What both give: `was` without all that `becomes` takes away, or `becomes` without all that it gives. Its
 * description and times are those of `becomes`. 0, or -ENOMEM with `out` zeroed.
 */
int policy_identity_narrow(struct policy_identity *out, const struct policy_identity *was,
	const struct policy_identity *becomes);

/* Whether they have the same rights, whatever else is different. */
bool policy_identity_same_rights(const struct policy_identity *a, const struct policy_identity *b);
