/* SPDX-License-Identifier: MIT */
#include "rules/path.h"

#include <stdint.h>
#include <string.h>

#include "wire/http1_path.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the three characters at `i` encode; -1: they encode none. */
static int escape_at(struct str s, size_t i)
{
	if (s.n - i < 3 || s.p[i] != '%')
		return -1;
	int high = hex(s.p[i + 1]), low = hex(s.p[i + 2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

bool path_is_plain(struct str path)
{
	char before = 0;
	for (size_t i = 0; i < path.n; i++) {
		char c = path.p[i];
		/* A dot behind a slash, or a parameter, is looked at more closely. */
		if (c == '%' || c == '\\' || c == ';' || (uint8_t)c >= 0x80 ||
			(before == '/' && (c == '/' || c == '.')))
			return false;
		before = c;
	}
	return true;
}

bool path_is_ambiguous(struct str path, char *room)
{
	for (size_t i = 0; i < path.n; i++) {
		char c = path.p[i];
		if (c == '\\' || (c == '/' && i && path.p[i - 1] == '/'))
			return true;
		if (c != '%')
			continue;
		int byte = escape_at(path, i);
		if (byte < 0 || byte == '/' || byte == '\\' || byte == 0 || byte == 0xc0 ||
			byte == 0xc1)
			return true;
	}
	return http1_path_has_dots(path, (uint8_t *)room);
}

/* An escape that stays one: decoded, it would be read as something else, here or behind. */
static bool stays(int byte)
{
	return byte == '/' || byte == '\\' || byte == '%' || byte < ' ' || byte == 0x7f;
}

static size_t decode(struct str path, char *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;
	for (size_t i = 0; i < path.n; i++) {
		int byte = escape_at(path, i);
		if (byte < 0) {
			out[n++] = path.p[i];
			continue;
		}
		i += 2;
		if (!stays(byte)) {
			out[n++] = (char)byte;
			continue;
		}
		out[n++] = '%';
		out[n++] = digits[byte >> 4];
		out[n++] = digits[byte & 15];
	}
	return n;
}

/* RFC 3986, 5.2.4, in place: the form is never longer than what it is made of. */
static size_t resolve_dots(char *p, size_t n)
{
	size_t to = 0, i = 0;
	while (i < n) {
		size_t end = i + 1;
		while (end < n && p[end] != '/')
			end++;
		struct str segment = {p + i + 1, end - i - 1};
		bool last = end == n;
		if (str_eq(segment, STR("."))) {
			if (last)
				p[to++] = '/';
		} else if (str_eq(segment, STR(".."))) {
			while (to && p[--to] != '/')
				;
			if (last)
				p[to++] = '/';
		} else {
			memmove(p + to, p + i, end - i);
			to += end - i;
		}
		i = end;
	}
	if (!to && n)
		p[to++] = '/';
	return to;
}

size_t path_normalize(struct str path, char *out)
{
	size_t n = decode(path, out);
	return n && out[0] == '/' ? resolve_dots(out, n) : n;
}

/* RFC 3986, 3.3: what a path may have as it stands. */
static bool is_plain_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("/-._~!$&'()*+,;=:@", c));
}

size_t path_encode(struct str text, char *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (is_plain_character(c) || escape_at(text, i) >= 0) {
			out[n++] = c;
			continue;
		}
		out[n++] = '%';
		out[n++] = digits[(uint8_t)c >> 4];
		out[n++] = digits[(uint8_t)c & 15];
	}
	return n;
}
