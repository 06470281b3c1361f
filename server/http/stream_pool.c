/* SPDX-License-Identifier: MIT */
#include "server/http/stream_pool.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#include "server/base/worker.h"
#include "server/http/http_worker.h"

static struct pooled_stream *pooled_stream_of(struct stream *s)
{
	return container_of(s, struct pooled_stream, stream);
}

static void pooled_stream_opening(struct stream *s, struct frame_open *open_out)
{
	struct pooled_stream *pooled = pooled_stream_of(s);
	open_out->kind = pooled->alone ? FRAME_KIND_TCP : FRAME_KIND_HTTP;
	open_out->service = pooled->shard->service->number;
	if (pooled->user)
		pooled->user->ops->opening(pooled->user, open_out);
}

static ssize_t pooled_stream_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct pooled_stream *pooled = pooled_stream_of(s);
	if (pooled->h2)
		return pooled_stream_pull_h2(pooled, room, max);
	return pooled->user ? pooled->user->ops->pull(pooled->user, room, max) : -EAGAIN;
}

/* The upstream has closed in order: the user is asked whether its response may end so. */
static void pooled_stream_ended(struct pooled_stream *pooled)
{
	if (!pooled->user || !pooled->user->ops->push_end(pooled->user))
		pooled_stream_fail(pooled, FRAME_RESET_NONE, pooled->stream.peer_taken);
}

/* ---- An upstream of HTTP/2 ---- */

static void pooled_stream_fail_h2(struct pooled_stream *pooled, enum h2_client_outcome outcome)
{
	struct stream_user *u = pooled->user;
	uint64_t taken = pooled->stream.sent;
	uint32_t code = pooled->h2->stream.code;
	if (outcome == H2_CLIENT_BROKEN) {
		u->ops->refused(u, pooled->h2->error);
		return;
	}
	if (outcome == H2_CLIENT_REFUSED) {
		/* It ends, or begins anew: so will its connections that wait. */
		taken = pooled->begun_at;
		stream_pool_rest(pooled->shard, NULL);
	} else if (outcome == H2_CLIENT_RESET) {
		u->reset_code = code;
		service_shard_notice(pooled->shard, "ended a response with RST_STREAM(%s)",
			h2_error_name(code));
	}
	pooled_stream_fail(pooled, FRAME_RESET_ABORTED, taken);
}

/* What has come goes to the user; what follows from it comes behind that. */
static void pooled_stream_deliver_h2(struct pooled_stream *pooled)
{
	if (pooled->h2_busy)
		return;
	pooled->h2_busy = true;
	enum h2_client_outcome outcome = pooled_stream_pass_h2(pooled);
	pooled->h2_busy = false;
	bool waits = pooled->user && buf_len(&pooled->h2->answer);
	if (!stream_alive(&pooled->stream))
		return;
	if (!pooled->user && !h2_client_usable(pooled->h2)) {
		pooled_stream_drop(pooled, FRAME_RESET_NONE);
	} else if (outcome != H2_CLIENT_OPEN) {
		pooled_stream_fail_h2(pooled, outcome);
	} else if (pooled->h2_ended && !waits) {
		pooled_stream_ended(pooled);
	} else {
		if (h2_client_pending(pooled->h2))
			stream_ready(&pooled->stream);
		pooled_stream_charge_h2(pooled);
	}
}

/* All of it, so that no frame waits behind a response that is not read. */
static size_t pooled_stream_push_h2(struct pooled_stream *pooled, const uint8_t *p, size_t n)
{
	h2_client_input(pooled->h2, p, n, loop_now(pooled->server_link->worker->loop));
	pooled_stream_deliver_h2(pooled);
	return n;
}

/* ---- Its stream ---- */

static size_t pooled_stream_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct pooled_stream *pooled = pooled_stream_of(s);
	if (pooled->h2)
		return pooled_stream_push_h2(pooled, p, n);
	if (s->sent > pooled->begun_at)
		return pooled->user->ops->push(pooled->user, p, n);
	/* An answer before anything was asked: nobody must get it (rule 33). */
	stream_pool_distrust(pooled->shard);
	pooled_stream_fail(pooled, FRAME_RESET_PROTOCOL, s->sent);
	return n;
}

static void pooled_stream_push_end(struct stream *s)
{
	struct pooled_stream *pooled = pooled_stream_of(s);
	pooled->h2_ended = true;
	if (pooled->h2)
		pooled_stream_deliver_h2(pooled);
	else
		pooled_stream_ended(pooled);
}

void pooled_stream_resume(struct pooled_stream *pooled)
{
	if (pooled->h2)
		pooled_stream_deliver_h2(pooled);
	stream_resume(&pooled->stream);
}

/* Its user is done with it. */
static void pooled_stream_released(struct pooled_stream *pooled)
{
	pooled->user = NULL;
	server_link_finished(pooled->server_link);
	service_shard_finished(pooled->shard);
}

/* Off the shard's lists of those that wait for anybody, or rest without an owner. */
static void pooled_stream_unshelve(struct pooled_stream *pooled)
{
	if (!list_linked(&pooled->idle))
		return;
	list_unlink(&pooled->idle);
	if (pooled->use == POOLED_STREAM_RESTING)
		pooled->shard->n_resting--;
	else
		pooled->shard->n_idle--;
}

/* Out of every list; memory goes at the end of the turn. */
static void pooled_stream_detach(struct pooled_stream *pooled)
{
	list_unlink(&pooled->of_shard);
	timeout_cancel(&pooled->kept);
	pooled_stream_unshelve(pooled);
	if (pooled->owner) {
		pooled->owner->own = NULL;
		pooled->owner = NULL;
	}
	if (pooled->user) {
		pooled->user->pooled = NULL;
		pooled_stream_released(pooled);
	} else if (pooled->shard->gone && !pooled->shard->outstanding &&
		   list_empty(&pooled->shard->streams)) {
		service_shard_emptied(pooled->shard);
	}
	loop_defer(pooled->server_link->worker->loop, LOOP_PHASE_REAP, &pooled->reap);
}

/*
 * Whether none of the present request's bytes were written to the upstream's socket, as far as is
 * known: `taken` is how many of the pooled stream's were in all.
 */
static bool pooled_stream_untouched(const struct pooled_stream *pooled, enum frame_reset reason,
	uint64_t taken)
{
	if (!stream_spoken(&pooled->stream) || pooled->stream.sent == pooled->begun_at)
		return true;
	/* A link that was lost said nothing about it. */
	return reason != FRAME_RESET_LINK_LOST && taken <= pooled->begun_at;
}

/* The stream is gone, for `reason`; whose request it carried has to be served otherwise. */
static void pooled_stream_lost(struct pooled_stream *pooled, enum frame_reset reason,
	uint64_t taken)
{
	struct stream_user *u = pooled->user;
	struct service_shard *shard = pooled->shard;
	bool untouched = u && pooled_stream_untouched(pooled, reason, taken);
	/* Before a shard that is gone goes with its last pooled stream. */
	if (frame_reset_is_dial(reason))
		service_shard_failed(shard, reason, loop_now(pooled->server_link->worker->loop));
	if (reason == FRAME_RESET_SURPLUS)
		stream_pool_distrust(shard);
	pooled_stream_detach(pooled);
	if (u)
		u->ops->lost(u, shard, reason, untouched);
}

static void pooled_stream_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	pooled_stream_lost(pooled_stream_of(s), reason, taken);
}

static const struct stream_ops pooled_stream_ops = {
	.opening = pooled_stream_opening,
	.pull = pooled_stream_pull,
	.push = pooled_stream_push,
	.push_end = pooled_stream_push_end,
	.closed = pooled_stream_closed,
};

static void pooled_stream_free(struct pooled_stream *pooled)
{
	pooled_stream_free_h2(pooled);
	free(pooled);
}

static void pooled_stream_reap(struct loop_task *task)
{
	pooled_stream_free(container_of(task, struct pooled_stream, reap));
}

static struct pooled_stream *pooled_stream_new(struct service_shard *shard, bool alone)
{
	struct server_link *server_link = server_link_pick(shard->session_shard);
	struct pooled_stream *pooled = server_link ? calloc(1, sizeof(*pooled)) : NULL;
	if (!pooled)
		return NULL;
	stream_init(&pooled->stream, &pooled_stream_ops);
	list_init(&pooled->of_shard);
	list_init(&pooled->idle);
	timeout_init(&pooled->kept);
	loop_task_init(&pooled->reap, pooled_stream_reap);
	pooled->shard = shard;
	pooled->server_link = server_link;
	pooled->alone = alone;
	bool h2 = shard->service->protocol == CONTROL_PROTOCOL_H2 && !alone;
	if ((h2 && pooled_stream_init_h2(pooled) < 0) ||
		mux_open(&server_link->io.link.mux, &pooled->stream) < 0) {
		pooled_stream_free(pooled);
		return NULL;
	}
	list_append(&shard->streams, &pooled->of_shard);
	counter_add(&server_link->worker->http->counts.streams, 1);
	return pooled;
}

/* A kept stream is not worth waiting on a link that does not answer, where another does. */
static bool pooled_stream_answers(const struct pooled_stream *pooled)
{
	const struct server_link *other = server_link_silent(pooled->server_link)
						  ? server_link_pick(pooled->shard->session_shard)
						  : NULL;
	return !other || server_link_silent(other);
}

/* One that is kept, and may serve this request; NULL: none. */
static struct pooled_stream *pooled_stream_find(const struct service_shard *shard,
	const struct stream_user *u, bool alone)
{
	struct pooled_stream *own = u->own && u->own->shard == shard ? u->own : NULL;
	if (own && (own->use == POOLED_STREAM_OWN || (!alone && pooled_stream_answers(own))))
		return own;
	if (alone || list_empty(&shard->idle))
		return NULL;
	struct pooled_stream *pooled = list_entry(shard->idle.next, struct pooled_stream, idle);
	return pooled_stream_answers(pooled) ? pooled : NULL;
}

/* A service that was found to send what nobody asked for: pooled streams that did not rest serve nobody. */
static void stream_pool_heed_distrust(struct service_shard *shard)
{
	if (shard->strict || !service_strict(shard->service))
		return;
	shard->strict = true;
	list_for_each_safe (it, &shard->streams) {
		struct pooled_stream *pooled = list_entry(it, struct pooled_stream, of_shard);
		if (!pooled->user && pooled->use == POOLED_STREAM_SHARED)
			pooled_stream_drop(pooled, FRAME_RESET_NONE);
	}
}

struct pooled_stream *pooled_stream_take(struct service_shard *shard, struct stream_user *u,
	bool alone)
{
	stream_pool_heed_distrust(shard);
	if (server_link_full(shard->session_shard))
		return NULL;
	struct pooled_stream *pooled = pooled_stream_find(shard, u, alone);
	if (pooled) {
		pooled_stream_unshelve(pooled);
		timeout_cancel(&pooled->kept);
		if (pooled->use == POOLED_STREAM_RESTING)
			pooled->use = POOLED_STREAM_DOUBTFUL;
		if (!pooled->h2) /* what it sends between two requests is nobody's response */
			stream_reuse(&pooled->stream);
	} else {
		pooled = pooled_stream_new(shard, alone);
		if (!pooled)
			return NULL;
	}
	pooled->user = u;
	u->pooled = pooled;
	u->reset_code = 0;
	if (pooled->h2)
		pooled_stream_begin_h2(pooled);
	pooled->begun_at = pooled->stream.sent;
	service_shard_began(shard, pooled->server_link->worker);
	pooled->stream.counts = &service_shard_counts(shard)->bytes;
	server_link_began(pooled->server_link);
	return pooled;
}

/* Waits for anybody's request. */
static void pooled_stream_shelve(struct pooled_stream *pooled)
{
	struct service_shard *shard = pooled->shard;
	struct worker *w = pooled->server_link->worker;
	bool surplus = shard->n_idle >= w->opts->kept_streams;
	pooled->use = POOLED_STREAM_SHARED;
	list_prepend(&shard->idle, &pooled->idle);
	shard->n_idle++;
	timeout_start(surplus ? &w->http->surplus : &w->http->kept, &pooled->kept);
}

/* Rests without an owner. As many may as may wait: each is a connection to the upstream. */
static void pooled_stream_rest(struct pooled_stream *pooled)
{
	struct service_shard *shard = pooled->shard;
	if (shard->n_resting >= pooled->server_link->worker->opts->kept_streams) {
		pooled_stream_drop(pooled, FRAME_RESET_NONE);
		return;
	}
	list_append(&shard->resting, &pooled->idle);
	shard->n_resting++;
}

void pooled_stream_disown(struct pooled_stream *pooled)
{
	if (!pooled || pooled->use != POOLED_STREAM_RESTING) {
		pooled_stream_drop(pooled, FRAME_RESET_NONE);
		return;
	}
	pooled->owner->own = NULL;
	pooled->owner = NULL;
	pooled_stream_rest(pooled);
}

/* It waits with `u`, who keeps one at a time: a login is not given up for less. */
static void pooled_stream_own(struct pooled_stream *pooled, struct stream_user *u)
{
	struct worker *w = pooled->server_link->worker;
	bool login = u->own && u->own != pooled && u->own->use == POOLED_STREAM_OWN;
	if (pooled->use == POOLED_STREAM_RESTING)
		timeout_start(&w->http->resting, &pooled->kept);
	else if (pooled->use == POOLED_STREAM_DOUBTFUL)
		timeout_start(&w->http->kept, &pooled->kept);
	if (login && pooled->use != POOLED_STREAM_OWN) {
		if (pooled->use == POOLED_STREAM_RESTING)
			pooled_stream_rest(pooled);
		else
			pooled_stream_drop(pooled, FRAME_RESET_NONE);
		return;
	}
	if (u->own != pooled)
		pooled_stream_disown(u->own);
	pooled->owner = u;
	u->own = pooled;
}

static enum pooled_stream_use pooled_stream_next_use(const struct pooled_stream *pooled,
	enum pooled_stream_use use)
{
	const struct service *service = pooled->shard->service;
	if (service->per_visitor)
		return POOLED_STREAM_OWN;
	if (pooled->h2 && use == POOLED_STREAM_RESTING)
		use = POOLED_STREAM_SHARED;
	return MAX(MAX(pooled->use, use),
		service_strict(service) ? POOLED_STREAM_RESTING : POOLED_STREAM_SHARED);
}

/* Whether another request can follow, as far as the stream goes. */
static bool pooled_stream_lasts(const struct pooled_stream *pooled)
{
	return pooled->stream.state == STREAM_OPEN && !pooled->stream.queued &&
	       !pooled->shard->gone && pooled->server_link->state == SERVER_LINK_ESTABLISHED;
}

static void pooled_stream_discard(struct pooled_stream *pooled, enum frame_reset reason)
{
	stream_reset(&pooled->stream, reason);
	pooled_stream_detach(pooled);
}

void pooled_stream_keep(struct pooled_stream *pooled, enum pooled_stream_use use)
{
	struct stream_user *u = pooled->user;
	if (!pooled_stream_lasts(pooled) || (pooled->h2 && !pooled_stream_end_h2(pooled))) {
		pooled_stream_discard(pooled, FRAME_RESET_NONE);
		return;
	}
	u->pooled = NULL;
	pooled->begun_at = pooled->stream.sent;
	pooled_stream_released(pooled);
	pooled->use = pooled_stream_next_use(pooled, use);
	if (pooled->use == POOLED_STREAM_SHARED)
		pooled_stream_shelve(pooled);
	else
		pooled_stream_own(pooled, u);
}

/* Whether giving up means the request alone: what is in its way to the upstream would be in the next one's. */
static bool pooled_stream_outlives(const struct pooled_stream *pooled, enum frame_reset reason)
{
	return pooled->h2 && pooled->user && pooled->use == POOLED_STREAM_SHARED &&
	       pooled->stream.credit &&
	       (reason == FRAME_RESET_NONE || reason == FRAME_RESET_CANCELLED);
}

struct pooled_stream *pooled_stream_drop(struct pooled_stream *pooled, enum frame_reset reason)
{
	if (!pooled)
		return NULL;
	if (pooled_stream_outlives(pooled, reason))
		pooled_stream_keep(pooled, POOLED_STREAM_SHARED);
	else
		pooled_stream_discard(pooled, reason);
	return NULL;
}

void pooled_stream_fail(struct pooled_stream *pooled, enum frame_reset reason, uint64_t taken)
{
	stream_reset(&pooled->stream, FRAME_RESET_NONE);
	pooled_stream_lost(pooled, reason, taken);
}

void pooled_stream_kept_expired(struct timeout_queue *queue, struct timeout *entry)
{
	pooled_stream_drop(container_of(entry, struct pooled_stream, kept), FRAME_RESET_NONE);
}

void pooled_stream_rested(struct timeout_queue *queue, struct timeout *entry)
{
	struct pooled_stream *pooled = container_of(entry, struct pooled_stream, kept);
	if (pooled->owner) {
		pooled->owner->own = NULL;
		pooled->owner = NULL;
	}
	pooled_stream_unshelve(pooled);
	pooled_stream_shelve(pooled);
}

void stream_pool_rest(struct service_shard *shard, const struct server_link *l)
{
	list_for_each_safe (it, &shard->streams) {
		struct pooled_stream *pooled = list_entry(it, struct pooled_stream, of_shard);
		if (!pooled->user && (!l || pooled->server_link == l))
			pooled_stream_drop(pooled, FRAME_RESET_NONE);
	}
}

void stream_pool_distrust(struct service_shard *shard)
{
	struct service *service = shard->service;
	if (atomic_exchange_explicit(&service->strict, true, memory_order_relaxed))
		return;
	log_warn("%s: the upstream %s sent bytes that no request asked for: its Content-Length is "
		 "too short, or it answers HEAD with a body; fix it; until the service is "
		 "published anew, its connections rest for %u ms before another visitor's request "
		 "goes there",
		service->place[0] ? service->place : "the catch-all", service->upstream,
		(unsigned)(POOLED_STREAM_REST_TIME / CLOCK_MS));
	service_shard_notice(shard,
		"sent bytes that no request asked for: its Content-Length is too short, or it "
		"answers HEAD with a body; fix it");
}

void stream_pool_cut(struct service_shard *shard)
{
	struct pooled_stream *pooled;
	while ((pooled = list_first(&shard->streams, struct pooled_stream, of_shard)) != NULL)
		pooled_stream_fail(pooled, FRAME_RESET_DENIED, pooled->stream.sent);
}
