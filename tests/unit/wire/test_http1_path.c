/* SPDX-License-Identifier: MIT */
/* Dot segments, however they are written, and what only looks like them. */
#include "wire/http1_path.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/macros.h"

static void check(const char *const *rows, size_t n, bool want)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t room[256];
		struct str path = str_from(rows[i]);
		assert_true(path.n <= sizeof(room));
		if (http1_path_has_dots(path, room) != want)
			fail_msg("%s", rows[i]);
	}
}

static void test_dots(void **state)
{
	static const char *const rows[] = {
		"/..",
		"/.",
		"/./",
		"/../",
		"/../admin",
		"/a/../b",
		"/a/./b",
		"/a/b/..",
		"//../x",
		"/%2e%2e/admin",
		"/%2E%2E/admin",
		"/.%2e/admin",
		"/%2E./admin",
		"/a/%2e",
		"/..%2fadmin",
		"/..%2Fadmin",
		"/a%2f..%2fadmin",
		"/..\\admin",
		"/a\\..",
		"/..%5cadmin",
		"/..%5Cadmin",
		"/..;x/admin",
		"/..;/admin",
		"/.;a=b/admin",
		"/..%3bx/admin",
		/* decoded twice, or three times, or piece by piece */
		"/%252e%252e/admin",
		"/..%252fadmin",
		"/..%255cadmin",
		"/%25252e%25252E/admin",
		"/%2%65%2%65/admin",
		"/%%32%65%%32%65/admin",
		"/%25%32%65./admin",
		/* by readers of other kinds */
		"/%u002e%U002E/admin",
		"/..%u2215/../x",
		"/%uff0e%uff0e%uff0fadmin",
		"/%c0%ae%C0%AE/admin",
		"/..%c0%afadmin",
		"/..%c1%9cadmin",
		"/%e0%80%ae%e0%80%ae/admin",
		"/%f0%80%80%ae./admin",
		"/.%f8%80%80%80%ae/admin",
		"/%fc%80%80%80%80%ae%FC%80%80%80%80%AE/admin",
		"/..%f0%80%80%afadmin",
		"/%ef%bc%8e%ef%bc%8e/admin",
		"/..%ef%bc%8fadmin",
		"/..%00/admin",
		"/..%00x/admin",
		"/..%20/admin",
		"/%09../admin",
		"/.%0a./admin",
		"/..%3f",
		"/..%23x",
	};
	check(rows, ARRAY_LEN(rows), true);
}

static void test_no_dots(void **state)
{
	static const char *const rows[] = {
		"/",
		"*",
		"/a",
		"/...",
		"/a..",
		"/..a",
		"/.well-known/x",
		"/a/..b/c..",
		"/a.b/%2ea",
		"/%2e%2e%2e",
		"/;..",
		"/a;../b",
		"/a;x=..",
		"/100%",
		"/100%2",
		"/%zz..",
		"/%25",
		"/%u00",
		"/%uff0ea",
		"/%e4%bd%a0%2e",
		"/%c3%a9..",
		"/%f0%9f%98%80%f0%9f%98%80",
		"/%ef%bc%8ea",
		"/%fe%80%80%80%80%80%ae",
		"/a//b",
		"//",
	};
	check(rows, ARRAY_LEN(rows), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dots),
		cmocka_unit_test(test_no_dots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
