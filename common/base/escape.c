/* SPDX-License-Identifier: MIT */
#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/macros.h"

/* In which forms an ASCII character stands for itself. */
static const unsigned char as_it_is[128] = {
	[' '] = ESCAPE_SENTENCE | ESCAPE_JSON,
	['!'] = 7,
	['"'] = ESCAPE_SENTENCE | ESCAPE_VALUE,
	['#' ... '['] = 7,
	['\\'] = ESCAPE_SENTENCE,
	[']' ... '~'] = 7,
};

/*
 * Characters that show as nothing or change the order of what is around them, so that a line reads as
 * another one: general category Cf with what breaks lines, and fillers that look like spaces. Sorted.
 */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{0x00ad, 0x00ad},   /* soft hyphen */
	{0x034f, 0x034f},   /* combining grapheme joiner */
	{0x061c, 0x061c},   /* Arabic letter mark */
	{0x115f, 0x1160},   /* Hangul fillers */
	{0x17b4, 0x17b5},   /* Khmer inherent vowels */
	{0x180b, 0x180f},   /* Mongolian separators */
	{0x200b, 0x200f},   /* zero width, left-to-right and right-to-left marks */
	{0x2028, 0x202e},   /* line and paragraph separators, embeddings and overrides */
	{0x2060, 0x206f},   /* word joiner, invisible operators, isolates */
	{0x3164, 0x3164},   /* Hangul filler */
	{0xfeff, 0xfeff},   /* byte order mark */
	{0xffa0, 0xffa0},   /* half-width Hangul filler */
	{0xfff0, 0xfffb},   /* unassigned, interlinear annotation */
	{0x1d173, 0x1d17a}, /* musical controls */
	{0xe0000, 0xe0fff}, /* tags, variation selectors */
};

static bool is_hidden(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_LEN(hidden) && hidden[i].first <= c; i++)
		if (c <= hidden[i].last)
			return true;
	return false;
}

/* The character beyond ASCII at `p` and its bytes (RFC 3629); 0: it is none. */
static size_t decode(const unsigned char *p, size_t n, uint32_t *c_out)
{
	static const uint32_t least[] = {[2] = 0x80, [3] = 0x800, [4] = 0x10000};
	size_t need = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n < need)
		return 0;
	uint32_t c = p[0] & (0x7f >> need);
	for (size_t i = 1; i < need; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[need] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*c_out = c;
	return need;
}

/* One character of a text, and how it stands in a line. */
struct glyph {
	size_t n; /* its bytes */
	bool as_it_is;
	uint32_t code; /* else, where it is a character beyond ASCII; 0: it is a byte */
};

/*
 * Escaped are control characters (C1 too, terminals obey them), hidden ones, what is not UTF-8, and what
 * has a meaning in the form at hand.
 */
static struct glyph glyph_at(const unsigned char *p, size_t n, enum escape how)
{
	uint32_t c;
	size_t size = p[0] < 0x80 ? 0 : decode(p, n, &c);
	if (!size)
		return (struct glyph){1, p[0] < 0x80 && (as_it_is[p[0]] & how), 0};
	return c >= 0xa0 && !is_hidden(c) ? (struct glyph){size, true, 0}
					  : (struct glyph){size, false, c};
}

static char *put_hex(char *out, uint32_t v, int digits)
{
	static const char hex[] = "0123456789abcdef";
	while (digits--)
		*out++ = hex[v >> 4 * digits & 15];
	return out;
}

/* JSON has its characters in units of UTF-16. */
static char *put_unit(char *out, uint32_t unit)
{
	memcpy(out, "\\u", 2);
	return put_hex(out + 2, unit, 4);
}

#define ESCAPE_MAX 16 /* bytes: four of UTF-8, "\xf3\xa0\x80\x81" */

static char *put_escape(char *out, const unsigned char *p, struct glyph g, enum escape how)
{
	if (*p == '"' || *p == '\\') {
		*out++ = '\\';
		*out++ = (char)*p;
	} else if (how != ESCAPE_JSON) {
		for (size_t i = 0; i < g.n; i++) {
			memcpy(out, "\\x", 2);
			out = put_hex(out + 2, p[i], 2);
		}
	} else if (g.code < 0x10000) {
		out = put_unit(out, g.code ? g.code : *p);
	} else {
		out = put_unit(out, 0xd800 + ((g.code - 0x10000) >> 10));
		out = put_unit(out, 0xdc00 + (g.code & 0x3ff));
	}
	return out;
}

size_t escape_text(char *to, size_t room, const char *text, size_t n, enum escape how)
{
	const unsigned char *p = (const unsigned char *)(n ? text : "");
	const unsigned char *end = p + n;
	char *limit = to + (room > ESCAPE_MAX ? room - ESCAPE_MAX : 0);
	char *out = to;

	while (p < end && out < limit) {
		if (*p < 0x80 && (as_it_is[*p] & how)) {
			*out++ = (char)*p++;
			continue;
		}
		struct glyph g = glyph_at(p, (size_t)(end - p), how);
		if (g.as_it_is) {
			memcpy(out, p, g.n);
			out += g.n;
		} else {
			out = put_escape(out, p, g, how);
		}
		p += g.n;
	}
	if (p < end && room > ESCAPE_MAX) {
		memcpy(out, "...", 3);
		out += 3;
	}
	return (size_t)(out - to);
}
