/* SPDX-License-Identifier: MIT */
/* Changes that clients ask for: many at once, where they cannot be stored, and those that nobody wants any more. */
#include "server/control/client_change.h"
#include "tests/unit/server/private_scene.h"

static struct server_link *provide(struct private_scene *s, const char *name)
{
	struct server_link *l = dial(s->n, s->teams, name, NULL);
	struct control c = publish_private(1, name);
	c.publish.visibility = "@all";
	scene_publish(s, l, c);
	return l;
}

/* Of one identity a few are in the queue, however many sessions ask: what others ask for comes between. */
static void one_identity_does_not_fill_the_queue(void **state)
{
	struct private_scene *s = *state;
	struct server_link *a = dial(s->n, s->teams, "a", NULL),
			   *b = dial(s->n, s->teams, "b", NULL);
	static char names[32][8];
	unsigned cut;
	bool done;
	settle(s->n);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(names[i], sizeof(names[i]), "s%u", i);
		say(i % 2 ? a : b, publish_private(i, names[i]));
	}
	turn(s->n, 0);
	assert_int_equal(s->team->n_client_changes, CLIENT_CHANGES_MAX);
	assert_true(s->changes->n <= CLIENT_CHANGES_MAX);
	struct store_row row = scene_identity_row(s->web);
	row_submit(s, &row, false, false, &done, &cut);
	settle_until(s->n, done);
	assert_null(scene_service(s, names[ARRAY_LEN(names) - 1]));
	settle_until(s->n, s->team->n_private_services == ARRAY_LEN(names));
	assert_int_equal(s->team->n_client_changes, 0);
	settle(s->n);
	assert_non_null(told(s->n, a, CONTROL_GRANTED, ARRAY_LEN(names) - 1));
	assert_non_null(told(s->n, b, CONTROL_GRANTED, 0));
}

/* Those that wait when their session ends are not asked for any more. */
static void what_waits_goes_with_its_session(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = dial(s->n, s->teams, "a", NULL);
	static char names[32][8];
	settle(s->n);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(names[i], sizeof(names[i]), "s%u", i);
		say(l, publish_private(i, names[i]));
	}
	turn(s->n, 0);
	hang_up(l);
	settle_until(s->n, s->team->n_client_changes == 0);
	assert_true(list_empty(&s->team->client_changes));
	assert_true(s->team->n_private_services <= CLIENT_CHANGES_MAX);
	assert_int_equal(s->changes->n, 0);
}

/* One that is refused when its turn comes makes way for the next. */
static void what_is_refused_makes_way(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = provide(s, "redis"), *web = dial(s->n, s->webs, "web", NULL);
	struct control c = attach_to(0, "redis");
	static char names[16][8];
	settle(s->n);
	s->web->value.max_endpoints = 3;
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(names[i], sizeof(names[i]), "e%u", i);
		c.attach.endpoint = i;
		c.attach.name = names[i];
		say(web, c);
	}
	settle_until(s->n, told(s->n, web, CONTROL_DECLINED, ARRAY_LEN(names) - 1));
	assert_int_equal(told(s->n, web, CONTROL_DECLINED, 8)->reason, CONTROL_REASON_LIMIT);
	assert_int_equal(s->web->n_endpoints, 3);
	assert_int_equal(s->web->n_client_changes, 0);
	assert_int_equal(web->session->n_attaching, 0);
	assert_false(client_of(s->n, l)->ended);
}

/* Its token is revoked while it waits: nothing comes of it. */
static void whoever_was_revoked_gets_nothing(void **state)
{
	struct private_scene *s = *state;
	struct server_link *web = dial(s->n, s->webs, "web", NULL);
	unsigned cut;
	bool done;
	provide(s, "redis");
	settle(s->n);
	struct store_row row = scene_identity_row(s->web);
	row.identity.revoked = true;
	row_submit(s, &row, true, false, &done, &cut);
	/* It is on its way to the disk, and in force. */
	say(web, attach_to(1, "redis"));
	settle_until(s->n, done);
	settle(s->n);
	assert_int_equal(s->web->n_endpoints, 0);
	assert_true(client_of(s->n, web)->ended);
}

static void what_cannot_be_stored_is_declined(void **state)
{
	struct private_scene *s = *state;
	struct server_link *web = dial(s->n, s->webs, "web", NULL);
	provide(s, "redis");
	store_close(s->store.store); /* the helper has nothing to do */
	s->store.store = NULL;
	char *path = s->store.path;
	assert_int_not_equal(asprintf(&s->store.path, "%s/nowhere/" STORE_FILE, s->dir), -1);
	const struct message *m = scene_declined(s, web, attach_to(1, "redis"));
	assert_int_equal(m->reason, CONTROL_REASON_OTHER);
	assert_non_null(strstr(m->text, "it cannot be stored: "));
	assert_int_equal(s->web->n_endpoints, 0);
	free(s->store.path);
	s->store.path = path;
	scene_attach(s, web, attach_to(1, "redis"));
}

/* Another message of one that waits is stored, and of one that does not is nothing new. */
static void a_message_is_news_while_it_waits(void **state)
{
	struct private_scene *s = *state;
	struct server_link *web = dial(s->n, s->webs, "web", NULL);
	struct control c = attach_to(1, "redis");
	provide(s, "redis");
	scene_attach(s, web, c);
	c.attach.message = "ticket 4711";
	scene_attach(s, web, c);
	struct endpoint *e = scene_endpoint(s, "redis");
	assert_string_equal(e->value.message, "ticket 4711");
	assert_int_equal(web->session->n_attachments, 1);
	decide(s, e, POLICY_APPROVE, "");
	uint64_t rev = e->value.rev;
	c.attach.message = "ticket 4712";
	scene_attach(s, web, c);
	assert_string_equal(e->value.message, "ticket 4711");
	assert_int_equal(e->value.rev, rev);
}

/* The key that was approved is another now: who approved it looks again. */
static void another_key_waits_again(void **state)
{
	struct private_scene *s = *state;
	struct server_link *web = dial(s->n, s->webs, "web", NULL),
			   *provider = dial(s->n, s->teams, "redis", NULL);
	struct control p = publish_private(1, "redis"), c = attach_to(1, "redis");
	p.publish.visibility = "@all";
	p.publish.e2e_given = c.attach.e2e_given = true;
	memset(p.publish.e2e_key, 7, sizeof(p.publish.e2e_key));
	memset(c.attach.e2e_key, 8, sizeof(c.attach.e2e_key));
	scene_publish(s, provider, p);
	scene_attach(s, web, c);
	struct endpoint *e = scene_endpoint(s, "redis");
	assert_int_equal(e->value.e2e_key[31], 8);
	decide(s, e, POLICY_APPROVE, "");
	assert_true(told(s->n, web, CONTROL_ATTACHED, 1)->usable);
	c.attach.e2e_key[31] = 9;
	const struct message *m = scene_attach(s, web, c);
	assert_int_equal(m->state, CONTROL_ENDPOINT_PENDING);
	assert_false(m->usable);
	assert_string_equal(m->text, "its key changed");
	assert_int_equal(e->value.e2e_key[31], 9);
	settle(s->n);
	assert_non_null(told(s->n, provider, CONTROL_PENDING, 0));
}

/* What nobody has asked for in a month is deleted, unless somebody is there and waits. */
static void a_request_is_forgotten(void **state)
{
	struct private_scene *s = *state;
	struct server_link *web = dial(s->n, s->webs, "web", NULL);
	struct registrar *r = &s->n->registrar;
	provide(s, "redis");
	scene_attach(s, web, attach_to(1, "redis"));
	struct store_row row = endpoint_row(scene_endpoint(s, "redis"));
	row.endpoint.created_at = row.endpoint.updated_at = row.endpoint.last_used_at =
		policy_now() - POLICY_PENDING_MAX - CLOCK_S;
	row_change(s, &row, false, false);
	r->pending_timer.fired(&r->pending_timer);
	settle(s->n);
	assert_int_equal(s->changes->n, 0);
	hang_up(web);
	settle(s->n);
	/* Whoever waited was there until now. */
	r->pending_timer.fired(&r->pending_timer);
	settle(s->n);
	assert_int_equal(s->changes->n, 0);
	scene_endpoint(s, "redis")->value.last_used_at =
		policy_now() - POLICY_PENDING_MAX - CLOCK_S;
	r->pending_timer.fired(&r->pending_timer);
	settle_until(s->n, s->web->n_endpoints == 0);
	settle_until(s->n, s->changes->n == 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, private_scene_open, private_scene_close)
	const struct CMUnitTest tests[] = {
		TEST(one_identity_does_not_fill_the_queue),
		TEST(what_waits_goes_with_its_session),
		TEST(what_is_refused_makes_way),
		TEST(whoever_was_revoked_gets_nothing),
		TEST(what_cannot_be_stored_is_declined),
		TEST(a_message_is_news_while_it_waits),
		TEST(another_key_waits_again),
		TEST(a_request_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
