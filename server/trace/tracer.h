/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Spans on their way to a collector (OpenTelemetry's OTLP over HTTP). Workers put those of sampled requests into a
 * bounded queue; a thread of its own sends them in batches, so that a collector that is slow, or away, makes nobody
 * wait: what finds no room is dropped and counted.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/random.h"
#include "server/trace/span.h"

#define TRACER_QUEUE 4096 /* spans, of about 700 bytes: 3 MiB */
#define TRACER_BATCH 512  /* spans in one POST: about 400 KiB of JSON */

#define TRACER_END (5 * CLOCK_S) /* for what is left at the end of the process */

struct server_options;
struct tracer;

/* With the options of `--otlp`, which were checked (server/base/otlp_options.h). Reads the files of --otlp-ca and
 * --otlp-headers-from. NULL with a sentence. */
struct tracer *tracer_new(const struct server_options *o, struct error *err);
/* Sends what is left, for TRACER_END at most. Accepts NULL; returns NULL. */
struct tracer *tracer_free(struct tracer *t);

/*
 * A request begins: a span, if it is to have one. The trace that its traceparent names goes on, sampled as that says,
 * if who sent it is `believed`, or --trace-visitors believes everybody. Else a trace begins here, and `*anew_out` is
 * true: it is sampled by the ratio, so that nobody outside decides how much is sampled (W3C Trace Context, 4.3 "Restart
 * trace"). Owned by the caller; NULL: it is not sampled, or memory is out.
 */
struct span *tracer_begin(const struct tracer *t, struct str traceparent, bool believed,
	struct random_pool *random, bool *anew_out);

/* It is over: takes a copy. From any thread. */
void tracer_end(struct tracer *t, const struct span *s);

/* Spans that found no room, or that the collector refused, since it began. */
uint64_t tracer_dropped(struct tracer *t);
