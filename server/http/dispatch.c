/* SPDX-License-Identifier: MIT */
/*
 * Where a request goes: to a service of the route that its host names, here or on another worker; into the
 * queue of those whose session was lost just now; or to an error page of ours.
 */
#include "server/http/dispatch.h"

#include <string.h>

#include "base/log.h"
#include "server/base/challenges.h"
#include "server/base/visitor_rates.h"
#include "server/base/worker.h"
#include "server/http/exchange_trace.h"
#include "server/http/forwarded.h"
#include "server/http/http_worker.h"
#include "server/http/plan_run.h"
#include "server/http/scheme.h"
#include "server/http/upstream_head.h"
#include "server/route/routing.h"
#include "tls/tls.h"

#define LOOP_SAY_AGAIN     (60 * CLOCK_S) /* between two lines about upstreams that lead back here */
#define DISPATCH_MOVES_MAX 4 /* of a request: each found the link gone that it was for */

/* A trusted proxy asks for many hosts over TLS of its own, whose name is its concern. */
static bool is_misdirected(const struct exchange *ex, const struct http1_head *h)
{
	const struct tls *tls = ex->downstream->tls;
	return tls && !ex->trusted &&
	       scheme_misdirected(h, tls_sni(tls), tls_serves(tls, http1_host(h)));
}

static void redirect(struct exchange *ex, const struct http1_head *h)
{
	struct buf place = BUF_NULL;
	const struct server_options *o = ex->worker->opts;
	struct scheme_place to;
	scheme_asked(h, ex->trusted, &ex->downstream->local, &to);
	to.port = o->https_port
			  ? o->https_port
			  : scheme_https_port(&o->ports, ex->downstream->listener.port, to.port);
	int r = scheme_location(&place, h, &to);
	if (r < 0) {
		ex->ops->abort(ex);
	} else {
		struct error_page page = error_page_for(ERROR_PAGE_HTTPS);
		page.location = (struct str){(const char *)buf_head(&place), buf_len(&place)};
		exchange_fail_with(ex, page);
	}
	buf_deinit(&place);
}

/* Its upstream leads back here: without an end, it would take all connections there are. */
static void end_loop(struct exchange *ex)
{
	struct worker *w = ex->worker;
	uint64_t now = loop_now(w->loop);
	struct str host = exchange_host(ex);
	const struct service *service = route_service(&w->routing->names, host, now);
	char more[LOG_LIMIT_MORE];
	if (service && log_limit_pass(&w->http->log_loops, now, LOOP_SAY_AGAIN, 1, more))
		log_warn_of(ex->downstream->connection,
			"session %s publishes %.*s, but its upstream %s leads back to this exit "
			"node: refused a request that came back %d times (508); --upstream must "
			"name the service itself%s",
			service->session->name, STR_ARG(host), service->upstream, NODE_PASSES_MAX,
			more);
	exchange_fail(ex, ERROR_PAGE_LOOP);
}

/*
 * What a certificate authority asks, or this exit node itself to see whether a name leads here: of names under way
 * alone, and before anything that is the host's own.
 */
static bool answers_challenge(struct exchange *ex, const struct http1_head *h)
{
	const struct challenge *c = challenges_find(ex->worker->challenges, http1_host(h), h->path);
	if (!c || h->query.n || (h->method != HTTP1_GET && h->method != HTTP1_HEAD))
		return false;
	struct error_page page = error_page_for(ERROR_PAGE_CHALLENGE);
	page.type = STR("application/octet-stream");
	page.body = str_from(c->answer);
	exchange_fail_with(ex, page);
	return true;
}

/* By its address. True: it is one too many, and was refused. */
static bool exceeds_rate(struct exchange *ex)
{
	uint64_t wait = visitor_rates_visit(ex->worker, VISITOR_RATE_ADDRESS_REQUESTS, &ex->visitor,
		ex->downstream->connection);
	if (wait)
		exchange_fail_with(ex, error_page_after(ERROR_PAGE_RATE, wait));
	return wait > 0;
}

/* The same by the service that it goes to. */
static bool exceeds_service_rate(struct exchange *ex)
{
	struct worker *w = ex->worker;
	uint64_t wait = 0;
	const struct route *route =
		routes_find(exchange_routes(ex), exchange_target(ex), loop_now(w->loop));
	if (route)
		wait = visitor_rates_serve(w, VISITOR_RATE_SERVICE_REQUESTS, route->host,
			&ex->visitor, ex->downstream->connection);
	if (wait)
		exchange_fail_with(ex, error_page_after(ERROR_PAGE_SERVICE_RATE, wait));
	return wait > 0;
}

/* Of clients, for what they publish: some worker's route has some, or may get them when its client is back. */
static bool may_have_rules(const struct worker *w)
{
	return w->routing->names.n_rules || w->routing->groups.n_rules || route_may_wait(w, NULL);
}

void dispatch_request(struct exchange *ex, struct http1_head *h)
{
	const struct worker *w = ex->worker;
	if (!ex->downstream->listener.visits)
		exchange_fail(ex, ERROR_PAGE_NOT_HERE);
	else if (w->node->visitor_rates && exceeds_rate(ex))
		return;
	else if (w->challenges && answers_challenge(ex, h))
		return;
	else if (is_misdirected(ex, h))
		exchange_fail(ex, ERROR_PAGE_MISDIRECTED);
	else if (w->opts->redirects && !ex->secure)
		redirect(ex, h);
	else if (w->draining)
		exchange_fail(ex, ERROR_PAGE_DRAINING);
	else if (forwarded_passes(h, w->node->pseudonym) >= NODE_PASSES_MAX)
		end_loop(ex);
	else if (h->counted && !h->max_forwards)
		exchange_fail(ex,
			h->method == HTTP1_OPTIONS ? ERROR_PAGE_OPTIONS : ERROR_PAGE_TRACE);
	else if (w->front || may_have_rules(w))
		plan_request(ex, h, dispatch_begin);
	else
		dispatch_begin(ex);
}

void dispatch_begin(struct exchange *ex)
{
	if (!ex->worker->node->visitor_rates || !exceeds_service_rate(ex))
		dispatch_send(ex, NULL);
}

struct route_query dispatch_query(const struct exchange *ex, const struct service_shard *exclude)
{
	/* A name that only TLS leads to: its service is not for requests that merely name it in Host. */
	return (struct route_query){
		.routes = exchange_routes(ex),
		.host = exchange_target(ex),
		.kind = CONTROL_HTTP,
		.tls = CONTROL_TLS_NONE,
		.exclude = exclude,
		.moved = ex->moves > 0,
		.chooses = !ex->settled,
		.wanted = ex->wanted,
		.cookie = ex->plan && *ex->plan->cookie ? ex->plan->cookie : NULL,
	};
}

/* There is no session for it now, but there was one a moment ago. */
static void wait_for_session(struct exchange *ex, const struct route *route)
{
	struct routing *routing = ex->worker->routing;
	timeout_cancel(&ex->timeout);
	ex->waiter.lost = route != NULL;
	if (wait_queue_add(&routing->wait_queue, &ex->waiter, exchange_routes(ex),
		    exchange_target(ex), &ex->visitor) < 0) {
		exchange_fail(ex, ERROR_PAGE_CROWDED);
		return;
	}
	if (ex->state != EXCHANGE_WAITING)
		exchange_set_state(ex, EXCHANGE_WAITING);
	ex->ops->watch(ex);
}

void dispatch_waited(struct waiter *waiter)
{
	dispatch_send(container_of(waiter, struct exchange, waiter), NULL);
}

void dispatch_wait_expired(struct waiter *waiter)
{
	exchange_fail(container_of(waiter, struct exchange, waiter),
		waiter->lost ? ERROR_PAGE_WAITED : ERROR_PAGE_NO_ROUTE);
}

/* Where a visitor that logged in its connection goes on (rule 33); NULL: it did not, or cannot. */
static struct service_shard *own_shard(const struct exchange *ex, const struct route *route)
{
	const struct pooled_stream *own = ex->user.own;
	return own && own->use == POOLED_STREAM_OWN && own->shard->entry.route == route &&
			       server_link_usable(own->server_link)
		       ? own->shard
		       : NULL;
}

/*
 * Whether any service of the route cannot have it, as it would leave that one's path, or asks for a protocol that one cannot
 * switch to: the answer must not depend on which it is.
 */
static bool is_barred(struct exchange *ex, const struct route *route,
	enum error_page_cause *why_out)
{
	list_for_each (it, &route->entries) {
		const struct service *service = service_shard_of(it)->service;
		*why_out = ERROR_PAGE_UPGRADE_HTTP2;
		if (ex->upgrade && service->protocol == CONTROL_PROTOCOL_H2)
			return true;
		if (upstream_head_leaves(ex, service, why_out))
			return true;
	}
	return false;
}

/* A stream to the service that was found, else to the one that is chosen without that. */
static struct pooled_stream *take_stream(struct exchange *ex, enum route_outcome *outcome,
	struct route_found *found)
{
	struct pooled_stream *pooled = pooled_stream_take(found->shard, &ex->user, ex->upgrade);
	if (pooled)
		return pooled;
	/* Its session may have as many streams as it takes. */
	struct route_query query = dispatch_query(ex, found->shard);
	*outcome = route_pick(ex->worker, found->route, &query, found);
	return *outcome == ROUTE_HERE ? pooled_stream_take(found->shard, &ex->user, ex->upgrade)
				      : NULL;
}

/* Makes the request one for that service. False: it was refused. */
static bool set_service(struct exchange *ex, const struct service *service)
{
	size_t had = ex->request.cap;
	int r = upstream_head_set_service(ex, service);
	if (ex->request.cap != had)
		ex->ops->charge(ex);
	if (r < 0)
		ex->ops->abort(ex);
	else if (r > 0)
		exchange_fail_request(ex, r);
	return r == 0;
}

static void start(struct exchange *ex, struct pooled_stream *pooled, uint64_t group)
{
	struct worker *w = ex->worker;
	const struct service *service = pooled->shard->service;
	routes_used(&pooled->shard->entry);
	memcpy(ex->session, service->session->name, sizeof(ex->session));
	if (!set_service(ex, service))
		return;
	exchange_count_at(ex, service_shard_counts(pooled->shard));
	ex->asked = loop_now(w->loop);
	if (ex->plan)
		plan_arm(ex);
	pooled->stream.group = group;
	exchange_trace(ex, SPAN_OPENED);
	stream_ready(&pooled->stream);
	/* Another service may have been tried before, or none was there. */
	ex->half_closed = service->half_closed;
	ex->patient = ex->grpc && service->protocol == CONTROL_PROTOCOL_H2;
	if (exchange_is_timed(ex))
		timeout_start(ex->body.done ? &w->http->answer : &w->http->body, &ex->timeout);
	ex->ops->watch(ex);
}

/* What counts it here is this worker's. */
static void move(struct exchange *ex, const struct route_found *found)
{
	ex->settled = true;
	ex->wanted = found->service;
	exchange_count_at(ex, NULL);
	if (ex->plan)
		plan_disarm(ex->plan);
	counter_add(&ex->worker->http->counts.moved, 1);
	ex->ops->move(ex, found->worker);
}

/* Rules have come while it waited, and it went through them. */
static void go_on(struct exchange *ex)
{
	dispatch_send(ex, NULL);
}

/* To the service here, or to the worker that has one. */
static void pass_on(struct exchange *ex, enum route_outcome outcome, struct route_found *found)
{
	uint64_t group = address_network(&ex->visitor);
	/* Here or elsewhere: a worker that drains ends those that wait, and this one may be about to leave it. */
	if (ex->state == EXCHANGE_WAITING)
		exchange_set_state(ex, EXCHANGE_ACTIVE);
	if (found->route && !plan_has_passed(ex, found->route)) {
		plan_catch_up(ex, go_on);
		return;
	}
	/* A trusted proxy's connection has many visitors: a stream of one's own is not the next one's. */
	if (ex->user.own && ex->user.own->stream.group != group)
		pooled_stream_disown(ex->user.own);
	struct service_shard *own = own_shard(ex, found->route);
	if (own) {
		outcome = ROUTE_HERE;
		found->shard = own;
	}
	/* What stayed would keep those of its connection that have to go. */
	if (outcome == ROUTE_HERE && ex->ops->leaving && ex->ops->leaving(ex, &found->worker))
		outcome = ROUTE_ELSEWHERE;
	if (ex->span && found->route)
		exchange_trace_route(ex, found->route->host);
	struct pooled_stream *pooled =
		outcome == ROUTE_HERE ? take_stream(ex, &outcome, found) : NULL;
	if (pooled)
		start(ex, pooled, group);
	else if (outcome == ROUTE_ELSEWHERE && ex->moves < DISPATCH_MOVES_MAX)
		move(ex, found);
	else
		exchange_fail(ex, ERROR_PAGE_BUSY);
}

void dispatch_send(struct exchange *ex, const struct service_shard *exclude)
{
	struct route_query query = dispatch_query(ex, exclude);
	struct route_found found;
	enum error_page_cause why;
	enum route_outcome outcome = route_find(ex->worker, &query, &found);
	if (outcome == ROUTE_NONE)
		exchange_fail(ex, ex->worker->draining ? ERROR_PAGE_DRAINING : ERROR_PAGE_NO_ROUTE);
	else if (found.route && is_barred(ex, found.route, &why))
		exchange_fail(ex, why);
	else if (outcome == ROUTE_WAIT)
		wait_for_session(ex, found.route);
	else
		pass_on(ex, outcome, &found);
}
