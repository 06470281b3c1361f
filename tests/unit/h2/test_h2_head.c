/* SPDX-License-Identifier: MIT */
/* Fields of HTTP/2 as the text of HTTP/1.1, and what that text cannot say. */
#include "h2/h2_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"
#include "wire/http1.h"

#define LIMIT 512

struct field {
	const char *name, *value;
};

#define GET_(path)                                \
	{":method", "GET"}, {":scheme", "https"}, \
	{                                         \
		":path", path                     \
	}
#define AUTHORITY                         \
	{                                 \
		":authority", "a.example" \
	}

static void fill(struct h2_head *h, const struct field *f, bool end, struct h2_message *out)
{
	h2_head_begin(h, H2_HEAD_REQUEST);
	for (; f->name; f++)
		assert_true(h2_head_field(h, str_from(f->name), str_from(f->value)));
	h2_head_end(h, end, out);
}

static const struct {
	struct field fields[12];
	bool end;
	const char *text;
} good[] = {
	{{GET_("/a?b"), AUTHORITY, {"accept", "*/*"}}, true,
		"GET /a?b HTTP/1.1\r\nHost: a.example\r\naccept: */*\r\n\r\n"},
	{{AUTHORITY, GET_("/"), {"host", "A.example"}, {"x", ""}}, true,
		"GET / HTTP/1.1\r\nHost: a.example\r\nx: \r\n\r\n"},
	{{GET_("/"), {"x", "1"}, {"host", "b"}, {"y", "2"}}, true,
		"GET / HTTP/1.1\r\nx: 1\r\nHost: b\r\ny: 2\r\n\r\n"},
	{{GET_("/"), AUTHORITY, {"cookie", "a=1"}, {"x", "1"}, {"cookie", "b=2"}, {"cookie", "c"}},
		true, "GET / HTTP/1.1\r\nHost: a.example\r\nx: 1\r\nCookie: a=1; b=2; c\r\n\r\n"},
	{{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, AUTHORITY}, false,
		"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, AUTHORITY,
		 {"content-length", "3"}},
		false, "POST / HTTP/1.1\r\nHost: a.example\r\ncontent-length: 3\r\n\r\n"},
	{{{":method", "OPTIONS"}, {":scheme", "http"}, {":path", "*"}, AUTHORITY}, true,
		"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n"},
};

static void test_text(void **state)
{
	struct h2_head h;
	h2_head_init(&h, LIMIT);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct h2_message r;
		struct http1_head parsed = HTTP1_HEAD_OF(16);
		size_t scanned = 0;
		fill(&h, good[i].fields, good[i].end, &r);
		assert_int_equal(r.error, 0);
		assert_int_equal(r.text.n, strlen(good[i].text));
		assert_memory_equal(r.text.p, good[i].text, r.text.n);
		assert_int_equal(http1_parse_request(&parsed, (const uint8_t *)r.text.p, r.text.n,
					 LIMIT + 1, &scanned),
			HTTP1_OK);
		assert_int_equal(parsed.size, r.text.n);
		assert_int_equal(parsed.n_fields, r.n_fields);
	}
	h2_head_deinit(&h);
}

static const struct {
	struct field fields[12];
	int error;
} bad[] = {
	{{GET_("/"), AUTHORITY, {"host", "b.example"}}, HTTP1_E_HOST_DIFFERS},
	{{GET_("/"), AUTHORITY, {"host", "a.example"}, {"host", "a.example"}}, HTTP1_E_HOST},
	{{GET_("/"), {"host", "a"}, {"host", "b"}}, HTTP1_E_HOST},
	{{GET_("a"), AUTHORITY}, HTTP1_E_TARGET},
	{{GET_("http://b/"), AUTHORITY}, HTTP1_E_TARGET},
	{{GET_(""), AUTHORITY}, HTTP1_E_TARGET},
	{{{":method", "GET"}, {":scheme", "ftp"}, {":path", "/"}, AUTHORITY}, HTTP1_E_TARGET},
	{{GET_("/"), AUTHORITY, {":path", "/b"}}, HTTP1_E_NAME},
	{{GET_("/"), AUTHORITY, {":protocol", "websocket"}}, HTTP1_E_NAME},
	{{GET_("/"), {"x", "1"}, AUTHORITY}, HTTP1_E_NAME},
};

static void test_refused(void **state)
{
	struct h2_head h;
	h2_head_init(&h, LIMIT);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct h2_message r;
		fill(&h, bad[i].fields, true, &r);
		assert_int_equal(r.error, bad[i].error);
	}
	h2_head_deinit(&h);
}

/* A field of many bytes is 431; as many as that again and again, the peer's connection. */
static void test_limit(void **state)
{
	struct h2_head h;
	struct h2_message r;
	char value[LIMIT];
	memset(value, 'x', sizeof(value));
	h2_head_init(&h, LIMIT);
	h2_head_begin(&h, H2_HEAD_REQUEST);
	for (const struct field *f = good[0].fields; f < good[0].fields + 4; f++)
		assert_true(h2_head_field(&h, str_from(f->name), str_from(f->value)));
	bool taken = true;
	unsigned n = 0;
	for (; taken && n < 100; n++)
		taken = h2_head_field(&h, STR("x"), (struct str){value, sizeof(value)});
	assert_in_range(n, H2_HEAD_FLOOD - 1, H2_HEAD_FLOOD + 1);
	h2_head_end(&h, true, &r);
	assert_int_equal(r.error, HTTP1_E_TOO_LARGE);
	assert_in_range(r.text.n, 0, LIMIT);
	/* The next one is another. */
	fill(&h, good[0].fields, true, &r);
	assert_int_equal(r.error, 0);
	h2_head_deinit(&h);
}

static void test_trailers(void **state)
{
	struct h2_head h;
	h2_head_init(&h, LIMIT);
	h2_head_begin(&h, H2_HEAD_TRAILERS);
	h2_head_field(&h, STR("a"), STR("1"));
	h2_head_field(&h, STR("b"), STR("2"));
	struct str s = h2_head_trailers(&h);
	assert_true(str_eq(s, STR("a: 1\r\nb: 2\r\n")));
	h2_head_field(&h, STR(":path"), STR("/"));
	assert_int_equal(h.error, HTTP1_E_NAME);
	assert_int_equal(h2_head_trailers(&h).n, 0);
	h2_head_deinit(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_trailers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
