/* SPDX-License-Identifier: MIT */
/* Aliases: what is read of one, and that no two are alike. */
#include "policy/alias.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

#define TAG "k7m2q9x4p3ta"

static void test_parse(void **state)
{
	static const struct {
		const char *in, *name, *tag; /* NULL: refused */
	} table[] = {
		{"redis", "redis", ""},
		{"Super-API", "super-api", ""},
		{"super-api." TAG ".exit.example.org", "super-api", TAG},
		{"super-api." TAG, "super-api", TAG},
		{"super-api." TAG ".", "super-api", TAG},
		{"super-api." TAG ".[2001:db8::1]:8000", "super-api", TAG},
		{"SUPER-API.K7M2Q9X4P3TA.EXIT.EXAMPLE.ORG", "super-api", TAG},
		/* As Crockford has it: what looks like a digit is one. */
		{"a.lIo000000000", "a", "110000000000"},
		{"a.u00000000000", NULL, NULL},
		{"a.k7m2q9x4p3t", NULL, NULL},
		{"a." TAG "0", NULL, NULL},
		{"a.", NULL, NULL},
		{"." TAG, NULL, NULL},
		{"", NULL, NULL},
		{"a b", NULL, NULL},
		{"*", NULL, NULL},
		{"@all", NULL, NULL},
		{"a.k7m2q9x4p3t-", NULL, NULL},
		{"a." TAG "#x25519/AAAA", NULL, NULL},
		{"a#x25519/AAAA", NULL, NULL},
		{"-a." TAG, NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct policy_alias alias = {"untouched", "too"};
		struct error err = {""};
		int r = policy_alias_parse(str_from(table[i].in), &alias, &err);
		assert_int_equal(r, table[i].name ? 0 : -EINVAL);
		assert_int_equal(err.text[0] == '\0', r == 0);
		assert_string_equal(alias.name, table[i].name ? table[i].name : "untouched");
		assert_string_equal(alias.tag, table[i].name ? table[i].tag : "too");
	}
}

/* A NUL is a character like another that no tag has. */
static void test_parse_nul(void **state)
{
	struct policy_alias alias;
	struct error err;
	assert_int_equal(policy_alias_parse(STR("a.k7m2q9x4p3t\0"), &alias, &err), -EINVAL);
}

static void test_tags(void **state)
{
	char tags[64][POLICY_TAG_SIZE];
	uint32_t seen[POLICY_TAG_LENGTH] = {0};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		char alias[POLICY_ALIAS_SIZE];
		struct policy_alias read;
		struct error err;
		assert_ptr_equal(policy_tag_draw(tags[i]), tags[i]);
		policy_alias_format("redis", tags[i], "exit.example.org", alias);
		assert_int_equal(policy_alias_parse(str_from(alias), &read, &err), 0);
		assert_string_equal(read.tag, tags[i]);
		assert_true(policy_alias_is(&read, "redis", tags[i]));
		assert_false(policy_alias_is(&read, "redis", ""));
		assert_false(policy_alias_is(&read, "other", tags[i]));
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(tags[k], tags[i]);
			assert_false(policy_alias_is(&read, "redis", tags[k]));
		}
		for (size_t k = 0; k < POLICY_TAG_LENGTH; k++)
			seen[k] |= 1u << (tags[i][k] & 31);
	}
	/* Each place is drawn: 64 draws of 32 digits have fewer than 8 different ones never. */
	for (size_t k = 0; k < POLICY_TAG_LENGTH; k++)
		assert_true(__builtin_popcount(seen[k]) >= 8);
}

static void test_is(void **state)
{
	struct policy_alias bare = {"redis", ""}, whole = {"redis", TAG};
	char tag[] = TAG;
	assert_true(policy_alias_is(&bare, "redis", TAG));
	assert_false(policy_alias_is(&bare, "redi", TAG));
	assert_true(policy_alias_is(&whole, "redis", TAG));
	for (size_t i = 0; i < POLICY_TAG_LENGTH; i++) {
		char was = tag[i];
		tag[i] = '0';
		assert_false(policy_alias_is(&whole, "redis", tag));
		tag[i] = was;
	}
	assert_true(policy_alias_is(&whole, "redis", tag));
}

static void test_format(void **state)
{
	char alias[POLICY_ALIAS_SIZE], exit[2 * POLICY_ALIAS_SIZE];
	assert_string_equal(policy_alias_format("redis", TAG, "exit.example.org:8000", alias),
		"redis." TAG ".exit.example.org:8000");
	assert_string_equal(policy_alias_format("redis", TAG, "", alias), "redis." TAG);
	memset(exit, 'x', sizeof exit);
	exit[sizeof exit - 1] = '\0';
	assert_int_equal(strlen(policy_alias_format("redis", TAG, exit, alias)),
		POLICY_ALIAS_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_nul),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_is),
		cmocka_unit_test(test_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
