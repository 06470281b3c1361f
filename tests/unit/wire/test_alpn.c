/* SPDX-License-Identifier: MIT */
/* Lists of protocols: which are any, and what TLS and an index make of them. */
#include "wire/alpn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

#define A51 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxy"

static void test_lists(void **state)
{
	static const struct {
		const char *text;
		bool good;
		const char *tls; /* as TLS has it */
	} rows[] = {
		{"h2", true, "\x02h2"},
		{"h2,http/1.1,x", true, "\x02h2\x08http/1.1\x01x"},
		{"h2,H2", true, "\x02h2\x02H2"},
		{A51 A51 A51 A51 A51, true, "\xff" A51 A51 A51 A51 A51},
		{A51 A51 A51 A51 A51 "z", false, NULL},
		{"", false, NULL},
		{",", false, NULL},
		{"h2,", false, NULL},
		{",h2", false, NULL},
		{"h2,,x", false, NULL},
		{"h2, x", false, NULL},
		{"h2,x,h2", false, NULL},
		{"h\x7f", false, NULL},
		{"h\xc3\xbc", false, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t tls[ALPN_TLS_MAX];
		struct str list = str_from(rows[i].text);
		if (alpn_is_list(list) != rows[i].good)
			fail_msg("\"%s\"", rows[i].text);
		if (!rows[i].good)
			continue;
		size_t n = alpn_for_tls(list, tls);
		assert_int_equal(n, strlen(rows[i].tls));
		assert_memory_equal(tls, rows[i].tls, n);
	}
}

static void test_indices(void **state)
{
	struct str list = STR("h2,http/1.1,x");
	static const char *const names[] = {"h2", "http/1.1", "x"};
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(alpn_find(list, str_from(names[i])), (int)i);
		assert_true(str_eq(alpn_at(list, i), str_from(names[i])));
	}
	static const char *const others[] = {"", "h", "h2,http/1.1", "H2", "http/1.0", "xx"};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(alpn_find(list, str_from(others[i])), -1);
	assert_int_equal(alpn_at(list, 3).n, 0);
	assert_int_equal(alpn_at(list, 127).n, 0);
	assert_int_equal(alpn_find(STR_NULL, STR("h2")), -1);
	assert_int_equal(alpn_at(STR_NULL, 0).n, 0);

	/* As many as fit: the index of each is in seven bits. */
	char many[ALPN_LIST_MAX + 1];
	for (int i = 0; i < ALPN_LIST_MAX; i++)
		many[i] = (char)(i % 2 ? ',' : 'a' + i / 2 % 26);
	many[ALPN_LIST_MAX] = '\0';
	assert_int_equal(alpn_at(str_from(many), 127).n, 1);
	assert_int_equal(alpn_at(str_from(many), 128).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_indices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
