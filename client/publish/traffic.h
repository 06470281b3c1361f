/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What passes, of a second: the difference of two readings of what is counted anyway, taken when somebody looks. So
 * nobody pays for it who does not.
 */
#include <stdint.h>

/* Between two readings, in µs: who asks sooner after another gets the other's rates, of a time that is not halved. */
#define TRAFFIC_EVERY (500 * CLOCK_MS)

enum traffic_kind {
	TRAFFIC_REQUESTS,
	TRAFFIC_CONNECTIONS,
	TRAFFIC_IN, /* bytes of visitors */
	TRAFFIC_OUT,
	TRAFFIC_KINDS,
};

struct traffic {
	uint64_t at; /* µs; 0: the first reading is to come */
	uint64_t before[TRAFFIC_KINDS];
	double rate[TRAFFIC_KINDS]; /* between the last two readings, of a second */
};

/* Takes a reading, if it is time; the first one is of all since `began`. Both are µs. */
void traffic_take(struct traffic *t, const uint64_t counts[TRAFFIC_KINDS], uint64_t began,
	uint64_t now);
