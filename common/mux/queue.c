/* SPDX-License-Identifier: MIT */
/* What a stream holds of its peer's bytes until its owner takes them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "mux/mux_internal.h"

#define CHUNK_MIN 1024 /* bytes; peers that send single bytes must not cost a header for each */
int stream_queue(struct stream *s, const uint8_t *p, size_t n)
{
	struct chunk *last =
		list_empty(&s->queue) ? NULL : list_entry(s->queue.prev, struct chunk, link);
	if (last) {
		size_t fit = MIN(n, last->cap - last->end);
		memcpy(last->data + last->end, p, fit);
		last->end += fit;
		s->queued += fit;
		p += fit;
		n -= fit;
	}
	if (!n)
		return 0;
	if (!s->stalled_from)
		s->stalled_from = s->mux->last_now;
	size_t cap = MAX(CHUNK_MIN, n);
	struct chunk *c = malloc(sizeof(*c) + cap);
	if (!c)
		return -ENOMEM;
	list_init(&c->link);
	c->start = 0;
	c->end = n;
	c->cap = cap;
	memcpy(c->data, p, n);
	list_append(&s->queue, &c->link);
	s->queued += n;
	s->queue_memory += sizeof(*c) + cap;
	return 0;
}

void stream_look(const struct stream *s, void (*see)(void *arg, const uint8_t *p, size_t n),
	void *arg)
{
	list_for_each (it, &s->queue) {
		const struct chunk *c = list_entry(it, struct chunk, link);
		see(arg, c->data + c->start, c->end - c->start);
	}
}

void stream_free_chunk(struct stream *s, struct chunk *c)
{
	s->queue_memory -= sizeof(*c) + c->cap;
	list_unlink(&c->link);
	free(c);
}

void stream_discard(struct stream *s)
{
	list_for_each_safe (it, &s->queue)
		stream_free_chunk(s, list_entry(it, struct chunk, link));
	s->queued = 0;
	stream_promise(s, 0);
	budget_release(&s->mux->account, s->charged);
	s->charged = 0;
}
