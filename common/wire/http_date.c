/* SPDX-License-Identifier: MIT */
/* Years after 2038 also where time_t has 32 bits; it goes to and comes from nobody else here. */
#define _TIME_BITS 64
#include "wire/http_date.h"

#include <stdio.h>
#include <time.h>

#include "base/macros.h"

/* The years 1000 and 9999, as seconds: four digits. */
#define FIRST (-30610224000)
#define LAST  253402300799

#define LONGEST sizeof "Wednesday, 06-Nov-94 08:49:37 GMT"

void http_date_format(int64_t seconds, char out[HTTP_DATE_SIZE])
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec"};
	time_t t = MAX(FIRST, MIN(LAST, seconds));
	struct tm tm;
	gmtime_r(&t, &tm);
	snprintf(out, HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT",
		days[(unsigned)tm.tm_wday % ARRAY_LEN(days)], (unsigned)tm.tm_mday % 100,
		months[(unsigned)tm.tm_mon % ARRAY_LEN(months)],
		(unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
		(unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

bool http_date_parse(struct str text, int64_t *seconds_out)
{
	/* IMF-fixdate, RFC 850 and asctime(). */
	static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};
	char copy[LONGEST];
	if (text.n >= sizeof copy || memchr(text.p ? text.p : "", '\0', text.n))
		return false;
	snprintf(copy, sizeof copy, "%.*s", STR_ARG(text));
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct tm tm = {0};
		const char *end = strptime(copy, forms[i], &tm);
		if (end && !*end) {
			*seconds_out = timegm(&tm);
			return true;
		}
	}
	return false;
}
