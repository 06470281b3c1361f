/* SPDX-License-Identifier: MIT */
/* The canonical form of host names: what becomes what, what is refused, what a wildcard covers. */
#include "wire/hostname.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/macros.h"

#define L10 "abcdefghij"
#define L60 L10 L10 L10 L10 L10 L10

static const struct {
	const char *in, *out;
	int port, error;
} rows[] = {
	{"example.com", "example.com", 0, 0},
	{"Example.COM.", "example.com", 0, 0},
	{"EXAMPLE.com.:443", "example.com", 443, 0},
	{"a:", "a", 0, 0},
	{"a_b-.c", "a_b-.c", 0, 0},
	{"xn--bcher-kva.example", "xn--bcher-kva.example", 0, 0},
	{"127.0.0.1:80", "127.0.0.1", 80, 0},
	{"[::1]", "[::1]", 0, 0},
	{"[2001:0DB8:0:0::0001]:00443", "[2001:db8::1]", 443, 0},
	{"a:65535", "a", 65535, 0},
	{L60 "abc." L60 "abc." L60 "abc." L60 "a", L60 "abc." L60 "abc." L60 "abc." L60 "a", 0, 0},
	{L60 "abc." L60 "abc." L60 "abc." L60 "ab", NULL, 0, HOSTNAME_E_LONG},
	{L60 "abcd", NULL, 0, HOSTNAME_E_LABEL},
	{"a." L60 "abcd.b", NULL, 0, HOSTNAME_E_LABEL},
	{"", NULL, 0, HOSTNAME_E_EMPTY},
	{".", NULL, 0, HOSTNAME_E_EMPTY},
	{":80", NULL, 0, HOSTNAME_E_EMPTY},
	{"a..", NULL, 0, HOSTNAME_E_LABEL},
	{".a", NULL, 0, HOSTNAME_E_LABEL},
	{"a..b", NULL, 0, HOSTNAME_E_LABEL},
	{"a b", NULL, 0, HOSTNAME_E_CHARACTER},
	{"a/b", NULL, 0, HOSTNAME_E_CHARACTER},
	{"a%41", NULL, 0, HOSTNAME_E_CHARACTER},
	{"a@b", NULL, 0, HOSTNAME_E_CHARACTER},
	{"a\x01", NULL, 0, HOSTNAME_E_CHARACTER},
	{"*.a", NULL, 0, HOSTNAME_E_CHARACTER},
	{"b\xc3\xbc"
	 "cher.example",
		NULL, 0, HOSTNAME_E_NOT_ASCII},
	{"a:0", NULL, 0, HOSTNAME_E_PORT},
	{"a:65536", NULL, 0, HOSTNAME_E_PORT},
	{"a:000080", NULL, 0, HOSTNAME_E_PORT},
	{"a:8o", NULL, 0, HOSTNAME_E_PORT},
	{"a:-1", NULL, 0, HOSTNAME_E_PORT},
	{"::1", NULL, 0, HOSTNAME_E_PORT},
	{"[::1", NULL, 0, HOSTNAME_E_LITERAL},
	{"[]", NULL, 0, HOSTNAME_E_LITERAL},
	{"[1.2.3.4]", NULL, 0, HOSTNAME_E_LITERAL},
	{"[FE80::1%25eth0]:80", "[fe80::1]", 80, 0},
	{"[fe80::1%eth0.100]", "[fe80::1]", 0, 0},
	{"[fe80::1%25]", "[fe80::1]", 0, 0},
	{"[fe80::1%]", NULL, 0, HOSTNAME_E_LITERAL},
	{"[fe80::1%a b]", NULL, 0, HOSTNAME_E_LITERAL},
	{"[fe80::1%a%b]", NULL, 0, HOSTNAME_E_LITERAL},
	{"[fe80::1%0123456789abcdef]", NULL, 0, HOSTNAME_E_LITERAL},
	{"[2001:db8::1%eth0]", NULL, 0, HOSTNAME_E_LITERAL},
	{"[%eth0]", NULL, 0, HOSTNAME_E_LITERAL},
	{"[::1]x", NULL, 0, HOSTNAME_E_LITERAL},
};

static void test_canonical(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[HOSTNAME_SIZE];
		size_t n = 0;
		uint16_t port = 0;
		int r = hostname_with_port(str_from(rows[i].in), out, &n, &port);
		if (r != rows[i].error)
			fail_msg("%s: %d, not %d", rows[i].in, r, rows[i].error);
		if (r) {
			assert_non_null(hostname_error_text(r));
			continue;
		}
		assert_string_equal(out, rows[i].out);
		assert_int_equal(n, strlen(out));
		assert_int_equal(port, rows[i].port);
	}
	char out[HOSTNAME_SIZE];
	size_t n;
	assert_int_equal(hostname_canonical(STR("a:80"), out, &n), HOSTNAME_E_CHARACTER);
	assert_int_equal(hostname_canonical(STR("[::1]:80"), out, &n), HOSTNAME_E_LITERAL);
	assert_int_equal(hostname_canonical(STR("[::1\0]"), out, &n), HOSTNAME_E_LITERAL);
}

static void test_claims(void **state)
{
	static const struct {
		const char *in, *out, *why;
	} claims[] = {
		{"Example.com.", "example.com", NULL},
		{"*.Example.com", "*.example.com", NULL},
		{"*.com", "*.com", NULL},
		{"[::1]", "[::1]", NULL},
		{"*", NULL, "star"},
		{"*.", NULL, "empty"},
		{"*.*.a", NULL, "star"},
		{"a.*.b", NULL, "star"},
		{"*a.b", NULL, "star"},
		{"*.[::1]", NULL, "character"},
		{"a:80", NULL, "port"},
		{"http://a", NULL, "scheme"},
		{"b\xc3\xbc"
		 "cher.example",
			NULL, "xn--"},
	};
	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		char out[HOSTNAME_SIZE];
		size_t n;
		struct error err;
		int r = hostname_claim(str_from(claims[i].in), out, &n, &err);
		assert_int_equal(r, claims[i].out ? 0 : -EINVAL);
		if (r == 0) {
			assert_string_equal(out, claims[i].out);
			assert_int_equal(n, strlen(out));
		} else if (!strstr(err.text, claims[i].why)) {
			fail_msg("%s: %s", claims[i].in, err.text);
		}
	}
}

static void test_covers(void **state)
{
	static const struct {
		const char *wildcard, *name;
		bool covers;
	} pairs[] = {
		{"*.example.com", "a.example.com", true},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", "*.b.example.com", true},
		{"*.example.com", "*.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", "badexample.com", false},
		{"*.example.com", "a.example.org", false},
		{"*.example.com", "com", false},
		{"*.b.example.com", "*.example.com", false},
		{"example.com", "example.com", false},
		{"example.com", "a.example.com", false},
		{"", "a", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (hostname_covers(str_from(pairs[i].wildcard), str_from(pairs[i].name)) !=
			pairs[i].covers)
			fail_msg("%s %s", pairs[i].wildcard, pairs[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_covers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
