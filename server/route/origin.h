/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * An origin: a service as one of several that serve the same route, and what decides which of them a visitor gets.
 * Its client says some of it, the operator's file of routes the rest (rules/origin_group.h). On one worker, and
 * that worker's alone.
 *
 * Weights are kept by stride scheduling (Waldspurger and Weihl, 1995): each pick of an origin puts its `pass` on by
 * ORIGIN_STRIDE divided by its weight, and the one with the lowest is next.
 */
#include <stdbool.h>
#include <stdint.h>

struct service_shard;
struct worker;

#define ORIGIN_PRIORITY 1   /* of one that nobody has given another */
#define ORIGIN_WEIGHT   100 /* of one without, among others that have one */
#define ORIGIN_STRIDE \
	(UINT64_C(1) << 24) /* a weight of 1,000 is exact to 0.006 %, and no pass wraps */

#define ORIGIN_TAG_BYTES 16 /* of the hash; nobody can make one that fits without the key */
#define ORIGIN_TAG_SIZE  23 /* that in the alphabet of RFC 4648, 5, and a NUL */

enum origin_state {
	ORIGIN_ENABLED,
	ORIGIN_DISABLED, /* no new visitor goes there; those with its cookie still do */
};

struct origin {
	uint8_t priority; /* the least number is used first */
	uint16_t weight;  /* 0: nobody has given it one */
	enum origin_state state;
	bool graded; /* counts in route::graded: it is unlike others by some of these */
	char tag[ORIGIN_TAG_SIZE]; /* which its visitors' cookies name; "": it has none */
	uint64_t pass;
	unsigned rank;         /* while a choice is made: the least is to be used */
	unsigned enabled_rank; /* then: if it were enabled */
	bool is_here;          /* then: by a link of this worker */
};

/* Sets its priority, weight and state by what its client and the worker's file of routes say. */
void origin_set(struct service_shard *shard, const struct worker *w);

/* The same for all of a worker's, when it has another file. */
void origins_set(const struct worker *w);

/* It is in its route from here on, or leaves it. */
void origin_enter(struct service_shard *shard, const struct worker *w);
void origin_leave(struct service_shard *shard);
