/* SPDX-License-Identifier: MIT */
#include "cli/age.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/macros.h"

int64_t age_parse(const char *rfc3339)
{
	struct tm tm = {0};
	if (!rfc3339 || !strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm))
		return -1;
	return timegm(&tm);
}

const char *age_format(int64_t seconds, char to[AGE_SIZE])
{
	/* The next larger unit from the second of it on: 90m says more than 1h. */
	static const struct {
		int64_t seconds;
		char letter;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	int64_t s = MAX(seconds, 0);
	size_t i = 0;
	while (i + 1 < ARRAY_LEN(units) && s < 2 * units[i].seconds)
		i++;
	snprintf(to, AGE_SIZE, "%" PRId64 "%c", s / units[i].seconds, units[i].letter);
	return to;
}
