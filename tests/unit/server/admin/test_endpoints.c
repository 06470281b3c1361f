/* SPDX-License-Identifier: MIT */
/* Endpoints by the admin API: asked for, decided, deleted by either side, listed, and who sees and may what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/server/admin/one_scene.h"

#define PATH     "/api/v1/endpoints"
#define STATUS   "properties.privateLinkServiceConnectionState.status"
#define DESCRIBE "properties.privateLinkServiceConnectionState.description"

static char id[POLICY_ENDPOINT_ID_SIZE]; /* of the endpoint that was asked for last */

/* "/api/v1/endpoints/ID…" of that one, in a room of its own. */
static const char *at(const char *more)
{
	static char target[256];
	snprintf(target, sizeof(target), PATH "/%s%s", id, more);
	return target;
}

static json_t *asked_by(const char *name, const char *service, unsigned status)
{
	char body[256];
	snprintf(body, sizeof(body), "{\"service\":\"%s\",\"message\":\"ticket 4711\"}", service);
	json_t *json = scene_ask_as(s, name, API_POST, PATH, body, status);
	if (status < 400)
		snprintf(id, sizeof(id), "%s", client_text(&s->client, "name"));
	return json;
}

/* team has super-api, which web may ask for, batch need not wait, and other has nothing to do with. */
static int begin(void **state)
{
	scene_begin(state);
	scene_post(s, "/api/v1/identities", "{\"name\":\"team\",\"publish\":[\"*\"]}", 201);
	scene_post(s, "/api/v1/identities", "{\"name\":\"other\",\"publish\":[\"*\"]}", 201);
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\"}", 201);
	scene_post(s, "/api/v1/identities", "{\"name\":\"batch\"}", 201);
	scene_ask_as(s, "team", API_POST, "/api/v1/services",
		"{\"name\":\"super-api\",\"visibility\":[\"web\",\"batch\"],\"autoApproval\":["
		"\"batch\"]}",
		201);
	return 0;
}

static void test_shape(void **state)
{
	char text[256];
	json_t *json = asked_by("web", "super-api", 201);
	snprintf(text, sizeof(text), PATH "/%s", id);
	assert_string_equal(s->client.request.location, text);
	snprintf(text, sizeof(text), "\"/services/super-api/privateEndpointConnections/%s\"", id);
	assert_json(json, "id", text);
	assert_true(strncmp(id, "web.", 4) == 0 && strlen(id) == 4 + POLICY_UID_DIGITS);
	assert_json(json, "type", "\"tunnel/services/privateEndpointConnections\"");
	assert_json(json, "location", "\"\"");
	assert_json(json, "resourceGroup", "\"team\"");
	assert_json(json, "etag", "\"W/\\\"6\\\"\"");
	assert_json(json, "properties.privateEndpoint",
		"{\"id\":\"/identities/web/privateEndpoints/web\",\"resourceGroup\":\"web\"}");
	assert_json(json, "properties.privateLinkServiceConnectionState",
		"{\"status\":\"Pending\",\"description\":\"\",\"actionsRequired\":\"None\"}");
	assert_json(json, "properties.provisioningState", "\"Pending\"");
	assert_json(json, "properties.linkIdentifier", "\"1\"");
	assert_json(json, "properties.ipAddresses", "[]");
	assert_json(json, "properties.requestMessage", "\"ticket 4711\"");
	assert_json(json, "properties.endToEndKey", "null");
	assert_json(json, "properties.decidedBy", "\"\"");
	assert_json(json, "properties.streams", "0");
	assert_json(json, "properties.online", "false");
	const char *created = json_string_value(
		json_object_get(json_object_get(json, "properties"), "createdAt"));
	assert_int_equal(strlen(created), strlen("2026-11-28T13:01:02Z"));
	assert_string_equal(created + 19, "Z");
	/* No member that the shape does not have. */
	assert_int_equal(json_object_size(json), 7);
	assert_int_equal(json_object_size(json_object_get(json, "properties")), 12);
}

static void test_decisions(void **state)
{
	asked_by("web", "super-api", 201);
	/* The same again is one endpoint. */
	assert_json(asked_by("web", "super-api", 200), "properties.linkIdentifier", "\"1\"");
	json_t *json = scene_ask_as(s, "team", API_POST, at("/approve"),
		"{\"description\":\"ticket 4711\"}", 200);
	assert_json(json, STATUS, "\"Approved\"");
	assert_json(json, DESCRIBE, "\"ticket 4711\"");
	assert_json(json, "properties.provisioningState", "\"Succeeded\"");
	assert_json(json, "properties.decidedBy", "\"team\"");
	assert_json(json, "streamsCut", "0");
	/* Without a description the one before is lost, as in Azure. */
	json = scene_ask_as(s, "team", API_POST, at("/approve"), NULL, 200);
	assert_json(json, DESCRIBE, "\"\"");
	json = scene_post(s, at("/reject"), "{\"description\":\"not this quarter\"}", 200);
	assert_json(json, STATUS, "\"Rejected\"");
	assert_json(json, "properties.decidedBy", "\"uid 0\"");
	scene_restart(s);
	json = scene_get(s, at(""), 200);
	assert_json(json, STATUS, "\"Rejected\"");
	assert_json(json, DESCRIBE, "\"not this quarter\"");
	assert_json(json, "properties.linkIdentifier", "\"1\"");
	json = scene_get(s, "/api/v1/services/super-api", 200);
	assert_json(json, "properties.endpoints.rejected", "1");
	assert_json(json, "properties.endpoints.approved", "0");

	json = scene_get(s, "/api/v1/audit", 200);
	assert_json(json, "items.0.action", "\"endpoint.reject\"");
	assert_json(json, "items.0.detail.was", "\"Approved\"");
	assert_json(json, "items.0.detail.is", "\"Rejected\"");
	assert_json(json, "items.1.action", "\"endpoint.approve\"");
	assert_json(json, "items.2.detail.description", "\"ticket 4711\"");
	assert_json(json, "items.3.action", "\"endpoint.request\"");
}

static void test_at_once(void **state)
{
	json_t *json = asked_by("batch", "super-api", 201);
	assert_json(json, STATUS, "\"Approved\"");
	assert_json(json, DESCRIBE, "\"Auto-Approved\"");
	json = asked_by("team", "super-api", 201);
	assert_json(json, STATUS, "\"Approved\"");
	/* An operator asks for others, and does not decide by it. */
	json = scene_post(s, PATH,
		"{\"service\":\"super-api\",\"consumer\":\"web\",\"name\":\"two\"}", 201);
	assert_json(json, STATUS, "\"Pending\"");
	assert_json(json, "properties.privateEndpoint.id",
		"\"/identities/web/privateEndpoints/two\"");
}

static void test_deleted(void **state)
{
	asked_by("web", "super-api", 201);
	scene_ask_as(s, "team", API_POST, at("/approve"), NULL, 200);
	/* By the provider's side: its consumer is told, and can do nothing but to delete it. */
	json_t *json = scene_ask_as(s, "team", API_DELETE, at(""), NULL, 200);
	assert_json(json, "status", "\"Disconnected\"");
	assert_json(json, "streamsCut", "0");
	assert_json(scene_ask_as(s, "web", API_GET, at(""), NULL, 200), STATUS, "\"Disconnected\"");
	scene_ask_as(s, "team", API_POST, at("/approve"), NULL, 409);
	scene_ask_as(s, "team", API_POST, at("/reject"), NULL, 409);
	asked_by("web", "super-api", 200);
	json = scene_ask_as(s, "web", API_DELETE, at(""), NULL, 200);
	assert_json(json, "status", "null");
	scene_get(s, at(""), 404);
	/* Asked for again, it is another one, whose link id was never given. */
	json = asked_by("web", "super-api", 201);
	assert_json(json, "properties.linkIdentifier", "\"2\"");

	/* An operator takes away what is Disconnected. */
	assert_json(scene_ask(s, API_DELETE, at(""), NULL, 200), "status", "\"Disconnected\"");
	assert_json(scene_ask(s, API_DELETE, at(""), NULL, 200), "status", "null");
	scene_ask(s, API_DELETE, at(""), NULL, 404);
	assert_int_equal(s->catalog.private.n_endpoints, 0);
}

/* Of a private service that goes all are Disconnected; it goes itself with the last of them. */
static void test_service_deleted(void **state)
{
	asked_by("web", "super-api", 201);
	asked_by("batch", "super-api", 201);
	json_t *json = scene_ask_as(s, "team", API_DELETE, "/api/v1/services/super-api", NULL, 200);
	assert_json(json, "endpointsDisconnected", "2");
	for (int restarted = 0; restarted < 2; restarted++) {
		scene_get(s, "/api/v1/services/super-api", 404);
		assert_json(scene_get(s, "/api/v1/services", 200), "items", "[]");
		json = scene_get(s, PATH "?status=disconnected", 200);
		assert_json(json, "items.1.properties.provisioningState", "\"Succeeded\"");
		scene_restart(s);
	}
	/* Its owner may have the name again; endpoints of before stay what they are. */
	scene_ask_as(s, "other", API_POST, "/api/v1/services", "{\"name\":\"super-api\"}", 409);
	scene_ask_as(s, "team", API_POST, "/api/v1/services", "{\"name\":\"super-api\"}", 201);
	scene_ask_as(s, "batch", API_DELETE, at(""), NULL, 200);
	json = scene_get(s, PATH, 200);
	assert_json(json, "items.0." STATUS, "\"Disconnected\"");
	assert_json(json, "items.1", "");
}

static void test_identity_deleted(void **state)
{
	asked_by("web", "super-api", 201);
	asked_by("team", "super-api", 201);
	scene_ask_as(s, "other", API_POST, "/api/v1/services",
		"{\"name\":\"db\",\"visibility\":[\"team\"]}", 201);
	asked_by("team", "db", 201);
	json_t *json = scene_get(s, "/api/v1/identities/team", 200);
	assert_json(json, "privateServices", "1");
	assert_json(json, "endpoints", "2");
	json = scene_ask(s, API_DELETE, "/api/v1/identities/team", NULL, 200);
	assert_json(json, "privateServicesDeleted", "1");
	assert_json(json, "endpointsDeleted", "3");
	assert_json(scene_get(s, PATH, 200), "items", "[]");
	scene_restart(s);
	assert_json(scene_get(s, PATH, 200), "items", "[]");
	scene_get(s, "/api/v1/services/super-api", 404);
	scene_get(s, "/api/v1/services/db", 200);
}

/* ---- Who ---- */

static void test_others(void **state)
{
	static const struct {
		enum api_method method;
		const char *more;
	} asked[] = {{API_GET, ""}, {API_DELETE, ""}, {API_POST, "/approve"},
		{API_POST, "/reject"}};
	char there[256], sentence[128];
	asked_by("web", "super-api", 201);
	/* Its consumer sees it, and does not decide. */
	scene_ask_as(s, "web", API_GET, at(""), NULL, 200);
	scene_ask_as(s, "web", API_POST, at("/approve"), NULL, 403);
	/* Whom it does not concern is told what he is told of what is not there. */
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		scene_ask_as(s, "other", asked[i].method, at(asked[i].more), NULL, 404);
		snprintf(there, sizeof(there), "%s", client_text(&s->client, "detail"));
		snprintf(sentence, sizeof(sentence), "there is no endpoint \"%s\"", id);
		assert_string_equal(there, sentence);
	}
	scene_ask_as(s, "other", API_GET, PATH "/web.0123456789abcdef", NULL, 404);
	assert_string_equal(client_text(&s->client, "detail"),
		"there is no endpoint \"web.0123456789abcdef\"");
	assert_json(scene_ask_as(s, "other", API_GET, PATH, NULL, 200), "items", "[]");
	assert_json(scene_ask_as(s, "web", API_GET, PATH, NULL, 200), "items.0.resourceGroup",
		"\"team\"");
	assert_json(scene_ask_as(s, "team", API_GET, PATH, NULL, 200), "items.0.resourceGroup",
		"\"team\"");
	scene_ask_as(s, "web", API_POST, PATH, "{\"service\":\"super-api\",\"consumer\":\"batch\"}",
		403);

	/* One that he may not ask for, and one that is not there. */
	asked_by("other", "super-api", 404);
	snprintf(there, sizeof(there), "%s", client_text(&s->client, "detail"));
	asked_by("other", "nothing", 404);
	assert_string_equal(there, client_text(&s->client, "detail"));
}

/* Whoever guesses is answered at the pace of `attach`, also where he would be right. */
static void test_pace(void **state)
{
	for (unsigned i = 0; i < 20; i++)
		asked_by("web", "nothing", 404);
	asked_by("web", "super-api", 429);
	asked_by("batch", "super-api", 201);
}

/* ---- Names ---- */

static void test_ids(void **state)
{
	char target[512];
	asked_by("web", "super-api", 201);
	scene_get(s, PATH "/web", 200);
	scene_get(s, PATH "/WEB", 200);
	snprintf(target, sizeof(target), PATH "/%.6s", id);
	scene_get(s, target, 200);
	snprintf(target, sizeof(target),
		PATH "/%%2Fservices%%2Fsuper-api%%2FprivateEndpointConnections%%2F%s", id);
	scene_get(s, target, 200);
	snprintf(target, sizeof(target),
		PATH "/%%2Fservices%%2Fother%%2FprivateEndpointConnections%%2F%s", id);
	scene_get(s, target, 404);
	scene_get(s, PATH "/we", 404);

	scene_post(s, PATH, "{\"service\":\"super-api\",\"consumer\":\"web\",\"name\":\"two\"}",
		201);
	scene_get(s, PATH "/web", 400);
	assert_non_null(strstr(client_text(&s->client, "detail"), "several"));
	scene_get(s, at(""), 200);
	/* Of others' there are none that could be meant. */
	scene_ask_as(s, "other", API_POST, "/api/v1/services",
		"{\"name\":\"db\",\"visibility\":[\"web\"]}", 201);
	asked_by("web", "db", 201);
	scene_ask_as(s, "other", API_GET, PATH "/web", NULL, 200);
}

static void test_lists(void **state)
{
	asked_by("web", "super-api", 201);
	asked_by("batch", "super-api", 201);
	scene_ask_as(s, "other", API_POST, "/api/v1/services",
		"{\"name\":\"db\",\"visibility\":[\"@all\"]}", 201);
	asked_by("web", "db", 201);
	const struct {
		const char *query;
		size_t n;
	} cases[] = {{"", 3}, {"?status=Pending", 2}, {"?status=approved", 1},
		{"?status=Rejected", 0}, {"?service=db", 1}, {"?service=none", 0},
		{"?consumer=web", 2}, {"?consumer=Web&service=super-api", 1}, {"?after=2", 1},
		{"?after=nonsense", 0}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char target[128];
		snprintf(target, sizeof(target), PATH "%s", cases[i].query);
		json_t *json = scene_get(s, target, 200);
		if (json_array_size(json_object_get(json, "items")) != cases[i].n)
			fail_msg("%s has %zu", cases[i].query,
				json_array_size(json_object_get(json, "items")));
	}
	json_t *json = scene_get(s, PATH "?limit=2", 200);
	assert_json(json, "next", "\"2\"");
	scene_get(s, PATH "?status=new", 400);
}

/* Each member of the basic view is that of the full one. */
static bool within(const json_t *basic, const json_t *full)
{
	const char *name;
	json_t *value;
	if (!json_is_object(basic))
		return json_equal(basic, full);
	json_object_foreach((json_t *)(uintptr_t)basic, name, value)
	{
		if (!within(value, json_object_get(full, name)))
			return false;
	}
	return true;
}

static void test_view(void **state)
{
	asked_by("web", "super-api", 201);
	scene_ask_as(s, "web", API_POST, PATH,
		"{\"service\":\"super-api\",\"name\":\"two\",\"message\":\"\\\"now\\\"\"}", 201);
	json_t *full = json_incref(scene_get(s, PATH "?view=full", 200));
	json_t *basic = scene_get(s, PATH "?view=basic", 200);
	assert_int_equal(json_array_size(json_object_get(basic, "items")), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *one = json_array_get(json_object_get(basic, "items"), i);
		assert_true(within(one, json_array_get(json_object_get(full, "items"), i)));
		assert_int_equal(json_object_size(one), 4);
		assert_int_equal(json_object_size(json_object_get(one, "properties")), 7);
	}
	json_decref(full);
	scene_get(s, PATH "?view=all", 400);
}

static void test_refused(void **state)
{
	static const char long_message[] =
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"0123456789012345678901234567890123456789012345678901234567890123456789x";
	char body[256];
	asked_by("web", "super-api", 201);
	scene_post(s, PATH, "{}", 400);
	scene_post(s, PATH, "{\"service\":\"a b\"}", 400);
	scene_post(s, PATH, "{\"service\":\"super-api\",\"name\":\"a_b\"}", 400);
	scene_post(s, PATH, "{\"service\":\"super-api\",\"consumer\":\"nobody\"}", 404);
	snprintf(body, sizeof(body), "{\"service\":\"super-api\",\"message\":\"%s\"}",
		long_message);
	scene_post(s, PATH, body, 400);
	scene_post(s, at("/approve"), "{\"description\":\"\\u0007\"}", 400);
	scene_post(s, at("/approve"), "{\"endToEndKey\":\"x25519/00\"}", 400);
	scene_post(s, at("/approve"), "{\"status\":\"Approved\"}", 400);
	assert_json(scene_get(s, at(""), 200), STATUS, "\"Pending\"");
}

/* A decision is about the revision and the key that were looked at. */
static void test_stale(void **state)
{
	static const char key[] =
		"x25519/"
		"0900000000000000000000000000000000000000000000000000000000000000";
	char body[256];
	asked_by("web", "super-api", 201);
	snprintf(body, sizeof(body), "{\"endToEndKey\":\"%s\"}", key);
	scene_post(s, at("/approve"), body, 412);
	assert_non_null(strstr(client_text(&s->client, "detail"), "none"));
	struct endpoint *e = s->catalog.private.endpoints[0];
	e->value.e2e_key[0] = 9;
	/* Nobody looks at keys where nothing is sealed with them. */
	json_t *json = scene_get(s, at(""), 200);
	assert_json(json, "properties.endToEndKey", "null");
	e->service->value.e2e_key[0] = 1;
	json = scene_post(s, at("/approve"), body, 200);
	snprintf(body, sizeof(body), "\"%s\"", key);
	assert_json(json, "properties.endToEndKey", body);
	for (int i = 0; i < 2; i++) {
		struct client d;
		client_operator(&d);
		d.request.if_match = strdup(i ? "W/\"7\"" : "\"6\"");
		client_ask(&d, &s->admin, API_POST, at("/reject"), NULL);
		scene_wait(s, &d);
		assert_int_equal(d.request.status, i ? 200 : 412);
		client_close(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shape, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_decisions, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_at_once, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_deleted, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_service_deleted, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_identity_deleted, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_others, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_pace, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_ids, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_lists, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_view, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_refused, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_stale, begin, scene_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
