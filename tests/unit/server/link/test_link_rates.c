/* SPDX-License-Identifier: MIT */
/*
 * The rate of an identity on its links, in an exit node on one thread. A rate of a byte a second lets what a
 * full bucket holds pass, and nothing more for as long as a test takes, so nothing here depends on time; what
 * was held goes on when the rate is changed.
 */
#include "server/link/link_rates.h"

#include "tests/unit/server/exit_node.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mux/shaper.h"
#include "net/flow.h"
#include "server/control/port.h"
#include "server/store/identity_rate.h"
#include "server/udp/udp_port.h"

#define MUCH 20000 /* bytes: far more than passes, and less than a window */

static int open_with_ports(void **state)
{
	static char loopback[] = "127.0.0.1";
	struct server_options options = exit_node_options;
	options.bind_addr = loopback;
	struct exit_node *n = *state = exit_node_new(&options);
	exit_node_ports(n);
	return 0;
}

/* As a change of its grants does. */
static void limit(struct exit_node *n, struct credential *who, uint64_t up, uint64_t down)
{
	struct identity *i = who->identity;
	struct rate *staged = NULL;
	i->value.rate_up = up;
	i->value.rate_down = down;
	assert_int_equal(identity_rate_stage(i, &i->value, &staged), 0);
	identity_rate_apply(i, &staged);
	assert_null(staged);
	for (unsigned w = 0; w < WORKERS; w++)
		link_rates_follow(n->node.workers[w]);
}

/* Full from now on: it had time to fill. */
static void fill_up(struct credential *who)
{
	who->identity->rate->up.filling_since = 0;
	who->identity->rate->down.filling_since = 0;
}

static bool anybody_waits(struct exit_node *n)
{
	for (unsigned w = 0; w < WORKERS; w++)
		if (!list_empty(&n->node.workers[w]->link->rates.held))
			return true;
	return false;
}

static struct server_link *serve(struct exit_node *n, struct credential *who, uint32_t number,
	enum control_kind kind)
{
	struct server_link *l = dial(n, who, who->identity->name, NULL);
	struct control m = publish_port(number, kind, n->ports.first + number);
	assert_int_equal(ask(n, l, m)->type, CONTROL_GRANTED);
	return l;
}

static int visit(struct exit_node *n, uint32_t number, int type)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(n->ports.first + number)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void send_much(int fd)
{
	static const char bytes[MUCH];
	assert_int_equal(send(fd, bytes, sizeof(bytes), 0), MUCH);
}

/* What the visitor has got since. */
static size_t received(int fd)
{
	char bytes[2 * MUCH];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	return n > 0 ? (size_t)n : 0;
}

static void answer_much(struct fake_client *c)
{
	static uint8_t frame[FRAME_HEADER + MUCH];
	frame_write_header(frame, FRAME_DATA, MUCH, c->stream);
	client_send(c, frame, sizeof(frame));
}

/* A rate that was there before the link, and one that came later, hold the same; both ways. */
static void held_until_it_is_raised(void **state)
{
	struct exit_node *n = *state;
	for (uint32_t later = 0; later < 2; later++) {
		if (!later)
			limit(n, &alice, 1, 1);
		struct server_link *l = serve(n, &alice, later, CONTROL_TCP);
		if (later)
			limit(n, &alice, 1, 1);
		fill_up(&alice);
		int fd = visit(n, later, SOCK_STREAM);
		send_much(fd);
		settle_until(n, client_of(n, l)->n_opens && anybody_waits(n));
		answer_much(client_of(n, l));
		settle_until(n, alice.identity->rate->up.held);
		usleep(3 * SHAPER_TICK);
		settle(n);
		assert_int_equal(buf_len(&client_of(n, l)->got), RATE_BURST_MIN);
		assert_int_equal(received(fd), RATE_BURST_MIN);
		/* What waits is what the client had credit for. */
		struct stream *s = list_first(&l->io.link.mux.streams, struct stream, all);
		assert_int_equal(s->queued, MUCH - RATE_BURST_MIN);
		assert_int_equal(s->granted, l->io.link.mux.limits.base_window - MUCH);

		if (later)
			limit(n, &alice, RATE_MAX, RATE_MAX);
		else
			limit(n, &alice, RATE_NONE, RATE_NONE);
		assert_int_equal(l->io.link.mux.shaper == NULL, !later);
		size_t got = 0;
		settle_until(n, buf_len(&client_of(n, l)->got) == MUCH &&
					(got += received(fd)) == MUCH - RATE_BURST_MIN);
		settle_until(n, !anybody_waits(n));
		assert_int_equal(alice.identity->rate->up.waiting, 0);
		assert_int_equal(alice.identity->rate->down.waiting, 0);
		close(fd);
		hang_up(l);
		settle_until(n, list_empty(&alice.identity->sessions));
		limit(n, &alice, RATE_NONE, RATE_NONE);
	}
}

/* Another identity's links know nothing of it, nor those of one without a rate. */
static void it_is_the_identitys_alone(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = serve(n, &alice, 0, CONTROL_TCP);
	struct server_link *b = serve(n, &bob, 1, CONTROL_TCP);
	limit(n, &alice, 1, 1);
	assert_non_null(a->io.link.mux.shaper);
	assert_null(b->io.link.mux.shaper);
	assert_null(bob.identity->rate);
	int fd = visit(n, 1, SOCK_STREAM);
	send_much(fd);
	settle_until(n, buf_len(&client_of(n, b)->got) == MUCH);
	assert_false(anybody_waits(n));
	close(fd);
}

/* All links of an identity, on every worker, share one bucket. */
static void workers_share_it(void **state)
{
	struct exit_node *n = *state;
	limit(n, &alice, RATE_NONE, 1);
	struct server_link *links[WORKERS];
	int fds[WORKERS];
	for (uint32_t i = 0; i < WORKERS; i++)
		links[i] = serve(n, &alice, i, CONTROL_TCP);
	fill_up(&alice);
	for (uint32_t i = 0; i < WORKERS; i++) {
		fds[i] = visit(n, i, SOCK_STREAM);
		send_much(fds[i]);
	}
	settle_until(n, alice.identity->rate->down.held >= WORKERS);
	usleep(3 * SHAPER_TICK);
	settle(n);
	size_t got = 0;
	bool workers[WORKERS] = {false};
	for (uint32_t i = 0; i < WORKERS; i++) {
		got += buf_len(&client_of(n, links[i])->got);
		workers[links[i]->worker->index] = true;
		close(fds[i]);
	}
	assert_int_equal(got, RATE_BURST_MIN);
	for (uint32_t i = 0; i < WORKERS; i++)
		assert_true(workers[i]);
}

/* Links and the whole process end while streams wait. */
static void ends_while_streams_wait(void **state)
{
	struct exit_node *n = *state;
	limit(n, &alice, 1, 1);
	struct server_link *one = serve(n, &alice, 0, CONTROL_TCP);
	serve(n, &alice, 1, CONTROL_TCP);
	int fds[2];
	for (uint32_t i = 0; i < 2; i++) {
		fds[i] = visit(n, i, SOCK_STREAM);
		send_much(fds[i]);
	}
	settle_until(n, alice.identity->rate->down.waiting == 2);
	hang_up(one);
	settle_until(n, alice.identity->n_sessions == 1);
	assert_int_equal(alice.identity->rate->down.waiting, 1);
	close(fds[0]);
	close(fds[1]);
}

static struct udp_port *the_port(struct exit_node *n)
{
	return list_first(&n->registrar.ports, struct port, link)->udp_port;
}

static unsigned lost_on(struct exit_node *n)
{
	return (unsigned)the_port(n)->drops[UDP_PORT_DROP_RATE];
}

/* Datagrams over it are dropped and counted, whichever way they go. */
static void datagrams_are_dropped(void **state)
{
	struct exit_node *n = *state;
	limit(n, &alice, 1, 1);
	struct server_link *l = serve(n, &alice, 0, CONTROL_UDP);
	fill_up(&alice);
	the_port(n)->saying = true; /* or they would be told, and counted anew */
	int fd = visit(n, 0, SOCK_DGRAM);
	char datagram[301] = {0};
	memset(datagram, 'x', 300);
	assert_int_equal(send(fd, datagram, 300, 0), 300);
	settle_until(n, client_of(n, l)->n_datagrams == 1);
	for (int i = 0; i < 10; i++)
		client_datagram(client_of(n, l), client_of(n, l)->stream, datagram);
	settle_until(n, alice.identity->rate->up.dropped >= 8);
	/* Those that came before the bucket was as good as empty. */
	assert_int_equal(alice.identity->rate->up.dropped, 8);
	assert_int_equal(lost_on(n), 8);
	assert_int_equal(received(fd), 300);
	assert_int_equal(received(fd), 300);
	assert_int_equal(received(fd), 0);
	for (int i = 0; i < 5; i++)
		send(fd, datagram, 300, 0);
	settle_until(n, anybody_waits(n) && client_of(n, l)->n_datagrams == 2);
	usleep(2 * FLOW_AGE_MAX);
	send(fd, datagram, 300, 0);
	settle_until(n, alice.identity->rate->down.dropped == 4);
	assert_int_equal(lost_on(n), 12);
	assert_int_equal(client_of(n, l)->n_datagrams, 2);
	close(fd);
}

int main(void)
{
#define IN_NODE(test) cmocka_unit_test_setup_teardown(test, open_with_ports, exit_node_close)
	const struct CMUnitTest tests[] = {
		IN_NODE(held_until_it_is_raised),
		IN_NODE(it_is_the_identitys_alone),
		IN_NODE(workers_share_it),
		IN_NODE(ends_while_streams_wait),
		IN_NODE(datagrams_are_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
