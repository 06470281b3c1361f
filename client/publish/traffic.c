/* SPDX-License-Identifier: MIT */
#include "client/publish/traffic.h"

#include <string.h>

#include "base/clock.h"

void traffic_take(struct traffic *t, const uint64_t counts[TRAFFIC_KINDS], uint64_t began,
	uint64_t now)
{
	uint64_t since = t->at ? t->at : began;
	if (now <= since || (t->at && now - t->at < TRAFFIC_EVERY))
		return;
	double seconds = (double)(now - since) / CLOCK_S;
	for (unsigned i = 0; i < TRAFFIC_KINDS; i++)
		t->rate[i] =
			counts[i] > t->before[i] ? (double)(counts[i] - t->before[i]) / seconds : 0;
	memcpy(t->before, counts, sizeof(t->before));
	t->at = now;
}
