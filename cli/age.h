/* SPDX-License-Identifier: MIT */
#pragma once
/* Times of the API (RFC 3339, UTC) as people say them. */
#include <stddef.h>
#include <stdint.h>

#define AGE_SIZE 32

/* Seconds since 1970; negative: it is no such time. */
int64_t age_parse(const char *rfc3339);

/* "42s", "5m", "3h", "12d" between the two, the later one minus the earlier. */
const char *age_format(int64_t seconds, char to[AGE_SIZE]);
