/* SPDX-License-Identifier: MIT */
/* Ids of our own, and those that a trusted peer gave. */
#include "server/http/request_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"

static void test_ids_differ(void **state)
{
	enum { N = 1000 }; /* more than one block of random bytes gives */
	static char ids[N][REQUEST_ID_SIZE];
	struct request_ids source;
	request_ids_init(&source);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(request_id_next(&source, ids[i]), REQUEST_ID_LEN);
		assert_int_equal(strspn(ids[i], "0123456789abcdef"), REQUEST_ID_LEN);
		assert_int_equal(strlen(ids[i]), REQUEST_ID_LEN);
		/* Not even a part of one says anything about another. */
		for (size_t j = 0; j < i; j++)
			for (size_t k = 0; k < REQUEST_ID_LEN; k += REQUEST_ID_LEN / 2)
				assert_memory_not_equal(ids[i] + k, ids[j] + k, REQUEST_ID_LEN / 2);
	}
	request_ids_deinit(&source);
}

static void test_given(void **state)
{
	char longest[REQUEST_ID_SIZE + 1], fields[512];
	memset(longest, 'x', sizeof longest);
	longest[REQUEST_ID_SIZE - 1] = '\0';
	static const struct {
		const char *fields, *want;
	} cases[] = {
		{"", ""},
		{"X-Request-Id: 6ba7b810-9dad\r\n", "6ba7b810-9dad"},
		{"x-request-id: visitors\r\nX-Request-ID: ours\r\nA: 1\r\n", "ours"},
		{"X-Request-Id: ours\r\nX_Request_Id: evil\r\n", "ours"},
		{"X-Request-Id: !~\r\n", "!~"},
		{"X-Request-Id: two words\r\n", ""},
		{"X-Request-Id: caf\xc3\xa9\r\n", ""},
		{"X-Request-Id:\r\n", ""},
	};
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(cases) + 2; i++) {
		const char *want = "";
		size_t scanned = 0;
		if (i < ARRAY_LEN(cases)) {
			want = cases[i].want;
			snprintf(fields, sizeof fields, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n",
				cases[i].fields);
		} else {
			/* As long as there is room for, and one more. */
			bool fits = i == ARRAY_LEN(cases);
			want = fits ? longest : "";
			snprintf(fields, sizeof fields,
				"GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: %s%s\r\n\r\n", longest,
				fits ? "" : "x");
		}
		assert_int_equal(http1_parse_request(&h, (const uint8_t *)fields, strlen(fields),
					 HTTP1_REQUEST_MAX, &scanned),
			HTTP1_OK);
		struct str got = request_id_given(&h);
		assert_int_equal(got.n, strlen(want));
		assert_true(str_eq(got, str_from(want)));
	}
}

static int setup(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_differ),
		cmocka_unit_test(test_given),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
