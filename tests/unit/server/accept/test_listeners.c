/* SPDX-License-Identifier: MIT */
/* The front's listening sockets, and the way of an accepted connection to its worker. */
#include "server/accept/listeners.h"

#include "tests/unit/server/exit_node.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/accept/handoff.h"
#include "server/http/http_worker.h"

static const struct address visitor = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 7}, .port = 5000};

static int open_with_ports(void **state)
{
	static char loopback[] = "127.0.0.1";
	struct server_options options = exit_node_options;
	options.bind_addr = loopback;
	struct exit_node *n = *state = exit_node_new(&options);
	exit_node_ports(n);
	return 0;
}

static int dial_port(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static unsigned visitors(struct exit_node *n)
{
	return limits_count(&n->node.limits, LIMITS_VISITOR);
}

static bool is_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* One port for everybody. */
static void visitors_and_links_share_the_ports(void **state)
{
	struct exit_node *n = *state;
	uint16_t ports[] = {n->ports.first, (uint16_t)(n->ports.first + 5)};
	struct listeners g;
	struct error err;
	n->options.ports = (struct option_ports){ports, 2};
	assert_int_equal(listeners_open(&g, &n->node, &err), 0);
	assert_int_equal(g.n, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct listener_config *c = &g.ports[i].config;
		assert_true(c->links && c->visits && !c->control && !c->tls && !*c->place);
		assert_int_equal(c->port, ports[i]);
	}
	assert_int_equal(listeners_control_port(&g, false), ports[0]);
	assert_int_equal(listeners_visitors_port(&g, true), ports[0]);
	/* Where there is TLS, people expect 443. */
	g.ports[1].listener.port = 443;
	assert_int_equal(listeners_visitors_port(&g, true), 443);
	assert_int_equal(listeners_control_port(&g, true), 443);
	assert_int_equal(listeners_visitors_port(&g, false), ports[0]);
	g.ports[1].listener.port = ports[1];

	assert_int_equal(listeners_common(&g, ports[0], 1), ports[0]);
	assert_int_equal(listeners_common(&g, ports[0] + 1, 4), 0);
	assert_int_equal(listeners_common(&g, ports[0] + 1, 5), ports[1]);
	assert_int_equal(listeners_common(&g, ports[0] - 3, 3), 0);
	assert_int_equal(listeners_common(&g, ports[1] + 1, 9), 0);
	listeners_close(&g);
	assert_int_equal(dial_port(ports[0]), -1);
}

static void links_have_a_port_of_their_own(void **state)
{
	struct exit_node *n = *state;
	uint16_t visits = n->ports.first, control = n->ports.first + 1;
	struct listeners g;
	struct error err;
	n->options.ports = (struct option_ports){&visits, 1};
	n->options.control_port = (struct option_ports){&control, 1};
	assert_int_equal(listeners_open(&g, &n->node, &err), 0);
	assert_int_equal(g.n, 2);
	assert_true(
		g.ports[0].config.visits && !g.ports[0].config.links && !g.ports[0].config.control);
	assert_true(
		!g.ports[1].config.visits && g.ports[1].config.links && g.ports[1].config.control);
	assert_int_equal(listeners_control_port(&g, false), control);
	assert_int_equal(listeners_visitors_port(&g, false), visits);
	listeners_close(&g);
}

/* All or none. */
static void a_port_that_is_taken(void **state)
{
	struct exit_node *n = *state;
	uint16_t ports[] = {n->ports.first, (uint16_t)(n->ports.first + 1)};
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons(ports[1]),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct listeners g;
	struct error err;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	n->options.ports = (struct option_ports){ports, 2};
	assert_int_equal(listeners_open(&g, &n->node, &err), -EADDRINUSE);
	assert_int_equal(dial_port(ports[0]), -1);
	n->options.ports.n = 1;
	n->options.control_port = (struct option_ports){&ports[1], 1};
	assert_int_equal(listeners_open(&g, &n->node, &err), -EADDRINUSE);
	assert_int_equal(dial_port(ports[0]), -1);
	close(fd);
}

/* The data address is the visitors', the control address the links'. */
static void each_has_an_address(void **state)
{
	static char other[] = "127.0.0.2", nobodys[] = "203.0.113.1";
	struct exit_node *n = *state;
	uint16_t visits = n->ports.first, control = n->ports.first + 1;
	struct listeners g;
	struct error err;
	n->options.bind_addr = nobodys;
	n->options.data_addr = other;
	n->options.control_addr = other;
	n->options.ports = (struct option_ports){&visits, 1};
	n->options.control_port = (struct option_ports){&control, 1};
	assert_int_equal(listeners_open(&g, &n->node, &err), 0);
	assert_int_equal(dial_port(visits), -1);
	assert_int_equal(dial_port(control), -1);
	listeners_close(&g);
	n->options.data_addr = NULL;
	assert_true(listeners_open(&g, &n->node, &err) < 0);
	n->options.data_addr = other;
	n->options.control_addr = NULL;
	assert_true(listeners_open(&g, &n->node, &err) < 0);
}

static void connections_go_to_workers_in_turn(void **state)
{
	struct exit_node *n = *state;
	uint16_t port = n->ports.first;
	struct listeners g;
	struct error err;
	int fds[WORKERS];
	n->options.ports = (struct option_ports){&port, 1};
	assert_int_equal(listeners_open(&g, &n->node, &err), 0);
	for (int i = 0; i < WORKERS; i++)
		fds[i] = dial_port(port);
	settle_until(n, visitors(n) == WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		const struct list *visits = &n->node.workers[i]->http->conns;
		assert_false(list_empty(visits));
		assert_ptr_equal(visits->next, visits->prev); /* one each */
	}
	for (int i = 0; i < WORKERS; i++)
		close(fds[i]);
	listeners_close(&g);
}

/* What is on its way to a worker counts as that one's already. */
static void what_is_coming_counts(void **state)
{
	static const struct listener_config front = {.visits = true};
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, publish_http(1, "a.example"));
	struct session_shard *shard = &l->session->base.shards[1];
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	handoff_send(&front, n->node.workers[1], fds[0], &visitor, shard);
	assert_int_equal(shard->coming, 1);
	assert_int_equal(session_shard_load(shard), 1);
	assert_int_equal(visitors(n), 0);
	settle(n);
	assert_int_equal(shard->coming, 0);
	assert_int_equal(visitors(n), 1);
	close(fds[1]);
	/* One that arrives where the process ends is closed; one on its way as it ends, too. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	n->node.workers[1]->draining = true;
	handoff_send(&front, n->node.workers[1], fds[0], &visitor, NULL);
	settle(n);
	assert_true(is_closed(fds[1]));
	close(fds[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	handoff_send(&front, n->node.workers[2], fds[0], &visitor, NULL);
	close(fds[1]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_with_ports, exit_node_close)
	const struct CMUnitTest tests[] = {
		TEST(visitors_and_links_share_the_ports),
		TEST(links_have_a_port_of_their_own),
		TEST(a_port_that_is_taken),
		TEST(each_has_an_address),
		TEST(connections_go_to_workers_in_turn),
		TEST(what_is_coming_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
