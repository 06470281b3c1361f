#pragma once
/*
 * What is counted for the whole process, by kind and by address: one lock, taken when a connection, a
 * handshake or a wait begins and when it ends, and never in between.
 */
#include <pthread.h>

#include "server/tally.h"

enum census_kind {
	CENSUS_VISITOR,   /* connections to the public side */
	CENSUS_HANDSHAKE, /* links whose peer has not proved its key */
	CENSUS_LINK,      /* links, handshaking ones included */
	CENSUS_WAITING,   /* requests and connections that wait for a session */
	CENSUS_KINDS,
};

struct census {
	pthread_mutex_t lock;
	struct tally tallies[CENSUS_KINDS];
	unsigned totals[CENSUS_KINDS];
};

void census_init(struct census *c);
void census_deinit(struct census *c);

/*
 * One more of this kind from this address: 0, -EBUSY when there are `max` in all, -EUSERS when the address
 * has `max_per_address`, -ENOMEM. A limit of 0 is none.
 */
int census_enter(struct census *c, enum census_kind kind, const struct address *a, uint64_t max,
	uint64_t max_per_address);

/* One less; it entered. */
void census_leave(struct census *c, enum census_kind kind, const struct address *a);

unsigned census_count(struct census *c, enum census_kind kind);
