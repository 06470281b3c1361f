/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the readers of HTTP's texts share: classes of characters, and numbers that cannot overflow.
 * Not for other rooms.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
	HTTP1_C_TOKEN = 1,  /* RFC 9110, 5.6.2 */
	HTTP1_C_TARGET = 2, /* visible ASCII but '#': a fragment has no place in a request */
	HTTP1_C_HEX = 4,
};

extern const uint8_t http1_class[256];

/* 18 digits cannot overflow and are more bytes than anybody has. */
#define HTTP1_DIGITS_MAX 18

/* Only digits, at least one and at most HTTP1_DIGITS_MAX. */
static inline bool http1_decimal(struct str s, uint64_t *out)
{
	uint64_t v = 0;
	if (s.n == 0 || s.n > HTTP1_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = (unsigned char)s.p[i] - '0';
		if (d > 9)
			return false;
		v = v * 10 + d;
	}
	*out = v;
	return true;
}

/* The value of a character of class HTTP1_C_HEX. */
static inline unsigned http1_hex(uint8_t c)
{
	return (c & 0x0f) + (c >> 6) * 9;
}

static inline bool http1_is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(http1_class[(uint8_t)s.p[i]] & HTTP1_C_TOKEN))
			return false;
	return s.n > 0;
}

/* Without the spaces and tabs at both ends (OWS). */
static inline struct str http1_trim(struct str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s.p++, s.n--;
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}
