/* SPDX-License-Identifier: MIT */
#pragma once
/* A number of events a second, as options say it: "100/s", "30/m", "1000/h"; "100/s:500" with a burst. */
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define RATE_LIMIT_MAX 1000000 /* of a period, and of a burst: more than the machine takes */

struct rate_limit {
	uint64_t every; /* ns between two that keep to it; 0: there is no limit */
	uint64_t burst; /* so many at once, 1 or more */
};

/*
 * Without a burst as many may come at once as in one second, at least one: a page and what belongs to it come
 * together. 0; -EINVAL with a sentence.
 */
int rate_limit_parse(struct str text, struct rate_limit *out, struct error *err);
/* The same for an option's row. */
int rate_limit_check(struct str text, struct error *err);
