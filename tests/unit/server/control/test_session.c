/* SPDX-License-Identifier: MIT */
/* Sessions: who they are, which links are theirs, and what becomes of them. */
#include "tests/unit/server/exit_node.h"

#include <unistd.h>

#include "server/control/public_address.h"

static void a_client_is_a_session_once_it_says_something(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	settle(n);
	assert_true(list_empty(&n->registrar.sessions));
	struct control m = {.type = CONTROL_NOTICE, .notice.sentence = "hello"};
	say(l, m);
	settle(n);
	struct session *s = only_session(n);
	assert_ptr_equal(l->session, s);
	assert_int_equal(strlen(s->base.name), SESSION_NAME_SIZE - 1);
	assert_string_equal(s->peer, "192.0.2.1:4000");
	assert_non_null(told(n, l, CONTROL_SESSION_GRANT, 0));
	say(l, m);
	settle(n);
	assert_ptr_equal(only_session(n), s);
}

static void a_session_has_so_many_links(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	publish(l, 1, "a.example");
	settle(n);
	struct session *s = only_session(n);
	struct server_link *last = NULL;
	for (int i = 1; i < SESSION_LINKS_MAX; i++)
		join(last = dial(n, &alice, "one", NULL), s, s->resume);
	settle(n);
	assert_non_null(told(n, last, CONTROL_SESSION_GRANT, 0));
	assert_int_equal(s->n_links, SESSION_LINKS_MAX);
	struct server_link *more = dial(n, &alice, "one", NULL);
	join(more, s, s->resume);
	settle(n);
	assert_int_equal(s->n_links, SESSION_LINKS_MAX);
	assert_true(client_of(n, more)->ended);
}

static void a_link_joins_once(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	publish(l, 1, "a.example");
	settle(n);
	struct session *s = only_session(n);
	struct server_link *two = dial(n, &alice, "one", NULL);
	join(two, s, s->resume);
	join(two, s, s->resume);
	settle(n);
	assert_true(client_of(n, two)->ended);
	assert_int_equal(s->n_links, 1);
	assert_int_equal(usable(s), 1);
}

static void nobody_joins_what_is_not_there(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	publish(l, 1, "a.example");
	publish(dial(n, &bob, "two", NULL), 1, "b.example");
	settle(n);
	struct session other = {.id = "nobody"};
	struct server_link *two = dial(n, &alice, "one", NULL);
	join(two, &other, l->session->resume);
	settle(n);
	assert_true(client_of(n, two)->ended);
	/* One among several is found. */
	two = dial(n, &alice, "one", NULL);
	join(two, l->session, l->session->resume);
	settle(n);
	assert_false(client_of(n, two)->ended);
	assert_int_equal(l->session->n_links, 2);
}

/* What a service is given away for is said over the link that came last. */
static void it_is_told_over_its_newest_link(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, publish_http(1, "a.example"));
	struct session *s = only_session(n);
	struct server_link *two = dial(n, &alice, "one", s->resume);
	settle(n);
	assert_non_null(told(n, two, CONTROL_SESSION_GRANT, 0));
	assert_true(client_of(n, l)->ended);
	assert_int_equal(ask(n, two, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
}

static void served(struct waiter *w)
{
	w->lost = true; /* noted */
}

static void expired(struct waiter *w)
{
	fail_msg("it waited too long");
}

/* A way to what was published is there again: whoever waits for it goes on, on any worker. */
static void wakes_whoever_waits(struct exit_node *n, bool joins)
{
	struct address peer = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 7}};
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, publish_http(1, "a.example"));
	struct session *s = only_session(n);
	l->io.link.ops->goaway(&l->io.link, FRAME_GOAWAY_REPLACED); /* it takes no more streams */
	struct waiter waiters[WORKERS];
	for (unsigned i = 0; i < WORKERS; i++) {
		struct routing *r = n->node.workers[i]->routing;
		waiter_init(&waiters[i], served, expired);
		wait_queue_add(&r->wait_queue, &waiters[i], &r->names, STR("a.example"), &peer);
		wait_queue_wake(&r->wait_queue);
	}
	settle(n);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_false(waiters[i].lost);
	if (joins)
		join(dial(n, &alice, "one", NULL), s, s->resume);
	else
		dial(n, &alice, "one", s->resume);
	settle(n);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_true(waiters[i].lost);
}

static void a_resumed_session_wakes_whoever_waits(void **state)
{
	wakes_whoever_waits(*state, false);
}

static void a_link_that_joins_wakes_whoever_waits(void **state)
{
	wakes_whoever_waits(*state, true);
}

/* The status line of the process: how many clients and services there are. */
static void the_status_counts_them(void **state)
{
	struct exit_node *n = *state;
	struct status *status = &n->registrar.status;
	char text[STATUS_SIZE];
	status->describe(status, text);
	assert_string_equal(text, "Serving; no client is connected");
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, publish_http(1, "a.example"));
	ask(n, l, publish_http(2, "b.example"));
	ask(n, dial(n, &bob, "two", NULL), publish_http(1, "c.example"));
	status->describe(status, text);
	assert_string_equal(text, "Serving; clients: 2, services: 3");
}

/* ---- Where visitors find a service ---- */

static void the_address_is_as_it_is_reached(void **state)
{
	static const struct {
		const char *dialled, *public_name, *public_scheme;
		bool sure;
		uint16_t visitors_port;
		const char *host;
		const char *want;
	} rows[] = {
		{NULL, "exit.example:9090", NULL, false, 0, "", "http://exit.example:9090/"},
		{NULL, "exit.example:80", NULL, false, 0, "", "http://exit.example/"},
		{NULL, "exit.example:443", NULL, false, 0, "", "http://exit.example:443/"},
		{NULL, "exit.example:443", "https", true, 0, "", "https://exit.example/"},
		{NULL, "exit.example:80", "https", true, 0, "", "https://exit.example:80/"},
		{NULL, "exit.example:443", "http", true, 0, "", "http://exit.example:443/"},
		{NULL, "[2001:db8::1]:80", NULL, false, 0, "", "http://[2001:db8::1]/"},
		{NULL, "exit.example:80", NULL, false, 0, "a.example", "http://a.example/"},
		{NULL, "exit.example:80", NULL, false, 0, "*.b.example",
			"*.b.example on http://exit.example/"},
		{NULL, "exit.example:80", NULL, false, 8080, "", "http://exit.example:8080/"},
		/* The client knows better, unless somebody said so. */
		{"ws://nat.example:7000", "exit.example:80", NULL, false, 0, "",
			"http://nat.example:7000/"},
		{"wss://nat.example:443", "exit.example:80", NULL, false, 0, "",
			"https://nat.example/"},
		{"wss://nat.example:443", "exit.example:80", NULL, false, 8080, "",
			"http://nat.example:8080/"},
		{"wss://nat.example:443", "exit.example:80", "http", true, 0, "",
			"http://exit.example/"},
		{"nonsense://", "exit.example:80", NULL, false, 0, "", "http://exit.example/"},
	};
	struct exit_node *n = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		n->node.public_name = rows[i].public_name;
		n->node.public_scheme = rows[i].public_scheme;
		n->node.public_sure = rows[i].sure;
		n->node.visitors_port = rows[i].visitors_port;
		struct server_link *l = dial_by(n, &alice, "one", NULL, rows[i].dialled);
		const struct message *m = ask(n, l, publish_http(1, rows[i].host));
		if (strcmp(m->text, rows[i].want) != 0)
			fail_msg("row %zu: %s", i, m->text);
		hang_up(l);
		settle(n);
	}
}

static void a_port_s_address_says_its_kind(void **state)
{
	struct exit_node *n = *state;
	struct session *s;
	struct server_link *l = dial(n, &alice, "one", NULL);
	char text[PUBLIC_ADDRESS_SIZE];
	ask(n, l, publish_http(1, "a.example"));
	s = only_session(n);
	struct service service = {.session = &s->base, .has_port = true, .kind = CONTROL_UDP};
	strcpy(service.place, "udp:53");
	public_address(&service, text);
	assert_string_equal(text, "udp://exit.example:53");
	service.kind = CONTROL_TCP;
	service.tls = CONTROL_TLS_TERMINATE;
	strcpy(service.place, "tcp:7000-7002");
	public_address(&service, text);
	assert_string_equal(text, "tcp://exit.example:7000-7002 (TLS)");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, exit_node_open, exit_node_close)
	const struct CMUnitTest tests[] = {
		TEST(a_client_is_a_session_once_it_says_something),
		TEST(a_session_has_so_many_links),
		TEST(a_link_joins_once),
		TEST(nobody_joins_what_is_not_there),
		TEST(it_is_told_over_its_newest_link),
		TEST(a_link_that_joins_wakes_whoever_waits),
		TEST(a_resumed_session_wakes_whoever_waits),
		TEST(the_status_counts_them),
		TEST(the_address_is_as_it_is_reached),
		TEST(a_port_s_address_says_its_kind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
