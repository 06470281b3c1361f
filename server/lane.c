#include "server/lane.h"

#include <errno.h>
#include <stdlib.h>

#include "server/session.h"
#include "server/worker.h"

static struct lane *lane_of(struct stream *s)
{
	return container_of(s, struct lane, stream);
}

static void lane_opening(struct stream *s, struct frame_open *open_out)
{
	struct lane *lane = lane_of(s);
	open_out->kind = lane->alone ? FRAME_KIND_TCP : FRAME_KIND_HTTP;
	open_out->service = lane->service->number;
	if (lane->user)
		lane->user->ops->opening(lane->user, open_out);
}

static ssize_t lane_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct lane *lane = lane_of(s);
	return lane->user ? lane->user->ops->pull(lane->user, room, max) : -EAGAIN;
}

static size_t lane_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct lane *lane = lane_of(s);
	if (s->sent > lane->begun_at)
		return lane->user->ops->push(lane->user, p, n);
	/* An answer before anything was asked: nobody must get it (rule 33). */
	lane_fail(lane, FRAME_RESET_PROTOCOL, s->sent);
	return n;
}

static void lane_push_end(struct stream *s)
{
	struct lane *lane = lane_of(s);
	if (!lane->user || !lane->user->ops->push_end(lane->user))
		lane_fail(lane, FRAME_RESET_NONE, s->peer_taken);
}

/* Out of every list; memory goes at the end of the turn. */
static void lane_detach(struct lane *lane)
{
	list_unlink(&lane->of_service);
	timeout_cancel(&lane->kept);
	if (list_linked(&lane->idle)) {
		list_unlink(&lane->idle);
		lane->service->n_idle--;
	}
	if (lane->user) {
		lane->user->lane = NULL;
		lane->user = NULL;
		lane->service->outstanding--;
	}
	if (lane->owner) {
		lane->owner->own = NULL;
		lane->owner = NULL;
	}
	loop_defer(lane->service->session->worker->loop, LOOP_PHASE_REAP, &lane->reap);
}

/*
 * Whether none of the present request's bytes were written to the upstream's socket, as far as is
 * known: `taken` is how many of the lane's were in all.
 */
static bool lane_untouched(const struct lane *lane, enum frame_reset reason, uint64_t taken)
{
	if (!stream_spoken(&lane->stream) || lane->stream.sent == lane->begun_at)
		return true;
	/* A link that was lost said nothing about it. */
	return reason != FRAME_RESET_LINK_LOST && taken <= lane->begun_at;
}

/* The stream is gone, for `reason`; whose request it carried has to be served otherwise. */
static void lane_lost(struct lane *lane, enum frame_reset reason, uint64_t taken)
{
	struct lane_user *u = lane->user;
	struct service *service = lane->service;
	bool untouched = u && lane_untouched(lane, reason, taken);
	lane_detach(lane);
	if (u)
		u->ops->lost(u, service, reason, untouched);
}

static void lane_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	lane_lost(lane_of(s), reason, taken);
}

static const struct stream_ops lane_ops = {
	.opening = lane_opening,
	.pull = lane_pull,
	.push = lane_push,
	.push_end = lane_push_end,
	.closed = lane_closed,
};

static void lane_reap(struct loop_task *task)
{
	free(container_of(task, struct lane, reap));
}

static struct lane *lane_new(struct service *service, bool alone)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	if (!lane)
		return NULL;
	stream_init(&lane->stream, &lane_ops);
	list_init(&lane->of_service);
	list_init(&lane->idle);
	timeout_init(&lane->kept);
	loop_task_init(&lane->reap, lane_reap);
	lane->service = service;
	lane->alone = alone;
	if (mux_open(&service->session->carrier.link.mux, &lane->stream) < 0) {
		free(lane);
		return NULL;
	}
	list_append(&service->lanes, &lane->of_service);
	return lane;
}

struct lane *lane_take(struct service *service, struct lane_user *u, bool alone)
{
	struct lane *lane = NULL;
	if (u->own && u->own->service == service)
		lane = u->own;
	else if (!alone && !list_empty(&service->idle))
		lane = list_entry(service->idle.next, struct lane, idle);
	if (lane) {
		if (list_linked(&lane->idle)) {
			list_unlink(&lane->idle);
			service->n_idle--;
		}
		timeout_cancel(&lane->kept);
	} else {
		lane = lane_new(service, alone);
		if (!lane)
			return NULL;
	}
	lane->user = u;
	u->lane = lane;
	lane->begun_at = lane->stream.sent;
	service->outstanding++;
	return lane;
}

void lane_keep(struct lane *lane, bool own)
{
	struct lane_user *u = lane->user;
	struct service *service = lane->service;
	struct worker *w = service->session->worker;
	if (lane->stream.state != STREAM_OPEN || lane->stream.queued ||
		service->session->state != SESSION_ESTABLISHED) {
		lane_drop(lane, FRAME_RESET_NONE);
		return;
	}
	u->lane = NULL;
	lane->user = NULL;
	lane->begun_at = lane->stream.sent;
	service->outstanding--;
	if (own && !lane->owner) {
		lane_drop(u->own, FRAME_RESET_NONE); /* logged in elsewhere before */
		lane->owner = u;
		u->own = lane;
	}
	if (!lane->owner) {
		bool surplus = service->n_idle >= w->opts->kept_streams;
		list_prepend(&service->idle, &lane->idle);
		service->n_idle++;
		timeout_start(surplus ? &w->surplus : &w->kept, &lane->kept);
	}
}

struct lane *lane_drop(struct lane *lane, enum frame_reset reason)
{
	if (!lane)
		return NULL;
	stream_reset(&lane->stream, reason);
	lane_detach(lane);
	return NULL;
}

void lane_fail(struct lane *lane, enum frame_reset reason, uint64_t taken)
{
	stream_reset(&lane->stream, FRAME_RESET_NONE);
	lane_lost(lane, reason, taken);
}

void lane_kept_expired(struct timeout_queue *queue, struct timeout *entry)
{
	lane_drop(container_of(entry, struct lane, kept), FRAME_RESET_NONE);
}
