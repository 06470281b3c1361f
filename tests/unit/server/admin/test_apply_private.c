/* SPDX-License-Identifier: MIT */
/* Private services and decisions about endpoints by a file, beside the identities that it makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/server/admin/one_scene.h"

#define PATH "/api/v1/apply"

static const char all[] =
	"{\"identities\":[{\"name\":\"team\",\"publish\":[\"redis\"]},{\"name\":\"web\"}],"
	"\"services\":[{\"name\":\"Redis\",\"owner\":\"team\",\"visibility\":[\"web\",\"batch\"],"
	"\"description\":\"d\"},{\"name\":\"own\"}],"
	"\"endpoints\":[{\"consumer\":\"web\",\"service\":\"redis\",\"description\":\"4711\"},"
	"{\"consumer\":\"web\",\"service\":\"own\",\"name\":\"two\",\"status\":\"rejected\"}],"
	"\"intentions\":[{\"source\":\"web\",\"destination\":\"redis\"}]}";

static void is_as_the_file_says(void)
{
	json_t *json = scene_get(s, "/api/v1/services/redis", 200);
	assert_json(json, "resourceGroup", "\"team\"");
	assert_json(json, "properties.displayName", "\"Redis\"");
	assert_json(json, "properties.managed", "true");
	assert_json(json, "properties.visibility.subscriptions", "[\"batch\",\"web\"]");
	assert_json(json, "properties.endpoints.approved", "1");
	json = scene_get(s, "/api/v1/services/own", 200);
	assert_json(json, "resourceGroup", "\"default\"");
	json = scene_get(s, "/api/v1/endpoints", 200);
	assert_json(json, "items.0.properties.privateLinkServiceConnectionState.status",
		"\"Approved\"");
	assert_json(json, "items.0.properties.privateLinkServiceConnectionState.description",
		"\"4711\"");
	assert_json(json, "items.0.properties.linkIdentifier", "\"1\"");
	assert_json(json, "items.1.properties.provisioningState", "\"Succeeded\"");
	assert_json(json, "items.1.properties.privateEndpoint.id",
		"\"/identities/web/privateEndpoints/two\"");
	assert_json(json, "items.1.properties.linkIdentifier", "\"2\"");
	assert_json(json, "items.2", "");
}

static void test_all(void **state)
{
	json_t *json = scene_post(s, PATH "?dryRun=true", all, 200);
	assert_json(json, "changes.2.subject", "\"service redis\"");
	assert_json(json, "changes.2.action", "\"create\"");
	assert_json(json, "changes.4.subject", "\"endpoint web at redis\"");
	assert_json(json, "changes.4.detail.is.status", "\"Approved\"");
	assert_json(json, "changes.5.subject", "\"endpoint web two at own\"");
	assert_json(json, "changes.6.subject", "\"web => redis\"");
	assert_int_equal(s->catalog.private.n_services, 0);
	assert_json(scene_get(s, "/api/v1/store", 200), "path", "null");

	scene_post(s, PATH, all, 200);
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "1"); /* one change */
	is_as_the_file_says();
	scene_restart(s);
	is_as_the_file_says();
	assert_json(scene_get(s, "/api/v1/audit", 200), "items.0.subject",
		"\"identities, services, endpoints and intentions\"");
	/* Again: nothing. */
	json = scene_post(s, PATH, all, 200);
	for (size_t i = 0; i < 7; i++)
		assert_string_equal(json_string_value(json_object_get(
					    json_array_get(json_object_get(json, "changes"), i),
					    "action")),
			"none");
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "1");
}

static void test_update(void **state)
{
	scene_post(s, PATH, all, 200);
	json_t *json = scene_post(s, PATH,
		"{\"services\":[{\"name\":\"redis\",\"owner\":\"team\",\"visibility\":[\"web\"],"
		"\"managed\":false}],\"endpoints\":[{\"consumer\":\"web\",\"service\":\"redis\","
		"\"status\":\"Rejected\"},{\"consumer\":\"web\",\"service\":\"own\",\"name\":"
		"\"two\"}]}",
		200);
	assert_json(json, "changes.0.action", "\"update\"");
	assert_json(json, "changes.0.detail.was.visibility", "[\"batch\",\"web\"]");
	assert_json(json, "changes.1.detail.was.status", "\"Approved\"");
	assert_json(json, "changes.1.detail.is.status", "\"Rejected\"");
	assert_json(json, "changes.2.detail.is.status", "\"Approved\"");
	json = scene_get(s, "/api/v1/services/redis", 200);
	assert_json(json, "properties.managed", "false");
	/* What the file does not say of one it has not. */
	assert_json(json, "properties.description", "\"\"");
	assert_json(json, "properties.endpoints.rejected", "1");
	scene_restart(s);
	json = scene_get(s, "/api/v1/endpoints?status=Approved", 200);
	assert_json(json, "items.0.properties.linkIdentifier", "\"2\"");
	assert_json(json, "items.1", "");
}

/* A consumer whose endpoint was decided before it asked need not wait. */
static void test_asked_later(void **state)
{
	scene_post(s, PATH, all, 200);
	json_t *json = scene_ask_as(s, "web", API_POST, "/api/v1/endpoints",
		"{\"service\":\"redis\"}", 200);
	assert_json(json, "properties.linkIdentifier", "\"1\"");
	json = scene_ask_as(s, "web", API_POST, "/api/v1/endpoints",
		"{\"service\":\"redis\",\"name\":\"more\"}", 201);
	assert_json(json, "properties.linkIdentifier", "\"3\"");
}

/* All or nothing. */
static void test_refused(void **state)
{
	static const struct {
		const char *body;
		unsigned status;
		const char *detail;
	} cases[] = {
		{"{\"services\":[{\"name\":\"x\"},{\"name\":\"X\"}]}", 400,
			"service 2: x is there twice"},
		{"{\"services\":[{\"name\":\"x\",\"owner\":\"nobody\"}]}", 400,
			"service x: there is no identity nobody"},
		{"{\"services\":[{\"name\":\"x\",\"owner\":\"team\"}]}", 403,
			"service x: it takes"},
		{"{\"services\":[{\"name\":\"redis\"}]}", 409, "service redis: the name is taken"},
		{"{\"services\":[{\"name\":\"redis\",\"owner\":\"team\",\"kind\":\"udp\"}]}", 400,
			"its kind is"},
		{"{\"services\":[{\"name\":\"x\",\"visibility\":[\"a b\"]}]}", 400, "service 1: "},
		{"{\"services\":[{\"name\":\"x\",\"alias\":\"y\"}]}", 400,
			"service 1: there is no member \"alias\""},
		{"{\"endpoints\":[{\"consumer\":\"web\"}]}", 400,
			"endpoint 1: the member \"service\""},
		{"{\"endpoints\":[{\"consumer\":\"web\",\"service\":\"none\"}]}", 400,
			"endpoint web at none: there is no private service none"},
		{"{\"endpoints\":[{\"consumer\":\"nobody\",\"service\":\"redis\"}]}", 400,
			"there is no identity nobody"},
		{"{\"endpoints\":[{\"consumer\":\"web\",\"service\":\"redis\",\"status\":"
		 "\"Pending\"}]}",
			400, "Approved or Rejected"},
		{"{\"endpoints\":[{\"consumer\":\"web\",\"service\":\"redis\"},{\"consumer\":"
		 "\"web\","
		 "\"service\":\"redis\"}]}",
			400, "endpoint 2: web at redis is there twice"},
		{"{\"endpoints\":[{\"consumer\":\"web\",\"service\":\"own\",\"name\":\"two\"}],"
		 "\"services\":[{\"name\":\"fine\"}]}",
			409, "endpoint web two at own: "},
	};
	scene_post(s, PATH, all, 200);
	char target[128];
	json_t *json = scene_get(s, "/api/v1/endpoints?service=own", 200);
	snprintf(target, sizeof(target), "/api/v1/endpoints/%s",
		json_string_value(json_object_get(json_array_get(json_object_get(json, "items"), 0),
			"name")));
	scene_ask(s, API_DELETE, target, NULL, 200); /* Disconnected */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scene_post(s, PATH, cases[i].body, cases[i].status);
		if (!strstr(client_text(&s->client, "detail"), cases[i].detail))
			fail_msg("%s: %s", cases[i].body, client_text(&s->client, "detail"));
	}
	assert_json(scene_get(s, "/api/v1/store", 200), "revision", "2");
	assert_json(scene_get(s, "/api/v1/services", 200), "items.2", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_update, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_asked_later, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_refused, scene_begin, scene_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
