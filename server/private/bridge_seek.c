/* SPDX-License-Identifier: MIT */
#include "server/private/bridge_seek.h"

#include "server/base/worker.h"
#include "server/private/bridge_far.h"
#include "server/private/bridge_near.h"
#include "server/route/balance.h"

/* From worker to worker, before it goes home and rests there: what one believes of another may be out of date. */
#define BRIDGE_MOVES_MAX 4

/* Whether the order is where the near end is. */
static bool is_home(const struct bridge *b)
{
	return b->far.worker == b->near.worker;
}

/* There will be no far end. */
static void bridge_give_up(struct bridge *b, enum frame_reset reason)
{
	if (!is_home(b)) {
		b->far.last = (struct bridge_last){.reason = reason, .unopened = true};
		bridge_end_say_last(&b->far);
		return;
	}
	bridge_end_over(&b->near);
	bridge_release(b); /* the far end's; the near end's goes in REAP */
	bridge_end_reset(&b->near, reason);
}

static void bridge_send(struct bridge *b, unsigned worker)
{
	struct node *n = b->far.worker->node;
	if (is_home(b)) {
		bridge_near_set_state(b, BRIDGE_MOVING);
		b->away = true;
	}
	b->far.worker = n->workers[worker];
	node_post(n, worker, &b->order);
}

/*
 * At home. That a session is there goes from worker to worker, and so does that it is not: where one was said to be
 * in vain, only its own worker hears of more, so this one looks again by itself. All of that within one grace.
 */
static void bridge_wait(struct bridge *b)
{
	struct worker *w = b->near.worker;
	struct routing *r = w->routing;
	bool late = loop_now(w->loop) - b->began >= w->opts->reconnect_grace;
	if (b->moves && (late || w->draining)) {
		bridge_give_up(b, FRAME_RESET_UNREACHABLE);
		return;
	}
	bridge_near_set_state(b, BRIDGE_WAITING);
	wait_queue_add_counted(&r->wait_queue, &b->waiter, &r->privates, str_from(b->name));
	if (b->moves)
		wait_queue_look(&r->wait_queue);
	b->moves = 0;
}

/* Who was tried in vain waits for nobody. */
static void bridge_find_none(struct bridge *b, bool may_wait)
{
	if (b->failed)
		bridge_give_up(b, b->failure);
	else if (!may_wait)
		bridge_give_up(b, FRAME_RESET_UNREACHABLE);
	else if (is_home(b))
		bridge_wait(b);
	else
		bridge_send(b, b->near.worker->index);
}

static void bridge_move(struct bridge *b, unsigned worker)
{
	if (b->moves++ < BRIDGE_MOVES_MAX)
		bridge_send(b, worker);
	else
		bridge_find_none(b, true);
}

static void bridge_seek(struct bridge *b)
{
	struct worker *w = b->far.worker;
	struct route_query query = {
		.routes = &w->routing->privates,
		.host = str_from(b->name),
		.kind = b->kind,
		.exclude = b->failed ? &b->failed->shards[w->index] : NULL,
		.moved =
			true, /* to share load is no reason: what goes to another worker costs more */
	};
	struct route_found found;
	switch (route_find(w, &query, &found)) {
	case ROUTE_HERE:
		if (bridge_far_open(b, found.shard) < 0)
			bridge_give_up(b, FRAME_RESET_BUSY);
		break;
	case ROUTE_ELSEWHERE:
		bridge_move(b, found.worker);
		break;
	case ROUTE_WAIT:
		bridge_find_none(b, true);
		break;
	case ROUTE_NONE:
		bridge_find_none(b, false);
		break;
	}
}

static void seek_run(struct loop_task *task)
{
	bridge_seek(container_of(task, struct bridge, seek));
}

static void order_delivered(struct mail *mail)
{
	struct bridge *b = container_of(mail, struct bridge, order);
	list_unlink(&b->far.link); /* of a far end that failed here */
	if (is_home(b)) {
		b->away = false;
		if (!b->near.closed)
			bridge_near_set_state(b, BRIDGE_SEEKING);
	}
	if (atomic_load(&b->deserted))
		bridge_give_up(b, FRAME_RESET_CANCELLED);
	else
		bridge_seek(b);
}

/* The near end has closed by now. */
static void order_discarded(struct mail *mail)
{
	struct bridge *b = container_of(mail, struct bridge, order);
	bridge_release(b);
	bridge_end_forget(&b->near);
}

static void bridge_served(struct waiter *waiter)
{
	struct bridge *b = container_of(waiter, struct bridge, waiter);
	bridge_near_set_state(b, BRIDGE_SEEKING);
	bridge_seek(b);
}

static void bridge_waited_in_vain(struct waiter *waiter)
{
	bridge_give_up(container_of(waiter, struct bridge, waiter), FRAME_RESET_UNREACHABLE);
}

int bridge_begin(struct server_link *l, struct attachment_shard *shard, struct bridge **out)
{
	static const struct mail order = {.deliver = order_delivered, .discard = order_discarded};
	struct bridge *b;
	int r = bridge_near_new(l, shard, seek_run, &order, &b);
	if (r < 0)
		return r;
	waiter_init(&b->waiter, bridge_served, bridge_waited_in_vain);
	*out = b;
	return 0;
}
