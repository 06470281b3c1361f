/* SPDX-License-Identifier: MIT */
#include "client/upstream/idle.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"

struct idle_queue {
	struct list link; /* idle::queues */
	struct idle *idle;
	uint64_t time; /* µs */
	struct timeout_queue looks;
};

void idle_init(struct idle *idle, struct loop *loop, uint64_t (*moved)(struct timeout *entry),
	void (*expired)(struct timeout *entry))
{
	*idle = (struct idle){.loop = loop, .moved = moved, .expired = expired};
	list_init(&idle->queues);
}

static void queue_free(struct idle_queue *q)
{
	timeout_queue_deinit(&q->looks);
	list_unlink(&q->link);
	free(q);
}

void idle_deinit(struct idle *idle)
{
	if (!idle->loop)
		return;
	list_for_each_safe (it, &idle->queues)
		queue_free(list_entry(it, struct idle_queue, link));
	idle->loop = NULL;
}

static void queue_look(struct timeout_queue *looks, struct timeout *entry)
{
	struct idle_queue *q = container_of(looks, struct idle_queue, looks);
	if (loop_now(q->idle->loop) - q->idle->moved(entry) < q->time)
		timeout_start(looks, entry);
	else
		q->idle->expired(entry);
}

/* The one for that time; those that nobody is in any more, of a configuration before, go. */
static struct idle_queue *queue_for(struct idle *idle, uint64_t time)
{
	list_for_each_safe (it, &idle->queues) {
		struct idle_queue *q = list_entry(it, struct idle_queue, link);
		if (q->time == time)
			return q;
		if (list_empty(&q->looks.entries))
			queue_free(q);
	}
	struct idle_queue *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->idle = idle;
	q->time = time;
	list_init(&q->link);
	list_append(&idle->queues, &q->link);
	timeout_queue_init(&q->looks, idle->loop, MIN(time / IDLE_LOOKS, IDLE_LOOK_MAX),
		queue_look);
	return q;
}

int idle_watch(struct idle *idle, struct timeout *entry, uint64_t time)
{
	struct idle_queue *q = queue_for(idle, time);
	if (!q)
		return -ENOMEM;
	timeout_start(&q->looks, entry);
	return 0;
}
