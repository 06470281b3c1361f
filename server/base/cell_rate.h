/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Rates of keys that strangers choose, in a server/base/cell_table.h: each key is a count of its own, and none
 * takes more than a cell. Times are those of loop_now(), in µs. From any thread.
 */
#include "server/base/cell_table.h"
#include "server/base/rate_limit.h"

/*
 * One more of the key, by GCRA (ITU-T I.371): of a key nothing is kept but the time at which its next one would be
 * due if all kept to the rate. 0; else it is one too many and not counted, and the µs after which the next is not.
 */
uint64_t cell_rate_take(struct cell_table *t, uint64_t key, const struct rate_limit *limit,
	uint64_t now);

/* Takes back one that was counted. */
void cell_rate_give(struct cell_table *t, uint64_t key, const struct rate_limit *limit);

/*
 * One more of the key, at most `allow` (CELL_RATE_ALLOW_MAX) in each window of `every` µs: beyond that until the
 * window ends, and the result is the µs until then. A window begins with the first that comes.
 */
#define CELL_RATE_ALLOW_MAX 1000000
uint64_t cell_rate_window(struct cell_table *t, uint64_t key, uint64_t allow, uint64_t every,
	uint64_t now);
