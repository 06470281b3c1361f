/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Moments that outlive the process: microseconds since 1970, UTC, in a uint64_t. Expiry and the audit's times
 * are such; whatever only measures how long takes base/clock.h.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Of times, limits and rates: none was given. */
#define POLICY_NONE UINT64_MAX

#define POLICY_TIME_SIZE sizeof "2026-11-28T13:44:02.118Z"

/*
 * Now. It never runs backwards within the process, from any thread: a clock that is set back brings nothing
 * back to life that has expired.
 */
uint64_t policy_now(void);

/* RFC 3339 in UTC, cut to milliseconds; "" for what lies behind the year 9999. Returns `to`. */
char *policy_time_format(uint64_t us, char to[POLICY_TIME_SIZE]);

/* RFC 3339, whatever its offset; digits behind the sixth of a second's fraction are cut. False: it is none. */
bool policy_time_parse(struct str text, uint64_t *us_out);

/* As the options take it ("250ms", "10s", "24h"), and days and weeks: "90d", "2w". False: it is none. */
bool policy_duration_parse(struct str text, uint64_t *us_out);
