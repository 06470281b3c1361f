/* SPDX-License-Identifier: MIT */
/* Private services come on the books, and to every worker, as their clients ask. */
#include "tests/unit/server/private_scene.h"

static struct server_link *team_dials(struct private_scene *s, const char *instance)
{
	return dial(s->n, s->teams, instance, NULL);
}

static unsigned workers_with_private(struct private_scene *s, const char *name)
{
	unsigned count = 0;
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = s->n->node.workers[i];
		const struct route *r = routes_exact(&w->routing->privates, str_from(name));
		count += r && !list_empty(&r->entries);
	}
	return count;
}

static void whoever_is_first_owns_the_name(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = team_dials(s, "one"), *other = dial(s->n, s->webs, "two", NULL);
	char alias[POLICY_ALIAS_SIZE];
	const struct message *m = scene_publish(s, l, publish_private(7, "Redis"));
	const struct private_service *p = scene_service(s, "redis");
	assert_non_null(p);
	assert_ptr_equal(p->owner, s->team);
	assert_true(p->value.rev > 0); /* stored */
	assert_string_equal(p->value.display, "Redis");
	assert_string_equal(p->value.visibility, "");
	policy_alias_format("redis", p->value.tag, "exit.example", alias);
	assert_string_equal(m->text, alias);
	assert_int_equal(m->port, 0);
	assert_int_equal(p->n_services, 1);
	assert_int_equal(workers_with_private(s, "redis"), WORKERS);
	assert_int_equal(workers_with(s->n, "redis"), 0); /* no front finds it */

	m = scene_refused(s, other, publish_private(1, "redis"));
	assert_int_equal(m->reason, CONTROL_REASON_TAKEN);
	/* Also while nobody publishes it. */
	withdraw(l, 7);
	settle(s->n);
	assert_int_equal(workers_with_private(s, "redis"), 0);
	assert_int_equal(p->n_services, 0);
	m = scene_refused(s, other, publish_private(2, "redis"));
	assert_int_equal(m->reason, CONTROL_REASON_TAKEN);
}

static void what_is_nonsense_is_refused(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = team_dials(s, "one");
	struct control c = publish_private(1, "not a name");
	assert_int_equal(scene_refused(s, l, c)->reason, CONTROL_REASON_INVALID);
	c = publish_private(2, "redis");
	c.publish.visibility = "web,,batch";
	assert_int_equal(scene_refused(s, l, c)->reason, CONTROL_REASON_INVALID);
	c = publish_private(3, "redis");
	c.publish.visibility = "web";
	c.publish.auto_approve = "web,batch";
	const struct message *m = scene_refused(s, l, c);
	assert_int_equal(m->reason, CONTROL_REASON_INVALID);
	assert_non_null(strstr(m->text, "batch"));
	assert_null(scene_service(s, "redis"));
	s->team->open = true;
	m = scene_refused(s, l, publish_private(4, "redis"));
	assert_int_equal(m->reason, CONTROL_REASON_UNSUPPORTED);
	assert_non_null(strstr(m->text, "private services need tokens"));
	s->team->open = false;
}

/* What its client does not say stays as it was; what it says is stored. */
static void lists_are_as_the_client_says(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = team_dials(s, "one");
	struct control c = publish_private(1, "redis");
	c.publish.visibility = "web,batch";
	c.publish.auto_approve = "web";
	c.publish.fqdns = "redis.example.org";
	scene_publish(s, l, c);
	const struct private_service *p = scene_service(s, "redis");
	assert_string_equal(p->value.visibility, "batch,web");
	assert_string_equal(p->value.auto_approval, "web");
	assert_string_equal(p->value.fqdns, "redis.example.org");
	uint64_t rev = p->value.rev;
	scene_publish(s, l, publish_private(1, "redis"));
	assert_int_equal(p->value.rev, rev);
	assert_string_equal(p->value.visibility, "batch,web");
	c = publish_private(1, "redis");
	c.publish.visibility = "*";
	scene_publish(s, l, c);
	assert_string_equal(p->value.visibility, "*");
	assert_string_equal(p->value.auto_approval, "web");
	assert_true(p->value.rev > rev);
	assert_int_equal(p->n_services, 1);
}

static void a_managed_one_has_the_lists_of_the_books(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = team_dials(s, "one");
	struct store_row row = {.kind = STORE_SERVICE};
	assert_int_equal(policy_private_service_init(&row.service, "redis", s->team->value.id,
				 POLICY_TCP),
		0);
	row.service.id = 1;
	row.service.managed = true;
	row_change(s, &row, false, false);
	struct control c = publish_private(1, "redis");
	c.publish.visibility = "web";
	scene_publish(s, l, c);
	assert_string_equal(scene_service(s, "redis")->value.visibility, "");
	assert_int_equal(workers_with_private(s, "redis"), WORKERS);
}

/* Rule 30, and one key for all that publish one. */
static void sessions_of_its_owner_share_it(void **state)
{
	struct private_scene *s = *state;
	struct server_link *a = team_dials(s, "one"), *b = team_dials(s, "two");
	struct control c = publish_private(1, "redis");
	c.publish.e2e_given = true;
	memset(c.publish.e2e_key, 7, sizeof(c.publish.e2e_key));
	scene_publish(s, a, c);
	scene_publish(s, b, c);
	assert_int_equal(scene_service(s, "redis")->n_services, 2);
	struct control other = c;
	other.publish.e2e_key[0] = 8;
	withdraw(b, 1);
	settle(s->n);
	assert_int_equal(scene_refused(s, b, other)->reason, CONTROL_REASON_INVALID);
	other.publish.e2e_given = false;
	assert_int_equal(scene_refused(s, b, other)->reason, CONTROL_REASON_INVALID);
	other = c;
	other.publish.kind = CONTROL_UDP;
	assert_int_equal(scene_refused(s, b, other)->reason, CONTROL_REASON_INVALID);
	/* Alone it may have another. */
	withdraw(a, 1);
	settle(s->n);
	other = c;
	other.publish.e2e_key[0] = 8;
	scene_publish(s, b, other);
	assert_int_equal(scene_service(s, "redis")->value.e2e_key[0], 8);
}

static void it_takes_a_grant(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = team_dials(s, "one");
	struct error err;
	scene_publish(s, l, publish_private(1, "redis"));
	scene_publish(s, l, publish_private(2, "api"));
	struct store_row row = scene_identity_row(s->team);
	policy_grants_clear(&row.identity.grants, POLICY_PUBLISH);
	assert_int_equal(policy_grants_add(&row.identity.grants, POLICY_PUBLISH, STR("a*"), &err),
		0);
	row_change(s, &row, true, false);
	const struct message *m = told(s->n, l, CONTROL_REFUSED, 1);
	assert_int_equal(m->reason, CONTROL_REASON_DENIED);
	assert_null(told(s->n, l, CONTROL_REFUSED, 2));
	assert_int_equal(workers_with_private(s, "redis"), 0);
	assert_int_equal(workers_with_private(s, "api"), WORKERS);
	m = scene_refused(s, l, publish_private(3, "redis"));
	assert_int_equal(m->reason, CONTROL_REASON_DENIED);
	assert_non_null(strstr(m->text, "--publish 'a*,redis'"));
}

/* Deleted on the books it is withdrawn; published again it is another one for those who had its alias. */
static void a_deleted_one_is_withdrawn(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = team_dials(s, "one");
	char tag[POLICY_TAG_SIZE];
	struct control c = publish_private(1, "redis");
	c.publish.visibility = "@all";
	scene_publish(s, l, c);
	struct server_link *web = dial(s->n, s->webs, "two", NULL);
	scene_attach(s, web, attach_to(1, "redis"));
	struct private_service *p = scene_service(s, "redis");
	strcpy(tag, p->value.tag);
	struct store_row row = {.kind = STORE_SERVICE, .rev = p->value.rev};
	assert_int_equal(policy_private_service_copy(&row.service, &p->value), 0);
	row.service.deleted = true;
	row_change(s, &row, true, false);
	assert_int_equal(told(s->n, l, CONTROL_REFUSED, 1)->reason, CONTROL_REASON_DENIED);
	assert_int_equal(workers_with_private(s, "redis"), 0);
	/* It has an endpoint still. */
	assert_ptr_equal(scene_service(s, "redis"), p);
	scene_publish(s, l, publish_private(2, "redis"));
	assert_int_equal(workers_with_private(s, "redis"), WORKERS);
	assert_string_not_equal(scene_service(s, "redis")->value.tag, tag);
}

static void what_is_withdrawn_on_the_way_is_not_there(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = team_dials(s, "one"), *two = team_dials(s, "two");
	settle(s->n);
	say(l, publish_private(1, "redis"));
	withdraw(l, 1);
	settle_until(s->n, scene_service(s, "redis"));
	say(two, publish_private(1, "api"));
	turn(s->n, 0);
	hang_up(two);
	settle_until(s->n, scene_service(s, "api"));
	settle(s->n);
	assert_int_equal(workers_with_private(s, "redis"), 0);
	assert_int_equal(workers_with_private(s, "api"), 0);
	assert_null(told(s->n, l, CONTROL_GRANTED, 1));
	scene_publish(s, l, publish_private(2, "redis"));
}

static void a_resumed_session_has_it_still(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = team_dials(s, "one");
	char alias[CONTROL_TEXT + 1];
	strcpy(alias, scene_publish(s, l, publish_private(1, "redis"))->text);
	l = dial(s->n, s->teams, "one", l->session->resume);
	settle(s->n);
	assert_string_equal(scene_publish(s, l, publish_private(1, "redis"))->text, alias);
	assert_int_equal(scene_service(s, "redis")->n_services, 1);
}

/* Another identity's name, once nobody owns it any more, is not kept for the one that had it. */
static void a_deleted_name_is_anybodys(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = team_dials(s, "one");
	scene_publish(s, l, publish_private(1, "redis"));
	withdraw(l, 1);
	settle(s->n);
	struct private_service *p = scene_service(s, "redis");
	struct store_row row = {.kind = STORE_SERVICE, .rev = p->value.rev};
	assert_int_equal(policy_private_service_copy(&row.service, &p->value), 0);
	row.service.deleted = true;
	row_change(s, &row, true, false);
	assert_null(scene_service(s, "redis"));
	struct server_link *other = dial(s->n, s->webs, "two", NULL);
	scene_publish(s, other, publish_private(1, "redis"));
	assert_int_equal(workers_with_private(s, "redis"), WORKERS);
}

/* What cannot be stored is not in force. */
static void it_is_refused_where_it_cannot_be_stored(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = team_dials(s, "one");
	store_close(s->store.store); /* the helper has nothing to do */
	s->store.store = NULL;
	char *path = s->store.path;
	assert_int_not_equal(asprintf(&s->store.path, "%s/nowhere/" STORE_FILE, s->dir), -1);
	const struct message *m = scene_refused(s, l, publish_private(1, "redis"));
	assert_int_equal(m->reason, CONTROL_REASON_OTHER);
	assert_non_null(strstr(m->text, "it cannot be stored: "));
	assert_null(scene_service(s, "redis"));
	free(s->store.path);
	s->store.path = path;
	scene_publish(s, l, publish_private(1, "redis"));
}

/* With --token alone, and a state directory that cannot be written: until the process ends. */
static void where_nothing_is_kept_it_lasts_as_long_as_the_process(void **state)
{
	struct private_scene *s = private_scene_new(false, WORKERS);
	static uint8_t key_id[TOKEN_ID_SIZE] = "default";
	struct identity *everybody = s->n->catalog.everybody;
	struct credential token = {.identity = everybody, .good = true};
	memcpy(token.value.key_id, key_id, sizeof(key_id));
	struct server_link *l = dial(s->n, &token, "one", NULL);
	assert_int_equal(everybody->value.id, 0);
	scene_publish(s, l, publish_private(1, "redis"));
	assert_int_equal(everybody->value.id, 1);
	assert_ptr_equal(scene_service(s, "redis")->owner, everybody);
	/* Its owner's use of it needs no approval. */
	assert_true(scene_attach(s, l, attach_to(1, "redis"))->usable);
	*state = s;
	private_scene_close(state);
}

/* What waits for the disk is counted, whatever it would be called and wherever it would be. */
static void so_many_wait_for_the_books(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = team_dials(s, "one");
	settle(s->n);
	say(l, publish_private(1, "redis"));
	turn(s->n, 0);
	assert_int_equal(l->session->n_publishing, 1);
	/* Again before it was answered: it is the same one. */
	say(l, publish_private(1, "redis"));
	turn(s->n, 0);
	assert_int_equal(l->session->n_publishing, 1);
	settle_until(s->n, told(s->n, l, CONTROL_GRANTED, 1));
	assert_int_equal(l->session->n_publishing, 0);
	l->session->n_publishing = SESSION_SERVICES_MAX;
	struct control c = publish_private(2, "redis");
	c.publish.visibility = "web";
	assert_int_equal(scene_refused(s, l, c)->reason, CONTROL_REASON_LIMIT);
	l->session->n_publishing = 0;
	assert_string_equal(scene_service(s, "redis")->value.visibility, "");
}

/* The single token's identity becomes a row with the first thing that refers to it. */
static void default_becomes_a_row(void **state)
{
	struct private_scene *s = *state;
	struct identity *everybody = s->n->catalog.everybody;
	static struct credential token; /* its link outlives the test */
	token = (struct credential){.identity = everybody, .good = true};
	struct server_link *l = dial(s->n, &token, "one", NULL);
	assert_int_equal(everybody->value.id, 0);
	scene_publish(s, l, publish_private(1, "redis"));
	assert_int_not_equal(everybody->value.id, 0);
	assert_int_equal(scene_service(s, "redis")->value.owner, everybody->value.id);
	assert_true(everybody->value.rev > 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, private_scene_open, private_scene_close)
	const struct CMUnitTest tests[] = {
		TEST(whoever_is_first_owns_the_name),
		TEST(what_is_nonsense_is_refused),
		TEST(lists_are_as_the_client_says),
		TEST(a_managed_one_has_the_lists_of_the_books),
		TEST(sessions_of_its_owner_share_it),
		TEST(it_takes_a_grant),
		TEST(a_deleted_one_is_withdrawn),
		TEST(what_is_withdrawn_on_the_way_is_not_there),
		TEST(a_resumed_session_has_it_still),
		TEST(a_deleted_name_is_anybodys),
		TEST(it_is_refused_where_it_cannot_be_stored),
		cmocka_unit_test(where_nothing_is_kept_it_lasts_as_long_as_the_process),
		TEST(so_many_wait_for_the_books),
		TEST(default_becomes_a_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
