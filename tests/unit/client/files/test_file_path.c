/* SPDX-License-Identifier: MIT */
/* A request's path as a name in a folder: what is decoded, what is hidden, what is malformed. */
#include "client/files/file_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"

static struct file_path path;

static void test_decode(void **state)
{
	static const struct {
		const char *path, *text; /* a '/' at its end: a directory */
	} rows[] = {
		{"/", "/"},
		{"//", "/"},
		{"/a", "a"},
		{"/a/", "a/"},
		{"//a//b", "a/b"},
		{"/a%20b", "a b"},
		{"/%61%2Eb", "a.b"},
		{"/a%2e", "a."},
		{"/a..b", "a..b"},
		{"/a../b", "a../b"},
		{"/%252e%252e/x", "%2e%2e/x"},
		{"/a\\..\\b", "a\\..\\b"},
		{"/a;x=1", "a;x=1"},
		{"/%c3%bc", "\xc3\xbc"},
		{"/%ff", "\xff"},
		{"/%0d%0a", "\r\n"},
		{"/.well-known/acme-challenge/x", ".well-known/acme-challenge/x"},
		{"/%2ewell-known/x", ".well-known/x"},
		{"/.well-known", ".well-known"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char got[PATH_MAX + 2];
		if (file_path_decode(str_from(rows[i].path), &path))
			fail_msg("%s is refused", rows[i].path);
		snprintf(got, sizeof got, "%s%s", path.text, path.directory ? "/" : "");
		assert_string_equal(got, rows[i].text);
		assert_int_equal(path.n, strlen(path.text));
		assert_false(file_path_is_hidden((struct str){path.text, path.n}));
	}
}

static void test_hidden(void **state)
{
	static const char *const rows[] = {
		"/..",
		"/.",
		"/./a",
		"/../etc/passwd",
		"/a/../b",
		"/a/..",
		"/a/../../b",
		"/%2e%2e/etc/passwd",
		"/.%2E/etc/passwd",
		"/%2e",
		"/a/%2e%2e/%2e%2e/b",
		"//../etc/passwd",
		"/..%2fetc%2fpasswd",
		"/a%2fb",
		"/%2fetc%2fpasswd",
		"/a%2F..%2Fb",
		"/a%00",
		"/%00",
		"/a%00.html",
		"/.git",
		"/.git/config",
		"/.env",
		"/a/.htaccess",
		"/a/.b/c",
		"/...",
		"/..a",
		"/a/.well-known",
		"/a/.well-known/b",
		"/.well-known/.x",
		"/.well-known/..",
		"/.well-knownx",
		"/.Well-Known/x",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (file_path_decode(str_from(rows[i]), &path) != FILE_PATH_HIDDEN)
			fail_msg("%s is not hidden", rows[i]);
	assert_true(file_path_is_hidden(STR("a/.b")));
	assert_true(file_path_is_hidden(STR(".b")));
	assert_false(file_path_is_hidden(STR("")));
}

static void test_malformed(void **state)
{
	static const char *const rows[] = {"/%", "/%2", "/%zz", "/a%2g", "/%%41", "/.git/%x",
		"/a/%-1/b"};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (file_path_decode(str_from(rows[i]), &path) != FILE_PATH_MALFORMED)
			fail_msg("%s is not malformed", rows[i]);
}

static void test_long(void **state)
{
	static char longest[2 * PATH_MAX];
	memset(longest, 'a', sizeof longest);
	longest[0] = '/';
	assert_int_equal(file_path_decode((struct str){longest, PATH_MAX}, &path), FILE_PATH_OK);
	assert_int_equal(path.n, PATH_MAX - 1);
	assert_false(file_path_add(&path, "b"));
	assert_int_equal(strlen(path.text), path.n);
	assert_int_equal(file_path_decode((struct str){longest, PATH_MAX + 1}, &path),
		FILE_PATH_HIDDEN);
	longest[PATH_MAX] = '/';
	longest[PATH_MAX + 2] = '/';
	assert_int_equal(file_path_decode((struct str){longest, sizeof longest}, &path),
		FILE_PATH_HIDDEN);
	assert_int_equal(file_path_decode(STR("/a"), &path), FILE_PATH_OK);
	assert_true(file_path_add(&path, "b"));
	assert_string_equal(path.text, "a/b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
