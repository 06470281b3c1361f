/* SPDX-License-Identifier: MIT */
/* The file of routes: its mistakes, each with file, line and what is wanted; and which route a host has. */
#include "scene.h"

#include "base/macros.h"

#define RULE(text) "routes:\n- host: a.example.org\n  rules:\n  - " text "\n"

static const struct {
	const char *text, *sentence;
} mistakes[] = {
	{"route: []\n",
		"F:1: this has no member \"route\": routes, groups, country-file, client-rules"},
	{"routes: x\n", "F:1: routes is a list, each entry with a host"},
	{"routes:\n- rules: []\n", "F:2: a route needs a host, or a list of them"},
	{"routes:\n- {host: a.org, tp: b}\n",
		"F:2: this has no member \"tp\": host, paths, rules, to"},
	{"routes:\n- host: a.org\n- host: [b.org, A.ORG]\n",
		"F:3: host a.org has a route already, in line 2"},
	{"routes:\n- {host: a.org, paths: loose}\n",
		"F:2: paths is strict, which refuses paths that two readers could take for two, or "
		"as-is"},
	{"routes:\n- {host: a.org, rules: {}}\n",
		"F:2: rules is a list, each entry with when and a verb"},
	{"routes:\n- {host: a.org, to: \"a b\"}\n", NULL},
	{"country-file: /nonexistent.mmdb\n", NULL},
	{"groups: []\n", "F:1: groups is a mapping of at most 4096 names, each with what holds for "
			 "its origins"},
	{"groups:\n  \"*.a\": {}\n", NULL},
	{"groups:\n  web:\n  WEB:\n", "F:3: group web stands in line 2 already"},
	{"groups:\n  web: {origin: []}\n", "F:2: web has no member \"origin\": affinity, origins"},
	{"groups:\n  web: {affinity: yes}\n", "F:2: affinity is session, which ends with the "
					      "visitor's browser, or {for: 1h}"},
	{"groups:\n  web: {affinity: {for: 401d}}\n", NULL},
	{"groups:\n  web: {affinity: {same-site: strict}}\n", "F:2: same-site is lax or none"},
	{"groups:\n  web: {origins: blue}\n",
		"F:2: origins is a list of at most 256, each as {name: blue, weight: 900}"},
	{"groups:\n  web:\n    origins:\n    - {weight: 1}\n", "F:4: an origin needs a name"},
	{"groups:\n  web:\n    origins:\n    - {name: a b}\n",
		"F:4: name takes what a client says with --origin: letters, digits, - _ . and :, "
		"at "
		"most 63"},
	{"groups:\n  web:\n    origins:\n    - {name: a}\n    - {name: a}\n",
		"F:5: origin a stands in line 4 already"},
	{"groups:\n  web:\n    origins:\n    - {name: a, weight: 0}\n",
		"F:4: weight takes a number from 1 to 1000"},
	{"groups:\n  web:\n    origins:\n    - {name: a, priority: 6}\n",
		"F:4: priority takes a number from 1 to 5"},
	{RULE("deny"), "F:4: a rule is a mapping: when, and a verb, as {when: {path: \"/admin*\"}, "
		       "deny: 403}"},
	{RULE("{when: {path: /a}}"),
		"F:4: a rule needs a verb: deny, redirect, answer, rewrite, to, request, response, "
		"basic, rate, limit"},
	{RULE("{block: 1}"),
		"F:4: a rule has no verb \"block\": deny, redirect, answer, rewrite, to, request, "
		"response, basic, rate, limit"},
	{RULE("{deny: 403, to: b}"),
		"F:4: a rule has one verb, and this one has deny and to: write two"},
	{RULE("{deny: 200}"), "F:4: deny takes a number from 400 to 599"},
	{RULE("{deny: 401}"), "F:4: deny does not take 401: write basic to ask for a password"},
	{RULE("{when: [], deny: 403}"),
		"F:4: when takes a mapping of facts, as {path: \"/api/*\"}; a rule without when "
		"holds for every request"},
	{RULE("{when: {patth: /a}, deny: 403}"),
		"F:4: when has no fact \"patth\": host, path, method, scheme, port, query.NAME, "
		"header.NAME, cookie.NAME, address, country, or not"},
	{RULE("{when: {path: []}, deny: 403}"), "F:4: path has an empty list: leave it out"},
	{RULE("{when: {path: a}, deny: 403}"),
		"F:4: path \"a\" matches nothing, as paths begin with a slash: write \"/a\" or "
		"\"*a\""},
	{RULE("{when: {path: \"/a?b\"}, deny: 403}"),
		"F:4: path \"/a?b\" matches nothing, as what stands behind the ? is no part of the "
		"path: ask for query.NAME"},
	{RULE("{when: {path: \"/a%20b\"}, deny: 403}"),
		"F:4: path \"/a%20b\" is compared with decoded paths: write its characters as they "
		"are"},
	{RULE("{when: {path: \"~(\"}, deny: 403}"),
		"F:4: the expression ( is none of PCRE2's: at character 2: missing closing "
		"parenthesis"},
	{RULE("{when: {method: get}, deny: 403}"),
		"F:4: method \"get\" is none: they are written in capitals, as GET"},
	{RULE("{when: {scheme: ftp}, deny: 403}"), "F:4: scheme is http or https, not \"ftp\""},
	{RULE("{when: {address: 1.2.3}, deny: 403}"), NULL},
	{RULE("{when: {country: DE}, deny: 403}"),
		"F:4: country needs a file that knows them: country-file: PATH, of MaxMind's "
		"format"},
	{RULE("{when: {status: 404}, deny: 403}"),
		"F:4: the status is known when the response has come: only response rules can ask "
		"for it"},
	{RULE("{when: {not: {not: {path: /a}}}, deny: 403}"),
		"F:4: not inside not is no fact: leave both out"},
	{RULE("{when: {not: {status: 200, path: /a}}, response: {remove: A}}"),
		"F:4: not has the status beside another fact: write two rules, or one of them "
		"outside"},
	{RULE("{redirect: {status: 301}}"),
		"F:4: redirect leads nowhere: give it a scheme, host, port, path or query"},
	{RULE("{redirect: {path: /a, status: 304}}"),
		"F:4: status of a redirect is 301, 302, 303, 307 or 308"},
	{RULE("{redirect: {path: /a/$1}}"),
		"F:4: $1 stands for a part of the path, but when has no path of one text with *"},
	{RULE("{when: {path: \"/a/*\"}, redirect: {path: /a/$2}}"),
		"F:4: $2 stands for star 2 of the path, and /a/ has 1"},
	{RULE("{redirect: {path: a}}"), "F:4: path begins with a slash, not as \"a\""},
	{RULE("{redirect: {host: \"$1.org\"}}"), NULL},
	{RULE("{redirect: {to: /a}}"),
		"F:4: redirect has no member \"to\": scheme, host, port, path, query, status"},
	{RULE("{rewrite: {query: drop}}"), "F:4: rewrite needs a path"},
	{RULE("{answer: {status: 204}}"), "F:4: answer does not take the status 204"},
	{RULE("{request: {set: {Host: a}}}"),
		"F:4: Host is this exit node's to write: rules neither set nor remove it"},
	{RULE("{request: {remove: content-length}}"), "F:4: content-length is this exit node's to "
						      "write: rules neither set nor remove it"},
	/* An underscore is a hyphen to who removes fields. */
	{RULE("{request: {remove: content_length}}"), "F:4: content_length is this exit node's to "
						      "write: rules neither set nor remove it"},
	{RULE("{request: {remove: Transfer_Encoding}}"),
		"F:4: Transfer_Encoding is this exit node's "
		"to write: rules neither set nor remove it"},
	{RULE("{request: {add: {cdn_loop: x}}}"),
		"F:4: cdn_loop is this exit node's to write: rules "
		"neither set nor remove it"},
	{RULE("{response: {set: {Content_Length: 1}}}"),
		"F:4: Content_Length is this exit node's to "
		"write: rules neither set nor remove it"},
	{RULE("{response: {set: {Connection: close}}}"),
		"F:4: Connection is this exit node's to write: rules neither set nor remove it"},
	{RULE("{request: {set: {\"A B\": a}}}"), "F:4: \"A B\" is no name of a field"},
	{RULE("{request: {set: {A: \"a\\r\\nB: c\"}}}"),
		"F:4: a value of one line is meant, without control characters"},
	{RULE("{request: {put: {A: a}}}"), "F:4: request has no member \"put\": set, add, remove"},
	{RULE("{rate: {by: address}}"),
		"F:4: rate needs allow and every, as {by: address, allow: 50, every: 1s}"},
	{RULE("{rate: {allow: 5, every: 1m, burst: 5, block: true}}"),
		"F:4: block counts in fixed windows, which have no burst: leave one of both out"},
	{RULE("{rate: {allow: 1, every: 24h, burst: 1000000}}"),
		"F:4: a burst of 1000000 comes back in more than a year at this rate: make it "
		"smaller"},
	{RULE("{rate: {by: ip, allow: 5, every: 1m}}"),
		"F:4: by has no fact \"ip\": address, host, path, method, country, header.NAME, "
		"cookie.NAME, query.NAME"},
	{RULE("{rate: {allow: 0, every: 1m}}"), "F:4: allow takes a number from 1 to 1000000"},
	{RULE("{limit: {body: much}}"), "F:4: body takes a size, as 10MiB"},
	{RULE("{limit: {time: 0s}}"), "F:4: time takes a time, as 30s or 5m, of at most 86400 s"},
	{RULE("{basic: {realm: a}}"),
		"F:4: basic needs users: the path of a file as htpasswd makes it, or a list of "
		"name:hash"},
	{RULE("{basic: {users: relative}}"), "F:4: users is the whole path of a file, from the "
					     "slash on, or a list of name:hash"},
	{RULE("{basic: {users: [\"a:b\"]}}"), "F:4: user a: the hash is neither bcrypt ($2y$) nor "
					      "Argon2id ($argon2id$): make one "
					      "with htpasswd -B"},
};

static void test_mistakes_have_sentences(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		struct error err;
		struct front *f = front_of(mistakes[i].text, &err);
		if (f)
			fail_msg("taken: %s", mistakes[i].text);
		if (mistakes[i].sentence)
			assert_string_equal(err.text, mistakes[i].sentence);
		else
			assert_true(strncmp(err.text, "F:", 2) == 0);
	}
}

static void test_a_host_has_the_nearest_route(void **state)
{
	static const struct {
		const char *host, *to;
	} rows[] = {
		{"a.example.org", "exact"},
		{"b.example.org", "near"},
		{"x.b.example.org", "near"},
		{"x.deep.example.org", "deep"},
		{"deep.example.org", "near"},
		{"example.org", "any"},
		{"", "any"},
	};
	struct error err;
	struct front *f = front_of("routes:\n"
				   "- {host: \"*\", to: any}\n"
				   "- {host: \"*.example.org\", to: near}\n"
				   "- {host: \"*.deep.example.org\", to: deep}\n"
				   "- {host: [a.example.org, b.org], to: exact}\n",
		&err);
	assert_non_null(f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(front_route(f, str_from(rows[i].host))->to.p, rows[i].to);
	front_release(f);
	f = front_of("routes:\n- {host: a.org}\n", &err);
	assert_null(front_route(f, STR("b.org")));
	assert_null(front_route(f, STR("")));
	front_release(f);
}

static void test_what_leads_to_a_group_has_its_place(void **state)
{
	struct error err;
	struct front *f =
		front_of("routes:\n"
			 "- host: a.org\n"
			 "  rules:\n"
			 "  - {when: {path: /x}, to: API}\n"
			 "  - {when: {path: /y}, to: other}\n"
			 "  to: web\n"
			 "groups:\n"
			 "  web: {origins: [{name: b, weight: 9}, {name: c, priority: 5}]}\n"
			 "  api:\n",
			&err);
	assert_non_null(f);
	const struct front_route *route = front_route(f, STR("a.org"));
	assert_string_equal(route->to.p, "group:web");
	assert_string_equal(route->rules.v[0].to.p, "group:api");
	assert_string_equal(route->rules.v[1].to.p, "other");
	const struct origin_group *g = front_group(f, route->to);
	assert_ptr_equal(front_group(f, STR("web")), g);
	assert_null(front_group(f, STR("other")));
	assert_null(front_group(f, STR("group:")));
	assert_int_equal(origin_group_find(g, STR("b"))->weight, 9);
	assert_int_equal(origin_group_find(g, STR("b"))->priority, 0);
	assert_int_equal(origin_group_find(g, STR("c"))->priority, 5);
	assert_null(origin_group_find(g, STR("a")));
	/* A host of that name is another one, and nobody asks for it past the rules. */
	assert_true(front_is_inner(f, STR("web")));
	assert_true(front_is_inner(f, STR("api")));
	front_release(f);
}

/* Else whoever asks for it by its name would pass by the rules that lead there. */
static void test_where_rules_lead_is_inner(void **state)
{
	struct error err;
	struct front *f = front_of("routes:\n"
				   "- host: a.org\n"
				   "  rules:\n"
				   "  - {when: {path: /x}, to: inner-x}\n"
				   "  - {when: {path: /b}, to: b.org}\n"
				   "  to: inner\n"
				   "- {host: b.org}\n",
		&err);
	assert_true(front_is_inner(f, STR("inner")));
	assert_true(front_is_inner(f, STR("inner-x")));
	assert_false(front_is_inner(f, STR("b.org")));
	assert_false(front_is_inner(f, STR("a.org")));
	assert_false(front_is_inner(f, STR("other")));
	front_release(f);
}

static void test_an_empty_file_has_no_routes(void **state)
{
	struct error err;
	struct front *f = front_of("", &err);
	assert_non_null(f);
	assert_null(front_route(f, STR("a.org")));
	front_release(f);
}

static void test_who_holds_it_keeps_it(void **state)
{
	struct error err;
	struct front *f = front_of("routes:\n- {host: a.org, to: b}\n", &err);
	const struct front *held = front_hold(f);
	front_release(f);
	assert_string_equal(front_route(held, STR("a.org"))->to.p, "b");
	front_release(held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes_have_sentences),
		cmocka_unit_test(test_a_host_has_the_nearest_route),
		cmocka_unit_test(test_what_leads_to_a_group_has_its_place),
		cmocka_unit_test(test_where_rules_lead_is_inner),
		cmocka_unit_test(test_an_empty_file_has_no_routes),
		cmocka_unit_test(test_who_holds_it_keeps_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
