/* SPDX-License-Identifier: MIT */
/* What identities may claim, where they may come from, and how much of it: asked by whoever says anything. */
#include "tests/unit/server/exit_node.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "server/control/grants.h"

/* From here on it may do this alone, "" being nothing. */
static void may(struct credential *who, enum policy_grant_kind kind, const char *texts)
{
	struct error err;
	struct policy_grants *g = &who->identity->value.grants;
	policy_grants_clear(g, kind);
	while (*texts) {
		size_t n = strcspn(texts, ",");
		assert_int_equal(policy_grants_add(g, kind, (struct str){texts, n}, &err), 0);
		texts += n + (texts[n] == ',');
	}
}

/* ---- Hosts ---- */

static void only_hosts_that_were_granted_may_be_published(void **state)
{
	static const struct {
		const char *hosts, *host;
		const char *types; /* what the operator is told to type; NULL: it is granted */
	} cases[] = {
		{"a.example.org", "a.example.org", NULL},
		{"a.example.org", "A.Example.org.", NULL},
		{"a.example.org", "b.example.org", "--hosts 'a.example.org,b.example.org'"},
		{"a.example.org", "x.a.example.org", ""},
		{"a.example.org", "*.example.org", "--hosts 'a.example.org,*.example.org'"},
		{"a.example.org", "", "--hosts 'a.example.org,*'"},
		{"*.b.example.org", "x.b.example.org", NULL},
		{"*.b.example.org", "*.b.example.org", NULL},
		{"*.b.example.org", "*.x.b.example.org", NULL},
		{"*.b.example.org", "*.example.org", ""},
		{"*.b.example.org", "b.example.org", ""},
		{"*.b.example.org", "a.example.org", ""},
		{"*.b.example.org", "", ""},
		{"*", "anything.at.all", NULL},
		{"*", "*.example.org", NULL},
		{"*", "", NULL},
		{"", "a.example.org", "--hosts 'a.example.org'"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct exit_node *n = exit_node_new(&exit_node_options);
		may(&alice, POLICY_HOST, cases[i].hosts);
		struct server_link *l = dial(n, &alice, "a", NULL);
		const struct message *m = ask(n, l, publish_http(1, cases[i].host));
		if (m->type != (cases[i].types ? CONTROL_REFUSED : CONTROL_GRANTED))
			fail_msg("%s by %s: %s", cases[i].host, cases[i].hosts, m->text);
		if (cases[i].types) {
			assert_int_equal(m->reason, CONTROL_REASON_DENIED);
			assert_non_null(strstr(m->text, "tunnel token update alice"));
			assert_int_equal(workers_with(n, cases[i].host), 0);
		}
		if (cases[i].types && !strstr(m->text, cases[i].types))
			fail_msg("%s is not in: %s", cases[i].types, m->text);
		exit_node_free(n);
	}
}

/* A name by which visitors' TLS is told apart is a host too. */
static void tls_names_are_hosts(void **state)
{
	struct exit_node *n = *state;
	may(&alice, POLICY_HOST, "a.example.org");
	struct server_link *l = dial(n, &alice, "a", NULL);
	struct control m = publish_http(1, "b.example.org");
	m.publish.kind = CONTROL_TCP;
	m.publish.tls = CONTROL_TLS_PASS;
	assert_int_equal(ask(n, l, m)->reason, CONTROL_REASON_DENIED);
	m.publish.host = "a.example.org";
	assert_int_equal(ask(n, l, m)->type, CONTROL_GRANTED);
}

/* A group is granted as the host of its name is; and whoever has it first, has it. */
static void groups_are_granted_as_hosts(void **state)
{
	struct exit_node *n = *state;
	may(&alice, POLICY_HOST, "*.example.org,web");
	may(&bob, POLICY_HOST, "web,b.example.org");
	struct server_link *a = dial(n, &alice, "a", NULL), *b = dial(n, &bob, "b", NULL);
	struct control m = publish_http(1, "");
	m.publish.group = "api";
	const struct message *said = ask(n, a, m);
	assert_int_equal(said->reason, CONTROL_REASON_DENIED);
	assert_non_null(strstr(said->text, "may not publish into the group api"));
	assert_non_null(strstr(said->text, "--hosts '*.example.org,web,api'"));
	m.publish.group = "x.example.org";
	assert_int_equal(ask(n, a, m)->type, CONTROL_GRANTED);
	m.publish.service = 2;
	m.publish.group = "web";
	said = ask(n, a, m);
	assert_int_equal(said->type, CONTROL_GRANTED);
	assert_string_equal(said->text, "group:web");
	assert_int_equal(ask(n, b, m)->reason, CONTROL_REASON_TAKEN);
	/* The host is another place than the group. */
	assert_int_equal(ask(n, b, publish_http(3, "web"))->type, CONTROL_GRANTED);
}

/* ---- Ports ---- */

static void only_ports_that_were_granted_may_be_published(void **state)
{
	static const struct {
		const char *tcp, *udp; /* offsets from the first port that is free: "+1" */
		enum control_kind kind;
		int port; /* likewise; -1: any */
		unsigned n;
		const char *types;
	} cases[] = {
		{"1", "", CONTROL_TCP, 1, 1, NULL},
		{"1", "", CONTROL_TCP, 2, 1, "--ports '"},
		{"1", "", CONTROL_TCP, 2, 1, "may not have port "},
		{"1", "", CONTROL_TCP, 2, 2, "may not have ports "},
		{"1", "", CONTROL_UDP, 1, 1, "--udp-ports '"},
		{"", "1", CONTROL_UDP, 1, 1, NULL},
		{"", "1", CONTROL_TCP, 1, 1, ""},
		{"1-4", "", CONTROL_TCP, 1, 4, NULL},
		{"1-4", "", CONTROL_TCP, 2, 2, NULL},
		{"1-4", "", CONTROL_TCP, 0, 2, ""},
		{"1-4", "", CONTROL_TCP, 4, 2, ""},
		{"1-4", "", CONTROL_TCP, -1, 1, ",0'"},
		{"1-4", "", CONTROL_TCP, -1, 1, "may not have a port of the exit node's choice"},
		{"1-4", "", CONTROL_UDP, -1, 1,
			"may not have a UDP port of the exit node's choice"},
		{"0", "", CONTROL_TCP, -1, 1, NULL},
		{"0", "", CONTROL_TCP, 3, 1, NULL},
		{"", "", CONTROL_TCP, -1, 1, "--ports '0'"},
		{"", "0", CONTROL_TCP, -1, 1, ""},
		{"", "0", CONTROL_UDP, -1, 1, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct exit_node *n = exit_node_new(&exit_node_options);
		uint16_t first = exit_node_ports(n);
		const char *texts[] = {cases[i].tcp, cases[i].udp};
		for (int k = 0; k < 2; k++) {
			char range[32] = "";
			unsigned from, to;
			int got = sscanf(texts[k], "%u-%u", &from, &to);
			if (got > 0 && from)
				snprintf(range, sizeof(range), "%u-%u", first + from,
					first + (got > 1 ? to : from));
			else if (got > 0)
				strcpy(range, "0");
			may(&alice, k ? POLICY_UDP_PORT : POLICY_TCP_PORT, range);
		}
		struct server_link *l = dial(n, &alice, "a", NULL);
		uint32_t port = cases[i].port < 0 ? 0 : first + (uint32_t)cases[i].port;
		struct control m = publish_port(1, cases[i].kind, port);
		m.publish.ports = cases[i].n > 1 ? cases[i].n : 0;
		const struct message *answer = ask(n, l, m);
		if (answer->type != (cases[i].types ? CONTROL_REFUSED : CONTROL_GRANTED))
			fail_msg("case %zu: %s", i, answer->text);
		if (cases[i].types) {
			assert_int_equal(answer->reason, CONTROL_REASON_DENIED);
			assert_int_equal(n->registrar.n_ports, 0);
		}
		if (cases[i].types && !strstr(answer->text, cases[i].types))
			fail_msg("%s is not in: %s", cases[i].types, answer->text);
		exit_node_free(n);
	}
}

/* What the server does not give away at all, no grant gives. */
static void the_options_of_the_server_hold_besides(void **state)
{
	struct exit_node *n = *state;
	exit_node_ports(n);
	struct server_link *l = dial(n, &alice, "a", NULL);
	const struct message *m = ask(n, l, publish_port(1, CONTROL_TCP, 80));
	assert_int_equal(m->reason, CONTROL_REASON_DENIED);
	assert_non_null(strstr(m->text, "--allow-ports"));
}

static void a_long_list_is_not_repeated(void **state)
{
	struct exit_node *n = *state;
	char hosts[1024];
	size_t at = 0;
	for (int i = 0; i < 40; i++)
		at += (size_t)snprintf(hosts + at, sizeof(hosts) - at, "h%02d.example.org,", i);
	may(&alice, POLICY_HOST, hosts);
	struct server_link *l = dial(n, &alice, "a", NULL);
	const struct message *m = ask(n, l, publish_http(1, "b.example.org"));
	assert_non_null(strstr(m->text, "--hosts …,b.example.org"));
	assert_non_null(strstr(m->text, "the 40 that"));
}

/* ---- Where from, and how many ---- */

static void only_addresses_that_were_granted_may_come(void **state)
{
	struct exit_node *n = *state;
	may(&alice, POLICY_FROM, "198.51.100.0/24,2001:db8::/32");
	struct server_link *l = dial(n, &alice, "a", NULL);
	publish(l, 1, "a.example.org");
	settle(n);
	assert_true(client_of(n, l)->ended);
	assert_int_equal(client_of(n, l)->n_goaways, 1);
	assert_int_equal(client_of(n, l)->goaway, FRAME_GOAWAY_DENIED);
	assert_true(list_empty(&n->registrar.sessions));
	assert_true(list_empty(&n->registrar.unbound));
	may(&alice, POLICY_FROM, "198.51.100.0/24,192.0.2.0/28");
	l = dial(n, &alice, "a", NULL);
	assert_int_equal(ask(n, l, publish_http(1, "a.example.org"))->type, CONTROL_GRANTED);
}

static void a_session_too_many_is_refused_until_one_ends(void **state)
{
	struct exit_node *n = *state;
	alice.identity->value.max_sessions = 2;
	struct server_link *a = dial(n, &alice, "a", NULL), *b = dial(n, &alice, "b", NULL);
	struct server_link *c = dial(n, &alice, "c", NULL), *other = dial(n, &bob, "d", NULL);
	assert_int_equal(ask(n, a, publish_http(1, "a.example.org"))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, b, publish_http(1, "b.example.org"))->type, CONTROL_GRANTED);
	const struct message *m = ask(n, c, publish_http(1, "c.example.org"));
	assert_int_equal(m->type, CONTROL_REFUSED);
	assert_int_equal(m->reason, CONTROL_REASON_LIMIT);
	assert_non_null(strstr(m->text, "tunnel token update alice --max-sessions 3"));
	/* One of those that are there may be dead (rule 28). */
	assert_true(client_of(n, a)->n_pings > 0);
	assert_int_equal(ask(n, other, publish_http(1, "d.example.org"))->type, CONTROL_GRANTED);
	/* A further link of a session is no session, and neither is what a session goes on with. */
	struct session *s = list_first(&alice.identity->sessions, struct session, of_identity);
	struct server_link *further = dial(n, &alice, "a", NULL);
	join(further, s, s->resume);
	settle(n);
	assert_ptr_equal(further->session, s);
	assert_int_equal(alice.identity->n_sessions, 2);
	hang_up(b);
	settle(n);
	assert_int_equal(ask(n, c, publish_http(1, "c.example.org"))->type, CONTROL_GRANTED);
}

static int visit(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static bool turned_away(int fd)
{
	char c;
	return recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

/* In both sessions, on two workers, together. */
static void streams_of_all_sessions_are_counted(void **state)
{
	struct exit_node *n = *state;
	uint16_t port = exit_node_ports(n), other = (uint16_t)(port + 1);
	struct server_link *a = dial(n, &alice, "a", NULL), *b = dial(n, &alice, "b", NULL);
	assert_ptr_not_equal(a->worker, b->worker);
	assert_int_equal(ask(n, a, publish_port(1, CONTROL_TCP, port))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, b, publish_port(1, CONTROL_TCP, other))->type, CONTROL_GRANTED);
	int first = visit(port);
	settle_until(n, client_of(n, a)->n_opens == 1);
	/* From here on: what is there counts, and goes on. */
	atomic_store(&alice.identity->max_streams, 2);
	int second = visit(other);
	settle_until(n, client_of(n, b)->n_opens == 1);
	int ports[] = {port, other};
	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		int third = visit((uint16_t)ports[i]);
		settle_until(n, turned_away(third));
		close(third);
	}
	assert_false(turned_away(first) || turned_away(second));
	close(first);
	settle_until(n, client_of(n, a)->n_fins == 1);
	client_fin(client_of(n, a), client_of(n, a)->stream, 0);
	settle(n);
	first = visit(other);
	settle_until(n, client_of(n, b)->n_opens == 2);
	assert_int_equal(client_of(n, a)->n_opens, 1);
	close(first);
	close(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, exit_node_open, exit_node_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_hosts_that_were_granted_may_be_published),
		TEST(tls_names_are_hosts),
		TEST(groups_are_granted_as_hosts),
		cmocka_unit_test(only_ports_that_were_granted_may_be_published),
		TEST(the_options_of_the_server_hold_besides),
		TEST(a_long_list_is_not_repeated),
		TEST(only_addresses_that_were_granted_may_come),
		TEST(a_session_too_many_is_refused_until_one_ends),
		TEST(streams_of_all_sessions_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
