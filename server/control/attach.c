/* SPDX-License-Identifier: MIT */
#include "server/control/attach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/base/audit_log.h"
#include "server/control/attach_pace.h"
#include "server/control/client_change.h"
#include "server/control/endpoint_request.h"

/* Lines about what was declined, of all: clients ask again every few seconds. */
#define DECLINED_LOG_EVERY (10 * CLOCK_S)
#define DECLINED_LOG_BURST 16

/* One that has no answer yet. */
struct attach_request {
	struct client_change change;
	struct list of_session; /* session::attaching */
	struct list waiting;    /* registrar::attaching; in no list: its change is under way */
	struct control message; /* a copy */
};

static struct attach_request *of(struct change *c)
{
	return container_of(client_change_of(c), struct attach_request, change);
}

/* Its texts are those of the message. */
static struct endpoint_request asked(const struct session *s, const struct control *m)
{
	return (struct endpoint_request){.consumer = s->base.identity,
		.service = m->attach.service,
		.kind = m->attach.kind,
		.name = m->attach.name,
		.message = m->attach.message,
		.e2e_key = m->attach.e2e_given ? m->attach.e2e_key : NULL};
}

/* ---- Answers ---- */

static void decline(struct session *s, const struct control *asked, enum control_reason reason,
	const char *sentence)
{
	char more[LOG_LIMIT_MORE];
	struct control m = {.type = CONTROL_DECLINED};
	struct server_link *l = session_link(s);
	m.declined.endpoint = asked->attach.endpoint;
	m.declined.reason = reason;
	m.declined.sentence = sentence;
	if (l)
		link_mail_send(l, &m);
	if (!log_limit_pass(&s->registrar->log_declined, session_now(s), DECLINED_LOG_EVERY,
		    DECLINED_LOG_BURST, more))
		return;
	log_info("session %s of %s asked to use %s and was declined: %s%s", s->base.name,
		s->base.identity->name, asked->attach.service, sentence, more);
	session_audit(s, "endpoint.decline", asked->attach.service, sentence);
}

static void attach_now(struct session *s, const struct control *m, struct endpoint *e)
{
	struct session_attachment *a = attachments_find(s, m->attach.endpoint);
	if (a && a->endpoint == e)
		a->stale = false;
	if (a && a->endpoint == e && a->there)
		attachments_tell(a);
	else if (a && a->endpoint != e)
		decline(s, m, CONTROL_REASON_INVALID, "this endpoint number is in use");
	else if (!a && attachments_add(s, m->attach.endpoint, e) < 0)
		decline(s, m, CONTROL_REASON_OTHER, "the server is out of memory");
}

/* ---- Requests ---- */

static void request_free(struct attach_request *rq)
{
	if (rq->change.session)
		rq->change.session->n_attaching--;
	list_unlink(&rq->of_session);
	list_unlink(&rq->waiting);
	control_deinit(&rq->message);
	free(rq);
}

/* ---- The endpoint has to be made, or has changed ---- */

static bool request_check(struct change *c)
{
	struct attach_request *rq = of(c);
	struct session *s = rq->change.session;
	struct endpoint_request wanted = asked(s, &rq->message);
	struct endpoint_verdict v;
	if (!session_link(s))
		return false; /* its token was revoked meanwhile */
	endpoint_request_check(c->queue->catalog, &wanted, &v);
	if (v.answer == ENDPOINT_NEWS)
		return endpoint_request_add(c, &wanted, &v);
	if (v.answer == ENDPOINT_THERE)
		attach_now(s, &rq->message, v.endpoint);
	else
		decline(s, &rq->message, v.reason, v.err.text);
	return false;
}

static void request_answer(struct change *c)
{
	struct attach_request *rq = of(c);
	struct session *s = rq->change.session;
	struct endpoint_request wanted = asked(s, &rq->message);
	struct endpoint *e = endpoint_request_find(c->queue->catalog, &wanted);
	if (e && session_link(s))
		attach_now(s, &rq->message, e);
}

static void request_refuse(struct change *c, enum change_refusal why, const char *sentence)
{
	struct attach_request *rq = of(c);
	char text[CONTROL_TEXT + 1];
	snprintf(text, sizeof(text), "it cannot be stored: %s", sentence);
	decline(rq->change.session, &rq->message, CONTROL_REASON_OTHER,
		why == CHANGE_NO_MEMORY ? sentence : text);
}

static void request_free_change(struct change *c)
{
	client_change_over(client_change_of(c));
	request_free(of(c));
}

static const struct change_ops request_ops = {
	.check = request_check,
	.answer = request_answer,
	.refuse = request_refuse,
	.free = request_free_change,
};

/* NULL: memory is out. */
static struct attach_request *request_new(struct session *s, const struct control *m)
{
	struct attach_request *rq = calloc(1, sizeof(*rq));
	if (!rq || control_copy(m, &rq->message) < 0) {
		free(rq);
		return NULL;
	}
	list_init(&rq->of_session);
	list_init(&rq->waiting);
	client_change_init(&rq->change, s, &request_ops);
	list_append(&s->attaching, &rq->of_session);
	s->n_attaching++;
	return rq;
}

/* Nobody wants it any more. */
static void request_forget(struct attach_request *rq)
{
	rq->change.session->n_attaching--;
	list_unlink(&rq->of_session);
	client_change_forget(&rq->change);
}

/* ---- Judged, when its turn has come ---- */

static void request_turn(struct attach_request *rq)
{
	struct session *s = rq->change.session;
	struct endpoint_request wanted = asked(s, &rq->message);
	struct endpoint_verdict v;
	endpoint_request_check(s->registrar->catalog, &wanted, &v);
	if (v.answer == ENDPOINT_REFUSED && v.reason == CONTROL_REASON_UNKNOWN)
		attach_pace_missed(s->base.identity, session_now(s));
	else if (v.answer == ENDPOINT_NEWS)
		attach_pace_found(s->base.identity);
	if (v.answer == ENDPOINT_NEWS) {
		client_change_submit(&rq->change);
		return;
	}
	if (v.answer == ENDPOINT_THERE)
		attach_now(s, &rq->message, v.endpoint);
	else
		decline(s, &rq->message, v.reason, v.err.text);
	request_free(rq);
}

static bool is_due(const struct attach_request *rq)
{
	return attach_pace_due(rq->change.identity) <= session_now(rq->change.session);
}

/* Each second while somebody waits. Of one identity's, the first that has to wait again makes the others wait. */
static void attach_look(struct loop_timer *timer)
{
	struct registrar *r = container_of(timer, struct registrar, attach_timer);
	list_for_each_safe (it, &r->attaching) {
		struct attach_request *rq = list_entry(it, struct attach_request, waiting);
		if (!is_due(rq))
			continue;
		list_unlink(&rq->waiting);
		request_turn(rq);
	}
	if (!list_empty(&r->attaching))
		loop_timer_set(timer, loop_now(r->worker->loop) + ATTACH_MISS_EVERY);
}

static void request_wait(struct attach_request *rq)
{
	struct registrar *r = rq->change.session->registrar;
	if (list_empty(&r->attaching))
		loop_timer_set(&r->attach_timer, loop_now(r->worker->loop) + ATTACH_MISS_EVERY);
	list_append(&r->attaching, &rq->waiting);
}

/* ---- What clients say ---- */

static struct attach_request *find(struct session *s, uint32_t number)
{
	list_for_each (it, &s->attaching) {
		struct attach_request *rq = list_entry(it, struct attach_request, of_session);
		if (rq->message.attach.endpoint == number)
			return rq;
	}
	return NULL;
}

void attach_ask(struct session *s, const struct control *m)
{
	char text[64];
	struct attach_request *before = find(s, m->attach.endpoint);
	/* Said again over a new link, before it was answered: the answer goes there. */
	if (before)
		request_forget(before);
	bool most = s->n_attachments + s->n_attaching >= SESSION_ATTACHMENTS_MAX ||
		    s->n_coming >= SESSION_COMING_MAX;
	if (most && !attachments_find(s, m->attach.endpoint)) {
		snprintf(text, sizeof(text), "a session uses at most %d private services",
			SESSION_ATTACHMENTS_MAX);
		decline(s, m, CONTROL_REASON_LIMIT, text);
		return;
	}
	struct attach_request *rq = request_new(s, m);
	if (!rq)
		decline(s, m, CONTROL_REASON_OTHER, "the server is out of memory");
	else if (is_due(rq))
		request_turn(rq);
	else
		request_wait(rq);
}

void attach_detach(struct session *s, uint32_t number)
{
	struct session_attachment *a = attachments_find(s, number);
	struct attach_request *rq = find(s, number);
	if (a)
		attachments_remove(a);
	if (rq)
		request_forget(rq);
}

void attach_end(struct session *s)
{
	while (!list_empty(&s->attaching))
		request_forget(list_entry(s->attaching.next, struct attach_request, of_session));
}

void attach_init(struct registrar *r)
{
	list_init(&r->attaching);
	loop_timer_init(&r->attach_timer, r->worker->loop, attach_look);
}

void attach_deinit(struct registrar *r)
{
	loop_timer_cancel(&r->attach_timer);
}
