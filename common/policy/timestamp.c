/* SPDX-License-Identifier: MIT */
/* Years after 2038 also where time_t has 32 bits. */
#define _TIME_BITS 64
#include "policy/timestamp.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "config/value.h"

#define DAY  (24 * UINT64_C(3600) * CLOCK_S)
#define WEEK (7 * DAY)

/* The end of the year 9999: four digits. */
#define LAST (UINT64_C(253402300800) * CLOCK_S - 1)

/* The longest that is parsed: a fraction of nine digits and an offset. */
#define LONGEST sizeof "2026-11-28T13:44:02.118118118+01:00"

uint64_t policy_now(void)
{
	static _Atomic uint64_t highest;
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	uint64_t now = (uint64_t)ts.tv_sec * CLOCK_S + (uint64_t)ts.tv_nsec / 1000;
	uint64_t before = atomic_load_explicit(&highest, memory_order_relaxed);
	while (before < now)
		if (atomic_compare_exchange_weak(&highest, &before, now))
			return now;
	return before;
}

char *policy_time_format(uint64_t us, char to[POLICY_TIME_SIZE])
{
	time_t seconds = (time_t)(us / CLOCK_S);
	struct tm tm;
	to[0] = '\0';
	if (us > LAST || !gmtime_r(&seconds, &tm))
		return to;
	size_t n = strftime(to, POLICY_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to + n, POLICY_TIME_SIZE - n, ".%03uZ",
		(unsigned)(us % CLOCK_S / CLOCK_MS) % 1000);
	return to;
}

/* `n` digits at the front of `*text`, which is moved behind them. */
static bool take_number(const char **text, unsigned n, int *out)
{
	int v = 0;
	for (unsigned i = 0; i < n; i++) {
		if ((*text)[i] < '0' || (*text)[i] > '9')
			return false;
		v = v * 10 + (*text)[i] - '0';
	}
	*text += n;
	*out = v;
	return true;
}

static bool take(const char **text, const char *any_of)
{
	if (!**text || !strchr(any_of, **text))
		return false;
	++*text;
	return true;
}

/* ".118": what follows a second. */
static bool take_fraction(const char **text, uint64_t *us_out)
{
	uint64_t us = 0, digit = CLOCK_S / 10;
	int v;
	if (!take(text, "."))
		return *us_out = 0, true;
	if (**text < '0' || **text > '9')
		return false;
	for (; take_number(text, 1, &v); digit /= 10)
		us += (uint64_t)v * digit;
	*us_out = us;
	return true;
}

/* "Z" or "+01:00": seconds that the text is ahead of UTC. */
static bool take_offset(const char **text, int64_t *out)
{
	int hours, minutes;
	bool west = **text == '-';
	if (take(text, "Zz"))
		return *out = 0, true;
	if (!take(text, "+-") || !take_number(text, 2, &hours) || !take(text, ":") ||
		!take_number(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*out = (west ? -60 : 60) * (hours * INT64_C(60) + minutes);
	return true;
}

bool policy_time_parse(struct str text, uint64_t *us_out)
{
	char copy[LONGEST];
	struct tm tm = {0};
	uint64_t us;
	int64_t ahead;
	if (text.n >= sizeof copy || (text.n && memchr(text.p, '\0', text.n)))
		return false;
	snprintf(copy, sizeof copy, "%.*s", STR_ARG(text));
	const char *at = copy;
	if (!take_number(&at, 4, &tm.tm_year) || !take(&at, "-") ||
		!take_number(&at, 2, &tm.tm_mon) || !take(&at, "-") ||
		!take_number(&at, 2, &tm.tm_mday) || !take(&at, "Tt ") ||
		!take_number(&at, 2, &tm.tm_hour) || !take(&at, ":") ||
		!take_number(&at, 2, &tm.tm_min) || !take(&at, ":") ||
		!take_number(&at, 2, &tm.tm_sec) || !take_fraction(&at, &us) ||
		!take_offset(&at, &ahead) || *at)
		return false;
	/* timegm() would take the 31st of a month with 30 days for the 1st of the next. */
	struct tm asked = tm, made;
	bool leap_second = tm.tm_sec == 60;
	asked.tm_year -= 1900;
	asked.tm_mon -= 1;
	asked.tm_sec -= leap_second;
	made = asked;
	int64_t seconds = timegm(&made);
	if (made.tm_mon != asked.tm_mon || made.tm_mday != asked.tm_mday ||
		made.tm_hour != asked.tm_hour || made.tm_min != asked.tm_min ||
		made.tm_sec != asked.tm_sec)
		return false;
	seconds += leap_second - ahead;
	if (seconds < 0 || (uint64_t)seconds > LAST / CLOCK_S)
		return false;
	*us_out = (uint64_t)seconds * CLOCK_S + us;
	return true;
}

bool policy_duration_parse(struct str text, uint64_t *us_out)
{
	char unit = text.n > 1 ? text.p[text.n - 1] : '\0';
	uint64_t v;
	if (unit != 'd' && unit != 'w')
		return value_parse_duration(text, us_out) == 0;
	if (value_parse_number((struct str){text.p, text.n - 1}, &v) ||
		__builtin_mul_overflow(v, unit == 'd' ? DAY : WEEK, &v))
		return false;
	*us_out = v;
	return true;
}
