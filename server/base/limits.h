/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Counts, for the whole process, of what strangers hold: in all, and for each address
 * (server/base/address_count.h). Were they counted by each worker, a limit would be multiplied by the number of
 * workers.
 *
 * One lock for all of it, taken when something begins and when it ends and never between: some 50 ns
 * beside the accept() or the handshake that it counts. Every function may be called from any thread.
 */
#include <pthread.h>

#include "server/base/address_count.h"

enum limits_kind {
	LIMITS_VISITOR,  /* connections of visitors and TCP connections */
	LIMITS_WAITING,  /* requests and TCP connections that wait for a session (rule 38) */
	LIMITS_EXCHANGE, /* requests of HTTP/2 connections, but for one of each */
	LIMITS_LINK,     /* half-open ones included, which server/base/half_open.h counts as well */
	LIMITS_FLOW,     /* of UDP */
	LIMITS_BRIDGES,  /* streams of private services */
	LIMITS_KINDS,
};

struct limits {
	pthread_mutex_t lock;
	struct {
		unsigned n;
		unsigned peak;
		uint64_t reached_at; /* µs, the last time; 0: never */
		uint64_t reached[2]; /* how often one more was refused: in all; for its address */
		struct address_count addresses;
	} kinds[LIMITS_KINDS];
};

void limits_init(struct limits *l);
void limits_deinit(struct limits *l); /* no other thread knows it any more */

/*
 * One more. `peer` NULL: it counts in all, but is held against no address. A limit of 0 is none. 0;
 * -EBUSY when there are `limit_total`; -EUSERS when the address has `limit_per_address`; -ENOMEM.
 */
int limits_acquire(struct limits *l, enum limits_kind kind, const struct address *peer,
	unsigned limit_total, unsigned limit_per_address);

/* One less, that was acquired with the same peer. */
void limits_release(struct limits *l, enum limits_kind kind, const struct address *peer);

/* How often it refused one more since the start: in all, and for its address. */
void limits_reached(struct limits *l, enum limits_kind kind, uint64_t *total_out,
	uint64_t *address_out);

/* What operators see of one kind. */
struct limits_use {
	unsigned n, peak; /* now; most since the start */
	uint64_t reached; /* how often one more was refused since the start, for whatever reason */
	uint64_t reached_at; /* µs, the last time; 0: never */
};
void limits_look(struct limits *l, enum limits_kind kind, struct limits_use *out);

/* How many there were a moment ago. */
unsigned limits_count(struct limits *l, enum limits_kind kind);
