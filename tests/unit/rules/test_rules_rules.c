/* SPDX-License-Identifier: MIT */
/* Which rules hold for which requests. */
#include "scene.h"

#include "base/macros.h"

static const struct {
	const char *when; /* of the one rule; NULL: it has none */
	const char *line, *fields;
	bool holds;
} cases[] = {
	{NULL, "GET /", "", true},
	{"{path: /a}", "GET /a", "", true},
	{"{path: /a}", "GET /%61", "", true},
	{"{path: /a}", "GET /a/", "", false},
	{"{path: /a}", "GET /A", "", false},
	{"{path: [/x, \"/a*\"]}", "GET /ab", "", true},
	{"{path: \"/caf\xc3\xa9\"}", "GET /caf%c3%a9", "", true},
	{"{path: \"/a b\"}", "GET /a%20b", "", true},
	{"{path: \"/a*\"}", "GET http://app.example.org/ab", "", true},
	{"{path: \"~^/[0-9]+$\"}", "GET /12", "", true},
	{"{path: \"~^/[0-9]+$\"}", "GET /12x", "", false},
	{"{host: APP.example.org.}", "GET /", "", true},
	{"{host: \"*.example.org\"}", "GET /", "", true},
	{"{host: example.org}", "GET /", "", false},
	{"{method: [PUT, DELETE]}", "PUT /", "", true},
	{"{method: [PUT, DELETE]}", "GET /", "", false},
	{"{method: PROPFIND}", "PROPFIND /", "", true},
	{"{method: PROPFIND}", "GET /", "", false},
	{"{method: GET}", "PROPFIND /", "", false},
	{"{scheme: http}", "GET /", "", true},
	{"{scheme: https}", "GET /", "", false},
	{"{port: 8000}", "GET /", "", true},
	{"{port: [80, 8001-9000]}", "GET /", "", false},
	{"{address: 192.0.2.0/24}", "GET /", "", true},
	{"{address: [10.0.0.0/8, \"2001:db8::/32\"]}", "GET /", "", false},
	{"{header.X-Key: \"*\"}", "GET /", "X-Key: 1\r\n", true},
	{"{header.X-Key: \"*\"}", "GET /", "", false},
	{"{header.X-Key: b}", "GET /", "X-Key: a\r\nX-Key: b\r\n", true},
	{"{cookie.a: x}", "GET /", "Cookie: b=1; a=x\r\n", true},
	{"{query.q: x}", "GET /?q=a&q=x", "", true},
	{"{query.q: x}", "GET /?q=a", "", false},
	/* All of a mapping, any of a list */
	{"{path: \"/a*\", method: POST}", "POST /a", "", true},
	{"{path: \"/a*\", method: POST}", "GET /a", "", false},
	{"{path: \"/a*\", method: POST}", "POST /b", "", false},
	/* Not all of a mapping */
	{"{not: {address: 192.0.2.0/24}}", "GET /", "", false},
	{"{not: {address: 10.0.0.0/8}}", "GET /", "", true},
	{"{not: {path: /a, method: POST}}", "POST /a", "", false},
	{"{not: {path: /a, method: POST}}", "GET /a", "", true},
	{"{not: {path: /a, method: POST}}", "POST /b", "", true},
	{"{path: \"/admin*\", not: {address: 192.0.2.0/24}}", "GET /admin", "", false},
	{"{path: \"/admin*\", not: {address: 10.0.0.0/8}}", "GET /admin", "", true},
	{"{not: {header.X-Key: a}}", "GET /", "X-Key: a\r\nX-Key: b\r\n", false},
	{"{not: {header.X-Key: a}}", "GET /", "", true},
};

static struct front *route_of(const char *when)
{
	char text[1024];
	struct error err;
	snprintf(text, sizeof(text),
		"routes:\n  - host: app.example.org\n    rules:\n      - {%s%s%sdeny: 403}\n",
		when ? "when: " : "", when ? when : "", when ? ", " : "");
	struct front *f = front_of(text, &err);
	if (!f)
		fail_msg("%s: %s", when, err.text);
	return f;
}

static void test_conditions(void **state)
{
	struct scene s = {0};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct front *f = route_of(cases[i].when);
		size_t at = 0;
		scene_ask(&s, cases[i].line, cases[i].fields);
		const struct front_route *route = front_route(f, s.facts.host);
		bool holds = rules_next(&route->rules, &at, &s.facts) != NULL;
		if (holds != cases[i].holds)
			fail_msg("%s for %s %s", cases[i].when, cases[i].line, cases[i].fields);
		assert_false(s.facts.undecided);
		front_release(f);
	}
	scene_end(&s);
}

static void test_rules_come_in_their_order(void **state)
{
	struct scene s = {0};
	struct error err;
	struct front *f = front_of("routes:\n"
				   "- host: app.example.org\n"
				   "  rules:\n"
				   "  - {when: {path: /a}, to: one}\n"
				   "  - {when: {path: /b}, to: two}\n"
				   "  - {name: last-one, to: three}\n",
		&err);
	scene_ask(&s, "GET /a", "");
	const struct rules *rules = &front_route(f, s.facts.host)->rules;
	size_t at = 0;
	const struct rule *first = rules_next(rules, &at, &s.facts);
	const struct rule *second = rules_next(rules, &at, &s.facts);
	assert_string_equal(first->name.p, "line:4");
	assert_string_equal(first->to.p, "one");
	assert_string_equal(second->name.p, "last-one");
	assert_null(rules_next(rules, &at, &s.facts));
	front_release(f);
	scene_end(&s);
}

/* A deny that could not be judged must not let pass, nor must an exception from one. */
static void test_what_cannot_be_judged_stops_the_walk(void **state)
{
	static const char *const whens[] = {"{path: \"~^/(a+)+(a+)+$\"}",
		"{not: {path: \"~^/(a+)+(a+)+$\"}}"};
	char line[100] = "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
	struct scene s = {0};
	for (size_t i = 0; i < ARRAY_LEN(whens); i++) {
		struct front *f = route_of(whens[i]);
		size_t at = 0;
		scene_ask(&s, line, "");
		assert_null(rules_next(&front_route(f, s.facts.host)->rules, &at, &s.facts));
		assert_true(s.facts.undecided);
		front_release(f);
	}
	scene_end(&s);
}

static void test_captures_are_the_paths(void **state)
{
	struct scene s = {0};
	struct error err;
	struct captures c;
	struct buf out = BUF_NULL;
	size_t at = 0;
	struct front *f = front_of("routes:\n"
				   "- host: \"*\"\n"
				   "  rules:\n"
				   "  - when: {path: [\"/old/*/x/*\", \"~^/ol./([^/]*)/y/(.*)\"]}\n"
				   "    redirect: {path: /new/$2/$1}\n",
		&err);
	scene_ask(&s, "GET /old/a/x/b%20c", "");
	const struct rule *rule = rules_next(&front_route(f, s.facts.host)->rules, &at, &s.facts);
	assert_non_null(rule);
	when_captures(&rule->when, &s.facts, &c);
	assert_int_equal(template_write(&rule->redirect.path, TEMPLATE_PATH, &s.facts, &c, &out),
		0);
	assert_true(str_eq((struct str){(const char *)buf_head(&out), buf_len(&out)},
		STR("/new/b%20c/a")));
	buf_deinit(&out);
	front_release(f);
	scene_end(&s);
}

static void test_the_status_is_asked_later(void **state)
{
	static const struct {
		const char *when;
		unsigned status;
		bool holds;
	} rows[] = {
		{"{status: 404}", 404, true},
		{"{status: 404}", 200, false},
		{"{status: [404, 500-599]}", 503, true},
		{"{not: {status: 200-299}}", 204, false},
		{"{not: {status: 200-299}}", 404, true},
	};
	struct scene s = {0};
	scene_ask(&s, "GET /", "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[512];
		struct error err;
		size_t at = 0;
		snprintf(text, sizeof(text),
			"routes:\n- host: \"*\"\n  rules:\n  - {when: %s, response: {set: {A: "
			"b}}}\n",
			rows[i].when);
		struct front *f = front_of(text, &err);
		const struct rule *rule =
			rules_next(&front_route(f, s.facts.host)->rules, &at, &s.facts);
		assert_non_null(rule);
		assert_int_equal(when_holds_status(&rule->when, rows[i].status), rows[i].holds);
		front_release(f);
	}
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_rules_come_in_their_order),
		cmocka_unit_test(test_what_cannot_be_judged_stops_the_walk),
		cmocka_unit_test(test_captures_are_the_paths),
		cmocka_unit_test(test_the_status_is_asked_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
