/* SPDX-License-Identifier: MIT */
#include "server/http/exchange_trace.h"

#include <string.h>

#include "base/macros.h"
#include "server/http/http_worker.h"
#include "server/trace/tracer.h"

/* The only one that there is; of several none is believed. */
static struct str given(const struct http1_head *h)
{
	struct str value = STR_NULL;
	for (size_t i = 0; i < h->n_fields; i++) {
		if (h->fields[i].id != HTTP1_TRACEPARENT)
			continue;
		if (value.n)
			return STR_NULL;
		value = h->fields[i].value;
	}
	return value;
}

void exchange_trace_begin(struct exchange *ex, const struct http1_head *h)
{
	struct worker *w = ex->worker;
	ex->span = tracer_begin(w->node->tracer, given(h), ex->trusted, &w->http->ids.pool,
		&ex->retrace);
}

struct str exchange_trace_parent(const struct exchange *ex, char room[TRACE_PARENT_LEN + 1])
{
	trace_context_format(&ex->span->context, room);
	return str_from(room);
}

static void copy(char *to, size_t size, struct str s)
{
	size_t n = MIN(s.n, size - 1);
	if (n)
		memcpy(to, s.p, n);
	to[n] = 0;
}

void exchange_trace_route(struct exchange *ex, struct str route)
{
	if (!ex->span)
		return;
	copy(ex->span->route, sizeof(ex->span->route), route.n ? route : STR("*"));
	exchange_trace(ex, SPAN_ROUTED);
}

void exchange_trace_end(const struct exchange *ex, const struct access_entry *a)
{
	struct span *s = ex->span;
	s->began = ex->began;
	s->ended = loop_now(ex->worker->loop);
	s->status = ex->status;
	s->why = ex->why;
	s->http10 = ex->http10;
	s->http2 = ex->http2;
	copy(s->method, sizeof(s->method), a->method);
	copy(s->host, sizeof(s->host), a->host);
	copy(s->session, sizeof(s->session), a->session);
	tracer_end(ex->worker->node->tracer, s);
}
