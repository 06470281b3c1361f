/* SPDX-License-Identifier: MIT */
/*
 * What the peer may send us, and what we hold of it (docs/protocol.md, rules 21 and 22).
 *
 * A stream's `granted` is what its peer may still send; `window` is what granted and queued bytes
 * together should be. When half of a window has been taken, the difference goes out as one WINDOW
 * frame. Two such grants within about two round trips mean that the window, not the network, was the
 * limit: it doubles while the budget has room. A stream that rests falls back to the base window.
 *
 * The budget is charged with the memory of the queue, and promised what a grown window may add to that,
 * also while it is not all granted: it will be in a moment. Credit that a peer lets lie for MUX_REST is
 * promised to it no more, as base windows are not: it keeps nobody else's windows small, and who uses it
 * after all is charged. recharge() keeps the differences to what was charged and promised last, so no path
 * can forget one.
 */
#include <errno.h>

#include "base/macros.h"
#include "mux/mux_internal.h"
#include "mux/shaper.h"

/*
 * How soon a grant must follow another for the window to grow: two round trips, and what a record takes on
 * a line of 1 Gbit/s, since on short ways a record and our own turns are most of the time. What a busy
 * receiver has not read of a window stands before every small thing: with 2 ms, requests beside a download
 * took half as long again; with windows of four records, bulk was a quarter slower. A peer that answers no
 * PING for minutes gets no more for it.
 */
#define GROWTH_RTT_MAX (1 * CLOCK_S)
#define GROWTH_SLACK   (CLOCK_MS / 2)
/*
 * Bytes a second that a slow owner may take: what it took at once is time that it need take nothing in.
 * And the most of that time, so that nobody gathers it.
 */
#define MOVED_RATE     1024
#define MOVED_MAX      (60 * CLOCK_S)

static void stream_recharge(struct stream *s)
{
	size_t had = s->charged, grown = s->window - s->mux->limits.base_window;
	s->charged = s->queue_memory;
	stream_promise(s, grown > s->charged ? grown - s->charged : 0);
	/* Last, because it may relieve: this stream, too, can be closed by it. */
	if (s->charged > had)
		budget_charge(&s->mux->account, s->charged - had);
	else if (s->charged < had)
		budget_release(&s->mux->account, had - s->charged);
}

static bool stream_outgrew(const struct stream *s, uint64_t now)
{
	const struct mux *m = s->mux;
	uint64_t soon = 2 * MIN(mux_rtt(m), GROWTH_RTT_MAX) + GROWTH_SLACK;
	if (m->shaper)
		soon += 2 * SHAPER_TICK; /* so seldom has it its turn */
	return s->granted_at && now - s->granted_at < soon && s->window < m->limits.max_window &&
	       !s->shaped && budget_fits(&m->account, s->window);
}

/* Of megabytes that a slow reader has before him half may take hours: a byte tells that he goes on. */
static bool stream_tells(struct stream *s)
{
	if (!s->granted_at)
		s->granted_at = s->mux->last_now;
	return s->mux->last_now - s->granted_at >= MUX_TELL;
}

/* What is worth a frame of the bytes that the owner took. */
static uint32_t stream_increment(struct stream *s)
{
	struct mux *m = s->mux;
	uint64_t held = (uint64_t)s->granted + s->queued;
	if (held + s->window / 2 > s->window)
		return s->queued && stream_tells(s);
	if (stream_outgrew(s, m->last_now)) {
		s->window = MIN(2 * s->window, m->limits.max_window);
		list_unlink(&s->grown);
		list_append(&m->grown, &s->grown);
	}
	return s->window - (uint32_t)held;
}

/* The owner took bytes: gives credit back. */
static void stream_grant(struct stream *s)
{
	struct mux *m = s->mux;
	uint32_t more = 0;
	if (s->state != STREAM_HALF_REMOTE && !s->remote_end)
		more = stream_increment(s);
	if (!more)
		return;
	s->granted += more;
	s->increment += more;
	s->granted_at = m->last_now;
	if (!list_linked(&s->urgent)) {
		list_append(&m->urgent, &s->urgent);
		m->ops->wake(m);
	}
}

/*
 * `n` bytes were taken: sockets take much at once, and then nothing for a while. What a fresh socket takes
 * before anything is held says nothing about who reads it.
 */
static void stream_moved(struct stream *s, uint64_t n)
{
	uint64_t now = s->mux->last_now, worth = n * CLOCK_S / MOVED_RATE;
	if (s->stalled_from)
		s->stalled_from = MIN(MAX(s->stalled_from, now) + worth, now + MOVED_MAX);
}

/* The owner's push(), during which the owner may close the stream: whether it lives on. */
static bool stream_push(struct stream *s, const uint8_t *p, size_t n, size_t *took_out)
{
	struct mux *m = s->mux;
	s->delivering = true;
	size_t took = m->shaper ? shaper_push(s, p, n) : s->ops->push(s, p, n);
	s->delivering = false;
	*took_out = took;
	/* Also of the last bytes, with which an owner mostly ends the stream. */
	stream_count_taken(s, took);
	if (!stream_alive(s))
		return false;
	/* At once, not when credit is given: the next push() may reset, and say how much went. */
	s->taken += took;
	m->account.moved += took;
	stream_moved(s, took);
	return true;
}

int stream_receive(struct stream *s, const uint8_t *p, size_t n)
{
	s->granted -= (uint32_t)n;
	size_t took = 0;
	if (list_empty(&s->queue) && !stream_push(s, p, n, &took))
		return 0;
	if (took < n && stream_queue(s, p + took, n - took) < 0)
		return -ENOMEM;
	if (took)
		stream_grant(s);
	stream_recharge(s);
	return 0;
}

bool stream_hold(struct stream *s, size_t n)
{
	if (!stream_alive(s))
		return false;
	struct budget_account *account = &s->mux->account;
	if (!s->charged || n < s->charged)
		s->stalled_from = s->mux->last_now;
	if (n > s->charged) {
		/* Asked before, so that a flood of datagrams never costs another stream its life. */
		if (!budget_holds(account, n - s->charged))
			return false;
		budget_charge(account, n - s->charged);
	} else {
		budget_release(account, s->charged - n);
	}
	s->charged = n;
	return true;
}

void stream_charge(struct stream *s, size_t was, size_t now)
{
	if (!s->stalled_from)
		s->stalled_from = s->mux->last_now;
	/* What it kept for its peer has gone there: it moves, as a stream does whose owner takes bytes. */
	if (now < was)
		stream_moved(s, was - now);
	s->queue_memory += now - was;
	stream_recharge(s);
}

bool stream_keep(struct stream *s, size_t was, size_t now)
{
	if (!stream_alive(s))
		return false;
	if (now > was && !budget_holds(&s->mux->account, now - was))
		return false;
	stream_charge(s, was, now);
	return true;
}

void stream_drain(struct stream *s)
{
	uint64_t before = s->taken;
	while (!list_empty(&s->queue)) {
		struct chunk *c = list_entry(s->queue.next, struct chunk, link);
		size_t n = c->end - c->start, took;
		if (!stream_push(s, c->data + c->start, n, &took))
			return;
		c->start += took;
		s->queued -= took;
		if (took < n)
			break;
		stream_free_chunk(s, c);
	}
	if (s->taken > before)
		stream_grant(s);
	stream_recharge(s);
	if (stream_alive(s) && list_empty(&s->queue) && s->remote_end)
		stream_end_remote(s);
}

void stream_resume(struct stream *s)
{
	if (stream_alive(s) && !s->delivering && !list_empty(&s->queue))
		stream_drain(s);
}

void stream_ungrant(struct stream *s)
{
	s->granted = s->increment = 0;
	s->window = s->mux->limits.base_window;
	list_unlink(&s->urgent);
	if (!s->shaped)
		list_unlink(&s->grown);
	stream_recharge(s);
}

void mux_tick(struct mux *m, uint64_t now)
{
	m->last_now = now;
	list_for_each_safe (it, &m->grown) {
		struct stream *s = list_entry(it, struct stream, grown);
		if (now - s->granted_at < MUX_REST)
			continue;
		s->window = m->limits.base_window;
		list_unlink(&s->grown);
		stream_recharge(s);
	}
	if (!buf_len(&m->frames))
		buf_deinit(&m->frames);
}
