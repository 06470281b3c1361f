/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/request_notes.h"

static const struct address visitor = {.family = ADDRESS_V4};

static void test_no_query(void **state)
{
	static const struct {
		const char *target, *path;
	} rows[] = {
		{"/a?token=1", "/a"},
		{"/a", "/a"},
		{"/?", "/"},
		{"?", ""},
		{"*", "*"},
		{"", ""},
	};
	struct request_notes *n = request_notes_new();
	assert_non_null(n);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct access_entry a = {.path = str_from(rows[i].target), .why = "refused"};
		request_notes_add(n, &a, &visitor);
		assert_string_equal(n->v[i].path, rows[i].path);
		assert_string_equal(n->v[i].why, "refused");
		assert_string_equal(n->v[i].host, "");
	}
	free(n);
}

/* Whatever a visitor sends fits, and so many are taken. */
static void test_bounds(void **state)
{
	struct request_notes *n = request_notes_new();
	assert_non_null(n);
	static char text[4096];
	memset(text, 'x', sizeof(text));
	const struct str all = {text, sizeof(text)};
	const struct access_entry a = {.method = all, .host = all, .path = all, .session = all};
	for (unsigned i = 0; i < REQUEST_NOTES_MAX + 7; i++)
		request_notes_add(n, &a, &visitor);
	assert_int_equal(n->n, REQUEST_NOTES_MAX);
	assert_int_equal(n->missed, 7);
	assert_int_equal(strlen(n->v[0].method), REQUEST_NOTE_METHOD - 1);
	assert_int_equal(strlen(n->v[0].host), HOSTNAME_SIZE - 1);
	assert_int_equal(strlen(n->v[0].path), REQUEST_NOTE_PATH - 1);
	assert_int_equal(strlen(n->v[0].session), SESSION_NAME_SIZE - 1);
	free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_query),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
