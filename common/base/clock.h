/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Time as every room counts it: microseconds of CLOCK_MONOTONIC in a uint64_t, 0 meaning "never".
 * Rooms without I/O are given `now`; only net, server, client and cli read the clock.
 */
#include <stdint.h>

#define CLOCK_MS    UINT64_C(1000)
#define CLOCK_S     UINT64_C(1000000)
#define CLOCK_NEVER UINT64_C(0)

uint64_t clock_now(void);

/* What moves in `time` (a few seconds at most) at `rate` a second; nothing moves faster than 2^32. */
static inline uint64_t clock_amount(uint64_t rate, uint64_t time)
{
	return (rate < UINT32_MAX ? rate : UINT32_MAX) * time / CLOCK_S;
}

/* The earlier of two moments, either of which may be CLOCK_NEVER. */
static inline uint64_t clock_earlier(uint64_t a, uint64_t b)
{
	if (a == CLOCK_NEVER)
		return b;
	if (b == CLOCK_NEVER)
		return a;
	return a < b ? a : b;
}
