/* SPDX-License-Identifier: MIT */
/* Several clients at one place: they share it and are told so, or one of them insists on being alone. */
#include "tests/unit/server/exit_node.h"

#include <unistd.h>

#include "server/control/sharing.h"

static struct control alone(uint32_t number, const char *host)
{
	struct control m = publish_http(number, host);
	m.publish.exclusive = true;
	return m;
}

static struct control at(const char *upstream)
{
	struct control m = publish_http(1, "a.example");
	m.publish.upstream = upstream;
	return m;
}

static void both_are_told_when_their_upstreams_differ(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} rows[] = {
		{"http://127.0.0.1:3000", "http://127.0.0.1:3000", true},
		{"http://127.0.0.1:3000", "http://127.0.0.1:3000/", true},
		{"http://A.example", "http://a.example:80", true},
		{"http://127.0.0.1:3000", "http://127.0.0.1:3001", false},
		{"http://127.0.0.1:3000", "https://127.0.0.1:3000", false},
		{"http://127.0.0.1:3000", "http://127.0.0.2:3000", false},
		{"http://127.0.0.1:3000", "http://127.0.0.1:3000/app", false},
		{"http://unix:/run/a.sock", "http://unix:/run/b.sock", false},
		{"nonsense", "http://127.0.0.1:3000", false},
		{"http://127.0.0.1:3000", "nonsense", false},
		{"nonsense", "nonsense", true},
	};
	struct exit_node *n = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct server_link *a = dial(n, &alice, "one", NULL);
		struct server_link *b = dial(n, &alice, "two", NULL);
		assert_int_equal(ask(n, a, at(rows[i].one))->type, CONTROL_GRANTED);
		assert_int_equal(ask(n, b, at(rows[i].other))->type, CONTROL_GRANTED);
		const struct message *of_a = told(n, a, CONTROL_NOTICE, 0);
		const struct message *of_b = told(n, b, CONTROL_NOTICE, 0);
		if ((of_a == NULL) != rows[i].same || (of_b == NULL) != rows[i].same)
			fail_msg("row %zu", i);
		if (!rows[i].same) {
			char want[CONTROL_TEXT];
			snprintf(want, sizeof(want),
				"a.example is published by session %s from 192.0.2.1:4000 as well, "
				"with another upstream",
				b->session->base.name);
			assert_int_equal(strncmp(of_a->text, want, strlen(want)), 0);
			assert_true(of_a->warning);
			assert_non_null(strstr(of_b->text, a->session->base.name));
		}
		hang_up(a);
		hang_up(b);
		settle(n);
	}
}

/* Without a token strangers are told nothing of each other. */
static void strangers_do_not_learn_addresses(void **state)
{
	struct exit_node *n = *state;
	struct token_key key;
	struct error err;
	token_key_open_mode(&key);
	assert_int_equal(catalog_add_token(&n->catalog, &key, true, &err), 0);
	struct credential *anybody = catalog_find_key(&n->catalog, key.id);
	struct server_link *a = dial(n, anybody, "one", NULL);
	struct server_link *b = dial(n, anybody, "two", NULL);
	ask(n, a, at("http://127.0.0.1:1"));
	ask(n, b, at("http://127.0.0.1:2"));
	assert_non_null(told(n, a, CONTROL_NOTICE, 0));
	assert_null(strstr(told(n, a, CONTROL_NOTICE, 0)->text, "192.0.2.1"));
}

static void a_service_is_told_once_in_a_while(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = dial(n, &alice, "one", NULL);
	struct server_link *b = dial(n, &alice, "two", NULL), *c = dial(n, &alice, "three", NULL);
	ask(n, a, at("http://127.0.0.1:1"));
	ask(n, b, at("http://127.0.0.1:2"));
	size_t before = client_of(n, a)->n_messages;
	ask(n, c, at("http://127.0.0.1:3"));
	assert_int_equal(client_of(n, a)->n_messages, before);
	/* The one that came is told of the first. */
	assert_non_null(strstr(told(n, c, CONTROL_NOTICE, 0)->text, a->session->base.name));
}

/* One that is about to go is in nobody's way. */
static void who_leaves_counts_no_longer(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = dial(n, &alice, "one", NULL);
	struct server_link *b = dial(n, &alice, "two", NULL);
	struct control m = alone(1, "a.example");
	ask(n, a, m);
	a->io.link.ops->goaway(&a->io.link, FRAME_GOAWAY_SHUTDOWN);
	m.publish.upstream = "http://127.0.0.1:2";
	assert_int_equal(ask(n, b, m)->type, CONTROL_GRANTED);
	assert_null(told(n, b, CONTROL_NOTICE, 0));
}

static void it_is_alone(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = dial(n, &alice, "one", NULL);
	struct server_link *b = dial(n, &alice, "two", NULL);
	const struct message *m = ask(n, a, alone(1, "a.example"));
	assert_int_equal(m->type, CONTROL_GRANTED);
	assert_true(m->exclusive);
	m = ask(n, b, publish_http(1, "a.example"));
	assert_int_equal(m->reason, CONTROL_REASON_TAKEN);
	assert_non_null(strstr(m->text, "a.example is held by session "));
	assert_non_null(strstr(m->text, ", which has it alone (--exclusive)"));
	/* Perhaps it is dead and does not know. */
	assert_int_not_equal(a->suspected_at, 0);
	ask(n, b, publish_http(2, "b.example"));
	m = ask(n, a, alone(2, "b.example"));
	assert_non_null(strstr(m->text, ", and --exclusive does not share it"));
	/* Its own are not in its way. */
	assert_int_equal(ask(n, b, alone(3, "b.example"))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, b, alone(4, ""))->type, CONTROL_GRANTED);
	m = ask(n, a, publish_http(3, ""));
	assert_non_null(strstr(m->text, "every other host is held by"));
}

static void a_port_is_named_as_such(void **state)
{
	struct exit_node *n = *state;
	uint16_t first = exit_node_ports(n);
	char want[64];
	struct server_link *a = dial(n, &alice, "one", NULL);
	struct server_link *b = dial(n, &alice, "two", NULL);
	struct control m = publish_port(1, CONTROL_UDP, first);
	m.publish.exclusive = true;
	ask(n, a, m);
	snprintf(want, sizeof(want), "UDP port %u is held by session ", first);
	assert_non_null(strstr(ask(n, b, m)->text, want));
	m = publish_port(2, CONTROL_TCP, first);
	m.publish.exclusive = true;
	m.publish.ports = 2;
	ask(n, a, m);
	snprintf(want, sizeof(want), "ports %u-%u is held by session ", first, first + 1);
	assert_non_null(strstr(ask(n, b, m)->text, want));
}

/* Its connection is lost for a moment: the place is kept for its process, and for no other. */
static void its_place_is_kept(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = dial(n, &alice, "one", NULL);
	ask(n, a, alone(1, "a.example"));
	ask(n, a, publish_http(2, "b.example"));
	hang_up(a);
	settle(n);
	assert_int_equal(n->registrar.n_kept, 1); /* what it had alone */
	struct server_link *b = dial(n, &alice, "two", NULL);
	const struct message *m = ask(n, b, publish_http(1, "a.example"));
	assert_int_equal(m->reason, CONTROL_REASON_TAKEN);
	assert_non_null(strstr(m->text, "a.example is kept for session "));
	assert_int_equal(ask(n, b, publish_http(2, "b.example"))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, b, publish_http(3, "c.example"))->type, CONTROL_GRANTED);
	/* The same process by another name is another client's. */
	struct server_link *c = dial(n, &bob, "one", NULL);
	assert_int_equal(ask(n, c, publish_http(1, "a.example"))->type, CONTROL_REFUSED);
	a = dial(n, &alice, "one", NULL);
	assert_int_equal(ask(n, a, alone(1, "a.example"))->type, CONTROL_GRANTED);
	assert_int_equal(n->registrar.n_kept, 0);
}

static void who_left_wants_nothing_kept(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = dial(n, &alice, "one", NULL);
	ask(n, a, alone(1, "a.example"));
	a->io.link.ops->goaway(&a->io.link, FRAME_GOAWAY_SHUTDOWN);
	hang_up(a);
	settle(n);
	assert_int_equal(n->registrar.n_kept, 0);
	struct server_link *b = dial(n, &alice, "two", NULL);
	assert_int_equal(ask(n, b, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
}

static void it_is_kept_for_the_grace(void **state)
{
	struct exit_node *n = *state;
	n->options.reconnect_grace = 20 * CLOCK_MS;
	struct server_link *a = dial(n, &alice, "one", NULL);
	ask(n, a, alone(1, "a.example"));
	hang_up(a);
	settle(n);
	struct server_link *b = dial(n, &alice, "two", NULL);
	usleep(30 * 1000);
	assert_int_equal(ask(n, b, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	assert_int_equal(n->registrar.n_kept, 0);
}

/* Any of its ports. */
static void ports_are_kept_each(void **state)
{
	static const struct {
		enum control_kind kind;
		int from;
		uint32_t ports;
		bool kept;
	} rows[] = {
		{CONTROL_TCP, 9, 1, false},
		{CONTROL_TCP, 8, 3, true},
		{CONTROL_TCP, 10, 1, true},
		{CONTROL_TCP, 12, 1, true},
		{CONTROL_TCP, 11, 3, true},
		{CONTROL_TCP, 13, 1, false},
		{CONTROL_UDP, 10, 3, false},
	};
	struct exit_node *n = *state;
	uint16_t first = exit_node_ports(n);
	struct server_link *a = dial(n, &alice, "one", NULL);
	struct control m = publish_port(1, CONTROL_TCP, first + 10u);
	m.publish.ports = 3;
	m.publish.exclusive = true;
	ask(n, a, m);
	hang_up(a);
	settle(n);
	assert_int_equal(n->registrar.n_kept, 1);
	struct server_link *b = dial(n, &alice, "two", NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		m = publish_port(100 + 10 * (uint32_t)i, rows[i].kind,
			first + (uint32_t)rows[i].from);
		m.publish.ports = rows[i].ports;
		const struct message *answer = ask(n, b, m);
		if ((answer->type == CONTROL_REFUSED) != rows[i].kept)
			fail_msg("row %zu: %s", i, answer->text);
		withdraw(b, m.publish.service);
		settle(n);
	}
}

static void so_many_are_kept(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = dial(n, &alice, "one", NULL);
	ask(n, a, alone(1, "a.example"));
	ask(n, a, alone(2, "b.example"));
	n->registrar.n_kept = SHARING_KEPT_MAX - 1;
	hang_up(a);
	settle(n);
	/* The one that was lost first made room. */
	assert_int_equal(n->registrar.n_kept, SHARING_KEPT_MAX);
	n->registrar.n_kept = 1;
	struct server_link *b = dial(n, &alice, "two", NULL);
	assert_int_equal(ask(n, b, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, b, publish_http(2, "b.example"))->type, CONTROL_REFUSED);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, exit_node_open, exit_node_close)
	const struct CMUnitTest tests[] = {
		TEST(both_are_told_when_their_upstreams_differ),
		TEST(strangers_do_not_learn_addresses),
		TEST(a_service_is_told_once_in_a_while),
		TEST(who_leaves_counts_no_longer),
		TEST(it_is_alone),
		TEST(a_port_is_named_as_such),
		TEST(its_place_is_kept),
		TEST(who_left_wants_nothing_kept),
		TEST(it_is_kept_for_the_grace),
		TEST(ports_are_kept_each),
		TEST(so_many_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
