/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A number that one thread adds to and any thread reads: an add is three plain instructions, and takes no
 * cache line from another processor as long as nobody reads. Whoever has several writers gives each its own.
 */
#include <stdatomic.h>
#include <stdint.h>

/* All zero is 0. */
struct counter {
	atomic_uint_least64_t n;
};

/* By its writer alone. */
static inline void counter_add(struct counter *c, uint64_t n)
{
	uint64_t was = atomic_load_explicit(&c->n, memory_order_relaxed);
	atomic_store_explicit(&c->n, was + n, memory_order_relaxed);
}

/* From any thread: as it was a moment ago. */
static inline uint64_t counter_get(const struct counter *c)
{
	return atomic_load_explicit(&c->n, memory_order_relaxed);
}
