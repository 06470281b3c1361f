/* SPDX-License-Identifier: MIT */
#include "server/base/cell_rate.h"

#include <assert.h>

#include "base/macros.h"

#define NS_PER_US 1000

/*
 * A window's value is its end in ns, of which the low bits are the count. So it rises with time as GCRA's does,
 * and the table gives up the oldest of both.
 */
#define COUNT_BITS 20
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)
static_assert(CELL_RATE_ALLOW_MAX < COUNT_MASK, "one more than is allowed can be counted");

uint64_t cell_rate_take(struct cell_table *t, uint64_t key, const struct rate_limit *limit,
	uint64_t now)
{
	uint64_t at = now * NS_PER_US, tolerance = limit->every * (limit->burst - 1);
	uint64_t was, due;
	struct cell *cell;
	do {
		was = cell_table_read(t, key, &cell);
		due = MAX(was, at);
		if (due - at > tolerance)
			return (due - at - tolerance + NS_PER_US - 1) / NS_PER_US;
	} while (!cell_table_write(t, key, cell, was, due + limit->every));
	return 0;
}

void cell_rate_give(struct cell_table *t, uint64_t key, const struct rate_limit *limit)
{
	uint64_t was;
	struct cell *cell;
	do {
		was = cell_table_read(t, key, &cell);
		if (!cell || was < limit->every)
			return;
	} while (!cell_table_write(t, key, cell, was, was - limit->every));
}

uint64_t cell_rate_window(struct cell_table *t, uint64_t key, uint64_t allow, uint64_t every,
	uint64_t now)
{
	uint64_t at = now * NS_PER_US, was, next;
	struct cell *cell;
	do {
		was = cell_table_read(t, key, &cell);
		uint64_t end = was & ~COUNT_MASK, count = was & COUNT_MASK;
		if (end <= at) {
			/* Rounded up: a window may last a millisecond longer, never less. */
			end = (at + every * NS_PER_US + COUNT_MASK) & ~COUNT_MASK;
			count = 0;
		}
		if (count >= allow)
			return (end - at + NS_PER_US - 1) / NS_PER_US;
		next = end | (count + 1);
	} while (!cell_table_write(t, key, cell, was, next));
	return 0;
}
