/* SPDX-License-Identifier: MIT */
#pragma once
/* The span of an exchange, where there is a collector of spans (--otlp). */
#include "loop/loop.h"
#include "server/base/access_log.h"
#include "server/base/worker.h"
#include "server/http/exchange.h"
#include "server/trace/span.h"

/*
 * What the upstream gets as traceparent, in `room`; empty: this request is not sampled. `*anew_out`: what the visitor
 * wrote of traces goes no further.
 */
struct str exchange_trace_begin(struct exchange *ex, const struct http1_head *h,
	char room[TRACE_PARENT_LEN + 1], bool *anew_out);

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
