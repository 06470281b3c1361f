/* SPDX-License-Identifier: MIT */
/* What the exit node is asked for, and what its answers make of ports and of connections to come. */
#include "local_scene.h"

static void test_asked(void **state)
{
	struct scene s;
	begin(&s, "redis=0!please dns=udp:0");
	offer(&s);
	const struct asked *redis = expect(&s, 0, CONTROL_ATTACH, 1);
	assert_string_equal(redis->service, "redis");
	assert_string_equal(redis->message, "please");
	assert_string_equal(redis->name, "");
	assert_int_equal(redis->kind, CONTROL_TCP);
	assert_int_equal(expect(&s, 1, CONTROL_ATTACH, 2)->kind, CONTROL_UDP);
	/* What waits for its answer is not asked for again. */
	offer(&s);
	assert_int_equal(s.n_asked, 2);
	assert_int_equal(state_of(&s, 1), CLIENT_ENDPOINT_ASKED);
	end(&s);
}

/* Whatever the exit node says: the state, and what becomes of the port and of connections. */
static void test_answers(void **state)
{
	static const struct {
		enum control_endpoint_state said;
		bool usable;
		enum client_endpoint_state becomes;
		enum client_endpoint_way way;
		bool open; /* its port, which was */
	} rows[] = {
		{CONTROL_ENDPOINT_APPROVED, true, CLIENT_ENDPOINT_USABLE, CLIENT_ENDPOINT_OPENS,
			true},
		{CONTROL_ENDPOINT_APPROVED, false, CLIENT_ENDPOINT_BARRED, CLIENT_ENDPOINT_RESETS,
			true},
		{CONTROL_ENDPOINT_PENDING, false, CLIENT_ENDPOINT_PENDING, CLIENT_ENDPOINT_RESETS,
			true},
		{CONTROL_ENDPOINT_REJECTED, false, CLIENT_ENDPOINT_REJECTED, CLIENT_ENDPOINT_RESETS,
			false},
		{CONTROL_ENDPOINT_DISCONNECTED, false, CLIENT_ENDPOINT_OVER, CLIENT_ENDPOINT_RESETS,
			false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int was_used = 0; was_used < 2; was_used++) {
			struct scene s;
			begin(&s, "redis=0 other=0");
			offer(&s);
			if (was_used)
				use(&s, 1);
			attached(&s, 1, rows[i].said, rows[i].usable, "why");
			assert_int_equal(state_of(&s, 1), rows[i].becomes);
			assert_int_equal(client_endpoint_way(endpoint(&s, 1)), rows[i].way);
			bool open = rows[i].open && (was_used || rows[i].usable);
			assert_int_equal(endpoint(&s, 1)->port.open, open);
			assert_int_equal(s.ended, -1);
			end(&s);
		}
	}
}

/* What people are told, once for each change. */
static void test_said(void **state)
{
	static const struct {
		enum control_endpoint_state said;
		bool usable;
		const char *sentence, *text;
	} rows[] = {
		{CONTROL_ENDPOINT_PENDING, false, NULL,
			"redis is pending: its owner decides (tunnel endpoint approve "
			"web.7f3a9c2e41d05b68)"},
		{CONTROL_ENDPOINT_APPROVED, true, "ticket 4711",
			"redis is approved (\"ticket 4711\"); listening on unix:./endpoints.sock"},
		{CONTROL_ENDPOINT_APPROVED, false, "an intention denies it",
			"redis is barred: an intention denies it; connections to it are reset "
			"meanwhile"},
		{CONTROL_ENDPOINT_APPROVED, false, NULL,
			"redis is barred: the exit node does not say why; connections to it are "
			"reset meanwhile"},
		{CONTROL_ENDPOINT_APPROVED, true, NULL,
			"redis is approved; listening on unix:./endpoints.sock"},
		{CONTROL_ENDPOINT_REJECTED, false, "not this quarter",
			"redis is rejected: not this quarter; waiting, as its owner may still "
			"approve it"},
		{CONTROL_ENDPOINT_DISCONNECTED, false, NULL,
			"redis is disconnected: its owner has removed this endpoint; to ask again, "
			"delete it first: tunnel endpoint delete web.7f3a9c2e41d05b68"},
	};
	struct scene s;
	begin(&s, "redis=unix:./endpoints.sock other=0");
	offer(&s);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		attached(&s, 1, rows[i].said, rows[i].usable, rows[i].sentence);
		struct client_endpoint *ep = (struct client_endpoint *)(uintptr_t)endpoint(&s, 1);
		assert_string_equal(ep->text, rows[i].text);
		assert_true(ep->said);
		/* The same once more is no news. */
		ep->level = -1;
		attached(&s, 1, rows[i].said, rows[i].usable, rows[i].sentence);
		assert_int_equal(ep->level, -1);
	}
	end(&s);
}

/* An id that a shell would read as more than a word is in no command. */
static void test_said_of_a_strange_id(void **state)
{
	static const char *const ids[] = {"", "-rf", "a;b", "$(a)", "a b"};
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct local_service service = {.alias = (char *)(uintptr_t) "redis",
			.name = "redis"};
		struct client_endpoint *ep = client_endpoint_new(&service, 1);
		client_endpoint_set_state(ep, CLIENT_ENDPOINT_ASKED);
		struct control m = {.type = CONTROL_ATTACHED,
			.attached = {.endpoint = 1,
				.id = ids[i],
				.alias = "redis",
				.state = CONTROL_ENDPOINT_PENDING}};
		client_endpoint_attached(ep, &m, &(struct client_endpoint_keys){0});
		assert_string_equal(ep->text, "redis is pending: its owner decides");
		client_endpoint_unref(ep);
	}
}

static void test_described(void **state)
{
	struct scene s;
	char text[256], small[200];
	begin(&s, "");
	client_endpoints_describe(&s.consumer.endpoints, text, sizeof(text));
	assert_string_equal(text, "");
	end(&s);
	begin(&s, "a=0 b=0 c=0 d=0");
	client_endpoints_describe(&s.consumer.endpoints, text, sizeof(text));
	assert_string_equal(text, "no private service can be used yet");
	offer(&s);
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, true, NULL);
	attached(&s, 2, CONTROL_ENDPOINT_APPROVED, true, NULL);
	attached(&s, 3, CONTROL_ENDPOINT_PENDING, false, NULL);
	declined(&s, 4);
	client_endpoints_describe(&s.consumer.endpoints, text, sizeof(text));
	assert_string_equal(text, "using: a, b; pending: 1; declined: 1");
	client_endpoints_describe(&s.consumer.endpoints, small, sizeof(small));
	assert_string_equal(small, "using: 2; pending: 1; declined: 1");
	end(&s);
}

/* The port is nobody else's between two answers, and comes back behind a rejection. */
static void test_port_comes_and_goes(void **state)
{
	struct scene s;
	begin(&s, "redis=0");
	offer(&s);
	attached(&s, 1, CONTROL_ENDPOINT_PENDING, false, NULL);
	assert_false(endpoint(&s, 1)->port.open);
	use(&s, 1);
	uint16_t port = local_port_number(&endpoint(&s, 1)->port);
	assert_int_not_equal(port, 0);
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, false, "an intention denies it");
	assert_false(is_refused("127.0.0.1", port));
	attached(&s, 1, CONTROL_ENDPOINT_REJECTED, false, "no");
	assert_true(is_refused("127.0.0.1", port));
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, true, NULL);
	assert_false(is_refused("127.0.0.1", local_port_number(&endpoint(&s, 1)->port)));
	end(&s);
}

/* While the exit node is away the port stays; a new session is asked for all of them. */
static void test_session_lost(void **state)
{
	struct scene s;
	begin(&s, "redis=0 other=0");
	use(&s, 1);
	declined(&s, 2);
	consumer_lost(&s.consumer);
	assert_int_equal(state_of(&s, 1), CLIENT_ENDPOINT_IDLE);
	assert_int_equal(state_of(&s, 2), CLIENT_ENDPOINT_IDLE);
	assert_true(endpoint(&s, 1)->port.open);
	assert_int_equal(client_endpoint_way(endpoint(&s, 1)), CLIENT_ENDPOINT_WAITS);
	offer(&s);
	expect(&s, 2, CONTROL_ATTACH, 1);
	expect(&s, 3, CONTROL_ATTACH, 2);
	end(&s);
}

/* With one link of several only the question is lost that it carried. */
static void test_link_lost(void **state)
{
	struct scene s;
	begin(&s, "redis=0 other=0");
	use(&s, 1);
	consumer_unanswered(&s.consumer);
	offer(&s);
	assert_int_equal(s.n_asked, 3);
	expect(&s, 2, CONTROL_ATTACH, 2);
	assert_int_equal(state_of(&s, 1), CLIENT_ENDPOINT_USABLE);
	end(&s);
}

/* Asked again by itself, later each time. */
static void test_declined(void **state)
{
	struct scene s;
	begin(&s, "redis=0");
	offer(&s);
	declined(&s, 1);
	assert_int_equal(state_of(&s, 1), CLIENT_ENDPOINT_DECLINED);
	const struct client_endpoint *ep = endpoint(&s, 1);
	assert_int_equal(ep->retry, 2 * CLIENT_ENDPOINT_RETRY_FIRST);
	UNTIL(&s, s.n_asked == 2);
	for (int i = 0; i < 5; i++) {
		declined(&s, 1);
		client_endpoint_again((struct client_endpoint *)(uintptr_t)ep);
		offer(&s);
	}
	assert_int_equal(ep->retry, CLIENT_ENDPOINT_RETRY);
	use(&s, 1);
	assert_int_equal(ep->retry, CLIENT_ENDPOINT_RETRY_FIRST);
	end(&s);
}

/* One that knows of no private services is asked for nothing, and each new link is looked at. */
static void test_older(void **state)
{
	struct scene s;
	begin(&s, "redis=0");
	s.older = true;
	offer(&s);
	offer(&s);
	assert_int_equal(s.n_asked, 0);
	assert_true(s.consumer.endpoints.older_said);
	assert_int_equal(state_of(&s, 1), CLIENT_ENDPOINT_IDLE);
	s.older = false;
	offer(&s);
	assert_int_equal(s.n_asked, 1);
	assert_false(s.consumer.endpoints.older_said);
	end(&s);
}

/* Numbers that are not ours, what was not asked for, and what is over. */
static void test_strange_answers(void **state)
{
	struct scene s;
	begin(&s, "redis=0 other=0");
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, true, NULL);
	declined(&s, 1);
	attached(&s, 99, CONTROL_ENDPOINT_APPROVED, true, NULL);
	declined(&s, 99);
	assert_int_equal(state_of(&s, 1), CLIENT_ENDPOINT_IDLE);
	offer(&s);
	attached(&s, 1, CONTROL_ENDPOINT_DISCONNECTED, false, NULL);
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, true, NULL);
	declined(&s, 1);
	assert_int_equal(state_of(&s, 1), CLIENT_ENDPOINT_OVER);
	/* It is asked for by nobody any more, not in a new session either. */
	consumer_lost(&s.consumer);
	s.n_asked = 0;
	offer(&s);
	assert_int_equal(s.n_asked, 1);
	expect(&s, 0, CONTROL_ATTACH, 2);
	end(&s);
}

static void test_the_last_is_removed(void **state)
{
	struct scene s;
	begin(&s, "redis=0 other=0");
	offer(&s);
	attached(&s, 1, CONTROL_ENDPOINT_DISCONNECTED, false, NULL);
	turn(&s);
	assert_int_equal(s.ended, -1);
	assert_true(consumer_lives(&s.consumer));
	attached(&s, 2, CONTROL_ENDPOINT_DISCONNECTED, false, NULL);
	UNTIL(&s, s.ended >= 0);
	assert_int_equal(s.ended, CONSUMER_END_DISCONNECTED);
	assert_false(consumer_lives(&s.consumer));
	end(&s);
}

static void test_wait(void **state)
{
	struct scene s;
	begin_with(&s, "redis=0", (struct client_options){.wait = 1});
	UNTIL(&s, s.ended >= 0);
	assert_int_equal(s.ended, CONSUMER_END_WAITED);
	end(&s);
	/* One that could be used once has been waited for. */
	begin_with(&s, "redis=0", (struct client_options){.wait = SCENE_PATIENCE});
	assert_int_not_equal(s.consumer.wait.deadline, CLOCK_NEVER);
	use(&s, 1);
	UNTIL(&s, s.consumer.wait.deadline == CLOCK_NEVER);
	end(&s);
}

/* ---- The configuration is read again ---- */

static void test_reload(void **state)
{
	struct scene s;
	begin(&s, "a=0 b=0 c=0");
	offer(&s);
	for (uint32_t i = 1; i <= 3; i++)
		attached(&s, i, CONTROL_ENDPOINT_APPROVED, true, NULL);
	uint16_t kept = local_port_number(&endpoint(&s, 1)->port);
	uint16_t closed = local_port_number(&endpoint(&s, 2)->port);
	struct client_endpoints_change change = set(&s, "d=0 a=0 c=unix:./local_services.sock");
	assert_int_equal(change.added, 2);
	assert_int_equal(change.removed, 2);
	assert_int_equal(change.kept, 1);
	assert_false(is_refused("127.0.0.1", kept));
	assert_true(is_refused("127.0.0.1", closed));
	s.n_asked = 0;
	offer(&s);
	assert_int_equal(s.n_asked, 4);
	expect(&s, 0, CONTROL_DETACH, 2);
	expect(&s, 1, CONTROL_DETACH, 3);
	expect(&s, 2, CONTROL_ATTACH, 4);
	expect(&s, 3, CONTROL_ATTACH, 5);
	assert_null(client_endpoints_find(&s.consumer.endpoints, 2));
	assert_int_equal(state_of(&s, 1), CLIENT_ENDPOINT_USABLE);
	assert_int_equal(client_endpoints_wanted(&s.consumer.endpoints), 3);
	end(&s);
}

/* What the exit node never heard of is detached from nothing. */
static void test_reload_unasked(void **state)
{
	struct scene s;
	begin(&s, "a=0 b=0");
	set(&s, "b=0");
	offer(&s);
	assert_int_equal(s.n_asked, 1);
	expect(&s, 0, CONTROL_ATTACH, 2);
	assert_null(client_endpoints_find(&s.consumer.endpoints, 1));
	/* What was asked for may have come, though no answer has. */
	set(&s, "");
	offer(&s);
	expect(&s, 1, CONTROL_DETACH, 2);
	assert_int_equal(s.consumer.endpoints.n, 0);
	assert_int_equal(s.ended, -1);
	end(&s);
}

/* Another message is told to whoever has to decide, and changes nothing else. */
static void test_reload_message(void **state)
{
	struct scene s;
	begin(&s, "a=0!one b=0!one");
	offer(&s);
	attached(&s, 1, CONTROL_ENDPOINT_PENDING, false, NULL);
	attached(&s, 2, CONTROL_ENDPOINT_APPROVED, true, NULL);
	struct client_endpoints_change change = set(&s, "a=0!two b=0!two");
	assert_int_equal(change.kept, 2);
	s.n_asked = 0;
	offer(&s);
	assert_int_equal(s.n_asked, 1);
	assert_string_equal(expect(&s, 0, CONTROL_ATTACH, 1)->message, "two");
	assert_int_equal(state_of(&s, 2), CLIENT_ENDPOINT_USABLE);
	end(&s);
}

/* Whoever deleted the endpoint that was removed asks again by a reload. */
static void test_reload_over(void **state)
{
	struct scene s;
	begin(&s, "a=0 b=0");
	offer(&s);
	attached(&s, 1, CONTROL_ENDPOINT_DISCONNECTED, false, NULL);
	struct client_endpoints_change change = set(&s, "a=0 b=0");
	assert_int_equal(change.added, 1);
	assert_int_equal(change.removed, 1);
	s.n_asked = 0;
	offer(&s);
	expect(&s, 0, CONTROL_DETACH, 1);
	expect(&s, 1, CONTROL_ATTACH, 3);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_said_of_a_strange_id),
		cmocka_unit_test(test_described),
		cmocka_unit_test(test_port_comes_and_goes),
		cmocka_unit_test(test_session_lost),
		cmocka_unit_test(test_link_lost),
		cmocka_unit_test(test_declined),
		cmocka_unit_test(test_older),
		cmocka_unit_test(test_strange_answers),
		cmocka_unit_test(test_the_last_is_removed),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_reload_unasked),
		cmocka_unit_test(test_reload_message),
		cmocka_unit_test(test_reload_over),
	};
	return cmocka_run_group_tests(tests, in_own_folder, leave_folder);
}
