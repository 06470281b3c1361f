/* SPDX-License-Identifier: MIT */
/* What a head becomes when fields are set, added and removed, as an upstream and a visitor get it. */
#include "server/http/head_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "server/http/forward.h"
#include "wire/http1.h"

#define REMOVE(n)                               \
	{                                       \
		.name = STR(n), .removes = true \
	}
#define ADD(n, v)                                             \
	{                                                     \
		.name = STR(n), .value = STR(v), .adds = true \
	}
#define SET(n, v)                                                              \
	{                                                                      \
		.name = STR(n), .value = STR(v), .removes = true, .adds = true \
	}

static const struct {
	const char *fields, *made;
	struct head_change changes[3];
	size_t n;
	bool marks;
} cases[] = {
	{"A: 1\r\nB: 2\r\n", "A: 1\r\nB: 2\r\n", {{.adds = false}}, 0, false},
	{"A: 1\r\nB: 2\r\n", "B: 2\r\n", {REMOVE("a")}, 1, true},
	{"A: 1\r\nB: 2\r\n", "A: 1\r\nB: 2\r\nC: 3\r\n", {ADD("C", "3")}, 1, false},
	{"A: 1\r\nB: 2\r\nA: 3\r\n", "B: 2\r\nA: 4\r\n", {SET("A", "4")}, 1, true},
	{"X_User: 1\r\nx-user: 2\r\n", "X-User: 3\r\n", {SET("X-User", "3")}, 1, true},
	{"", "A: \r\n", {SET("A", "")}, 1, false},
	{"", "A: 2\r\n", {SET("A", "1"), SET("A", "2")}, 2, false},
	{"", "A: 1\r\nA: 2\r\n", {SET("A", "1"), ADD("A", "2")}, 2, false},
	{"A: 1\r\n", "", {SET("A", "1"), REMOVE("A")}, 2, true},
	{"", "B: 2\r\n", {SET("A_B", "1"), ADD("B", "2"), REMOVE("a-b")}, 3, false},
};

static void parse(struct http1_head *h, char *text, size_t size, const char *fields)
{
	size_t scanned = 0;
	int n = snprintf(text, size, "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n", fields);
	assert_int_equal(http1_parse_response(h, (const uint8_t *)text, (size_t)n, size, HTTP1_GET,
				 &scanned),
		HTTP1_OK);
}

static int edit(struct head_edit *e, struct http1_head *h, const struct head_change *changes,
	size_t n)
{
	struct head_change *room = head_edit_changes(e, n);
	assert_true(room || !n);
	for (size_t i = 0; i < n; i++)
		room[i] = changes[i];
	return head_edit(e, h, n);
}

static void test_edits(void **state)
{
	struct head_edit e = {0};
	struct http1_head h;
	assert_int_equal(http1_head_init(&h, 32), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[1024], want[1024];
		struct buf out = BUF_NULL;
		parse(&h, text, sizeof(text), cases[i].fields);
		assert_int_equal(edit(&e, &h, cases[i].changes, cases[i].n), cases[i].marks);
		const struct forward_response made = {.added = head_edit_lines(&e)};
		assert_int_equal(forward_response(&out, &h, &made), 0);
		assert_int_equal(buf_append(&out, "", 1), 0);
		/* Content-Length stands behind what stays, and before what comes. */
		char *got = strstr((char *)buf_head(&out), "\r\n") + 2;
		char *length = strstr(got, "Content-Length: 0\r\n");
		assert_non_null(length);
		memmove(length, length + 19, strlen(length + 19) + 1);
		snprintf(want, sizeof(want), "%s\r\n", cases[i].made);
		assert_string_equal(got, want);
		buf_deinit(&out);
	}
	head_edit_deinit(&e);
	http1_head_deinit(&h);
}

/* Whatever was changed, the head can be parsed by anybody. */
static void test_what_is_made_is_a_head(void **state)
{
	struct head_edit e = {0};
	struct http1_head h, again;
	char text[1024];
	const struct head_change changes[] = {SET("A", "new"), REMOVE("B"), ADD("C", "3")};
	assert_int_equal(http1_head_init(&h, 32), 0);
	assert_int_equal(http1_head_init(&again, 32), 0);
	parse(&h, text, sizeof(text), "A: 1\r\nB: 2\r\n");
	assert_true(edit(&e, &h, changes, ARRAY_LEN(changes)));
	struct buf out = BUF_NULL;
	const struct forward_response made = {.added = head_edit_lines(&e)};
	size_t scanned = 0;
	assert_int_equal(forward_response(&out, &h, &made), 0);
	assert_int_equal(http1_parse_response(&again, buf_head(&out), buf_len(&out), 4096,
				 HTTP1_GET, &scanned),
		HTTP1_OK);
	assert_int_equal(again.n_fields, 3);
	buf_deinit(&out);
	head_edit_deinit(&e);
	http1_head_deinit(&h);
	http1_head_deinit(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_what_is_made_is_a_head),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
