/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How many bytes a second may pass, each way, of all streams of all links that share it: two token buckets of
 * atomics. Any thread looks and takes without waiting; what two of them take at the same moment beyond the
 * level is a debt, which is paid back before anything passes again. So the rate holds in the long run, however
 * many there are. Who has to wait, and for how long, is mux/shaper's.
 *
 * A bucket is a moment: since then it has been filling. It holds what has come since, and never more than
 * RATE_BURST would bring; taking moves the moment on, maybe beyond now.
 */
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define RATE_NONE      UINT64_MAX /* bytes a second: no limit */
/* Bytes a second; more than any machine carries, and sums fit 64 bits. */
#define RATE_MAX       (UINT64_C(1) << 40)
/*
 * What passes at once behind a pause: enough for a page or an answer, and little enough that ten seconds
 * from a full bucket on bring 2.5 % more than the rate.
 */
#define RATE_BURST     (250 * CLOCK_MS)
#define RATE_BURST_MIN 1024u /* bytes; less would make frames of crumbs at rates of a few bytes */
/*
 * What waits has a share of what comes in; what has come in and nobody took is whoever comes first's. That is
 * only what stands above this: two ticks of the shaper, in which everybody has had a turn.
 */
#define RATE_SPARE     (20 * CLOCK_MS)
#define RATE_LINE      64 /* bytes of a cache line: the two ways do not slow each other down */

struct rate_bucket {
	alignas(RATE_LINE) atomic_uint_least64_t limit; /* bytes a second, or RATE_NONE */
	atomic_uint_least64_t filling_since;            /* ns, as clock_now() counts */
	atomic_uint waiting;                            /* streams, on all workers */

	/* Since the start, for people */
	atomic_uint_least64_t passed;  /* bytes */
	atomic_uint_least64_t held;    /* times that a stream had to wait */
	atomic_uint_least64_t dropped; /* datagrams */
};

/* As the client sees it. */
struct rate {
	struct rate_bucket up;   /* from the client to the exit node */
	struct rate_bucket down; /* from the exit node to the client */
};

/* Without limits. NULL when out of memory. Nothing may use it any more when it is freed. */
struct rate *rate_new(void);
struct rate *rate_free(struct rate *r);

/* ---- From any thread; `now` in µs ---- */

/*
 * From now on; RATE_NONE: no limit. A bucket that had none is full; under another limit it is empty, and what
 * was owed is forgotten.
 */
void rate_bucket_set(struct rate_bucket *b, uint64_t limit, uint64_t now);

static inline uint64_t rate_bucket_limit(const struct rate_bucket *b)
{
	return atomic_load_explicit(&b->limit, memory_order_relaxed);
}

/* Bytes that may pass now; 0 also where some are owed; SIZE_MAX: there is no limit. */
size_t rate_bucket_level(const struct rate_bucket *b, uint64_t now);

/* The same for `mine` streams of those that wait, which had their last share at `since`. */
size_t rate_bucket_share(const struct rate_bucket *b, unsigned mine, uint64_t since, uint64_t now);

/* So many pass. */
void rate_bucket_take(struct rate_bucket *b, size_t n, uint64_t now);
