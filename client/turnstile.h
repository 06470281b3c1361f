#pragma once
/*
 * How many there are at a time, in all, for one visitor's address and for one service: of dials under way
 * (docs/protocol.md, rule 25), since a visitor that connects and resets in a loop must not become a flood
 * at the upstream; of connections to a service with --max-connections. Tickets beyond that wait; services
 * are served in turn, the visitors of each in turn, the tickets of each visitor in order.
 *
 * A service may have as many inside as it leaves free to the others, of all places and of its visitor's:
 * so one whose dials hang keeps half of them, two such keep a third each, and there is always room.
 *
 * Nobody enters before turnstile_admit(), which the owner calls once a turn's news are all heard:
 * what was asked for and withdrawn within one turn leaves no trace.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/table.h"
#include "crypto/keyed_hash.h"
#include "wire/address.h"

struct turnstile_flow;

enum ticket_state { TICKET_IDLE, TICKET_WAITING, TICKET_INSIDE };

struct ticket {
	enum ticket_state state;
	struct list link; /* turnstile_flow::waiting */
	struct turnstile_flow *flow;
};

/* Part of what its tickets are for; outlives them. */
struct turnstile_service {
	struct list turn;  /* turnstile::turns, while `flows` is not empty */
	struct list flows; /* its visitors that have a ticket waiting and room for it */
	size_t inside;
};

struct turnstile {
	size_t max, max_per_visitor; /* tickets inside; may change at any time */
	size_t waiting_max,
		waiting_max_per_visitor; /* beyond those that could go in; none at first */
	bool shared;                     /* there are several services */
	size_t inside, waiting;
	struct list turns;            /* of services */
	struct table visitors;        /* that have a ticket */
	struct table flows;           /* of a visitor to a service, likewise */
	struct turnstile_service own; /* of tickets without a service */
	struct hash_key key;
	void (*admitted)(struct turnstile *t, struct ticket *ticket);
	/* It has left for another visitor's; NULL where as many may wait as like. */
	void (*displaced)(struct turnstile *t, struct ticket *ticket);
};

/* admitted() must not free its ticket, and may call turnstile_leave(). */
void turnstile_init(struct turnstile *t, size_t max, size_t max_per_visitor,
	void (*admitted)(struct turnstile *t, struct ticket *ticket));
/* All tickets have left. Accepts zeroed memory. */
void turnstile_deinit(struct turnstile *t);

void ticket_init(struct ticket *ticket);
void turnstile_service_init(struct turnstile_service *service);

/*
 * Lets it wait its turn; an IPv6 visitor counts as his /64; `service` may be NULL. 0, -EBUSY when too many
 * wait, or -ENOMEM. Where too many wait, the last one of the visitor who has most waiting makes room, as
 * long as he keeps as many as this one's.
 */
int turnstile_enter(struct turnstile *t, struct ticket *ticket, const struct address *visitor,
	struct turnstile_service *service);

/* Out again, from wherever it is. */
void turnstile_leave(struct turnstile *t, struct ticket *ticket);

/* Lets in whoever may. */
void turnstile_admit(struct turnstile *t);

/* For limits that apply from now on; whoever is inside stays. */
void turnstile_set_max(struct turnstile *t, size_t max, size_t max_per_visitor);
void turnstile_set_shared(struct turnstile *t, bool shared);
