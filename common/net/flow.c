/* SPDX-License-Identifier: MIT */
#include "net/flow.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "mux/mux.h"

/* Before each datagram in the queue; copied in and out, since nothing is aligned there. */
struct waiting {
	uint64_t since; /* µs */
	size_t size;
};

static struct flow *flow_of(struct stream *s)
{
	return container_of(s, struct flow, stream);
}

static struct waiting flow_first(const struct flow *f)
{
	struct waiting w;
	memcpy(&w, buf_head(&f->queue), sizeof w);
	return w;
}

static void flow_take(struct flow *f, const struct waiting *w)
{
	buf_consume(&f->queue, sizeof *w + w->size);
}

static void flow_expire(struct flow *f, uint64_t now)
{
	while (buf_len(&f->queue)) {
		struct waiting w = flow_first(f);
		uint64_t since = MAX(w.since, f->began);
		if (now <= since || now - since <= FLOW_AGE_MAX)
			return;
		flow_take(f, &w);
		f->dropped++;
	}
}

static void on_opening(struct stream *s, struct frame_open *open_out)
{
	struct flow *f = flow_of(s);
	open_out->kind = FRAME_KIND_UDP;
	f->ops->opening(f, open_out);
}

static ssize_t on_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct flow *f = flow_of(s);
	ssize_t r = -EAGAIN;
	flow_expire(f, s->mux->last_now);
	if (buf_len(&f->queue)) {
		struct waiting w = flow_first(f);
		if (w.size > max)
			return -EMSGSIZE;
		memcpy(room, buf_head(&f->queue) + sizeof w, w.size);
		flow_take(f, &w);
		f->sent++;
		r = (ssize_t)w.size;
	}
	stream_hold(s, buf_len(&f->queue));
	if (!buf_len(&f->queue) && f->queue.cap > FLOW_KEEP)
		buf_deinit(&f->queue);
	return r;
}

static size_t on_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct flow *f = flow_of(s);
	f->moved = s->mux->last_now;
	f->received++;
	f->ops->received(f, p, n);
	return n;
}

static void on_lost(struct stream *s)
{
	struct flow *f = flow_of(s);
	f->moved = s->mux->last_now;
	if (f->ops->lost)
		f->ops->lost(f);
}

/* How many bytes were written is of no use to whoever sent datagrams. */
static void on_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct flow *f = flow_of(s);
	buf_deinit(&f->queue);
	f->ops->closed(f, reason);
}

void flow_init(struct flow *f, const struct flow_ops *ops)
{
	/* No push_end(): without FIN there is no end. */
	static const struct stream_ops stream_ops = {
		.opening = on_opening,
		.pull = on_pull,
		.push = on_push,
		.lost = on_lost,
		.closed = on_closed,
	};
	*f = (struct flow){.ops = ops, .max = FRAME_DATAGRAM_MAX};
	stream_init(&f->stream, &stream_ops);
	f->stream.datagrams = true;
}

/* Whether there is room for one more of `n` bytes, also in the budget, and memory for it. */
static bool flow_fits(struct flow *f, size_t n)
{
	size_t held = buf_len(&f->queue) + sizeof(struct waiting) + n;
	if (n > f->max || held > FLOW_UNSENT_MAX)
		return false;
	return stream_hold(&f->stream, held) &&
	       buf_reserve(&f->queue, sizeof(struct waiting) + n) == 0;
}

void flow_send(struct flow *f, const void *p, size_t n, uint64_t now)
{
	f->moved = now;
	flow_expire(f, now);
	if (!flow_fits(f, n)) {
		f->dropped++;
		return;
	}
	struct waiting w = {.since = now, .size = n};
	buf_append(&f->queue, &w, sizeof w);
	buf_append(&f->queue, p, n);
	stream_ready(&f->stream);
}

void flow_abort(struct flow *f, enum frame_reset reason)
{
	stream_reset(&f->stream, reason);
	buf_deinit(&f->queue);
}
