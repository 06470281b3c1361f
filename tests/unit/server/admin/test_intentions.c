/* SPDX-License-Identifier: MIT */
/* Intentions by the admin API: made, replaced, deleted, listed, and who may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/admin/intention_change.h"
#include "tests/unit/server/admin/one_scene.h"

#define PATH "/api/v1/intentions"

static enum policy_action decided(const char *source, const char *destination)
{
	const struct policy_intention *i =
		catalog_decide(&s->catalog.intentions, source, destination);
	return i ? i->action : 0;
}

static json_t *make(const char *source, const char *destination, const char *action,
	unsigned status)
{
	char body[256];
	snprintf(body, sizeof(body), "{\"source\":\"%s\",\"destination\":\"%s\",\"action\":\"%s\"}",
		source, destination, action);
	return scene_post(s, PATH, body, status);
}

static void test_one(void **state)
{
	char id[64];
	json_t *json = make("Web", "redis", "deny", 201);
	assert_json(json, "source", "\"web\"");
	assert_json(json, "action", "\"deny\"");
	assert_json(json, "precedence", "9");
	assert_json(json, "meta", "{}");
	assert_json(json, "createdBy", "\"uid 0\"");
	assert_json(json, "replaced", "false");
	assert_json(json, "streamsCut", "0");
	assert_string_equal(s->client.request.location, PATH "/web/redis");
	snprintf(id, sizeof(id), "%s", client_text(&s->client, "id"));
	assert_int_equal(decided("web", "redis"), POLICY_DENY);

	/* A pair has one, whatever it says. */
	make("web", "redis", "deny", 409);
	make("web", "redis", "allow", 409);
	assert_non_null(strstr(client_text(&s->client, "detail"), "web => redis (deny) already"));

	json = scene_ask(s, API_PUT, PATH "/web/redis",
		"{\"action\":\"allow\",\"meta\":{\"b\":\"2\",\"a\":\"1\"}}", 200);
	assert_json(json, "replaced", "true");
	assert_string_equal(client_text(&s->client, "id"), id);
	assert_json(json, "revision", "2");
	assert_int_equal(decided("web", "redis"), POLICY_ALLOW);
	/* The same again is no change, in whichever order its members stand. */
	json = scene_ask(s, API_PUT, PATH "/web/redis", "{\"meta\":{\"a\":\"1\",\"b\":\"2\"}}",
		200);
	assert_json(json, "revision", "2");

	scene_restart(s);
	json = scene_get(s, PATH "/web/redis", 200);
	assert_json(json, "action", "\"allow\"");
	assert_json(json, "meta.b", "\"2\"");
	assert_string_equal(client_text(&s->client, "id"), id);
	assert_string_equal(s->client.request.etag, "\"2\"");

	json = scene_ask(s, API_DELETE, PATH "/web/redis", NULL, 200);
	assert_json(json, "deleted", "true");
	assert_int_equal(decided("web", "redis"), 0);
	json = scene_ask(s, API_DELETE, PATH "/web/redis", NULL, 200);
	assert_json(json, "deleted", "false");
	scene_get(s, PATH "/web/redis", 404);
	json = scene_get(s, "/api/v1/audit", 200);
	assert_json(json, "items.0.action", "\"intention.delete\"");
	assert_json(json, "items.0.subject", "\"web => redis\"");
	assert_json(json, "items.1.action", "\"intention.replace\"");
	assert_json(json, "items.1.detail.was.action", "\"deny\"");
	assert_json(json, "items.2.action", "\"intention.create\"");
	assert_json(json, "items.3", "");
	/* What was deleted is not there after the next start, and its number may come again. */
	scene_restart(s);
	assert_int_equal(s->catalog.intentions.n, 0);
	make("a", "b", "allow", 201);
	scene_restart(s);
	assert_int_equal(decided("a", "b"), POLICY_ALLOW);
}

/* PUT makes one that is not there. */
static void test_put(void **state)
{
	json_t *json = scene_ask(s, API_PUT, PATH "/%2A/redis", "{\"action\":\"deny\"}", 201);
	assert_json(json, "replaced", "false");
	assert_json(json, "precedence", "8");
	assert_json(json, "source", "\"*\"");
	assert_int_equal(decided("anybody", "redis"), POLICY_DENY);
}

static void test_lists(void **state)
{
	static const char *const pairs[][2] = {{"*", "*"}, {"web", "*"}, {"*", "redis"},
		{"web", "redis"}, {"api", "redis"}};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		make(pairs[i][0], pairs[i][1], "allow", 201);
	json_t *json = scene_get(s, PATH, 200);
	assert_json(json, "items.0.source", "\"api\"");
	assert_json(json, "items.1.source", "\"web\"");
	assert_json(json, "items.2.precedence", "8");
	assert_json(json, "items.3.precedence", "6");
	assert_json(json, "items.4.precedence", "5");
	assert_json(json, "next", "null");

	/* A page ends at a pair, which may be gone when the next one is asked for. */
	json = scene_get(s, PATH "?limit=2", 200);
	assert_json(json, "items.1.source", "\"web\"");
	assert_json(json, "next", "\"web redis\"");
	scene_ask(s, API_DELETE, PATH "/web/redis", NULL, 200);
	json = scene_get(s, PATH "?limit=2&after=web%20redis", 200);
	assert_json(json, "items.0.precedence", "8");
	assert_json(json, "items.1.precedence", "6");
	json = scene_get(s, PATH "?after=nonsense", 200);
	assert_json(json, "items", "[]");

	json = scene_get(s, PATH "/match?by=destination&name=redis", 200);
	assert_json(json, "items.0.source", "\"api\"");
	assert_json(json, "items.1.precedence", "8");
	assert_json(json, "items.2.precedence", "6");
	assert_json(json, "items.3.precedence", "5");
	json = scene_get(s, PATH "/match?by=source&name=api", 200);
	assert_json(json, "items.0.precedence", "9");
	assert_json(json, "items.1.precedence", "8");
	assert_json(json, "items.2.precedence", "5");
	assert_json(json, "items.3", "");
}

static void test_refused(void **state)
{
	static const struct {
		enum api_method method;
		const char *target, *body;
		unsigned status;
		const char *detail;
	} cases[] = {
		{API_POST, PATH, "{\"source\":\"we*\",\"destination\":\"b\"}", 400,
			"the source: \"we*\""},
		{API_POST, PATH, "{\"source\":\"a\",\"destination\":\"*b\"}", 400,
			"the destination: \"*b\""},
		{API_POST, PATH, "{\"source\":\"a\"}", 400, "\"destination\" is missing"},
		{API_POST, PATH, "{\"source\":\"a\",\"destination\":\"b\",\"action\":\"drop\"}",
			400, "is no action"},
		{API_POST, PATH, "{\"source\":\"a\",\"destination\":\"b\",\"meta\":{\"k\":1}}", 400,
			"\"meta\" must have"},
		{API_POST, PATH, "{\"source\":\"a\",\"destination\":\"b\",\"meta\":{\"\":\"\"}}",
			400, "names of 1 to"},
		{API_POST, PATH, "{\"source\":\"a\",\"destination\":\"b\",\"meta\":[]}", 400,
			"must be an object"},
		{API_POST, PATH "?keepLive=maybe", "{\"source\":\"a\",\"destination\":\"b\"}", 400,
			"\"keepLive\""},
		{API_POST, PATH,
			"{\"source\":\"a\",\"destination\":\"b\",\"description\":\"\\u0007\"}", 400,
			"control character"},
		{API_PUT, PATH "/a/b%2A", "{}", 400, "the destination"},
		{API_DELETE, PATH "/we*/b", NULL, 400, "the source"},
		{API_GET, PATH "/match?by=name&name=a", NULL, 400, "\"by\" of the query"},
		{API_GET, PATH "/match?by=source", NULL, 400, "\"name\" of the query"},
		{API_GET, PATH "/match?by=source&name=a%2A", NULL, 400, "the name"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scene_ask(s, cases[i].method, cases[i].target, cases[i].body, cases[i].status);
		if (!strstr(client_text(&s->client, "detail"), cases[i].detail))
			fail_msg("%s %s: %s", cases[i].target, cases[i].body,
				client_text(&s->client, "detail"));
	}
	assert_int_equal(s->catalog.intentions.n, 0);
}

static void test_if_match(void **state)
{
	make("a", "b", "deny", 201);
	const struct {
		enum api_method method;
		const char *tag;
		unsigned status;
	} cases[] = {
		{API_PUT, "\"7\"", 412},
		{API_DELETE, "\"7\"", 412},
		{API_PUT, "\"1\"", 200},
		{API_DELETE, "\"2\"", 200},
		{API_DELETE, "\"2\"", 412},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client d;
		client_operator(&d);
		d.request.if_match = strdup(cases[i].tag);
		client_ask(&d, &s->admin, cases[i].method, PATH "/a/b", NULL);
		scene_wait(s, &d);
		assert_int_equal(d.request.status, cases[i].status);
		client_close(&d);
	}
}

/* ---- Who may ---- */

/* Whoever is no operator sees what he is the source of, and makes none for what is not his. */
static void test_others(void **state)
{
	json_t *json;
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\"}", 201);
	make("web", "redis", "deny", 201);
	make("api", "redis", "deny", 201);
	make("*", "db", "deny", 201);
	make("*", "*", "allow", 201);
	json = scene_ask_as(s, "web", API_GET, PATH, NULL, 200);
	assert_json(json, "items.0.source", "\"web\"");
	assert_json(json, "items.1", "");
	scene_ask_as(s, "web", API_GET, PATH "/web/redis", NULL, 200);
	scene_ask_as(s, "web", API_GET, PATH "/api/redis", NULL, 404);
	scene_ask_as(s, "web", API_GET, PATH "/api/none", NULL, 404);
	/* What is said of all sources names private services of others. */
	json = scene_ask_as(s, "web", API_GET, PATH "/match?by=source&name=web", NULL, 200);
	assert_json(json, "items.0.source", "\"web\"");
	assert_json(json, "items.1.destination", "\"*\"");
	assert_json(json, "items.2", "");
	scene_ask_as(s, "web", API_GET, PATH "/match?by=source&name=api", NULL, 403);
	scene_ask_as(s, "web", API_GET, PATH "/match?by=destination&name=redis", NULL, 403);
	scene_ask_as(s, "web", API_DELETE, PATH "/web/redis", NULL, 403);
	scene_ask_as(s, "web", API_PUT, PATH "/web/redis", "{}", 403);
	scene_ask_as(s, "web", API_POST, PATH, "{\"source\":\"web\",\"destination\":\"*\"}", 403);
	assert_int_equal(s->catalog.intentions.n, 4);
}

/* Whose a private service is says who uses it, and sees all that was said of it. */
static void test_owner(void **state)
{
	scene_post(s, "/api/v1/identities", "{\"name\":\"team\",\"publish\":[\"*\"]}", 201);
	scene_post(s, "/api/v1/identities", "{\"name\":\"other\",\"publish\":[\"*\"]}", 201);
	scene_ask_as(s, "team", API_PUT, PATH "/web/redis", "{}", 403);
	scene_post(s, "/api/v1/services", "{\"name\":\"redis\",\"owner\":\"team\"}", 201);
	make("web", "redis", "deny", 201);
	json_t *json = scene_ask_as(s, "team", API_PUT, PATH "/web/redis", "{}", 200);
	assert_json(json, "createdBy", "\"team\"");
	assert_int_equal(decided("web", "redis"), POLICY_ALLOW);
	scene_ask_as(s, "team", API_PUT, PATH "/%2A/redis", "{\"action\":\"deny\"}", 201);
	json = scene_ask_as(s, "team", API_GET, PATH, NULL, 200);
	assert_json(json, "items.1.source", "\"*\"");
	scene_ask_as(s, "team", API_GET, PATH "/match?by=destination&name=redis", NULL, 200);
	scene_ask_as(s, "team", API_PUT, PATH "/redis/%2A", "{}", 403);
	scene_ask_as(s, "other", API_PUT, PATH "/web/redis", "{}", 403);
	json = scene_ask_as(s, "other", API_GET, PATH, NULL, 200);
	assert_json(json, "items", "[]");
	scene_ask_as(s, "team", API_DELETE, PATH "/%2A/redis", NULL, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_put, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_lists, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_refused, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_if_match, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_others, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_owner, scene_begin, scene_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
