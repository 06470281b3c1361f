/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include "base/macros.h"
#include "rules/path.h"

static const struct {
	const char *path, *form;
	bool ambiguous, plain;
} cases[] = {
	{"/", "/", false, true},
	{"/a/b.css", "/a/b.css", false, true},
	{"/A", "/A", false, true},
	{"*", "*", false, true},
	{"/a/", "/a/", false, true},
	{"/%61dmin", "/admin", false, false},
	{"/a%20b", "/a b", false, false},
	{"/a%28b%29", "/a(b)", false, false},
	{"/caf%c3%a9", "/caf\xc3\xa9", false, false},
	{"/x%25y", "/x%25y", false, false},
	{"/x%0d%0ay", "/x%0D%0Ay", false, false},
	{"/.well-known/x", "/.well-known/x", false, false},
	{"/a;b", "/a;b", false, false},
	/* What two readers may take for two */
	{"/a%2fb", "/a%2Fb", true, false},
	{"/a%2Fb", "/a%2Fb", true, false},
	{"/a%5cb", "/a%5Cb", true, false},
	{"/a%00", "/a%00", true, false},
	{"/a\\b", "/a\\b", true, false},
	{"//a", "//a", true, false},
	{"/a//b", "/a//b", true, false},
	{"/a/../b", "/b", true, false},
	{"/a/./b", "/a/b", true, false},
	{"/a/..", "/", true, false},
	{"/a/b/..", "/a/", true, false},
	{"/..", "/", true, false},
	{"/../../x", "/x", true, false},
	{"/a/%2e%2e/b", "/b", true, false},
	{"/a/.%2E/b", "/b", true, false},
	{"/a/%252e%252e/b", "/a/%252e%252e/b", true, false},
	{"/a/..;x/b", "/a/..;x/b", true, false},
	{"/a%zz", "/a%zz", true, false},
	{"/a%", "/a%", true, false},
	{"/a%u0041", "/a%u0041", true, false},
	{"/a%c0%afb",
		"/a\xc0\xaf"
		"b",
		true, false},
};

static void test_forms(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str path = str_from(cases[i].path);
		char out[64], room[64];
		size_t n = path_normalize(path, out);
		if (!str_eq((struct str){out, n}, str_from(cases[i].form)))
			fail_msg("%s became %.*s", cases[i].path, (int)n, out);
		if (path_is_ambiguous(path, room) != cases[i].ambiguous)
			fail_msg("%s is %s", cases[i].path,
				cases[i].ambiguous ? "not ambiguous" : "ambiguous");
		assert_int_equal(path_is_plain(path), cases[i].plain);
		/* The quick answer never hides the thorough one. */
		if (cases[i].plain) {
			assert_false(cases[i].ambiguous);
			assert_string_equal(cases[i].path, cases[i].form);
		}
	}
}

static void test_the_form_is_its_own_form(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char once[64], twice[64];
		size_t n = path_normalize(str_from(cases[i].path), once);
		size_t again = path_normalize((struct str){once, n}, twice);
		assert_true(str_eq((struct str){once, n}, (struct str){twice, again}));
	}
}

static void test_encoded_again(void **state)
{
	static const struct {
		const char *text, *url;
	} rows[] = {
		{"/a b", "/a%20b"},
		{"/a?b#c", "/a%3Fb%23c"},
		{"/caf\xc3\xa9", "/caf%C3%A9"},
		{"/x%2Fy", "/x%2Fy"},
		{"/x%y", "/x%25y"},
		{"/a\r\nb", "/a%0D%0Ab"},
		{"/~u/(1)", "/~u/(1)"},
		{"/\\evil", "/%5Cevil"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[PATH_ENCODED_MAX(32)];
		size_t n = path_encode(str_from(rows[i].text), out);
		assert_true(str_eq((struct str){out, n}, str_from(rows[i].url)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_the_form_is_its_own_form),
		cmocka_unit_test(test_encoded_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
