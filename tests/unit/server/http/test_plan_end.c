/* SPDX-License-Identifier: MIT */
/* Rules that end a request, or may: what the visitor is told, which rule it was, and that nothing goes upstream then. */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/macros.h"

#define ROUTE            "routes:\n- host: a.test\n  rules:\n"
#define AS_IS            "routes:\n- host: a.test\n  paths: as-is\n  rules:\n"
#define ASK(path)        "GET " path " HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define ASK_WITH(fields) "GET / HTTP/1.1\r\nHost: a.test\r\n" fields "\r\n"
#define POST(n)          "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: " #n "\r\n\r\n"

static int setup(void **state)
{
	*state = scene_new();
	return 0;
}

static int teardown(void **state)
{
	scene_free(*state);
	return 0;
}

/* How many requests the rule of that place ended. */
static unsigned long long ended(const struct scene *s, size_t rule)
{
	assert_true(rule < s->front->routes[0].rules.n);
	return atomic_load(s->front->routes[0].rules.v[rule].ended);
}

/* One that ended with that status and word, and its rule. Nothing of it went to the client. */
static void assert_ended(struct fake_client *f, const struct fake_conn *c, unsigned status,
	const char *why, const char *rule)
{
	if (!c->n_ends || c->status != status || strcmp(c->logged_why, why) != 0 ||
		strcmp(c->logged_rule, rule) != 0)
		fail_msg("%u %s by \"%s\" instead of %u %s by \"%s\"", c->status,
			c->n_ends ? c->logged_why : "under way", c->logged_rule, status, why, rule);
	assert_int_equal(c->n_pages, 1);
	assert_int_equal(c->logged_status, status);
	assert_int_equal(c->ex.state, EXCHANGE_NONE);
	fake_client_read(f);
	assert_int_equal(f->n_opens + f->n_reuses, 0);
}

static const struct {
	const char *front, *in;
	unsigned status;
	const char *why, *rule;
	const char *type, *text;
	bool closes;
} rows[] = {
	{ROUTE "  - {when: {path: \"/admin*\"}, deny: 403}\n", ASK("/admin/x"), 403, "denied",
		.rule = "line:4"},
	{ROUTE "  - {when: {path: \"/admin*\"}, deny: 403}\n", ASK("/%61dmin"), 403, "denied",
		.rule = "line:4"},
	{ROUTE "  - {name: unseen, deny: 404}\n", ASK("/"), 404, "denied", .rule = "unseen"},
	{ROUTE "  - {when: {method: [PUT, GET]}, deny: 451}\n", ASK("/"), 451, "denied",
		.rule = "line:4"},
	/* The first that ends it. */
	{ROUTE "  - {deny: 410}\n  - {deny: 403}\n", ASK("/"), 410, "denied", .rule = "line:4"},
	{ROUTE "  - {when: {path: /b}, deny: 410}\n  - {deny: 403}\n", ASK("/"), 403, "denied",
		.rule = "line:5"},
	{ROUTE "  - {answer: {type: text/css, body: \"a: b\"}}\n", ASK("/"), 200, "answered",
		.rule = "line:4", .type = "text/css", .text = "a: b"},
	{ROUTE "  - {answer: {status: 410, type: text/css, body: gone}}\n", ASK("/"), 410,
		"answered", .rule = "line:4", .type = "text/css", .text = "gone"},
	{ROUTE "  - {limit: {body: 10}}\n", POST(11), 413, "body-limit", .rule = "line:4",
		.closes = true},
	/* The least of several. */
	{ROUTE "  - {limit: {body: 10}}\n  - {limit: {body: 100}}\n", POST(11), 413, "body-limit",
		.rule = "line:4", .closes = true},
	{ROUTE "  - {limit: {body: 100}}\n  - {limit: {body: 10}}\n", POST(11), 413, "body-limit",
		.rule = "line:5", .closes = true},
	/* Paths that the rules could take for another one. */
	{ROUTE "  - {when: {path: /a}, deny: 403}\n", ASK("/x%2fy"), 400, "ambiguous-path",
		.rule = ""},
	{ROUTE "  - {when: {path: /a}, deny: 403}\n", ASK("//a"), 400, "ambiguous-path",
		.rule = ""},
	{ROUTE "  - {rewrite: {path: \"/f/${query.f}\"}}\n", ASK("/?f=../x"), 400, "ambiguous-path",
		.rule = ""},
	{ROUTE "  - {rewrite: {path: \"/f/${query.f}\"}}\n", ASK("/?f=a//b"), 400, "ambiguous-path",
		.rule = ""},
	{AS_IS "  - {rewrite: {path: \"/f/${query.f}\"}}\n", ASK("/?f=../x"), 400, "ambiguous-path",
		.rule = ""},
	{ROUTE "  - {redirect: {path: \"/f/${query.f}\"}}\n", ASK("/?f=../x"), 400,
		"ambiguous-path", .rule = ""},
	/* An expression that would take for ever. */
	{ROUTE "  - {when: {query.q: \"~^(x+)+$\"}, deny: 403}\n",
		ASK("/?q=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy"), 400, "undecided", .rule = ""},
};

static void test_ends(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_conn *c = fake_conn_new(s);
		scene_set_front(s, rows[i].front);
		fake_conn_ask(c, rows[i].in);
		assert_ended(f, c, rows[i].status, rows[i].why, rows[i].rule);
		assert_string_equal(c->type, rows[i].type ? rows[i].type : "");
		assert_string_equal(c->text, rows[i].text ? rows[i].text : "");
		assert_string_equal(c->place, "");
		assert_int_equal(c->page_closes, rows[i].closes);
		unsigned long long all = 0;
		for (size_t j = 0; j < s->front->routes[0].rules.n; j++)
			all += ended(s, j);
		assert_int_equal(all, rows[i].rule[0] != '\0');
		fake_conn_free(c);
	}
	fake_client_free(f);
}

/* What rules let through goes where it went without them. */
static void test_passes(void **state)
{
	static const struct {
		const char *front, *in;
	} passing[] = {
		{ROUTE "  - {when: {path: /a}, deny: 403}\n", ASK("/b")},
		{ROUTE "  - {when: {path: /b, not: {method: GET}}, deny: 403}\n", ASK("/b")},
		{AS_IS "  - {when: {path: /a}, deny: 403}\n", ASK("/x%2fy")},
		{ROUTE "  - {when: {method: PUT}, deny: 403}\n", ASK("/x%2fy")},
		{ROUTE "  - {limit: {body: 10}}\n", POST(10)},
		{ROUTE "  - {rate: {allow: 1, every: 1h}}\n", ASK("/")},
		{ROUTE "  - {redirect: {path: /same}}\n", ASK("/same?q")},
		{"routes:\n- host: b.test\n  rules:\n  - {deny: 403}\n", ASK("/")},
		{"routes:\n- host: \"*.a.test\"\n  rules:\n  - {deny: 403}\n", ASK("/")},
	};
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
		struct fake_conn *c = fake_conn_new(s);
		char line[32];
		snprintf(line, sizeof(line), "%.*s\r\n", (int)strcspn(passing[i].in, "\r"),
			passing[i].in);
		scene_set_front(s, passing[i].front);
		fake_conn_ask(c, passing[i].in);
		assert_int_equal(c->n_pages, 0);
		assert_int_equal(c->ex.state, EXCHANGE_ACTIVE);
		fake_client_read(f);
		assert_begins(&f->got, line);
		fake_conn_free(c);
		fake_client_read(f);
	}
	fake_client_free(f);
}

/* ---- Redirects ---- */

static const struct {
	const char *rule, *in, *place;
	unsigned status;
	bool secure;
} redirects[] = {
	{"{when: {path: \"/old/*\"}, redirect: {path: \"/new/$1\", status: 301}}",
		ASK("/old/a%20b?q=1"), "http://a.test/new/a%20b?q=1", .status = 301},
	{"{redirect: {path: /new, query: drop}}", ASK("/old?q=1"), "http://a.test/new",
		.status = 302},
	{"{redirect: {host: b.test, status: 308}}", ASK("/x?q=1"), "http://b.test/x?q=1",
		.status = 308},
	{"{redirect: {scheme: https}}", ASK("/x"), "https://a.test:8443/x", .status = 302},
	{"{redirect: {scheme: https, port: 443}}", ASK("/x"), "https://a.test/x", .status = 302},
	{"{redirect: {scheme: http}}", ASK("/x"), "http://a.test/x", 302, .secure = true},
	{"{redirect: {port: 81}}", ASK("/x"), "http://a.test:81/x", .status = 302},
	{"{redirect: {port: 80, path: /y}}", ASK("/x"), "http://a.test/y", .status = 302},
	{"{redirect: {path: /y}}", "GET /x HTTP/1.1\r\nHost: a.test:8080\r\n\r\n",
		"http://a.test:8080/y", .status = 302},
	{"{redirect: {host: b.test}}", "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n",
		"http://b.test", .status = 302},
	{"{redirect: {path: \"/${header.x}\"}}", ASK_WITH("X: a?b#c\r\n"),
		"http://a.test/a%3Fb%23c", .status = 302},
	/* The query is another one, and so the place is. */
	{"{redirect: {path: /x, query: drop}}", ASK("/x?q"), "http://a.test/x", .status = 302},
};

static void test_redirects(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	s->options.https_port = 8443;
	for (size_t i = 0; i < ARRAY_LEN(redirects); i++) {
		char front[256];
		struct fake_conn *c = fake_conn_new(s);
		snprintf(front, sizeof(front), ROUTE "  - %s\n", redirects[i].rule);
		scene_set_front(s, front);
		fake_conn_begin(c, redirects[i].in);
		c->ex.secure = redirects[i].secure;
		fake_conn_dispatch(c);
		assert_ended(f, c, redirects[i].status, "redirected", "line:4");
		assert_string_equal(c->place, redirects[i].place);
		assert_int_equal(ended(s, 0), 1);
		fake_conn_free(c);
	}
	fake_client_free(f);
}

/* ---- Rates ---- */

/* Asks; the seconds after which it may again, or 0 when it went upstream. */
static unsigned asked(struct scene *s, const char *in, const char *address)
{
	struct fake_conn *c = fake_conn_new(s);
	fake_conn_begin(c, in);
	assert_true(address_parse_ip(str_from(address), &c->ex.visitor));
	fake_conn_dispatch(c);
	unsigned wait = 0;
	if (c->n_pages) {
		assert_int_equal(c->status, 429);
		assert_string_equal(c->logged_why, "rule-rate");
		assert_true(c->retry_after > 0);
		wait = c->retry_after;
	} else {
		assert_int_equal(c->ex.state, EXCHANGE_ACTIVE);
	}
	fake_conn_free(c);
	return wait;
}

static void test_rate(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	scene_set_front(s, ROUTE "  - {name: slow, rate: {by: address, allow: 2, every: 1h}}\n");
	assert_int_equal(asked(s, ASK("/"), "192.0.2.1"), 0);
	assert_int_equal(asked(s, ASK("/x"), "192.0.2.1"), 0);
	/* One comes back each half hour. */
	assert_in_range(asked(s, ASK("/"), "192.0.2.1"), 1790, 1800);
	assert_int_equal(asked(s, ASK("/"), "192.0.2.2"), 0);
	assert_int_equal(ended(s, 0), 1);
	/* IPv6 by its /64. */
	assert_int_equal(asked(s, ASK("/"), "2001:db8::1"), 0);
	assert_int_equal(asked(s, ASK("/"), "2001:db8::2"), 0);
	assert_true(asked(s, ASK("/"), "2001:db8::3") > 0);
	assert_int_equal(asked(s, ASK("/"), "2001:db8:0:1::1"), 0);
	/* A reload that leaves the rule as it was leaves its counts. */
	scene_set_front(s, ROUTE "  - {name: slow, rate: {by: address, allow: 2, every: 1h}}\n");
	assert_true(asked(s, ASK("/"), "192.0.2.1") > 0);
	scene_set_front(s, ROUTE "  - {name: other, rate: {by: address, allow: 2, every: 1h}}\n");
	assert_int_equal(asked(s, ASK("/"), "192.0.2.1"), 0);
	fake_client_free(f);
}

static void test_rate_by_values(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	scene_set_front(s, ROUTE "  - {rate: {by: [header.A, query.b], allow: 1, every: 1h}}\n");
	static const struct {
		const char *in;
		bool known;
	} steps[] = {
		{"GET /?b=c HTTP/1.1\r\nHost: a.test\r\nA: ab\r\n\r\n", false},
		/* No byte moves from one value to the next. */
		{"GET /?b=bc HTTP/1.1\r\nHost: a.test\r\nA: a\r\n\r\n", false},
		{"GET /?b=abc HTTP/1.1\r\nHost: a.test\r\nA:\r\n\r\n", false},
		{"GET /x?b=bc&c HTTP/1.1\r\nHost: a.test\r\nA: a\r\n\r\n", true},
		{"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", false},
		{"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n", true},
	};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		assert_int_equal(asked(s, steps[i].in, "192.0.2.1") > 0, steps[i].known);
	fake_client_free(f);
}

static void test_rate_of_all(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	scene_set_front(s, ROUTE "  - {rate: {allow: 1, every: 1h, burst: 3}}\n");
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(asked(s, ASK("/"), i % 2 ? "192.0.2.1" : "192.0.2.2") > 0, i == 3);
	/* In a window: who exceeds it waits for all of what is left of it. */
	scene_set_front(s, ROUTE "  - {rate: {allow: 2, every: 1h, block: true}}\n");
	assert_int_equal(asked(s, ASK("/"), "192.0.2.1"), 0);
	assert_int_equal(asked(s, ASK("/"), "192.0.2.2"), 0);
	assert_in_range(asked(s, ASK("/"), "192.0.2.1"), 3590, 3601);
	fake_client_free(f);
}

/* One whose `when` does not hold counts nothing. */
static void test_rate_counts_what_it_is_for(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	scene_set_front(s, ROUTE "  - {when: {path: /login}, rate: {allow: 1, every: 1h}}\n");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(asked(s, ASK("/"), "192.0.2.1"), 0);
	assert_int_equal(asked(s, ASK("/login"), "192.0.2.1"), 0);
	assert_true(asked(s, ASK("/login"), "192.0.2.1") > 0);
	assert_int_equal(asked(s, ASK("/"), "192.0.2.1"), 0);
	assert_int_equal(ended(s, 0), 1);
	fake_client_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate_by_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate_of_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate_counts_what_it_is_for, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
