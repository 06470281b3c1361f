/* SPDX-License-Identifier: MIT */
#include "server/control/sharing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "server/control/session.h"
#include "server/route/routing.h"
#include "wire/url.h"

/* A place that is kept for a client's process, which had it alone. */
struct kept {
	struct list link; /* registrar::kept, the one lost first is first */
	const struct identity *identity;
	uint8_t instance[CONTROL_INSTANCE];
	char session[SESSION_NAME_SIZE];
	uint64_t until; /* µs */
	enum control_kind kind;
	bool is_private;
	uint16_t first_port;
	uint32_t n; /* of ports; 0: it is a name */
	char place[SERVICE_PLACE_SIZE];
};

static uint64_t now_of(const struct registrar *r)
{
	return loop_now(r->worker->loop);
}

/* ---- For people ---- */

static const char *place_name(const struct service *service, char text[SERVICE_PLACE_SIZE + 16])
{
	const char *place = service->place;
	if (service->has_port)
		snprintf(text, SERVICE_PLACE_SIZE + 16, "%s%s %s",
			service->kind == CONTROL_UDP ? "UDP port" : "port",
			service->n_numbers > 1 ? "s" : "", strchr(place, ':') + 1);
	else
		snprintf(text, SERVICE_PLACE_SIZE + 16, "%s", *place ? place : "every other host");
	return text;
}

/* "session 5f0c… from 192.0.2.7:4711"; without a token strangers are told nothing of each other. */
#define WHO_SIZE (SESSION_NAME_SIZE + ADDRESS_TEXT_SIZE + 16)
static const char *who(const struct session *s, char text[WHO_SIZE])
{
	if (s->base.identity->open)
		snprintf(text, WHO_SIZE, "session %s", s->base.name);
	else
		snprintf(text, WHO_SIZE, "session %s from %s", s->base.name, s->peer);
	return text;
}

/* ---- What is the same ---- */

static struct route *route_of(const struct service *service)
{
	struct worker *w = session_of(service)->registrar->worker;
	return routes_exact(service_routes(service, w->routing), str_from(service->place));
}

static bool same_url(const struct url *a, const struct url *b)
{
	return a->scheme == b->scheme && strcmp(a->host, b->host) == 0 && a->port == b->port &&
	       a->port_last == b->port_last && str_eq(a->socket, b->socket) &&
	       str_eq(a->path, b->path);
}

/* Whether both name one upstream, in whatever spelling; "localhost" is not taken for an address. */
static bool same_upstream(const struct service *a, const struct service *b)
{
	struct url x, y;
	struct error err;
	if (strcmp(a->upstream, b->upstream) == 0)
		return true;
	return url_parse_upstream(str_from(a->upstream), &x, &err) == 0 &&
	       url_parse_upstream(str_from(b->upstream), &y, &err) == 0 && same_url(&x, &y);
}

static bool same_rules(const struct service *a, const struct service *b)
{
	return memcmp(a->rules_id, b->rules_id, sizeof(a->rules_id)) == 0;
}

static bool session_leaving(const struct session *s)
{
	list_for_each (it, &s->links)
		if (!atomic_load_explicit(&list_entry(it, struct server_link, of_session)->leaving,
			    memory_order_relaxed))
			return false;
	return true;
}

/* ---- What is kept ---- */

static void kept_free(struct registrar *r, struct kept *k)
{
	list_unlink(&k->link);
	r->n_kept--;
	free(k);
}

static void kept_expire(struct registrar *r)
{
	struct kept *k;
	while ((k = list_first(&r->kept, struct kept, link)) != NULL && k->until <= now_of(r))
		kept_free(r, k);
}

static bool kept_has(const struct kept *k, const struct service *service)
{
	if (!service->has_port || !k->n)
		return !service->has_port && !k->n && k->is_private == service->is_private &&
		       strcmp(k->place, service->place) == 0;
	return k->kind == service->kind && service->first_port < k->first_port + k->n &&
	       k->first_port < service->first_port + service->n_numbers;
}

static void keep(const struct service *service)
{
	const struct session *s = session_of(service);
	struct registrar *r = s->registrar;
	struct kept *k = calloc(1, sizeof(*k));
	if (!k)
		return; /* then it is free at once */
	k->identity = s->base.identity;
	memcpy(k->instance, s->instance, sizeof(k->instance));
	memcpy(k->session, s->base.name, sizeof(k->session));
	k->until = now_of(r) + r->worker->opts->reconnect_grace;
	k->kind = service->kind;
	k->is_private = service->is_private;
	k->first_port = service->first_port;
	k->n = service->has_port ? service->n_numbers : 0;
	memcpy(k->place, service->place, sizeof(k->place));
	list_init(&k->link);
	list_append(&r->kept, &k->link);
	if (++r->n_kept > SHARING_KEPT_MAX)
		kept_free(r, list_first(&r->kept, struct kept, link));
}

void sharing_keep(struct session *s, bool left)
{
	kept_expire(s->registrar);
	list_for_each (it, &s->services) {
		const struct service *service = list_entry(it, struct service, of_session);
		if (service->exclusive && !left)
			keep(service);
	}
}

void sharing_deinit(struct registrar *r)
{
	while (!list_empty(&r->kept))
		kept_free(r, list_first(&r->kept, struct kept, link));
}

/* ---- Who may ---- */

/* Kept for another process: -EEXIST. What was kept for this one it has now. */
static int check_kept(const struct service *service, struct error *err)
{
	const struct session *s = session_of(service);
	struct registrar *r = s->registrar;
	char name[SERVICE_PLACE_SIZE + 16];
	kept_expire(r);
	list_for_each_safe (it, &r->kept) {
		struct kept *k = list_entry(it, struct kept, link);
		if (!kept_has(k, service))
			continue;
		bool other = k->identity != s->base.identity ||
			     memcmp(k->instance, s->instance, sizeof(k->instance)) != 0;
		if (other && !identity_is_over(k->identity))
			return error_set(err, -EEXIST,
				"%s is kept for session %s, which has it alone (--exclusive) and "
				"has just lost its connection",
				place_name(service, name), k->session);
		kept_free(r, k);
	}
	return 0;
}

int sharing_check(const struct service *service, struct error *err)
{
	const struct session *s = session_of(service);
	struct route *route = route_of(service);
	char name[SERVICE_PLACE_SIZE + 16], holder[WHO_SIZE];
	int r = check_kept(service, err);
	if (r || !route)
		return r;
	list_for_each (it, &route->entries) {
		const struct service *other = service_shard_of(it)->service;
		if (session_of(other) == s || session_leaving(session_of(other)) ||
			!(service->exclusive || other->exclusive))
			continue;
		error_set(err, -EEXIST, "%s is held by %s, %s", place_name(service, name),
			who(session_of(other), holder),
			other->exclusive ? "which has it alone (--exclusive)"
					 : "and --exclusive does not share it");
		/* Perhaps it is dead and does not know (rule 28). */
		session_suspect(session_of(other));
		return -EEXIST;
	}
	return 0;
}

/* ---- Who is told ---- */

static void warn(struct server_link *l, const char *sentence)
{
	char text[CONTROL_TEXT + 1];
	struct control m = {.type = CONTROL_NOTICE};
	snprintf(text, sizeof(text), "%s", sentence);
	m.notice.sentence = text;
	m.notice.warning = true;
	link_mail_send(l, &m);
}

static const struct difference {
	bool (*same)(const struct service *a, const struct service *b);
	const char *what; /* with which the other one publishes it */
	const char *then;
	bool meant; /* by who gives his origin a name, or publishes into a group: he knows of the others */
} differences[SERVICE_DIFFERENCES] = {
	{same_upstream, "another upstream: visitors get one or the other",
		"visitors get one or the other", true},
	{same_rules, "other rules (--rules): those of the last one to come hold for both",
		"their rules (--rules) differ, and those of the last one hold for both", false},
};

static void notify(struct service *service, const struct service *other, const struct difference *d)
{
	char name[SERVICE_PLACE_SIZE + 16], peer[WHO_SIZE], more[LOG_LIMIT_MORE];
	char sentence[CONTROL_TEXT + 1];
	struct server_link *l =
		list_first(&session_of(service)->links, struct server_link, of_session);
	if (!l || !log_limit_pass(&service->log_shared[d - differences],
			  now_of(session_of(service)->registrar), SHARING_SAY_AGAIN, 1, more))
		return;
	snprintf(sentence, sizeof(sentence), "%s is published by %s as well, with %s%s%s",
		place_name(service, name), who(session_of(other), peer), d->what,
		service->in_group ? ""
				  : "; stop one of the two, or refuse to share with --exclusive",
		more);
	warn(l, sentence);
}

void sharing_warn(struct registrar *r, const char *name, const char *sentence)
{
	const struct route *route = routes_exact(&r->worker->routing->names, str_from(name));
	if (!route)
		return;
	list_for_each (it, &route->entries) {
		struct server_link *l = session_link(session_of(service_shard_of(it)->service));
		if (l)
			warn(l, sentence);
	}
}

static bool is_origin(const struct service *a, const struct service *b)
{
	return a->in_group || (a->origin_said && b->origin_said);
}

static void tell(struct service *service, const struct difference *d)
{
	struct registrar *r = session_of(service)->registrar;
	struct route *route = service->shards[0].entry.route;
	struct service *first = NULL;
	char name[SERVICE_PLACE_SIZE + 16], a[WHO_SIZE], b[WHO_SIZE], more[LOG_LIMIT_MORE];
	list_for_each (it, &route->entries) {
		struct service *other = service_shard_of(it)->service;
		if (other->session == service->session || session_leaving(session_of(other)) ||
			(d->meant && is_origin(service, other)) || d->same(other, service))
			continue;
		first = first ? first : other;
		notify(other, service, d);
	}
	if (!first)
		return;
	notify(service, first, d);
	if (log_limit_pass(&r->log_sessions, now_of(r), SESSION_LOG_EVERY, SESSION_LOG_BURST, more))
		log_warn("%s is published by %s (%s) and by %s (%s): %s%s%s",
			place_name(service, name), who(session_of(first), a), first->upstream,
			who(session_of(service), b), service->upstream, d->then,
			service->in_group ? "" : "; a client with --exclusive refuses to share",
			more);
}

void sharing_tell(struct service *service)
{
	for (size_t i = 0; i < ARRAY_LEN(differences); i++)
		tell(service, &differences[i]);
}
