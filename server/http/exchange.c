/* SPDX-License-Identifier: MIT */
#include "server/http/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/state.h"
#include "server/base/access_log.h"
#include "server/base/worker.h"
#include "server/http/exchange_trace.h"
#include "server/http/forwarded.h"
#include "server/http/http_worker.h"
#include "server/http/plan.h"
#include "server/http/scheme.h"
#include "server/http/upstream_head.h"
#include "server/route/routing.h"

#define AUTHORITY_SIZE   (HOSTNAME_SIZE + sizeof(":65535"))
#define RETRY_AFTER_BUSY 1 /* seconds; a stream ends, a client reconnects */

void exchange_set_state(struct exchange *ex, enum exchange_state state)
{
	static const char *const names[] = {"none", "active", "waiting"};
	static const uint8_t legal[] = {
		[EXCHANGE_NONE] = 1 << EXCHANGE_ACTIVE,
		[EXCHANGE_ACTIVE] = 1 << EXCHANGE_WAITING | 1 << EXCHANGE_NONE,
		[EXCHANGE_WAITING] = 1 << EXCHANGE_ACTIVE | 1 << EXCHANGE_NONE,
	};
	static const struct state_table table = {"exchange", names, legal};
	state_step(&table, ex->state, state);
	ex->state = state;
}

static bool starts_with(struct str s, struct str word)
{
	return s.n >= word.n && strncasecmp(s.p, word.p, word.n) == 0;
}

bool exchange_logs_in(const struct http1_head *h, enum http1_id id)
{
	if (!(h->seen & UINT64_C(1) << id))
		return false;
	for (size_t i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == id &&
			(starts_with(h->fields[i].value, STR("NTLM")) ||
				starts_with(h->fields[i].value, STR("Negotiate"))))
			return true;
	return false;
}

/* What a Host field says of the canonical host and the port that was asked for; its length. */
static size_t authority_of(const struct http1_head *h, char out[AUTHORITY_SIZE])
{
	struct str host = http1_host(h);
	char port[sizeof(":65535")] = "";
	if (h->host_port)
		snprintf(port, sizeof(port), ":%u", h->host_port);
	return (size_t)snprintf(out, AUTHORITY_SIZE, "%.*s%s", STR_ARG(host), port);
}

static void take_facts(struct exchange *ex, const struct http1_head *h)
{
	ex->began = loop_now(ex->worker->loop);
	ex->bytes_in = h->size;
	ex->method = h->method;
	ex->http10 = h->minor == 0;
	ex->asterisk = h->path.p[0] == '*'; /* an absolute form has it too */
	ex->keep = h->keep_alive;
	ex->upgrade = h->upgrade;
	ex->expects = h->expect_continue;
	ex->login = exchange_logs_in(h, HTTP1_AUTHORIZATION);
	ex->dav = h->seen & (UINT64_C(1) << HTTP1_DESTINATION | UINT64_C(1) << HTTP1_IF);
	ex->html = error_page_wants_html(h);
	ex->grpc = ex->http2 && h->te_trailers && error_page_wants_grpc(h);
	ex->holding = true;
	body_begin(&ex->body, h->body, h->length);
}

int exchange_begin(struct exchange *ex, const struct http1_head *h)
{
	struct worker *w = ex->worker;
	const struct downstream *from = ex->downstream;
	exchange_set_state(ex, EXCHANGE_ACTIVE);
	take_facts(ex, h);
	bool trusted = forwarded_visitor(h, &from->peer, &w->opts->trusted, &ex->visitor);
	ex->trusted = trusted;
	ex->secure = scheme_secure(h, trusted, from->tls != NULL);
	struct str id = trusted ? request_id_given(h) : STR_NULL;
	if (id.n)
		memcpy(ex->id, id.p, id.n);
	else
		request_id_next(&w->http->ids, ex->id);

	if (w->node->tracer)
		exchange_trace_begin(ex, h);
	ex->request = buf_pool_take(&w->http->bufs);
	return exchange_write_head(ex, h, STR_NULL);
}

int exchange_write_head(struct exchange *ex, const struct http1_head *h, struct str added)
{
	/* It is no service's any more. */
	ex->prefix_n = ex->plain_n = 0;
	ex->rewritten = ex->answers = false;
	struct worker *w = ex->worker;
	const struct downstream *from = ex->downstream;
	char authority[AUTHORITY_SIZE], traceparent[TRACE_PARENT_LEN + 1];
	struct forward f = {
		.peer = str_from(from->peer_text),
		.request_id = str_from(ex->id),
		.pseudonym = w->node->pseudonym,
		.secure = ex->secure,
		.trusted = ex->trusted,
		.upgrade = ex->upgrade,
		.added = added,
	};
	if (!h->host_n) /* but the upstream is asked in 1.1, and many take no empty Host */
		f.authority = (struct str){authority,
			scheme_authority(&from->local, from->tls != NULL, authority)};
	else if (!forward_takes_host(h))
		f.authority = (struct str){authority, authority_of(h, authority)};
	f.retrace = ex->retrace;
	if (ex->span)
		f.traceparent = exchange_trace_parent(ex, traceparent);
	ex->request.start = ex->request.end = 0;
	return upstream_head_write(ex, h, &f);
}

void exchange_begin_broken(struct exchange *ex, size_t bytes)
{
	exchange_set_state(ex, EXCHANGE_ACTIVE);
	ex->began = loop_now(ex->worker->loop);
	ex->visitor = ex->downstream->peer;
	ex->bytes_in = bytes;
	request_id_next(&ex->worker->http->ids, ex->id);
}

bool exchange_switches(const struct exchange *ex, const struct http1_head *response)
{
	static const struct str mark = {"\r\n" FORWARD_UPGRADE, sizeof("\r\n" FORWARD_UPGRADE) - 1};
	const struct http1_field *f = http1_find(response, HTTP1_UPGRADE);
	const char *head = (const char *)buf_head(&ex->request) + ex->head_at;
	const char *offer = memmem(head, ex->head_n, mark.p, mark.n);
	if (!response->upgrade || !offer)
		return false;
	offer += mark.n;
	const char *end = memchr(offer, '\r', (size_t)(head + ex->head_n - offer));
	struct str answer = f->value, protocol, offered, offers = {offer, (size_t)(end - offer)};
	/* Layers stand in ascending order (RFC 9110, 7.8): "TLS/1.0, HTTP/1.1" switches to TLS. */
	if (!http1_list_next(&answer, &protocol))
		return false;
	while (http1_list_next(&offers, &offered))
		if (str_eq_nocase(offered, protocol))
			return true;
	return false;
}

struct str exchange_host(const struct exchange *ex)
{
	return (struct str){(const char *)buf_head(&ex->request), ex->host_n};
}

void exchange_log_fault(const struct exchange *ex, const char *what, int http1_error,
	struct str field)
{
	log_debug_of(ex->downstream->connection, "refused %s %s: %s%s%.*s", what, ex->id,
		http1_error_text(http1_error), field.n ? ": " : "",
		(int)MIN(field.n, EXCHANGE_FAULT_MAX), field.n ? field.p : "");
}

struct str exchange_target(const struct exchange *ex)
{
	return ex->plan && ex->plan->to.n ? ex->plan->to : exchange_host(ex);
}

bool exchange_in_group(const struct exchange *ex)
{
	return ex->plan && ex->plan->group && ex->plan->to.n;
}

const struct routes *exchange_routes(const struct exchange *ex)
{
	const struct routing *routing = ex->worker->routing;
	return exchange_in_group(ex) ? &routing->groups : &routing->names;
}

size_t exchange_memory(const struct exchange *ex)
{
	size_t request = ex->request.cap > BUF_POOL_MAX ? ex->request.cap : 0;
	return request + ex->partial.cap + plan_memory(ex->plan);
}

bool exchange_let_go(struct exchange *ex)
{
	size_t head = ex->head_at + ex->head_n, all = buf_len(&ex->request);
	if (ex->state != EXCHANGE_ACTIVE || all == head || ex->sent != all - ex->head_at)
		return false;
	struct buf rest = BUF_NULL;
	if (buf_append(&rest, buf_head(&ex->request), head) < 0)
		return false;
	buf_deinit(&ex->request);
	ex->request = rest;
	ex->holding = false;
	ex->sent = ex->head_n;
	ex->ops->charge(ex);
	return true;
}

/* ---- The end ---- */

static void log_request(const struct exchange *ex)
{
	const struct downstream *from = ex->downstream;
	const char *p = (const char *)buf_head(&ex->request);
	char other[ADDRESS_TEXT_SIZE];
	struct str visitor = str_from(from->peer_text);
	if (!address_same_ip(&ex->visitor, &from->peer))
		visitor = (struct str){other, address_format_ip(&ex->visitor, other)};
	struct access_entry a = {
		.visitor = visitor,
		.host = {p, ex->host_n},
		.query = (enum access_query)ex->worker->opts->access_log_query,
		.status = ex->status,
		.bytes_in = ex->bytes_in,
		.bytes_out = ex->bytes_out,
		.duration = loop_now(ex->worker->loop) - ex->began,
		.session = str_from(ex->session),
		.request_id = str_from(ex->id),
		.connection = from->connection,
		.why = ex->why,
		.format = (enum access_format)ex->worker->opts->access_log_format,
		.protocol = ex->http2    ? "HTTP/2.0"
			    : ex->http10 ? "HTTP/1.0"
					 : "HTTP/1.1",
	};
	if (ex->head_n) {
		p += ex->head_at;
		a.method = (struct str){p, ex->method_n};
		a.head = (struct str){p, ex->head_n};
		a.path = (struct str){p + ex->method_n + 1 + ex->prefix_n, ex->target_n};
	}
	if (ex->plan && ex->plan->decided)
		a.rule = ex->plan->decided->name;
	if (ex->plan && buf_len(&ex->plan->asked))
		a.path = (struct str){(const char *)buf_head(&ex->plan->asked),
			buf_len(&ex->plan->asked)};
	access_log(&a);
	if (ex->worker->http->notes)
		request_notes_add(ex->worker->http->notes, &a, &ex->visitor);
	if (ex->span)
		exchange_trace_end(ex, &a);
}

void exchange_count_at(struct exchange *ex, struct service_counts *counts)
{
	if (counts)
		service_counts_hold(counts);
	service_counts_release(ex->counts);
	ex->counts = counts;
}

/* The request is over: it is counted, and logged. */
static void record(const struct exchange *ex)
{
	struct worker *w = ex->worker;
	counter_add(ex->http2 ? &w->http->counts.http2 : &w->http->counts.http1, 1);
	uint64_t wait = ex->answered ? ex->answered - ex->asked : 0;
	service_counts_request(ex->counts ? ex->counts : &w->routing->unserved, ex->status,
		loop_now(w->loop) - ex->began, wait);
	log_request(ex);
}

/* Forgets the request. What belongs to the connection stays. */
static void forget(struct exchange *ex)
{
	timeout_cancel(&ex->timeout);
	service_counts_release(ex->counts);
	buf_pool_give(&ex->worker->http->bufs, &ex->request);
	buf_deinit(&ex->partial);
	free(ex->span);
	if (ex->plan)
		plan_free(ex->plan);
	memset(&ex->state, 0, sizeof(*ex) - offsetof(struct exchange, state));
}

void exchange_end(struct exchange *ex)
{
	record(ex);
	forget(ex);
}

void exchange_close(struct exchange *ex, bool silently)
{
	wait_queue_remove(&ex->worker->routing->wait_queue, &ex->waiter);
	pooled_stream_drop(ex->user.pooled, FRAME_RESET_CANCELLED);
	pooled_stream_disown(ex->user.own);
	if (ex->state != EXCHANGE_NONE && !silently) {
		if (!ex->why)
			ex->why = "visitor-gone";
		record(ex);
	}
	forget(ex);
}

/* There is no worker any more to keep the buffer. */
void exchange_discard(struct exchange *ex)
{
	buf_deinit(&ex->request);
	buf_deinit(&ex->partial);
	free(ex->span);
	ex->plan = plan_free(ex->plan);
}

void exchange_fail_with(struct exchange *ex, struct error_page page)
{
	timeout_cancel(&ex->timeout);
	wait_queue_remove(&ex->worker->routing->wait_queue, &ex->waiter);
	if (ex->state == EXCHANGE_WAITING)
		exchange_set_state(ex, EXCHANGE_ACTIVE);
	pooled_stream_drop(ex->user.pooled, FRAME_RESET_CANCELLED);
	ex->why = page.why;
	counter_add(&ex->worker->http->counts.answers[page.cause], 1);
	if (ex->headed) {
		ex->ops->abort(ex);
		return;
	}
	page.host = exchange_host(ex);
	page.request_id = str_from(ex->id);
	page.html = ex->html;
	page.grpc = ex->grpc;
	page.for_link = ex->for_link;
	page.head_only = ex->method == HTTP1_HEAD;
	if (page.status == 503 && !page.retry_after)
		page.retry_after = RETRY_AFTER_BUSY;
	ex->status = page.status;
	if (ex->ops->page(ex, &page))
		ex->ops->end(ex);
}

void exchange_fail(struct exchange *ex, enum error_page_cause cause)
{
	exchange_fail_with(ex, error_page_for(cause));
}

void exchange_fail_request(struct exchange *ex, int http1_error)
{
	exchange_fail_with(ex, error_page_for_http1(http1_error));
}

void exchange_fail_response(struct exchange *ex, int http1_error)
{
	exchange_fail_with(ex, error_page_for_answer(http1_error));
}
