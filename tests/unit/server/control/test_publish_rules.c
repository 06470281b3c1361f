/* SPDX-License-Identifier: MIT */
/* Rules that come with a service: who is told what, and which ones each worker's route has, whoever comes and goes. */
#include "tests/unit/server/exit_node.h"

#include "rules/client_rules.h"
#include "server/control/service_rules.h"

#define HOST "a.example"
#define DENY "- deny: 403\n"

static struct control with_rules(uint32_t number, const char *rules)
{
	struct control c = publish_http(number, HOST);
	c.publish.rules = rules;
	return c;
}

static const struct route *route_at(struct exit_node *n, unsigned worker)
{
	return routes_exact(&n->node.workers[worker]->routing->names, STR(HOST));
}

/* The status of the first rule's deny, on all workers alike; 0: there are no rules. */
static unsigned denied_with(struct exit_node *n)
{
	unsigned found = 0;
	for (unsigned i = 0; i < WORKERS; i++) {
		const struct route *route = route_at(n, i);
		const struct front *rules = route ? route->rules : NULL;
		unsigned status = rules ? rules->routes->rules.v[0].deny : 0;
		if (rules)
			assert_true(str_eq(rules->routes->name, STR(HOST)));
		if (i)
			assert_int_equal(status, found);
		found = status;
		assert_int_equal(n->node.workers[i]->routing->names.n_rules, found != 0);
	}
	return found;
}

static void they_come_and_go_with_the_service(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	assert_null(n->node.front_tables);
	assert_int_equal(ask(n, l, with_rules(1, DENY))->type, CONTROL_GRANTED);
	assert_non_null(n->node.front_tables);
	assert_int_equal(denied_with(n), 403);
	assert_true(only_session(n)->rules_memory > 0);
	withdraw(l, 1);
	settle(n);
	/* It was lost, and keeps them; without them it would be open for whoever waits. */
	assert_int_equal(denied_with(n), 403);
	assert_int_equal(only_session(n)->rules_memory, 0);
	assert_int_equal(ask(n, l, publish_http(2, HOST))->type, CONTROL_GRANTED);
	assert_int_equal(denied_with(n), 0);
}

static void the_same_again_is_the_same(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, with_rules(1, DENY));
	const struct front *was = route_at(n, 0)->rules;
	size_t memory = only_session(n)->rules_memory;
	assert_int_equal(ask(n, l, with_rules(1, DENY))->type, CONTROL_GRANTED);
	assert_ptr_equal(route_at(n, 0)->rules, was);
	assert_int_equal(only_session(n)->rules_memory, memory);
	/* Other ones are another service. */
	assert_int_equal(ask(n, l, with_rules(1, "- deny: 404\n"))->type, CONTROL_REFUSED);
	assert_int_equal(ask(n, l, publish_http(1, HOST))->type, CONTROL_REFUSED);
	assert_int_equal(denied_with(n), 403);
}

/* As a client changes them: the new ones first. On no worker there is a moment without. */
static void a_change_leaves_no_gap(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, with_rules(1, DENY));
	say(l, with_rules(2, "- deny: 404\n"));
	withdraw(l, 1);
	for (unsigned i = 0; i < 6 * WORKERS; i++) {
		turn(n, i % WORKERS);
		for (unsigned k = 0; k < WORKERS; k++)
			assert_non_null(route_at(n, k)->rules);
	}
	settle(n);
	assert_int_equal(denied_with(n), 404);
}

static void those_of_the_newest_hold(void **state)
{
	struct exit_node *n = *state;
	struct server_link *one = dial(n, &alice, "one", NULL);
	struct server_link *two = dial(n, &alice, "two", NULL);
	struct server_link *three = dial(n, &alice, "three", NULL);
	ask(n, one, with_rules(1, DENY));
	ask(n, two, with_rules(1, "- deny: 404\n"));
	assert_int_equal(denied_with(n), 404);
	assert_non_null(
		strstr(told(n, one, CONTROL_NOTICE, 0)->text, "with other rules (--rules)"));
	assert_non_null(
		strstr(told(n, two, CONTROL_NOTICE, 0)->text, "with other rules (--rules)"));
	/* One without does not open it; nor does its end. */
	ask(n, three, publish_http(1, HOST));
	assert_int_equal(denied_with(n), 404);
	withdraw(two, 1);
	settle(n);
	assert_int_equal(denied_with(n), 403);
	withdraw(one, 1);
	settle(n);
	assert_int_equal(denied_with(n), 0);
}

static const struct {
	const char *rules;
	enum control_reason reason;
	const char *sentence;
} refusals[] = {
	{"- deny: 403\n- deny: 1\n", CONTROL_REASON_INVALID,
		"rules:2: deny takes a number from 400 to 599"},
	{"- to: b.example\n", CONTROL_REASON_DENIED,
		"rules:1: a client's rules have no to, which would lead to what others publish"},
	{"- {basic: {users: /etc/shadow}}\n", CONTROL_REASON_INVALID,
		"rules:1: users of a client's rules are a list of name:hash, as they are checked "
		"where its files are not"},
	{"", CONTROL_REASON_INVALID,
		"rules:1: there are no rules: write a list of them, each with when and a verb"},
	{"- {when: {country: DE}, deny: 403}\n", CONTROL_REASON_INVALID,
		"rules:1: country needs a file that knows them: country-file: PATH, of MaxMind's "
		"format"},
};

static void what_cannot_be_is_refused(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct message *m = ask(n, l, with_rules(1, refusals[i].rules));
		assert_int_equal(m->type, CONTROL_REFUSED);
		assert_int_equal(m->reason, refusals[i].reason);
		assert_string_equal(m->text, refusals[i].sentence);
	}
	struct control tcp = publish_port(1, CONTROL_TCP, exit_node_ports(n));
	tcp.publish.rules = DENY;
	assert_string_equal(ask(n, l, tcp)->text,
		"rules are for requests, and only an HTTP service has those");
	assert_int_equal(only_session(n)->n_services, 0);
	assert_int_equal(only_session(n)->rules_memory, 0);
	assert_null(route_at(n, 0));
}

static void a_session_has_so_much_memory_for_them(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, with_rules(1, DENY));
	struct session *s = only_session(n);
	size_t one = s->rules_memory;
	s->rules_memory = SESSION_RULES_MEMORY - one;
	struct control other = publish_http(2, "b.example");
	other.publish.rules = DENY;
	assert_int_equal(ask(n, l, other)->type, CONTROL_GRANTED);
	struct control third = publish_http(3, "c.example");
	third.publish.rules = DENY;
	const struct message *m = ask(n, l, third);
	assert_int_equal(m->reason, CONTROL_REASON_LIMIT);
	assert_string_equal(m->text,
		"the rules of a session's services take at most 8388608 bytes");
	s->rules_memory = 2 * one;
	withdraw(l, 1);
	withdraw(l, 2);
	settle(n);
	assert_int_equal(s->rules_memory, 0);
}

/* What the operator takes away acts at once. */
static void a_verb_that_is_taken_away(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	struct front front = {.client_verbs = FRONT_CLIENT_VERBS & ~(1u << VERB_LIMIT)};
	ask(n, l, with_rules(1, DENY));
	n->node.front = &front;
	enforce_client_rules(&n->registrar);
	settle(n);
	assert_int_equal(only_session(n)->n_services, 1);
	front.client_verbs &= ~(1u << VERB_DENY);
	enforce_client_rules(&n->registrar);
	settle(n);
	assert_int_equal(only_session(n)->n_services, 0);
	const struct message *m = told(n, l, CONTROL_REFUSED, 1);
	assert_int_equal(m->reason, CONTROL_REASON_DENIED);
	assert_string_equal(m->text,
		"the exit node's operator lets clients' rules have no deny any more");
	assert_null(route_at(n, 0));
	m = ask(n, l, with_rules(2, DENY));
	assert_string_equal(m->text,
		"rules:1: the exit node's operator lets clients' rules have no deny");
	n->node.front = NULL;
}

#define ROUNDS 240

/* Each name that is lost with as many rules as there may be: what is kept of them has a bound. */
static void rules_of_lost_names_have_a_bound(void **state)
{
	static char text[CONTROL_RULES];
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	size_t at = (size_t)sprintf(text, "- {when: {path: [/a");
	while (at < 14000)
		at += (size_t)sprintf(text + at, ",/aaaaaaa");
	strcpy(text + at, "]}, deny: 403}\n");
	const struct routes *names = &n->node.workers[1]->routing->names;
	size_t most = 0;
	for (unsigned i = 0; i < WORKERS; i++)
		n->node.workers[i]->routing->names.grace = 3600 * CLOCK_S;
	for (unsigned i = 1; i <= ROUNDS; i++) {
		char host[32];
		/* A link that says nothing else ends after a while, which a slow machine takes for this. */
		if (i % 16 == 0)
			l = dial(n, &alice, "one",
				list_entry(n->registrar.sessions.next, struct session, link)
					->resume);
		client_of(n, l)->n_messages = 0;
		snprintf(host, sizeof(host), "h%u.example", i);
		struct control c = publish_http(i, host);
		c.publish.rules = text;
		say(l, c);
		settle(n);
		withdraw(l, i);
		settle(n);
		most = MAX(most, names->lost_rules);
	}
	assert_true(most > ROUTES_LOST_RULES_MAX / 2 && most <= ROUTES_LOST_RULES_MAX);
	assert_true(names->n_rules < names->n_lost && names->n_lost == ROUNDS);
	/* Found again, and lost, it is counted once. */
	size_t before = names->lost_rules;
	struct control c = publish_http(500, "h1.example");
	c.publish.rules = DENY;
	ask(n, l, c);
	assert_true(names->lost_rules < before);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, exit_node_open, exit_node_close)
	const struct CMUnitTest tests[] = {
		TEST(they_come_and_go_with_the_service),
		TEST(the_same_again_is_the_same),
		TEST(a_change_leaves_no_gap),
		TEST(those_of_the_newest_hold),
		TEST(what_cannot_be_is_refused),
		TEST(a_session_has_so_much_memory_for_them),
		TEST(a_verb_that_is_taken_away),
		TEST(rules_of_lost_names_have_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
