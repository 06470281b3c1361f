/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How long things took, in buckets that Prometheus knows as a histogram. Written by one thread, read by any
 * (base/counter.h). All histograms have the same bounds, so that they can be summed up.
 */
#include "base/counter.h"

#define HISTOGRAM_BOUNDS  12
#define HISTOGRAM_BUCKETS (HISTOGRAM_BOUNDS + 1) /* the last has what is beyond all bounds */

/* µs; a bucket has what took as long as its bound, or less. The last has no end. */
extern const uint64_t histogram_bounds[HISTOGRAM_BUCKETS];

/* All zero is empty. */
struct histogram {
	struct counter buckets[HISTOGRAM_BUCKETS];
	struct counter sum; /* µs */
};

/* The same, as it was read, or several of them together. */
struct histogram_sum {
	uint64_t buckets[HISTOGRAM_BUCKETS];
	uint64_t sum; /* µs */
};

/* How many bounds are below every number of so many bits: each power of two has one bound at most. */
extern const uint8_t histogram_below[65];

/* By its writer alone. Two of them are half of what counting a request takes (bench/count). */
static inline void histogram_observe(struct histogram *h, uint64_t us)
{
	unsigned i = histogram_below[64 - __builtin_clzll(us | 1)];
	i += us > histogram_bounds[i];
	counter_add(&h->buckets[i], 1);
	counter_add(&h->sum, us);
}

/* From any thread: adds what is in it. */
void histogram_add(struct histogram_sum *to, const struct histogram *h);
void histogram_sum_add(struct histogram_sum *to, const struct histogram_sum *from);

/* What was observed between two readings. */
struct histogram_sum histogram_sum_since(const struct histogram_sum *now,
	const struct histogram_sum *before);

/* How many were observed. */
uint64_t histogram_count(const struct histogram_sum *h);

/*
 * The time that a share of them (0.99) took at most, in µs, as far as the buckets tell, as Prometheus'
 * histogram_quantile() has it. 0: there were none. Beyond all bounds it is the last bound.
 */
uint64_t histogram_quantile(const struct histogram_sum *h, double share);
