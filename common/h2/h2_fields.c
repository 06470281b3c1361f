/* SPDX-License-Identifier: MIT */
#include "h2/h2_fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

void h2_fields_init(struct h2_fields *f, uint8_t flags)
{
	f->v = f->first;
	f->n = 0;
	f->cap = H2_FIELDS_FIRST;
	f->flags = flags;
}

void h2_fields_deinit(struct h2_fields *f)
{
	if (f->v != f->first)
		free(f->v);
}

static uint8_t *bytes(struct str s)
{
	return (uint8_t *)(uintptr_t)s.p;
}

static int add(struct h2_fields *f, struct str name, struct str value)
{
	if (f->n == f->cap) {
		nghttp2_nv *v =
			reallocarray(f->v == f->first ? NULL : f->v, 2 * f->cap, sizeof(*v));
		if (!v)
			return -ENOMEM;
		if (f->v == f->first)
			memcpy(v, f->first, sizeof(f->first));
		f->v = v;
		f->cap *= 2;
	}
	f->v[f->n++] = (nghttp2_nv){bytes(name), bytes(value), name.n, value.n, f->flags};
	return 0;
}

static bool is_of_connection(struct str name)
{
	static const struct str names[] = {STR("connection"), STR("transfer-encoding"),
		STR("keep-alive"), STR("upgrade"), STR("proxy-connection")};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

static void lower(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] |= 0x20;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

int h2_fields_add(struct h2_fields *f, struct str name, struct str value)
{
	return add(f, name, value);
}

bool h2_field_is_of_connection(struct str name)
{
	return is_of_connection(name);
}

/* What each line of a response passes through stands in one piece. */
#define HOT __attribute__((always_inline)) static inline

HOT bool line_next(uint8_t **at, const uint8_t *end, struct str *name_out, struct str *value_out)
{
	uint8_t *p = *at;
	if (p >= end || *p == '\r')
		return false;
	uint8_t *line_end = memchr(p, '\r', (size_t)(end - p));
	uint8_t *colon = memchr(p, ':', (size_t)(end - p));
	if (!line_end || !colon || colon > line_end)
		return false;
	uint8_t *value = colon + 1, *value_end = line_end;
	while (value < value_end && is_blank(*value))
		value++;
	while (value_end > value && is_blank(value_end[-1]))
		value_end--;
	lower(p, (size_t)(colon - p));
	*name_out = (struct str){(const char *)p, (size_t)(colon - p)};
	*value_out = (struct str){(const char *)value, (size_t)(value_end - value)};
	*at = line_end + 2;
	return true;
}

bool h2_line_next(uint8_t **at, const uint8_t *end, struct str *name_out, struct str *value_out)
{
	return line_next(at, end, name_out, value_out);
}

int h2_fields_add_lines(struct h2_fields *f, uint8_t *p, const uint8_t *end)
{
	struct str name, value;
	while (line_next(&p, end, &name, &value))
		if (!is_of_connection(name) && add(f, name, value) < 0)
			return -ENOMEM;
	return 0;
}
