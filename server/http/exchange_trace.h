/* SPDX-License-Identifier: MIT */
#pragma once
/* The span of an exchange, where there is a collector of spans (--otlp). */
#include "loop/loop.h"
#include "server/base/access_log.h"
#include "server/base/worker.h"
#include "server/http/exchange.h"
#include "server/trace/span.h"

/* Makes exchange::span, if the request is sampled, and says whether it begins a trace: exchange::retrace. */
void exchange_trace_begin(struct exchange *ex, const struct http1_head *h);

/* What the upstream gets as traceparent of a request that is sampled, in `room`. */
struct str exchange_trace_parent(const struct exchange *ex, char room[TRACE_PARENT_LEN + 1]);

/* It was sampled and is over: sends its span. */
void exchange_trace_end(const struct exchange *ex, const struct access_entry *a);

/* Its route is found. */
void exchange_trace_route(struct exchange *ex, struct str route);

/* Of a request that is sent again the last time counts. */
static inline void exchange_trace(struct exchange *ex, enum span_event event)
{
	if (ex->span)
		ex->span->events[event] = loop_now(ex->worker->loop);
}
