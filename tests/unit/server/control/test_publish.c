/* SPDX-License-Identifier: MIT */
/* What a client that asks to publish is told, over the link of a session of a whole exit node. */
#include "tests/unit/server/exit_node.h"
#include "tests/unit/server/said.h"

#include <unistd.h>

static void what_is_published_is_granted(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	const struct message *m = ask(n, l, publish_http(7, "a.example"));
	assert_int_equal(m->type, CONTROL_GRANTED);
	assert_string_equal(m->text, "http://a.example:9090/");
	assert_int_equal(m->port, 0);
	assert_int_equal(m->ports, 0);
	assert_false(m->exclusive);
	assert_non_null(told(n, l, CONTROL_SESSION_GRANT, 0));
	assert_int_equal(only_session(n)->n_services, 1);
	m = ask(n, l, publish_http(8, ""));
	assert_string_equal(m->text, "http://exit.example:9090/");
	m = ask(n, l, publish_http(9, "*.b.example"));
	assert_string_equal(m->text, "*.b.example on http://exit.example:9090/");
}

static void what_is_nonsense_is_refused(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	struct control c = publish_http(7, "a..example");
	const struct message *m = ask(n, l, c);
	assert_int_equal(m->type, CONTROL_REFUSED);
	assert_int_equal(m->reason, CONTROL_REASON_INVALID);
	c.publish.kind = CONTROL_KIND_UNKNOWN;
	assert_int_equal(ask(n, l, c)->reason, CONTROL_REASON_UNSUPPORTED);
	assert_int_equal(only_session(n)->n_services, 0);
}

/* Clients ask again every few seconds: the log says it once. */
static void a_refusal_is_logged_once(void **state)
{
	static struct said said;
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	said_begin(&said);
	ask(n, l, publish_http(7, "a..example"));
	said_end(&said);
	assert_non_null(strstr(said.text, "asked to publish a..example and was refused"));
	said_begin(&said);
	ask(n, l, publish_http(7, "a..example"));
	assert_null(strstr(said_end(&said), "was refused"));
	said_begin(&said);
	ask(n, l, publish_http(8, "b..example"));
	assert_non_null(strstr(said_end(&said), "b..example and was refused"));
}

/* Each service has a number, and a range of ports as many of them. */
static void a_number_is_of_one_service(void **state)
{
	static const struct {
		uint32_t number, ports;
		bool granted;
	} rows[] = {
		{10, 4, true}, /* 10 to 13 */
		{10, 1, false},
		{13, 1, false},
		{9, 2, false},
		{9, 1, true},
		{14, 1, true},
		{8, 3, false},
	};
	struct exit_node *n = *state;
	uint16_t first = exit_node_ports(n);
	n->options.max_ports = 100;
	struct server_link *l = dial(n, &alice, "one", NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct control c =
			publish_port(rows[i].number, CONTROL_TCP, first + 10 * (uint32_t)i);
		c.publish.ports = rows[i].ports;
		const struct message *m = ask(n, l, c);
		if ((m->type == CONTROL_GRANTED) != rows[i].granted)
			fail_msg("row %zu: %s", i, m->text);
		if (!rows[i].granted) {
			assert_int_equal(m->reason, CONTROL_REASON_INVALID);
			assert_string_equal(m->text, "this service number is in use");
		}
	}
}

static void the_same_again_is_granted_again(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, publish_http(7, "a.example"));
	const struct service *was = service_shard_at(n, 0, "a.example")->service;
	assert_int_equal(ask(n, l, publish_http(7, "A.Example"))->type, CONTROL_GRANTED);
	assert_ptr_equal(service_shard_at(n, 0, "a.example")->service, was);
	assert_int_equal(ask(n, l, publish_http(7, "b.example"))->type, CONTROL_REFUSED);
	assert_int_equal(workers_with(n, "b.example"), 0);
}

/* While it is on its way to the workers, the client is not told yet. */
static void the_same_again_before_it_is_granted(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	publish(l, 7, "a.example");
	publish(l, 7, "a.example");
	turn(n, 0);
	turn(n, l->worker->index);
	turn(n, 0);
	turn(n, l->worker->index);
	assert_null(told(n, l, CONTROL_GRANTED, 7));
	settle(n);
	assert_non_null(told(n, l, CONTROL_GRANTED, 7));
	size_t grants = 0;
	for (size_t i = 0; i < client_of(n, l)->n_messages; i++)
		grants += client_of(n, l)->messages[i].type == CONTROL_GRANTED;
	assert_int_equal(grants, 1);
}

static void only_its_own_number_withdraws_it(void **state)
{
	struct exit_node *n = *state;
	uint16_t first = exit_node_ports(n);
	struct server_link *l = dial(n, &alice, "one", NULL);
	struct control c = publish_port(7, CONTROL_TCP, first);
	c.publish.ports = 3;
	assert_int_equal(ask(n, l, c)->type, CONTROL_GRANTED);
	struct session *s = only_session(n);
	assert_int_equal(s->n_ports, 3);
	withdraw(l, 8); /* one of the range's */
	withdraw(l, 6);
	settle(n);
	assert_int_equal(s->n_services, 1);
	withdraw(l, 7);
	settle(n);
	assert_int_equal(s->n_services, 0);
	assert_int_equal(s->n_ports, 0);
	assert_int_equal(n->registrar.n_ports, 0);
}

static void another_identity_has_the_name(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = dial(n, &alice, "one", NULL), *b = dial(n, &bob, "two", NULL);
	ask(n, a, publish_http(1, "a.example"));
	const struct message *m = ask(n, b, publish_http(1, "a.example"));
	assert_int_equal(m->reason, CONTROL_REASON_TAKEN);
	assert_string_equal(m->text, "a.example is held by alice, which publishes a.example");
	/* What holds the name does not have to prove anything to a stranger. */
	assert_int_equal(a->suspected_at, 0);
	m = ask(n, b, publish_http(2, ""));
	assert_string_equal(m->text, "every name is held by alice, which publishes a.example");
	ask(n, b, publish_http(3, "b.example"));
	m = ask(n, a, publish_http(2, ""));
	assert_string_equal(m->text, "every name is held by bob, which publishes b.example");
}

static void every_name_is_held(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = dial(n, &alice, "one", NULL), *b = dial(n, &bob, "two", NULL);
	ask(n, a, publish_http(1, ""));
	const struct message *m = ask(n, b, publish_http(1, "b.example"));
	assert_string_equal(m->text, "b.example is held by alice, which publishes every name");
}

/* Rule 28: a second session of the identity makes the first one's links prove that they live. */
static void whoever_shares_a_name_is_suspected(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = dial(n, &alice, "one", NULL), *b = dial(n, &alice, "two", NULL);
	ask(n, a, publish_http(1, "a.example"));
	ask(n, a, publish_http(2, "a.example"));
	assert_int_equal(a->suspected_at, 0);
	assert_int_equal(ask(n, b, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	assert_int_not_equal(a->suspected_at, 0);
	assert_int_equal(b->suspected_at, 0);
}

static void one_name_is_one_kind_of_service(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	struct control c = publish_http(2, "a.example");
	ask(n, l, publish_http(1, "a.example"));
	c.publish.kind = CONTROL_TCP;
	c.publish.tls = CONTROL_TLS_PASS;
	const struct message *m = ask(n, l, c);
	assert_int_equal(m->reason, CONTROL_REASON_TAKEN);
	assert_non_null(strstr(m->text, "a.example is published by session "));
	assert_non_null(strstr(m->text, " as another kind of service"));
	c.publish.host = "b.example";
	m = ask(n, l, c);
	assert_int_equal(m->type, CONTROL_GRANTED);
	assert_string_equal(m->text, "tls://b.example:9090");
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(n->node.workers[i]->routing->n_named, 1);
	withdraw(l, 2);
	settle(n);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(n->node.workers[i]->routing->n_named, 0);
	ask(n, l, publish_http(3, ""));
	c.publish.host = "*.example";
	c.publish.service = 4;
	assert_int_equal(ask(n, l, c)->type, CONTROL_GRANTED);
}

static void without_a_certificate_no_tls_is_ended(void **state)
{
	struct exit_node *n = *state;
	uint16_t first = exit_node_ports(n);
	struct server_link *l = dial(n, &alice, "one", NULL);
	struct control c = publish_port(7, CONTROL_TCP, first);
	c.publish.tls = CONTROL_TLS_TERMINATE;
	const struct message *m = ask(n, l, c);
	assert_int_equal(m->type, CONTROL_REFUSED);
	assert_int_equal(m->reason, CONTROL_REASON_OTHER);
	assert_non_null(strstr(m->text, "no certificate to end TLS with"));
	assert_int_equal(n->registrar.n_ports, 0); /* it let go of the port */
}

static void there_are_so_many_services(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, publish_http(1, "a.example"));
	struct session *s = only_session(n);
	s->n_services = SESSION_SERVICES_MAX - 1;
	assert_int_equal(ask(n, l, publish_http(2, "b.example"))->type, CONTROL_GRANTED);
	const struct message *m = ask(n, l, publish_http(3, "c.example"));
	assert_int_equal(m->reason, CONTROL_REASON_LIMIT);
	assert_string_equal(m->text, "a session publishes at most 1024 services");
	s->n_services = 2;
}

/* A session that goes on has some time to publish again what it had. */
static void what_is_not_published_again_goes(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, publish_http(1, "a.example"));
	ask(n, l, publish_http(2, "b.example"));
	ask(n, l, publish_http(3, "c.example"));
	struct session *s = only_session(n);
	l = dial(n, &alice, "one", s->resume);
	settle(n);
	assert_int_equal(s->n_links, 1);
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	/* Another one under the number of one that is stale takes its place. */
	assert_int_equal(ask(n, l, publish_http(2, "d.example"))->type, CONTROL_GRANTED);
	assert_int_equal(workers_with(n, "b.example"), 0);
	assert_int_equal(workers_with(n, "c.example"), WORKERS);
	s->stale.fired(&s->stale);
	settle(n);
	assert_int_equal(workers_with(n, "a.example"), WORKERS);
	assert_int_equal(workers_with(n, "c.example"), 0);
	assert_int_equal(workers_with(n, "d.example"), WORKERS);
	assert_int_equal(s->n_services, 2);
}

/* Withdrawn, and its client gone, before every worker knew it. */
static void it_is_withdrawn_on_the_way(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	publish(l, 1, "a.example");
	withdraw(l, 1);
	turn(n, 0);
	assert_int_equal(only_session(n)->n_services, 0);
	assert_int_equal(only_session(n)->n_coming, 1);
	settle(n);
	assert_int_equal(only_session(n)->n_coming, 0);
	assert_int_equal(workers_with(n, "a.example"), 0);
	assert_null(told(n, l, CONTROL_GRANTED, 1));
	assert_int_equal(ask(n, l, publish_http(1, "b.example"))->type, CONTROL_GRANTED);
}

/* Visitors who wait for a name are served once it is there. */
static void served(struct waiter *w)
{
	w->lost = true; /* noted */
}

static void expired(struct waiter *w)
{
	fail_msg("it waited too long");
}

static void whoever_waits_is_woken_everywhere(void **state)
{
	struct exit_node *n = *state;
	struct address peer = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 7}};
	struct waiter waiters[WORKERS];
	for (unsigned i = 0; i < WORKERS; i++) {
		struct routing *r = n->node.workers[i]->routing;
		waiter_init(&waiters[i], served, expired);
		assert_int_equal(wait_queue_add(&r->wait_queue, &waiters[i], &r->names,
					 STR("a.example"), &peer),
			0);
	}
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, publish_http(1, "b.example"));
	for (unsigned i = 0; i < WORKERS; i++)
		assert_false(waiters[i].lost);
	ask(n, l, publish_http(2, "a.example"));
	for (unsigned i = 0; i < WORKERS; i++)
		assert_true(waiters[i].lost);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, exit_node_open, exit_node_close)
	const struct CMUnitTest tests[] = {
		TEST(what_is_published_is_granted),
		TEST(what_is_nonsense_is_refused),
		TEST(a_refusal_is_logged_once),
		TEST(a_number_is_of_one_service),
		TEST(the_same_again_is_granted_again),
		TEST(the_same_again_before_it_is_granted),
		TEST(only_its_own_number_withdraws_it),
		TEST(another_identity_has_the_name),
		TEST(every_name_is_held),
		TEST(whoever_shares_a_name_is_suspected),
		TEST(one_name_is_one_kind_of_service),
		TEST(without_a_certificate_no_tls_is_ended),
		TEST(there_are_so_many_services),
		TEST(what_is_not_published_again_goes),
		TEST(it_is_withdrawn_on_the_way),
		TEST(whoever_waits_is_woken_everywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
