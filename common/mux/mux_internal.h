/* SPDX-License-Identifier: MIT */
#pragma once
/* Shared by the files of common/mux, and by no others. */
#include "mux/mux.h"

/* A piece of a stream's queue; `end` of `cap` bytes are filled, those before `start` were taken. */
struct chunk {
	struct list link; /* stream::queue */
	size_t start, end, cap;
	uint8_t data[];
};

/*
 * table.c: the open streams of a mux by id. What runs for each frame stands here, to be inlined: it is 3 %
 * of a request in this room.
 */
static inline uint64_t mux_id_hash(const struct mux *m, uint32_t id)
{
	uint64_t hash = id * m->hash_key;
	hash = (hash ^ hash >> 32) * m->hash_key;
	return hash >> 32; /* the upper bits are the good ones */
}

static inline struct stream *mux_find(const struct mux *m, uint32_t id)
{
	/* Ids are compared as cheaply as hashes. */
	struct table_node *node = table_bucket(&m->table, mux_id_hash(m, id));
	while (node && table_entry(node, struct stream, node)->id != id)
		node = node->next;
	return node ? table_entry(node, struct stream, node) : NULL;
}

int mux_enter(struct mux *m, struct stream *s); /* s->id is set; 0 or -ENOMEM */
void mux_leave(struct mux *m, struct stream *s);

/* stream.c */
void stream_attach(struct stream *s, struct mux *m, uint32_t credit);
void stream_set_state(struct stream *s, enum stream_state state);
/* Takes the stream out of its mux; the owner hears closed() if `tell`. */
void stream_close(struct stream *s, bool tell, enum frame_reset reason, uint64_t taken);
/* Like stream_reset(), for reasons that the owner does not know yet: it hears closed(). */
void stream_reset_told(struct stream *s, enum frame_reset reason);
/* Enters or leaves the ring as readiness and credit have it. */
static inline void stream_schedule(struct stream *s)
{
	if (s->ready && (s->credit || s->open_waiting || s->datagrams)) {
		if (!list_linked(&s->ring))
			list_append(&s->mux->ready, &s->ring);
	} else {
		s->deficit = 0;
		s->overdue = false;
		list_unlink(&s->ring);
	}
}

void stream_end_remote(
	struct stream *s); /* delivers the peer's FIN, everything before it being taken */

/*
 * Bytes for stream::counts, which is there. Apart from the test, so that streams that nobody counts pay two
 * instructions.
 */
void stream_counts_sent(const struct stream *s, uint64_t n);
void stream_counts_taken(const struct stream *s, uint64_t n);

static inline void stream_count_sent(struct stream *s, uint64_t n)
{
	s->sent += n;
	if (__builtin_expect(s->counts != NULL, 0))
		stream_counts_sent(s, n);
}
static inline void stream_count_taken(const struct stream *s, uint64_t n)
{
	if (__builtin_expect(s->counts != NULL, 0))
		stream_counts_taken(s, n);
}

/* What the budget is promised for a stream beyond what it is charged with. */
static inline void stream_promise(struct stream *s, size_t n)
{
	if (n != s->promised)
		budget_promise(&s->mux->account, s->promised, n);
	s->promised = (uint32_t)n;
}

/* queue.c */
int stream_queue(struct stream *s, const uint8_t *p, size_t n); /* 0 or -ENOMEM */
void stream_free_chunk(struct stream *s, struct chunk *c);
void stream_discard(struct stream *s); /* forgets what is queued and the credit given */

/* window.c: what the peer may send us. */
int stream_receive(struct stream *s, const uint8_t *p,
	size_t n);                     /* DATA within credit; 0, -ENOMEM */
void stream_drain(struct stream *s);   /* offers what is queued */
void stream_ungrant(struct stream *s); /* FIN came: takes back the credit given */

/* relief.c */
void mux_relieve(struct budget_account *account); /* budget_account::relieve */

/* frames.c: a frame that goes before all data. -ENOBUFS when the peer reads nothing, or -ENOMEM. */
int mux_queue(struct mux *m, const void *frame, size_t n);
/* The same for a RESET, which may not get lost: where it fails, mux::violation is set. */
void mux_send_reset(struct mux *m, uint32_t id, enum frame_reset reason, uint64_t taken);
void mux_note_rtt(struct mux *m, uint64_t rtt);
