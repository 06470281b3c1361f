/* SPDX-License-Identifier: MIT */
#include "server/admin/admin_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/state.h"
#include "server/admin/admin_http.h"
#include "server/base/worker.h"
#include "server/control/grants.h"

enum admin_stream_state {
	ADMIN_STREAM_COLLECTING,
	ADMIN_STREAM_ASKED, /* its mail is on its way, or the main thread has it */
	ADMIN_STREAM_ANSWERING,
	ADMIN_STREAM_ENDING /* what still comes is dropped */
};

struct admin_stream {
	struct stream stream;
	struct worker *worker;
	struct server_link *link; /* for the main thread, before it forgets the link */
	struct list of_link;      /* server_link::admin_streams */
	enum admin_stream_state state;
	struct admin_http http;
	bool last;      /* no request follows */
	struct buf out; /* the answer */
	size_t kept;    /* bytes that stream_keep() knows of */
	struct loop_task resume, reap;
	struct mail mail;
	struct api_request request; /* the main thread's while ASKED */
};

static struct admin_stream *admin_stream_of(struct stream *s)
{
	return container_of(s, struct admin_stream, stream);
}

static void admin_stream_set_state(struct admin_stream *a, enum admin_stream_state state)
{
	static const char *const names[] = {"collecting", "asked", "answering", "ending"};
	static const uint8_t legal[] = {
		[ADMIN_STREAM_COLLECTING] = 1 << ADMIN_STREAM_ASKED | 1 << ADMIN_STREAM_ANSWERING |
					    1 << ADMIN_STREAM_ENDING,
		[ADMIN_STREAM_ASKED] = 1 << ADMIN_STREAM_ANSWERING,
		[ADMIN_STREAM_ANSWERING] = 1 << ADMIN_STREAM_COLLECTING | 1 << ADMIN_STREAM_ENDING,
		[ADMIN_STREAM_ENDING] = 0,
	};
	static const struct state_table table = {"admin stream", names, legal};
	state_step(&table, a->state, state);
	a->state = state;
}

/* ---- Its end ---- */

static void admin_stream_free(struct admin_stream *a)
{
	list_unlink(&a->of_link);
	loop_task_cancel(&a->resume);
	loop_task_cancel(&a->reap);
	admin_http_deinit(&a->http);
	api_request_deinit(&a->request);
	buf_deinit(&a->out);
	free(a);
}

static void admin_stream_reap(struct loop_task *task)
{
	admin_stream_free(container_of(task, struct admin_stream, reap));
}

/* The stream is closed. While the main thread has the request, its answer comes first. */
static void admin_stream_end(struct admin_stream *a)
{
	loop_task_cancel(&a->resume);
	if (a->state != ADMIN_STREAM_ASKED)
		loop_defer(a->worker->loop, LOOP_PHASE_REAP, &a->reap);
}

static void admin_stream_reset(struct admin_stream *a, enum frame_reset reason)
{
	stream_reset(&a->stream, reason);
	admin_stream_end(a);
}

/* Charges what it holds now. False: memory is out; the stream may be closed. */
static bool admin_stream_keep(struct admin_stream *a)
{
	size_t now = admin_http_memory(&a->http) + a->request.body_size + a->out.cap;
	bool kept = stream_keep(&a->stream, a->kept, now);
	if (kept)
		a->kept = now;
	return kept;
}

/* ---- The answer ---- */

/* What the request holds goes, and what is there to be sent is the answer. */
static void admin_stream_answer(struct admin_stream *a)
{
	a->last |= a->http.last;
	a->http.last = a->last;
	int r = admin_http_answer(&a->http, &a->request, &a->out);
	admin_http_deinit(&a->http);
	api_request_deinit(&a->request);
	a->request = (struct api_request){0};
	admin_stream_set_state(a, ADMIN_STREAM_ANSWERING);
	if (r == 0 && admin_stream_keep(a))
		stream_ready(&a->stream);
	else if (stream_alive(&a->stream))
		admin_stream_reset(a, FRAME_RESET_NO_MEMORY);
}

static void admin_stream_returned(struct mail *mail)
{
	struct admin_stream *a = container_of(mail, struct admin_stream, mail);
	if (stream_alive(&a->stream)) {
		admin_stream_answer(a);
		return;
	}
	admin_stream_set_state(a, ADMIN_STREAM_ANSWERING);
	admin_stream_end(a);
}

static void admin_stream_discard(struct mail *mail)
{
	admin_stream_free(container_of(mail, struct admin_stream, mail));
}

/* On the main thread. */
static void admin_stream_answered(struct api_request *rq)
{
	struct admin_stream *a = container_of(rq, struct admin_stream, request);
	a->mail.deliver = admin_stream_returned;
	node_post(a->worker->node, a->worker->index, &a->mail);
}

/* ---- The request ---- */

static void actor_of_link(const struct server_link *l, struct api_actor *actor)
{
	struct identity *identity = l->credential->identity;
	char peer[ADDRESS_TEXT_SIZE];
	server_link_peer(l, peer);
	snprintf(actor->name, sizeof(actor->name), "%s", identity->name);
	snprintf(actor->via, sizeof(actor->via), "link %s",
		l->session ? l->session->base.name : peer);
	actor->identity = identity;
	actor->credential = l->credential;
	actor->from = l->peer;
	actor->may_all = identity->value.is_operator;
}

/* On the main thread. The link's end comes behind this mail, and what the registrar heard of it before. */
static void admin_stream_arrived(struct mail *mail)
{
	struct admin_stream *a = container_of(mail, struct admin_stream, mail);
	struct api_request *rq = &a->request;
	struct error err;
	actor_of_link(a->link, &rq->actor);
	rq->answered = admin_stream_answered;
	/* It may be on its way to be closed: what takes a right away does so at once. */
	if (grants_check_link(a->link, &err) == 0)
		api_ask(&a->worker->node->admin->api, rq);
	else
		api_refuse(rq, API_DENIED, "%s", err.text);
}

static void admin_stream_ask(struct admin_stream *a)
{
	admin_stream_set_state(a, ADMIN_STREAM_ASKED);
	a->mail = (struct mail){.deliver = admin_stream_arrived, .discard = admin_stream_discard};
	node_post(a->worker->node, 0, &a->mail);
}

/* For a request that is refused before it is asked, and of which no end is known. */
static void admin_stream_refused(struct api_request *rq)
{
	struct admin_stream *a = container_of(rq, struct admin_stream, request);
	a->last = true;
	admin_stream_answer(a);
}

static void admin_stream_refuse(struct admin_stream *a, enum api_reason reason, const char *why)
{
	a->request.answered = admin_stream_refused;
	api_refuse(&a->request, reason, "%s", why);
}

/* ---- The stream ---- */

static size_t admin_stream_collect(struct admin_stream *a, const uint8_t *p, size_t n)
{
	enum api_reason reason;
	struct error err;
	size_t used;
	enum admin_http_result r =
		admin_http_take(&a->http, p, n, &a->request, &used, &reason, &err);
	bool kept = admin_stream_keep(a);
	if (!stream_alive(&a->stream))
		return used;
	if (r == ADMIN_HTTP_REFUSED)
		admin_stream_refuse(a, reason, err.text);
	else if (!kept)
		admin_stream_refuse(a, API_BUSY, "the exit node has no memory for this request");
	else if (r == ADMIN_HTTP_READY)
		admin_stream_ask(a);
	return used;
}

static size_t admin_stream_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct admin_stream *a = admin_stream_of(s);
	switch (a->state) {
	case ADMIN_STREAM_COLLECTING:
		return admin_stream_collect(a, p, n);
	case ADMIN_STREAM_ASKED:
	case ADMIN_STREAM_ANSWERING:
		return 0; /* the next request waits in the window */
	case ADMIN_STREAM_ENDING:
		break;
	}
	return n;
}

static void admin_stream_push_end(struct stream *s)
{
	struct admin_stream *a = admin_stream_of(s);
	a->last = true;
	if (a->state != ADMIN_STREAM_COLLECTING)
		return;
	if (admin_http_begun(&a->http)) {
		admin_stream_reset(a, FRAME_RESET_PROTOCOL);
		return;
	}
	admin_stream_set_state(a, ADMIN_STREAM_ENDING);
	stream_ready(s);
}

/* The answer is in the record: what came meanwhile is read in the next turn. */
static ssize_t admin_stream_sent(struct admin_stream *a)
{
	buf_deinit(&a->out);
	admin_stream_keep(a); /* it is less than before */
	admin_stream_set_state(a, a->last ? ADMIN_STREAM_ENDING : ADMIN_STREAM_COLLECTING);
	loop_defer(a->worker->loop, LOOP_PHASE_READ, &a->resume);
	return a->last ? 0 : -EAGAIN;
}

static ssize_t admin_stream_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct admin_stream *a = admin_stream_of(s);
	size_t n = MIN(max, buf_len(&a->out));
	if (a->state == ADMIN_STREAM_ENDING)
		return 0;
	if (a->state != ADMIN_STREAM_ANSWERING)
		return -EAGAIN;
	if (!n)
		return admin_stream_sent(a);
	memcpy(room, buf_head(&a->out), n);
	buf_consume(&a->out, n);
	return (ssize_t)n;
}

static void admin_stream_resume(struct loop_task *task)
{
	stream_resume(&container_of(task, struct admin_stream, resume)->stream);
}

static void admin_stream_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	admin_stream_end(admin_stream_of(s));
}

static const struct stream_ops stream_ops = {
	.pull = admin_stream_pull,
	.push = admin_stream_push,
	.push_end = admin_stream_push_end,
	.closed = admin_stream_closed,
};

struct stream *admin_stream_open(struct server_link *l, enum frame_reset *reason_out)
{
	size_t n = 0;
	list_for_each (it, &l->admin_streams)
		n++;
	struct admin_stream *a = n < ADMIN_STREAMS_MAX ? calloc(1, sizeof(*a)) : NULL;
	if (!a) {
		*reason_out = n < ADMIN_STREAMS_MAX ? FRAME_RESET_NO_MEMORY : FRAME_RESET_BUSY;
		return NULL;
	}
	a->worker = l->worker;
	a->link = l;
	loop_task_init(&a->resume, admin_stream_resume);
	loop_task_init(&a->reap, admin_stream_reap);
	stream_init(&a->stream, &stream_ops);
	list_append(&l->admin_streams, &a->of_link);
	return &a->stream;
}
