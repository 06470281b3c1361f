/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is: fills a record with whole frames.
 *
 * Link-level frames go first, then credit, because both free memory at the peer; then streams by
 * deficit round robin. A stream at the head of the ring keeps its place until its turn is used, also
 * across records, so that a record's end does not cost it its share; what is left of a turn and would
 * make a crumb of a frame is added to its next one. Alone, it takes the record.
 *
 * A datagram goes whole, even where it is more than a turn: the stream then owes the rest and
 * waits for as many rounds. One that does not fit into what is left closes the record and goes
 * ahead of everything in the next; behind a WINDOW in every record a large one would never fit.
 */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "mux/mux_internal.h"
#include "mux/shaper.h"

#define TURN_MIN  ((int32_t)MUX_FILL_MIN) /* bytes; what is left of a turn waits for the next */
#define PING_SIZE (FRAME_HEADER + 8)      /* bytes; a PONG's too */

struct room {
	uint8_t *p, *end;
	uint8_t *enough; /* where bytes of streams end; at or before `end` */
};

static size_t room_left(const struct room *r)
{
	return (size_t)(r->end - r->p);
}

static void fill_pings(struct mux *m, struct room *r, uint64_t now)
{
	if (m->pong_waiting && room_left(r) >= PING_SIZE) {
		r->p += frame_write_pong(r->p, m->pong);
		m->pong_waiting = false;
	}
	if (m->ping_waiting && room_left(r) >= PING_SIZE) {
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
	if (mux_ids_low(m)) {
		mux_goaway(m, FRAME_GOAWAY_IDS);
		if (m->client) /* who makes the new link */
			m->ops->goaway(m, FRAME_GOAWAY_IDS);
	}
	s->open_waiting = false;
	if (mux_enter(m, s) < 0) {
		stream_close(s, true, FRAME_RESET_NO_MEMORY, 0);
		return false;
	}
	struct frame_open open;
	frame_open_init(&open);
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

static void ring_rotate(struct mux *m, struct stream *s)
{
	list_unlink(&s->ring);
	list_append(&m->ready, &s->ring);
}

static ssize_t fill_pull(const struct mux *m, struct stream *s, uint8_t *room, size_t max)
{
	return m->shaper ? shaper_pull(s, room, max) : s->ops->pull(s, room, max);
}

/* One datagram, or none; false when the record is to be closed before it. */
static bool fill_datagram(struct mux *m, struct stream *s, struct room *r, bool alone)
{
	if (alone)
		s->deficit = MAX(s->deficit, 1); /* nobody waits for what it owes */
	/* Not asked either: who is found empty leaves the ring, and its debt there. */
	if (s->deficit <= 0) {
		ring_rotate(m, s);
		return true;
	}
	size_t max = MIN(room_left(r) - FRAME_HEADER, FRAME_DATAGRAM_MAX);
	ssize_t n = fill_pull(m, s, r->p + FRAME_HEADER, max);
	if (!stream_alive(s))
		return true;
	s->overdue = n == -EMSGSIZE && max < FRAME_DATAGRAM_MAX;
	if (s->overdue)
		return false;
	if (n >= 0) {
		frame_write_header(r->p, FRAME_DATAGRAM, (size_t)n, s->id);
		r->p += FRAME_HEADER + (size_t)n;
		stream_count_sent(s, (uint64_t)n);
		/* With the header: datagrams of no bytes are not free. */
		s->deficit -= (int32_t)(FRAME_HEADER + n);
		if (s->deficit <= 0)
			ring_rotate(m, s);
	} else if (n == -EAGAIN) {
		s->ready = false;
		stream_schedule(s);
	} else if (n != SHAPER_HELD) {
		stream_reset_told(s, FRAME_RESET_ABORTED);
	}
	return true;
}

/* One turn of the stream at the head of the ring; false when it closes the record. */
static bool fill_stream(struct mux *m, struct stream *s, struct room *r)
{
	if (s->open_waiting && !fill_open(m, s, r))
		return true;
	bool alone = m->ready.next == m->ready.prev;
	if (s->deficit < (s->datagrams ? 1 : TURN_MIN))
		s->deficit += (int32_t)m->turn;
	if (s->datagrams)
		return fill_datagram(m, s, r, alone);
	if (s->reusing) {
		r->p += frame_write_reuse(r->p, s->id, s->taken);
		s->reusing = false;
	}
	size_t max = MIN((size_t)(r->enough - r->p) - FRAME_HEADER, s->credit);
	if (!alone)
		max = MIN(max, (size_t)s->deficit);
	ssize_t n = max ? fill_pull(m, s, r->p + FRAME_HEADER, max) : -EAGAIN;
	if (!stream_alive(s))
		return true; /* the link was closed in there, or memory was out */
	if (n > 0) {
		frame_write_header(r->p, FRAME_DATA, (size_t)n, s->id);
		r->p += FRAME_HEADER + (size_t)n;
		stream_count_sent(s, (uint64_t)n);
		s->credit -= (uint32_t)n;
		s->deficit -= (int32_t)MIN(n, s->deficit);
		if (!s->credit)
			stream_schedule(s);
		else if (s->deficit < TURN_MIN)
			ring_rotate(m, s);
	} else if (n == 0) {
		fill_fin(s, r);
	} else if (n == -EAGAIN) {
		if (max)
			s->ready = false;
		stream_schedule(s);
	} else if (n != SHAPER_HELD) {
		stream_reset_told(s, FRAME_RESET_ABORTED);
	}
	return true;
}

static struct stream *ring_head(const struct mux *m)
{
	return list_first(&m->ready, struct stream, ring);
}

size_t mux_fill(struct mux *m, uint8_t *room, size_t max, uint64_t now)
{
	struct room r = {.p = room, .end = room + max, .enough = room + MIN(max, m->record)};
	m->last_now = now;
	struct stream *s = ring_head(m);
	if (s && s->overdue && max >= MUX_FILL_MIN)
		fill_stream(m, s, &r);
	fill_pings(m, &r, now);
	fill_frames(m, &r);
	fill_credit(m, &r);
	while (!m->closed && (s = ring_head(m)) && r.enough - r.p >= (ptrdiff_t)MUX_FILL_MIN)
		if (!fill_stream(m, s, &r))
			break;
	return max - room_left(&r);
}
