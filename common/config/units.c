/* SPDX-License-Identifier: MIT */
/* Numbers, times and sizes: text to value and back. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "config/value.h"

struct unit {
	struct str name;
	uint64_t factor;
};

/* Largest first: printing takes the first that divides. The last is read, not written: 24h says it as well. */
static const struct unit duration_units[] = {
	{STR("h"), UINT64_C(3600000000)},
	{STR("m"), UINT64_C(60000000)},
	{STR("s"), UINT64_C(1000000)},
	{STR("ms"), UINT64_C(1000)},
	{STR("us"), 1},
	{STR("d"), UINT64_C(86400000000)},
};

/* The last is for printing whole bytes; the short ones are read, not written. */
static const struct unit size_units[] = {
	{STR("GiB"), UINT64_C(1) << 30},
	{STR("MiB"), UINT64_C(1) << 20},
	{STR("KiB"), UINT64_C(1) << 10},
	{STR(""), 1},
	{STR("G"), UINT64_C(1) << 30},
	{STR("M"), UINT64_C(1) << 20},
	{STR("K"), UINT64_C(1) << 10},
	{STR("B"), 1},
};

/* The digits at the front of `text`, which is moved behind them. */
static int take_digits(struct str *text, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;
	for (; i < text->n && text->p[i] >= '0' && text->p[i] <= '9'; i++)
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(text->p[i] - '0'), &v))
			return -EINVAL;
	if (i == 0)
		return -EINVAL;
	*text = (struct str){text->p + i, text->n - i};
	*out = v;
	return 0;
}

static int parse_with_unit(struct str text, const struct unit *units, size_t n, uint64_t *out)
{
	uint64_t v;
	size_t i;
	if (take_digits(&text, &v))
		return -EINVAL;
	for (i = 0; i < n; i++)
		if (str_eq(text, units[i].name))
			break;
	/* Nothing is nothing in any unit. */
	if (i == n ? v || text.n : __builtin_mul_overflow(v, units[i].factor, &v))
		return -EINVAL;
	*out = v;
	return 0;
}

int value_parse_number(struct str text, uint64_t *out)
{
	uint64_t v;
	if (take_digits(&text, &v) || text.n)
		return -EINVAL;
	*out = v;
	return 0;
}

int value_parse_duration(struct str text, uint64_t *us_out)
{
	return parse_with_unit(text, duration_units, ARRAY_LEN(duration_units), us_out);
}

int value_parse_size(struct str text, uint64_t *bytes_out)
{
	return parse_with_unit(text, size_units, ARRAY_LEN(size_units), bytes_out);
}

static char *format_with_unit(uint64_t v, const struct unit *units, char *to, size_t size)
{
	while (v % units->factor)
		units++;
	snprintf(to, size, "%" PRIu64 "%s", v / units->factor, units->name.p);
	return to;
}

char *value_format_duration(uint64_t us, char *to, size_t size)
{
	if (us == 0)
		return strncpy(to, "0s", size);
	return format_with_unit(us, duration_units, to, size);
}

char *value_format_size(uint64_t bytes, char *to, size_t size)
{
	if (bytes == 0)
		return strncpy(to, "0", size);
	return format_with_unit(bytes, size_units, to, size);
}
