/* SPDX-License-Identifier: MIT */
/*
 * The mux fed with any frames, as either end, by an authenticated peer that means harm. First byte:
 * bit 0 the role, bit 1 a small budget; then records, each behind two bytes: its length, and what
 * the owner does after it. What is claimed: no callback runs on a closed stream, what is filled is
 * whole frames, and when all is over nothing is charged and nothing is held. Streams of kind udp are
 * streams of datagrams.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "mux/mux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define STREAMS 64

struct owned {
	struct stream stream;
	bool closed, ended;
};

static struct {
	struct mux mux;
	struct budget budget;
	struct owned streams[STREAMS];
	size_t n;
	uint32_t random;
} f;

static uint32_t draw(uint32_t n)
{
	f.random = f.random * 1664525 + 1013904223;
	return (f.random >> 8) % n;
}

static struct owned *owned(struct stream *s)
{
	struct owned *o = container_of(s, struct owned, stream);
	CLAIM(!o->closed);
	return o;
}

static void on_opening(struct stream *s, struct frame_open *open_out)
{
	owned(s);
	open_out->kind = FRAME_KIND_TCP;
}

static ssize_t on_pull(struct stream *s, uint8_t *room, size_t max)
{
	owned(s);
	size_t n = draw(8) ? draw(600) : max;
	memset(room, 'x', MIN(n, max));
	switch (draw(8)) {
	case 0:
		return 0;
	case 4:
		return s->datagrams ? -EMSGSIZE : -EAGAIN;
	case 5:
		stream_hold(s, n);
		return -EAGAIN;
	case 1:
		return -ECONNRESET;
	case 2:
	case 3:
		return MAX(MIN(n, max), 1);
	default:
		return -EAGAIN;
	}
}

static size_t on_push(struct stream *s, const uint8_t *p, size_t n)
{
	CLAIM(!owned(s)->ended && (n > 0 || s->datagrams));
	volatile uint8_t last = n ? p[n - 1] : 0; /* under ASan: all of it is there */
	(void)last;
	uint32_t what = draw(32);
	if (what == 0) {
		stream_reset(s, FRAME_RESET_PROTOCOL);
		owned(s)->closed = true;
	} else if (what == 1) {
		mux_close(&f.mux, FRAME_RESET_LINK_LOST);
	} else if (what == 2) {
		stream_resume(&f.streams[draw((uint32_t)f.n)].stream);
	}
	return what < 16 ? n : draw((uint32_t)n + 1);
}

static void on_push_end(struct stream *s)
{
	struct owned *o = owned(s);
	CLAIM(!o->ended && !s->datagrams);
	o->ended = true;
}

static void on_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct owned *o = owned(s);
	CLAIM(reason != FRAME_RESET_NONE || o->ended || s->remote);
	o->closed = true;
}

static const struct stream_ops stream_ops = {
	.opening = on_opening,
	.pull = on_pull,
	.push = on_push,
	.push_end = on_push_end,
	.closed = on_closed,
};

static struct owned *owned_new(void)
{
	if (f.n == STREAMS)
		return NULL;
	struct owned *o = &f.streams[f.n++];
	*o = (struct owned){0};
	stream_init(&o->stream, &stream_ops);
	return o;
}

static struct stream *on_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct owned *o = draw(8) ? owned_new() : NULL;
	*reason_out = FRAME_RESET_REFUSED;
	if (o)
		o->stream.datagrams = open->kind == FRAME_KIND_UDP;
	return o ? &o->stream : NULL;
}

static void on_control(struct mux *m, const uint8_t *json, size_t n)
{
	if (!draw(64))
		mux_close(m, FRAME_RESET_LINK_LOST);
}

static void on_goaway(struct mux *m, uint8_t reason)
{
}

static void on_wake(struct mux *m)
{
}

static const struct mux_ops mux_ops = {
	.open = on_open,
	.control = on_control,
	.goaway = on_goaway,
	.wake = on_wake,
};

static void fill(uint64_t now)
{
	static uint8_t room[FRAME_MESSAGE_MAX];
	size_t max = draw(2) ? sizeof(room) : MUX_FILL_MIN + draw(5000);
	size_t n = mux_fill(&f.mux, room, max, now);
	CLAIM(n <= max);
	for (size_t at = 0; at < n && !f.mux.closed;) {
		struct frame frame;
		CLAIM(frame_read_header(room + at, n - at, &frame) == 0);
		at += FRAME_HEADER + frame.size;
	}
}

/* Something that an owner does between two records. */
static void act(uint8_t what, uint64_t now)
{
	struct owned *o = f.n ? &f.streams[draw((uint32_t)f.n)] : NULL;
	if (what & 1)
		fill(now);
	if (what & 2)
		mux_tick(&f.mux, now);
	if (what & 4)
		mux_ping(&f.mux, now);
	if (o && what & 8)
		stream_resume(&o->stream);
	if (o && what & 16)
		stream_ready(&o->stream);
	if (o && what & 32) {
		bool alive = stream_alive(&o->stream);
		stream_reset(&o->stream, FRAME_RESET_TIMEOUT);
		o->closed |= alive;
	}
	if (what & 64 && mux_may_open(&f.mux) && (o = owned_new())) {
		o->stream.datagrams = what & 16;
		CLAIM(mux_open(&f.mux, &o->stream) == 0);
	}
	if ((what & 192) == 192)
		mux_goaway(&f.mux, FRAME_GOAWAY_SHUTDOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mux_limits limits = {.base_window = 1000,
		.max_window = 8000,
		.max_streams = 20};
	if (size < 1)
		return 0;
	f.n = 0;
	f.random = (uint32_t)size;
	budget_init(&f.budget, data[0] & 2 ? 5000 : (size_t)1 << 20);
	mux_init(&f.mux, &mux_ops, &limits, &f.budget, data[0] & 1);
	mux_set_peer(&f.mux, 3000, 20);

	uint64_t now = CLOCK_S;
	for (size_t at = 1; at + 2 <= size && !f.mux.closed;) {
		size_t n = MIN(data[at] * 4u, size - at - 2);
		uint8_t *exact = malloc(MAX(n, 1));
		CLAIM(exact);
		memcpy(exact, data + at + 2, n);
		int r = mux_input(&f.mux, exact, n, now);
		free(exact);
		CLAIM(r == 0 || f.mux.violation || f.mux.closed);
		if (r < 0)
			break;
		act(data[at + 1], now);
		now += data[at + 1] * CLOCK_MS;
		at += 2 + n;
	}
	mux_close(&f.mux, FRAME_RESET_LINK_LOST);
	for (size_t i = 0; i < f.n; i++)
		CLAIM(f.streams[i].closed);
	CLAIM(f.budget.sum.held + f.budget.sum.promised == 0);
	mux_deinit(&f.mux);
	return 0;
}
