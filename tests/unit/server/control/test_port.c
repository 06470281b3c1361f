/* SPDX-License-Identifier: MIT */
/* Public ports: who may have which, who shares one, and where their connections go. */
#include "tests/unit/server/exit_node.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/accept/listeners.h"
#include "server/control/port.h"
#include "server/tcp/tcp_conn.h"

#define P(i) (n->ports.first + (i)) /* the i-th of those that are given away */

static int open_with_ports(void **state)
{
	static char loopback[] = "127.0.0.1";
	struct server_options options = exit_node_options;
	options.bind_addr = loopback;
	struct exit_node *n = *state = exit_node_new(&options);
	exit_node_ports(n);
	return 0;
}

static void __attribute__((format(printf, 2, 3)))
says(const struct message *m, const char *fmt, ...)
{
	char text[sizeof(m->text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!strstr(m->text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, m->text);
}

static struct control ports(uint32_t number, int port, uint32_t count)
{
	struct control m = publish_port(number, CONTROL_TCP, (uint32_t)port);
	m.publish.ports = count;
	return m;
}

static int dial_port(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void a_port_is_opened_and_closed(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	const struct message *m = ask(n, l, ports(1, P(0), 1));
	assert_int_equal(m->type, CONTROL_GRANTED);
	assert_int_equal(m->port, P(0));
	assert_int_equal(m->ports, 0);
	says(m, "tcp://exit.example:%u", P(0));
	assert_int_equal(n->registrar.n_ports, 1);
	int fd = dial_port(P(0));
	assert_true(fd >= 0);
	close(fd);
	withdraw(l, 1);
	settle(n);
	assert_int_equal(dial_port(P(0)), -1);
}

static void a_range_is_opened_and_closed(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	const struct message *m = ask(n, l, ports(1, P(10), 3));
	assert_int_equal(m->port, P(10));
	assert_int_equal(m->ports, 3);
	says(m, "tcp://exit.example:%u-%u", P(10), P(12));
	for (int i = 10; i < 13; i++) {
		int fd = dial_port(P(i));
		assert_true(fd >= 0);
		close(fd);
	}
	assert_int_equal(dial_port(P(13)), -1);
}

static void who_connects_is_the_client_s(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	struct fake_client *c = client_of(n, l);
	ask(n, l, ports(5, P(10), 3));
	int fd = dial_port(P(12));
	settle_until(n, client_of(n, l)->n_opens == 1);
	assert_int_equal(c->open.kind, FRAME_KIND_TCP);
	assert_int_equal(c->open.service, 7); /* the range's third number */
	assert_int_equal(c->open.local.port, P(12));
	close(fd);
	settle_until(n, client_of(n, l)->n_resets + client_of(n, l)->n_fins > 0);
}

static void any_port_is_one_that_is_allowed(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	uint16_t first = n->ports.first;
	struct option_range few[] = {{first, first + 1}, {first + 30, first + 30}};
	n->options.allow_ports = (struct option_ranges){few, 2};
	bool had[PORTS] = {false};
	for (uint32_t i = 0; i < 3; i++) {
		const struct message *m = ask(n, l, publish_port(i, CONTROL_TCP, 0));
		assert_int_equal(m->type, CONTROL_GRANTED);
		uint32_t at = m->port - n->ports.first;
		assert_true(at == 0 || at == 1 || at == 30);
		assert_false(had[at]);
		had[at] = true;
	}
	const struct message *m = ask(n, l, publish_port(3, CONTROL_TCP, 0));
	assert_int_equal(m->reason, CONTROL_REASON_TAKEN);
	assert_non_null(strstr(m->text, "no port was found free"));
	n->options.allow_ports = (struct option_ranges){0};
	m = ask(n, l, publish_port(3, CONTROL_TCP, 0));
	assert_int_equal(m->reason, CONTROL_REASON_TAKEN);
	n->options.allow_ports = (struct option_ranges){&n->ports, 1};
}

static void what_is_not_given_away_is_denied(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	const struct message *m = ask(n, l, ports(1, P(-1), 1));
	assert_int_equal(m->reason, CONTROL_REASON_DENIED);
	says(m, "port %u is not among those", P(-1));
	m = ask(n, l, ports(1, P(98), 3));
	assert_int_equal(m->reason, CONTROL_REASON_DENIED);
	says(m,
		"port %u is not among those that this server gives away (--allow-ports=%u-%u; with "
		"%u added it is)",
		P(100), P(0), P(99), P(100));
	m = ask(n, l, ports(1, P(0), 9));
	assert_int_equal(m->reason, CONTROL_REASON_LIMIT);
	says(m, "a session may have at most 8 ports (--max-ports): it has 0, and asks for 9 more");
	assert_int_equal(ask(n, l, ports(1, P(0), 8))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, l, ports(20, P(10), 1))->reason, CONTROL_REASON_LIMIT);
}

static void ports_are_shared_by_one_identity(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = dial(n, &alice, "one", NULL), *a2 = dial(n, &alice, "two", NULL);
	struct server_link *b = dial(n, &bob, "three", NULL);
	ask(n, a, ports(1, P(10), 3));
	/* Just these, in one piece. */
	assert_int_equal(ask(n, a2, ports(1, P(10), 3))->type, CONTROL_GRANTED);
	assert_int_equal(n->registrar.n_ports, 3);
	const struct message *m = ask(n, b, ports(1, P(10), 3));
	assert_int_equal(m->reason, CONTROL_REASON_TAKEN);
	says(m, "port %u is held by session ", P(10));
	assert_non_null(strstr(m->text, " of alice"));
	assert_null(strchr(m->text, ','));
	m = ask(n, a2, ports(10, P(9), 2));
	assert_int_equal(m->reason, CONTROL_REASON_TAKEN);
	m = ask(n, b, ports(10, P(12), 2));
	says(m, "port %u is held by session ", P(12));
	says(m, ", whose range is another");
	m = ask(n, b, ports(10, P(10), 2));
	says(m, ", whose range is another");
	m = ask(n, b, ports(10, P(8), 2));
	assert_int_equal(m->type, CONTROL_GRANTED);
	m = ask(n, b, ports(20, P(13), 1));
	assert_int_equal(m->type, CONTROL_GRANTED);
	/* A UDP port of that number is another one. */
	assert_int_equal(ask(n, b, publish_port(30, CONTROL_UDP, (uint32_t)P(10)))->type,
		CONTROL_GRANTED);
	m = ask(n, a, ports(10, P(10), 3));
	says(m, "port %u is published by this client already", P(10));
	/* The last holder closes it. */
	withdraw(a, 1);
	settle(n);
	int fd = dial_port(P(10));
	assert_true(fd >= 0);
	close(fd);
	withdraw(a2, 1);
	settle(n);
	assert_int_equal(dial_port(P(10)), -1);
}

static void the_kernel_refuses_it(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)P(40)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	const struct message *m = ask(n, l, ports(1, P(40), 1));
	assert_int_equal(m->type, CONTROL_REFUSED);
	assert_int_equal(m->reason, CONTROL_REASON_TAKEN);
	/* Neither are those of a range that come before it left open. */
	ask(n, l, ports(1, P(39), 2));
	assert_int_equal(dial_port(P(39)), -1);
	assert_int_equal(n->registrar.n_ports, 0);
	close(fd);
	assert_int_equal(ask(n, l, ports(1, P(39), 2))->type, CONTROL_GRANTED);
}

static void the_front_s_own_port_is_named(void **state)
{
	struct exit_node *n = *state;
	struct listeners listeners;
	struct error err;
	uint16_t own = (uint16_t)P(50);
	n->options.ports = (struct option_ports){&own, 1};
	assert_int_equal(listeners_open(&listeners, &n->node, &err), 0);
	n->registrar.listeners = &listeners;
	struct server_link *l = dial(n, &alice, "one", NULL);
	const struct message *m = ask(n, l, ports(1, P(49), 2));
	assert_int_equal(m->reason, CONTROL_REASON_INVALID);
	says(m, "port %u is the exit node's own", P(50));
	assert_int_equal(ask(n, l, publish_port(1, CONTROL_UDP, (uint32_t)P(50)))->type,
		CONTROL_GRANTED);
	listeners_close(&listeners);
	n->registrar.listeners = NULL;
}

/* Ports take descriptors, of which half are for those who come to them. */
static void descriptors_are_left_for_visitors(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	struct rlimit was, now;
	getrlimit(RLIMIT_NOFILE, &was);
	now = was;
	now.rlim_cur = 100;
	setrlimit(RLIMIT_NOFILE, &now);
	n->registrar.n_ports = 48;
	const struct message *m = ask(n, l, ports(1, P(60), 3));
	assert_int_equal(m->reason, CONTROL_REASON_LIMIT);
	says(m, "100 descriptors in all");
	says(m, "gives 50 of them to ports at most: 48 are taken");
	m = ask(n, l, ports(1, P(60), 2));
	assert_int_equal(m->type, CONTROL_GRANTED);
	setrlimit(RLIMIT_NOFILE, &was);
	n->registrar.n_ports -= 48;
}

/* The process ends: nobody can come any more, while what is under way goes on. */
static void a_node_that_drains_takes_nobody(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, ports(1, P(70), 1));
	registrar_drain(&n->registrar);
	assert_int_equal(dial_port(P(70)), -1);
	assert_int_equal(only_session(n)->n_services, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_with_ports, exit_node_close)
	const struct CMUnitTest tests[] = {
		TEST(a_port_is_opened_and_closed),
		TEST(a_range_is_opened_and_closed),
		TEST(who_connects_is_the_client_s),
		TEST(any_port_is_one_that_is_allowed),
		TEST(what_is_not_given_away_is_denied),
		TEST(ports_are_shared_by_one_identity),
		TEST(the_kernel_refuses_it),
		TEST(the_front_s_own_port_is_named),
		TEST(descriptors_are_left_for_visitors),
		TEST(a_node_that_drains_takes_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
