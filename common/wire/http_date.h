/* SPDX-License-Identifier: MIT */
#pragma once
/* Points in time as HTTP writes them (RFC 9110, 5.6.7). */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define HTTP_DATE_SIZE sizeof "Sun, 06 Nov 1994 08:49:37 GMT"

/*
 * Seconds since 1970 as IMF-fixdate; what lies before the year 1000 or after 9999, which that form cannot say,
 * is the nearest that it can.
 */
void http_date_format(int64_t seconds, char out[HTTP_DATE_SIZE]);

/* Any of the three forms that a recipient has to take; false: it is none. */
bool http_date_parse(struct str text, int64_t *seconds_out);
