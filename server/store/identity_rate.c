/* SPDX-License-Identifier: MIT */
#include "server/store/identity_rate.h"

#include <errno.h>

#include "mux/rate.h"

_Static_assert(POLICY_NONE == RATE_NONE, "a grant without a limit is a bucket without one");

static struct rate *rate_of(const struct identity *i)
{
	return i ? atomic_load_explicit(&i->rate, memory_order_relaxed) : NULL;
}

int identity_rate_stage(const struct identity *i, const struct policy_identity *value,
	struct rate **staged_out)
{
	bool needed = value->rate_up != POLICY_NONE || value->rate_down != POLICY_NONE;
	if (!needed || rate_of(i))
		return 0;
	*staged_out = rate_new();
	return *staged_out ? 0 : -ENOMEM;
}

/* The same rate again would forget what is owed. */
static void set(struct rate_bucket *b, uint64_t limit)
{
	if (rate_bucket_limit(b) != limit)
		rate_bucket_set(b, limit, clock_now());
}

void identity_rate_apply(struct identity *i, struct rate **staged)
{
	struct rate *rate = rate_of(i) ? rate_of(i) : *staged;
	if (!rate)
		return;
	set(&rate->up, i->value.rate_up);
	set(&rate->down, i->value.rate_down);
	/* Workers find it with its limits. */
	atomic_store_explicit(&i->rate, rate, memory_order_release);
	if (rate == *staged)
		*staged = NULL;
}
