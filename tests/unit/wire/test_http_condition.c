/* SPDX-License-Identifier: MIT */
/* Conditions: one field, several that contradict each other, and values that are none. */
#include "wire/http_condition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"

#define DATE    "Sun, 06 Nov 1994 08:49:37 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"
#define LATER   "Sun, 06 Nov 1994 08:49:38 GMT"

static struct http1_head head = HTTP1_HEAD_OF(16);
static const struct http_validators ours = {{"\"x,y\"", 5}, 784111777, 784111999};

static void parse(const char *fields, char room[512])
{
	size_t scanned = 0;
	int n = snprintf(room, 512, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	assert_int_equal(http1_parse_request(&head, (uint8_t *)room, (size_t)n, 512, &scanned),
		HTTP1_OK);
}

static void test_conditions(void **state)
{
	enum { GO = HTTP_CONDITION_HOLDS, S304 = HTTP_CONDITION_NOT_MODIFIED };
	enum { S412 = HTTP_CONDITION_FAILED };
	static const struct {
		const char *fields;
		int want;
	} rows[] = {
		{"", GO},
		{"If-None-Match: \"x,y\"\r\n", S304},
		{"if-none-match: \"x,y\"\r\n", S304},
		{"If-None-Match: W/\"x,y\"\r\n", S304},
		{"If-None-Match: *\r\n", S304},
		{"If-None-Match: \"a\", \"x,y\"\r\n", S304},
		{"If-None-Match: \"a\" , ,W/\"x,y\" \r\n", S304},
		{"If-None-Match: \"a\"\r\nIf-None-Match: \"x,y\"\r\n", S304},
		{"If-None-Match: \"x\"\r\n", GO},
		{"If-None-Match: x,y\r\n", GO},
		{"If-None-Match: \"x,y\r\n", GO},
		{"If-None-Match: \"\r\n", GO},
		{"If-None-Match: w/\"x,y\"\r\n", GO},
		{"If-None-Match:\r\n", GO},
		{"If-Modified-Since: " DATE "\r\n", S304},
		{"If-Modified-Since: " LATER "\r\n", S304},
		{"If-Modified-Since: " EARLIER "\r\n", GO},
		{"If-Modified-Since: soon\r\n", GO},
		/* the tag is asked first, and alone */
		{"If-Modified-Since: " DATE "\r\nIf-None-Match: \"a\"\r\n", GO},
		{"If-Modified-Since: " EARLIER "\r\nIf-None-Match: \"x,y\"\r\n", S304},
		{"If-Match: \"x,y\"\r\n", GO},
		{"If-Match: *\r\n", GO},
		{"If-Match: \"a\",\"x,y\"\r\n", GO},
		{"If-Match: W/\"x,y\"\r\n", S412},
		{"If-Match: \"a\"\r\n", S412},
		{"If-Match: nonsense\r\n", S412},
		{"If-Unmodified-Since: " DATE "\r\n", GO},
		{"If-Unmodified-Since: " EARLIER "\r\n", S412},
		{"If-Unmodified-Since: soon\r\n", GO},
		{"If-Unmodified-Since: " EARLIER "\r\nIf-Match: \"x,y\"\r\n", GO},
		{"If-Match: \"a\"\r\nIf-None-Match: \"x,y\"\r\n", S412},
		{"If-Match: \"x,y\"\r\nIf-None-Match: \"x,y\"\r\n", S304},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char room[512];
		parse(rows[i].fields, room);
		int got = http_condition_evaluate(&head, &ours);
		if (got != rows[i].want)
			fail_msg("%s: %d", rows[i].fields, got);
	}
}

static void test_range(void **state)
{
	static const struct {
		const char *fields;
		bool want;
	} rows[] = {
		{"", true},
		{"If-Range: \"x,y\"\r\n", true},
		{"If-Range: W/\"x,y\"\r\n", false},
		{"If-Range: \"a\"\r\n", false},
		{"If-Range: " DATE "\r\n", true},
		{"If-Range: " LATER "\r\n", false},
		{"If-Range: " EARLIER "\r\n", false},
		{"If-Range: soon\r\n", false},
		{"If-Range:\r\n", false},
	};
	struct http_validators young = ours;
	char room[512];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		parse(rows[i].fields, room);
		if (http_condition_range(&head, &ours) != rows[i].want)
			fail_msg("%s", rows[i].fields);
	}
	/* Within the second of its change another change may follow. */
	young.now = young.modified;
	parse("If-Range: " DATE "\r\n", room);
	assert_false(http_condition_range(&head, &young));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_range)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
