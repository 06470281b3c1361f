/* SPDX-License-Identifier: MIT */
/* Clients ask to use private services, and how they stand is theirs to know. */
#include "base/clock.h"
#include "server/control/attach_pace.h"
#include "tests/unit/server/private_scene.h"
#include "tests/unit/server/said.h"

/* A provider with one private service, visible to whom `visibility` names. */
static struct server_link *provide(struct private_scene *s, const char *name,
	const char *visibility, const char *approved)
{
	struct server_link *l = dial(s->n, s->teams, name, NULL);
	struct control c = publish_private(1, name);
	c.publish.visibility = visibility;
	c.publish.auto_approve = approved;
	scene_publish(s, l, c);
	return l;
}

static struct server_link *web_dials(struct private_scene *s, const char *instance)
{
	return dial(s->n, s->webs, instance, NULL);
}

static const char *alias_of(struct private_scene *s, const char *name, char to[POLICY_ALIAS_SIZE])
{
	return policy_alias_format(name, scene_service(s, name)->value.tag, "anywhere", to);
}

static void whoever_is_listed_need_not_wait(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	char alias[POLICY_ALIAS_SIZE];
	provide(s, "redis", "web", "web");
	const struct message *m = scene_attach(s, l, attach_to(5, "redis"));
	const struct endpoint *e = scene_endpoint(s, "redis");
	assert_int_equal(m->state, CONTROL_ENDPOINT_APPROVED);
	assert_true(m->usable);
	assert_int_equal(m->link, e->value.link);
	assert_string_equal(m->text, "Auto-Approved");
	policy_alias_format("redis", scene_service(s, "redis")->value.tag, "exit.example", alias);
	assert_string_equal(m->alias, alias);
	assert_true(e->value.rev > 0); /* stored */
	assert_string_equal(e->value.name, "web");
	/* Every worker lets streams pass. */
	struct session_attachment *a = attachments_find(l->session, 5);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_true(a->base.shards[i].open && a->base.shards[i].bar == ATTACHMENT_PASSES);
	assert_string_equal(a->base.consumer, "web");
	assert_int_equal(a->base.kind, CONTROL_TCP);
}

static void its_owner_need_not_wait(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = provide(s, "redis", NULL, NULL);
	const struct message *m = scene_attach(s, l, attach_to(1, "redis"));
	assert_int_equal(m->state, CONTROL_ENDPOINT_APPROVED);
	assert_true(m->usable);
	assert_int_equal(scene_endpoint(s, "redis")->value.how, POLICY_HOW_OWNER);
}

/* Those that are online hear of it, and so does the log, once. */
static void whoever_has_to_wait_is_told_to_the_owner(void **state)
{
	static struct said said;
	struct private_scene *s = *state;
	struct server_link *provider = provide(s, "redis", "*", NULL), *l = web_dials(s, "web");
	char alias[POLICY_ALIAS_SIZE], command[128];
	struct control c = attach_to(1, alias_of(s, "redis", alias));
	c.attach.message = "ticket 4711";
	said_begin(&said);
	const struct message *m = scene_attach(s, l, c);
	said_end(&said);
	assert_int_equal(m->state, CONTROL_ENDPOINT_PENDING);
	assert_false(m->usable);
	assert_string_equal(scene_endpoint(s, "redis")->value.message, "ticket 4711");
	const struct message *p = told(s->n, provider, CONTROL_PENDING, 0);
	assert_non_null(p);
	assert_string_equal(p->id, m->id);
	assert_string_equal(p->text, "web");
	snprintf(command, sizeof(command), "tunnel endpoint approve %s", m->id);
	assert_non_null(strstr(said.text, command));
	assert_non_null(strstr(said.text, "ticket 4711"));
	/* Not again with each change, but with each new link of the provider's, and to each new session. */
	size_t before = client_of(s->n, provider)->n_messages;
	said_begin(&said);
	scene_attach(s, web_dials(s, "again"), attach_to(1, alias));
	assert_null(strstr(said_end(&said), "asks for"));
	assert_int_equal(client_of(s->n, provider)->n_messages, before);
	struct server_link *joined = dial(s->n, s->teams, "redis", NULL);
	join(joined, provider->session, provider->session->resume);
	settle(s->n);
	assert_non_null(told(s->n, joined, CONTROL_PENDING, 0));
	struct server_link *second = dial(s->n, s->teams, "second", NULL);
	scene_publish(s, second, publish_private(1, "redis"));
	settle(s->n);
	assert_non_null(told(s->n, second, CONTROL_PENDING, 0));
}

/* A made-up name, one that may not be seen, a wrong tag, and one that was deleted: nothing tells them apart. */
static void what_may_not_be_seen_is_not_there(void **state)
{
	static const char *const names[] = {"nothing", "redis", "redis.000000000000.exit", "hidden",
		"nothing.000000000000"};
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	char alias[POLICY_ALIAS_SIZE];
	provide(s, "redis", "*", NULL);
	provide(s, "hidden", "batch", NULL);
	const struct message *first = scene_declined(s, l, attach_to(1, names[0]));
	assert_int_equal(first->reason, CONTROL_REASON_UNKNOWN);
	for (size_t i = 1; i < ARRAY_LEN(names); i++) {
		const struct message *m =
			scene_declined(s, l, attach_to((uint32_t)i + 1, names[i]));
		assert_int_equal(m->reason, CONTROL_REASON_UNKNOWN);
		assert_string_equal(m->text, first->text);
	}
	const struct message *m = scene_declined(s, l, attach_to(9, alias_of(s, "hidden", alias)));
	assert_string_equal(m->text, first->text);
	assert_int_equal(s->web->n_endpoints, 0);
	/* With its alias it is there. */
	scene_attach(s, l, attach_to(10, alias_of(s, "redis", alias)));
}

static void what_makes_no_sense_is_declined(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	provide(s, "redis", "@all", NULL);
	struct control c = attach_to(1, "redis#x25519/abc");
	assert_int_equal(scene_declined(s, l, c)->reason, CONTROL_REASON_INVALID);
	c = attach_to(1, "redis");
	c.attach.name = "not a name";
	assert_int_equal(scene_declined(s, l, c)->reason, CONTROL_REASON_INVALID);
	c.attach.name = NULL;
	c.attach.message = "two\nlines";
	assert_int_equal(scene_declined(s, l, c)->reason, CONTROL_REASON_INVALID);
	c.attach.message = NULL;
	c.attach.kind = CONTROL_UDP;
	assert_int_equal(scene_declined(s, l, c)->reason, CONTROL_REASON_INVALID);
	s->web->open = true;
	assert_int_equal(scene_declined(s, l, attach_to(1, "redis"))->reason,
		CONTROL_REASON_UNSUPPORTED);
	s->web->open = false;
	assert_int_equal(s->web->n_endpoints, 0);
}

/* Who guesses gets an answer a second. */
static void misses_are_answered_slowly(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	provide(s, "redis", "@all", "@all");
	for (uint32_t i = 0; i < ATTACH_MISSES; i++)
		scene_declined(s, l, attach_to(i, "nothing"));
	say(l, attach_to(100, "nothing"));
	say(l, attach_to(101, "redis"));
	settle(s->n);
	/* What is there waits as well, or the wait would tell. */
	assert_null(told(s->n, l, CONTROL_DECLINED, 100));
	assert_null(told(s->n, l, CONTROL_ATTACHED, 101));
	assert_int_equal(l->session->n_attaching, 2);
	/* Others do not. */
	assert_true(scene_attach(s, provide(s, "api", NULL, NULL), attach_to(1, "api"))->usable);
	struct registrar *r = &s->n->registrar;
	s->web->attach_missed_at -= ATTACH_MISS_EVERY;
	r->attach_timer.fired(&r->attach_timer);
	settle(s->n);
	assert_non_null(told(s->n, l, CONTROL_DECLINED, 100));
	assert_null(told(s->n, l, CONTROL_ATTACHED, 101));
	s->web->attach_missed_at -= ATTACH_MISS_EVERY;
	r->attach_timer.fired(&r->attach_timer);
	settle_until(s->n, told(s->n, l, CONTROL_ATTACHED, 101));
	/* What was found ends it. */
	scene_declined(s, l, attach_to(102, "nothing"));
}

/* What one has already, said between two guesses, is no reason to be told more of others. */
static void what_is_there_already_makes_no_guess_good(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	provide(s, "redis", "@all", "@all");
	scene_attach(s, l, attach_to(1, "redis"));
	for (uint32_t i = 0; i < ATTACH_MISSES; i++) {
		scene_declined(s, l, attach_to(100 + i, "nothing"));
		if (i + 1 < ATTACH_MISSES)
			scene_attach(s, l, attach_to(1, "redis"));
	}
	say(l, attach_to(200, "nothing"));
	settle(s->n);
	assert_null(told(s->n, l, CONTROL_DECLINED, 200));
}

static void a_number_is_of_one_endpoint(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	provide(s, "redis", "@all", "@all");
	provide(s, "api", "@all", "@all");
	const struct message *m = scene_attach(s, l, attach_to(1, "redis"));
	uint32_t link = m->link;
	assert_int_equal(scene_declined(s, l, attach_to(1, "api"))->reason, CONTROL_REASON_INVALID);
	/* Said again it is told again. */
	m = scene_attach(s, l, attach_to(1, "REDIS"));
	assert_int_equal(m->link, link);
	assert_int_equal(l->session->n_attachments, 1);
	/* Two numbers may lead to one. */
	m = scene_attach(s, l, attach_to(2, "redis"));
	assert_int_equal(m->link, link);
	/* By another name it is another one. */
	struct control c = attach_to(3, "redis");
	c.attach.name = "cache";
	assert_int_not_equal(scene_attach(s, l, c)->link, link);
	struct control detach = {.type = CONTROL_DETACH, .detach.endpoint = 1};
	say(l, detach);
	settle(s->n);
	assert_int_equal(l->session->n_attachments, 2);
	assert_null(attachments_find(l->session, 1));
	assert_int_equal(scene_service(s, "redis")->n_endpoints, 2); /* the endpoint stays */
	assert_int_equal(scene_attach(s, l, attach_to(4, "redis"))->link, link);
}

static void there_are_so_many(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	provide(s, "redis", "@all", "@all");
	provide(s, "api", "@all", "@all");
	struct store_row row = scene_identity_row(s->web);
	row.identity.max_endpoints = 1;
	row_change(s, &row, true, false);
	scene_attach(s, l, attach_to(1, "redis"));
	const struct message *m = scene_declined(s, l, attach_to(2, "api"));
	assert_int_equal(m->reason, CONTROL_REASON_LIMIT);
	assert_non_null(strstr(m->text, "tunnel endpoint delete"));
	scene_attach(s, l, attach_to(3, "redis"));
	l->session->n_attachments += SESSION_ATTACHMENTS_MAX - 2;
	m = scene_declined(s, l, attach_to(4, "redis"));
	assert_int_equal(m->reason, CONTROL_REASON_LIMIT);
	scene_attach(s, l, attach_to(3, "redis"));
	l->session->n_attachments -= SESSION_ATTACHMENTS_MAX - 2;
}

/* Sessions come and go; the endpoint and its link id stay. */
static void a_session_that_ends_leaves_its_endpoint(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	provide(s, "redis", "@all", "@all");
	uint32_t link = scene_attach(s, l, attach_to(1, "redis"))->link;
	hang_up(l);
	settle(s->n);
	assert_true(list_empty(&s->web->sessions));
	assert_true(list_empty(&scene_endpoint(s, "redis")->attachments));
	l = web_dials(s, "again");
	assert_int_equal(scene_attach(s, l, attach_to(1, "redis"))->link, link);
}

static void what_is_not_asked_for_again_goes(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	provide(s, "redis", "@all", "@all");
	scene_attach(s, l, attach_to(1, "redis"));
	scene_attach(s, l, attach_to(2, "redis"));
	struct session *session = l->session;
	l = dial(s->n, s->webs, "web", session->resume);
	settle(s->n);
	assert_ptr_equal(l->session, session);
	scene_attach(s, l, attach_to(2, "redis"));
	session->attachments_stale.fired(&session->attachments_stale);
	settle(s->n);
	assert_null(attachments_find(session, 1));
	assert_non_null(attachments_find(session, 2));
}

/* Detached, or its client gone, at each moment of its coming. */
static void it_goes_on_its_way(void **state)
{
	struct private_scene *s = *state;
	provide(s, "redis", "@all", "@all");
	scene_attach(s, web_dials(s, "first"), attach_to(1, "redis"));
	for (unsigned turns = 0; turns < 4 * WORKERS; turns++) {
		struct server_link *l = web_dials(s, "a"), *gone = web_dials(s, "b");
		struct control detach = {.type = CONTROL_DETACH, .detach.endpoint = 1};
		settle(s->n);
		say(l, attach_to(1, "redis"));
		say(gone, attach_to(1, "redis"));
		for (unsigned i = 0; i < turns; i++)
			turn(s->n, i % WORKERS);
		say(l, detach);
		hang_up(gone);
		settle(s->n);
		assert_int_equal(l->session->n_attachments, 0);
		assert_int_equal(l->session->n_coming, 0);
		hang_up(l);
		settle(s->n);
	}
	assert_int_equal(s->web->n_sessions, 1);
	/* The endpoint is asked for, and its client gone, before it is stored. */
	struct server_link *l = web_dials(s, "c");
	struct control c = attach_to(1, "redis");
	c.attach.name = "other";
	settle(s->n);
	say(l, c);
	turn(s->n, 0);
	hang_up(l);
	settle_until(s->n, scene_service(s, "redis")->n_endpoints == 2);
	settle(s->n);
	assert_int_equal(s->web->n_sessions, 1);
}

static bool may_pass_anywhere(struct private_scene *s, const struct session *session)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		const struct attachment_shard *shard =
			attachment_find(&session->base.shards[i], s->n->node.workers[i], 1);
		if (shard && shard->bar == ATTACHMENT_PASSES)
			return true;
	}
	return false;
}

/* One that is detached before every worker knew it is judged like others until it is gone. */
static void what_is_on_its_way_and_gone_is_judged(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	struct control detach = {.type = CONTROL_DETACH, .detach.endpoint = 1};
	unsigned cut;
	bool done;
	provide(s, "redis", "@all", "@all");
	scene_attach(s, l, attach_to(2, "redis"));
	say(l, attach_to(1, "redis"));
	turn(s->n, 0);
	assert_non_null(attachments_find(l->session, 1));
	say(l, detach);
	turn(s->n, 0);
	struct store_row row = decided_row(scene_endpoint(s, "redis"), POLICY_REJECT, "");
	row_submit(s, &row, true, false, &done, &cut);
	/* It is stored before the other workers have heard of anything. */
	for (int i = 0; i < 100; i++) {
		turn(s->n, 0);
		usleep(500);
	}
	for (int i = 0; !done && i < 100; i++)
		turn(s->n, (unsigned)i % WORKERS);
	assert_true(done);
	assert_false(may_pass_anywhere(s, l->session));
	settle(s->n);
	assert_int_equal(l->session->n_coming, 1);
}

/* Without memory for a flag, what it is about is gone, and with it what it let pass. */
static void what_cannot_be_told_to_workers_is_removed(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	provide(s, "redis", "@all", "@all");
	scene_attach(s, l, attach_to(1, "redis"));
	attachments_bar(attachments_find(l->session, 1));
	/* Not with its session alone, which may go on over a link that comes meanwhile. */
	assert_null(attachments_find(l->session, 1));
	settle(s->n);
	assert_true(list_empty(&scene_endpoint(s, "redis")->attachments));
	l = web_dials(s, "again");
	scene_attach(s, l, attach_to(1, "redis"));
	assert_true(may_pass_anywhere(s, l->session));
}

/* Whoever attaches and detaches faster than workers hear of it has no more than so many. */
static void so_many_are_on_their_way(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	provide(s, "redis", "@all", "@all");
	scene_attach(s, l, attach_to(1, "redis"));
	l->session->n_coming += SESSION_COMING_MAX;
	assert_int_equal(scene_declined(s, l, attach_to(2, "redis"))->reason, CONTROL_REASON_LIMIT);
	l->session->n_coming -= SESSION_COMING_MAX;
	scene_attach(s, l, attach_to(2, "redis"));
}

/* Whoever asks and deletes and asks again, or says another thing each time, is stored at a pace. */
static void what_is_stored_for_it_has_a_pace(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web");
	struct control c = attach_to(1, "redis");
	provide(s, "redis", "@all", NULL);
	c.attach.message = "one";
	scene_attach(s, l, c);
	assert_true(s->web->attach_stored_until > clock_now());
	for (unsigned n = 1; attach_pace_may_store(s->web, clock_now()); n++) {
		assert_in_range(n, 1, ATTACH_NEWS_BURST + 1);
		attach_pace_stored(s->web, clock_now());
	}
	c.attach.message = "two";
	assert_int_equal(scene_declined(s, l, c)->reason, CONTROL_REASON_LIMIT);
	assert_string_equal(scene_endpoint(s, "redis")->value.message, "one");
	/* What is there is told, and what cannot be seen is not there, at any pace. */
	c.attach.message = "one";
	scene_attach(s, l, c);
	assert_int_equal(scene_declined(s, l, attach_to(2, "nothing"))->reason,
		CONTROL_REASON_UNKNOWN);
	s->web->attach_stored_until -= 2 * ATTACH_NEWS_EVERY;
	c.attach.message = "two";
	scene_attach(s, l, c);
	assert_string_equal(scene_endpoint(s, "redis")->value.message, "two");
}

/* Nobody has to be online when it is asked for. */
static void whoever_comes_first(void **state)
{
	struct private_scene *s = *state;
	struct server_link *provider = provide(s, "redis", "@all", NULL), *l = web_dials(s, "web");
	hang_up(provider);
	settle(s->n);
	assert_int_equal(scene_attach(s, l, attach_to(1, "redis"))->state,
		CONTROL_ENDPOINT_PENDING);
	provider = provide(s, "redis", NULL, NULL);
	settle(s->n);
	assert_non_null(told(s->n, provider, CONTROL_PENDING, 0));
	decide(s, scene_endpoint(s, "redis"), POLICY_APPROVE, "");
	assert_true(told(s->n, l, CONTROL_ATTACHED, 1)->usable);
}

static void another_session_is_refused_in_words(void **state)
{
	struct private_scene *s = *state;
	struct server_link *l = web_dials(s, "web"), *two = web_dials(s, "two");
	provide(s, "redis", "@all", "@all");
	scene_attach(s, l, attach_to(1, "redis"));
	s->web->value.max_sessions = 1;
	const struct message *m = scene_declined(s, two, attach_to(1, "redis"));
	assert_int_equal(m->reason, CONTROL_REASON_LIMIT);
	s->web->value.max_sessions = POLICY_NONE;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, private_scene_open, private_scene_close)
	const struct CMUnitTest tests[] = {
		TEST(whoever_is_listed_need_not_wait),
		TEST(its_owner_need_not_wait),
		TEST(whoever_has_to_wait_is_told_to_the_owner),
		TEST(what_may_not_be_seen_is_not_there),
		TEST(what_makes_no_sense_is_declined),
		TEST(misses_are_answered_slowly),
		TEST(what_is_there_already_makes_no_guess_good),
		TEST(a_number_is_of_one_endpoint),
		TEST(there_are_so_many),
		TEST(a_session_that_ends_leaves_its_endpoint),
		TEST(what_is_not_asked_for_again_goes),
		TEST(it_goes_on_its_way),
		TEST(what_is_on_its_way_and_gone_is_judged),
		TEST(what_cannot_be_told_to_workers_is_removed),
		TEST(so_many_are_on_their_way),
		TEST(what_is_stored_for_it_has_a_pace),
		TEST(whoever_comes_first),
		TEST(another_session_is_refused_in_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
