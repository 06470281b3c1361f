/* SPDX-License-Identifier: MIT */
/* Private services by the admin API: made, changed, deleted, listed, and who sees and may what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/server/admin/one_scene.h"

#define PATH "/api/v1/services"

/* Two who may publish everything, and one who may nothing. */
static void make_identities(void)
{
	scene_post(s, "/api/v1/identities", "{\"name\":\"team\",\"publish\":[\"*\"]}", 201);
	scene_post(s, "/api/v1/identities", "{\"name\":\"other\",\"publish\":[\"*\"]}", 201);
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\"}", 201);
}

static const struct private_service *service_of(const char *name)
{
	return catalog_find_service(&s->catalog, str_from(name));
}

static void test_one(void **state)
{
	char alias[POLICY_ALIAS_SIZE], path[POLICY_ALIAS_SIZE + 32];
	make_identities();
	json_t *json = scene_post(s, PATH,
		"{\"name\":\"Super-API\",\"owner\":\"team\",\"visibility\":[\"web\",\"Batch\"],"
		"\"autoApproval\":[\"web\"],\"fqdns\":[\"API.example.org\"],\"description\":\"d\"}",
		201);
	assert_string_equal(s->client.request.location, PATH "/super-api");
	assert_string_equal(s->client.request.etag, "\"4\"");
	assert_json(json, "id", "\"/services/super-api\"");
	assert_json(json, "name", "\"super-api\"");
	assert_json(json, "type", "\"tunnel/services\"");
	assert_json(json, "resourceGroup", "\"team\"");
	assert_json(json, "etag", "\"W/\\\"4\\\"\"");
	assert_json(json, "properties.displayName", "\"Super-API\"");
	assert_json(json, "properties.kind", "\"tcp\"");
	assert_json(json, "properties.visibility.subscriptions", "[\"batch\",\"web\"]");
	assert_json(json, "properties.autoApproval.subscriptions", "[\"web\"]");
	assert_json(json, "properties.fqdns", "[\"api.example.org\"]");
	assert_json(json, "properties.managed", "false");
	assert_json(json, "properties.endToEndKey", "null");
	assert_json(json, "properties.sessions", "0");
	assert_json(json, "properties.endpoints.pending", "0");
	snprintf(alias, sizeof(alias), "%s",
		json_string_value(json_object_get(json_object_get(json, "properties"), "alias")));
	assert_string_equal(alias + strcspn(alias, ".") + 1, service_of("super-api")->value.tag);

	scene_post(s, PATH, "{\"name\":\"super-api\",\"owner\":\"team\"}", 409);
	scene_post(s, PATH, "{\"name\":\"SUPER-api\",\"owner\":\"other\"}", 409);

	json = scene_ask(s, API_PATCH, PATH "/super-api",
		"{\"visibility\":[\"*\"],\"autoApproval\":null,\"fqdns\":[],\"managed\":true}",
		200);
	assert_json(json, "properties.visibility.subscriptions", "[\"*\"]");
	assert_json(json, "properties.autoApproval.subscriptions", "[]");
	assert_json(json, "properties.description", "\"d\"");
	assert_json(json, "etag", "\"W/\\\"5\\\"\"");
	/* The same again is no change. */
	json = scene_ask(s, API_PATCH, PATH "/super-api", "{\"managed\":true}", 200);
	assert_json(json, "etag", "\"W/\\\"5\\\"\"");

	scene_restart(s);
	snprintf(path, sizeof(path), PATH "/%s", alias);
	json = scene_get(s, path, 200);
	assert_json(json, "properties.managed", "true");
	assert_json(json, "properties.fqdns", "[]");
	json = scene_get(s, PATH "/SUPER-API", 200);
	assert_string_equal(json_string_value(
				    json_object_get(json_object_get(json, "properties"), "alias")),
		alias);

	json = scene_ask(s, API_DELETE, PATH "/super-api", NULL, 200);
	assert_json(json, "sessions", "0");
	assert_json(json, "endpointsDisconnected", "0");
	assert_json(json, "streamsCut", "0");
	scene_get(s, path, 404);
	scene_ask(s, API_DELETE, PATH "/super-api", NULL, 404);
	json = scene_get(s, "/api/v1/audit", 200);
	assert_json(json, "items.0.action", "\"service.delete\"");
	assert_json(json, "items.1.action", "\"service.update\"");
	assert_json(json, "items.1.detail.was.visibility", "[\"batch\",\"web\"]");
	assert_json(json, "items.2.action", "\"service.create\"");
	assert_json(json, "items.2.detail.owner", "\"team\"");
	/* The name is free, and the alias void. */
	scene_post(s, PATH, "{\"name\":\"super-api\",\"owner\":\"other\",\"kind\":\"udp\"}", 201);
	scene_get(s, path, 404);
	scene_restart(s);
	assert_json(scene_get(s, PATH "/super-api", 200), "properties.kind", "\"udp\"");
	scene_get(s, path, 404);
}

/* Of the single token, whose identity is no row before. */
static void test_default(void **state)
{
	json_t *json = scene_post(s, PATH, "{\"name\":\"redis\"}", 201);
	assert_json(json, "resourceGroup", "\"default\"");
	scene_restart(s);
	assert_json(scene_get(s, PATH "/redis", 200), "resourceGroup", "\"default\"");
	assert_json(scene_get(s, "/api/v1/identities/default", 200), "privateServices", "1");
	assert_true(scene_token_good(s, scene_token));
}

static void test_lists(void **state)
{
	make_identities();
	for (int i = 0; i < 5; i++) {
		char body[128];
		snprintf(body, sizeof(body), "{\"name\":\"s%d\",\"owner\":\"%s\"}", i,
			i % 2 ? "team" : "other");
		scene_post(s, PATH, body, 201);
	}
	json_t *json = scene_get(s, PATH "?limit=2", 200);
	assert_json(json, "items.0.name", "\"s0\"");
	assert_json(json, "items.1.name", "\"s1\"");
	assert_json(json, "next", "\"2\"");
	/* A page ends at one that may be gone when the next is asked for. */
	scene_ask(s, API_DELETE, PATH "/s1", NULL, 200);
	json = scene_get(s, PATH "?limit=2&after=2", 200);
	assert_json(json, "items.0.name", "\"s2\"");
	json = scene_get(s, PATH "?owner=Team", 200);
	assert_json(json, "items.0.name", "\"s3\"");
	assert_json(json, "items.1", "");
	assert_json(scene_get(s, PATH "?owner=nobody", 200), "items", "[]");
	assert_json(scene_get(s, PATH "?after=x", 200), "items", "[]");
	scene_get(s, PATH "?all=yes", 400);
	scene_get(s, PATH "?name=s1", 400);
}

static void test_refused(void **state)
{
	static const struct {
		enum api_method method;
		const char *target, *body;
		unsigned status;
		const char *detail;
	} cases[] = {
		{API_POST, PATH, "{\"name\":\"a_b\"}", 400, "is not a name"},
		{API_POST, PATH, "{}", 400, "\"name\" is missing"},
		{API_POST, PATH, "{\"name\":\"a\",\"owner\":\"nobody\"}", 404,
			"there is no identity \"nobody\""},
		{API_POST, PATH, "{\"name\":\"a\",\"owner\":\"web\"}", 403,
			"web may not publish a"},
		{API_POST, PATH, "{\"name\":\"a\",\"kind\":\"sct\"}", 400, "tcp or udp"},
		{API_POST, PATH, "{\"name\":\"a\",\"visibility\":[\"x_y\"]}", 400, "x_y"},
		{API_POST, PATH, "{\"name\":\"a\",\"autoApproval\":[\"web\"]}", 400, "web"},
		{API_POST, PATH, "{\"name\":\"a\",\"fqdns\":[\"a..b\"]}", 400, "a..b"},
		{API_POST, PATH, "{\"name\":\"a\",\"description\":\"\\u0007\"}", 400,
			"control character"},
		{API_PATCH, PATH "/redis", "{\"visibility\":[\"batch\"]}", 400, "web"},
		{API_PATCH, PATH "/redis", "{\"kind\":\"udp\"}", 400, "no member \"kind\""},
		{API_PATCH, PATH "/none", "{\"managed\":true}", 404,
			"there is no private service \"none\""},
		{API_GET, PATH "/a_b", NULL, 404, "there is no private service \"a_b\""},
		{API_GET, PATH "/redis.000000000000", NULL, 404, "there is no private service"},
	};
	make_identities();
	scene_post(s, PATH,
		"{\"name\":\"redis\",\"visibility\":[\"web\"],\"autoApproval\":[\"web\"]}", 201);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scene_ask(s, cases[i].method, cases[i].target, cases[i].body, cases[i].status);
		if (!strstr(client_text(&s->client, "detail"), cases[i].detail))
			fail_msg("%s %s: %s", cases[i].target, cases[i].body,
				client_text(&s->client, "detail"));
	}
	assert_json(scene_get(s, PATH, 200), "items.1", "");
}

static void test_if_match(void **state)
{
	scene_post(s, PATH, "{\"name\":\"redis\"}", 201);
	const struct {
		enum api_method method;
		const char *tag;
		unsigned status;
	} cases[] = {
		{API_PATCH, "\"7\"", 412},
		{API_DELETE, "W/\"7\"", 412},
		{API_PATCH, "W/\"1\"", 200},
		{API_DELETE, "\"1\"", 412},
		{API_DELETE, "\"2\"", 200},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client d;
		client_operator(&d);
		d.request.if_match = strdup(cases[i].tag);
		client_ask(&d, &s->admin, cases[i].method, PATH "/redis",
			cases[i].method == API_PATCH ? "{\"managed\":true}" : NULL);
		scene_wait(s, &d);
		assert_int_equal(d.request.status, cases[i].status);
		client_close(&d);
	}
}

/* ---- Over a link ---- */

static void test_owner(void **state)
{
	make_identities();
	json_t *json = scene_ask_as(s, "team", API_POST, PATH, "{\"name\":\"redis\"}", 201);
	assert_json(json, "resourceGroup", "\"team\"");
	scene_ask_as(s, "web", API_POST, PATH, "{\"name\":\"db\"}", 403);
	scene_ask_as(s, "team", API_POST, PATH, "{\"name\":\"db\",\"owner\":\"other\"}", 403);
	/* Who exists is not told. */
	scene_ask_as(s, "team", API_POST, PATH, "{\"name\":\"db\",\"owner\":\"nobody\"}", 403);
	scene_ask_as(s, "other", API_POST, PATH, "{\"name\":\"redis\"}", 409);
	scene_ask_as(s, "team", API_PATCH, PATH "/redis", "{\"visibility\":[\"web\"]}", 200);
	scene_ask_as(s, "other", API_PATCH, PATH "/redis", "{\"managed\":true}", 404);
	scene_ask_as(s, "other", API_DELETE, PATH "/redis", NULL, 404);
	/* Who may ask for it may know of it, and no more. */
	scene_ask_as(s, "web", API_DELETE, PATH "/redis", NULL, 403);
	scene_ask_as(s, "team", API_DELETE, PATH "/redis", NULL, 200);
}

static void test_visibility(void **state)
{
	static const char unseen[] = "there is no private service \"%s\"";
	char path[POLICY_ALIAS_SIZE + 32], none[POLICY_ALIAS_SIZE + 32], sentence[256];
	make_identities();
	scene_ask_as(s, "team", API_POST, PATH, "{\"name\":\"own\"}", 201);
	scene_ask_as(s, "team", API_POST, PATH, "{\"name\":\"named\",\"visibility\":[\"web\"]}",
		201);
	scene_ask_as(s, "team", API_POST, PATH, "{\"name\":\"any\",\"visibility\":[\"*\"]}", 201);
	scene_ask_as(s, "team", API_POST, PATH, "{\"name\":\"all\",\"visibility\":[\"@all\"]}",
		201);
	/* "*" shows nowhere, "@all" to all. */
	json_t *json = scene_ask_as(s, "web", API_GET, PATH, NULL, 200);
	assert_json(json, "items.0.name", "\"named\"");
	assert_json(json, "items.1.name", "\"all\"");
	assert_json(json, "items.2", "");
	json = scene_ask_as(s, "other", API_GET, PATH, NULL, 200);
	assert_json(json, "items.0.name", "\"all\"");
	assert_json(json, "items.1", "");
	json = scene_ask_as(s, "team", API_GET, PATH, NULL, 200);
	assert_json(json, "items.3.name", "\"all\"");
	scene_ask_as(s, "web", API_GET, PATH "?all=true", NULL, 403);

	/* Who may only ask is not told who else may. */
	json = scene_ask_as(s, "web", API_GET, PATH "/named", NULL, 200);
	assert_json(json, "properties.online", "false");
	assert_json(json, "properties.visibility", "");
	assert_json(json, "properties.endpoints", "");
	assert_json(json, "properties.streams", "");
	/* By its name one is not seen that is seen by its alias. */
	scene_ask_as(s, "web", API_GET, PATH "/any", NULL, 404);
	snprintf(path, sizeof(path), PATH "/any.%s.exit.example", service_of("any")->value.tag);
	scene_ask_as(s, "web", API_GET, path, NULL, 200);
	/* What he may not see, by whichever name, and what is not there, are one. */
	snprintf(path, sizeof(path), PATH "/own.%s", service_of("own")->value.tag);
	snprintf(none, sizeof(none), PATH "/none.%s", service_of("own")->value.tag);
	const char *const paths[] = {PATH "/own", PATH "/none", path, none};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		scene_ask_as(s, "web", API_GET, paths[i], NULL, 404);
		snprintf(sentence, sizeof(sentence), unseen, strrchr(paths[i], '/') + 1);
		assert_string_equal(client_text(&s->client, "detail"), sentence);
		scene_ask_as(s, "web", API_PATCH, paths[i], "{}", 404);
		assert_string_equal(client_text(&s->client, "detail"), sentence);
	}

	/* Over a link an operator sees what concerns it, and with `all` all. */
	scene_post(s, "/api/v1/identities", "{\"name\":\"op\",\"operator\":true}", 201);
	json = scene_ask_as(s, "op", API_GET, PATH, NULL, 200);
	assert_json(json, "items.0.name", "\"all\"");
	assert_json(json, "items.1", "");
	json = scene_ask_as(s, "op", API_GET, PATH "?all=true", NULL, 200);
	assert_json(json, "items.3.name", "\"all\"");
	assert_json(json, "items.0.properties.visibility.subscriptions", "[]");
	scene_ask_as(s, "op", API_PATCH, PATH "/own", "{\"managed\":true}", 200);
}

/* What takes is in force before it is stored, and then what gives. */
static void test_narrowed(void **state)
{
	static const struct {
		const char *was, *is, *between;
	} cases[] = {
		{"[\"a\",\"b\"]", "[\"b\",\"c\"]", "b"},
		{"[\"a\",\"b\"]", "[]", ""},
		{"[\"*\"]", "[\"a\"]", "a"},
		{"[\"@all\"]", "[\"*\",\"a\"]", "*,a"},
		{"[\"a\"]", "[\"@all\"]", "a"},
		{"[\"a\",\"b\"]", "[\"a\",\"b\",\"c\"]", "a,b"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char body[128];
		snprintf(body, sizeof(body), "{\"name\":\"redis\",\"visibility\":%s}",
			cases[i].was);
		scene_post(s, PATH, body, 201);
		snprintf(body, sizeof(body), "{\"visibility\":%s}", cases[i].is);
		/* Not a turn of the loop yet: nothing is stored. */
		struct client d;
		client_operator(&d);
		client_ask(&d, &s->admin, API_PATCH, PATH "/redis", body);
		assert_int_equal(d.answers, 0);
		assert_string_equal(service_of("redis")->value.visibility, cases[i].between);
		scene_wait(s, &d);
		assert_int_equal(d.request.status, 200);
		client_close(&d);
		scene_ask(s, API_DELETE, PATH "/redis", NULL, 200);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_default, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_lists, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_refused, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_if_match, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_owner, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_visibility, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_narrowed, scene_begin, scene_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
