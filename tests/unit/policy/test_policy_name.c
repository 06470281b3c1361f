/* SPDX-License-Identifier: MIT */
/* Names, patterns of names, texts for people. */
#include "policy/name.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"

#define A62 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A63 "a" A62

struct row {
	const char *in, *out; /* NULL: refused */
};

static void test_names(void **state)
{
	static const struct row rows[] = {
		{"a", "a"},
		{"api-team", "api-team"},
		{"myPLS", "mypls"},
		{"7", "7"},
		{"a--b", "a--b"},
		{A63, A63},
		{A63 "a", NULL},
		{A62 "-", NULL},
		{"", NULL},
		{"-a", NULL},
		{"a-", NULL},
		{"a.b", NULL},
		{"a_b", NULL},
		{"a b", NULL},
		{"*", NULL},
		{"@all", NULL},
		{"é", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[POLICY_NAME_SIZE] = "untouched";
		struct error err = {""};
		int r = policy_name_check(str_from(rows[i].in), out, &err);
		assert_int_equal(r, rows[i].out ? 0 : -EINVAL);
		assert_string_equal(out, rows[i].out ? rows[i].out : "untouched");
		assert_int_equal(err.text[0] == '\0', r == 0);
	}
	char out[POLICY_NAME_SIZE];
	struct error err;
	assert_int_equal(policy_name_check((struct str){"a\0b", 3}, out, &err), -EINVAL);
}

static void test_reserved(void **state)
{
	assert_true(policy_name_reserved("default"));
	assert_true(policy_name_reserved("front"));
	assert_false(policy_name_reserved("fronts"));
}

static void test_patterns(void **state)
{
	static const struct row rows[] = {
		{"redis", "redis"},
		{"Super-*", "super-*"},
		{"super*", "super*"},
		{"*", "*"},
		{A62 "a*", A62 "a*"},
		{A63 "a*", NULL},
		{"", NULL},
		{"-*", NULL},
		{"a*b", NULL},
		{"**", NULL},
		{"a-", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[POLICY_NAME_SIZE + 1] = "untouched";
		struct error err;
		int r = policy_pattern_check(str_from(rows[i].in), out, &err);
		assert_int_equal(r, rows[i].out ? 0 : -EINVAL);
		assert_string_equal(out, rows[i].out ? rows[i].out : "untouched");
	}
	assert_true(policy_pattern_covers("redis", STR("redis")));
	assert_false(policy_pattern_covers("redis", STR("redis2")));
	assert_false(policy_pattern_covers("redis", STR("redi")));
	assert_true(policy_pattern_covers("super-*", STR("super-api")));
	assert_false(policy_pattern_covers("super-*", STR("super")));
	assert_true(policy_pattern_covers("super*", STR("super")));
	assert_true(policy_pattern_covers("*", STR("a")));
}

static void test_texts(void **state)
{
	static char longest[POLICY_TEXT_MAX + 1];
	struct error err;
	memset(longest, 'a', sizeof longest);
	assert_int_equal(policy_text_check(STR(""), "label", &err), 0);
	assert_int_equal(policy_text_check(STR("two\n\tlines, é"), "label", &err), 0);
	assert_int_equal(policy_text_check((struct str){longest, POLICY_TEXT_MAX}, "label", &err),
		0);
	assert_int_equal(policy_text_check((struct str){longest, sizeof longest}, "label", &err),
		-EINVAL);
	assert_int_equal(policy_text_check(STR("\033[2J"), "label", &err), -EINVAL);
	assert_string_equal(err.text, "the label has a control character in it");
	assert_int_equal(policy_text_check((struct str){"a\0b", 3}, "label", &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
