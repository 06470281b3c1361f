/* SPDX-License-Identifier: MIT */
/* Owners of streams that cost next to nothing, and the loops that the mux and link cases share. */
#include "flow.h"

#include <errno.h>

#include "base/macros.h"
#include "case.h"

const struct mux_limits flows_limits = {
	.base_window = MUX_BASE_WINDOW,
	.max_window = MUX_MAX_WINDOW,
	.max_streams = 1000,
};

static struct flow *flow_of(struct stream *s)
{
	return container_of(s, struct flow, stream);
}

static void on_opening(struct stream *s, struct frame_open *open_out)
{
	open_out->kind = FRAME_KIND_HTTP;
	open_out->service = flow_of(s)->number;
	open_out->visitor = (struct frame_addr){.family = 4, .port = 50000, .ip = {203, 0, 113, 7}};
	open_out->local = (struct frame_addr){.family = 4, .port = 443, .ip = {192, 0, 2, 1}};
}

static ssize_t on_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct flow *f = flow_of(s);
	size_t n = MIN(max, f->give);
	f->give -= n;
	if (n)
		return (ssize_t)n;
	return f->end ? 0 : -EAGAIN;
}

static size_t on_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct flow *f = flow_of(s);
	f->got += n;
	if (f->answer && f->got >= SMALL) {
		f->got -= SMALL;
		f->give += f->answer;
		stream_ready(s);
	}
	return n;
}

static void on_push_end(struct stream *s)
{
	flow_of(s)->end = true;
	stream_ready(s);
}

static void on_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	flow_of(s)->closed = true;
}

static const struct stream_ops ops = {
	.opening = on_opening,
	.pull = on_pull,
	.push = on_push,
	.push_end = on_push_end,
	.closed = on_closed,
};

static void flow_init(struct flow *f, uint32_t number)
{
	stream_init(&f->stream, &ops);
	f->number = number;
	f->give = f->answer = f->got = 0;
	f->end = f->closed = false;
}

static void flow_give(struct flow *f, size_t n)
{
	f->give += n;
	stream_ready(&f->stream);
}

struct stream *flows_accept(struct flows *f, const struct frame_open *open)
{
	count_expect(open->service < FLOWS, "a stream of nobody was opened");
	struct flow *a = &f->answering[open->service];
	flow_init(a, open->service);
	a->answer = ANSWER;
	return &a->stream;
}

static void flows_run(struct flows *f)
{
	while (f->turn())
		;
}

static bool flow_open(struct flows *f, uint32_t number)
{
	flow_init(&f->asking[number], number);
	return mux_open(f->asker, &f->asking[number].stream) == 0;
}

void flows_open(struct flows *f, size_t streams)
{
	for (uint32_t i = 0; i < streams; i++)
		count_expect(flow_open(f, i), "a stream could not be opened");
	flows_run(f);
}

static size_t carry(struct flows *f, struct flow *from, struct flow *to, size_t n)
{
	flow_give(from, n * MIB);
	flows_run(f);
	size_t done = to->got / MIB;
	to->got -= done * MIB;
	return done;
}

size_t flows_upload(struct flows *f, size_t n)
{
	f->answering[0].answer = 0;
	return carry(f, &f->asking[0], &f->answering[0], n);
}

size_t flows_download(struct flows *f, size_t n)
{
	return carry(f, &f->answering[0], &f->asking[0], n);
}

size_t flows_requests(struct flows *f, size_t streams, size_t n)
{
	size_t done = 0;
	while (done < n) {
		for (size_t i = 0; i < streams; i++)
			flow_give(&f->asking[i], SMALL);
		flows_run(f);
		for (size_t i = 0; i < streams; i++, done++) {
			if (f->asking[i].got != ANSWER)
				return done;
			f->asking[i].got = 0;
		}
	}
	return done;
}

size_t flows_short(struct flows *f, size_t n)
{
	size_t done = 0;
	while (done < n) {
		for (uint32_t i = 0; i < FLOWS; i++) {
			if (!flow_open(f, i))
				return done;
			f->asking[i].end = true;
			flow_give(&f->asking[i], SMALL);
		}
		flows_run(f);
		for (size_t i = 0; i < FLOWS; i++, done++)
			if (f->asking[i].got != ANSWER || !f->asking[i].closed ||
				!f->answering[i].closed)
				return done;
	}
	return done;
}
