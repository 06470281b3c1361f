/* SPDX-License-Identifier: MIT */
/* The parsed head by itself: its memory, what it finds in its fields, and what a method means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "wire/http1.h"

/* A head on the heap takes as many fields as it was made for, and no more. */
static void test_head_on_the_heap(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n";
	for (size_t max = 2; max <= 3; max++) {
		struct http1_head h;
		size_t scanned = 0;
		assert_int_equal(http1_head_init(&h, max), 0);
		assert_int_equal(h.fields_max, max);
		assert_int_equal(http1_parse_request(&h, (const uint8_t *)text, sizeof text - 1,
					 HTTP1_REQUEST_MAX, &scanned),
			max < 3 ? HTTP1_E_FIELDS : HTTP1_OK);
		if (max == 3)
			assert_int_equal(h.n_fields, 3);
		http1_head_deinit(&h);
		assert_null(h.fields);
	}
}

static void finds_fields_and_tokens(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers, gzip\r\n"
				   "Upgrade: h2c, websocket\r\nX: y\r\nTE: Deflate\r\n\r\n";
	struct http1_head h = HTTP1_HEAD_OF(8);
	size_t scanned = 0;
	assert_int_equal(http1_parse_request(&h, (const uint8_t *)text, sizeof text - 1,
				 HTTP1_REQUEST_MAX, &scanned),
		HTTP1_OK);
	assert_ptr_equal(http1_find(&h, HTTP1_TE), &h.fields[1]);
	assert_null(http1_find(&h, HTTP1_OTHER));
	assert_null(http1_find(&h, HTTP1_ORIGIN));
	assert_true(http1_lists(&h, HTTP1_TE, STR("GZIP")));
	assert_true(http1_lists(&h, HTTP1_UPGRADE, STR("h2c")));
	assert_false(http1_lists(&h, HTTP1_TE, STR("gzi")));
	assert_false(http1_lists(&h, HTTP1_TE, STR("websocket")));
	assert_false(http1_lists(&h, HTTP1_ORIGIN, STR("gzip")));
	assert_int_equal(http1_line(&h, 3).n, strlen("X: y\r\n"));
}

/* HTTP of another version is passed on to nobody, nor is what is no protocol. */
static void upgrades_that_may_be_passed_on(void **state)
{
	static const struct {
		const char *list, *first; /* NULL: none */
	} rows[] = {
		{"websocket", "websocket"},
		{"h2c, websocket", "websocket"},
		{"HTTP/2.0, TLS/1.0", "TLS/1.0"},
		{"h2", NULL},
		{"h2c-14", NULL},
		{"http", NULL},
		{"h", "h"},
		{"a/b/c, x", "x"},
		{"/b, a/, x", "x"},
		{"", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str list = str_from(rows[i].list), got;
		bool found = http1_upgrade_next(&list, &got);
		assert_int_equal(found, rows[i].first != NULL);
		if (found)
			assert_true(str_eq(got, str_from(rows[i].first)));
	}
}

static void test_idempotent(void **state)
{
	static const enum http1_method yes[] = {HTTP1_GET, HTTP1_HEAD, HTTP1_PUT, HTTP1_DELETE,
		HTTP1_OPTIONS, HTTP1_TRACE};
	static const enum http1_method no[] = {HTTP1_POST, HTTP1_PATCH, HTTP1_CONNECT,
		HTTP1_METHOD_OTHER};
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(http1_idempotent(yes[i]));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(http1_idempotent(no[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head_on_the_heap),
		cmocka_unit_test(finds_fields_and_tokens),
		cmocka_unit_test(upgrades_that_may_be_passed_on),
		cmocka_unit_test(test_idempotent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
