/* SPDX-License-Identifier: MIT */
/*
 * What comes on an HTTP/2 connection: requests, their bodies and ends. All of this runs within h2_input(), where
 * nothing is written and nothing is freed.
 */
#include <stdlib.h>

#include "server/http/dispatch.h"
#include "server/http/exchange_events.h"
#include "server/http/h2_conn.h"
#include "server/http/retry.h"

/* Then the client is told to open another connection: HPACK's tables go, and workers are chosen anew. */
#define H2_REQUESTS_MAX 10000

static struct h2_conn *conn_of(struct h2 *h)
{
	return container_of(h, struct h2_conn, h2);
}

static void reap(struct loop_task *task)
{
	free(container_of(task, struct h2_exchange, reap));
}

static void again(struct loop_task *task)
{
	retry_silent_link(&container_of(task, struct h2_exchange, again)->ex);
}

/*
 * The first exchange of a connection has its place by --max-visitors. Others are counted in a limit of their
 * own, or each connection could have H2_STREAMS_MAX of them for one place.
 */
static bool admit(struct h2_exchange *x)
{
	struct h2_conn *c = x->conn;
	const struct server_options *o = c->worker->opts;
	if (c->n_exchanges <= 1)
		return true;
	x->counted = limits_acquire(&c->worker->node->limits, LIMITS_EXCHANGE,
			     c->counted ? &c->downstream.peer : NULL, (unsigned)o->max_exchanges,
			     (unsigned)o->max_exchanges_per_address) == 0;
	return x->counted;
}

static struct h2_exchange *exchange_new(struct h2_conn *c)
{
	struct h2_exchange *x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->conn = c;
	timeout_init(&x->stalled);
	loop_task_init(&x->reap, reap);
	loop_task_init(&x->again, again);
	exchange_init(&x->ex, &h2_exchange_ops, c->worker, &c->downstream);
	list_init(&x->link);
	list_append(&c->exchanges, &x->link);
	c->n_exchanges++;
	timeout_cancel(&c->idle);
	return x;
}

/* The parser of HTTP/1 is the judge, and must have seen all of the text, and nothing else, as it was meant. */
static int parse(struct h2_conn *c, const struct h2_message *r, struct http1_head *h)
{
	size_t scanned = 0;
	if (r->error)
		return r->error;
	int e = http1_parse_request(h, (const uint8_t *)r->text.p, r->text.n,
		c->worker->opts->request_head_limit + 1, &scanned);
	if (e == HTTP1_MORE)
		return HTTP1_E_START_LINE;
	if (e == HTTP1_OK && (h->size != r->text.n || h->n_fields != r->n_fields))
		return HTTP1_E_NAME;
	return e;
}

static void begin(struct h2_exchange *x, const struct h2_message *r)
{
	struct h2_conn *c = x->conn;
	struct exchange *ex = &x->ex;
	struct http1_head *h = &c->worker->http->request;
	int e = parse(c, r, h);
	ex->http2 = true;
	if (e) {
		exchange_begin_broken(ex, r->text.n);
		exchange_log_fault(ex, "request", e, r->error ? STR_NULL : h->at_fault);
		exchange_fail_request(ex, e);
		return;
	}
	if (exchange_begin(ex, h) < 0) {
		h2_exchange_reset(x, H2_INTERNAL_ERROR);
		return;
	}
	ex->moves = 1; /* the connection is not moved for the sake of an even load */
	ex->settled = c->n_exchanges > 1;
	h2_exchange_charge(x);
	if (admit(x))
		dispatch_request(ex, h);
	else
		exchange_fail(ex, ERROR_PAGE_OVERLOADED);
}

static struct h2_stream *request(struct h2 *h2, const struct h2_message *r)
{
	struct h2_conn *c = conn_of(h2);
	if (c->state != H2_CONN_OPEN && c->state != H2_CONN_MOVING)
		return NULL;
	struct h2_exchange *x = exchange_new(c);
	if (!x)
		return NULL;
	h2_stream_begin(&x->stream, h2, r->id);
	x->ended = r->end;
	begin(x, r);
	if (h2->requests >= H2_REQUESTS_MAX)
		h2_goaway(h2, H2_NO_ERROR);
	return &x->stream;
}

static void data(struct h2_stream *s, const uint8_t *p, size_t n)
{
	struct h2_exchange *x = h2_exchange_of_stream(s);
	if (x->ex.state == EXCHANGE_NONE) {
		h2_consume(s, n);
		return;
	}
	if (buf_append(&x->body, p, n) < 0) {
		h2_exchange_reset(x, H2_INTERNAL_ERROR);
		return;
	}
	h2_exchange_charge(x);
	exchange_readable(&x->ex);
}

static void end(struct h2_stream *s, struct str trailers)
{
	struct h2_exchange *x = h2_exchange_of_stream(s);
	if (x->ex.state == EXCHANGE_NONE)
		return;
	x->ended = true;
	/* Where the body has a length there is no place for them in HTTP/1: they may be left out (RFC 9110, 6.5.1). */
	if (trailers.n && x->ex.body.kind == HTTP1_BODY_CHUNKED &&
		buf_append(&x->trailers, trailers.p, trailers.n) < 0) {
		h2_exchange_reset(x, H2_INTERNAL_ERROR);
		return;
	}
	exchange_readable(&x->ex);
}

static void closed(struct h2_stream *s)
{
	struct h2_exchange *x = h2_exchange_of_stream(s);
	/* The visitor gave it up. Where the response was whole its exchange ends in a moment. */
	if (x->ex.state != EXCHANGE_NONE && !s->done)
		exchange_close(&x->ex, false);
	if (x->ex.state == EXCHANGE_NONE)
		h2_exchange_done(x);
}

const struct h2_ops h2_conn_ops = {
	.request = request,
	.data = data,
	.end = end,
	.closed = closed,
};
