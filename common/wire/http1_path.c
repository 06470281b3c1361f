/*
 * An upstream may decode a path more often than it should, and take apart what it decoded. So all that
 * can be decoded is, and only then are segments looked at.
 */
#include "wire/http1_path.h"

#include "base/macros.h"
#include "wire/http1_scan.h"

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

/* The last `n` bytes before `end` as one that they are an encoding of; -1: they are none. */
static int encoded(const uint8_t *end, size_t n)
{
	const uint8_t *p = end - n;
	switch (n) {
	case 2: /* ASCII in two bytes of UTF-8, which nobody should take */
		return (p[0] & 0xfe) == 0xc0 && (p[1] & 0xc0) == 0x80
			       ? (p[0] & 1) << 6 | (p[1] & 0x3f)
			       : -1;
	case 3:
		if (p[0] == 0xe0 && (p[1] & 0xfe) == 0x80 && (p[2] & 0xc0) == 0x80)
			return (p[1] & 1) << 6 | (p[2] & 0x3f);
		return p[0] == '%' ? hex_at(p + 1, 2) : -1;
	case 6:
		return p[0] == '%' && (p[1] | 0x20) == 'u' ? hex_at(p + 2, 4) : -1;
	}
	return -1;
}

/* What ends at room[*n] is one byte then. False: it is an encoding of nothing. */
static bool decode_last(uint8_t *room, size_t *n)
{
	static const size_t lengths[] = {2, 3, 6};
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		int c = *n >= lengths[i] ? encoded(room + *n, lengths[i]) : -1;
		if (c < 0)
			continue;
		if (c >= 0xff01 && c <= 0xff5e)
			c -= 0xfee0; /* IIS takes the wide forms of ASCII for it */
		*n -= lengths[i] - 1;
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
