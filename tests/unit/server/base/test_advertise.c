/* SPDX-License-Identifier: MIT */
/* The command that a person copies: right address, nothing secret by accident, safe in a shell. */
#include "server/base/advertise.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "wire/address.h"

static void test_options(void **state)
{
	static const struct {
		const char *option, *want; /* NULL: refused */
	} cases[] = {
		{"exit.example.org", "exit.example.org:9090"},
		{"Exit.Example.ORG.:443", "exit.example.org:443"},
		{"192.0.2.7", "192.0.2.7:9090"},
		{"192.0.2.7:80", "192.0.2.7:80"},
		{"2001:db8::7", "[2001:db8::7]:9090"},
		{"[2001:db8::7]", "[2001:db8::7]:9090"},
		{"[2001:DB8:0::7]:80", "[2001:db8::7]:80"},
		{"wss://exit.example.org", NULL},
		{"exit.example.org/tunnel", NULL},
		{"exit:99999", NULL},
		{"a b", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[ADVERTISE_SIZE];
		enum advertise_how how = ADVERTISE_GUESS;
		struct error err;
		int r = advertise_address(cases[i].option, "127.0.0.1", 9090, out, &how, &err);
		if (!cases[i].want) {
			assert_int_equal(r, -EINVAL);
			assert_non_null(strstr(err.text, cases[i].option));
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(out, cases[i].want);
		assert_int_equal(how, ADVERTISE_TOLD);
	}
}

static void test_longest_option(void **state)
{
	char name[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
		      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
		      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
		      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	char out[ADVERTISE_SIZE];
	enum advertise_how how;
	struct error err;
	assert_int_equal(advertise_address(name, NULL, 65535, out, &how, &err), 0);
	assert_int_equal(strlen(out), sizeof name - 1 + 6);
}

/* What is listened on is known, unless that is everything, or nothing that could be told. */
static void test_bound(void **state)
{
	static const struct {
		const char *bound, *want; /* NULL: a guess */
		enum advertise_how how;
	} cases[] = {
		{"192.0.2.7", "192.0.2.7:8000", ADVERTISE_BOUND},
		{"2001:db8::7", "[2001:db8::7]:8000", ADVERTISE_BOUND},
		{"127.0.0.1", "127.0.0.1:8000", ADVERTISE_HERE},
		{"::1", "[::1]:8000", ADVERTISE_HERE},
		{"0.0.0.0", NULL, ADVERTISE_GUESS},
		{"::", NULL, ADVERTISE_GUESS},
		{"fe80::1%lo", NULL, ADVERTISE_GUESS},
		{"", NULL, ADVERTISE_GUESS},
		{NULL, NULL, ADVERTISE_GUESS},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[ADVERTISE_SIZE];
		enum advertise_how how = ADVERTISE_TOLD;
		struct error err;
		struct address a;
		assert_int_equal(advertise_address(i % 2 ? "" : NULL, cases[i].bound, 8000, out,
					 &how, &err),
			0);
		assert_int_equal(how, cases[i].how);
		assert_true(address_parse(str_from(out), &a));
		assert_int_equal(a.port, 8000);
		if (cases[i].want)
			assert_string_equal(out, cases[i].want);
	}
}

static void test_copies(void **state)
{
	static const struct {
		const char *address, *path, *want;
	} cases[] = {
		{"192.0.2.7:80", "/var/lib/tunnel/token",
			"scp 192.0.2.7:/var/lib/tunnel/token token"},
		{"exit.example.org:8000", "/my state/$x",
			"scp 'exit.example.org:/my state/$x' token"},
		{"[2001:db8::7]:80", "/t", "scp '[2001:db8::7]:/t' token"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = BUF_NULL;
		assert_int_equal(advertise_copy(&out, cases[i].address, cases[i].path, "token"), 0);
		assert_int_equal(buf_append(&out, "", 1), 0);
		assert_string_equal((char *)buf_head(&out), cases[i].want);
		buf_deinit(&out);
	}
}

static void test_commands(void **state)
{
	static const struct {
		const char *address, *token, *file, *want, *pin;
	} cases[] = {
		{"192.0.2.7:80", "", "/var/lib/tunnel/token",
			"tunnel client --remote=192.0.2.7:80 --upstream=http://127.0.0.1:3000 "
			"--token-from=/var/lib/tunnel/token",
			NULL},
		{"a:80", "0123abcd", "/var/lib/tunnel/token",
			"tunnel client --remote=a:80 --upstream=http://127.0.0.1:3000 "
			"--token=0123abcd",
			NULL},
		{"a:80", "", NULL,
			"tunnel client --remote=a:80 --upstream=http://127.0.0.1:3000 --no-token",
			NULL},
		{"[2001:db8::7]:80", "it's; rm", NULL,
			"tunnel client --remote='[2001:db8::7]:80' "
			"--upstream=http://127.0.0.1:3000 --token='it'\\''s; rm'",
			NULL},
		{"a:80", "", "/my state/$x",
			"tunnel client --remote=a:80 --upstream=http://127.0.0.1:3000 "
			"--token-from='/my state/$x'",
			NULL},
		{"wss://a:443", "", NULL,
			"tunnel client --remote=wss://a:443 --tls-pin=sha256/AB+= "
			"--upstream=http://127.0.0.1:3000 --no-token",
			"sha256/AB+="},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = BUF_NULL;
		assert_int_equal(advertise_command(&out, cases[i].address, str_from(cases[i].token),
					 cases[i].file, cases[i].pin),
			0);
		assert_int_equal(buf_append(&out, "", 1), 0);
		assert_string_equal((char *)buf_head(&out), cases[i].want);
		buf_deinit(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_longest_option),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_commands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
