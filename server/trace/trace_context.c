/* SPDX-License-Identifier: MIT */
#include "server/trace/trace_context.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Lower case alone (3.2.2). -1: it is none. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *p, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = digit(p[2 * i]), low = digit(p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return !any;
}

bool trace_context_parse(struct str value, struct trace_context *out)
{
	struct trace_context c;
	uint8_t version;
	if (value.n < TRACE_PARENT_LEN || value.p[2] != '-' || value.p[35] != '-' ||
		value.p[52] != '-')
		return false;
	if (!read_hex(value.p, &version, 1) || !read_hex(value.p + 3, c.trace, sizeof(c.trace)) ||
		!read_hex(value.p + 36, c.span, sizeof(c.span)) ||
		!read_hex(value.p + 53, &c.flags, 1))
		return false;
	bool longer = value.n > TRACE_PARENT_LEN;
	if (version == 0xff || (version == 0 && longer) ||
		(longer && value.p[TRACE_PARENT_LEN] != '-'))
		return false;
	if (is_zero(c.trace, sizeof(c.trace)) || is_zero(c.span, sizeof(c.span)))
		return false;
	*out = c;
	return true;
}

static char *put_hex(char *to, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to += sprintf(to, "%02x", p[i]);
	return to;
}

void trace_context_format(const struct trace_context *c, char out[TRACE_PARENT_LEN + 1])
{
	char *to = out + sprintf(out, "00-");
	to = put_hex(to, c->trace, sizeof(c->trace));
	*to++ = '-';
	to = put_hex(to, c->span, sizeof(c->span));
	*to++ = '-';
	/* Flags that nobody has defined are not passed on (3.2.2.5). */
	sprintf(to, "%02x", c->flags & TRACE_FLAG_SAMPLED);
}
