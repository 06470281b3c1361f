/* SPDX-License-Identifier: MIT */
#include "server/private/bridge_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

#define CHUNK_MIN   1024 /* bytes: of peers that send single ones, not each of them costs a chunk */
#define CHUNK_WORTH 4096u /* bytes: for fewer it is not worth while, when more are there */

static struct bridge_end *bytes_of(struct stream *s)
{
	return container_of(s, struct bridge_end, stream);
}

static size_t chunk_memory(const struct bridge_chunk *c)
{
	return sizeof(*c) + c->cap;
}

static void chunk_free(struct bridge_end *e, struct bridge_chunk *c)
{
	e->kept -= chunk_memory(c);
	list_unlink(&c->link);
	free(c);
}

/* ---- To the other end ---- */

/* Behind what waits there, where it has room. Only on one worker. */
static bool bytes_append(struct bridge_end *to, const uint8_t *p, size_t n)
{
	if (list_empty(&to->chunks))
		return false;
	struct bridge_chunk *c = list_entry(to->chunks.prev, struct bridge_chunk, link);
	if (c->cap - c->end < n)
		return false;
	memcpy(c->data + c->end, p, n);
	c->end += n;
	return true;
}

/* False: memory is out. */
static bool bytes_hand(struct bridge_end *e, const uint8_t *p, size_t n)
{
	bool local = bridge_end_is_local(e);
	e->handed = true;
	e->owed += n;
	if (local && bytes_append(bridge_end_other(e), p, n))
		return true;
	struct bridge_chunk *c = bridge_chunk_new(p, n, local ? MAX(n, CHUNK_MIN) : n);
	if (!c)
		return false;
	e->owed += sizeof(*c);
	bridge_end_give(e, c);
	return true;
}

static size_t bytes_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct bridge_end *e = bytes_of(s);
	size_t used = e->owed + sizeof(struct bridge_chunk);
	size_t room = e->joined && used < BRIDGE_OWED_MAX ? BRIDGE_OWED_MAX - used : 0;
	/* So much is owed by then that the other end tells when it has taken it. */
	if (room < MIN(n, CHUNK_WORTH))
		return 0;
	n = MIN(n, room);
	if (bytes_hand(e, p, n))
		return n;
	bridge_end_reset(e, FRAME_RESET_NO_MEMORY);
	return 0;
}

static void bytes_push_end(struct stream *s)
{
	struct bridge_end *e = bytes_of(s);
	e->finished = true;
	if (e->joined)
		bridge_end_finish(e);
}

static void bytes_resume(struct bridge_end *e)
{
	if (e->finished && !e->handed)
		bridge_end_finish(e);
	else
		stream_resume(&e->stream);
}

/* ---- From there ---- */

static void bytes_receive(struct bridge_end *e, struct bridge_chunk *c)
{
	if (e->closed) {
		free(c);
		return;
	}
	size_t kept = e->kept;
	e->kept += chunk_memory(c);
	list_append(&e->chunks, &c->link);
	stream_ready(&e->stream);
	/* Last, as it may end the stream. */
	stream_charge(&e->stream, kept, e->kept);
}

static size_t bytes_fill(struct bridge_end *e, uint8_t *room, size_t max)
{
	size_t n = 0;
	while (n < max && !list_empty(&e->chunks)) {
		struct bridge_chunk *c = list_first(&e->chunks, struct bridge_chunk, link);
		size_t take = MIN(max - n, c->end - c->start);
		memcpy(room + n, c->data + c->start, take);
		c->start += take;
		n += take;
		if (c->start < c->end)
			break;
		e->untold += sizeof(*c);
		chunk_free(e, c);
	}
	return n;
}

static ssize_t bytes_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct bridge_end *e = bytes_of(s);
	size_t kept = e->kept, n = bytes_fill(e, room, max);
	if (!n && e->ended)
		e->fin = true;
	if (!n)
		return e->ended ? 0 : -EAGAIN;
	if (e->kept < kept)
		stream_charge(s, kept, e->kept);
	e->untold += n;
	if (e->untold >= BRIDGE_OWED_MAX / 2) {
		bridge_end_took(e, e->untold);
		e->untold = 0;
	}
	return (ssize_t)n;
}

static void bytes_opening(struct stream *s, struct frame_open *open_out)
{
	bridge_end_opening(bytes_of(s), open_out);
}

static void bytes_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct bridge_end *e = bytes_of(s);
	bridge_end_close(e, reason, reason == FRAME_RESET_NONE && e->fin && e->finished);
}

static void bytes_reset(struct bridge_end *e, enum frame_reset reason)
{
	stream_reset(&e->stream, reason);
}

static void bytes_drop(struct bridge_end *e)
{
	while (!list_empty(&e->chunks))
		chunk_free(e, list_first(&e->chunks, struct bridge_chunk, link));
}

void bridge_bytes_init(struct bridge_end *e)
{
	static const struct stream_ops stream_ops = {
		.opening = bytes_opening,
		.pull = bytes_pull,
		.push = bytes_push,
		.push_end = bytes_push_end,
		.closed = bytes_closed,
	};
	static const struct bridge_end_ops ops = {
		.receive = bytes_receive,
		.resume = bytes_resume,
		.reset = bytes_reset,
		.drop = bytes_drop,
	};
	e->ops = &ops;
	stream_init(&e->stream, &stream_ops);
}
