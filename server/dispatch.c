/*
 * Where a request goes: to a link, to a service of the route that its host names, into the queue of
 * those whose session was lost just now, or to a page of ours.
 */
#include <string.h>

#include "base/log.h"
#include "link/upgrade.h"
#include "tls/tls.h"
#include "server/forward.h"
#include "server/scheme.h"
#include "server/session.h"
#include "server/trunk_accept.h"
#include "server/visitor.h"

#define RETRY_AFTER_BUSY  1              /* seconds; a stream ends, a client reconnects */
#define LOOP_SAY_AGAIN    (60 * CLOCK_S) /* between two lines about upstreams that lead back here */
#define LINK_SAY_AGAIN    (60 * CLOCK_S) /* between two lines about link requests of one kind */
#define VISITOR_MOVES_MAX 4 /* of a request: each found the link gone that it was for */

static void visitor_page(struct visitor *v, struct page page);

/* The connection is a link from here on; no visitor is left. */
static void visitor_become_link(struct visitor *v, const struct http1_head *h,
	struct half_open_slot *slot)
{
	char response[UPGRADE_RESPONSE_MAX];
	size_t n = upgrade_response(h, time(NULL), response);
	struct worker *w = v->worker;
	struct address peer = v->ex.visitor;
	struct detached_conn detached = conn_detach(&v->conn);
	visitor_close(v, false);
	trunk_accept(w, detached, slot, &peer, response, n);
}

/* Who asks for a link has to show a certificate, where one is asked for. */
static bool visitor_vouched(const struct visitor *v)
{
	return !v->worker->opts->tls_client_ca || (v->conn.tls && tls_verified(v->conn.tls));
}

/* Clients come again and again: the operator is told once a minute. */
static void visitor_refuse_unvouched(struct visitor *v)
{
	struct worker *w = v->worker;
	const char *why = v->conn.tls ? tls_complaint(v->conn.tls) : "it came without TLS";
	char client[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	address_format_ip(&v->ex.visitor, client);
	if (log_limit_pass(&w->log_unvouched, loop_now(w->loop), LINK_SAY_AGAIN, 1, more))
		log_warn("client %s is refused: --tls-client-ca wants a certificate, and %s%s",
			client, *why ? why : "it showed none", more);
	visitor_refuse(v, PAGE_NO_CERTIFICATE);
}

static void visitor_refuse_stripped(struct visitor *v, const struct http1_head *h)
{
	struct worker *w = v->worker;
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&w->log_stripped, loop_now(w->loop), LINK_SAY_AGAIN, 1, more))
		log_warn("a client's request for a link came by way of %s %s: the reverse proxy "
			 "there has to pass WebSockets on; nginx needs \"proxy_http_version 1.1; "
			 "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "
			 "upgrade;\" in its location for %s (see docs/reverse-proxies.md)%s",
			v->peer_text, upgrade_lacks(h), w->opts->control_path, more);
	visitor_refuse(v, PAGE_LINK_STRIPPED);
}

static void visitor_ask_link(struct visitor *v, const struct http1_head *h)
{
	if (!visitor_vouched(v)) {
		visitor_refuse_unvouched(v);
		return;
	}
	struct half_open_slot *slot = trunk_admit(v->worker, &v->ex.visitor);
	if (slot)
		visitor_become_link(v, h, slot);
	else
		visitor_refuse(v, PAGE_OVERLOADED);
}

static bool visitor_check_link(struct visitor *v, const struct http1_head *h, size_t behind)
{
	v->ex.for_link = upgrade_offered(h);
	enum upgrade_verdict verdict =
		v->door.links ? upgrade_check(h, v->worker->opts->control_path, behind)
			      : UPGRADE_NONE;
	switch (verdict) {
	case UPGRADE_NONE:
		return false;
	case UPGRADE_LINK:
		visitor_ask_link(v, h);
		return true;
	case UPGRADE_ORIGIN:
		visitor_refuse(v, PAGE_ORIGIN);
		return true;
	case UPGRADE_VERSION:
		visitor_refuse(v, PAGE_UPGRADE);
		return true;
	case UPGRADE_STRIPPED:
		visitor_refuse_stripped(v, h);
		return true;
	case UPGRADE_MALFORMED:
		break;
	}
	visitor_refuse(v, PAGE_LINK_MALFORMED);
	return true;
}

/* A trusted proxy asks for many hosts over TLS of its own, whose name is its concern. */
static bool visitor_misdirected(const struct visitor *v, const struct http1_head *h)
{
	const struct tls *tls = v->conn.tls;
	return tls && !v->ex.trusted &&
	       scheme_misdirected(h, tls_sni(tls), tls_serves(tls, http1_host(h)));
}

static void visitor_redirect(struct visitor *v, const struct http1_head *h)
{
	struct buf place = BUF_NULL;
	const struct server_options *o = v->worker->opts;
	struct scheme_place to;
	scheme_asked(h, v->ex.trusted, &v->local, &to);
	to.port =
		o->https_port ? o->https_port : scheme_https_port(&o->ports, v->door.port, to.port);
	int r = scheme_location(&place, h, &to);
	if (r < 0) {
		visitor_close(v, true);
	} else {
		struct page page = page_for(PAGE_HTTPS);
		page.location = (struct str){(const char *)buf_head(&place), buf_len(&place)};
		visitor_page(v, page);
	}
	buf_deinit(&place);
}

/* Its upstream leads back here: without an end, it would take all connections there are. */
static void visitor_end_loop(struct visitor *v)
{
	struct worker *w = v->worker;
	uint64_t now = loop_now(w->loop);
	struct str host = exchange_host(&v->ex);
	const struct service *service = routes_service(&w->routes, host, now);
	char more[LOG_LIMIT_MORE];
	if (service && log_limit_pass(&w->log_loops, now, LOOP_SAY_AGAIN, 1, more))
		log_warn(
			"%.*s is published by session %s, whose upstream %s leads back to this "
			"exit node: a request that had been here %d times before was answered 508; "
			"name the service itself with --upstream%s",
			STR_ARG(host), service->session->name, service->upstream, NODE_PASSES_MAX,
			more);
	visitor_refuse(v, PAGE_LOOP);
}

void visitor_dispatch(struct visitor *v, const struct http1_head *h, size_t behind)
{
	visitor_set_state(v, VISITOR_EXCHANGE);
	timeout_cancel(&v->timeout);
	if (exchange_begin(v, h) < 0) {
		visitor_close(v, true);
		return;
	}
	if (visitor_check_link(v, h, behind))
		return;
	if (!v->door.visits)
		visitor_refuse(v, PAGE_NOT_HERE);
	else if (visitor_misdirected(v, h))
		visitor_refuse(v, PAGE_MISDIRECTED);
	else if (v->worker->opts->redirects && !v->ex.secure)
		visitor_redirect(v, h);
	else if (v->worker->draining)
		visitor_refuse(v, PAGE_DRAINING);
	else if (forward_passed(h, v->worker->node->pseudonym) >= NODE_PASSES_MAX)
		visitor_end_loop(v);
	else if (h->counted && !h->max_forwards)
		visitor_refuse(v, h->method == HTTP1_OPTIONS ? PAGE_OPTIONS : PAGE_TRACE);
	else
		visitor_send(v, NULL);
}

/* There is no session for it now: it waits for one that was lost just now, or is told. */
static void visitor_wait(struct visitor *v, const struct route *route)
{
	struct worker *w = v->worker;
	visitor_time(v, NULL);
	v->waiter.lost = route != NULL;
	if (!waiting_due(w, route))
		visitor_refuse(v, w->draining ? PAGE_DRAINING : PAGE_NO_ROUTE);
	else if (waiting_add(&w->waiting, &v->waiter, &w->routes, exchange_host(&v->ex),
			 &v->ex.visitor) < 0)
		visitor_refuse(v, PAGE_CROWDED);
	else {
		if (v->state != VISITOR_WAITING)
			visitor_set_state(v, VISITOR_WAITING);
		visitor_note_end(v);
	}
}

void visitor_waited(struct waiter *waiter)
{
	visitor_send(container_of(waiter, struct visitor, waiter), NULL);
}

void visitor_waited_in_vain(struct waiter *waiter)
{
	visitor_refuse(container_of(waiter, struct visitor, waiter),
		waiter->lost ? PAGE_WAITED : PAGE_NO_ROUTE);
}

void visitor_opening(struct lane_user *u, struct frame_open *open_out)
{
	open_out->visitor = frame_addr_of(&visitor_of(u)->ex.visitor);
	open_out->local = frame_addr_of(&visitor_of(u)->local);
	door_secured(&visitor_of(u)->conn, STR_NULL, open_out);
}

/* A visitor that logged in its connection goes on where it did (rule 33). */
static struct branch *visitor_own_branch(const struct visitor *v, const struct route *route)
{
	const struct lane *own = v->user.own;
	return route && own && own->use == LANE_OWN && own->branch->entry.route == route &&
			       trunk_usable(own->trunk)
		       ? own->branch
		       : NULL;
}

/* Whichever service of the route would get it: the answer is not to depend on that. */
static bool visitor_leaves(struct visitor *v, const struct route *route, enum page_cause *why_out)
{
	list_for_each (it, &route->entries)
		if (exchange_leaves(&v->ex, branch_of(it)->service, why_out))
			return true;
	return false;
}

/* Makes the request one for that service. False: it was refused. */
static bool visitor_set_service(struct visitor *v, const struct service *service)
{
	size_t had = v->ex.request.cap;
	int r = exchange_set_service(&v->ex, service);
	if (v->ex.request.cap != had)
		visitor_charge(v);
	if (r < 0)
		visitor_close(v, true);
	else if (r > 0)
		visitor_refuse_head(v, r);
	return r == 0;
}

/* A trusted proxy's connection has many visitors: what is one's own is not the next one's (rule 33). */
static void visitor_leave_others(struct visitor *v, uint64_t group)
{
	if (v->user.own && v->user.own->stream.group != group)
		lane_disown(v->user.own);
}

void visitor_send(struct visitor *v, const struct branch *but)
{
	struct exchange *ex = &v->ex;
	struct worker *w = v->worker;
	uint64_t now = loop_now(w->loop), group = address_network(&ex->visitor);
	struct route *route = routes_find(&w->routes, exchange_host(ex), now);
	struct pick pick = PICK_NONE;
	/* A name that only TLS leads to: its service is not for who merely writes it into a Host. */
	if (route && !route_takes(route, CONTROL_HTTP, CONTROL_TLS_NONE)) {
		visitor_refuse(v, PAGE_NO_ROUTE);
		return;
	}
	enum page_cause why;
	if (route && visitor_leaves(v, route, &why)) {
		visitor_refuse(v, why);
		return;
	}
	visitor_leave_others(v, group);
	pick.branch = visitor_own_branch(v, route);
	if (!pick.branch && route)
		pick = branch_pick(w, route, but, v->moves > 0);
	if (!pick_found(pick)) {
		visitor_wait(v, route);
		return;
	}
	struct lane *lane = NULL;
	if (pick.branch)
		lane = lane_take(pick.branch, &v->user, ex->upgrade);
	/* The first may have as many streams as it takes. */
	if (!lane && pick.branch) {
		pick = branch_pick(w, route, pick.branch, v->moves > 0);
		if (pick.branch)
			lane = lane_take(pick.branch, &v->user, ex->upgrade);
	}
	if (!lane && pick.worker >= 0 && v->moves < VISITOR_MOVES_MAX) {
		visitor_move(v, (unsigned)pick.worker);
		return;
	}
	if (!lane) {
		visitor_refuse(v, PAGE_BUSY);
		return;
	}
	const struct service *service = pick.branch->service;
	routes_used(&pick.branch->entry);
	memcpy(ex->session, service->session->name, sizeof(ex->session));
	if (v->state == VISITOR_WAITING)
		visitor_set_state(v, VISITOR_EXCHANGE);
	if (!visitor_set_service(v, service))
		return;
	lane->stream.group = group;
	stream_ready(&lane->stream);
	/* Another service may have been tried before, or none was there. */
	ex->half_closed = service->half_closed;
	ex->leaving &= !ex->half_closed;
	visitor_time(v, ex->body.done ? &w->answer : &w->idle);
	visitor_note_end(v);
}

/* Whether another session serves the same route. */
static bool visitor_has_other(struct visitor *v, const struct branch *but)
{
	struct worker *w = v->worker;
	struct route *route = routes_find(&w->routes, exchange_host(&v->ex), loop_now(w->loop));
	return route && pick_found(branch_pick(w, route, but, v->moves > 0));
}

/* Rule 37: once, when none of it was written, or when doing it twice does no harm. */
static bool visitor_may_retry(const struct exchange *ex, bool untouched)
{
	if (ex->again)
		return false;
	if (untouched)
		return ex->holding;
	return http1_idempotent(ex->method) && ex->body.kind == HTTP1_BODY_NONE && !ex->upgrade;
}

void visitor_leave_link(struct visitor *v)
{
	struct worker *w = v->worker;
	struct exchange *ex = &v->ex;
	struct lane *lane = v->user.lane;
	if (!lane || !trunk_silent(lane->trunk) || ex->headed || ex->n_interim ||
		buf_len(&ex->partial))
		return;
	/* A login is this connection's to the upstream: elsewhere there is none. */
	if (ex->login || lane->use == LANE_OWN)
		return;
	if (!visitor_may_retry(ex, lane->stream.sent == lane->begun_at))
		return;
	const struct route *route = routes_find(&w->routes, exchange_host(ex), loop_now(w->loop));
	struct pick pick = route ? branch_pick(w, route, NULL, v->moves > 0) : PICK_NONE;
	if (!pick_found(pick) || pick.last)
		return;
	stream_reset(&lane->stream, FRAME_RESET_CANCELLED);
	lane_fail(lane, FRAME_RESET_LINK_LOST, lane->stream.sent);
}

void visitor_lane_lost(struct lane_user *u, const struct branch *branch, enum frame_reset reason,
	bool untouched)
{
	struct visitor *v = visitor_of(u);
	struct exchange *ex = &v->ex;
	if (ex->gone) {
		visitor_close(v, true);
		return;
	}
	if (ex->malformed) {
		exchange_blame(ex, "request", ex->malformed, http1_chunks_fault(&ex->body.chunks));
		visitor_refuse_head(v, ex->malformed);
		return;
	}
	if (ex->upgraded && reason == FRAME_RESET_NONE) {
		visitor_next(v); /* both directions ended in order */
		return;
	}
	if (ex->headed) {
		ex->why = page_for(page_cause_of_reset(reason)).why;
		visitor_close(v, true);
		return;
	}
	bool dial = frame_reset_is_dial(reason);
	if (visitor_may_retry(ex, untouched) && (!dial || visitor_has_other(v, branch))) {
		ex->again = true;
		request_rewind(ex);
		visitor_send(v, dial ? branch : NULL);
		return;
	}
	visitor_refuse(v, page_cause_of_reset(reason));
}

static void visitor_page(struct visitor *v, struct page page)
{
	struct exchange *ex = &v->ex;
	struct worker *w = v->worker;
	timeout_cancel(&v->timeout);
	waiting_remove(&w->waiting, &v->waiter);
	if (v->state == VISITOR_WAITING)
		visitor_set_state(v, VISITOR_EXCHANGE);
	lane_drop(v->user.lane, FRAME_RESET_CANCELLED);
	ex->why = page.why;
	if (ex->headed) {
		visitor_close(v, true);
		return;
	}
	/* The rest of a body, or of whatever this was, is not the next request. */
	if (!request_ends_soon(v) || w->draining)
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
	size_t before = buf_len(&v->out);
	if (page_write(&v->out, &page) < 0) {
		visitor_close(v, true);
		return;
	}
	ex->bytes_out += buf_len(&v->out) - before;
	visitor_next(v);
}

void visitor_refuse(struct visitor *v, enum page_cause cause)
{
	visitor_page(v, page_for(cause));
}

void visitor_refuse_head(struct visitor *v, int http1_error)
{
	visitor_page(v, page_for_http1(http1_error));
}

void visitor_refuse_answer(struct visitor *v, int http1_error)
{
	visitor_page(v, page_for_answer(http1_error));
}
