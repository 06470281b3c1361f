/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How long to wait before trying again: doubling, and jittered, so that the thousand clients of an
 * exit node that restarts do not come back in step.
 */
#include <stdint.h>

#include "base/clock.h"

#define BACKOFF_MIN (100 * CLOCK_MS) /* a server that restarts is back within about this */
#define BACKOFF_MAX (10 * CLOCK_S) /* people who have just mended something wait so long at most */

/* Zeroed, it has not failed yet. */
struct backoff {
	uint64_t ceiling; /* of the last wait, µs */
};

void backoff_reset(struct backoff *b);

/* The next wait in µs: between half and all of a ceiling that doubles. Any `random` will do. */
uint64_t backoff_next(struct backoff *b, uint32_t random);
