/* SPDX-License-Identifier: MIT */
/*
 * Visitors' datagrams between a UDP port and a made-up client, in an exit node on one thread: flows, their
 * limits, and a port that moves to the worker that has a link.
 */
#include "server/udp/udp_flow.h"

#include "tests/unit/server/exit_node.h"
#include "tests/unit/server/said.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/control/port.h"
#include "server/udp/udp_port.h"
#include "server/udp/udp_worker.h"

static int open_with_ports(void **state)
{
	static char loopback[] = "127.0.0.1";
	struct server_options options = exit_node_options;
	options.bind_addr = loopback;
	struct exit_node *n = *state = exit_node_new(&options);
	exit_node_ports(n);
	return 0;
}

/* A client of that port and the one behind it. */
static struct server_link *serve(struct exit_node *n, const char *instance)
{
	struct server_link *l = dial(n, &alice, instance, NULL);
	struct control m = publish_port(7, CONTROL_UDP, n->ports.first);
	m.publish.ports = 2;
	assert_int_equal(ask(n, l, m)->type, CONTROL_GRANTED);
	return l;
}

static struct udp_port *the_port(struct exit_node *n)
{
	return list_first(&n->registrar.ports, struct port, link)->udp_port;
}

static int visitor(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void ask_udp(struct exit_node *n, int fd, const char *text, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(n->ports.first + port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	ssize_t size = (ssize_t)strlen(text);
	assert_int_equal(sendto(fd, text, (size_t)size, 0, (struct sockaddr *)&to, sizeof(to)),
		size);
	settle(n);
}

static void got(struct exit_node *n, const struct server_link *l, const char *text)
{
	struct fake_client *c = client_of(n, l);
	if (buf_len(&c->got) != strlen(text) || memcmp(buf_head(&c->got), text, strlen(text)) != 0)
		fail_msg("\"%.*s\"", (int)buf_len(&c->got), (char *)buf_head(&c->got));
}

static unsigned flows(struct exit_node *n)
{
	return limits_count(&n->node.limits, LIMITS_FLOW);
}

static void a_visitor_is_a_flow(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	int fd = visitor(), other = visitor();
	ask_udp(n, fd, "one ", 1);
	struct fake_client *c = client_of(n, l);
	assert_int_equal(c->n_opens, 1);
	assert_int_equal(c->open.kind, FRAME_KIND_UDP);
	assert_int_equal(c->open.service, 8); /* the range's second */
	assert_int_equal(c->open.local.port, n->ports.first + 1);
	uint32_t first = c->stream;
	ask_udp(n, fd, "two ", 1);
	assert_int_equal(client_of(n, l)->n_opens, 1);
	assert_int_equal(flows(n), 1);
	assert_int_equal(l->session->base.flows, 1);
	ask_udp(n, other, "three", 0);
	assert_int_equal(client_of(n, l)->n_opens, 2);
	assert_int_equal(c->open.service, 7);
	got(n, l, "one two three");
	char answer[16];
	client_datagram(c, first, "answer");
	client_datagram(c, c->stream, "other");
	settle(n);
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 6);
	assert_memory_equal(answer, "answer", 6);
	assert_int_equal(recv(other, answer, sizeof(answer), 0), 5);
	assert_memory_equal(answer, "other", 5);
	assert_int_equal(l->active, 2);
	withdraw(l, 7);
	settle(n);
	assert_int_equal(flows(n) + l->active + l->session->base.flows, 0);
	assert_int_equal(client_of(n, l)->n_resets, 2);
	assert_int_equal(client_of(n, l)->reset, FRAME_RESET_CANCELLED);
	close(fd);
	close(other);
}

static void what_is_answered_counts(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	int fd = visitor();
	ask_udp(n, fd, "question", 0);
	struct udp_flow *f = list_first(&the_port(n)->flows, struct udp_flow, of_udp_port);
	struct service_shard *shard = f->shard;
	shard->penalty = CLOCK_S;
	client_datagram(client_of(n, l), client_of(n, l)->stream, "answer");
	assert_int_equal(f->bytes[0], 8);
	assert_int_equal(f->bytes[1], 6);
	ask_udp(n, fd, "?", 0);
	client_datagram(client_of(n, l), client_of(n, l)->stream, "!");
	assert_int_equal(f->bytes[0], 9);
	assert_int_equal(f->bytes[1], 7);
	assert_int_equal(shard->penalty, 0); /* its upstream works */
	close(fd);
}

static void it_ends_when_nothing_comes(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	int fd = visitor();
	ask_udp(n, fd, "question", 0);
	struct udp_flow *f = list_first(&the_port(n)->flows, struct udp_flow, of_udp_port);
	struct udp_worker *u = the_port(n)->worker->udp;
	timeout_cancel(&f->idle);
	udp_flow_idle_expired(&u->idle, &f->idle);
	settle(n);
	assert_int_equal(flows(n), 0);
	assert_int_equal(client_of(n, l)->reset, FRAME_RESET_TIMEOUT);
	/* The next one begins another. */
	ask_udp(n, fd, "again", 0);
	assert_int_equal(client_of(n, l)->n_opens, 2);
	close(fd);
}

static void the_client_ends_it(void **state)
{
	static const struct {
		enum frame_reset reason;
		bool fails;
	} rows[] = {{FRAME_RESET_REFUSED, true}, {FRAME_RESET_NONE, false},
		{FRAME_RESET_TIMEOUT, false}, {FRAME_RESET_ABORTED, false}};
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	int fd = visitor();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ask_udp(n, fd, "question", 0);
		struct udp_flow *f = list_first(&the_port(n)->flows, struct udp_flow, of_udp_port);
		struct service_shard *shard = f->shard;
		service_shard_worked(shard);
		client_reset(client_of(n, l), client_of(n, l)->stream, rows[i].reason);
		settle(n);
		assert_int_equal(flows(n), 0);
		if (service_shard_fails(shard, loop_now(l->worker->loop)) != rows[i].fails)
			fail_msg("row %zu", i);
		service_shard_worked(shard);
	}
	close(fd);
}

/* While less than half of a session's flows are taken nobody is in anybody's way. */
static void an_address_has_so_many_flows(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	n->options.max_flows = 8;
	n->options.max_flows_per_visitor = 2;
	int fds[6];
	for (int i = 0; i < 4; i++) {
		fds[i] = visitor();
		ask_udp(n, fds[i], "x", 0);
		assert_int_equal(flows(n), i + 1);
	}
	for (int i = 4; i < 6; i++) {
		fds[i] = visitor();
		ask_udp(n, fds[i], "x", 0);
		assert_int_equal(flows(n), 4);
		assert_int_equal(client_of(n, l)->n_resets, i - 3);
	}
	assert_int_equal(the_port(n)->crowded[UDP_PORT_CROWD_ADDRESS], 2);
	assert_int_equal(the_port(n)->crowded[UDP_PORT_CROWD_CLIENT], 0);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
}

static void a_session_has_so_many_flows(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	n->options.max_flows = 3;
	int fds[4];
	for (int i = 0; i < 4; i++) {
		fds[i] = visitor();
		ask_udp(n, fds[i], "x", 0);
	}
	assert_int_equal(flows(n), 3);
	assert_int_equal(l->session->base.flows, 3);
	assert_int_equal(the_port(n)->crowded[UDP_PORT_CROWD_CLIENT], 1);
	assert_int_equal(client_of(n, l)->n_resets, 1);
	/* All of them are on other workers. */
	l->session->base.flows += 10;
	while (!list_empty(&the_port(n)->flows))
		client_reset(client_of(n, l),
			list_first(&the_port(n)->flows, struct udp_flow, of_udp_port)
				->flow.stream.id,
			FRAME_RESET_NONE);
	settle(n);
	ask_udp(n, fds[0], "x", 0);
	assert_int_equal(flows(n), 0);
	assert_int_equal(the_port(n)->drops[UDP_PORT_DROP_FULL], 1);
	assert_int_equal(l->session->base.flows, 10);
	l->session->base.flows = 0;
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

/* Those that could go for a new one are on other workers. */
static void an_address_has_its_flows_elsewhere(void **state)
{
	struct exit_node *n = *state;
	struct address peer = {.family = ADDRESS_V4, .bytes = {127, 0, 0, 1}};
	struct server_link *l = serve(n, "one");
	n->options.max_flows = 8;
	n->options.max_flows_per_visitor = 1;
	l->session->base.flows = 4; /* half of them */
	assert_int_equal(limits_acquire(&n->node.limits, LIMITS_FLOW, &peer, 0, 0), 0);
	int fd = visitor();
	ask_udp(n, fd, "x", 0);
	assert_int_equal(client_of(n, l)->n_opens, 0);
	assert_int_equal(the_port(n)->drops[UDP_PORT_DROP_FULL], 1);
	assert_int_equal(flows(n), 1);
	assert_int_equal(l->session->base.flows, 4);
	l->session->base.flows = 3; /* plenty is left */
	ask_udp(n, fd, "x", 0);
	assert_int_equal(client_of(n, l)->n_opens, 1);
	limits_release(&n->node.limits, LIMITS_FLOW, &peer);
	l->session->base.flows -= 3;
	close(fd);
}

/* A trusted proxy's address is many visitors'. */
static void whom_we_trust_has_any_number(void **state)
{
	struct exit_node *n = *state;
	struct error err;
	serve(n, "one");
	n->options.max_flows = 8;
	n->options.max_flows_per_visitor = 1;
	assert_int_equal(cidr_list_add(&n->options.trusted, STR("127.0.0.0/8"), &err), 0);
	int fds[8];
	for (int i = 0; i < 8; i++) {
		fds[i] = visitor();
		ask_udp(n, fds[i], "x", 0);
	}
	assert_int_equal(flows(n), 8);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
}

static void the_client_takes_so_many_streams(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	int fds[CLIENT_STREAMS + 1];
	for (int i = 0; i <= CLIENT_STREAMS; i++) {
		fds[i] = visitor();
		ask_udp(n, fds[i], "x", 0);
	}
	assert_int_equal(flows(n), CLIENT_STREAMS);
	assert_int_equal(l->session->base.flows, CLIENT_STREAMS);
	assert_int_equal(the_port(n)->drops[UDP_PORT_DROP_FULL], 1);
	for (int i = 0; i <= CLIENT_STREAMS; i++)
		close(fds[i]);
}

/* Nobody has a link: the datagram is dropped, and logged once in a while. */
static void without_a_link_it_is_dropped(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	l->io.link.ops->goaway(&l->io.link, FRAME_GOAWAY_REPLACED);
	int fd = visitor();
	ask_udp(n, fd, "x", 0);
	ask_udp(n, fd, "x", 0);
	struct udp_port *p = the_port(n);
	assert_int_equal(flows(n), 0);
	assert_int_equal(p->drops[UDP_PORT_DROP_NOBODY], 2);
	assert_true(p->saying);
	assert_int_equal(p->said_at, 0);
	p->say.fired(&p->say);
	assert_int_equal(p->drops[UDP_PORT_DROP_NOBODY], 0);
	assert_false(p->saying);
	assert_int_not_equal(p->said_at, 0);
	/* Said again only after a while. */
	uint64_t now = loop_now(p->worker->loop);
	ask_udp(n, fd, "x", 0);
	assert_true(p->saying);
	assert_true(p->say.deadline >= now + UDP_PORT_SAY_AGAIN - CLOCK_S);
	p->say.fired(&p->say);
	/* With nothing to be said. */
	uint64_t said = p->said_at = 1;
	p->say.fired(&p->say);
	assert_int_equal(p->said_at, said);
	udp_port_dropped(p, UDP_PORT_DROP_LATE, 0, NULL);
	assert_false(p->saying);
	close(fd);
}

static void what_is_dropped_is_logged(void **state)
{
	static struct said said;
	struct exit_node *n = *state;
	char peer[ADDRESS_TEXT_SIZE], want[512];
	struct address visitor = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 7}, .port = 5000};
	serve(n, "one");
	struct udp_port *p = the_port(n);
	address_format(&visitor, peer);
	static const struct {
		uint64_t nobody, full, crowded;
		const char *dropped, *ended;
	} rows[] = {
		{1, 0, 0, "dropped 1 datagram, the last of visitor %s: 1 without a client", NULL},
		{2, 3, 0,
			"dropped 5 datagrams, the last of visitor %s: 2 without a client for the "
			"port, 3 beyond the limits on flows",
			NULL},
		{0, 0, 1, NULL,
			"ended 1 flow for new ones, the last of visitor %s: 1 beyond "
			"--max-flows-per-visitor"},
		{1, 0, 2, "dropped 1 datagram, ", "ended 2 flows for new ones, "},
		{0, 0, 0, NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		udp_port_dropped(p, UDP_PORT_DROP_NOBODY, rows[i].nobody, &visitor);
		udp_port_dropped(p, UDP_PORT_DROP_FULL, rows[i].full, NULL);
		for (uint64_t k = 0; k < rows[i].crowded; k++)
			udp_port_crowded(p, UDP_PORT_CROWD_ADDRESS, &visitor);
		said_begin(&said);
		p->say.fired(&p->say);
		said_end(&said);
		const char *wanted[] = {rows[i].dropped, rows[i].ended};
		const char *kinds[] = {"dropped", "ended"};
		for (size_t k = 0; k < 2; k++) {
			/* "%s" is the visitor. */
			const char *text = wanted[k] ? wanted[k] : kinds[k];
			const char *at = strstr(text, "%s");
			snprintf(want, sizeof(want), "%.*s%s%s", at ? (int)(at - text) : 0, text,
				at ? peer : "", at ? at + 2 : text);
			if (!strstr(said.text, want) != !wanted[k])
				fail_msg("row %zu: %s", i, said.text);
		}
	}
}

static void a_withdrawn_service_keeps_no_flow(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = serve(n, "one"), *b = serve(n, "two");
	client_shows_life(client_of(n, a));
	int fd = visitor();
	ask_udp(n, fd, "x", 0);
	struct server_link *had = client_of(n, a)->n_opens ? a : b, *other = had == a ? b : a;
	withdraw(had, 7);
	settle(n);
	ask_udp(n, fd, "y", 0);
	usleep(UDP_PORT_REST);
	ask_udp(n, fd, "z", 0);
	settle(n);
	assert_int_equal(client_of(n, other)->n_opens, 1);
	assert_int_equal(flows(n), 1);
	close(fd);
}

/* A further link of the session, on the worker of its first link or on another one. */
static struct server_link *join_on(struct exit_node *n, struct server_link *first, bool same)
{
	struct server_link *l;
	do {
		l = dial(n, &alice, "one", NULL);
		join(l, first->session, first->session->resume);
		settle(n);
	} while ((l->worker == first->worker) != same);
	return l;
}

/* The port goes to the worker that has a link, with the datagram that found out. */
static void the_port_moves(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one"), *two = join_on(n, l, false);
	unsigned here = l->worker->index, there = two->worker->index;
	struct udp_port *p = the_port(n);
	assert_int_equal(p->at, here);
	int fd = visitor(), other = visitor();
	ask_udp(n, fd, "before ", 0);
	got(n, l, "before ");
	l->io.link.ops->goaway(&l->io.link, FRAME_GOAWAY_REPLACED);
	/* Those that are on it go on, and it does not move again at once. */
	p->opened_at = loop_now(p->worker->loop);
	assert_false(udp_port_move(p, there));
	usleep(UDP_PORT_REST);
	ask_udp(n, fd, "still ", 0);
	got(n, l, "before still ");
	assert_int_equal(p->at, here);
	ask_udp(n, other, "moved", 0);
	assert_int_equal(p->at, there);
	assert_int_equal(p->state, UDP_PORT_OPEN);
	got(n, two, "moved");
	assert_int_equal(flows(n), 1); /* those that were there ended */
	assert_int_equal(client_of(n, l)->n_resets, 1);
	client_datagram(client_of(n, two), client_of(n, two)->stream, "answer");
	char answer[16];
	settle(n);
	assert_int_equal(recv(other, answer, sizeof(answer), 0), 6);
	assert_int_equal(p->drops[UDP_PORT_DROP_LATE], 0);
	close(fd);
	close(other);
}

/* Rule 46: a first question does not wait for a link that is silent while another one answers. */
static void a_question_is_not_stranded(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one"), *two = join_on(n, l, true);
	int fd = visitor(), other = visitor();
	ask_udp(n, fd, "a", 0);
	struct server_link *had = client_of(n, l)->n_opens ? l : two, *free = had == l ? two : l;
	ask_udp(n, fd, "b", 0);
	had->io.link.silent = true;
	had->io.link.ops->silent(&had->io.link);
	ask_udp(n, fd, "c", 0);
	assert_int_equal(client_of(n, free)->n_opens, 1);
	got(n, free, "c");
	assert_int_equal(flows(n), 1);
	/* One that has had an answer stays where it is. */
	had->io.link.silent = false;
	had->io.link.ops->silent(&had->io.link);
	ask_udp(n, other, "d", 0);
	struct server_link *of = client_of(n, had)->n_opens == 2 ? had : free;
	unsigned opens = client_of(n, of)->n_opens;
	client_datagram(client_of(n, of), client_of(n, of)->stream, "answer");
	of->io.link.silent = true;
	of->io.link.ops->silent(&of->io.link);
	ask_udp(n, other, "e", 0);
	assert_int_equal(client_of(n, of)->n_opens, opens);
	assert_int_equal(client_of(n, of)->n_datagrams, of == had ? 4 : 3);
	close(fd);
	close(other);
}

static void a_worker_that_drains_begins_nothing(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	int fd = visitor();
	l->worker->draining = true;
	ask_udp(n, fd, "x", 0);
	assert_int_equal(client_of(n, l)->n_opens, 0);
	assert_int_equal(the_port(n)->drops[UDP_PORT_DROP_NOBODY], 1);
	close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_with_ports, exit_node_close)
	const struct CMUnitTest tests[] = {
		TEST(a_visitor_is_a_flow),
		TEST(what_is_answered_counts),
		TEST(it_ends_when_nothing_comes),
		TEST(the_client_ends_it),
		TEST(an_address_has_so_many_flows),
		TEST(a_session_has_so_many_flows),
		TEST(an_address_has_its_flows_elsewhere),
		TEST(whom_we_trust_has_any_number),
		TEST(the_client_takes_so_many_streams),
		TEST(without_a_link_it_is_dropped),
		TEST(what_is_dropped_is_logged),
		TEST(a_withdrawn_service_keeps_no_flow),
		TEST(the_port_moves),
		TEST(a_question_is_not_stranded),
		TEST(a_worker_that_drains_begins_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
