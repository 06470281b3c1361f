/* SPDX-License-Identifier: MIT */
#include "loop/timeouts.h"

/* Entries expired in one turn: closing a connection costs a few µs, so a burst stays below 2 ms. */
#define TIMEOUTS_PER_TURN 256

/* What was refreshed or cancelled in between only makes the timer fire early, once. */
static void rearm(struct timeout_queue *queue)
{
	struct timeout *first = list_first(&queue->entries, struct timeout, link);
	loop_timer_set(&queue->timer, first ? first->at : CLOCK_NEVER);
}

static void timer_fired(struct loop_timer *timer)
{
	struct timeout_queue *queue = container_of(timer, struct timeout_queue, timer);
	uint64_t now = loop_now(timer->loop);
	for (int i = 0; i < TIMEOUTS_PER_TURN; i++) {
		struct timeout *first = list_first(&queue->entries, struct timeout, link);
		if (!first || first->at > now)
			break;
		list_unlink(&first->link);
		queue->expired(queue, first);
	}
	rearm(queue);
}

void timeout_queue_init(struct timeout_queue *queue, struct loop *loop, uint64_t duration,
	void (*expired)(struct timeout_queue *queue, struct timeout *entry))
{
	loop_timer_init(&queue->timer, loop, timer_fired);
	list_init(&queue->entries);
	queue->duration = duration;
	queue->expired = expired;
}

void timeout_queue_deinit(struct timeout_queue *queue)
{
	if (!queue->expired)
		return;
	while (!list_empty(&queue->entries))
		list_unlink(queue->entries.next);
	loop_timer_cancel(&queue->timer);
}

void timeout_init(struct timeout *entry)
{
	list_init(&entry->link);
	entry->at = CLOCK_NEVER;
}

void timeout_start(struct timeout_queue *queue, struct timeout *entry)
{
	list_unlink(&entry->link);
	entry->at = loop_now(queue->timer.loop) + queue->duration;
	list_append(&queue->entries, &entry->link);
	if (queue->timer.deadline == CLOCK_NEVER)
		loop_timer_set(&queue->timer, entry->at);
}

void timeout_cancel(struct timeout *entry)
{
	if (entry->link.next)
		list_unlink(&entry->link);
}
