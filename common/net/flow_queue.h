/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * In which order UDP flows end where there is no room for all of them: of a session, of one visitor's
 * address, of a client. The source address of a datagram can be forged, so a flow that only spoke has proved
 * nothing. Flows that were never answered end first, then those with one question and its answer, last those
 * where both sides have gone on; within each kind the one that was idle longest.
 *
 * Two things complicate this. Questions under way have not been answered either, so they have a share of the
 * room, in which finished flows make way for new ones. And forged datagrams come faster than any answer, so
 * a flow has FLOW_ANSWER_TIME to be answered; beyond the share, those that come later replace each other.
 */
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"

/* A round trip to a far upstream, and some; a guess. Longer, and fewer new flows a second have a chance. */
#define FLOW_ANSWER_TIME (250 * CLOCK_MS)

enum flow_use {
	FLOW_UNANSWERED,
	FLOW_ANSWERED, /* once or more, and not heard since */
	FLOW_MUTUAL,   /* heard again after an answer */
	FLOW_USES,
};

/* Embedded in each of them, once for every queue that it is in. */
struct flow_place {
	struct list link;
	uint64_t began; /* µs */
	enum flow_use use;
};

struct flow_queue {
	struct list of[FLOW_USES];
	unsigned n[FLOW_USES];
};

void flow_queue_init(struct flow_queue *q);

/* A new one, which was heard. */
void flow_queue_add(struct flow_queue *q, struct flow_place *p, uint64_t now);
/* Legal for one that is zero or in no queue. */
void flow_queue_remove(struct flow_queue *q, struct flow_place *p);

void flow_queue_heard(struct flow_queue *q, struct flow_place *p);
void flow_queue_answered(struct flow_queue *q, struct flow_place *p);

unsigned flow_queue_count(const struct flow_queue *q);

/*
 * The one that has to go for a new one. While fewer than a `share`-th of all are unanswered, none of these
 * goes before the last one that was answered just once. NULL: there is none.
 */
struct flow_place *flow_queue_victim(const struct flow_queue *q, unsigned share, uint64_t now);
