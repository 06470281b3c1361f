/* SPDX-License-Identifier: MIT */
#include "config/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

static int set_scalar(const struct option_row *row, uint64_t *field, struct str text,
	struct error *err)
{
	uint64_t v = 0;
	const char *what;
	int r;
	if (row->type == OPTION_DURATION) {
		r = value_parse_duration(text, &v);
		what = "a time with its unit, such as 250ms, 10s or 5m";
	} else if (row->type == OPTION_SIZE) {
		/* Where nothing is not allowed, the bounds say so. */
		r = str_eq(text, STR("none")) ? 0 : value_parse_size(text, &v);
		what = "a size, such as 4096, 64KiB or 8MiB";
	} else {
		r = value_parse_number(text, &v);
		what = "a whole number";
	}
	if (r)
		return error_set(err, -EINVAL, "\"%.*s\" is not %s", STR_ARG(text), what);
	if (row->max && (v < row->min || v > row->max)) {
		char min[32], max[32];
		return error_set(err, -EINVAL, "\"%.*s\" is out of range, allowed is %s to %s",
			STR_ARG(text), value_format_scalar(row->type, row->min, min, sizeof min),
			value_format_scalar(row->type, row->max, max, sizeof max));
	}
	*field = v;
	return 0;
}

int value_parse_flag(struct str text, bool *out)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (!str_eq_nocase(text, str_from(yes[i])) && !str_eq_nocase(text, str_from(no[i])))
			continue;
		*out = str_eq_nocase(text, str_from(yes[i]));
		return 0;
	}
	return -EINVAL;
}

static int set_enum(const struct option_row *row, int *field, struct str text, struct error *err)
{
	char allowed[256] = "";
	for (int i = 0; row->values[i]; i++) {
		if (str_eq(text, str_from(row->values[i]))) {
			*field = i;
			return 0;
		}
		const char *between = i == 0 ? "" : row->values[i + 1] ? ", " : " or ";
		size_t used = strlen(allowed);
		snprintf(allowed + used, sizeof allowed - used, "%s%s", between, row->values[i]);
	}
	return error_set(err, -EINVAL, "\"%.*s\" is not one of %s", STR_ARG(text), allowed);
}

static int set_text(char **field, struct str text, struct error *err)
{
	char *copy = NULL;
	if (memchr(text.p, 0, text.n))
		return error_set(err, -EINVAL, "the value has a NUL character in it");
	if (text.n && !(copy = strndup(text.p, text.n)))
		return error_set(err, -ENOMEM, "no memory");
	free(*field);
	*field = copy; /* an empty text is none */
	return 0;
}

static int append_text(struct option_list *list, struct str text, struct error *err)
{
	if (list->n >= VALUE_LIST_MAX)
		return error_set(err, -EINVAL, "more than %d values", VALUE_LIST_MAX);
	char **v = realloc(list->v, (list->n + 1) * sizeof *v);
	if (!v)
		return error_set(err, -ENOMEM, "no memory");
	list->v = v;
	v[list->n] = NULL;
	int r = set_text(&v[list->n], text, err);
	if (!r)
		list->n++;
	return r;
}

static int append_port(const struct option_row *row, struct option_ports *ports, struct str text,
	struct error *err)
{
	uint64_t port;
	if (value_parse_number(text, &port) || port > UINT16_MAX)
		return error_set(err, -EINVAL, "\"%.*s\" is not a port, allowed is 0 to 65535",
			STR_ARG(text));
	for (size_t i = 0; i < ports->n; i++)
		if (ports->v[i] == port && port)
			return 0;
	if (ports->n >= row->max)
		return error_set(err, -EINVAL, "more than %" PRIu64 " port%s", row->max,
			row->max == 1 ? "" : "s");
	uint16_t *v = realloc(ports->v, (ports->n + 1) * sizeof *v);
	if (!v)
		return error_set(err, -ENOMEM, "no memory");
	ports->v = v;
	v[ports->n++] = (uint16_t)port;
	return 0;
}

static int append_range(const struct option_row *row, struct option_ranges *ranges, struct str text,
	struct error *err)
{
	const char *dash = memchr(text.p, '-', text.n);
	size_t n = dash ? (size_t)(dash - text.p) : text.n;
	uint64_t first, last;
	int r = value_parse_number((struct str){text.p, n}, &first);
	last = first;
	if (!r && dash)
		r = value_parse_number((struct str){dash + 1, text.n - n - 1}, &last);
	if (r || first < row->min || last > UINT16_MAX)
		return error_set(err, -EINVAL,
			"\"%.*s\" is neither a port nor a range such as 7000-7010; allowed is "
			"%" PRIu64 " to 65535",
			STR_ARG(text), row->min);
	if (last < first)
		return error_set(err, -EINVAL,
			"the range \"%.*s\" ends before it begins: write %" PRIu64 "-%" PRIu64,
			STR_ARG(text), last, first);
	if (ranges->n >= row->max)
		return error_set(err, -EINVAL, "more than %" PRIu64 " ranges", row->max);
	struct option_range *v = realloc(ranges->v, (ranges->n + 1) * sizeof *v);
	if (!v)
		return error_set(err, -ENOMEM, "no memory");
	ranges->v = v;
	v[ranges->n++] = (struct option_range){(uint16_t)first, (uint16_t)last};
	return 0;
}

static struct str trimmed(struct str s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t'))
		s = (struct str){s.p + 1, s.n - 1};
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static int check(const struct option_row *row, struct str text, struct error *err)
{
	return row->check ? row->check(text, err) : 0;
}

static int append_one(const struct option_row *row, void *field, struct str text, struct error *err)
{
	if (text.n == 0)
		return error_set(err, -EINVAL, "a value is empty");
	int r = check(row, text, err);
	if (r)
		return r;
	if (row->type == OPTION_PORTS)
		return append_port(row, field, text, err);
	if (row->type == OPTION_RANGES)
		return append_range(row, field, text, err);
	return append_text(field, text, err);
}

/* Appends what stands between the commas; what came before an error stays, the caller gives up. */
static int append_each(const struct option_row *row, void *field, struct str text,
	struct error *err)
{
	for (;;) {
		const char *comma = memchr(text.p, ',', text.n);
		size_t n = comma ? (size_t)(comma - text.p) : text.n;
		int r = append_one(row, field, trimmed((struct str){text.p, n}), err);
		if (r || !comma)
			return r;
		text = (struct str){comma + 1, text.n - n - 1};
	}
}

/* An empty text takes away what is there. */
static int clear(const struct option_row *row, void *values)
{
	value_clear(row, values);
	bool scalar = row->type == OPTION_NUMBER || row->type == OPTION_DURATION ||
		      row->type == OPTION_SIZE;
	if (scalar)
		*(uint64_t *)option_field(row, values) = OPTION_CLEARED;
	return 0;
}

int value_set(const struct option_row *row, void *values, struct str text, struct error *err)
{
	void *field = option_field(row, values);
	if (row->clears && text.n == 0)
		return clear(row, values);
	switch (row->type) {
	case OPTION_FLAG:
		return value_parse_flag(text, field)
			       ? error_set(err, -EINVAL, "\"%.*s\" is neither true nor false",
					 STR_ARG(text))
			       : 0;
	case OPTION_STRING:
		if (text.n == 0 && row->required)
			return error_set(err, -EINVAL, "it is empty");
		if (text.n && check(row, text, err))
			return -EINVAL;
		return set_text(field, text, err);
	case OPTION_SECRET:
		if (text.n == 0)
			return error_set(err, -EINVAL, "it is empty");
		if (check(row, text, err))
			return -EINVAL;
		value_clear(row, values);
		return set_text(field, text, err);
	case OPTION_LIST:
	case OPTION_PORTS:
	case OPTION_RANGES:
		return append_each(row, field, text, err);
	case OPTION_LINES:
		return append_one(row, field, trimmed(text), err);
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		return set_scalar(row, field, text, err);
	case OPTION_ENUM:
		return set_enum(row, field, text, err);
	case OPTION_GROUP: /* has no text, its rows have */
		break;
	}
	return -EINVAL;
}
