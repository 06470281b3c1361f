/* SPDX-License-Identifier: MIT */
/* --https-redirect: a port, or a word for true or false. */
#include "server/base/https_redirect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/macros.h"

static void test_values(void **state)
{
	static const struct {
		const char *text;
		bool good, redirects;
		uint16_t port;
	} rows[] = {
		{"true", true, true, 0},
		{"off", true, false, 0},
		{"443", true, true, 443},
		{"65535", true, true, 65535},
		{"65536", false, false, 0},
		{"-1", false, false, 0},
		{"a.test", false, false, 0},
		{"", false, false, 0},
		{"443,444", false, false, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool redirects = false;
		uint16_t port = 0;
		int r = https_redirect_parse(str_from(rows[i].text), &redirects, &port);
		if ((r == 0) != rows[i].good || redirects != rows[i].redirects ||
			port != rows[i].port)
			fail_msg("\"%s\": %d, %d, %u", rows[i].text, r, redirects, port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
