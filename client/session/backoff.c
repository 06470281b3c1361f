/* SPDX-License-Identifier: MIT */
#include "client/session/backoff.h"

#include "base/macros.h"

void backoff_reset(struct backoff *b)
{
	b->ceiling = 0;
}

uint64_t backoff_next(struct backoff *b, uint32_t random)
{
	b->ceiling = b->ceiling ? MIN(2 * b->ceiling, BACKOFF_MAX) : BACKOFF_MIN;
	uint64_t half = b->ceiling / 2;
	return half + ((half * random) >> 32);
}
