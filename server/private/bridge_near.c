/* SPDX-License-Identifier: MIT */
#include "server/private/bridge_near.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/state.h"
#include "server/base/access_log.h"
#include "server/base/worker.h"
#include "server/private/bridge_bytes.h"
#include "server/private/bridge_datagrams.h"
#include "server/private/private_worker.h"
#include "server/route/routing.h"

#define SAY_AGAIN (60 * CLOCK_S) /* that there are as many as may be */

static struct bridge *bridge_of(struct bridge_end *e)
{
	return container_of(e, struct bridge, near);
}

void bridge_near_set_state(struct bridge *b, enum bridge_state state)
{
	static const char *const names[] = {"seeking", "waiting", "moving", "joined", "over"};
	static const uint8_t legal[] = {
		[BRIDGE_SEEKING] = 1 << BRIDGE_WAITING | 1 << BRIDGE_MOVING | 1 << BRIDGE_JOINED |
				   1 << BRIDGE_OVER,
		[BRIDGE_WAITING] = 1 << BRIDGE_SEEKING | 1 << BRIDGE_OVER,
		[BRIDGE_MOVING] = 1 << BRIDGE_SEEKING | 1 << BRIDGE_JOINED | 1 << BRIDGE_OVER,
		/* Another session is tried, once. */
		[BRIDGE_JOINED] = 1 << BRIDGE_SEEKING | 1 << BRIDGE_MOVING | 1 << BRIDGE_OVER,
		[BRIDGE_OVER] = 0,
	};
	static const struct state_table table = {"bridge", names, legal};
	state_step(&table, b->state, state);
	b->state = state;
}

static void near_log(const struct bridge *b)
{
	const struct bridge_end *e = &b->near;
	enum frame_reset reason = e->last.reason;
	/* Done, or a flow that was idle for long enough. */
	bool fine = reason == FRAME_RESET_NONE ||
		    (reason == FRAME_RESET_TIMEOUT && b->kind == CONTROL_UDP);
	char visitor[ADDRESS_TEXT_SIZE];
	struct access_entry a = {
		.visitor = {visitor, address_format_ip(&b->peer, visitor)},
		.method = STR("PRIVATE"),
		.host = str_from(b->name),
		.bytes_in = e->stream.taken,
		.bytes_out = e->stream.sent,
		.duration = loop_now(e->worker->loop) - b->began,
		.session = str_from(e->joined ? b->session : ""),
		.connection = b->connection,
		.consumer = str_from(b->consumer),
		.link = b->link_id,
		.why = fine ? NULL : frame_reset_name(reason),
		.format = (enum access_format)e->worker->opts->access_log_format,
	};
	access_log(&a);
}

static void near_left(struct bridge_end *e)
{
	struct bridge *b = bridge_of(e);
	/* In order: what the provider has not taken yet goes on, and may still be cut. */
	if (!e->last.in_order)
		attachment_use_end(&b->use);
	server_link_finished(e->server_link);
	near_log(b);
	if (b->state == BRIDGE_MOVING) {
		/* Whoever has the order opens nothing any more, and answers. */
		atomic_store(&b->deserted, true);
	} else if (!e->over && b->state != BRIDGE_JOINED) {
		loop_task_cancel(&b->seek);
		wait_queue_remove(&e->worker->routing->wait_queue, &b->waiter);
		e->over = true;
		bridge_release(b);
	}
	bridge_near_set_state(b, BRIDGE_OVER);
}

static void near_over(struct bridge_end *e)
{
	attachment_use_end(&bridge_of(e)->use);
}

/* Rule 37's manner: another session may do better, as long as nothing was said to this one. */
static bool near_again(struct bridge_end *e)
{
	struct bridge *b = bridge_of(e);
	if (e->handed)
		return false;
	e->joined = false;
	bridge_near_set_state(b, b->away ? BRIDGE_MOVING : BRIDGE_SEEKING);
	if (b->away) {
		node_post(e->worker->node, b->far.worker->index, &b->order);
	} else {
		list_unlink(&b->far.link);
		loop_defer(e->worker->loop, LOOP_PHASE_WRITE, &b->seek);
	}
	return true;
}

void bridge_near_joined(struct bridge *b)
{
	struct bridge_end *e = &b->near;
	if (e->closed) {
		bridge_end_say_last(e);
		return;
	}
	bridge_near_set_state(b, BRIDGE_JOINED);
	e->joined = true;
	e->ops->resume(e);
}

static void cut_delivered(struct mail *mail)
{
	struct bridge *b = container_of(mail, struct bridge, cut);
	bridge_end_reset(&b->far, FRAME_RESET_DENIED);
	bridge_release(b);
}

static void cut_discarded(struct mail *mail)
{
	bridge_release(container_of(mail, struct bridge, cut));
}

/* The near end has closed in order, and the far one, on another worker, does not know of the cut. */
static void near_cut_far(struct bridge *b)
{
	atomic_fetch_add_explicit(&b->holds, 1, memory_order_relaxed);
	b->cut = (struct mail){.deliver = cut_delivered, .discard = cut_discarded};
	node_post(b->near.worker->node, b->far.worker->index, &b->cut);
}

void bridge_near_cut(struct bridge *b, enum frame_reset reason)
{
	struct bridge_end *e = &b->near;
	bool joined = e->joined && !b->away;
	if (e->closed && b->use.shard && b->away)
		near_cut_far(b);
	attachment_use_end(&b->use);
	bridge_end_reset(e, reason);
	if (!joined)
		return;
	bridge_end_flush(&b->far);
	bridge_end_reset(&b->far, reason);
	bridge_end_flush(e);
	bridge_end_flush(&b->far);
}

static void near_cut(struct attachment_use *use)
{
	bridge_near_cut(container_of(use, struct bridge, use), FRAME_RESET_DENIED);
}

/* ---- A new one ---- */

static void near_log_crowded(struct worker *w, const struct attachment *a, unsigned most)
{
	char more[LOG_LIMIT_MORE];
	counter_add(&w->counts.limits[COUNTS_LIMIT_PRIVATE_IDENTITY], 1);
	if (log_limit_pass(&w->private->log_crowded, loop_now(w->loop), SAY_AGAIN, 1, more))
		log_warn("%s has %u streams to private services, the most that one consumer may "
			 "have "
			 "(--max-private-streams-per-identity): further ones are refused%s",
			a->consumer, most, more);
}

static int near_admit(struct worker *w)
{
	char more[LOG_LIMIT_MORE];
	unsigned most = (unsigned)w->opts->max_private_streams;
	int r = limits_acquire(&w->node->limits, LIMITS_BRIDGES, NULL, most, 0);
	if (r == -EBUSY &&
		log_limit_pass(&w->private->log_full, loop_now(w->loop), SAY_AGAIN, 1, more))
		log_warn("there are %u streams of private services, the most that there may be "
			 "(--max-private-streams): further ones are refused%s",
			most, more);
	return r;
}

static int near_use(struct bridge *b, struct attachment_shard *shard, struct worker *w)
{
	unsigned most = (unsigned)w->opts->max_private_streams_per_identity;
	int r = attachment_use_begin(shard, &b->use, near_cut, most);
	if (r < 0)
		near_log_crowded(w, shard->attachment, most);
	return r;
}

static void near_copy(struct bridge *b, const struct attachment *a, const struct address *peer)
{
	b->kind = a->kind;
	b->link_id = a->link;
	memcpy(b->consumer, a->consumer, sizeof(b->consumer));
	memcpy(b->name, a->service, sizeof(b->name));
	b->peer = *peer;
}

int bridge_near_new(struct server_link *l, struct attachment_shard *shard,
	void (*seek)(struct loop_task *task), const struct mail *order, struct bridge **out)
{
	static const struct bridge_side_ops side = {
		.left = near_left,
		.over = near_over,
		.again = near_again,
	};
	struct worker *w = l->worker;
	int r = near_admit(w);
	if (r < 0)
		return r;
	struct bridge *b = calloc(1, sizeof(*b));
	r = b ? near_use(b, shard, w) : -ENOMEM;
	if (r < 0) {
		limits_release(&w->node->limits, LIMITS_BRIDGES, NULL);
		free(b);
		return r;
	}
	near_copy(b, shard->attachment, &l->peer);
	atomic_init(&b->holds, 2);
	b->counted = true;
	b->began = loop_now(w->loop);
	b->connection = log_new_connection();
	bridge_end_init(&b->near, b, &side, w);
	bridge_end_init(&b->far, b, NULL, w);
	if (b->kind == CONTROL_UDP)
		bridge_datagrams_init(&b->near);
	else
		bridge_bytes_init(&b->near);
	b->near.stream.group = b->link_id;
	b->near.server_link = l;
	list_append(&w->private->near, &b->near.link);
	server_link_began(l);
	b->order = *order;
	loop_task_init(&b->seek, seek);
	loop_defer(w->loop, LOOP_PHASE_WRITE, &b->seek);
	*out = b;
	return 0;
}
