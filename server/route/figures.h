/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What somebody who looks at a service is told of its traffic: rates, and how long requests took. All of it is the
 * difference of two readings of what is counted anyway, so nothing is counted for it, and a service that nobody looks
 * at has none. On the main thread.
 */
#include "server/route/series.h"

/* Between two readings, in µs: who asks sooner after another gets the other's rates, of a time that is not halved. */
#define FIGURES_EVERY (500 * CLOCK_MS)

/* The times of requests are those of the last minute, or of up to two. */
#define FIGURES_TIMES (60 * CLOCK_S)

struct figures {
	uint64_t at; /* µs, of `before` */
	struct service_sum before;
	/* Between the last two readings, of a second: requests, connections or flows that began; 5xx; bytes */
	double begun, errors, in, out;
	/* Two readings of the times, each FIGURES_TIMES behind the one before; [0] is the older */
	uint64_t times_at[2];
	struct histogram_sum times[2];
};

/* A number of a second, where it grew from `before` to `now` within so many seconds. */
static inline double figures_rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0;
}

/* Zeroed memory becomes the figures of what began then (µs), with nothing counted. */
void figures_init(struct figures *f, uint64_t began);

/* Takes a reading, if it is time. `now` is µs. */
void figures_take(struct figures *f, const struct service_sum *sum, uint64_t now);

/* How long the requests took that ended lately, as of the last reading. */
struct histogram_sum figures_times(const struct figures *f);
