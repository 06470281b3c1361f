/* SPDX-License-Identifier: MIT */
#pragma once
/* One POST to a collector, on a connection of its own, by a thread that may wait. */
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/base/otlp_options.h"

#define OTLP_TIMEOUT (10 * CLOCK_S) /* for all of it, as OpenTelemetry's exporters have it */

struct tls_client;

/* Outcome of otlp_post(), with a sentence: the collector does not want these bytes, whenever they come. */
enum { OTLP_REFUSED = 1 };

/*
 * `tls` NULL: plain HTTP. `fields` are whole lines of further ones, or NULL. 0 when it was taken (2xx); OTLP_REFUSED; -errno with a sentence when it may be tried again.
 */
int otlp_post(const struct otlp_target *target, struct tls_client *tls, const char *fields,
	const char *body, size_t n, struct error *err);
