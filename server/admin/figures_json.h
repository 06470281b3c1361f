/* SPDX-License-Identifier: MIT */
#pragma once
/* The traffic of services as JSON, of one or of several together. */
#include <jansson.h>

#include "server/control/session.h"

/* What of it adds up. All zero is nothing. */
struct figures_sum {
	double begun, errors, in, out; /* of a second */
	uint64_t failed_at;            /* µs, of the last dial that failed; 0: none did */
	enum frame_reset failed_why;
};

void figures_sum_add(struct figures_sum *to, const struct service_look *look);

/* Sets "rps", "errors", "in", "out" and "lastError" of the object, which may be NULL. Returns it; NULL: memory is out. */
json_t *figures_sum_set(json_t *object, const struct figures_sum *sum);

/* Sets "p50", "p95" and "p99": seconds, or null where no request ended lately. Likewise. */
json_t *figures_times_set(json_t *object, const struct figures *f);

/* What the service carries at the moment. On the main thread. */
struct service_look figures_look(struct service *s);
