/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include "base/macros.h"

static const struct {
	const char *line, *fields, *fact, *values; /* with | between */
} cases[] = {
	{"GET /a", "", "method", "GET"},
	{"GET /a", "", "host", "app.example.org"},
	{"GET http://app.example.org/a", "", "path", "/a"},
	{"GET /%61", "", "path", "/a"},
	{"GET /a", "", "scheme", "http"},
	{"GET /a", "", "port", "8000"},
	{"GET /a", "", "address", "192.0.2.7"},
	{"GET /a", "", "country", "-"},
	{"GET /a", "X-Key: 1\r\nx-key: 2\r\n", "header.X-Key", "1|2"},
	{"GET /a", "", "header.X-Key", "-"},
	{"GET /a", "Cookie: a=1; b=2; a=3\r\nCookie: a=4\r\n", "cookie.a", "1|3|4"},
	{"GET /a", "Cookie: aa=1; ab=2;a=\r\n", "cookie.a", ""},
	{"GET /a", "Cookie: A=1\r\n", "cookie.a", "-"},
	{"GET /a?q=1&r=2&q=3", "", "query.q", "1|3"},
	{"GET /a?%71=x", "", "query.q", "x"},
	{"GET /a?q=a%20b+c", "", "query.q", "a b c"},
	{"GET /a?q", "", "query.q", ""},
	{"GET /a?qq=1", "", "query.q", "-"},
	{"GET /a", "", "query.q", "-"},
	{"GET /a?", "", "query.q", "-"},
};

static void test_values(void **state)
{
	struct scene s = {0};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum fact fact;
		struct str name, value;
		size_t at = 0, n = 0;
		char got[256] = "-";
		scene_ask(&s, cases[i].line, cases[i].fields);
		assert_true(fact_named(str_from(cases[i].fact), &fact, &name));
		for (; facts_next(&s.facts, fact, name, &at, &value); n++)
			snprintf(got + (n ? strlen(got) : 0), 100, "%s%.*s", n ? "|" : "",
				STR_ARG(value));
		if (strcmp(got, cases[i].values) != 0)
			fail_msg("%s of %s: %s", cases[i].fact, cases[i].line, got);
		assert_false(s.facts.undecided);
	}
	scene_end(&s);
}

static void test_names(void **state)
{
	static const char *const none[] = {"", "paths", "header", "header.", "path.x", "Host"};
	enum fact fact;
	struct str name;
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_false(fact_named(str_from(none[i]), &fact, &name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
