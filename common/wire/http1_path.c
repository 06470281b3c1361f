/* SPDX-License-Identifier: MIT */
/*
 * An upstream may decode a path more often than it should, and take apart what it decoded. So all that
 * can be decoded is, and only then are segments looked at.
 */
#include "wire/http1_path.h"

#include "wire/http1_scan.h"

#define ENCODED_MAX 6 /* bytes for one: "%u002e", and UTF-8 as it was before RFC 3629 */

/* IIS takes the wide forms of ASCII for it. */
static bool is_wide(uint32_t c)
{
	return c >= 0xff01 && c <= 0xff5e;
}

/* The value of the `digits` hexadecimal digits at `p`; -1: they are none. */
static int hex_at(const uint8_t *p, size_t digits)
{
	int v = 0;
	for (size_t i = 0; i < digits; i++) {
		if (!(http1_class[p[i]] & HTTP1_C_HEX))
			return -1;
		v = v << 4 | (int)http1_hex(p[i]);
	}
	return v;
}

/*
 * ASCII, or one of its wide forms, as the `n` bytes of UTF-8 at `p`, of which it should take one, or three;
 * -1: they are none of these.
 */
static int utf8_at(const uint8_t *p, size_t n)
{
	uint8_t lead = (uint8_t)(0xff00 >> n), mask = (uint8_t)(0xff80 >> n);
	uint32_t v = p[0] & (uint8_t)~mask;
	if ((p[0] & mask) != lead)
		return -1;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		v = v << 6 | (p[i] & 0x3f);
	}
	return v < 0x80 || is_wide(v) ? (int)v : -1;
}

/* The last `n` bytes before `end` as the character that they are an encoding of; -1: they are none. */
static int encoded(const uint8_t *end, size_t n)
{
	const uint8_t *p = end - n;
	if (n == 3 && p[0] == '%')
		return hex_at(p + 1, 2);
	if (n == 6 && p[0] == '%' && (p[1] | 0x20) == 'u')
		return hex_at(p + 2, 4);
	return utf8_at(p, n);
}

/* What ends at room[*n] is one byte then. False: it is an encoding of nothing. */
static bool decode_last(uint8_t *room, size_t *n)
{
	for (size_t length = 2; length <= ENCODED_MAX && length <= *n; length++) {
		int c = encoded(room + *n, length);
		if (c < 0)
			continue;
		if (is_wide((uint32_t)c))
			c -= 0xfee0;
		*n -= length - 1;
		room[*n - 1] = (uint8_t)(c < 0x100 ? c : 0xff);
		return true;
	}
	return false;
}

/* Byte by byte, because what was decoded may be the end of another encoding. */
static size_t decode_all(struct str path, uint8_t *room)
{
	size_t n = 0;
	for (size_t i = 0; i < path.n; i++) {
		room[n++] = (uint8_t)path.p[i];
		while (decode_last(room, &n))
			;
	}
	return n;
}

static bool is_dots(const uint8_t *p, const uint8_t *end)
{
	size_t dots = 0;
	/* Behind these a segment's name has ended for one reader or another. */
	for (; p < end && *p && *p != ';' && *p != '?' && *p != '#'; p++) {
		if (*p == '.')
			dots++;
		else if (*p > ' ')
			return false;
	}
	return dots == 1 || dots == 2;
}

bool http1_path_has_dots(struct str path, uint8_t *room)
{
	/* Without either there is no way to write a dot. */
	if (!memchr(path.p, '.', path.n) && !memchr(path.p, '%', path.n))
		return false;
	const uint8_t *end = room + decode_all(path, room);
	for (const uint8_t *p = room, *q; p < end; p = q + 1) {
		for (q = p; q < end && *q != '/' && *q != '\\';)
			q++;
		if (is_dots(p, q))
			return true;
	}
	return false;
}
