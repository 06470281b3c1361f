/* SPDX-License-Identifier: MIT */
/* When tokens were used last: in memory at once, in the store later, and never in the way of a change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/server/admin/scene.h"

static int setup(void **state)
{
	static struct scene s;
	scene_open(&s);
	*state = &s;
	scene_post(&s, "/api/v1/identities", "{\"name\":\"web\"}", 201);
	return 0;
}

static int teardown(void **state)
{
	scene_close(*state);
	return 0;
}

static struct credential *of_web(struct scene *s)
{
	struct identity *i = catalog_find(&s->catalog, STR("web"));
	return i->credentials;
}

static void use(struct credential *k, uint64_t at)
{
	k->value.last_used_at = at;
	k->use_is_news = true;
}

/* What a reader who comes now would find in the file. */
static void assert_stored(struct scene *s, uint64_t at)
{
	while (of_web(s)->use_is_news)
		loop_turn(s->loop);
	assert_int_equal(of_web(s)->value.last_used_at, at);
}

static void it_is_stored_when_it_is_time(void **state)
{
	struct scene *s = *state;
	uint64_t revision = of_web(s)->value.rev;
	assert_true(of_web(s)->value.last_used_at == POLICY_NONE);
	use(of_web(s), 1000);
	last_use_store(&s->store, s->loop);
	assert_stored(s, 1000);
	assert_int_equal(of_web(s)->value.rev, revision);
	/* The end finds nothing more to store. */
	scene_restart(s);
	assert_int_equal(of_web(s)->value.last_used_at, 1000);
	assert_int_equal(of_web(s)->value.rev, revision);
}

static void it_is_stored_at_the_end(void **state)
{
	struct scene *s = *state;
	use(of_web(s), 2000);
	/* The server's own token has no row that could keep it. */
	use(s->catalog.everybody->credentials, 3000);
	scene_restart(s);
	assert_int_equal(of_web(s)->value.last_used_at, 2000);
	assert_true(s->catalog.everybody->credentials->value.last_used_at == POLICY_NONE);
	scene_restart(s);
	assert_int_equal(of_web(s)->value.last_used_at, 2000);
}

/* A change that was made of the value of before does not take it back. */
static void a_change_does_not_undo_it(void **state)
{
	struct scene *s = *state;
	struct credential *k = of_web(s);
	struct client rotate = {0};
	use(k, 4000);
	client_operator(&rotate);
	client_ask(&rotate, &s->admin, API_POST, "/api/v1/identities/web/tokens",
		"{\"overlap\":\"1h\"}");
	while (!rotate.answers) {
		k->value.last_used_at++;
		loop_turn(s->loop);
	}
	assert_int_equal(rotate.request.status, 201);
	client_close(&rotate);
	uint64_t last = k->value.last_used_at;
	uint8_t id[TOKEN_ID_SIZE];
	memcpy(id, k->value.key_id, sizeof(id));
	assert_true(last > 4000 && last < 1000000);
	scene_restart(s);
	assert_int_equal(catalog_find_key(&s->catalog, id)->value.last_used_at, last);
}

/* What is in force and not stored stays out of the file: its digest would not fit the rest. */
static void what_memory_alone_knows_stays_there(void **state)
{
	struct scene *s = *state;
	struct credential *k = of_web(s);
	use(k, 5000);
	k->value.revoked_at = 5001;
	last_use_store(&s->store, s->loop);
	assert_stored(s, 5000);
	scene_restart(s);
	assert_int_equal(of_web(s)->value.last_used_at, 5000);
	assert_true(of_web(s)->value.revoked_at == POLICY_NONE);
}

/* An endpoint at a private service of its own, in the store and in the catalog. */
static void put_endpoint(struct scene *s)
{
	struct store_row rows[] = {{.kind = STORE_SERVICE}, {.kind = STORE_ENDPOINT}};
	struct error err = {""};
	uint64_t web = catalog_find(&s->catalog, STR("web"))->value.id, rev;
	assert_int_equal(policy_private_service_init(&rows[0].service, "redis", web, POLICY_TCP),
		0);
	assert_int_equal(policy_endpoint_init(&rows[1].endpoint, "web", POLICY_HOW_OWNER), 0);
	rows[0].service.id = rows[1].endpoint.service = 1;
	rows[1].endpoint.id = rows[1].endpoint.link = 1;
	rows[1].endpoint.consumer = web;
	assert_int_equal(store_commit(s->store.store, rows, 2, NULL, &rev, &err), 0);
	assert_string_equal(err.text, "");
	assert_int_equal(catalog_apply(&s->catalog, rows, 2), 0);
	for (size_t i = 0; i < 2; i++) {
		rows[i].rev = rev;
		catalog_stored(&s->catalog, &rows[i], 1);
		store_row_deinit(&rows[i]);
	}
}

static struct endpoint *the_endpoint(struct scene *s)
{
	struct endpoint *e = catalog_find_endpoint_row(&s->catalog, 1);
	assert_non_null(e);
	return e;
}

static void endpoints_are_stored_likewise(void **state)
{
	struct scene *s = *state;
	put_endpoint(s);
	uint64_t revision = the_endpoint(s)->value.rev;
	endpoint_used(the_endpoint(s), 6000);
	use(of_web(s), 6001);
	last_use_store(&s->store, s->loop);
	assert_stored(s, 6001);
	assert_false(the_endpoint(s)->use_is_news);
	scene_restart(s);
	assert_int_equal(the_endpoint(s)->value.last_used_at, 6000);
	assert_int_equal(the_endpoint(s)->value.rev, revision);
	/* Used again while it is written, it is news still; and at the end all is stored. */
	endpoint_used(the_endpoint(s), 7000);
	last_use_store(&s->store, s->loop);
	endpoint_used(the_endpoint(s), 7001);
	use(of_web(s), 7002);
	last_use_store(&s->store, s->loop);
	assert_stored(s, 7002);
	endpoint_used(the_endpoint(s), 7003);
	scene_restart(s);
	assert_int_equal(the_endpoint(s)->value.last_used_at, 7003);
	/* What the store has is what the catalog has, behind a restart. */
	assert_int_equal(s->catalog.private.next_link, 2);
	assert_ptr_equal(catalog_find_service(&s->catalog, STR("redis")), the_endpoint(s)->service);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_stored_when_it_is_time),
		TEST(it_is_stored_at_the_end),
		TEST(a_change_does_not_undo_it),
		TEST(what_memory_alone_knows_stays_there),
		TEST(endpoints_are_stored_likewise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
