/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Spans on their way to a collector (OpenTelemetry's OTLP over HTTP). Workers put those of sampled requests into a
 * bounded queue; a thread of its own sends them in batches, so that a collector that is slow, or away, makes nobody
 * wait: what finds no room is dropped and counted.
 */
#include <stdint.h>

#include "base/error.h"
#include "crypto/random.h"
#include "server/trace/span.h"

#define TRACER_QUEUE 4096 /* spans, of about 700 bytes: 3 MiB */
#define TRACER_BATCH 512  /* spans in one POST: about 400 KiB of JSON */

struct tracer;

/* `url` and `ratio` were checked (server/base/otlp_options.h). NULL with a sentence. */
struct tracer *tracer_new(const char *url, const char *ratio, struct error *err);
/* Sends what is left, once, within a few seconds. Accepts NULL. */
struct tracer *tracer_free(struct tracer *t);

/*
 * A request begins: a span, if it is to have one. It is sampled as its traceparent says, and where it has none, or
 * several, by the ratio. Owned by the caller; NULL: it has none, or memory is out.
 */
struct span *tracer_begin(const struct tracer *t, struct str traceparent,
	struct random_pool *random);

/* It is over: takes a copy. From any thread. */
void tracer_end(struct tracer *t, const struct span *s);

/* Spans that found no room, or that the collector refused, since it began. */
uint64_t tracer_dropped(struct tracer *t);
