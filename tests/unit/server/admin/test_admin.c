/* SPDX-License-Identifier: MIT */
/* The table of requests: who may ask for what, what is found, and what is refused. */
#include "server/admin/admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop/loop.h"
#include "tests/unit/server/admin/client.h"

/* Only the address is looked at. */
static char somebody, other;

static void say(struct api_request *rq, const char *what)
{
	api_answer(rq, 200, json_pack("{s:s}", "said", what));
}

static void status_get(struct api_request *rq)
{
	say(rq, "status");
}

static void thing_get(struct api_request *rq)
{
	say(rq, api_parameter(rq, 0));
}

static bool thing_owns(const struct api_request *rq)
{
	return rq->actor.identity == (void *)&somebody && strcmp(api_parameter(rq, 0), "mine") == 0;
}

static void thing_patch(struct api_request *rq)
{
	if (!api_if_match(rq, 7))
		return;
	api_set_etag(rq, 8);
	say(rq, json_string_value(json_object_get(rq->json, "text")));
}

static void thing_delete(struct api_request *rq)
{
	uint64_t drain = 5;
	bool now = false;
	if (!api_query_number(rq, "drain", 1, 60, &drain) || !api_query_flag(rq, "now", &now))
		return;
	api_answer(rq, 200, json_pack("{s:I, s:b}", "drain", (json_int_t)drain, "now", now));
}

static struct api_request *kept;
static unsigned dropped;

static void kept_drop(struct api_request *rq)
{
	dropped++;
}

static void slow_get(struct api_request *rq)
{
	rq->drop = kept_drop;
	kept = rq;
}

static const char *const thing_query[] = {"drain", "now", NULL};
static const struct api_member thing_members[] = {
	{"text", API_TEXT, .max = 10, .required = true},
	{0},
};

static const struct api_operation rows[] = {
	{API_GET, "/status", API_ANYBODY, .run = status_get},
	{API_GET, "/slow", API_OPERATOR, .run = slow_get},
	{API_GET, "/things/{name}", API_OWNER, .owns = thing_owns, .run = thing_get},
};
static const struct api_operation more_rows[] = {
	{API_PATCH, "/things/{name}", API_OPERATOR, .members = thing_members, .run = thing_patch},
	{API_DELETE, "/things/{name}", API_OPERATOR, .query = thing_query, .run = thing_delete},
};
static const struct api_operations table = {rows, ARRAY_LEN(rows)};
static const struct api_operations more = {more_rows, ARRAY_LEN(more_rows)};
static const struct api_operations *const tables[] = {&table, &more, NULL};

static struct admin admin;

static int begin(void **state)
{
	const struct admin_config config = {.tables = tables, .loop = loop_new()};
	return admin_init(&admin, &config);
}

static int end(void **state)
{
	admin_close(&admin);
	loop_free(admin.api.loop);
	admin_deinit(&admin);
	return 0;
}

static void test_answers(void **state)
{
	static const struct {
		enum api_method method;
		const char *target, *body;
		unsigned status;
		const char *member, *text;
	} cases[] = {
		{API_GET, "/status", NULL, 200, "said", "status"},
		{API_GET, "/things/a%20b", NULL, 200, "said", "a b"},
		{API_PATCH, "/things/a", "{\"text\":\"x\"}", 200, "said", "x"},
		{API_GET, "/thing", NULL, 404, "reason", "not_found"},
		{API_GET, "no", NULL, 400, "reason", "invalid"},
		{API_GET, "/status?x=1", NULL, 400, "reason", "invalid"},
		{API_GET, "/status", "{\"x\":1}", 400, "reason", "invalid"},
		{API_PATCH, "/things/a", "{}", 400, "detail", "the member \"text\" is missing"},
		{API_POST, "/things/a", NULL, 405, "detail",
			"this path has GET, PATCH, DELETE alone"},
		{API_OTHER_METHOD, "/status", NULL, 405, "reason", "unsupported"},
		{API_OTHER_METHOD, "/nothing", NULL, 404, "title", "Not Found"},
		{API_DELETE, "/things/a?drain=x", NULL, 400, "reason", "invalid"},
		{API_DELETE, "/things/a?drain=0", NULL, 400, "reason", "invalid"},
		{API_DELETE, "/things/a?drain=61", NULL, 400, "reason", "invalid"},
		{API_DELETE, "/things/a?drain=%2b1", NULL, 400, "reason", "invalid"},
		{API_DELETE, "/things/a?drain=", NULL, 400, "reason", "invalid"},
		{API_DELETE, "/things/a?drain=99999999999999999999", NULL, 400, "type",
			"about:blank"},
		{API_DELETE, "/things/a?now=yes", NULL, 400, "reason", "invalid"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client d;
		client_operator(&d);
		client_ask(&d, &admin, cases[i].method, cases[i].target, cases[i].body);
		if (d.answers != 1 || d.request.status != cases[i].status ||
			strcmp(client_text(&d, cases[i].member), cases[i].text) != 0)
			fail_msg("%s: %u %.*s", cases[i].target, d.request.status,
				(int)d.request.answer_size, d.request.answer);
		bool fine = cases[i].status == 200;
		assert_string_equal(d.request.content_type,
			fine ? "application/json" : "application/problem+json");
		if (!fine)
			assert_int_equal(json_integer_value(json_object_get(d.json, "status")),
				cases[i].status);
		client_close(&d);
	}
}

static void test_query(void **state)
{
	struct client d;
	client_operator(&d);
	client_ask(&d, &admin, API_DELETE, "/things/a?drain=60&now=true", NULL);
	assert_int_equal(json_integer_value(json_object_get(d.json, "drain")), 60);
	assert_true(json_is_true(json_object_get(d.json, "now")));
	client_close(&d);
	client_operator(&d);
	client_ask(&d, &admin, API_DELETE, "/things/a", NULL);
	assert_int_equal(json_integer_value(json_object_get(d.json, "drain")), 5);
	assert_true(json_is_false(json_object_get(d.json, "now")));
	client_close(&d);
}

static void test_allow(void **state)
{
	struct client d;
	client_operator(&d);
	client_ask(&d, &admin, API_PUT, "/things/a", NULL);
	assert_string_equal(d.request.allow, "GET, PATCH, DELETE");
	client_close(&d);
}

/* Who may: each row is asked for by an owner, by another identity and by an operator over a link. */
static void test_who(void **state)
{
	static const struct {
		const char *target;
		void *identity;
		bool may_all;
		unsigned status;
	} cases[] = {
		{"/status", &somebody, false, 200},
		{"/things/mine", &somebody, false, 200},
		{"/things/mine", &other, false, 403},
		{"/things/mine", NULL, false, 403},
		{"/things/yours", &somebody, false, 403},
		{"/things/yours", &somebody, true, 200},
		{"/slow", &somebody, false, 403},
		{"/nothing", &somebody, false, 404},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client d = {.request.actor = {.name = "somebody",
					   .may_all = cases[i].may_all,
					   .identity = cases[i].identity}};
		client_ask(&d, &admin, API_GET, cases[i].target, NULL);
		if (d.request.status != cases[i].status)
			fail_msg("%zu %s: %u", i, cases[i].target, d.request.status);
		client_close(&d);
	}
}

static void test_if_match(void **state)
{
	static const struct {
		const char *if_match;
		unsigned status;
	} cases[] = {{NULL, 200}, {"\"7\"", 200}, {"*", 200}, {"\"6\", \"7\"", 200}, {"\"6\"", 412},
		{"7", 412}, {"\"77\"", 412}, {"", 412}, {",", 412}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client d;
		client_operator(&d);
		d.request.if_match = cases[i].if_match ? strdup(cases[i].if_match) : NULL;
		client_ask(&d, &admin, API_PATCH, "/things/a", "{\"text\":\"x\"}");
		if (d.request.status != cases[i].status)
			fail_msg("%s: %u", cases[i].if_match, d.request.status);
		if (d.request.status == 200)
			assert_string_equal(d.request.etag, "\"8\"");
		client_close(&d);
	}
}

/* What is under way when the process ends is answered once, and whoever worked at it is told first. */
static void test_end(void **state)
{
	struct client d;
	client_operator(&d);
	client_ask(&d, &admin, API_GET, "/slow", NULL);
	assert_int_equal(d.answers, 0);
	admin_close(&admin);
	assert_int_equal(d.answers, 1);
	assert_int_equal(dropped, 1);
	assert_int_equal(d.request.status, 503);
	assert_int_equal(d.request.retry_after, 1);
	client_close(&d);
}

static void test_methods(void **state)
{
	assert_int_equal(api_method(STR("GET")), API_GET);
	assert_int_equal(api_method(STR("DELETE")), API_DELETE);
	assert_int_equal(api_method(STR("get")), API_OTHER_METHOD);
	assert_int_equal(api_method(STR("TRACE")), API_OTHER_METHOD);
	assert_int_equal(api_method(STR("")), API_OTHER_METHOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, begin, end),
		cmocka_unit_test_setup_teardown(test_query, begin, end),
		cmocka_unit_test_setup_teardown(test_allow, begin, end),
		cmocka_unit_test_setup_teardown(test_who, begin, end),
		cmocka_unit_test_setup_teardown(test_if_match, begin, end),
		cmocka_unit_test_setup_teardown(test_end, begin, end),
		cmocka_unit_test(test_methods),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
