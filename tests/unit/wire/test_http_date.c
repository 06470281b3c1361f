/* SPDX-License-Identifier: MIT */
/* HTTP's dates: the one form that is written, the three that are read. */
#include "wire/http_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/macros.h"

static void test_format(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
		{1709164800, "Thu, 29 Feb 2024 00:00:00 GMT"},
		{4102444800, "Fri, 01 Jan 2100 00:00:00 GMT"},
		{INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
		{INT64_MIN, "Wed, 01 Jan 1000 00:00:00 GMT"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[HTTP_DATE_SIZE];
		int64_t back;
		http_date_format(rows[i].seconds, text);
		assert_string_equal(text, rows[i].text);
		assert_true(http_date_parse(str_from(text), &back));
		if (rows[i].seconds != INT64_MAX && rows[i].seconds != INT64_MIN)
			assert_int_equal(back, rows[i].seconds);
	}
}

static void test_parse(void **state)
{
	static const char *const same[] = {
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
	};
	static const char *const none[] = {
		"",
		"0",
		"yesterday",
		"\"etag\"",
		"W/\"etag\"",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 +0100",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 66 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMTSun, 06 Nov 1994 08:49:37 GMT",
	};
	int64_t seconds;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		assert_true(http_date_parse(str_from(same[i]), &seconds));
		assert_int_equal(seconds, 784111777);
	}
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (http_date_parse(str_from(none[i]), &seconds))
			fail_msg("%s", none[i]);
	assert_false(http_date_parse(STR("Sun, 06 Nov 1994 08:49:37 GMT\0"), &seconds));
	assert_false(http_date_parse(STR_NULL, &seconds));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_format),
		cmocka_unit_test(test_parse)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
