/* SPDX-License-Identifier: MIT */
#include "client/inspector/secret_mask.h"

#include <stdio.h>

#include "base/macros.h"
#include "wire/secret_name.h"

#define PARAMETER_NAME_MAX 64 /* bytes, decoded, that are compared with --inspect-mask */

static const char *const hidden_fields[] = {"proxy-authorization", "cookie", "set-cookie"};

static bool is_one_of(struct str name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(name, str_from(names[i])))
			return true;
	return false;
}

static bool is_one_more(const struct secret_mask *mask, struct str name)
{
	return mask->more && is_one_of(name, (const char *const *)mask->more->v, mask->more->n);
}

bool secret_mask_hides(const struct secret_mask *mask, struct str name)
{
	return secret_name(name) || is_one_of(name, hidden_fields, ARRAY_LEN(hidden_fields)) ||
	       is_one_more(mask, name);
}

static bool is_one_more_decoded(const struct secret_mask *mask, struct str name)
{
	char text[PARAMETER_NAME_MAX];
	size_t n = 0, width;
	for (size_t i = 0; i < name.n && n < sizeof(text); i += width)
		text[n++] = percent_character(name, i, &width);
	return is_one_more(mask, (struct str){text, n});
}

bool secret_mask_hides_parameter(const struct secret_mask *mask, struct str name)
{
	return secret_name(name) || is_one_more_decoded(mask, name);
}

/* ---- Parameters ---- */

static bool begins_parameter(char c)
{
	return c == '?' || c == '&' || c == ';' || c == '#';
}

/*
 * Links stand in other texts too, within <> or quotes that began before them; in a target these are the value's
 * own. A ';' or ',' may be that, too: rather too much.
 */
static bool ends_value(struct str text, size_t i)
{
	char c = text.p[i];
	if (c == '>' || c == '"')
		return memchr(text.p, c == '>' ? '<' : '"', i);
	return c == '&' || c == '#' || c == ' ' || c == '\t';
}

bool secret_mask_parameter(struct str text, size_t *at, struct str *name_out, struct str *value_out)
{
	for (size_t i = *at; i < text.n;) {
		if (!begins_parameter(text.p[i++]))
			continue;
		size_t equals = i;
		while (equals < text.n && text.p[equals] != '=' && !ends_value(text, equals) &&
			!begins_parameter(text.p[equals]))
			equals++;
		if (equals == text.n || text.p[equals] != '=') {
			i = equals;
			continue;
		}
		size_t end = equals + 1;
		while (end < text.n && !ends_value(text, end))
			end++;
		*name_out = (struct str){text.p + i, equals - i};
		*value_out = (struct str){text.p + equals + 1, end - equals - 1};
		*at = equals + 1;
		return true;
	}
	return false;
}

static int append(struct buf *out, struct str s)
{
	return buf_append(out, s.p, s.n);
}

int secret_mask_link(const struct secret_mask *mask, struct str text, struct buf *out)
{
	struct str name, value;
	size_t at = 0, done = 0;
	int r = 0;
	while (r == 0 && secret_mask_parameter(text, &at, &name, &value)) {
		if (!value.n || !secret_mask_hides_parameter(mask, name))
			continue;
		size_t from = (size_t)(value.p - text.p);
		r = append(out, (struct str){text.p + done, from - done});
		if (r == 0)
			r = append(out, STR(SECRET_MASK_PARAMETER));
		at = done = from + value.n;
	}
	return r ? r : append(out, (struct str){text.p + done, text.n - done});
}

/* ---- Fields ---- */

static int append_mask(const struct secret_mask *mask, struct str value, struct buf *out)
{
	char text[96];
	int n;
	if (!value.n)
		return 0;
	if (mask->forgotten)
		n = snprintf(text, sizeof(text), SECRET_MASK);
	else if (value.n < SECRET_MASK_ENDS_FROM)
		n = snprintf(text, sizeof(text), SECRET_MASK " (%zu characters)", value.n);
	else
		n = snprintf(text, sizeof(text), SECRET_MASK " (%zu characters, ends %.*s)",
			value.n, 4, value.p + value.n - 4);
	return buf_append(out, text, (size_t)n);
}

/* One cookie's value; its name is shown. */
static int append_cookie(const struct secret_mask *mask, struct str cookie, struct buf *out)
{
	const char *equals = memchr(cookie.p, '=', cookie.n);
	if (!equals)
		return append_mask(mask, cookie, out);
	size_t n = (size_t)(equals + 1 - cookie.p);
	int r = append(out, (struct str){cookie.p, n});
	return r ? r : append_mask(mask, (struct str){cookie.p + n, cookie.n - n}, out);
}

/* Each cookie of Cookie; the first of Set-Cookie, behind which its attributes stand. */
static int append_cookies(const struct secret_mask *mask, struct str value, bool attributes,
	struct buf *out)
{
	int r = 0;
	for (bool first = true; r == 0; first = false) {
		const char *semicolon = memchr(value.p, ';', value.n);
		size_t n = semicolon ? (size_t)(semicolon - value.p) : value.n;
		size_t blank = 0;
		while (blank < n && value.p[blank] == ' ')
			blank++;
		r = append(out, (struct str){value.p, blank});
		struct str one = {value.p + blank, n - blank};
		if (r == 0)
			r = first || !attributes ? append_cookie(mask, one, out) : append(out, one);
		if (r || !semicolon)
			return r;
		r = append(out, STR(";"));
		value = (struct str){semicolon + 1, value.n - n - 1};
	}
	return r;
}

int secret_mask_field(const struct secret_mask *mask, struct str name, struct str value,
	struct buf *out)
{
	bool sets = str_eq_nocase(name, STR("set-cookie"));
	if (sets || str_eq_nocase(name, STR("cookie")))
		return append_cookies(mask, value, sets, out);
	if (secret_mask_hides(mask, name))
		return append_mask(mask, value, out);
	return secret_mask_link(mask, value, out);
}
