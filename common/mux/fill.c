/*
 * Whose turn it is: fills a record with whole frames.
 *
 * Link-level frames go first, then credit, because both free memory at the peer; then streams by
 * deficit round robin. A stream at the head of the ring keeps its place until its quantum is used,
 * also across records, so that a record's end does not cost it its share. Alone, it takes the
 * record.
 */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "mux/internal.h"

struct room {
	uint8_t *p, *end;
};

static size_t room_left(const struct room *r)
{
	return (size_t)(r->end - r->p);
}

static void fill_pings(struct mux *m, struct room *r, uint64_t now)
{
	if (m->pong_waiting) {
		r->p += frame_write_pong(r->p, m->pong);
		m->pong_waiting = false;
	}
	if (m->ping_waiting) {
		bytes_set_be64(m->ping, ++m->n_pings);
		r->p += frame_write_ping(r->p, m->ping);
		m->ping_waiting = false;
		m->ping_sent = now;
	}
}

/* Whole frames only; one that does not fit opens the next record. */
static void fill_frames(struct mux *m, struct room *r)
{
	while (buf_len(&m->frames)) {
		struct frame f;
		frame_read_header(buf_head(&m->frames), buf_len(&m->frames), &f);
		size_t n = FRAME_HEADER + f.size;
		if (n > room_left(r))
			return;
		memcpy(r->p, buf_head(&m->frames), n);
		r->p += n;
		buf_consume(&m->frames, n);
	}
}

static void fill_credit(struct mux *m, struct room *r)
{
	while (!list_empty(&m->urgent) && room_left(r) >= FRAME_SMALL_MAX) {
		struct stream *s = list_entry(m->urgent.next, struct stream, urgent);
		r->p += frame_write_window(r->p, s->id, s->increment);
		s->increment = 0;
		list_unlink(&s->urgent);
	}
}

static bool fill_open(struct mux *m, struct stream *s, struct room *r)
{
	s->id = m->next_id;
	m->next_id += 2;
	/* Before the ids are used up a new link takes over; this one finishes what it has (rule 19). */
	if (mux_ids_low(m))
		mux_goaway(m, FRAME_GOAWAY_IDS);
	s->open_waiting = false;
	if (mux_enter(m, s) < 0) {
		stream_close(s, true, FRAME_RESET_NO_MEMORY, 0);
		return false;
	}
	struct frame_open open = {0};
	s->ops->opening(s, &open);
	r->p += frame_write_open(r->p, s->id, &open);
	return true;
}

/* Our data ends here. */
static void fill_fin(struct stream *s, struct room *r)
{
	r->p += frame_write_fin(r->p, s->id, s->taken);
	s->ready = false;
	stream_schedule(s);
	if (s->state == STREAM_HALF_REMOTE)
		stream_close(s, true, FRAME_RESET_NONE, s->peer_taken);
	else
		stream_set_state(s, STREAM_HALF_LOCAL);
}

/* One turn of the stream at the head of the ring. */
static void fill_stream(struct mux *m, struct stream *s, struct room *r)
{
	if (s->open_waiting && !fill_open(m, s, r))
		return;
	bool alone = m->ready.next == m->ready.prev;
	if (!s->deficit)
		s->deficit = MUX_QUANTUM;
	size_t max = MIN(room_left(r) - FRAME_HEADER, s->credit);
	if (!alone)
		max = MIN(max, s->deficit);
	ssize_t n = max ? s->ops->pull(s, r->p + FRAME_HEADER, max) : -EAGAIN;
	if (!stream_alive(s))
		return; /* the link was closed in there, or memory was out */
	if (n > 0) {
		frame_write_header(r->p, FRAME_DATA, (size_t)n, s->id);
		r->p += FRAME_HEADER + (size_t)n;
		s->sent += (uint64_t)n;
		s->credit -= (uint32_t)n;
		s->deficit -= (uint32_t)MIN((size_t)n, s->deficit);
		if (!s->credit) {
			stream_schedule(s);
		} else if (!s->deficit) {
			list_unlink(&s->ring);
			list_append(&m->ready, &s->ring);
		}
	} else if (n == 0) {
		fill_fin(s, r);
	} else if (n == -EAGAIN) {
		if (max)
			s->ready = false;
		stream_schedule(s);
	} else {
		stream_reset_told(s, FRAME_RESET_ABORTED);
	}
}

size_t mux_fill(struct mux *m, uint8_t *room, size_t max, uint64_t now)
{
	struct room r = {room, room + max};
	m->last_now = now;
	fill_pings(m, &r, now);
	fill_frames(m, &r);
	fill_credit(m, &r);
	while (!m->closed && !list_empty(&m->ready) && room_left(&r) >= MUX_FILL_MIN)
		fill_stream(m, list_entry(m->ready.next, struct stream, ring), &r);
	return max - room_left(&r);
}
