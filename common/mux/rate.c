/* SPDX-License-Identifier: MIT */
#include "mux/rate.h"

#include <stdlib.h>

#include "base/macros.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_S  UINT64_C(1000000000)

struct rate *rate_new(void)
{
	struct rate *r = aligned_alloc(RATE_LINE, sizeof(*r));
	if (!r)
		return NULL;
	*r = (struct rate){.up.limit = RATE_NONE, .down.limit = RATE_NONE};
	return r;
}

struct rate *rate_free(struct rate *r)
{
	free(r);
	return NULL;
}

void rate_bucket_set(struct rate_bucket *b, uint64_t limit, uint64_t now)
{
	if (limit != RATE_NONE)
		limit = MIN(MAX(limit, 1), RATE_MAX);
	uint64_t since = rate_bucket_limit(b) == RATE_NONE ? 0 : now * NS_PER_US;
	atomic_store_explicit(&b->filling_since, since, memory_order_relaxed);
	atomic_store_explicit(&b->limit, limit, memory_order_relaxed);
}

/* How long a bucket fills, µs. */
static uint64_t burst_time(uint64_t limit)
{
	return MAX(RATE_BURST, RATE_BURST_MIN * CLOCK_S / limit);
}

/* SIZE_MAX stands for no limit, and is above what 32 bits hold of a large one. */
static size_t bytes_of(uint64_t n)
{
	return (size_t)MIN(n, SIZE_MAX - 1);
}

static uint64_t level_of(const struct rate_bucket *b, uint64_t limit, uint64_t now)
{
	uint64_t since = atomic_load_explicit(&b->filling_since, memory_order_relaxed) / NS_PER_US;
	if (now <= since)
		return 0;
	return MIN(now - since, burst_time(limit)) * limit / CLOCK_S;
}

size_t rate_bucket_level(const struct rate_bucket *b, uint64_t now)
{
	uint64_t limit = rate_bucket_limit(b);
	return limit == RATE_NONE ? SIZE_MAX : bytes_of(level_of(b, limit, now));
}

size_t rate_bucket_share(const struct rate_bucket *b, unsigned mine, uint64_t since, uint64_t now)
{
	uint64_t limit = rate_bucket_limit(b);
	if (limit == RATE_NONE)
		return SIZE_MAX;
	uint64_t level = level_of(b, limit, now), spare = limit * RATE_SPARE / CLOCK_S;
	unsigned all = MAX(atomic_load_explicit(&b->waiting, memory_order_relaxed), mine);
	uint64_t time = now > since ? MIN(now - since, burst_time(limit)) : 0;
	uint64_t share = all ? limit * time / CLOCK_S * mine / all : 0;
	if (level > spare)
		share += level - spare;
	return bytes_of(MIN(share, level));
}

void rate_bucket_take(struct rate_bucket *b, size_t n, uint64_t now)
{
	atomic_fetch_add_explicit(&b->passed, n, memory_order_relaxed);
	uint64_t limit = rate_bucket_limit(b);
	if (limit == RATE_NONE)
		return;
	uint64_t full = now - MIN(now, burst_time(limit));
	uint64_t since = atomic_load_explicit(&b->filling_since, memory_order_relaxed);
	/* What ran over is gone. Where this fails another thread has just done the same. */
	if (since < full * NS_PER_US)
		atomic_compare_exchange_strong_explicit(&b->filling_since, &since, full * NS_PER_US,
			memory_order_relaxed, memory_order_relaxed);
	atomic_fetch_add_explicit(&b->filling_since, n * NS_PER_S / limit, memory_order_relaxed);
}
