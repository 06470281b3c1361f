#include "config/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

struct unit {
	struct str name;
	uint64_t factor;
};

/* Largest first: printing takes the first that divides. */
static const struct unit duration_units[] = {
	{STR("h"), UINT64_C(3600000000)},
	{STR("m"), UINT64_C(60000000)},
	{STR("s"), UINT64_C(1000000)},
	{STR("ms"), UINT64_C(1000)},
	{STR("us"), 1},
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

static char *format_scalar(enum option_type type, uint64_t v, char *to, size_t size)
{
	if (type == OPTION_DURATION)
		return value_format_duration(v, to, size);
	if (type == OPTION_SIZE)
		return value_format_size(v, to, size);
	snprintf(to, size, "%" PRIu64, v);
	return to;
}

static int set_scalar(const struct option_row *row, uint64_t *field, struct str text,
	struct error *err)
{
	uint64_t v;
	const char *what;
	int r;
	if (row->type == OPTION_DURATION) {
		r = value_parse_duration(text, &v);
		what = "a time with its unit, such as 250ms, 10s or 5m";
	} else if (row->type == OPTION_SIZE) {
		r = value_parse_size(text, &v);
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
			STR_ARG(text), format_scalar(row->type, row->min, min, sizeof min),
			format_scalar(row->type, row->max, max, sizeof max));
	}
	*field = v;
	return 0;
}

static int set_flag(bool *field, struct str text, struct error *err)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (!str_eq_nocase(text, str_from(yes[i])) && !str_eq_nocase(text, str_from(no[i])))
			continue;
		*field = str_eq_nocase(text, str_from(yes[i]));
		return 0;
	}
	return error_set(err, -EINVAL, "\"%.*s\" is neither true nor false", STR_ARG(text));
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

static struct str trimmed(struct str s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t'))
		s = (struct str){s.p + 1, s.n - 1};
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Appends what stands between the commas; what came before an error stays, the caller gives up. */
static int append_each(const struct option_row *row, void *field, struct str text,
	struct error *err)
{
	for (;;) {
		const char *comma = memchr(text.p, ',', text.n);
		size_t n = comma ? (size_t)(comma - text.p) : text.n;
		struct str part = trimmed((struct str){text.p, n});
		int r = part.n == 0                 ? error_set(err, -EINVAL, "a value is empty")
			: row->type == OPTION_PORTS ? append_port(row, field, part, err)
						    : append_text(field, part, err);
		if (r || !comma)
			return r;
		text = (struct str){comma + 1, text.n - n - 1};
	}
}

int value_set(const struct option_row *row, void *values, struct str text, struct error *err)
{
	void *field = option_field(row, values);
	switch (row->type) {
	case OPTION_FLAG:
		return set_flag(field, text, err);
	case OPTION_STRING:
		return set_text(field, text, err);
	case OPTION_SECRET:
		if (text.n == 0)
			return error_set(err, -EINVAL, "it is empty");
		value_clear(row, values);
		return set_text(field, text, err);
	case OPTION_LIST:
	case OPTION_PORTS:
		return append_each(row, field, text, err);
	case OPTION_LINES:
		if (trimmed(text).n == 0)
			return error_set(err, -EINVAL, "a value is empty");
		return append_text(field, trimmed(text), err);
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		return set_scalar(row, field, text, err);
	case OPTION_ENUM:
		return set_enum(row, field, text, err);
	}
	return -EINVAL;
}

void value_clear(const struct option_row *row, void *values)
{
	void *field = option_field(row, values);
	switch (row->type) {
	case OPTION_SECRET: {
		char **text = field;
		if (*text)
			explicit_bzero(*text, strlen(*text));
		free(*text);
		*text = NULL;
		return;
	}
	case OPTION_STRING: {
		char **text = field;
		free(*text);
		*text = NULL;
		return;
	}
	case OPTION_LIST:
	case OPTION_LINES: {
		struct option_list *list = field;
		for (size_t i = 0; i < list->n; i++)
			free(list->v[i]);
		free(list->v);
		*list = (struct option_list){0};
		return;
	}
	case OPTION_PORTS: {
		struct option_ports *ports = field;
		free(ports->v);
		*ports = (struct option_ports){0};
		return;
	}
	case OPTION_FLAG:
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
	case OPTION_ENUM:
		return;
	}
}

static char *format_list(const struct option_list *list, char *to, size_t size)
{
	size_t used = 0;
	to[0] = 0;
	for (size_t i = 0; i < list->n && used < size; i++)
		used += (size_t)snprintf(to + used, size - used, "%s%s", i ? "," : "", list->v[i]);
	return to;
}

static char *format_ports(const struct option_ports *ports, char *to, size_t size)
{
	size_t used = 0;
	to[0] = 0;
	for (size_t i = 0; i < ports->n && used < size; i++)
		used += (size_t)snprintf(to + used, size - used, "%s%u", i ? "," : "", ports->v[i]);
	return to;
}

char *value_format(const struct option_row *row, void *values, char *to, size_t size)
{
	void *field = option_field(row, values);
	switch (row->type) {
	case OPTION_FLAG:
		snprintf(to, size, "%s", *(bool *)field ? "true" : "false");
		return to;
	case OPTION_STRING:
		snprintf(to, size, "%s", *(char **)field ? *(char **)field : "");
		return to;
	case OPTION_SECRET:
		snprintf(to, size, "%s", *(char **)field ? "(set)" : "");
		return to;
	case OPTION_LIST:
	case OPTION_LINES:
		return format_list(field, to, size);
	case OPTION_PORTS:
		return format_ports(field, to, size);
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		return format_scalar(row->type, *(uint64_t *)field, to, size);
	case OPTION_ENUM:
		snprintf(to, size, "%s", row->values[*(int *)field]);
		return to;
	}
	return to;
}
