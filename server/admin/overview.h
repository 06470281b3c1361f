/* SPDX-License-Identifier: MIT */
#pragma once
/* What the server carries at the moment: rates since it was last asked, for as many as ask. */
#include "server/metrics/metrics.h"

/* Whoever asks sooner after another gets the other's rates: two pages must not halve each other's time. */
#define OVERVIEW_EVERY (500 * CLOCK_MS)

/* All zero at first: then the rates are those since the start. */
struct overview {
	uint64_t at; /* µs, of `before`; 0: the server's start */
	struct metrics_totals before;
	/* Between the last two samples; of a second */
	double requests, errors, in, out;
	uint64_t p50, p99; /* µs */
};

/* Takes a sample, if it is time. `started` and `now` are µs. */
void overview_sample(struct overview *o, const struct metrics_totals *totals, uint64_t started,
	uint64_t now);
