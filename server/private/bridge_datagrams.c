/* SPDX-License-Identifier: MIT */
#include "server/private/bridge_datagrams.h"

#include <stdlib.h>

#include "server/base/worker.h"

static struct bridge_end *datagrams_of(struct flow *f)
{
	return container_of(f, struct bridge_end, flow);
}

static size_t chunk_memory(const struct bridge_chunk *c)
{
	return sizeof(*c) + c->cap;
}

static uint64_t datagrams_now(const struct bridge_end *e)
{
	return loop_now(e->worker->loop);
}

/* ---- While the other end is not there ---- */

static void chunk_free(struct bridge_end *e, struct bridge_chunk *c)
{
	e->kept -= chunk_memory(c);
	list_unlink(&c->link);
	free(c);
}

static void datagrams_expire(struct bridge_end *e)
{
	struct bridge_chunk *c;
	while ((c = list_first(&e->chunks, struct bridge_chunk, link)) &&
		datagrams_now(e) > c->since + FLOW_AGE_MAX)
		chunk_free(e, c);
}

/* The first ones come with OPEN; they are sent when the other end is there, if that is soon. */
static void datagrams_keep(struct bridge_end *e, const uint8_t *p, size_t n)
{
	datagrams_expire(e);
	if (e->kept + sizeof(struct bridge_chunk) + n > FLOW_UNSENT_MAX ||
		!stream_hold(&e->stream, e->kept + sizeof(struct bridge_chunk) + n))
		return;
	struct bridge_chunk *c = bridge_chunk_new(p, n, n);
	if (!c)
		return;
	c->since = datagrams_now(e);
	e->kept += chunk_memory(c);
	list_append(&e->chunks, &c->link);
}

static void datagrams_drop(struct bridge_end *e)
{
	while (!list_empty(&e->chunks))
		chunk_free(e, list_first(&e->chunks, struct bridge_chunk, link));
}

/* ---- To the other end ---- */

static void datagrams_post(struct bridge_end *e, const uint8_t *p, size_t n)
{
	size_t memory = sizeof(struct bridge_chunk) + n;
	if (atomic_load_explicit(&e->flying, memory_order_relaxed) + memory > FLOW_UNSENT_MAX)
		return;
	struct bridge_chunk *c = bridge_chunk_new(p, n, n);
	if (!c)
		return;
	atomic_fetch_add_explicit(&e->flying, memory, memory_order_relaxed);
	bridge_end_give(e, c);
}

static void datagrams_hand(struct bridge_end *e, const uint8_t *p, size_t n)
{
	if (!bridge_end_is_local(e))
		datagrams_post(e, p, n);
	else if (!bridge_end_other(e)->closed)
		flow_send(&bridge_end_other(e)->flow, p, n, datagrams_now(e));
}

static void datagrams_received(struct flow *f, const uint8_t *p, size_t n)
{
	struct bridge_end *e = datagrams_of(f);
	if (e->joined)
		datagrams_hand(e, p, n);
	else
		datagrams_keep(e, p, n);
}

static void datagrams_resume(struct bridge_end *e)
{
	datagrams_expire(e);
	while (!list_empty(&e->chunks)) {
		struct bridge_chunk *c = list_first(&e->chunks, struct bridge_chunk, link);
		datagrams_hand(e, c->data, c->end);
		chunk_free(e, c);
	}
	stream_hold(&e->stream, 0);
}

/* ---- From there, from another worker ---- */

static void datagrams_receive(struct bridge_end *e, struct bridge_chunk *c)
{
	atomic_fetch_sub_explicit(&bridge_end_other(e)->flying, chunk_memory(c),
		memory_order_relaxed);
	if (!e->closed)
		flow_send(&e->flow, c->data, c->end, datagrams_now(e));
	free(c);
}

static void datagrams_opening(struct flow *f, struct frame_open *open_out)
{
	bridge_end_opening(datagrams_of(f), open_out);
}

static void datagrams_closed(struct flow *f, enum frame_reset reason)
{
	bridge_end_close(datagrams_of(f), reason, false);
}

static void datagrams_reset(struct bridge_end *e, enum frame_reset reason)
{
	flow_abort(&e->flow, reason);
}

void bridge_datagrams_init(struct bridge_end *e)
{
	static const struct flow_ops flow_ops = {
		.opening = datagrams_opening,
		.received = datagrams_received,
		.closed = datagrams_closed,
	};
	static const struct bridge_end_ops ops = {
		.receive = datagrams_receive,
		.resume = datagrams_resume,
		.reset = datagrams_reset,
		.drop = datagrams_drop,
	};
	e->ops = &ops;
	flow_init(&e->flow, &flow_ops);
}
