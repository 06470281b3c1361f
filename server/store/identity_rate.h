/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The rate of an identity (mux/rate.h) as its grants have it: made when it is first given one, and there for
 * as long as the identity from then on. On the main thread; what holds on links is told by a broadcast that
 * runs link_rates_follow().
 */
#include "server/store/catalog.h"

/* What can fail: `*staged_out` is a rate if that value needs one that `i` (or NULL: a new one) has not. -ENOMEM. */
int identity_rate_stage(const struct identity *i, const struct policy_identity *value,
	struct rate **staged_out);

/* What cannot: identity::value is in force. Takes `*staged`, if it is one. */
void identity_rate_apply(struct identity *i, struct rate **staged);
