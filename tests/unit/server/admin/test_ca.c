/* SPDX-License-Identifier: MIT */
/* The certificate authority by the admin API: made, rotated, and who gets a certificate of whose name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/node.h"
#include "tests/unit/server/admin/one_scene.h"
#include "tls/tls_request.h"

#define CA           "/api/v1/ca"
#define CERTIFICATES "/api/v1/certificates"

static struct node node = {.public_name = "Exit.Example.org:8000"};
static struct secret *key;
static char *request;

/* As the table is with a server. */
static void online(void)
{
	s->admin.api.tables = admin_api;
	s->admin.node = &node;
}

static int begin(void **state)
{
	struct error err;
	scene_open(s);
	online();
	return tls_request_make(&key, &request, &err);
}

static int end(void **state)
{
	free(request);
	key = secret_free(key);
	scene_close(s);
	return 0;
}

static void restart(void)
{
	scene_restart(s);
	online();
}

static void make_identity(const char *name, const char *more)
{
	char body[256];
	snprintf(body, sizeof(body), "{\"name\":\"%s\"%s}", name, more);
	scene_post(s, "/api/v1/identities", body, 201);
}

static struct identity *identity(const char *name)
{
	return catalog_find(&s->catalog, str_from(name));
}

/* The body of a request for a certificate, with more members. */
static const char *body_with(const char *members)
{
	static char body[2 * TLS_REQUEST_MAX];
	json_t *json = json_object();
	json_object_set_new(json, "request", json_string(request));
	json_t *more = json_loads(members, 0, NULL);
	assert_non_null(more);
	json_object_update(json, more);
	char *text = json_dumps(json, JSON_COMPACT);
	snprintf(body, sizeof(body), "%s", text);
	free(text);
	json_decref(more);
	json_decref(json);
	return body;
}

static json_t *ask(const char *members, unsigned status)
{
	return scene_post(s, CERTIFICATES, body_with(members), status);
}

/* The same as an identity that came over a link. */
static json_t *ask_as(const char *name, const char *members, unsigned status)
{
	struct client *c = &s->client;
	client_close(c);
	*c = (struct client){.request.actor = {.via = "link", .identity = identity(name)}};
	snprintf(c->request.actor.name, sizeof(c->request.actor.name), "%s", name);
	c->request.actor.credential = c->request.actor.identity->credentials;
	c->request.actor.may_all = c->request.actor.identity->value.is_operator;
	client_ask(c, &s->admin, API_POST, CERTIFICATES, body_with(members));
	scene_wait(s, c);
	if (c->request.status != status)
		fail_msg("%u instead of %u: %.*s", c->request.status, status,
			(int)c->request.answer_size, c->request.answer);
	return c->json;
}

static void expect_detail(const char *part)
{
	if (!strstr(client_text(&s->client, "detail"), part))
		fail_msg("%s", client_text(&s->client, "detail"));
}

/* Of the answer before: whether the roots of `bundle` vouch for its certificate, which is of our key. */
static int check_against(const char *bundle, struct tls_facts *facts)
{
	struct error err = {""};
	return tls_request_check(key, client_text(&s->client, "certificate"), bundle, facts, &err);
}

/* ---- The authority ---- */

static void there_is_none_until_it_is_made(void **state)
{
	char domain[64], expected[128];
	make_identity("web", "");
	scene_get(s, CA, 404);
	expect_detail("tunnel ca init");
	scene_post(s, CA "/rotate", "{}", 404);
	ask("{\"identity\":\"web\"}", 404);
	json_t *json = scene_post(s, CA, "{}", 201);
	assert_string_equal(s->client.request.location, CA);
	assert_json(json, "lifetimeSeconds", "259200");
	assert_json(json, "roots.0.state", "\"signing\"");
	assert_json(json, "roots.0.listedUntil", "null");
	assert_json(json, "roots.0.crossSigned", "null");
	assert_json(json, "roots.1", "");
	assert_null(strstr(s->client.request.answer, "PRIVATE KEY"));
	snprintf(domain, sizeof(domain), "%s", client_text(&s->client, "trustDomain"));
	assert_int_equal(strlen(domain), 36 + strlen(".tunnel"));
	assert_string_equal(domain + 36, ".tunnel");
	scene_post(s, CA, "{}", 409);
	json = scene_get(s, "/api/v1/audit", 200);
	assert_json(json, "items.0.action", "\"ca.init\"");
	snprintf(expected, sizeof(expected), "\"%s\"", domain);
	assert_json(json, "items.0.subject", expected);
	restart();
	scene_get(s, CA, 200);
	assert_string_equal(client_text(&s->client, "trustDomain"), domain);
	scene_post(s, CA, "{}", 409);
}

static void certificates_last_as_the_operator_says(void **state)
{
	make_identity("web", "");
	scene_post(s, CA, "{\"lifetime\":\"59m\"}", 400);
	scene_post(s, CA, "{\"lifetime\":\"9000h\"}", 400);
	json_t *json = scene_post(s, CA, "{\"lifetime\":\"1h\"}", 201);
	assert_json(json, "lifetimeSeconds", "3600");
	json = ask("{\"identity\":\"web\"}", 201);
	assert_json(json, "lifetimeSeconds", "3600");
	json = ask("{\"identity\":\"web\",\"lifetime\":60}", 201);
	assert_json(json, "lifetimeSeconds", "60");
	ask("{\"identity\":\"web\",\"lifetime\":1}", 400);
	ask("{\"identity\":\"web\",\"lifetime\":\"2h\"}", 400);
	expect_detail("from 5s to 1h");
	json = scene_post(s, CA "/rotate", "{\"lifetime\":\"2h\"}", 200);
	assert_json(json, "lifetimeSeconds", "7200");
	ask("{\"identity\":\"web\",\"lifetime\":\"2h\"}", 201);
	json = scene_post(s, CA "/rotate", "{}", 200);
	assert_json(json, "lifetimeSeconds", "7200");
}

/* ---- Rotation ---- */

static void a_rotation_leaves_nobody_behind(void **state)
{
	struct tls_facts facts;
	make_identity("web", "");
	scene_post(s, CA, "{}", 201);
	char *first = strdup(client_text(&s->client, "bundle"));
	ask("{\"identity\":\"web\"}", 201);
	char *old = strdup(client_text(&s->client, "certificate"));
	json_t *json = scene_post(s, CA "/rotate", "{}", 200);
	assert_json(json, "roots.0.id", "2");
	assert_json(json, "roots.0.state", "\"signing\"");
	assert_json(json, "roots.1.id", "1");
	assert_json(json, "roots.1.state", "\"listed\"");
	char *both = strdup(client_text(&s->client, "bundle"));
	assert_non_null(strstr(both, first));
	/* What the old root signed is good with the new bundle, what the new one signs with the old bundle. */
	struct error err;
	assert_int_equal(tls_request_check(key, old, both, &facts, &err), 0);
	ask("{\"identity\":\"web\"}", 201);
	assert_string_equal(client_text(&s->client, "bundle"), both);
	assert_int_equal(check_against(both, &facts), 0);
	assert_int_equal(check_against(first, &facts), 0);
	/* Twice: still from the first one, by two steps. */
	scene_post(s, CA "/rotate", "{}", 200);
	ask("{\"identity\":\"web\"}", 201);
	assert_int_equal(check_against(first, &facts), 0);
	assert_int_equal(check_against(both, &facts), 0);
	restart();
	ask("{\"identity\":\"web\"}", 201);
	assert_int_equal(check_against(first, &facts), 0);
	json = scene_get(s, "/api/v1/audit", 200);
	assert_json(json, "items.0.action", "\"ca.rotate\"");
	free(first);
	free(both);
	free(old);
}

static void a_root_is_forgotten_when_its_time_is_over(void **state)
{
	static const uint8_t none[POLICY_ROOT_KEY_SIZE];
	struct tls_facts facts;
	make_identity("web", "");
	scene_post(s, CA, "{}", 201);
	char *first = strdup(client_text(&s->client, "bundle"));
	scene_post(s, CA "/rotate", "{}", 200);
	struct policy_root *root = s->catalog.roots.v[0];
	assert_memory_equal(root->key, none, sizeof(none));
	root->listed_until = policy_now();
	json_t *json = scene_get(s, CA, 200);
	assert_json(json, "roots.0.id", "2");
	assert_json(json, "roots.1", "");
	assert_null(strstr(client_text(&s->client, "bundle"), first));
	ask("{\"identity\":\"web\"}", 201);
	assert_int_equal(check_against(first, &facts), -EINVAL);
	/* The next rotation takes it out of the store as well. */
	scene_post(s, CA "/rotate", "{}", 200);
	assert_int_equal(s->catalog.roots.n, 2);
	restart();
	assert_int_equal(s->catalog.roots.n, 2);
	assert_int_equal(s->catalog.roots.v[0]->id, 2);
	free(first);
}

static void rotations_are_few(void **state)
{
	scene_post(s, CA, "{}", 201);
	for (unsigned i = 1; i < POLICY_ROOTS_MAX; i++)
		scene_post(s, CA "/rotate", "{}", 200);
	scene_post(s, CA "/rotate", "{}", 429);
	expect_detail("8 roots are listed");
	client_close(&s->client);
	client_operator(&s->client);
	s->client.request.if_match = strdup("\"1\"");
	client_ask(&s->client, &s->admin, API_POST, CA "/rotate", "{}");
	scene_wait(s, &s->client);
	assert_int_equal(s->client.request.status, 412);
}

/* ---- Whose name ---- */

static void a_certificate_names_the_identity(void **state)
{
	char id[256];
	struct tls_facts facts;
	make_identity("web", "");
	scene_post(s, CA, "{}", 201);
	snprintf(id, sizeof(id), "spiffe://%s/ns/default/dc/exit.example.org/svc/web",
		client_text(&s->client, "trustDomain"));
	json_t *json = ask("{\"identity\":\"Web\"}", 201);
	assert_json(json, "identity", "\"web\"");
	assert_string_equal(client_text(&s->client, "id"), id);
	assert_int_equal(check_against(client_text(&s->client, "bundle"), &facts), 0);
	assert_string_equal(facts.id, id);
	assert_string_equal(facts.serial, client_text(&s->client, "serial"));
	assert_int_equal(facts.to - facts.from, 72 * 3600 + 60);
	node.public_name = "[2001:db8::1]:8000";
	ask("{\"identity\":\"web\"}", 201);
	assert_non_null(strstr(client_text(&s->client, "id"), "/dc/2001-db8--1/svc/web"));
	node.public_name = "Exit.Example.org:8000";
}

static void an_identity_gets_its_own_name_alone(void **state)
{
	make_identity("web", "");
	make_identity("redis", "");
	make_identity("boss", ",\"operator\":true");
	scene_post(s, CA, "{}", 201);
	json_t *json = ask_as("web", "{}", 201);
	assert_json(json, "identity", "\"web\"");
	json = ask_as("web", "{\"identity\":\"web\"}", 201);
	assert_json(json, "identity", "\"web\"");
	ask_as("web", "{\"identity\":\"redis\"}", 403);
	/* Nor is he told who is there. */
	ask_as("web", "{\"identity\":\"nobody\"}", 403);
	ask_as("web", "{\"identity\":\"we b\"}", 400);
	json = ask_as("boss", "{}", 201);
	assert_json(json, "identity", "\"boss\"");
	json = ask_as("boss", "{\"identity\":\"redis\"}", 201);
	assert_json(json, "identity", "\"redis\"");
	ask_as("boss", "{\"identity\":\"nobody\"}", 404);
	ask("{}", 400);
	expect_detail("\"identity\" is missing");
	ask("{\"identity\":\"nobody\"}", 404);
}

static void who_is_not_good_any_more_gets_none(void **state)
{
	make_identity("web", "");
	make_identity("redis", ",\"expiresIn\":\"1h\"");
	make_identity("late", "");
	scene_post(s, CA, "{}", 201);
	/* Nor beyond its own end. */
	ask("{\"identity\":\"redis\"}", 201);
	assert_true(json_integer_value(json_object_get(s->client.json, "lifetimeSeconds")) <= 3600);
	identity("late")->value.expires_at = policy_now();
	ask("{\"identity\":\"late\"}", 403);
	expect_detail("late is expired");
	scene_post(s, "/api/v1/identities/web/revoke", "{}", 200);
	ask("{\"identity\":\"web\"}", 403);
	expect_detail("web is revoked");
	ask_as("web", "{}", 403);
}

static void in_open_mode_there_are_none(void **state)
{
	scene_post(s, CA, "{}", 201);
	s->catalog.everybody->open = true;
	ask("{\"identity\":\"default\"}", 501);
	s->catalog.everybody->open = false;
	ask("{\"identity\":\"default\"}", 201);
}

/* ---- What is asked ---- */

static void bad_requests_are_refused(void **state)
{
	make_identity("web", "");
	scene_post(s, CA, "{}", 201);
	scene_post(s, CERTIFICATES, "{\"identity\":\"web\"}", 400);
	scene_post(s, CERTIFICATES, "{\"identity\":\"web\",\"request\":\"nonsense\"}", 400);
	expect_detail("no certificate request");
	ask("{\"identity\":\"web\",\"ca\":true}", 400);
	char *changed = strdup(request);
	/* A bit of the signature, which is at the end. */
	char *at = strstr(changed, "-----END") - 12;
	*at = *at == 'A' ? 'B' : 'A';
	free(request);
	request = changed;
	ask("{\"identity\":\"web\"}", 400);
}

static void so_many_in_a_second(void **state)
{
	make_identity("web", "");
	scene_post(s, CA, "{}", 201);
	const char *body = body_with("{\"identity\":\"web\"}");
	unsigned good = 0, status = 201;
	/* The loop's clock stands while nothing is waited for. */
	while (status == 201 && good <= 2 * AUTHORITY_RATE) {
		client_close(&s->client);
		client_operator(&s->client);
		client_ask(&s->client, &s->admin, API_POST, CERTIFICATES, body);
		status = s->client.request.status;
		good += status == 201;
	}
	assert_int_equal(status, 429);
	assert_int_equal(s->client.request.retry_after, 1);
	assert_int_equal(good, AUTHORITY_RATE);
	/* A while later there is room again. */
	s->admin.authority.busy_until -= CLOCK_S / AUTHORITY_RATE;
	ask("{\"identity\":\"web\"}", 201);
}

static void without_a_server_nothing_is_signed(void **state)
{
	make_identity("web", "");
	s->admin.api.tables = admin_api_offline;
	s->admin.node = NULL;
	scene_post(s, CA, "{}", 201);
	scene_post(s, CA "/rotate", "{}", 200);
	scene_get(s, CA, 200);
	ask("{\"identity\":\"web\"}", 404);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_is_none_until_it_is_made),
		TEST(certificates_last_as_the_operator_says),
		TEST(a_rotation_leaves_nobody_behind),
		TEST(a_root_is_forgotten_when_its_time_is_over),
		TEST(rotations_are_few),
		TEST(a_certificate_names_the_identity),
		TEST(an_identity_gets_its_own_name_alone),
		TEST(who_is_not_good_any_more_gets_none),
		TEST(in_open_mode_there_are_none),
		TEST(bad_requests_are_refused),
		TEST(so_many_in_a_second),
		TEST(without_a_server_nothing_is_signed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
