/* SPDX-License-Identifier: MIT */
/*
 * What a record from the peer says. Every frame is checked before it acts: its size by the table in
 * wire/frame, then its stream. A frame for a stream that is closed is dropped, for one that never
 * was it ends the link (rule 19); whatever breaks a rule ends the link, because its sender is
 * either broken or hostile, and authenticated.
 */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "mux/mux_internal.h"
#include "mux/shaper.h"

static int violation(struct mux *m, const char *what)
{
	m->violation = what;
	return -EPROTO;
}

/* Whether a stream with this id was ever opened, by whoever opens ids of its parity. */
static bool mux_known(const struct mux *m, uint32_t id)
{
	bool ours = (id & 1) == (m->client ? 1 : 0);
	return id && (ours ? id < m->next_id : id <= m->peer_last);
}

static int input_open(struct mux *m, const struct frame *f)
{
	uint32_t id = f->stream;
	if ((id & 1) == (m->client ? 1 : 0))
		return violation(m, "OPEN with an id of the wrong parity");
	if (id <= m->peer_last)
		return violation(m, "OPEN with an id that was used");
	struct frame_open open;
	if (frame_read_open(f, &open) != 0)
		return violation(m, "malformed OPEN");
	if (open.link && !m->client) /* rule 48 */
		return violation(m, "OPEN of a client with a consumer's name");
	m->peer_last = id;
	if (m->draining)
		return 0; /* it crossed our GOAWAY, by which the peer knows */
	enum frame_reset reason = FRAME_RESET_BUSY;
	struct stream *s = NULL;
	if (m->n_remote < m->limits.max_streams)
		s = m->ops->open(m, &open, &reason);
	if (!s) {
		mux_send_reset(m, id, reason, 0);
		return 0;
	}
	s->id = id;
	s->remote = true;
	m->n_remote++;
	stream_attach(s, m, m->peer_window);
	if (mux_enter(m, s) < 0)
		stream_reset_told(s, FRAME_RESET_NO_MEMORY);
	return 0;
}

/* The kind is agreed in OPEN: another one's frames come from a peer that is broken or hostile. */
static bool datagrams_allow(uint8_t type)
{
	return type == FRAME_DATAGRAM || type == FRAME_RESET || type == FRAME_REUSE;
}

/*
 * Not critical: on a stream of bytes it is dropped, as by a peer that does not know the type. The
 * owner may close the stream or the link in push().
 */
static void input_datagram(struct stream *s, const uint8_t *p, size_t n)
{
	if (!s->datagrams || (s->mux->shaper && !shaper_pass(s, n)))
		return;
	s->taken += n;
	stream_count_taken(s, n);
	s->mux->account.moved += n;
	s->ops->push(s, p, n);
}

static int input_data(struct stream *s, const uint8_t *p, size_t n)
{
	struct mux *m = s->mux;
	if (!n)
		return violation(m, "empty DATA");
	if (s->state == STREAM_HALF_REMOTE || s->remote_end)
		return violation(m, "DATA behind FIN");
	if (n > s->granted)
		return violation(m, "DATA beyond its credit");
	if (stream_receive(s, p, n) == -ENOMEM)
		stream_reset_told(s, FRAME_RESET_NO_MEMORY);
	return 0;
}

static int input_fin(struct stream *s, uint64_t taken)
{
	if (s->state == STREAM_HALF_REMOTE || s->remote_end)
		return violation(s->mux, "FIN behind FIN");
	s->peer_taken = taken;
	s->remote_end = true;
	stream_ungrant(s);
	if (list_empty(&s->queue))
		stream_end_remote(s);
	return 0;
}

static int input_window(struct stream *s, const struct frame *f)
{
	uint32_t more;
	if (frame_read_window(f, &more) != 0)
		return violation(s->mux, "WINDOW of nothing, or of too much");
	if (s->credit > FRAME_CREDIT_MAX - more)
		return violation(s->mux, "credit above 2^31-1");
	s->credit += more;
	stream_schedule(s);
	if (list_linked(&s->ring))
		s->mux->ops->wake(s->mux);
	return 0;
}

static void input_pong(struct mux *m, const struct frame *f)
{
	/* One that answers nothing is harmless: perhaps a late one. */
	if (m->ping_sent && memcmp(f->payload, m->ping, sizeof(m->ping)) == 0) {
		mux_note_rtt(m, m->last_now - m->ping_sent);
		m->ping_sent = 0;
	}
}

/*
 * What closed() has a meaning of its own for does not come from a peer (rule 24). "Done with" may be
 * said by who opened the stream; from the other side it would make half an answer pass for a whole.
 */
static void input_reset(struct stream *s, const struct frame *f)
{
	uint64_t taken;
	enum frame_reset reason = frame_read_reset(f, &taken);
	if (reason == FRAME_RESET_NONE && !s->remote)
		reason = FRAME_RESET_CANCELLED;
	else if (reason == FRAME_RESET_LINK_LOST)
		reason = FRAME_RESET_ABORTED;
	stream_close(s, true, reason, taken);
}

static void input_goaway(struct mux *m, const struct frame *f)
{
	if (m->peer_draining)
		return; /* said once; going through all streams for each would be a cheap attack */
	uint32_t last;
	uint8_t reason = frame_read_goaway(f, &last);
	m->peer_draining = true;
	struct list unserved;
	list_init(&unserved);
	list_for_each_safe (it, &m->streams) {
		struct stream *s = list_entry(it, struct stream, all);
		if (s->remote || (!s->open_waiting && s->id <= last))
			continue;
		list_unlink(it);
		list_append(&unserved, it);
	}
	while (!list_empty(&unserved))
		stream_close(list_entry(unserved.next, struct stream, all), true,
			FRAME_RESET_CANCELLED, 0);
	if (!m->closed)
		m->ops->goaway(m, reason);
}

static int input_stream_frame(struct mux *m, const struct frame *f)
{
	struct stream *s = mux_find(m, f->stream);
	if (!s)
		return mux_known(m, f->stream) ? 0
					       : violation(m, "frame for a stream never opened");
	if (s->datagrams && !datagrams_allow(f->type))
		return violation(m, "bytes on a stream of datagrams");
	switch (f->type) {
	case FRAME_DATAGRAM:
		input_datagram(s, f->payload, f->size);
		return 0;
	case FRAME_DATA:
		return input_data(s, f->payload, f->size);
	case FRAME_FIN:
		return input_fin(s, frame_read_fin(f));
	case FRAME_WINDOW:
		return input_window(s, f);
	case FRAME_RESET:
		input_reset(s, f);
		return 0;
	case FRAME_REUSE:
		if (s->ops->reused)
			s->ops->reused(s, frame_read_reuse(f));
		return 0;
	default:
		return 0;
	}
}

static int input_frame(struct mux *m, const struct frame *f)
{
	switch (f->type) {
	case FRAME_OPEN:
		return input_open(m, f);
	case FRAME_PING:
		/* The latest wins: a flood of PINGs is answered by one PONG a record. */
		memcpy(m->pong, f->payload, sizeof(m->pong));
		m->pong_waiting = true;
		m->ops->wake(m);
		return 0;
	case FRAME_PONG:
		input_pong(m, f);
		return 0;
	case FRAME_GOAWAY:
		input_goaway(m, f);
		return 0;
	case FRAME_CONTROL:
		m->ops->control(m, f->payload, f->size);
		return 0;
	default:
		return input_stream_frame(m, f);
	}
}

int mux_input(struct mux *m, const uint8_t *p, size_t n, uint64_t now)
{
	m->last_now = now;
	while (n) {
		struct frame f;
		int r = frame_read_header(p, n, &f);
		if (r > FRAME_SKIP)
			return violation(m, frame_error_name(r));
		if (r == 0)
			r = input_frame(m, &f);
		if (r < 0)
			return r;
		if (m->closed || m->violation)
			return -EPROTO;
		p += FRAME_HEADER + f.size;
		n -= FRAME_HEADER + f.size;
	}
	return 0;
}
