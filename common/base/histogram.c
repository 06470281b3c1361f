/* SPDX-License-Identifier: MIT */
/*
 * The bounds are so far apart that each power of two has one at most: from the number of bits of a time follows
 * its bucket, or the one before it, and one comparison tells which.
 */
#include "base/histogram.h"

#include "base/clock.h"
#include "base/macros.h"

const uint64_t histogram_bounds[HISTOGRAM_BUCKETS] = {
	1 * CLOCK_MS,
	2500,
	5 * CLOCK_MS,
	10 * CLOCK_MS,
	25 * CLOCK_MS,
	50 * CLOCK_MS,
	100 * CLOCK_MS,
	250 * CLOCK_MS,
	500 * CLOCK_MS,
	1 * CLOCK_S,
	2500 * CLOCK_MS,
	10 * CLOCK_S,
	UINT64_MAX,
};

const uint8_t histogram_below[65] = {
	[11] = 1,
	[12] = 1,
	[13] = 2,
	[14] = 3,
	[15] = 4,
	[16] = 5,
	[17] = 6,
	[18] = 7,
	[19] = 8,
	[20] = 9,
	[21] = 10,
	[22] = 10,
	[23] = 11,
	[24] = 11,
	[25 ... 64] = 12,
};

void histogram_add(struct histogram_sum *to, const struct histogram *h)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->buckets[i] += counter_get(&h->buckets[i]);
	to->sum += counter_get(&h->sum);
}

void histogram_sum_add(struct histogram_sum *to, const struct histogram_sum *from)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
	to->sum += from->sum;
}

struct histogram_sum histogram_sum_since(const struct histogram_sum *now,
	const struct histogram_sum *before)
{
	struct histogram_sum d = {.sum = now->sum - MIN(before->sum, now->sum)};
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		d.buckets[i] = now->buckets[i] - MIN(before->buckets[i], now->buckets[i]);
	return d;
}

uint64_t histogram_count(const struct histogram_sum *h)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += h->buckets[i];
	return n;
}

uint64_t histogram_quantile(const struct histogram_sum *h, double share)
{
	double rank = share * (double)histogram_count(h), before = 0;
	uint64_t from = 0;
	if (rank <= 0)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
		double here = (double)h->buckets[i];
		uint64_t to = histogram_bounds[i];
		if (before + here >= rank)
			return from + (uint64_t)((double)(to - from) * (rank - before) / here);
		before += here;
		from = to;
	}
	return histogram_bounds[HISTOGRAM_BOUNDS - 1];
}
