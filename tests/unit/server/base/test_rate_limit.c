/* SPDX-License-Identifier: MIT */
/* How options say a rate. */
#include "server/base/rate_limit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

static void test_rates(void **state)
{
	static const struct {
		const char *text;
		uint64_t every, burst;
	} rows[] = {
		{"1/s", 1000000000, 1},
		{"100/s", 10000000, 100},
		{"100/s:500", 10000000, 500},
		{"100/s:1", 10000000, 1},
		{"300000/s", 3333, 300000},
		{"1000000/s", 1000, 1000000},
		{"30/m", 2000000000, 1},
		{"600/m", 100000000, 10},
		{"1/h:5", 3600000000000, 5},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rate_limit rate;
		struct error err;
		assert_int_equal(rate_limit_parse(str_from(rows[i].text), &rate, &err), 0);
		assert_int_equal(rate.every, rows[i].every);
		assert_int_equal(rate.burst, rows[i].burst);
	}
}

static void test_no_rates(void **state)
{
	static const char *const rows[] = {"", "100", "100/", "/s", "0/s", "-1/s", "100/d",
		"100/ss", "100/s:", "100/s:0", "100/s:x", "100/s:5x", "100/s 5", "1000001/s",
		"100/s:1000001", "99999999999999999999/s", " 1/s"};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rate_limit rate = {7, 7};
		struct error err;
		assert_int_equal(rate_limit_parse(str_from(rows[i]), &rate, &err), -EINVAL);
		assert_non_null(strstr(err.text, "is no rate: write 100/s"));
		assert_int_equal(rate.every, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_no_rates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
