/* SPDX-License-Identifier: MIT */
#include "server/control/attach_pace.h"

#include "base/macros.h"

uint64_t attach_pace_due(const struct identity *i)
{
	return i->attach_misses < ATTACH_MISSES ? 0 : i->attach_missed_at + ATTACH_MISS_EVERY;
}

void attach_pace_missed(struct identity *i, uint64_t now)
{
	if (i->attach_misses < ATTACH_MISSES)
		i->attach_misses++;
	i->attach_missed_at = now;
}

void attach_pace_found(struct identity *i)
{
	i->attach_misses = 0;
}

bool attach_pace_may_store(const struct identity *i, uint64_t now)
{
	return i->attach_stored_until <= now + (ATTACH_NEWS_BURST - 1) * ATTACH_NEWS_EVERY;
}

void attach_pace_stored(struct identity *i, uint64_t now)
{
	i->attach_stored_until = MAX(i->attach_stored_until, now) + ATTACH_NEWS_EVERY;
}
