/* SPDX-License-Identifier: MIT */
#pragma once
/* Values that both sides answer with. NULL: memory is out. */
#include <stdint.h>

#include <jansson.h>

#include "config/option.h"

/* RFC 3339, of a moment as policy_now() counts them. */
json_t *moment_json(uint64_t at);

/* The same of a moment that is over, as clock_now() counts them; null for 0, which is none. */
json_t *clock_moment_json(uint64_t at);

/* Of µs: a number of seconds. */
json_t *seconds_json(uint64_t us);

/* Each option as one would type it, "" for what was not given; of a secret whether it was. */
json_t *options_json(const struct option_table *t, const void *options);

/* Text of anybody's: what is no UTF-8 is taken for Latin-1, as browsers do. */
json_t *text_json(const void *p, size_t n);

/* The name of this machine. */
json_t *hostname_json(void);

/* One more, unless memory is out: then there is none. Takes both; NULL is passed on. */
json_t *append_json(json_t *array, json_t *item);
