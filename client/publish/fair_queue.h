/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A limit on how many there are at a time, in all and for one visitor's address, and a fair queue for the
 * rest. It limits dials under way (docs/protocol.md, rule 25), since a visitor that connects and resets in
 * a loop must not become a flood at the upstream; and connections to a service with --max-connections.
 * Services are served in turn, the visitors of each service in turn, the slots of each visitor in order.
 *
 * A service may hold as many places as it leaves free to the others, of all places and of its visitor's:
 * so a service whose dials hang keeps half of them, two such keep a third each, and there is always room.
 *
 * No slot is admitted before fair_queue_admit(). The owner calls it when everything that came in this turn
 * was handled, so a stream that was opened and reset within one turn is never dialled.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "net/network_table.h"

struct fair_queue_flow;

enum fair_slot_state { FAIR_SLOT_IDLE, FAIR_SLOT_WAITING, FAIR_SLOT_INSIDE };

struct fair_slot {
	enum fair_slot_state state;
	struct list link; /* fair_queue_flow::waiting */
	struct fair_queue_flow *flow;
};

/* Part of what its slots are for; outlives them. */
struct fair_queue_service {
	struct list turn;  /* fair_queue::turns, while `flows` is not empty */
	struct list flows; /* its visitors that have a slot waiting and room for it */
	size_t inside;
};

struct fair_queue {
	size_t max, max_per_visitor; /* slots inside; may change at any time */
	size_t waiting_max,
		waiting_max_per_visitor; /* beyond those that could go in; none at first */
	bool shared;                     /* there are several services */
	size_t inside, waiting;
	size_t peak;         /* most inside since the start */
	uint64_t reached;    /* how often a slot came that had to wait for another to leave */
	uint64_t reached_at; /* µs, the last time; 0: never */
	struct list turns;   /* of services */
	struct network_table visitors; /* that have a slot */
	struct table flows;            /* of a visitor to a service, likewise */
	struct fair_queue_service own; /* of slots without a service */
	void (*admitted)(struct fair_queue *q, struct fair_slot *slot);
	/* It has left for another visitor's; NULL where as many may wait as like. */
	void (*displaced)(struct fair_queue *q, struct fair_slot *slot);
};

/* admitted() must not free its slot, and may call fair_queue_leave(). */
void fair_queue_init(struct fair_queue *q, size_t max, size_t max_per_visitor,
	void (*admitted)(struct fair_queue *q, struct fair_slot *slot));
/* All slots have left. Accepts zeroed memory. */
void fair_queue_deinit(struct fair_queue *q);

void fair_slot_init(struct fair_slot *slot);
void fair_queue_service_init(struct fair_queue_service *service);

/*
 * Lets it wait its turn; an IPv6 visitor counts as his /64; `service` may be NULL. 0, -EBUSY when too many
 * wait, or -ENOMEM. Where too many wait, the last one of the visitor who has most waiting makes room, as
 * long as he keeps as many as this one's.
 */
int fair_queue_enter(struct fair_queue *q, struct fair_slot *slot, const struct address *visitor,
	struct fair_queue_service *service);

/* Out again, from wherever it is. */
void fair_queue_leave(struct fair_queue *q, struct fair_slot *slot);

/* Lets in whoever may. */
void fair_queue_admit(struct fair_queue *q);

/* For limits that apply from now on; whoever is inside stays. */
void fair_queue_set_max(struct fair_queue *q, size_t max, size_t max_per_visitor);
void fair_queue_set_shared(struct fair_queue *q, bool shared);
