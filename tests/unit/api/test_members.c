/* SPDX-License-Identifier: MIT */
/* Bodies of requests: what is taken, and what is refused with which sentence. */
#include "api/members.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

static const struct api_member members[] = {
	{"name", API_TEXT, .max = 5, .required = true},
	{"operator", API_FLAG, .max = 1},
	{"maxStreams", API_NUMBER, .max = 100, .nullable = true},
	{"hosts", API_TEXTS, .max = 2},
	{"overlap", API_SPAN, .max = 60},
	{"items", API_OBJECTS, .max = 1},
	{"fields", API_PAIRS, .max = 2},
	{0},
};

static void test_bodies(void **state)
{
	static const struct {
		const char *body, *said; /* NULL: taken; else part of the sentence */
	} cases[] = {
		{"{\"name\":\"web\"}", NULL},
		{" { \"name\" : \"\" } ", NULL},
		{"{\"name\":\"web\",\"operator\":true,\"maxStreams\":100,\"hosts\":[\"a\",\"b\"],"
		 "\"overlap\":\"24h\",\"items\":[{}]}",
			NULL},
		{"{\"name\":\"web\",\"maxStreams\":null,\"overlap\":60,\"hosts\":[]}", NULL},
		{"", "\"name\" is missing"},
		{"{}", "\"name\" is missing"},
		{"[]", "must be a JSON object"},
		{"\"name\"", "not JSON"},
		{"{\"name\":\"web\"", "not JSON: line 1"},
		{"{\"name\":\"web\"} x", "not JSON"},
		{"{\"name\":\"web\",\"name\":\"web\"}", "not JSON"},
		{"{\"name\":\"a\\u0000\"}", "not JSON"},
		{"{\"name\":\"\xff\"}", "not JSON"},
		{"{\"name\":\"web\",\"host\":[]}", "no member \"host\""},
		{"{\"name\":\"web\",\"a\\nb\":1}", "no member \"a\\x0ab\""},
		{"{\"name\":\"sixsix\"}", "\"name\" must be a text of at most 5 bytes"},
		{"{\"name\":1}", "\"name\" must be a text"},
		{"{\"name\":null}", "\"name\" must be a text"},
		{"{\"name\":\"web\",\"operator\":1}", "\"operator\" must be true or false"},
		{"{\"name\":\"web\",\"maxStreams\":101}", "whole number from 0 to 100"},
		{"{\"name\":\"web\",\"maxStreams\":-1}", "whole number from 0 to 100"},
		{"{\"name\":\"web\",\"maxStreams\":1.0,\"overlap\":6e1}", NULL},
		{"{\"name\":\"web\",\"maxStreams\":0.0}", NULL},
		{"{\"name\":\"web\",\"maxStreams\":1.5}", "whole number from 0 to 100"},
		{"{\"name\":\"web\",\"maxStreams\":1e300}", "whole number from 0 to 100"},
		{"{\"name\":\"web\",\"maxStreams\":-1.0}", "whole number from 0 to 100"},
		{"{\"name\":\"web\",\"maxStreams\":9223372036854775808}", "not JSON"},
		{"{\"name\":\"web\",\"hosts\":[\"a\",\"b\",\"c\"]}", "at most 2 texts"},
		{"{\"name\":\"web\",\"hosts\":\"a\"}", "at most 2 texts"},
		{"{\"name\":\"web\",\"hosts\":[1]}", "\"hosts\" must have texts"},
		{"{\"name\":\"web\",\"overlap\":61}", "\"overlap\" must be a number of seconds"},
		{"{\"name\":\"web\",\"overlap\":true}", "\"overlap\" must be a number of seconds"},
		{"{\"name\":\"web\",\"items\":[1]}", "\"items\" must have objects"},
		{"{\"name\":\"web\",\"items\":[{},{}]}", "at most 1 objects"},
		{"{\"name\":\"web\",\"fields\":[[\"a\",\"\"],[\"b\",\"c\"]]}", NULL},
		{"{\"name\":\"web\",\"fields\":[[\"a\"]]}", "at most 2 pairs"},
		{"{\"name\":\"web\",\"fields\":[[\"a\",1]]}", "at most 2 pairs"},
		{"{\"name\":\"web\",\"fields\":{}}", "at most 2 pairs"},
		{"{\"name\":\"web\",\"fields\":[[\"a\",\"b\"],[\"a\",\"b\"],[\"a\",\"b\"]]}",
			"at most 2 pairs"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *json = NULL;
		struct error err = {0};
		int r = api_members_parse(cases[i].body, strlen(cases[i].body), members, &json,
			&err);
		if (cases[i].said ? r == 0 || !strstr(err.text, cases[i].said) : r != 0)
			fail_msg("%s: %d %s", cases[i].body, r, err.text);
		json_decref(json);
	}
}

/* An operation without members takes no body, or an object with nothing in it. */
static void test_no_members(void **state)
{
	json_t *json;
	struct error err;
	assert_int_equal(api_members_parse(NULL, 0, NULL, &json, &err), 0);
	json_decref(json);
	assert_int_equal(api_members_parse("{}", 2, NULL, &json, &err), 0);
	json_decref(json);
	assert_true(api_members_parse("{\"a\":1}", 7, NULL, &json, &err) < 0);
}

/* A name of somebody's is cut between characters. */
static void test_quote(void **state)
{
	char text[400], room[API_QUOTE_SIZE];
	for (size_t i = 0; i < sizeof(text) - 1; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[398] = 0;
	json_t *quoted = json_string(api_quote(text, room));
	assert_non_null(quoted);
	json_decref(quoted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_no_members),
		cmocka_unit_test(test_quote),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
