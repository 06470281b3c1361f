/* SPDX-License-Identifier: MIT */
/* Changes: one at a time, in order; what is in force when they cannot be stored, and what is stored afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/control/change.h"
#include "tests/unit/server/admin/one_scene.h"

/* The folder of the store is not there, until it is mended. */
static void break_store(void)
{
	free(s->store.path);
	assert_int_not_equal(asprintf(&s->store.path, "%s/nowhere/" STORE_FILE, s->dir), -1);
}

static void mend_store(void)
{
	free(s->store.path);
	assert_int_not_equal(asprintf(&s->store.path, "%s/" STORE_FILE, s->dir), -1);
}

static void assert_said(const char *part)
{
	if (!strstr(client_text(&s->client, "detail"), part))
		fail_msg("%s", client_text(&s->client, "detail"));
	assert_string_equal(client_text(&s->client, "reason"), "store");
}

/* What gives is not in force unless it is stored. */
static void test_gives(void **state)
{
	break_store();
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\",\"token\":\"the token of the web\"}",
		507);
	assert_said("nothing was changed: ");
	scene_get(s, "/api/v1/identities/web", 404);
	assert_false(scene_token_good(s, "the token of the web"));
	scene_ask(s, API_PATCH, "/api/v1/identities/default", "{\"operator\":true}", 507);
	assert_json(scene_get(s, "/api/v1/identities/default", 200), "operator", "false");
	assert_true(list_empty(&s->admin.changes->unstored));
	mend_store();
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\",\"token\":\"the token of the web\"}",
		201);
	assert_true(scene_token_good(s, "the token of the web"));
}

/* What takes away is in force at once, and stored as soon as it can be: before what comes next. */
static void test_takes(void **state)
{
	break_store();
	scene_post(s, "/api/v1/identities/default/revoke", NULL, 507);
	assert_said("it is in effect, but not stored: ");
	assert_false(scene_token_good(s, scene_token));
	/* What comes next is not stored before it. */
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\"}", 507);
	assert_said("nothing was changed: ");
	mend_store();
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\",\"token\":\"the token of the web\"}",
		201);
	assert_json(s->client.json, "revision", "2");
	assert_true(list_empty(&s->admin.changes->unstored));
	scene_restart(s);
	assert_false(scene_token_good(s, scene_token));
	assert_true(scene_token_good(s, "the token of the web"));
	json_t *json = scene_get(s, "/api/v1/audit", 200);
	assert_json(json, "items.0.action", "\"identity.create\"");
	assert_json(json, "items.1.action", "\"identity.revoke\"");
	assert_json(json, "items.2", "");
}

/* Of a change that takes and gives, what it takes is in force, and alone stored later. */
static void test_both(void **state)
{
	break_store();
	scene_ask(s, API_PATCH, "/api/v1/identities/default",
		"{\"hosts\":[\"a.b\"],\"operator\":true,\"maxSessions\":7}", 507);
	assert_said("it is in effect, but not stored: ");
	json_t *json = scene_get(s, "/api/v1/identities/default", 200);
	assert_json(json, "hosts", "[\"a.b\"]");
	assert_json(json, "maxSessions", "7");
	assert_json(json, "operator", "false");
	/* The next change of the same row is judged behind it, and has its revision. */
	scene_ask(s, API_PATCH, "/api/v1/identities/default", "{\"maxSessions\":5}", 507);
	mend_store();
	json = scene_ask(s, API_PATCH, "/api/v1/identities/default", "{\"maxStreams\":9}", 200);
	assert_json(json, "revision", "3");
	scene_restart(s);
	json = scene_get(s, "/api/v1/identities/default", 200);
	assert_json(json, "hosts", "[\"a.b\"]");
	assert_json(json, "maxSessions", "5");
	assert_json(json, "maxStreams", "9");
	assert_json(json, "operator", "false");
}

/* A disk stays full while everybody is revoked: those that wait to be stored are in nobody's way. */
static void test_takes_many(void **state)
{
	char body[64];
	break_store();
	for (unsigned i = 0; i <= CHANGE_QUEUE_MAX; i++) {
		snprintf(body, sizeof(body), "{\"maxStreams\":%u}", 2 * CHANGE_QUEUE_MAX - i);
		scene_ask(s, API_PATCH, "/api/v1/identities/default", body, 507);
	}
	assert_int_equal(s->admin.changes->n, 0);
	mend_store();
	scene_ask(s, API_PATCH, "/api/v1/identities/default", "{\"maxStreams\":1}", 200);
	assert_true(list_empty(&s->admin.changes->unstored));
	assert_int_equal(s->admin.changes->n, 0);
	scene_restart(s);
	assert_json(scene_get(s, "/api/v1/identities/default", 200), "maxStreams", "1");
}

/* Without anything else to do it is tried again by itself. */
static void test_retry(void **state)
{
	break_store();
	scene_post(s, "/api/v1/identities/default/revoke", NULL, 507);
	struct changes *q = s->admin.changes;
	assert_in_range(q->retry.deadline - loop_now(s->loop), CHANGE_RETRY - CLOCK_S,
		CHANGE_RETRY);
	loop_timer_set(&q->retry, loop_now(s->loop) + 1);
	while (q->retry.deadline <= loop_now(s->loop) + CLOCK_S || q->storing)
		loop_turn(s->loop);
	assert_false(list_empty(&q->unstored));
	assert_in_range(q->retry.deadline - loop_now(s->loop), CHANGE_RETRY - CLOCK_S,
		CHANGE_RETRY);
	mend_store();
	loop_timer_set(&q->retry, loop_now(s->loop) + 1);
	while (!list_empty(&q->unstored))
		loop_turn(s->loop);
	scene_restart(s);
	assert_false(scene_token_good(s, scene_token));
}

/* Storing the first of two changes that are in force takes back nothing of the second, whose turn is later. */
static void test_retry_order(void **state)
{
	const struct identity *i = s->catalog.everybody;
	struct changes *q = s->admin.changes;
	break_store();
	scene_ask(s, API_PATCH, "/api/v1/identities/default",
		"{\"hosts\":[\"a.b\"],\"description\":\"fewer\"}", 507);
	scene_ask(s, API_PATCH, "/api/v1/identities/default", "{\"maxSessions\":5}", 507);
	scene_post(s, "/api/v1/identities/default/revoke", NULL, 507);
	mend_store();
	loop_timer_set(&q->retry, loop_now(s->loop) + 1);
	while (!list_empty(&q->unstored)) {
		loop_turn(s->loop);
		assert_true(i->value.revoked);
		assert_int_equal(i->value.max_sessions, 5);
	}
	json_t *json = scene_get(s, "/api/v1/identities/default", 200);
	assert_json(json, "revision", "3");
	scene_restart(s);
	json = scene_get(s, "/api/v1/identities/default", 200);
	assert_json(json, "revision", "3");
	assert_json(json, "state", "\"revoked\"");
	assert_json(json, "hosts", "[\"a.b\"]");
	assert_json(json, "maxSessions", "5");
	assert_json(json, "description", "\"fewer\"");
}

static void ask_for_streams(struct client *c, unsigned n)
{
	char body[64];
	snprintf(body, sizeof(body), "{\"maxStreams\":%u}", n);
	client_operator(c);
	client_ask(c, &s->admin, API_PATCH, "/api/v1/identities/default", body);
}

/* They wait one behind the other, and are answered in their order. */
static void test_order(void **state)
{
	struct client clients[20];
	for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
		ask_for_streams(&clients[i], i + 1);
	scene_wait(s, &clients[ARRAY_LEN(clients) - 1]);
	for (unsigned i = 0; i < ARRAY_LEN(clients); i++) {
		char revision[16];
		snprintf(revision, sizeof(revision), "%u", i + 1);
		assert_int_equal(clients[i].answers, 1);
		assert_int_equal(clients[i].request.status, 200);
		assert_json(clients[i].json, "revision", revision);
		client_close(&clients[i]);
	}
	assert_int_equal(s->admin.changes->n, 0);
}

/* So many wait; one more is told to come again. */
static void test_queue(void **state)
{
	struct client *clients = calloc(CHANGE_QUEUE_MAX + 1, sizeof(*clients));
	for (unsigned i = 0; i <= CHANGE_QUEUE_MAX; i++) {
		ask_for_streams(&clients[i], i + 1);
		assert_int_equal(clients[i].answers, i == CHANGE_QUEUE_MAX);
	}
	assert_int_equal(clients[CHANGE_QUEUE_MAX].request.status, 503);
	assert_int_equal(clients[CHANGE_QUEUE_MAX].request.retry_after, 1);
	scene_wait(s, &clients[0]);
	assert_int_equal(s->admin.changes->n, CHANGE_QUEUE_MAX - 1);
	scene_restart(s);
	for (unsigned i = 0; i <= CHANGE_QUEUE_MAX; i++) {
		assert_int_equal(clients[i].answers, 1);
		assert_int_equal(clients[i].request.status, i ? 503 : 200);
		client_close(&clients[i]);
	}
	free(clients);
}

/* As an operator over a link, with the server's token. */
static void ask_by_link(struct client *c, enum api_method method, const char *target,
	const char *body)
{
	struct identity *i = s->catalog.everybody;
	*c = (struct client){.request.actor = {.name = "default", .via = "link 5f0c"}};
	c->request.actor.identity = i;
	c->request.actor.credential = i->credentials;
	c->request.actor.from = (struct address){.family = ADDRESS_V4, .bytes = {192, 0, 2, 1}};
	c->request.actor.may_all = i->value.is_operator;
	client_ask(c, &s->admin, method, target, body);
}

/*
 * Whoever asked has lost the right by the turn of the change: a stolen token of an operator makes no token behind
 * the answer that it is revoked. Keys are derived meanwhile, which many of take seconds.
 */
static void test_right(void **state)
{
	static const char *const takes[] = {"{\"operator\":false}",
		"{\"allowFrom\":[\"10.0.0.0/8\"]}", NULL};
	for (size_t i = 0; i < ARRAY_LEN(takes); i++) {
		struct client made, applied;
		scene_restart(s);
		scene_ask(s, API_PATCH, "/api/v1/identities/default",
			"{\"operator\":true,\"allowFrom\":[]}", 200);
		/* What is derived arrives in a turn of the loop, of which there is none. */
		ask_by_link(&made, API_POST, "/api/v1/identities",
			"{\"name\":\"web\",\"token\":\"the token of the web\",\"operator\":true}");
		ask_by_link(&applied, API_POST, "/api/v1/apply",
			"{\"identities\":[{\"name\":\"team\",\"operator\":true}]}");
		struct client taken;
		client_operator(&taken);
		client_ask(&taken, &s->admin, takes[i] ? API_PATCH : API_POST,
			takes[i] ? "/api/v1/identities/default"
				 : "/api/v1/identities/default/revoke",
			takes[i]);
		scene_wait(s, &taken);
		scene_wait(s, &made);
		scene_wait(s, &applied);
		assert_int_equal(taken.request.status, 200);
		assert_int_equal(made.request.status, 403);
		assert_int_equal(applied.request.status, 403);
		scene_get(s, "/api/v1/identities/web", 404);
		scene_get(s, "/api/v1/identities/team", 404);
		assert_int_equal(s->admin.changes->n, 0);
		client_close(&made);
		client_close(&applied);
		client_close(&taken);
	}
}

static void nothing(struct loop_task *task)
{
}

/* A turn that does not wait for news. */
static void turn(void)
{
	struct loop_task task;
	loop_task_init(&task, nothing);
	loop_defer(s->loop, LOOP_PHASE_READ, &task);
	loop_turn(s->loop);
}

/* The process ends: each is answered once, wherever it is, and nothing is left behind. */
static void test_end(void **state)
{
	for (unsigned turns = 0; turns < 12; turns++) {
		struct client clients[6] = {0};
		for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
			char body[200];
			client_operator(&clients[i]);
			snprintf(body, sizeof(body), "{\"name\":\"web-%u-%zu\"}", turns, i);
			if (i == 5)
				client_ask(&clients[i], &s->admin, API_POST, "/api/v1/apply",
					"{\"identities\":[{\"name\":\"x\"},{\"name\":\"y\"}]}");
			else if (i % 2)
				client_ask(&clients[i], &s->admin, API_POST, "/api/v1/identities",
					body);
			else
				client_ask(&clients[i], &s->admin, API_PATCH,
					"/api/v1/identities/default",
					turns % 2 ? "{\"maxStreams\":1}" : "{\"maxStreams\":2}");
		}
		for (unsigned t = 0; t < 1u << turns; t++)
			turn();
		scene_restart(s);
		for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
			assert_int_equal(clients[i].answers, 1);
			client_close(&clients[i]);
		}
	}
}

/* Where nothing can be kept, changes say why. */
static void test_nowhere(void **state)
{
	struct error err;
	store_access_close(&s->store);
	assert_int_equal(store_access_open(&s->store, NULL, "there is no place for it", scene_salt,
				 &s->catalog, &err),
		0);
	scene_post(s, "/api/v1/identities", "{\"name\":\"web\"}", 507);
	assert_said("there is no place for it");
	scene_post(s, "/api/v1/identities/default/revoke", NULL, 507);
	assert_false(scene_token_good(s, scene_token));
	assert_json(scene_get(s, "/api/v1/store", 200), "path", "null");
	scene_get(s, "/api/v1/audit", 507);
}

/* Two servers in one folder, and a store that is there where nothing can be written. */
static void test_lock(void **state)
{
	struct store_access other;
	struct error err;
	scene_ask(s, API_PATCH, "/api/v1/identities/default", "{\"maxStreams\":1}", 200);
	assert_true(store_access_open(&other, s->dir, NULL, scene_salt, &s->catalog, &err) < 0);
	assert_non_null(strstr(err.text, "another tunnel works with the state directory"));
	store_access_close(&other);
	assert_true(store_access_open(&other, s->dir, "it is read-only", scene_salt, &s->catalog,
			    &err) < 0);
	assert_non_null(strstr(err.text, "it is read-only"));
	store_access_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_gives, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_takes, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_both, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_takes_many, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_retry, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_retry_order, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_order, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_queue, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_right, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_end, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_nowhere, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_lock, scene_begin, scene_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
