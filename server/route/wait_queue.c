/* SPDX-License-Identifier: MIT */
#include "server/route/wait_queue.h"

#include "server/route/balance.h"
#include "server/base/worker.h"

/* Served in a turn: each opens a stream, and streams of private services may wait by the ten thousand. */
#define WAIT_QUEUE_BATCH 256

/* A guess: what goes from worker to worker is everywhere within a turn of each. */
#define WAIT_QUEUE_LOOK (10 * CLOCK_MS)

static void wait_queue_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct wait_queue *q = container_of(queue, struct wait_queue, queue);
	struct waiter *w = container_of(entry, struct waiter, timeout);
	wait_queue_remove(q, w);
	w->expired(w);
}

/* Whether there is somebody now who serves what it waits for. */
static bool wait_queue_over(const struct worker *worker, const struct waiter *w)
{
	struct route_query query = {.routes = w->routes,
		.host = w->host,
		.any = true,
		.moved = true};
	struct route_found found;
	enum route_outcome outcome = route_find(worker, &query, &found);
	return outcome == ROUTE_HERE || outcome == ROUTE_ELSEWHERE;
}

static void wait_queue_run(struct loop_task *task)
{
	struct wait_queue *q = container_of(task, struct wait_queue, wake);
	unsigned served = 0;
	/* Those who still find nothing keep their place and their deadline. */
	list_for_each_safe (it, &q->waiters) {
		struct waiter *w = list_entry(it, struct waiter, link);
		if (!wait_queue_over(q->worker, w))
			continue;
		if (served++ == WAIT_QUEUE_BATCH) {
			wait_queue_wake(q);
			return;
		}
		wait_queue_remove(q, w);
		w->served(w);
	}
}

static void wait_queue_look_fired(struct loop_timer *timer)
{
	wait_queue_wake(container_of(timer, struct wait_queue, look));
}

void wait_queue_init(struct wait_queue *q, struct worker *w)
{
	*q = (struct wait_queue){.worker = w};
	list_init(&q->waiters);
	loop_task_init(&q->wake, wait_queue_run);
	loop_timer_init(&q->look, w->loop, wait_queue_look_fired);
	timeout_queue_init(&q->queue, w->loop, w->opts->reconnect_grace, wait_queue_expired);
}

void wait_queue_deinit(struct wait_queue *q)
{
	if (!q->worker)
		return;
	loop_task_cancel(&q->wake);
	loop_timer_cancel(&q->look);
	timeout_queue_deinit(&q->queue);
}

void waiter_init(struct waiter *w, void (*served)(struct waiter *w),
	void (*expired)(struct waiter *w))
{
	*w = (struct waiter){.served = served, .expired = expired};
	list_init(&w->link);
	timeout_init(&w->timeout);
}

void wait_queue_add_counted(struct wait_queue *q, struct waiter *w, const struct routes *routes,
	struct str host)
{
	q->n++;
	w->routes = routes;
	w->host = host;
	list_append(&q->waiters, &w->link);
	timeout_start(&q->queue, &w->timeout);
}

int wait_queue_add(struct wait_queue *q, struct waiter *w, const struct routes *routes,
	struct str host, const struct address *address)
{
	const struct server_options *o = q->worker->opts;
	int r = limits_acquire(&q->worker->node->limits, LIMITS_WAITING, address,
		(unsigned)o->max_waiting, (unsigned)o->max_waiting_per_address);
	if (r < 0)
		return r;
	w->counted = true;
	w->address = *address;
	wait_queue_add_counted(q, w, routes, host);
	return 0;
}

void wait_queue_remove(struct wait_queue *q, struct waiter *w)
{
	if (!list_linked(&w->link))
		return;
	q->n--;
	if (w->counted)
		limits_release(&q->worker->node->limits, LIMITS_WAITING, &w->address);
	w->counted = false;
	list_unlink(&w->link);
	timeout_cancel(&w->timeout);
}

void wait_queue_wake(struct wait_queue *q)
{
	if (q->n)
		loop_defer(q->worker->loop, LOOP_PHASE_WRITE, &q->wake);
}

void wait_queue_look(struct wait_queue *q)
{
	if (q->look.deadline == CLOCK_NEVER)
		loop_timer_set(&q->look, loop_now(q->worker->loop) + WAIT_QUEUE_LOOK);
}
