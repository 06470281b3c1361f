/* SPDX-License-Identifier: MIT */
#include "server/control/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/random.h"
#include "policy/timestamp.h"
#include "server/base/audit_log.h"
#include "server/control/registrar.h"
#include "server/route/routing.h"

static void session_tell(struct session *s, struct server_link *l)
{
	struct control m = {.type = CONTROL_SESSION_GRANT};
	memcpy(m.session.session, s->id, sizeof(s->id));
	memcpy(m.session.resume, s->resume, sizeof(s->resume));
	link_mail_send(l, &m);
}

static void wake_run(struct broadcast *b, struct worker *w)
{
	wait_queue_wake(&w->routing->wait_queue);
}

static void wake_done(struct broadcast *b)
{
	free(b);
}

static const struct broadcast_ops wake_ops = {
	.run = wake_run,
	.done = wake_done,
	.discard = wake_done,
};

/* There is a way to its services: who waits for one is served. */
static void session_wake(struct session *s)
{
	struct broadcast *b = malloc(sizeof(*b));
	if (b)
		broadcast_send(b, session_node(s), &wake_ops);
}

static bool session_attach(struct session *s, struct server_link *l)
{
	if (link_mail_attach(l, &s->base.shards[l->worker->index]) < 0) {
		link_mail_close(l, "the server is out of memory");
		return false;
	}
	l->session = s;
	list_unlink(&l->of_session);
	/* What is said to the client goes to the first: of those before, some may be dying. */
	list_prepend(&s->links, &l->of_session);
	s->n_links++;
	if (s->closing)
		link_mail_rest(l);
	return true;
}

void session_audit(const struct session *s, const char *action, const char *subject,
	const char *why)
{
	audit_log(&(struct audit_entry){.actor = s->base.identity->name,
		.via = s->peer,
		.action = action,
		.subject = subject,
		.why = why});
}

bool session_may_log(struct session *s, char more[LOG_LIMIT_MORE])
{
	return log_limit_pass(&s->registrar->log_sessions, session_now(s), SESSION_LOG_EVERY,
		SESSION_LOG_BURST, more);
}

static void session_free(struct session *s)
{
	explicit_bzero(s->resume, sizeof(s->resume));
	session_base_deinit(&s->base);
	free(s);
}

struct session *session_new(struct registrar *r, struct server_link *l)
{
	char more[LOG_LIMIT_MORE];
	struct node *n = r->node;
	struct session *s = calloc(1, sizeof(*s));
	if (!s || session_base_init(&s->base, l->credential->identity, n->n_workers) < 0) {
		free(s);
		return NULL;
	}
	s->registrar = r;
	s->since = policy_now();
	memcpy(s->instance, l->instance, sizeof(s->instance));
	random_bytes(s->id, sizeof(s->id));
	random_bytes(s->resume, sizeof(s->resume));
	for (size_t i = 0; i < sizeof(s->id); i++)
		snprintf(s->base.name + 2 * i, 3, "%02x", s->id[i]);
	server_link_peer(l, s->peer);
	list_init(&s->links);
	list_init(&s->link);
	list_init(&s->of_identity);
	if (!session_attach(s, l)) {
		session_free(s);
		return NULL;
	}
	list_append(&r->sessions, &s->link);
	list_append(&s->base.identity->sessions, &s->of_identity);
	s->base.identity->n_sessions++;
	status_changed(&r->status);
	session_audit(s, "session.begin", s->base.name, NULL);
	if (session_may_log(s, more))
		log_info_of(l->connection, "session %s of %s from %s is up (%s, client %s)%s",
			s->base.name, s->base.identity->name, s->peer, l->protection, l->version,
			more);
	session_tell(s, l);
	return s;
}

void session_suspect(struct session *s)
{
	list_for_each (it, &s->links)
		link_mail_suspect(list_entry(it, struct server_link, of_session));
}

void session_deny_link(struct registrar *r, struct server_link *l, const char *why)
{
	char peer[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	l->denied = true;
	link_mail_deny(l, why);
	server_link_peer(l, peer);
	audit_log(&(struct audit_entry){.actor = l->credential->identity->name,
		.via = peer,
		.action = "link.deny",
		.subject = peer,
		.why = why});
	if (log_limit_pass(&r->log_denied, loop_now(r->worker->loop), SESSION_LOG_EVERY,
		    SESSION_LOG_BURST, more))
		log_warn_of(l->connection, "a link of %s from %s is closed: %s%s",
			l->credential->identity->name, peer, why, more);
}

bool session_join(struct session *s, struct server_link *l)
{
	char peer[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	if (!session_attach(s, l))
		return false;
	/* In the mailbox behind what attaches it: what the client opens having heard it finds its session. */
	session_tell(s, l);
	server_link_peer(l, peer);
	if (session_may_log(s, more))
		log_info_of(l->connection, "session %s has one more link, from %s (%s): %u%s",
			s->base.name, peer, l->protection, s->n_links, more);
	session_wake(s);
	return true;
}

bool session_resume(struct session *s, struct server_link *l)
{
	char more[LOG_LIMIT_MORE];
	list_for_each (it, &s->links)
		link_mail_close(list_entry(it, struct server_link, of_session),
			"replaced by a newer link of its client");
	if (!session_attach(s, l))
		return false;
	server_link_peer(l, s->peer);
	if (session_may_log(s, more))
		log_info_of(l->connection,
			"session %s goes on over a new link from %s (%s, client %s)%s",
			s->base.name, s->peer, l->protection, l->version, more);
	session_tell(s, l);
	session_wake(s);
	return true;
}

static void session_done(struct broadcast *b)
{
	session_free(container_of(b, struct session, broadcast));
}

static void session_run(struct broadcast *b, struct worker *w)
{
}

static const struct broadcast_ops session_ops = {
	.run = session_run,
	.done = session_done,
	.discard = session_done,
};

void session_end(struct session *s)
{
	s->ended = true;
	if (s->n_coming)
		return;
	broadcast_send(&s->broadcast, session_node(s), &session_ops);
}

void session_unlist(struct session *s)
{
	list_unlink(&s->link);
	list_unlink(&s->of_identity);
	s->base.identity->n_sessions--;
}

void session_discard(struct session *s)
{
	s->ended = true;
	if (!s->n_coming)
		session_free(s);
}

bool session_leave(struct session *s, struct server_link *l, const char *why)
{
	l->session = NULL;
	list_unlink(&l->of_session);
	char more[LOG_LIMIT_MORE];
	bool log = session_may_log(s, more);
	bool last = --s->n_links == 0;
	if (last)
		session_audit(s, "session.end", s->base.name, why);
	if (log && last)
		log_info_of(l->connection, "session %s from %s ended: %s%s", s->base.name, s->peer,
			why, more);
	else if (log)
		log_info_of(l->connection, "session %s lost a link: %s; links left: %u%s",
			s->base.name, why, s->n_links, more);
	if (!last)
		return false;
	session_unlist(s);
	status_changed(&s->registrar->status);
	return true;
}
