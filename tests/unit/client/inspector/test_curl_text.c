/* SPDX-License-Identifier: MIT */
/* A request as a line of curl: what a shell makes of it is what was meant. */
#include "captures.h"

#include "client/inspector/curl_text.h"

#define OK "HTTP/1.1 204 No Content\r\n\r\n"

static void test_texts(void **state)
{
	static const struct {
		const char *request, *curl;
	} rows[] = {
		{"GET /a/../b HTTP/1.1\r\nHost: app.test\r\nAccept: */*\r\n"
		 "X-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n",
			"curl -g --path-as-is -X 'GET' 'http://app.test/a/../b' \\\n"
			"  -H 'Accept: */*'\n"},
		{"HEAD / HTTP/1.1\r\nHost: app.test\r\nX-Empty:\r\n\r\n",
			"curl -g --path-as-is -I 'http://app.test/' \\\n  -H 'X-Empty;'\n"},
		{"POST /it's HTTP/1.1\r\nHost: app.test\r\nX-A: $(rm -rf /) `x` 'q'\r\n"
		 "Authorization: Basic eDp5\r\nContent-Length: 7\r\n\r\na'b\n\"c\"",
			"curl -g --path-as-is -X 'POST' 'http://app.test/it'\\''s' \\\n"
			"  -H 'X-A: $(rm -rf /) `x` '\\''q'\\''' \\\n"
			"  -H 'Authorization: " SECRET_MASK " (10 characters)' \\\n"
			"  --data-binary 'a'\\''b\n\"c\"'\n"},
		{"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\n@file",
			"curl -g --path-as-is -X 'POST' 'http://app.test/' \\\n  --data-binary "
			"@-\n"},
		{"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\n\x1b[",
			"curl -g --path-as-is -X 'POST' 'http://app.test/' \\\n  --data-binary "
			"@-\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct captures s;
		struct capture_view v;
		struct buf out = BUF_NULL;
		captures_begin(&s, (struct inspector_options){0});
		exchange(&s, rows[i].request, OK);
		assert_int_equal(capture_view_init(&v, &s.in, newest(&s, 0), false), 0);
		assert_int_equal(curl_text(&v, &out), 0);
		assert_string_equal(text_of(&out), rows[i].curl);
		buf_deinit(&out);
		capture_view_deinit(&v);
		captures_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
