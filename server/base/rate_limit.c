/* SPDX-License-Identifier: MIT */
#include "server/base/rate_limit.h"

#include <errno.h>

#include "base/macros.h"

#define NS_PER_S UINT64_C(1000000000)

/* The number at the front of `text`, which is moved behind it. */
static bool take_number(struct str *text, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;
	for (; i < text->n && text->p[i] >= '0' && text->p[i] <= '9' && v <= RATE_LIMIT_MAX; i++)
		v = v * 10 + (uint64_t)(text->p[i] - '0');
	*text = (struct str){text->p + i, text->n - i};
	*out = v;
	return i && v && v <= RATE_LIMIT_MAX;
}

static bool take_period(struct str *text, uint64_t *seconds_out)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} periods[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
	if (text->n < 2 || text->p[0] != '/')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(periods); i++) {
		if (text->p[1] != periods[i].unit)
			continue;
		*seconds_out = periods[i].seconds;
		*text = (struct str){text->p + 2, text->n - 2};
		return true;
	}
	return false;
}

static bool parse(struct str text, struct rate_limit *out)
{
	uint64_t n, seconds, burst;
	if (!take_number(&text, &n) || !take_period(&text, &seconds))
		return false;
	burst = MAX(n / seconds, 1);
	if (text.n) {
		if (text.p[0] != ':')
			return false;
		text = (struct str){text.p + 1, text.n - 1};
		if (!take_number(&text, &burst) || text.n)
			return false;
	}
	*out = (struct rate_limit){.every = seconds * NS_PER_S / n, .burst = burst};
	return true;
}

int rate_limit_parse(struct str text, struct rate_limit *out, struct error *err)
{
	if (parse(text, out))
		return 0;
	return error_set(err, -EINVAL,
		"\"%.*s\" is no rate: write 100/s, 30/m or 1000/h, or 100/s:500 with as many as "
		"may "
		"come at once, each from 1 to %d",
		STR_ARG(text), RATE_LIMIT_MAX);
}

int rate_limit_check(struct str text, struct error *err)
{
	struct rate_limit rate;
	return rate_limit_parse(text, &rate, err);
}
