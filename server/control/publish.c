/* SPDX-License-Identifier: MIT */
#include "server/control/publish.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "tls/tls.h"
#include "server/acme/acme.h"
#include "server/base/audit_log.h"
#include "server/control/grants.h"
#include "server/control/pending.h"
#include "server/control/port.h"
#include "server/control/public_address.h"
#include "server/control/publish_check.h"
#include "server/control/service_rules.h"
#include "server/control/sharing.h"
#include "server/http/stream_pool.h"
#include "server/private/private_worker.h"
#include "server/route/routing.h"
#include "server/tcp/tcp_conn.h"

#define PUBLISH_ORIGIN_BYTES 8 /* of a process's name that tell it apart among those of one place */

/* One that has any of these numbers. */
static struct service *publish_find(struct session *s, uint32_t first, uint32_t n)
{
	list_for_each (it, &s->services) {
		struct service *service = list_entry(it, struct service, of_session);
		if (first - service->number < service->n_numbers || service->number - first < n)
			return service;
	}
	return NULL;
}

static void publish_tell_refused(struct server_link *l, uint32_t number, enum control_reason reason,
	const char *sentence)
{
	struct control m = {.type = CONTROL_REFUSED};
	m.refused.service = number;
	m.refused.reason = reason;
	m.refused.sentence = sentence;
	link_mail_send(l, &m);
}

void publish_refuse(struct session *s, struct server_link *l, const struct control *asked,
	enum control_reason reason, const char *sentence)
{
	/* Clients ask again every few seconds, in case that the holder left. */
	uint32_t number = asked->publish.service;
	uint64_t bit = UINT64_C(1) << number % 64;
	char what[PUBLISH_ASKED_SIZE], more[LOG_LIMIT_MORE];
	if (!(s->refusals_told & bit) && log_limit_pass(&s->registrar->log_refusals, session_now(s),
						 SESSION_LOG_EVERY, SESSION_REFUSE_BURST, more))
		log_warn("session %s asked to publish %s and was refused: %s%s", s->base.name,
			publish_asked(asked, what), sentence, more);
	if (!(s->refusals_told & bit))
		session_audit(s, "claim.refuse", publish_asked(asked, what), sentence);
	s->refusals_told |= bit;
	publish_tell_refused(l, number, reason, sentence);
}

static void publish_tell_granted(struct session *s, const struct service *service)
{
	char address[PUBLIC_ADDRESS_SIZE];
	public_address(service, address);
	struct control m = {.type = CONTROL_GRANTED};
	m.granted.service = service->number;
	m.granted.address = address;
	m.granted.port = service->first_port;
	m.granted.ports = service->n_numbers > 1 ? service->n_numbers : 0;
	m.granted.exclusive = service->exclusive;
	struct server_link *l = list_first(&s->links, struct server_link, of_session);
	if (!l)
		return;
	link_mail_send(l, &m);
	pending_tell_service(l, service);
}

/* ---- Going ---- */

static void withdraw_run(struct broadcast *b, struct worker *w)
{
	struct service *service = container_of(b, struct service, broadcast);
	stream_pool_rest(&service->shards[w->index], NULL);
	service_shard_close(&service->shards[w->index], w);
	if (service->denied) {
		stream_pool_cut(&service->shards[w->index]);
		tcp_worker_cut(w->tcp, &service->shards[w->index]);
		private_worker_cut(w->private, &service->shards[w->index]);
	}
	routing_expire(w->routing);
}

static void withdraw_done(struct broadcast *b)
{
	struct service *service = container_of(b, struct service, broadcast);
	session_of(service)->rules_memory -= service_rules_memory(service);
	service_release(service);
}

/* At the process's end, when its session may be gone. */
static void withdraw_discard(struct broadcast *b)
{
	service_release(container_of(b, struct service, broadcast));
}

static const struct broadcast_ops withdraw_ops = {
	.run = withdraw_run,
	.done = withdraw_done,
	.discard = withdraw_discard,
};

static void publish_enter_private(struct service *service, struct private_service *p)
{
	if (!p)
		return;
	private_service_hold(p);
	service->private_service = p;
	list_append(&p->services, &service->of_private);
	p->n_services++;
}

static void publish_leave_private(struct service *service)
{
	struct private_service *p = service->private_service;
	if (!p)
		return;
	list_unlink(&service->of_private);
	p->n_services--;
	service->private_service = NULL;
	private_service_release(p);
}

/* What visitors reach by a name, and by TLS that ends here. */
static bool publish_needs_certificate(const struct service *service)
{
	return *service->place && !service->has_port && !service->is_private &&
	       service->tls != CONTROL_TLS_PASS;
}

/* Its port is free at once. */
static void publish_take_back(struct service *service)
{
	struct session *s = session_of(service);
	if (list_linked(&service->of_session)) {
		list_unlink(&service->of_session);
		s->n_services--;
		if (service->certified)
			acme_released(session_node(s)->acme, service->place);
		publish_leave_private(service);
		status_changed(&s->registrar->status);
		s->n_ports -= service->port ? service->port->n : 0;
	}
	service->port = port_release(service->port);
	if (!service->granted)
		return; /* its broadcast is still under way, whose done() takes it back */
	service->at = session_now(s);
	broadcast_send(&service->broadcast, session_node(s), &withdraw_ops);
}

void publish_withdraw(struct session *s, uint32_t number)
{
	struct service *service = publish_find(s, number, 1);
	if (service && service->number == number)
		publish_take_back(service);
}

void publish_withdraw_all(struct session *s, bool left)
{
	loop_timer_cancel(&s->stale);
	sharing_keep(s, left);
	while (!list_empty(&s->services))
		publish_take_back(list_entry(s->services.next, struct service, of_session));
}

void publish_discard_all(struct session *s)
{
	loop_timer_cancel(&s->stale);
	list_for_each_safe (it, &s->services) {
		struct service *service = list_entry(it, struct service, of_session);
		list_unlink(it);
		publish_leave_private(service);
		port_release(service->port);
		if (service->granted)
			service_release(service);
		/* Else its broadcast is under way, whose discard() frees it. */
	}
}

/* ---- Coming: every worker knows it before anybody is told ---- */

/* The books say whose a private name is: it is not kept for another identity that had it and lost it. */
static void publish_free_name(const struct service *service, struct worker *w)
{
	const struct route *route =
		service->is_private ? routes_exact(&w->routing->privates, str_from(service->place))
				    : NULL;
	if (route && route->identity != service->session->identity)
		routing_forget_private(w->routing, str_from(service->place));
}

static void publish_run(struct broadcast *b, struct worker *w)
{
	struct service *service = container_of(b, struct service, broadcast);
	const struct route *holder;
	publish_free_name(service, w);
	/* Worker 0 decided; the others can lack nothing but memory, and then find no way there. */
	if (w->index && service_shard_open(&service->shards[w->index], w, &holder) != 0)
		log_error("worker %u cannot serve %s: out of memory", w->index, service->place);
	wait_queue_wake(&w->routing->wait_queue);
}

static void publish_audit_granted(const struct session *s, const struct service *service)
{
	char grant[POLICY_GRANT_SIZE];
	if (!audit_log_enabled())
		return;
	audit_log(&(struct audit_entry){.actor = s->base.identity->name,
		.via = s->peer,
		.action = "claim.grant",
		.subject = *service->place ? service->place : "*",
		.grant = grants_of_service(s->base.identity, service, grant)});
}

static void publish_done(struct broadcast *b)
{
	struct service *service = container_of(b, struct service, broadcast);
	struct session *s = session_of(service);
	bool wanted = list_linked(&service->of_session);
	s->n_coming--;
	service->granted = true;
	if (!wanted) {
		publish_take_back(service);
		if (s->ended)
			session_end(s);
		return;
	}
	char address[PUBLIC_ADDRESS_SIZE], more[LOG_LIMIT_MORE];
	public_address(service, address);
	publish_audit_granted(s, service);
	service->certified = publish_needs_certificate(service);
	if (service->certified)
		acme_claimed(session_node(s)->acme, service->place, s->base.identity->name);
	if (session_may_log(s, more))
		log_info("session %s publishes %s from %s%s", s->base.name,
			service->has_port ? address
			: *service->place ? service->place
					  : "everything",
			service->upstream, more);
	publish_tell_granted(s, service);
	if (!service->is_private)
		sharing_tell(service);
}

static void publish_discard(struct broadcast *b)
{
	struct service *service = container_of(b, struct service, broadcast);
	struct session *s = session_of(service);
	s->n_coming--;
	service_release(service);
	session_discard(s);
}

static const struct broadcast_ops publish_ops = {
	.run = publish_run,
	.done = publish_done,
	.discard = publish_discard,
};

void publish_deny(struct session *s, struct service *service, const char *sentence)
{
	char more[LOG_LIMIT_MORE];
	struct server_link *l = list_first(&s->links, struct server_link, of_session);
	session_audit(s, "claim.withdraw", *service->place ? service->place : "*", sentence);
	if (session_may_log(s, more))
		log_warn("session %s publishes %s no longer: %s%s", s->base.name,
			*service->place ? service->place : "everything", sentence, more);
	if (l)
		publish_tell_refused(l, service->number, CONTROL_REASON_DENIED, sentence);
	service->denied = true;
	publish_take_back(service);
}

void publish_health(struct session *s, const struct control *m)
{
	struct service *service = publish_find(s, m->health.service, 1);
	char more[LOG_LIMIT_MORE];
	bool down = m->health.state == CONTROL_HEALTH_DOWN;
	if (!service || m->health.state == CONTROL_HEALTH_OTHER ||
		atomic_load_explicit(&service->down, memory_order_relaxed) == down)
		return;
	atomic_store_explicit(&service->down, down, memory_order_relaxed);
	if (session_may_log(s, more))
		log_info("session %s says that %s, which it publishes as %s, %s%s", s->base.name,
			service->upstream, *service->place ? service->place : "everything",
			down ? "fails its probe: others are used if there are any"
			     : "passes its probe again",
			more);
}

/* ---- A session that goes on ---- */

static void publish_stale_expired(struct loop_timer *timer)
{
	struct session *s = container_of(timer, struct session, stale);
	list_for_each_safe (it, &s->services) {
		struct service *service = list_entry(it, struct service, of_session);
		if (service->stale)
			publish_take_back(service);
	}
}

void publish_init(struct session *s)
{
	list_init(&s->services);
	loop_timer_init(&s->stale, s->registrar->worker->loop, publish_stale_expired);
}

void publish_expect_again(struct session *s)
{
	list_for_each (it, &s->services)
		list_entry(it, struct service, of_session)->stale = true;
	loop_timer_set(&s->stale, session_now(s) + SESSION_STALE_TIME);
}

/* ---- Whether it may ---- */

/* Others of this identity hold the name too: perhaps one of them is dead and does not know (rule 28). */
static void publish_suspect_holders(struct session *s, const struct route *route)
{
	list_for_each (it, &route->entries) {
		struct session *holder = session_of(service_shard_of(it)->service);
		if (holder != s)
			session_suspect(holder);
	}
}

/* What the front does with one name is one thing. */
static bool service_fits(const struct service *service, struct worker *w, struct error *err)
{
	struct route *route =
		routes_exact(service_routes(service, w->routing), str_from(service->place));
	const struct service *other = NULL;
	if (!service->has_port && route && !list_empty(&route->entries))
		other = service_shard_of(route->entries.next)->service;
	if (other && (other->kind != service->kind || !service_same_tls(other, service))) {
		bool alike = other->kind == service->kind && other->tls == service->tls;
		error_set(err, 0, "%s is published by session %s %s",
			*service->place ? service->place : "every name", other->session->name,
			alike ? "with other protocols (--alpn)" : "as another kind of service");
		return false;
	}
	bool passes = service->tls == CONTROL_TLS_PASS;
	if (passes && w->tls && tls_server_covers(w->tls, str_from(service->place))) {
		error_set(err, 0,
			"%s is in a certificate of the exit node's own, which answers for it",
			service->place);
		return false;
	}
	return true;
}

static int publish_claim(struct session *s, struct service *service, struct server_link *l,
	const struct control *m)
{
	struct worker *w = s->registrar->worker;
	struct error err;
	service->has_port = m->publish.port_given;
	int r = grants_check_service(s->base.identity, service, (uint16_t)m->publish.port, &err);
	if (r < 0) {
		publish_refuse(s, l, m, CONTROL_REASON_DENIED, err.text);
		return r;
	}
	if (service->has_port) {
		enum control_reason reason = CONTROL_REASON_OTHER;
		r = port_hold(s, service, m->publish.port, &reason, &err);
		if (r < 0) {
			publish_refuse(s, l, m, reason, err.text);
			return r;
		}
		memcpy(service->place, service->port->config.place, LISTENER_PLACE_SIZE);
	}
	if (service->tls == CONTROL_TLS_TERMINATE && !w->tls) {
		publish_refuse(s, l, m, CONTROL_REASON_OTHER,
			"this server has no certificate to end TLS with: it gets one by --tls-cert "
			"or --auto-tls of its own");
		return -EOPNOTSUPP;
	}
	if (!service_fits(service, w, &err) || sharing_check(service, &err) < 0) {
		publish_refuse(s, l, m, CONTROL_REASON_TAKEN, err.text);
		return -EEXIST;
	}
	const struct route *holder = NULL;
	publish_free_name(service, w);
	r = service_shard_open(&service->shards[0], w, &holder);
	if (r == ROUTES_TAKEN) {
		/* Of the same identity share it; whoever has it, is named. */
		const struct identity *other = holder->identity;
		error_set(&err, 0, "%s is held by %s, which publishes %s",
			*service->place ? service->place : "every name", other->name,
			holder->host.n ? holder->host.p : "every name");
		publish_refuse(s, l, m, CONTROL_REASON_TAKEN, err.text);
	} else if (r < 0) {
		publish_refuse(s, l, m, CONTROL_REASON_OTHER, "the server is out of memory");
	}
	return r;
}

/* One without a name is told apart by its client's process. */
static void publish_name_origin(const struct session *s, struct service *service)
{
	if (*service->origin)
		return;
	for (unsigned i = 0; i < PUBLISH_ORIGIN_BYTES; i++)
		snprintf(service->origin + 2 * i, 3, "%02x", s->instance[i]);
}

static void publish_place(struct session *s, struct server_link *l, const struct control *m,
	const char place[SERVICE_PLACE_SIZE], struct private_service *p)
{
	struct error err;
	uint32_t number = m->publish.service;
	struct service *old = publish_find(s, number, control_publish_ports(m));
	if (old && publish_repeats(old, m, place)) {
		old->stale = false;
		atomic_store_explicit(&old->down, false,
			memory_order_relaxed); /* it says it again */
		old->states_lists = m->publish.visibility || m->publish.auto_approve;
		if (old->granted)
			publish_tell_granted(s, old);
		return;
	}
	for (; old && old->stale; old = publish_find(s, number, control_publish_ports(m)))
		publish_take_back(old);
	if (old) {
		publish_refuse(s, l, m, CONTROL_REASON_INVALID, "this service number is in use");
		return;
	}
	if (s->n_services >= SESSION_SERVICES_MAX || s->n_coming >= SESSION_COMING_MAX) {
		error_set(&err, 0, "a session publishes at most %d services", SESSION_SERVICES_MAX);
		publish_refuse(s, l, m, CONTROL_REASON_LIMIT, err.text);
		return;
	}
	struct service *service = service_new(&s->base, m);
	if (!service) {
		publish_refuse(s, l, m, CONTROL_REASON_OTHER, "the server is out of memory");
		return;
	}
	memcpy(service->place, place, sizeof(service->place));
	publish_name_origin(s, service);
	service->at = session_now(s);
	service->order = ++s->registrar->published;
	int reason = service_rules_set(service, m, &err);
	if (reason != SERVICE_RULES_FINE) {
		publish_refuse(s, l, m, (enum control_reason)reason, err.text);
		service_release(service);
		return;
	}
	if (publish_claim(s, service, l, m) != 0) {
		port_release(service->port);
		service_release(service);
		return;
	}
	list_append(&s->services, &service->of_session);
	s->n_services++;
	publish_enter_private(service, p);
	status_changed(&s->registrar->status);
	s->n_ports += service->port ? service->port->n : 0;
	s->rules_memory += service_rules_memory(service);
	publish_suspect_holders(s, service->shards[0].entry.route);
	s->n_coming++;
	broadcast_send(&service->broadcast, session_node(s), &publish_ops);
}

void publish_service(struct session *s, struct server_link *l, const struct control *m)
{
	char place[SERVICE_PLACE_SIZE];
	struct error err;
	int reason = publish_check(m, place, &err);
	if (reason == PUBLISH_FINE)
		publish_place(s, l, m, place, NULL);
	else
		publish_refuse(s, l, m, (enum control_reason)reason, err.text);
}

void publish_private_service(struct session *s, struct server_link *l, const struct control *m,
	struct private_service *p)
{
	char place[SERVICE_PLACE_SIZE];
	snprintf(place, sizeof(place), "%s", p->name);
	publish_place(s, l, m, place, p);
}
