/* SPDX-License-Identifier: MIT */
#pragma once
/* Heads as text. */
#include "wire/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"

#define S(literal)                              \
	{                                       \
		"" literal, sizeof(literal) - 1 \
	}
#define REQ(line) line "\r\nHost: a\r\n"

/* Parses an exact-size heap copy, so that a sanitizer sees any byte read behind the end. */
static inline int parse(struct http1_head *h, bool response, enum http1_method asked, struct str in,
	size_t limit, size_t *scanned, uint8_t **copy_out)
{
	uint8_t *copy = malloc(in.n ? in.n : 1);
	assert_non_null(copy);
	memcpy(copy, in.p, in.n);
	*copy_out = copy;
	return response ? http1_parse_response(h, copy, in.n, limit, asked, scanned)
			: http1_parse_request(h, copy, in.n, limit, scanned);
}

static inline int parse_once(bool response, struct str in)
{
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	size_t scanned = 0;
	uint8_t *copy;
	int r = parse(&h, response, HTTP1_GET, in, HTTP1_REQUEST_MAX, &scanned, &copy);
	free(copy);
	return r;
}

static inline void assert_str(struct str got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p, want, got.n);
}
