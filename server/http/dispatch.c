/*
 * Where a request goes: to a link, to a service of the route that its host names, into the queue of
 * those whose session was lost just now, or to a error page of ours.
 */
#include <string.h>

#include "base/log.h"
#include "link/upgrade.h"
#include "tls/tls.h"
#include "server/http/forward.h"
#include "server/http/scheme.h"
#include "server/link/link_accept.h"
#include "server/http/h1_conn.h"
#include "server/route/routing.h"

#define RETRY_AFTER_BUSY  1              /* seconds; a stream ends, a client reconnects */
#define LOOP_SAY_AGAIN    (60 * CLOCK_S) /* between two lines about upstreams that lead back here */
#define LINK_SAY_AGAIN    (60 * CLOCK_S) /* between two lines about link requests of one kind */
#define H1_CONN_MOVES_MAX 4 /* of a request: each found the link gone that it was for */

static void h1_conn_send_page(struct h1_conn *c, struct error_page page);

/* The connection is a link from here on; no visitor is left. */
static void h1_conn_become_link(struct h1_conn *c, const struct http1_head *h,
	struct half_open_slot *slot)
{
	char response[UPGRADE_RESPONSE_MAX];
	size_t n = upgrade_response(h, time(NULL), response);
	struct worker *w = c->worker;
	struct address peer = c->ex.visitor;
	struct detached_conn detached = conn_detach(&c->conn);
	h1_conn_close(c, false);
	server_link_accept(w, detached, slot, &peer, response, n);
}

/* Who asks for a link has to show a certificate, where one is asked for. */
static bool h1_conn_vouched(const struct h1_conn *c)
{
	return !c->worker->opts->tls_client_ca || (c->conn.tls && tls_verified(c->conn.tls));
}

/* Clients come again and again: the operator is told once a minute. */
static void h1_conn_refuse_unvouched(struct h1_conn *c)
{
	struct worker *w = c->worker;
	const char *why = c->conn.tls ? tls_complaint(c->conn.tls) : "it came without TLS";
	char client[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	address_format_ip(&c->ex.visitor, client);
	if (log_limit_pass(&w->http->log_unvouched, loop_now(w->loop), LINK_SAY_AGAIN, 1, more))
		log_warn("client %s is refused: --tls-client-ca wants a certificate, and %s%s",
			client, *why ? why : "it showed none", more);
	h1_conn_refuse(c, ERROR_PAGE_NO_CERTIFICATE);
}

static void h1_conn_refuse_stripped(struct h1_conn *c, const struct http1_head *h)
{
	struct worker *w = c->worker;
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&w->http->log_stripped, loop_now(w->loop), LINK_SAY_AGAIN, 1, more))
		log_warn("a client's request for a link came by way of %s %s: the reverse proxy "
			 "there has to pass WebSockets on; nginx needs \"proxy_http_version 1.1; "
			 "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "
			 "upgrade;\" in its location for %s (see docs/reverse-proxies.md)%s",
			c->peer_text, upgrade_lacks(h), w->opts->control_path, more);
	h1_conn_refuse(c, ERROR_PAGE_LINK_STRIPPED);
}

static void h1_conn_ask_link(struct h1_conn *c, const struct http1_head *h)
{
	if (!h1_conn_vouched(c)) {
		h1_conn_refuse_unvouched(c);
		return;
	}
	struct half_open_slot *slot = server_link_admit(c->worker, &c->ex.visitor);
	if (slot)
		h1_conn_become_link(c, h, slot);
	else
		h1_conn_refuse(c, ERROR_PAGE_OVERLOADED);
}

static bool h1_conn_check_link(struct h1_conn *c, const struct http1_head *h, size_t behind)
{
	c->ex.for_link = upgrade_offered(h);
	enum upgrade_verdict verdict =
		c->listener.links ? upgrade_check(h, c->worker->opts->control_path, behind)
				  : UPGRADE_NONE;
	switch (verdict) {
	case UPGRADE_NONE:
		return false;
	case UPGRADE_LINK:
		h1_conn_ask_link(c, h);
		return true;
	case UPGRADE_ORIGIN:
		h1_conn_refuse(c, ERROR_PAGE_ORIGIN);
		return true;
	case UPGRADE_VERSION:
		h1_conn_refuse(c, ERROR_PAGE_UPGRADE);
		return true;
	case UPGRADE_STRIPPED:
		h1_conn_refuse_stripped(c, h);
		return true;
	case UPGRADE_MALFORMED:
		break;
	}
	h1_conn_refuse(c, ERROR_PAGE_LINK_MALFORMED);
	return true;
}

/* A trusted proxy asks for many hosts over TLS of its own, whose name is its concern. */
static bool h1_conn_misdirected(const struct h1_conn *c, const struct http1_head *h)
{
	const struct tls *tls = c->conn.tls;
	return tls && !c->ex.trusted &&
	       scheme_misdirected(h, tls_sni(tls), tls_serves(tls, http1_host(h)));
}

static void h1_conn_redirect(struct h1_conn *c, const struct http1_head *h)
{
	struct buf place = BUF_NULL;
	const struct server_options *o = c->worker->opts;
	struct scheme_place to;
	scheme_asked(h, c->ex.trusted, &c->local, &to);
	to.port = o->https_port ? o->https_port
				: scheme_https_port(&o->ports, c->listener.port, to.port);
	int r = scheme_location(&place, h, &to);
	if (r < 0) {
		h1_conn_close(c, true);
	} else {
		struct error_page page = error_page_for(ERROR_PAGE_HTTPS);
		page.location = (struct str){(const char *)buf_head(&place), buf_len(&place)};
		h1_conn_send_page(c, page);
	}
	buf_deinit(&place);
}

/* Its upstream leads back here: without an end, it would take all connections there are. */
static void h1_conn_end_loop(struct h1_conn *c)
{
	struct worker *w = c->worker;
	uint64_t now = loop_now(w->loop);
	struct str host = exchange_host(&c->ex);
	const struct service *service = routes_service(&w->routing->names, host, now);
	char more[LOG_LIMIT_MORE];
	if (service && log_limit_pass(&w->http->log_loops, now, LOOP_SAY_AGAIN, 1, more))
		log_warn(
			"%.*s is published by session %s, whose upstream %s leads back to this "
			"exit node: a request that had been here %d times before was answered 508; "
			"name the service itself with --upstream%s",
			STR_ARG(host), service->session->name, service->upstream, NODE_PASSES_MAX,
			more);
	h1_conn_refuse(c, ERROR_PAGE_LOOP);
}

void h1_conn_dispatch(struct h1_conn *c, const struct http1_head *h, size_t behind)
{
	h1_conn_set_state(c, H1_CONN_EXCHANGE);
	timeout_cancel(&c->timeout);
	if (exchange_begin(c, h) < 0) {
		h1_conn_close(c, true);
		return;
	}
	if (h1_conn_check_link(c, h, behind))
		return;
	if (!c->listener.visits)
		h1_conn_refuse(c, ERROR_PAGE_NOT_HERE);
	else if (h1_conn_misdirected(c, h))
		h1_conn_refuse(c, ERROR_PAGE_MISDIRECTED);
	else if (c->worker->opts->redirects && !c->ex.secure)
		h1_conn_redirect(c, h);
	else if (c->worker->draining)
		h1_conn_refuse(c, ERROR_PAGE_DRAINING);
	else if (forward_passed(h, c->worker->node->pseudonym) >= NODE_PASSES_MAX)
		h1_conn_end_loop(c);
	else if (h->counted && !h->max_forwards)
		h1_conn_refuse(c,
			h->method == HTTP1_OPTIONS ? ERROR_PAGE_OPTIONS : ERROR_PAGE_TRACE);
	else
		h1_conn_send(c, NULL);
}

/* There is no session for it now: it waits for one that was lost just now, or is told. */
static void h1_conn_wait(struct h1_conn *c, const struct route *route)
{
	struct worker *w = c->worker;
	h1_conn_time(c, NULL);
	c->waiter.lost = route != NULL;
	if (!wait_queue_due(w, route))
		h1_conn_refuse(c, w->draining ? ERROR_PAGE_DRAINING : ERROR_PAGE_NO_ROUTE);
	else if (wait_queue_add(&w->routing->wait_queue, &c->waiter, &w->routing->names,
			 exchange_host(&c->ex), &c->ex.visitor) < 0)
		h1_conn_refuse(c, ERROR_PAGE_CROWDED);
	else {
		if (c->state != H1_CONN_WAITING)
			h1_conn_set_state(c, H1_CONN_WAITING);
		h1_conn_note_end(c);
	}
}

void h1_conn_waited(struct waiter *waiter)
{
	h1_conn_send(container_of(waiter, struct h1_conn, waiter), NULL);
}

void h1_conn_waited_in_vain(struct waiter *waiter)
{
	h1_conn_refuse(container_of(waiter, struct h1_conn, waiter),
		waiter->lost ? ERROR_PAGE_WAITED : ERROR_PAGE_NO_ROUTE);
}

void h1_conn_opening(struct stream_user *u, struct frame_open *open_out)
{
	open_out->visitor = frame_addr_of(&h1_conn_of(u)->ex.visitor);
	open_out->local = frame_addr_of(&h1_conn_of(u)->local);
	frame_open_set_tls(&h1_conn_of(u)->conn, STR_NULL, open_out);
}

/* A visitor that logged in its connection goes on where it did (rule 33). */
static struct service_shard *h1_conn_own_service_shard(const struct h1_conn *c,
	const struct route *route)
{
	const struct pooled_stream *own = c->user.own;
	return route && own && own->use == POOLED_STREAM_OWN && own->shard->entry.route == route &&
			       server_link_usable(own->server_link)
		       ? own->shard
		       : NULL;
}

/* Whichever service of the route would get it: the answer is not to depend on that. */
static bool h1_conn_leaves(struct h1_conn *c, const struct route *route,
	enum error_page_cause *why_out)
{
	list_for_each (it, &route->entries)
		if (exchange_leaves(&c->ex, service_shard_of(it)->service, why_out))
			return true;
	return false;
}

/* Makes the request one for that service. False: it was refused. */
static bool h1_conn_set_service(struct h1_conn *c, const struct service *service)
{
	size_t had = c->ex.request.cap;
	int r = exchange_set_service(&c->ex, service);
	if (c->ex.request.cap != had)
		h1_conn_charge(c);
	if (r < 0)
		h1_conn_close(c, true);
	else if (r > 0)
		h1_conn_refuse_head(c, r);
	return r == 0;
}

/* A trusted proxy's connection has many visitors: what is one's own is not the next one's (rule 33). */
static void h1_conn_leave_others(struct h1_conn *c, uint64_t group)
{
	if (c->user.own && c->user.own->stream.group != group)
		pooled_stream_disown(c->user.own);
}

void h1_conn_send(struct h1_conn *c, const struct service_shard *but)
{
	struct exchange *ex = &c->ex;
	struct worker *w = c->worker;
	uint64_t now = loop_now(w->loop), group = address_network(&ex->visitor);
	struct route *route = routes_find(&w->routing->names, exchange_host(ex), now);
	struct pick pick = PICK_NONE;
	/* A name that only TLS leads to: its service is not for who merely writes it into a Host. */
	if (route && !route_takes(route, CONTROL_HTTP, CONTROL_TLS_NONE)) {
		h1_conn_refuse(c, ERROR_PAGE_NO_ROUTE);
		return;
	}
	enum error_page_cause why;
	if (route && h1_conn_leaves(c, route, &why)) {
		h1_conn_refuse(c, why);
		return;
	}
	h1_conn_leave_others(c, group);
	pick.shard = h1_conn_own_service_shard(c, route);
	if (!pick.shard && route)
		pick = service_shard_pick(w, route, but, c->moves > 0);
	if (!pick_found(pick)) {
		h1_conn_wait(c, route);
		return;
	}
	struct pooled_stream *pooled = NULL;
	if (pick.shard)
		pooled = pooled_stream_take(pick.shard, &c->user, ex->upgrade);
	/* The first may have as many streams as it takes. */
	if (!pooled && pick.shard) {
		pick = service_shard_pick(w, route, pick.shard, c->moves > 0);
		if (pick.shard)
			pooled = pooled_stream_take(pick.shard, &c->user, ex->upgrade);
	}
	if (!pooled && pick.worker >= 0 && c->moves < H1_CONN_MOVES_MAX) {
		h1_conn_move(c, (unsigned)pick.worker);
		return;
	}
	if (!pooled) {
		h1_conn_refuse(c, ERROR_PAGE_BUSY);
		return;
	}
	const struct service *service = pick.shard->service;
	routes_used(&pick.shard->entry);
	memcpy(ex->session, service->session->name, sizeof(ex->session));
	if (c->state == H1_CONN_WAITING)
		h1_conn_set_state(c, H1_CONN_EXCHANGE);
	if (!h1_conn_set_service(c, service))
		return;
	pooled->stream.group = group;
	stream_ready(&pooled->stream);
	/* Another service may have been tried before, or none was there. */
	ex->half_closed = service->half_closed;
	ex->leaving &= !ex->half_closed;
	h1_conn_time(c, ex->body.done ? &w->http->answer : &w->http->idle);
	h1_conn_note_end(c);
}

/* Whether another session serves the same route. */
static bool h1_conn_has_other(struct h1_conn *c, const struct service_shard *but)
{
	struct worker *w = c->worker;
	struct route *route =
		routes_find(&w->routing->names, exchange_host(&c->ex), loop_now(w->loop));
	return route && pick_found(service_shard_pick(w, route, but, c->moves > 0));
}

/* Rule 37: once, when none of it was written, or when doing it twice does no harm. */
static bool h1_conn_may_retry(const struct exchange *ex, bool untouched)
{
	if (ex->again)
		return false;
	if (untouched)
		return ex->holding;
	return http1_idempotent(ex->method) && ex->body.kind == HTTP1_BODY_NONE && !ex->upgrade;
}

void h1_conn_leave_link(struct h1_conn *c)
{
	struct worker *w = c->worker;
	struct exchange *ex = &c->ex;
	struct pooled_stream *pooled = c->user.pooled;
	if (!pooled || !server_link_silent(pooled->server_link) || ex->headed || ex->n_interim ||
		buf_len(&ex->partial))
		return;
	/* A login is this connection's to the upstream: elsewhere there is none. */
	if (ex->login || pooled->use == POOLED_STREAM_OWN)
		return;
	if (!h1_conn_may_retry(ex, pooled->stream.sent == pooled->begun_at))
		return;
	const struct route *route =
		routes_find(&w->routing->names, exchange_host(ex), loop_now(w->loop));
	struct pick pick = route ? service_shard_pick(w, route, NULL, c->moves > 0) : PICK_NONE;
	if (!pick_found(pick) || pick.last)
		return;
	stream_reset(&pooled->stream, FRAME_RESET_CANCELLED);
	pooled_stream_fail(pooled, FRAME_RESET_LINK_LOST, pooled->stream.sent);
}

void h1_conn_pooled_stream_lost(struct stream_user *u, const struct service_shard *shard,
	enum frame_reset reason, bool untouched)
{
	struct h1_conn *c = h1_conn_of(u);
	struct exchange *ex = &c->ex;
	if (ex->gone) {
		h1_conn_close(c, true);
		return;
	}
	if (ex->malformed) {
		exchange_blame(ex, "request", ex->malformed, http1_chunks_fault(&ex->body.chunks));
		h1_conn_refuse_head(c, ex->malformed);
		return;
	}
	if (ex->upgraded && reason == FRAME_RESET_NONE) {
		h1_conn_next(c); /* both directions ended in order */
		return;
	}
	if (ex->headed) {
		ex->why = error_page_for(error_page_cause_of_reset(reason)).why;
		h1_conn_close(c, true);
		return;
	}
	bool dial = frame_reset_is_dial(reason);
	if (h1_conn_may_retry(ex, untouched) && (!dial || h1_conn_has_other(c, shard))) {
		ex->again = true;
		request_body_rewind(ex);
		h1_conn_send(c, dial ? shard : NULL);
		return;
	}
	h1_conn_refuse(c, error_page_cause_of_reset(reason));
}

static void h1_conn_send_page(struct h1_conn *c, struct error_page page)
{
	struct exchange *ex = &c->ex;
	struct worker *w = c->worker;
	timeout_cancel(&c->timeout);
	wait_queue_remove(&w->routing->wait_queue, &c->waiter);
	if (c->state == H1_CONN_WAITING)
		h1_conn_set_state(c, H1_CONN_EXCHANGE);
	pooled_stream_drop(c->user.pooled, FRAME_RESET_CANCELLED);
	ex->why = page.why;
	if (ex->headed) {
		h1_conn_close(c, true);
		return;
	}
	/* The rest of a body, or of whatever this was, is not the next request. */
	if (!request_body_ends_soon(c) || w->draining)
		page.close = true;
	if (page.close)
		ex->keep = false;
	if (!ex->keep)
		page.close = true;
	page.host = exchange_host(ex);
	page.request_id = str_from(ex->id);
	page.html = ex->html;
	page.for_link = ex->for_link;
	page.head_only = ex->method == HTTP1_HEAD;
	if (page.status == 503)
		page.retry_after = RETRY_AFTER_BUSY;
	ex->status = page.status;
	size_t before = buf_len(&c->out);
	if (error_page_write(&c->out, &page) < 0) {
		h1_conn_close(c, true);
		return;
	}
	ex->bytes_out += buf_len(&c->out) - before;
	h1_conn_next(c);
}

void h1_conn_refuse(struct h1_conn *c, enum error_page_cause cause)
{
	h1_conn_send_page(c, error_page_for(cause));
}

void h1_conn_refuse_head(struct h1_conn *c, int http1_error)
{
	h1_conn_send_page(c, error_page_for_http1(http1_error));
}

void h1_conn_refuse_answer(struct h1_conn *c, int http1_error)
{
	h1_conn_send_page(c, error_page_for_answer(http1_error));
}
