/* SPDX-License-Identifier: MIT */
/* Many identities at once, the store's copy and check, by the admin API. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/server/admin/one_scene.h"

static const char both[] = "{\"identities\":[{\"name\":\"a\",\"hosts\":[\"a.b\"]},{\"name\":\"b\","
			   "\"ports\":[\"2222\"]},{\"name\":\"default\",\"hosts\":[\"*\"]}]}";

static void test_apply(void **state)
{
	char token[64];
	scene_post(s, "/api/v1/identities", "{\"name\":\"b\",\"ports\":[\"1\"],\"maxSessions\":2}",
		201);
	json_t *json = scene_post(s, "/api/v1/apply?dryRun=true", both, 200);
	assert_json(json, "changes.0.action", "\"create\"");
	assert_json(json, "changes.0.subject", "\"a\"");
	assert_json(json, "changes.1.action", "\"update\"");
	assert_json(json, "changes.1.detail.was.ports", "[\"1\"]");
	assert_json(json, "changes.1.detail.is.maxSessions", "null");
	assert_json(json, "changes.2.action", "\"update\"");
	assert_json(json, "tokens", "{}");
	scene_get(s, "/api/v1/identities/a", 404);
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "1");

	json = scene_post(s, "/api/v1/apply", both, 200);
	assert_json(json, "changes.0.action", "\"create\"");
	assert_json(json, "tokens.b", "");
	snprintf(token, sizeof(token), "%s",
		json_string_value(json_object_get(json_object_get(json, "tokens"), "a")));
	assert_int_equal(strlen(token), TOKEN_RANDOM_LEN);
	assert_true(scene_token_good(s, token));
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "2"); /* one change */
	scene_restart(s);
	assert_true(scene_token_good(s, token));
	assert_json(scene_get(s, "/api/v1/identities/a", 200), "hosts", "[\"a.b\"]");
	json = scene_get(s, "/api/v1/identities/b", 200);
	assert_json(json, "ports", "[\"2222\"]");
	assert_json(json, "maxSessions", "null");
	json = scene_get(s, "/api/v1/identities/default", 200);
	assert_json(json, "hosts", "[\"*\"]");
	assert_json(json, "ports", "[]");
	/* Again: nothing. */
	json = scene_post(s, "/api/v1/apply", both, 200);
	assert_json(json, "changes.0.action", "\"none\"");
	assert_json(json, "changes.2.action", "\"none\"");
	assert_json(json, "tokens", "{}");
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "2");
	json = scene_get(s, "/api/v1/audit?limit=1", 200);
	assert_json(json, "items.0.action", "\"apply\"");
	assert_json(json, "items.0.detail.changes.0.subject", "\"a\"");
}

static void test_intentions(void **state)
{
	static const char file[] =
		"{\"identities\":[{\"name\":\"web\"}],\"intentions\":["
		"{\"source\":\"web\",\"destination\":\"redis\",\"meta\":{\"k\":\"v\"}},"
		"{\"source\":\"*\",\"destination\":\"redis\",\"action\":\"deny\"},"
		"{\"source\":\"a\",\"destination\":\"b\"}]}";
	scene_post(s, "/api/v1/intentions",
		"{\"source\":\"web\",\"destination\":\"redis\",\"action\":\"deny\"}", 201);
	scene_post(s, "/api/v1/intentions", "{\"source\":\"a\",\"destination\":\"b\"}", 201);
	scene_post(s, "/api/v1/intentions", "{\"source\":\"x\",\"destination\":\"y\"}", 201);
	json_t *json = scene_post(s, "/api/v1/apply?dryRun=true", file, 200);
	assert_json(json, "changes.0.subject", "\"web\"");
	assert_json(json, "changes.1.action", "\"update\"");
	assert_json(json, "changes.1.subject", "\"web => redis\"");
	assert_json(json, "changes.1.detail.was.action", "\"deny\"");
	assert_json(json, "changes.1.detail.is.meta", "{\"k\":\"v\"}");
	assert_json(json, "changes.2.action", "\"create\"");
	assert_json(json, "changes.3.action", "\"none\"");
	assert_int_equal(s->catalog.intentions.n, 3);
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "3");

	scene_post(s, "/api/v1/apply", file, 200);
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "4"); /* one change */
	json = scene_get(s, "/api/v1/audit?limit=1", 200);
	assert_json(json, "items.0.subject", "\"identities and intentions\"");
	scene_restart(s);
	/* What the file does not name stays. */
	json = scene_get(s, "/api/v1/intentions", 200);
	assert_json(json, "items.1.source", "\"web\"");
	assert_json(json, "items.1.action", "\"allow\"");
	assert_json(json, "items.2.source", "\"x\"");
	assert_json(json, "items.3.action", "\"deny\"");
	json = scene_post(s, "/api/v1/apply", file, 200);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(json_string_value(json_object_get(
					    json_array_get(json_object_get(json, "changes"), i),
					    "action")),
			"none");
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "4");
}

/* All or nothing. */
static void test_refused(void **state)
{
	static const struct {
		const char *body;
		unsigned status;
		const char *detail;
	} cases[] = {
		{"{}", 400, "the body has none of \"identities\""},
		{"{\"intentions\":[{\"source\":\"a\",\"destination\":\"b\"},{\"source\":\"a*\","
		 "\"destination\":\"b\"}]}",
			400, "intention 2: the source: \"a*\""},
		{"{\"intentions\":[{\"source\":\"a\",\"destination\":\"b\"},{\"source\":\"A\","
		 "\"destination\":\"b\"}]}",
			400, "intention 2: a => b is there twice"},
		{"{\"intentions\":[{\"source\":\"a\"}]}", 400, "intention 1: the member"},
		{"{\"intentions\":[{\"source\":\"a\",\"destination\":\"b\"}],\"identities\":[{"
		 "\"name\":"
		 "\"web\",\"hosts\":[\"a.b\"]}]}",
			409, "web is revoked"},
		{"{\"identities\":[{\"name\":\"a\"},{\"name\":\"b\",\"port\":[]}]}", 400,
			"identity 2: there is no member \"port\""},
		{"{\"identities\":[{\"name\":\"a\"},{}]}", 400, "identity 2: the member \"name\""},
		{"{\"identities\":[{\"name\":\"a\"},{\"name\":\"A\"}]}", 400, "a is there twice"},
		{"{\"identities\":[{\"name\":\"front\"}]}", 400, "has a meaning of its own"},
		{"{\"identities\":[{\"name\":\"a\",\"hosts\":[\"a..b\"]}]}", 400, "\"hosts\""},
		{"{\"identities\":[{\"name\":\"a\"},{\"name\":\"web\",\"hosts\":[\"a.b\"]}]}", 409,
			"web is revoked"},
	};
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\"}", 201);
	scene_post(s, "/api/v1/identities/web/revoke", NULL, 200);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scene_post(s, "/api/v1/apply", cases[i].body, cases[i].status);
		if (!strstr(client_text(&s->client, "detail"), cases[i].detail))
			fail_msg("%s: %s", cases[i].body, client_text(&s->client, "detail"));
	}
	assert_int_equal(s->catalog.n, 2);
	assert_int_equal(s->catalog.intentions.n, 0);
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "2");
}

static void test_store(void **state)
{
	char file[80], body[200];
	struct stat st;
	struct store *copy;
	struct error err;
	sprintf(file, "%.60s/copy", s->dir);
	sprintf(body, "{\"file\":\"%.70s\"}", file);
	/* Before anything was changed there is none. */
	json_t *json = scene_get(s, "/api/v1/store", 200);
	assert_json(json, "path", "null");
	assert_json(json, "revision", "null");
	scene_post(s, "/api/v1/store/backup", body, 404);
	scene_post(s, "/api/v1/store/check", NULL, 404);
	json = scene_get(s, "/api/v1/audit", 200);
	assert_json(json, "items", "[]");
	assert_json(json, "next", "null");

	scene_post(s, "/api/v1/identities", "{\"name\":\"web\"}", 201);
	json = scene_get(s, "/api/v1/store", 200);
	assert_json(json, "revision", "1");
	assert_true(json_integer_value(json_object_get(json, "sizeBytes")) > 0);
	assert_json(scene_post(s, "/api/v1/store/check", NULL, 200), "sound", "true");
	scene_post(s, "/api/v1/store/backup", body, 200);
	scene_post(s, "/api/v1/store/backup", body, 409);
	scene_post(s, "/api/v1/store/backup", "{\"file\":\"relative\"}", 400);
	scene_post(s, "/api/v1/store/backup", "{\"file\":\"/nonexistent/copy\"}", 507);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(store_open(&copy, file, scene_salt, false, &err), 0);
	store_close(copy);
}

static void test_audit_refused(void **state)
{
	static const char *const targets[] = {"/api/v1/audit?since=x",
		"/api/v1/audit?since=1h&before=0", "/api/v1/audit?after=-1",
		"/api/v1/audit?limit=501"};
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		scene_get(s, targets[i], 400);
	}
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\"}", 201);
	assert_json(scene_get(s, "/api/v1/audit?since=1h", 200), "items.0.id", "1");
	assert_json(scene_get(s, "/api/v1/audit?since=2099-01-01T00:00:00Z", 200), "items", "[]");
}

/* Few are on a page: many of them are more than the memory. */
static void test_large_details(void **state)
{
	size_t room = 2 << 20;
	char *body = malloc(room), target[64];
	for (unsigned round = 0; round < 5; round++) {
		size_t n = (size_t)sprintf(body, "{\"hosts\":[");
		for (unsigned i = 0; i < 1000; i++) {
			n += (size_t)sprintf(body + n, "%s\"%u", i ? "," : "", round);
			for (unsigned label = 0; label < 3; label++)
				n += (size_t)sprintf(body + n, "x%049u.", i);
			n += (size_t)sprintf(body + n, "\"");
			body[n - 2] = 'x'; /* instead of the last dot */
		}
		sprintf(body + n, "]}");
		scene_ask(s, API_PATCH, "/api/v1/identities/default", body, 200);
	}
	free(body);
	unsigned pages = 0;
	for (const char *after = "0"; after; pages++) {
		snprintf(target, sizeof(target), "/api/v1/audit?limit=500&after=%s", after);
		json_t *json = scene_get(s, target, 200);
		assert_int_equal(json_array_size(json_object_get(json, "items")), pages ? 2 : 3);
		after = json_string_value(json_object_get(json, "next"));
	}
	assert_int_equal(pages, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_apply, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_intentions, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_refused, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_store, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_audit_refused, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_large_details, scene_begin, scene_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
