/* SPDX-License-Identifier: MIT */
#pragma once
/* One POST to a collector, on a connection of its own, by a thread that may wait. Plain HTTP. */
#include <stddef.h>

#include "base/error.h"
#include "server/base/otlp_options.h"

#define OTLP_WAIT 2 /* seconds: for the connection, and for each read or write */

/* Outcome of otlp_post(), with a sentence: the collector does not want these bytes, whenever they come. */
enum { OTLP_REFUSED = 1 };

/* 0 when it was taken (2xx); OTLP_REFUSED; -errno with a sentence when it may be tried again. */
int otlp_post(const struct otlp_target *target, const char *body, size_t n, struct error *err);
