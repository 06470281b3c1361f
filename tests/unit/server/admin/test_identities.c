/* SPDX-License-Identifier: MIT */
/* Identities and tokens by the admin API: what is made is there, also behind a restart; what is refused is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/admin/identity_json.h"
#include "tests/unit/server/admin/one_scene.h"

/* ---- Made ---- */

static const char web[] =
	"{\"name\":\"Web\",\"hosts\":[\"a.example.org\",\"*.B.example.org\"],\"ports\":[\"2222\","
	"\"7000-7010\"],\"udpPorts\":[\"0\"],\"publish\":[\"redis\"],\"consume\":[\"super-*\"],"
	"\"allowFrom\":[\"10.0.0.0/8\"],\"maxSessions\":3,\"rateUp\":1048576,\"operator\":true,"
	"\"description\":\"the web team\",\"expiresIn\":\"90d\",\"label\":\"first\"}";

static void check_web(const json_t *json)
{
	assert_json(json, "name", "\"web\"");
	assert_json(json, "state", "\"active\"");
	assert_json(json, "hosts", "[\"*.b.example.org\",\"a.example.org\"]");
	assert_json(json, "ports", "[\"2222\",\"7000-7010\"]");
	assert_json(json, "udpPorts", "[\"0\"]");
	assert_json(json, "publish", "[\"redis\"]");
	assert_json(json, "consume", "[\"super-*\"]");
	assert_json(json, "allowFrom", "[\"10.0.0.0/8\"]");
	assert_json(json, "maxSessions", "3");
	assert_json(json, "maxStreams", "null");
	assert_json(json, "rateUp", "1048576");
	assert_json(json, "rateDown", "null");
	assert_json(json, "operator", "true");
	assert_json(json, "description", "\"the web team\"");
	assert_json(json, "revision", "1");
	assert_json(json, "sessions", "0");
	assert_json(json, "tokens.0.label", "\"first\"");
	assert_json(json, "tokens.0.state", "\"active\"");
	assert_json(json, "tokens.0.revokedAt", "null");
	assert_json(json, "tokens.1", "");
	assert_json(json, "psk", "");
}

static void test_create(void **state)
{
	char token[64];
	json_t *json = scene_post(s, "/api/v1/identities", web, 201);
	check_web(json);
	assert_string_equal(s->client.request.location, "/api/v1/identities/web");
	assert_string_equal(s->client.request.etag, "\"1\"");
	snprintf(token, sizeof(token), "%s", client_text(&s->client, "token"));
	assert_int_equal(strlen(token), TOKEN_RANDOM_LEN);
	assert_true(scene_token_good(s, token));
	check_web(scene_get(s, "/api/v1/identities/web", 200));
	assert_json(s->client.json, "token", "");
	scene_restart(s);
	check_web(scene_get(s, "/api/v1/identities/web", 200));
	assert_true(scene_token_good(s, token));
	assert_true(scene_token_good(s, scene_token));
	/* Nowhere is the token itself. */
	json = scene_get(s, "/api/v1/audit", 200);
	assert_json(json, "items.0.action", "\"identity.create\"");
	assert_json(json, "items.0.actor", "\"uid 0\"");
	assert_json(json, "items.0.via", "\"admin socket\"");
	assert_json(json, "items.0.subject", "\"web\"");
	assert_json(json, "items.0.detail.is.maxSessions", "3");
	assert_null(strstr(s->client.request.answer, token));
}

static void test_create_refused(void **state)
{
	static const struct {
		const char *body;
		unsigned status;
		const char *detail;
	} cases[] = {
		{"{\"name\":\"WEB\"}", 409, "there is an identity \"web\" already"},
		{"{\"name\":\"default\"}", 400, "has a meaning of its own"},
		{"{\"name\":\"front\"}", 400, "has a meaning of its own"},
		{"{\"name\":\"a_b\"}", 400, "a_b"},
		{"{\"name\":\"\"}", 400, "empty"},
		{"{}", 400, "\"name\" is missing"},
		{"{\"name\":\"x\",\"hosts\":[\"a..b\"]}", 400, "\"hosts\": "},
		{"{\"name\":\"x\",\"ports\":[\"9-1\"]}", 400, "\"ports\": "},
		{"{\"name\":\"x\",\"udpPorts\":[\"a\"]}", 400, "\"udpPorts\": "},
		{"{\"name\":\"x\",\"publish\":[\"*a\"]}", 400, "\"publish\": "},
		{"{\"name\":\"x\",\"allowFrom\":[\"10.0.0.1/8\"]}", 400, "\"allowFrom\": "},
		{"{\"name\":\"x\",\"maxSessions\":0}", 400, "\"maxSessions\""},
		{"{\"name\":\"x\",\"description\":\"a\\u0007b\"}", 400, "description"},
		{"{\"name\":\"x\",\"label\":\"a\\u0007b\"}", 400, "label"},
		{"{\"name\":\"x\",\"expiresAt\":\"tomorrow\"}", 400, "\"expiresAt\""},
		{"{\"name\":\"x\",\"expiresIn\":\"1y\"}", 400, "\"expiresIn\""},
		{"{\"name\":\"x\",\"expiresIn\":1,\"expiresAt\":\"2027-01-01T00:00:00Z\"}", 400,
			"exclude"},
		{"{\"name\":\"x\",\"token\":\"fifteen letters\"}", 400, "fewer than 16"},
		{"{\"name\":\"x\",\"token\":\"fifteen letters\\n\"}", 400, "fewer than 16"},
		{"{\"name\":\"x\",\"token\":\"the server's own token\"}", 409,
			"of default already"},
		{"{\"name\":\"x\",\"token\":\"the token of the web\\n\"}", 409, "of web already"},
		{"{\"name\":\"x\",\"host\":[]}", 400, "no member \"host\""},
	};
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\",\"token\":\"the token of the web\"}",
		201);
	assert_json(s->client.json, "token", "");
	assert_true(scene_token_good(s, "the token of the web"));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scene_post(s, "/api/v1/identities", cases[i].body, cases[i].status);
		if (!strstr(client_text(&s->client, "detail"), cases[i].detail))
			fail_msg("%s: %s", cases[i].body, client_text(&s->client, "detail"));
	}
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "1");
	assert_int_equal(s->catalog.n, 2);
}

static void test_list(void **state)
{
	static const char *const names[] = {"web-2", "b", "web-1", "a"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char body[64];
		snprintf(body, sizeof(body), "{\"name\":\"%s\"}", names[i]);
		scene_post(s, "/api/v1/identities", body, 201);
	}
	json_t *json = scene_get(s, "/api/v1/identities?limit=2", 200);
	assert_json(json, "items.0.name", "\"a\"");
	assert_json(json, "items.1.name", "\"b\"");
	assert_json(json, "next", "\"b\"");
	scene_ask(s, API_DELETE, "/api/v1/identities/b", NULL, 200);
	json = scene_get(s, "/api/v1/identities?limit=2&after=b", 200);
	assert_json(json, "items.0.name", "\"default\"");
	assert_json(json, "items.1.name", "\"web-1\"");
	json = scene_get(s, "/api/v1/identities?limit=2&after=web-1", 200);
	assert_json(json, "items.0.name", "\"web-2\"");
	assert_json(json, "next", "null");
	json = scene_get(s, "/api/v1/identities?name=web", 200);
	assert_json(json, "items.0.name", "\"web-1\"");
	assert_json(json, "items.1.name", "\"web-2\"");
	assert_json(json, "items.2", "");
	json = scene_get(s, "/api/v1/identities?name=web&limit=1&after=web-1", 200);
	assert_json(json, "items.0.name", "\"web-2\"");
	json = scene_get(s, "/api/v1/identities?name=x", 200);
	assert_json(json, "items", "[]");
}

/* ---- Changed ---- */

static void test_update(void **state)
{
	scene_post(s, "/api/v1/identities", web, 201);
	json_t *json = scene_ask(s, API_PATCH, "/api/v1/identities/WEB",
		"{\"hosts\":[\"c.example.org\"],\"maxSessions\":null,\"allowFrom\":[],\"operator\":"
		"false,"
		"\"expiresAt\":null}",
		200);
	assert_json(json, "hosts", "[\"c.example.org\"]");
	assert_json(json, "maxSessions", "null");
	assert_json(json, "allowFrom", "[]");
	assert_json(json, "operator", "false");
	assert_json(json, "expiresAt", "null");
	assert_json(json, "ports", "[\"2222\",\"7000-7010\"]");
	assert_json(json, "description", "\"the web team\"");
	assert_json(json, "revision", "2");
	scene_restart(s);
	json = scene_get(s, "/api/v1/identities/web", 200);
	assert_json(json, "hosts", "[\"c.example.org\"]");
	assert_json(json, "revision", "2");
	json = scene_get(s, "/api/v1/audit?limit=1", 200);
	assert_json(json, "items.0.action", "\"identity.update\"");
	assert_json(json, "items.0.detail.was.hosts", "[\"*.b.example.org\",\"a.example.org\"]");
	assert_json(json, "items.0.detail.is.hosts", "[\"c.example.org\"]");
	assert_json(json, "items.0.detail.is.ports", "");
	assert_json(json, "next", "\"2\"");
	json = scene_get(s, "/api/v1/audit?before=2", 200);
	assert_json(json, "items.0.action", "\"identity.create\"");
	assert_json(json, "items.1", "");
	json = scene_get(s, "/api/v1/audit?after=1", 200);
	assert_json(json, "items.0.id", "2");
	assert_json(json, "next", "null");
	/* Nothing new is nothing to write. */
	scene_ask(s, API_PATCH, "/api/v1/identities/web", "{\"hosts\":[\"c.example.org\"]}", 200);
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "2");
	scene_ask(s, API_PATCH, "/api/v1/identities/web", "{\"description\":\"new\"}", 200);
	assert_json(s->client.json, "revision", "3");
	scene_ask(s, API_PATCH, "/api/v1/identities/web", "{\"name\":\"x\"}", 400);
	scene_ask(s, API_PATCH, "/api/v1/identities/nobody", "{}", 404);
}

static unsigned with_if_match(enum api_method method, const char *target, const char *body,
	const char *tag)
{
	client_close(&s->client);
	client_operator(&s->client);
	s->client.request.if_match = strdup(tag);
	client_ask(&s->client, &s->admin, method, target, body);
	scene_wait(s, &s->client);
	return s->client.request.status;
}

static void test_if_match(void **state)
{
	const char *path = "/api/v1/identities/web";
	scene_post(s, "/api/v1/identities", web, 201);
	assert_int_equal(with_if_match(API_PATCH, path, "{\"hosts\":[]}", "\"7\""), 412);
	assert_int_equal(with_if_match(API_DELETE, path, NULL, "\"7\""), 412);
	assert_int_equal(with_if_match(API_PATCH, path, "{\"hosts\":[]}", "\"1\""), 200);
	assert_string_equal(s->client.request.etag, "\"2\"");
	assert_int_equal(with_if_match(API_DELETE, path, NULL, "\"1\""), 412);
	assert_int_equal(with_if_match(API_DELETE, "/api/v1/identities/web/tokens/0011223344556677",
				 NULL, "\"1\""),
		412);
	assert_int_equal(with_if_match(API_DELETE, path, NULL, "\"2\""), 200);
}

/* ---- Ended ---- */

static void test_revoke(void **state)
{
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\",\"token\":\"the token of the web\"}",
		201);
	json_t *json = scene_post(s, "/api/v1/identities/web/revoke", NULL, 200);
	assert_json(json, "sessionsEnded", "0");
	assert_json(json, "streamsCut", "0");
	assert_false(scene_token_good(s, "the token of the web"));
	scene_post(s, "/api/v1/identities/web/revoke", NULL, 200); /* again: as it is */
	scene_restart(s);
	assert_false(scene_token_good(s, "the token of the web"));
	json = scene_get(s, "/api/v1/identities/web", 200);
	assert_json(json, "state", "\"revoked\"");
	assert_json(json, "tokens.0.state", "\"revoked\"");
	assert_json(json, "revision", "2");
	scene_post(s, "/api/v1/identities/web/tokens", "{}", 409);
	scene_post(s, "/api/v1/identities/nobody/revoke", NULL, 404);
}

static void test_delete(void **state)
{
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\",\"token\":\"the token of the web\"}",
		201);
	scene_ask(s, API_DELETE, "/api/v1/identities/web", NULL, 200);
	assert_false(scene_token_good(s, "the token of the web"));
	scene_get(s, "/api/v1/identities/web", 404);
	/* Its name and its token are free. */
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\",\"token\":\"the token of the web\"}",
		201);
	assert_true(scene_token_good(s, "the token of the web"));
	scene_ask(s, API_DELETE, "/api/v1/identities/web", NULL, 200);
	scene_restart(s);
	scene_get(s, "/api/v1/identities/web", 404);
	assert_false(scene_token_good(s, "the token of the web"));
	scene_ask(s, API_DELETE, "/api/v1/identities/default", NULL, 403);
	scene_ask(s, API_DELETE, "/api/v1/identities/a%20b", NULL, 404);
}

/* `default` becomes a row when something about it is changed, which binds its token from then on. */
static void test_default(void **state)
{
	json_t *json = scene_get(s, "/api/v1/identities/default", 200);
	assert_json(json, "hosts", "[\"*\"]");
	assert_json(json, "revision", "0");
	json = scene_ask(s, API_PATCH, "/api/v1/identities/default", "{\"hosts\":[\"a.b\"]}", 200);
	assert_json(json, "revision", "1");
	scene_restart(s);
	json = scene_get(s, "/api/v1/identities/default", 200);
	assert_json(json, "hosts", "[\"a.b\"]");
	assert_true(scene_token_good(s, scene_token));
	scene_post(s, "/api/v1/identities/default/revoke", NULL, 200);
	assert_false(scene_token_good(s, scene_token));
	scene_restart(s);
	assert_false(scene_token_good(s, scene_token));
}

static void test_default_token(void **state)
{
	char target[100], id[20];
	json_t *json = scene_get(s, "/api/v1/identities/default", 200);
	snprintf(id, sizeof(id), "%s",
		json_string_value(
			json_object_get(json_array_get(json_object_get(json, "tokens"), 0),
				"keyId")));
	snprintf(target, sizeof(target), "/api/v1/identities/default/tokens/%s", id);
	scene_ask(s, API_DELETE, target, NULL, 200);
	assert_false(scene_token_good(s, scene_token));
	scene_restart(s);
	assert_false(scene_token_good(s, scene_token));
	assert_json(scene_get(s, "/api/v1/identities/default", 200), "state", "\"active\"");
}

/* ---- Tokens ---- */

static void test_rotate(void **state)
{
	char token[64];
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\",\"token\":\"the token of the web\"}",
		201);
	json_t *json = scene_post(s, "/api/v1/identities/web/tokens",
		"{\"overlap\":\"24h\",\"label\":\"second\"}", 201);
	snprintf(token, sizeof(token), "%s", client_text(&s->client, "token"));
	assert_int_equal(strlen(token), TOKEN_RANDOM_LEN);
	assert_int_equal(strlen(client_text(&s->client, "keyId")), 16);
	assert_int_equal(strlen(client_text(&s->client, "previousExpireAt")), 24);
	assert_true(scene_token_good(s, token));
	assert_true(scene_token_good(s, "the token of the web"));
	scene_restart(s);
	assert_true(scene_token_good(s, token));
	assert_true(scene_token_good(s, "the token of the web"));
	/* At once: the ones before are over. */
	json = scene_post(s, "/api/v1/identities/web/tokens",
		"{\"overlap\":0,\"token\":\"the third token of it\"}", 201);
	assert_json(json, "token", "");
	assert_false(scene_token_good(s, token));
	assert_false(scene_token_good(s, "the token of the web"));
	assert_true(scene_token_good(s, "the third token of it"));
	json = scene_get(s, "/api/v1/identities/web", 200);
	assert_json(json, "tokens.0.state", "\"expired\"");
	assert_json(json, "tokens.1.label", "\"second\"");
	assert_json(json, "tokens.2.state", "\"active\"");
	assert_json(json, "tokens.2.expiresAt", "null");
	scene_post(s, "/api/v1/identities/web/tokens", "{\"token\":\"the third token of it\"}",
		409);
	scene_post(s, "/api/v1/identities/web/tokens", "{\"overlap\":\"long\"}", 400);
	scene_post(s, "/api/v1/identities/nobody/tokens", "{}", 404);
}

static void test_token_revoke(void **state)
{
	char target[100];
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\",\"token\":\"the token of the web\"}",
		201);
	scene_post(s, "/api/v1/identities/web/tokens", "{\"token\":\"the second token of it\"}",
		201);
	snprintf(target, sizeof(target), "/api/v1/identities/web/tokens/%s",
		client_text(&s->client, "keyId"));
	scene_ask(s, API_DELETE, target, NULL, 200);
	assert_true(scene_token_good(s, "the token of the web"));
	assert_false(scene_token_good(s, "the second token of it"));
	scene_ask(s, API_DELETE, target, NULL, 200); /* again: as it is */
	scene_restart(s);
	assert_true(scene_token_good(s, "the token of the web"));
	assert_false(scene_token_good(s, "the second token of it"));
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "3");
	/* Somebody else's, unknown, and no key id. */
	memcpy(strstr(target, "web"), "def", 3);
	scene_ask(s, API_DELETE, "/api/v1/identities/web/tokens/0000000000000000", NULL, 404);
	scene_ask(s, API_DELETE, "/api/v1/identities/web/tokens/x", NULL, 404);
	scene_post(s, "/api/v1/identities", "{\"name\":\"b\"}", 201);
	char *key = strrchr(target, '/') + 1;
	char other[100];
	snprintf(other, sizeof(other), "/api/v1/identities/b/tokens/%s", key);
	scene_ask(s, API_DELETE, other, NULL, 404);
}

/* The oldest that is over makes room; where all are good, one has to be revoked first. */
static void test_token_limit(void **state)
{
	char body[100], id[20] = "";
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\"}", 201);
	for (int i = 1; i < 64; i++) {
		snprintf(body, sizeof(body), "{\"token\":\"the token number %d of it\"}", i);
		scene_post(s, "/api/v1/identities/web/tokens", body, 201);
		if (i == 1)
			snprintf(id, sizeof(id), "%s", client_text(&s->client, "keyId"));
	}
	scene_post(s, "/api/v1/identities/web/tokens", "{\"token\":\"one token too many\"}", 429);
	snprintf(body, sizeof(body), "/api/v1/identities/web/tokens/%s", id);
	scene_ask(s, API_DELETE, body, NULL, 200);
	scene_post(s, "/api/v1/identities/web/tokens", "{\"token\":\"one token too many\"}", 201);
	scene_ask(s, API_DELETE, body, NULL, 404);
	scene_restart(s);
	assert_json(scene_get(s, "/api/v1/identities/web", 200), "tokens.64", "");
	assert_true(scene_token_good(s, "one token too many"));
	assert_true(scene_token_good(s, "the token number 63 of it"));
	assert_false(scene_token_good(s, "the token number 1 of it"));
}

/* However often it was rotated: what was the server's own token is never good again. */
static void test_default_limit(void **state)
{
	struct store_row over[IDENTITY_TOKENS_MAX];
	scene_post(s, "/api/v1/identities/default/tokens",
		"{\"overlap\":0,\"token\":\"the second token\"}", 201);
	for (int i = 0; i < IDENTITY_TOKENS_MAX; i++)
		over[i] = (struct store_row){.kind = STORE_CREDENTIAL,
			.credential = {.key_id = {1, (uint8_t)i},
				.identity = s->catalog.everybody->value.id,
				.created_at = policy_now(),
				.expires_at = 1,
				.revoked_at = POLICY_NONE,
				.last_used_at = POLICY_NONE}};
	assert_int_equal(catalog_apply(&s->catalog, over, IDENTITY_TOKENS_MAX), 0);
	scene_post(s, "/api/v1/identities/default/tokens",
		"{\"overlap\":0,\"token\":\"the third token of it\"}", 201);
	scene_restart(s);
	assert_false(scene_token_good(s, scene_token));
	assert_true(scene_token_good(s, "the third token of it"));
}

/* A command that has the store to itself does not know it. */
static void test_default_unknown(void **state)
{
	struct credential *k = s->catalog.everybody->credentials;
	s->catalog.everybody->credentials = NULL;
	scene_post(s, "/api/v1/identities/default/tokens", "{\"overlap\":0}", 409);
	assert_non_null(strstr(client_text(&s->client, "detail"), "while the server runs"));
	s->catalog.everybody->credentials = k;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_create_refused, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_list, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_update, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_if_match, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_revoke, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_delete, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_default, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_default_token, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_rotate, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_token_revoke, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_token_limit, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_default_limit, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_default_unknown, scene_begin, scene_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
