/* SPDX-License-Identifier: MIT */
/* What passes at once, and what has to wait. */
#include "mux/shaper.h"

#include <errno.h>

#include "base/macros.h"
#include "mux/mux_internal.h"

static void way_init(struct shaper_way *way, struct rate_bucket *bucket)
{
	*way = (struct shaper_way){.bucket = bucket, .turn = SHAPER_TURN_MIN};
	list_init(&way->waiting);
}

void shaper_init(struct shaper *sh, struct mux *m, struct rate_bucket *pull,
	struct rate_bucket *push, void (*held)(struct shaper *sh))
{
	*sh = (struct shaper){.mux = m, .held = held};
	way_init(&sh->pull, pull);
	way_init(&sh->push, push);
	list_init(&sh->link);
	m->shaper = sh;
}

void shaper_release(struct shaper_way *way)
{
	atomic_fetch_sub_explicit(&way->bucket->waiting, way->counted, memory_order_relaxed);
	way->counted = 0;
	way->held = false;
}

void shaper_took(struct shaper_way *way, size_t n, uint64_t now)
{
	rate_bucket_take(way->bucket, n, now);
	way->quota -= MIN(n, way->quota);
}

/* Bytes that may pass now of a stream that waits for nobody; 0: it has to wait. */
static size_t way_room(const struct shaper_way *way, uint64_t now)
{
	size_t level = rate_bucket_level(way->bucket, now);
	return level < SHAPER_CRUMB ? 0 : level;
}

/* A stream has to wait. */
static void way_hold(struct shaper *sh, struct shaper_way *way)
{
	atomic_fetch_add_explicit(&way->bucket->held, 1, memory_order_relaxed);
	if (way->held)
		return;
	way->held = true;
	way->quota = 0;
	way->since = sh->mux->last_now;
	way->counted = 1; /* the next tick knows better */
	atomic_fetch_add_explicit(&way->bucket->waiting, way->counted, memory_order_relaxed);
	sh->held(sh);
}

/* ---- What we send ---- */

ssize_t shaper_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct mux *m = s->mux;
	struct shaper_way *way = &m->shaper->pull;
	size_t may = way->held ? way->quota : way_room(way, m->last_now);
	if (may < SHAPER_CRUMB) {
		/* And with it all that are ready: their order stays. */
		list_splice(&way->waiting, &m->ready);
		way_hold(m->shaper, way);
		return SHAPER_HELD;
	}
	/* A datagram goes whole, and what it is beyond is owed. */
	ssize_t n = s->ops->pull(s, room, s->datagrams ? max : MIN(max, may));
	if (n > 0)
		shaper_took(way, (size_t)n, m->last_now);
	return n;
}

bool shaper_delayed(const struct mux *m, uint64_t n)
{
	if (!m->shaper || !m->shaper->pull.held)
		return false;
	atomic_fetch_add_explicit(&m->shaper->pull.bucket->dropped, n, memory_order_relaxed);
	return true;
}

/* ---- What came ---- */

/* The stream stands in the line, where it does not yet. */
static void wait_to_push(struct stream *s)
{
	struct shaper *sh = s->mux->shaper;
	if (s->shaped)
		return;
	s->shaped = true;
	list_unlink(&s->grown);
	list_append(&sh->push.waiting, &s->grown);
	way_hold(sh, &sh->push);
}

void shaper_leave(struct stream *s)
{
	struct mux *m = s->mux;
	s->shaped = false;
	list_unlink(&s->grown);
	if (s->window > m->limits.base_window)
		list_append(&m->grown, &s->grown);
}

/*
 * Of a window that grew while the bucket was full the rate needs no more than what is on its way; beyond a
 * base window of what waits it shrinks by what is taken.
 */
static void shrink_window(struct stream *s, size_t took)
{
	uint32_t base = s->mux->limits.base_window;
	size_t left = s->queued - MIN(s->queued, took);
	if (left > base)
		s->window = MIN(s->window, s->granted + (uint32_t)left);
}

size_t shaper_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct mux *m = s->mux;
	struct shaper *sh = m->shaper;
	struct shaper_way *way = &sh->push;
	size_t may = sh->serving == s ? sh->left : way->held ? 0 : way_room(way, m->last_now);
	size_t offered = MIN(n, may), took = offered ? s->ops->push(s, p, offered) : 0;
	shaper_took(way, took, m->last_now);
	if (sh->serving == s)
		sh->left -= took;
	if (!stream_alive(s) || took < offered || offered == n)
		return took;
	shrink_window(s, took);
	wait_to_push(s);
	return took;
}

bool shaper_pass(struct stream *s, size_t n)
{
	struct mux *m = s->mux;
	struct shaper_way *way = &m->shaper->push;
	if (!way->held && way_room(way, m->last_now)) {
		shaper_took(way, n, m->last_now);
		return true;
	}
	if (s->allowance >= n) {
		s->allowance -= (uint32_t)n;
		return true;
	}
	atomic_fetch_add_explicit(&way->bucket->dropped, 1, memory_order_relaxed);
	wait_to_push(s);
	if (s->ops->lost)
		s->ops->lost(s);
	return false;
}
