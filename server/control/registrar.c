/* SPDX-License-Identifier: MIT */
#include "server/control/registrar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/digest.h"
#include "policy/timestamp.h"
#include "server/control/grants.h"
#include "server/base/audit_log.h"
#include "server/control/attach.h"
#include "server/control/pending.h"
#include "server/control/pending_expire.h"
#include "server/control/port.h"
#include "server/control/private_publish.h"
#include "server/control/publish.h"
#include "server/control/session_close.h"
#include "server/control/sharing.h"

static void registrar_describe(struct status *status, char text_out[STATUS_SIZE])
{
	struct registrar *r = container_of(status, struct registrar, status);
	size_t sessions = 0, services = 0;
	list_for_each (it, &r->sessions) {
		sessions++;
		services += list_entry(it, struct session, link)->n_services;
	}
	if (sessions)
		snprintf(text_out, STATUS_SIZE, "Serving; clients: %zu, services: %zu", sessions,
			services);
	else
		snprintf(text_out, STATUS_SIZE, "Serving; no client is connected");
}

void registrar_init(struct registrar *r, struct node *n, struct catalog *catalog)
{
	*r = (struct registrar){.node = n, .catalog = catalog, .worker = n->workers[0]};
	list_init(&r->sessions);
	list_init(&r->unbound);
	list_init(&r->ports);
	list_init(&r->kept);
	list_init(&r->news);
	attach_init(r);
	pending_expire_init(r);
	status_init(&r->status, n->workers[0]->loop, registrar_describe);
}

static void registrar_discard(struct session *s)
{
	session_unlist(s);
	session_close_over(s);
	attach_end(s);
	private_publish_end(s);
	attachments_discard_all(s);
	publish_discard_all(s);
	session_discard(s);
}

void registrar_deinit(struct registrar *r)
{
	if (!r->node)
		return;
	status_deinit(&r->status);
	attach_deinit(r);
	pending_expire_deinit(r);
	while (!list_empty(&r->sessions))
		registrar_discard(list_entry(r->sessions.next, struct session, link));
	sharing_deinit(r);
}

void registrar_drain(struct registrar *r)
{
	status_deinit(&r->status); /* the end has a line of its own */
	list_for_each (it, &r->ports)
		port_close(list_entry(it, struct port, link));
}

/* ---- Who it is ---- */

/* The session that this process had before, if it proves to be the same process (rule 28). */
static struct session *registrar_resumed(struct registrar *r, const struct server_link *l,
	const uint8_t resume[CONTROL_SECRET])
{
	uint8_t mac[MAC_SIZE];
	mac_make(resume, l->instance, sizeof(l->instance), mac);
	list_for_each (it, &r->sessions) {
		struct session *s = list_entry(it, struct session, link);
		if (s->base.identity == l->credential->identity &&
			memcmp(s->instance, l->instance, sizeof(s->instance)) == 0 &&
			mac_verify(s->resume, l->instance, sizeof(l->instance), mac))
			return s;
	}
	return NULL;
}

/* Rule 29. */
static void registrar_join(struct registrar *r, struct server_link *l, const struct control *m,
	const uint8_t hash[HANDSHAKE_HASH_SIZE])
{
	if (l->session) {
		link_mail_close(l, "it belongs to a session already");
		return;
	}
	list_for_each (it, &r->sessions) {
		struct session *s = list_entry(it, struct session, link);
		if (memcmp(s->id, m->join.session, sizeof(s->id)) != 0)
			continue;
		if (s->base.identity != l->credential->identity ||
			!mac_verify(s->resume, hash, HANDSHAKE_HASH_SIZE, m->join.mac))
			break;
		if (s->n_links >= SESSION_LINKS_MAX)
			link_mail_close(l, "its session has as many links as it may");
		else if (session_join(s, l))
			pending_tell_all(l, s);
		return;
	}
	link_mail_close(l, "there is no such session to join");
}

/* ---- What links tell ---- */

enum registrar_event_kind { REGISTRAR_EVENT_UP, REGISTRAR_EVENT_CONTROL };

struct registrar_event {
	struct mail mail;
	struct server_link *server_link; /* alive until it is told to have been forgotten */
	struct node *node;
	enum registrar_event_kind kind;
	bool resume_given;
	uint8_t secret[CONTROL_SECRET];
	uint8_t hash[HANDSHAKE_HASH_SIZE]; /* of the link's handshake: of a join */
	struct control message;            /* its texts are held */
};

/* Whatever its worker's keyring said: the answer to who revoked its token may be out by now. */
static void registrar_up(struct registrar *r, struct server_link *l,
	const struct registrar_event *e)
{
	struct error err;
	list_append(&r->unbound, &l->of_session);
	l->since = policy_now();
	if (grants_check_link(l, &err) < 0) {
		session_deny_link(r, l, err.text);
		return;
	}
	l->credential->value.last_used_at = l->since;
	l->credential->use_is_news = true;
	struct session *s = e->resume_given ? registrar_resumed(r, l, e->secret) : NULL;
	if (s && session_resume(s, l)) {
		publish_expect_again(s);
		attachments_expect_again(s);
	}
}

static struct session *registrar_session_new(struct registrar *r, struct server_link *l)
{
	struct session *s = session_new(r, l);
	if (!s) {
		link_mail_close(l, "the server is out of memory");
		return NULL;
	}
	publish_init(s);
	attachments_init(s);
	list_init(&s->attaching);
	list_init(&s->publishing);
	return s;
}

/* Perhaps one of the sessions that it has is dead and does not know (rule 28): its client asks again. */
static void registrar_refuse_session(struct server_link *l, const struct control *m,
	const char *sentence)
{
	list_for_each (it, &l->credential->identity->sessions)
		session_suspect(list_entry(it, struct session, of_identity));
	struct control answer = {.type = CONTROL_REFUSED};
	if (m->type == CONTROL_PUBLISH) {
		answer.refused.service = m->publish.service;
		answer.refused.reason = CONTROL_REASON_LIMIT;
		answer.refused.sentence = sentence;
	} else if (m->type == CONTROL_ATTACH) {
		answer.type = CONTROL_DECLINED;
		answer.declined.endpoint = m->attach.endpoint;
		answer.declined.reason = CONTROL_REASON_LIMIT;
		answer.declined.sentence = sentence;
	} else {
		return;
	}
	link_mail_send(l, &answer);
}

/* A client is a session once it says something of its own. NULL: it may not, or memory is out. */
static struct session *registrar_session(struct registrar *r, struct server_link *l,
	const struct control *m)
{
	char peer[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	struct error err;
	if (l->session)
		return l->session;
	if (grants_check_sessions(l->credential->identity, &err) == 0)
		return registrar_session_new(r, l);
	registrar_refuse_session(l, m, err.text);
	server_link_peer(l, peer);
	audit_log(&(struct audit_entry){.actor = l->credential->identity->name,
		.via = peer,
		.action = "session.refuse",
		.subject = peer,
		.why = err.text});
	if (log_limit_pass(&r->log_denied, loop_now(r->worker->loop), SERVER_LINK_SAY_AGAIN, 1,
		    more))
		log_warn_of(l->connection, "client %s was refused: %s%s", peer, err.text, more);
	return NULL;
}

static void registrar_notice(struct registrar *r, const struct session *s, const char *sentence)
{
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&r->log_notices, loop_now(r->worker->loop), SESSION_NOTICE_EVERY, 1,
		    more))
		log_info("session %s says: %s%s", s->base.name, sentence, more);
}

static void registrar_control(struct registrar *r, struct server_link *l,
	const struct registrar_event *event)
{
	const struct control *m = &event->message;
	if (m->type == CONTROL_JOIN) {
		registrar_join(r, l, m, event->hash);
		return;
	}
	if (m->type == CONTROL_HEALTH) {
		if (l->session)
			publish_health(l->session, m);
		return;
	}
	struct session *s = registrar_session(r, l, m);
	if (!s) {
		return;
	} else if (m->type == CONTROL_PUBLISH && m->publish.private_name) {
		private_publish(s, l, m);
	} else if (m->type == CONTROL_PUBLISH) {
		publish_service(s, l, m);
	} else if (m->type == CONTROL_WITHDRAW) {
		private_publish_withdraw(s, m->withdraw.service);
		publish_withdraw(s, m->withdraw.service);
	} else if (m->type == CONTROL_ATTACH) {
		attach_ask(s, m);
	} else if (m->type == CONTROL_DETACH) {
		attach_detach(s, m->detach.endpoint);
	} else {
		registrar_notice(r, s, m->notice.sentence);
	}
}

static void registrar_event_free(struct registrar_event *e)
{
	control_deinit(&e->message);
	explicit_bzero(e->secret, sizeof(e->secret));
	free(e);
}

static void registrar_deliver(struct mail *mail)
{
	struct registrar_event *e = container_of(mail, struct registrar_event, mail);
	struct registrar *r = e->node->registrar;
	if (e->kind == REGISTRAR_EVENT_UP) {
		registrar_up(r, e->server_link, e);
	} else {
		if (!e->server_link->denied)
			registrar_control(r, e->server_link, e);
		atomic_fetch_sub_explicit(&e->server_link->pending, 1, memory_order_relaxed);
	}
	registrar_event_free(e);
}

static void registrar_event_discard(struct mail *mail)
{
	registrar_event_free(container_of(mail, struct registrar_event, mail));
}

static struct registrar_event *registrar_event_new(struct server_link *l,
	enum registrar_event_kind kind)
{
	struct registrar_event *e = calloc(1, sizeof(*e));
	if (!e) {
		link_close(&l->io.link, LINK_END_LOCAL, "out of memory");
		return NULL;
	}
	e->mail = (struct mail){.deliver = registrar_deliver, .discard = registrar_event_discard};
	e->server_link = l;
	e->node = l->worker->node;
	e->kind = kind;
	return e;
}

void registrar_link_up(struct server_link *l, const struct control *hello)
{
	struct registrar_event *e = registrar_event_new(l, REGISTRAR_EVENT_UP);
	if (!e)
		return;
	/* Nobody reads these before the event. */
	memcpy(l->instance, hello->hello.instance, sizeof(l->instance));
	snprintf(l->version, sizeof(l->version), "%s", hello->hello.version);
	if (hello->hello.remote)
		l->remote = strdup(hello->hello.remote); /* without memory: as if it had not said */
	e->resume_given = hello->hello.resume_given;
	memcpy(e->secret, hello->hello.resume, sizeof(e->secret));
	node_post(e->node, 0, &e->mail);
}

void registrar_link_control(struct server_link *l, struct control *message)
{
	if (atomic_load_explicit(&l->pending, memory_order_relaxed) >= REGISTRAR_PENDING_MAX) {
		link_close(&l->io.link, LINK_END_VIOLATION, "it says more than can be heard");
		return;
	}
	struct registrar_event *e = registrar_event_new(l, REGISTRAR_EVENT_CONTROL);
	if (!e)
		return;
	atomic_fetch_add_explicit(&l->pending, 1, memory_order_relaxed);
	control_take(message, &e->message);
	if (message->type == CONTROL_JOIN)
		memcpy(e->hash, handshake_hash(&l->io.link.handshake), sizeof(e->hash));
	node_post(e->node, 0, &e->mail);
}

static enum registrar_end registrar_end_of(const struct session *s, const struct server_link *l)
{
	if (s->closing)
		return REGISTRAR_END_DRAINED;
	if (l->denied)
		return REGISTRAR_END_DENIED;
	if (atomic_load_explicit(&l->leaving, memory_order_relaxed))
		return REGISTRAR_END_ENDED;
	return l->replaced ? REGISTRAR_END_REPLACED : REGISTRAR_END_LOST;
}

static void registrar_gone(struct mail *mail)
{
	struct server_link *l = container_of(mail, struct server_link, gone);
	struct registrar *r = l->worker->node->registrar;
	struct session *s = l->session;
	if (s && session_leave(s, l, l->io.link.why)) {
		r->ended[registrar_end_of(s, l)]++;
		session_close_over(s);
		attach_end(s);
		private_publish_end(s);
		attachments_remove_all(s);
		publish_withdraw_all(s, atomic_load_explicit(&l->leaving, memory_order_relaxed));
		session_end(s);
	}
	list_unlink(&l->of_session);
	link_mail_forget(l);
}

void registrar_link_gone(struct server_link *l)
{
	link_mail_gone(l, registrar_gone);
}
