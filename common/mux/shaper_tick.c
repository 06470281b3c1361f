/* SPDX-License-Identifier: MIT */
/* The turns of the streams that wait for a rate. */
#include "base/macros.h"
#include "mux/mux_internal.h"
#include "mux/shaper.h"

/* Takes what the rate has for those that wait. False: nobody does. */
static bool way_tick(struct shaper_way *way, uint64_t now)
{
	unsigned n = 0;
	list_for_each (it, &way->waiting)
		n++;
	if (!n) {
		shaper_release(way);
		return false;
	}
	atomic_fetch_add_explicit(&way->bucket->waiting, n - way->counted, memory_order_relaxed);
	way->counted = n;
	size_t share = rate_bucket_share(way->bucket, n, way->since, now);
	if (share >= SHAPER_CRUMB) {
		way->quota = share;
		way->turn = MAX(share / n, SHAPER_TURN_MIN);
		way->since = now;
	}
	return true;
}

static void pull_tick(struct shaper *sh, uint64_t now)
{
	struct mux *m = sh->mux;
	if (!sh->pull.held)
		return;
	bool waiting = way_tick(&sh->pull, now);
	m->turn = m->record / 2;
	if (waiting)
		m->turn = (uint32_t)MIN(m->turn, sh->pull.turn);
	if (!waiting || sh->pull.quota < SHAPER_CRUMB)
		return;
	list_splice(&m->ready, &sh->pull.waiting);
	m->ops->wake(m);
}

/* What a stream of datagrams may receive from now on; it waits again when it has lost another one. */
static void allow_datagrams(struct shaper *sh, struct stream *s, uint64_t now)
{
	size_t more = MIN(sh->left, FRAME_DATAGRAM_MAX - s->allowance);
	s->allowance += (uint32_t)more;
	shaper_took(&sh->push, more, now);
}

/* Each turn takes from the quota, or takes its stream out of the line. */
static void push_tick(struct shaper *sh, uint64_t now)
{
	struct shaper_way *way = &sh->push;
	if (!way->held || !way_tick(way, now))
		return;
	while (way->quota >= SHAPER_CRUMB && !list_empty(&way->waiting)) {
		sh->left = MIN(way->quota, way->turn);
		struct stream *s = list_entry(way->waiting.next, struct stream, grown);
		shaper_leave(s);
		sh->serving = s;
		if (s->datagrams)
			allow_datagrams(sh, s, now);
		else
			stream_drain(s);
		sh->serving = NULL;
	}
	if (list_empty(&way->waiting))
		shaper_release(way);
}

bool shaper_tick(struct shaper *sh, uint64_t now)
{
	sh->mux->last_now = now;
	pull_tick(sh, now);
	push_tick(sh, now);
	return sh->pull.held || sh->push.held;
}

void shaper_deinit(struct shaper *sh)
{
	struct mux *m = sh->mux;
	if (!m)
		return;
	m->shaper = NULL;
	m->turn = m->record / 2;
	list_unlink(&sh->link);
	shaper_release(&sh->pull);
	shaper_release(&sh->push);
	list_splice(&m->ready, &sh->pull.waiting);
	if (!list_empty(&m->ready))
		m->ops->wake(m);
	while (!list_empty(&sh->push.waiting)) {
		struct stream *s = list_entry(sh->push.waiting.next, struct stream, grown);
		shaper_leave(s);
		if (!s->datagrams)
			stream_drain(s);
	}
	sh->mux = NULL;
}
