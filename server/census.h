#pragma once
/*
 * What strangers hold in the whole process, whichever worker serves it: in all, and for each address
 * (server/tally.h). Limits would otherwise be as many times what was said as there are workers.
 *
 * One lock for all of it, taken when something begins and when it ends and never between: some 50 ns
 * beside the accept() or the handshake that it counts. Every function may be called from any thread.
 */
#include <pthread.h>

#include "server/tally.h"

enum census_kind {
	CENSUS_VISITOR, /* connections of visitors and TCP connections */
	CENSUS_WAITING, /* requests and TCP connections that wait for a session (rule 38) */
	CENSUS_LINK,    /* half-open ones included, which server/half_open.h counts as well */
	CENSUS_FLOW,    /* of UDP */
	CENSUS_KINDS,
};

struct census {
	pthread_mutex_t lock;
	struct {
		unsigned n;
		struct tally addresses;
	} kinds[CENSUS_KINDS];
};

void census_init(struct census *c);
void census_deinit(struct census *c); /* no other thread knows it any more */

/*
 * One more. `peer` NULL: it counts in all, but is held against no address. A limit of 0 is none. 0;
 * -EBUSY when there are `limit_total`; -EUSERS when the address has `limit_per_address`; -ENOMEM.
 */
int census_enter(struct census *c, enum census_kind kind, const struct address *peer,
	unsigned limit_total, unsigned limit_per_address);

/* One less, that entered with the same peer. */
void census_leave(struct census *c, enum census_kind kind, const struct address *peer);

/* How many there were a moment ago. */
unsigned census_count(struct census *c, enum census_kind kind);
