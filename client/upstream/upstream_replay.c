/* SPDX-License-Identifier: MIT */
#include "client/upstream/upstream_replay.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/inspector/inspector_tap.h"
#include "client/upstream/upstream_dial.h"

#define READ_SIZE (16 * 1024)
#define READS_MAX 16 /* in a turn: the links have the loop, too */

struct upstream_replay {
	struct upstream_replays *replays;
	struct list link;
	struct publication *pub; /* counted */
	struct frame_open open;
	struct dial_turn turn;
	struct upstream_dial dial;
	struct conn conn; /* fd -1 until it is there */
	struct buf request;
	size_t sent;
	struct inspector_tap *tap;
	void (*ended)(void *arg); /* NULL: nobody waits */
	void *arg;
	struct capture *capture; /* under way for as long as the tap waits */
	struct loop_timer timer;
	struct loop_task work, reap;
};

static void replay_reap(struct loop_task *task)
{
	struct upstream_replay *r = container_of(task, struct upstream_replay, reap);
	publication_unref(r->pub);
	buf_deinit(&r->request);
	free(r);
}

/* The one way out. `why`: it did not reach the upstream; NULL: the answer tells. */
static void replay_end(struct upstream_replay *r, const char *why)
{
	struct upstream_replays *replays = r->replays;
	if (why)
		inspector_end(replays->all->inspector, r->capture, CAPTURE_FAILED, why);
	r->tap = inspector_tap_free(r->tap);
	upstream_dial_cancel(&r->dial);
	conn_close(&r->conn);
	dial_turn_leave(replays->all, &r->turn);
	loop_timer_cancel(&r->timer);
	loop_task_cancel(&r->work);
	list_unlink(&r->link);
	replays->n--;
	loop_defer(replays->all->loop, LOOP_PHASE_REAP, &r->reap);
	if (r->ended)
		r->ended(r->arg);
}

/* False: the connection takes no more. */
static bool replay_write(struct upstream_replay *r)
{
	while (r->sent < buf_len(&r->request) && r->conn.writable) {
		ssize_t n = conn_write(&r->conn, buf_head(&r->request) + r->sent,
			buf_len(&r->request) - r->sent);
		if (n == -EAGAIN)
			return true;
		if (n < 0)
			return false;
		r->sent += (size_t)n;
		r->capture->request.last = loop_now(r->replays->all->loop);
	}
	return true;
}

/* False: the answer has ended, in whichever way. */
static bool replay_read(struct upstream_replay *r)
{
	uint8_t bytes[READ_SIZE];
	for (unsigned i = 0; r->conn.readable; i++) {
		if (i == READS_MAX) {
			loop_defer(r->conn.loop, LOOP_PHASE_WRITE, &r->work);
			return true;
		}
		ssize_t n = conn_read(&r->conn, bytes, sizeof(bytes));
		if (n == -EAGAIN)
			return true;
		if (n >= 0)
			r->tap->tap.read(&r->tap->tap, bytes, (size_t)n);
		if (n <= 0 || !inspector_tap_waits(r->tap))
			return false;
	}
	return true;
}

static void replay_work(struct loop_task *task)
{
	struct upstream_replay *r = container_of(task, struct upstream_replay, work);
	/* What was said before a reset is still wanted. */
	bool writes = replay_write(r);
	if (!replay_read(r) || !writes)
		replay_end(r, NULL);
}

static void replay_changed(struct conn *conn)
{
	struct upstream_replay *r = container_of(conn, struct upstream_replay, conn);
	loop_defer(conn->loop, LOOP_PHASE_WRITE, &r->work);
}

static void replay_connected(struct upstream_dial *dial, struct detached_conn detached)
{
	struct upstream_replay *r = container_of(dial, struct upstream_replay, dial);
	struct loop *loop = r->replays->all->loop;
	dial_turn_leave(r->replays->all, &r->turn);
	if (conn_attach(&r->conn, loop, detached, replay_changed) < 0) {
		replay_end(r, "out of memory");
		return;
	}
	conn_assume_writable(&r->conn);
	r->capture->dialled = r->capture->request.first = r->capture->request.last = loop_now(loop);
	loop_defer(loop, LOOP_PHASE_WRITE, &r->work);
}

static void replay_failed(struct upstream_dial *dial, enum frame_reset reason, const char *why)
{
	replay_end(container_of(dial, struct upstream_replay, dial), why);
}

static void replay_late(struct loop_timer *timer)
{
	struct upstream_replay *r = container_of(timer, struct upstream_replay, timer);
	replay_end(r, r->conn.fd < 0 ? "the upstream was not reached in time" : NULL);
}

static void replay_admitted(struct dial_turn *turn)
{
	struct upstream_replay *r = container_of(turn, struct upstream_replay, turn);
	struct upstream_conns *all = r->replays->all;
	r->dial = (struct upstream_dial){
		.loop = all->loop,
		.resolver = all->resolver,
		.files = &all->files,
		.pub = r->pub,
		.open = &r->open,
		.connection = log_new_connection(),
		.deadline = loop_now(all->loop) + all->dial_timeout,
		.connected = replay_connected,
		.failed = replay_failed,
	};
	upstream_dial_start(&r->dial);
}

/* Its capture begins with it, so that it has an id. False: it found no room. */
static bool replay_capture(struct upstream_replay *r, const struct upstream_replay_request *request)
{
	const struct buf *text = request->text;
	struct upstream_conns *all = r->replays->all;
	struct capture_facts facts = {.service = r->open.service,
		.opened = loop_now(all->loop),
		.replay_of = request->of};
	r->tap = inspector_tap_new(all->inspector, &facts);
	if (!r->tap || buf_append(&r->request, buf_head(text), buf_len(text)) < 0)
		return false;
	r->tap->tap.wrote(&r->tap->tap, buf_head(text), buf_len(text));
	r->capture = r->tap->n_asked ? r->tap->asked[0].capture : NULL;
	return r->capture;
}

static bool may_start(struct upstream_replays *replays)
{
	uint64_t now = loop_now(replays->all->loop);
	if (now - replays->minute >= 60 * CLOCK_S) {
		replays->minute = now;
		replays->in_minute = 0;
	}
	return replays->n < REPLAYS_MAX && replays->in_minute < REPLAYS_MINUTE_MAX;
}

int upstream_replay_start(struct upstream_replays *replays,
	const struct upstream_replay_request *request, uint64_t *id_out)
{
	struct upstream_conns *all = replays->all;
	struct publication *pub = publications_find(all->publications, request->service);
	if (!pub || !publication_takes(pub, FRAME_KIND_HTTP) || pub->upstream.url.h2)
		return REPLAY_NO_SERVICE;
	if (!may_start(replays))
		return REPLAY_TOO_MANY;
	struct upstream_replay *r = calloc(1, sizeof(*r));
	if (!r)
		return REPLAY_NO_ROOM;
	r->replays = replays;
	r->open = (struct frame_open){.kind = FRAME_KIND_HTTP, .service = request->service};
	r->pub = publication_ref(pub);
	r->conn.fd = -1;
	fair_slot_init(&r->turn.slot);
	r->turn.admitted = replay_admitted;
	loop_task_init(&r->work, replay_work);
	loop_task_init(&r->reap, replay_reap);
	loop_timer_init(&r->timer, all->loop, replay_late);
	list_init(&r->link);
	list_append(&replays->list, &r->link);
	replays->n++;
	struct address nobody = {0};
	if (!replay_capture(r, request) || dial_turn_wait(all, &r->turn, &nobody, r->pub) < 0) {
		replay_end(r, "out of memory");
		return REPLAY_NO_ROOM;
	}
	r->ended = request->ended;
	r->arg = request->arg;
	replays->in_minute++;
	loop_timer_set(&r->timer, loop_now(all->loop) + REPLAY_TIME);
	*id_out = r->capture->id;
	return REPLAY_STARTED;
}

void upstream_replay_forget(struct upstream_replays *replays, const void *arg)
{
	list_for_each (it, &replays->list) {
		struct upstream_replay *r = list_entry(it, struct upstream_replay, link);
		if (r->arg == arg)
			r->ended = NULL;
	}
}

void upstream_replays_init(struct upstream_replays *replays, struct upstream_conns *all)
{
	*replays = (struct upstream_replays){.all = all};
	list_init(&replays->list);
}

void upstream_replays_deinit(struct upstream_replays *replays)
{
	if (!replays->all)
		return;
	while (!list_empty(&replays->list))
		replay_end(list_entry(replays->list.next, struct upstream_replay, link), NULL);
	replays->all = NULL;
}
