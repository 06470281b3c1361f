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
	open_out->service = lane->branch->service->number;
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
	branch_distrust(lane->branch);
	lane_fail(lane, FRAME_RESET_PROTOCOL, s->sent);
	return n;
}

static void lane_push_end(struct stream *s)
{
	struct lane *lane = lane_of(s);
	if (!lane->user || !lane->user->ops->push_end(lane->user))
		lane_fail(lane, FRAME_RESET_NONE, s->peer_taken);
}

/* Its user is done with it. */
static void lane_released(struct lane *lane)
{
	lane->user = NULL;
	trunk_finished(lane->trunk);
	branch_finished(lane->branch);
}

/* Off the branch's lists of those that wait for anybody, or rest without an owner. */
static void lane_unshelve(struct lane *lane)
{
	if (!list_linked(&lane->idle))
		return;
	list_unlink(&lane->idle);
	if (lane->use == LANE_RESTING)
		lane->branch->n_resting--;
	else
		lane->branch->n_idle--;
}

/* Out of every list; memory goes at the end of the turn. */
static void lane_detach(struct lane *lane)
{
	list_unlink(&lane->of_branch);
	timeout_cancel(&lane->kept);
	lane_unshelve(lane);
	if (lane->owner) {
		lane->owner->own = NULL;
		lane->owner = NULL;
	}
	if (lane->user) {
		lane->user->lane = NULL;
		lane_released(lane);
	} else if (lane->branch->gone && !lane->branch->outstanding &&
		   list_empty(&lane->branch->lanes)) {
		branch_emptied(lane->branch);
	}
	loop_defer(lane->trunk->worker->loop, LOOP_PHASE_REAP, &lane->reap);
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
	struct branch *branch = lane->branch;
	bool untouched = u && lane_untouched(lane, reason, taken);
	/* Before a branch that is gone goes with its last lane. */
	if (frame_reset_is_dial(reason))
		branch_failed(branch, loop_now(lane->trunk->worker->loop));
	if (reason == FRAME_RESET_SURPLUS)
		branch_distrust(branch);
	lane_detach(lane);
	if (u)
		u->ops->lost(u, branch, reason, untouched);
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

static struct lane *lane_new(struct branch *branch, bool alone)
{
	struct trunk *trunk = branch_trunk(branch);
	struct lane *lane = trunk ? calloc(1, sizeof(*lane)) : NULL;
	if (!lane)
		return NULL;
	stream_init(&lane->stream, &lane_ops);
	list_init(&lane->of_branch);
	list_init(&lane->idle);
	timeout_init(&lane->kept);
	loop_task_init(&lane->reap, lane_reap);
	lane->branch = branch;
	lane->trunk = trunk;
	lane->alone = alone;
	if (mux_open(&trunk->io.link.mux, &lane->stream) < 0) {
		free(lane);
		return NULL;
	}
	list_append(&branch->lanes, &lane->of_branch);
	return lane;
}

/* A kept stream is not worth waiting on a link that does not answer, where another does. */
static bool lane_answers(const struct lane *lane)
{
	const struct trunk *other = trunk_silent(lane->trunk) ? branch_trunk(lane->branch) : NULL;
	return !other || trunk_silent(other);
}

/* One that is kept, and may serve this request; NULL: none. */
static struct lane *lane_find(const struct branch *branch, const struct lane_user *u, bool alone)
{
	struct lane *own = u->own && u->own->branch == branch ? u->own : NULL;
	if (own && (own->use == LANE_OWN || (!alone && lane_answers(own))))
		return own;
	if (alone || list_empty(&branch->idle))
		return NULL;
	struct lane *lane = list_entry(branch->idle.next, struct lane, idle);
	return lane_answers(lane) ? lane : NULL;
}

/* A service that was found to send what nobody asked for: lanes that did not rest serve nobody. */
static void branch_heed_distrust(struct branch *branch)
{
	if (branch->strict || !service_strict(branch->service))
		return;
	branch->strict = true;
	list_for_each_safe (it, &branch->lanes) {
		struct lane *lane = list_entry(it, struct lane, of_branch);
		if (!lane->user && lane->use == LANE_SHARED)
			lane_drop(lane, FRAME_RESET_NONE);
	}
}

struct lane *lane_take(struct branch *branch, struct lane_user *u, bool alone)
{
	branch_heed_distrust(branch);
	struct lane *lane = lane_find(branch, u, alone);
	if (lane) {
		lane_unshelve(lane);
		timeout_cancel(&lane->kept);
		if (lane->use == LANE_RESTING)
			lane->use = LANE_DOUBTFUL;
		stream_reuse(&lane->stream);
	} else {
		lane = lane_new(branch, alone);
		if (!lane)
			return NULL;
	}
	lane->user = u;
	u->lane = lane;
	lane->begun_at = lane->stream.sent;
	branch_began(branch);
	trunk_began(lane->trunk);
	return lane;
}

/* Waits for anybody's request. */
static void lane_shelve(struct lane *lane)
{
	struct branch *branch = lane->branch;
	struct worker *w = lane->trunk->worker;
	bool surplus = branch->n_idle >= w->opts->kept_streams;
	lane->use = LANE_SHARED;
	list_prepend(&branch->idle, &lane->idle);
	branch->n_idle++;
	timeout_start(surplus ? &w->surplus : &w->kept, &lane->kept);
}

/* Rests without an owner. As many may as may wait: each is a connection to the upstream. */
static void lane_rest(struct lane *lane)
{
	struct branch *branch = lane->branch;
	if (branch->n_resting >= lane->trunk->worker->opts->kept_streams) {
		lane_drop(lane, FRAME_RESET_NONE);
		return;
	}
	list_append(&branch->resting, &lane->idle);
	branch->n_resting++;
}

void lane_disown(struct lane *lane)
{
	if (!lane || lane->use != LANE_RESTING) {
		lane_drop(lane, FRAME_RESET_NONE);
		return;
	}
	lane->owner->own = NULL;
	lane->owner = NULL;
	lane_rest(lane);
}

/* It waits with `u`, who keeps one at a time: a login is not given up for less. */
static void lane_own(struct lane *lane, struct lane_user *u)
{
	struct worker *w = lane->trunk->worker;
	bool login = u->own && u->own != lane && u->own->use == LANE_OWN;
	if (lane->use == LANE_RESTING)
		timeout_start(&w->resting, &lane->kept);
	else if (lane->use == LANE_DOUBTFUL)
		timeout_start(&w->kept, &lane->kept);
	if (login && lane->use != LANE_OWN) {
		if (lane->use == LANE_RESTING)
			lane_rest(lane);
		else
			lane_drop(lane, FRAME_RESET_NONE);
		return;
	}
	if (u->own != lane)
		lane_disown(u->own);
	lane->owner = u;
	u->own = lane;
}

static enum lane_use lane_next_use(const struct lane *lane, enum lane_use use)
{
	const struct service *service = lane->branch->service;
	if (service->per_visitor)
		return LANE_OWN;
	return MAX(MAX(lane->use, use), service_strict(service) ? LANE_RESTING : LANE_SHARED);
}

void lane_keep(struct lane *lane, enum lane_use use)
{
	struct lane_user *u = lane->user;
	if (lane->stream.state != STREAM_OPEN || lane->stream.queued || lane->branch->gone ||
		lane->trunk->state != TRUNK_ESTABLISHED) {
		lane_drop(lane, FRAME_RESET_NONE);
		return;
	}
	u->lane = NULL;
	lane->begun_at = lane->stream.sent;
	lane_released(lane);
	lane->use = lane_next_use(lane, use);
	if (lane->use == LANE_SHARED)
		lane_shelve(lane);
	else
		lane_own(lane, u);
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

void lane_rested(struct timeout_queue *queue, struct timeout *entry)
{
	struct lane *lane = container_of(entry, struct lane, kept);
	if (lane->owner) {
		lane->owner->own = NULL;
		lane->owner = NULL;
	}
	lane_unshelve(lane);
	lane_shelve(lane);
}
