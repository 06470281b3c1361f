/* SPDX-License-Identifier: MIT */
/* Responses as the admin API sends them: when one is complete, and what is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/macros.h"
#include "cli/http_message.h"
#include "cli/target.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static const struct {
	const char *text;
	unsigned status; /* 0: it is no response, or cut short */
	const char *body;
	size_t complete; /* bytes from which on nothing is missing; 0: only its end says so */
} rows[] = {
	{OK_HEAD "Content-Length: 2\r\n\r\n{}", 200, "{}", sizeof OK_HEAD - 1 + 21 + 2},
	{OK_HEAD "Content-Length: 2\r\n\r\n{}and more", 200, "{}", sizeof OK_HEAD - 1 + 21 + 2},
	{OK_HEAD "Content-Length: 3\r\n\r\n{}", 0, NULL, 0},
	{OK_HEAD "Content-Length: 0\r\n\r\n", 200, "", sizeof OK_HEAD - 1 + 21},
	{"HTTP/1.1 204 No Content\r\n\r\n", 204, "", 27},
	{OK_HEAD "\r\n{\"a\":1}", 200, "{\"a\":1}", 0},
	{"HTTP/1.1 100 Continue\r\n\r\n" OK_HEAD "Content-Length: 2\r\n\r\n{}", 200, "{}",
		25 + sizeof OK_HEAD - 1 + 21 + 2},
	{OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200, "{}",
		sizeof OK_HEAD - 1 + 30 + 12},
	{OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nA: b\r\n\r\n", 200,
		"{}", sizeof OK_HEAD - 1 + 30 + 27},
	{OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 0, NULL, 0},
	{OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 0, NULL, 0},
	{"220 mail.example.org\r\n\r\n", 0, NULL, 1},
	{"", 0, NULL, 0},
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = strlen(rows[i].text);
		struct http_message m;
		uint8_t *copy = malloc(n + 1);
		memcpy(copy, rows[i].text, n + 1);
		int r = http_message_parse(&m, copy, n);
		if (!r != (rows[i].status != 0))
			fail_msg("\"%s\": %d", rows[i].text, r);
		if (!r) {
			assert_int_equal(m.status, rows[i].status);
			assert_int_equal(m.body.n, strlen(rows[i].body));
			assert_memory_equal(m.body.p, rows[i].body, m.body.n);
		}
		free(copy);
	}
}

/* A byte at a time, as a socket may bring them. */
static void test_complete(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t all = strlen(rows[i].text), n = 1;
		while (n <= all && !http_message_complete((const uint8_t *)rows[i].text, n))
			n++;
		bool never = rows[i].complete == 0;
		if (rows[i].status && (never ? n <= all : n != rows[i].complete))
			fail_msg("\"%s\" is complete with %zu bytes", rows[i].text, n);
	}
}

static void test_target(void **state)
{
	struct buf to = BUF_NULL;
	assert_int_equal(target_append(&to, "/a/"), 0);
	assert_int_equal(target_encode(&to, "x/y z?\xc3\xa9~"), 0);
	assert_int_equal(target_add(&to, "k", "1&2"), 0);
	assert_int_equal(target_add(&to, "l", ""), 0);
	assert_int_equal(buf_append(&to, "", 1), 0);
	assert_string_equal((char *)buf_head(&to), "/a/x%2Fy%20z%3F%C3%A9~?k=1%262&l=");
	buf_deinit(&to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_target),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
