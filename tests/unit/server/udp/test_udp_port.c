/* SPDX-License-Identifier: MIT */
/*
 * A UDP port on its way between workers: nothing is lost that came before it left, it can be closed wherever
 * it is, and the process may end wherever it is.
 */
#include "server/udp/udp_port.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "server/udp/udp_worker.h"
#include "tests/unit/server/base/workers.h"

static struct server_options options = {.memory_budget = 1 << 20, .udp_idle = CLOCK_S};
static struct test_workers workers;
static struct udp_worker parts[3];
static int visitor = -1;
static char got[200]; /* "0:a 1:b !moved ": on which worker, and that it left */
static int move_to;   /* a datagram "m" makes the port go there; -1: it is like others */

static void received(struct udp_port *h, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n)
{
	if (n == 1 && *p == 'm' && move_to >= 0 && udp_port_move(h, (unsigned)move_to)) {
		udp_port_carry(h, peer, local, p, n);
		move_to = -1;
		return;
	}
	sprintf(got + strlen(got), "%u:%.*s ", h->worker->index, (int)n, (const char *)p);
}

static void leaving(struct udp_port *p, const char *why)
{
	sprintf(got + strlen(got), "!%s ", why);
}

static const struct udp_port_ops ops = {.received = received, .leaving = leaving};

static void send_text(const char *text)
{
	assert_int_equal(send(visitor, text, strlen(text), 0), (ssize_t)strlen(text));
}

/* Long enough that it may move. */
static void rest(void)
{
	struct timespec t = {.tv_nsec = (UDP_PORT_REST + 10 * CLOCK_MS) * 1000};
	nanosleep(&t, NULL);
}

/* A port, which goes to worker 1, and a visitor's socket that is connected to it. */
static struct udp_port *open_port(void)
{
	struct port_range sockets;
	struct error err;
	assert_int_equal(port_range_open(&sockets, SOCK_DGRAM, "127.0.0.1", 0, 1, &err), 0);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(sockets.first)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct udp_port *p = udp_port_new(&workers.node, &sockets, &ops);
	assert_non_null(p);
	visitor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(visitor >= 0);
	assert_int_equal(connect(visitor, (struct sockaddr *)&to, sizeof(to)), 0);
	udp_port_send(p, "udp:7", 1);
	return p;
}

static int begin(void **state)
{
	assert_int_equal(crypto_start(), 0);
	got[0] = 0;
	move_to = -1;
	test_workers_open(&workers, &options);
	for (unsigned i = 0; i < 3; i++) {
		workers.workers[i].udp = &parts[i];
		udp_worker_init(&parts[i], &workers.workers[i]);
	}
	return 0;
}

/* As the process ends: workers first, then the registrar closes its ports (NULL: it has none). */
static void finish(struct udp_port *p)
{
	for (unsigned i = 0; i < 3; i++)
		udp_worker_deinit(&parts[i]);
	udp_port_close(p);
	test_workers_close(&workers);
	close(visitor);
	visitor = -1;
}

static void test_receives(void **state)
{
	struct udp_port *p = open_port();
	test_workers_settle(&workers);
	send_text("a");
	send_text("b");
	test_workers_settle(&workers);
	assert_string_equal(got, "1:a 1:b ");
	assert_null(udp_port_close(p));
	test_workers_settle(&workers); /* frees it, or a sanitizer tells */
	assert_string_equal(got, "1:a 1:b !closed ");
	finish(NULL);
}

static void test_moves(void **state)
{
	struct udp_port *p = open_port();
	test_workers_settle(&workers);
	/* Not before it has rested where it is. */
	move_to = 2;
	send_text("m");
	test_workers_settle(&workers);
	assert_string_equal(got, "1:m ");
	rest();
	/* What was read together goes along in its order. */
	send_text("m");
	send_text("x");
	send_text("y");
	test_workers_turn(&workers, 1);
	assert_string_equal(got, "1:m !moved ");
	send_text("z"); /* waits in the socket */
	test_workers_settle(&workers);
	assert_string_equal(got, "1:m !moved 2:m 2:x 2:y 2:z ");
	finish(p);
	assert_string_equal(got, "1:m !moved 2:m 2:x 2:y 2:z !closed ");
}

/*
 * The port is sent to worker 1, and leaves it for worker 2: after `turns` of the turns on this way it is closed,
 * and then all goes on; or the process ends.
 */
static void close_on_the_way(unsigned turns, bool process_ends)
{
	static const unsigned way[] = {1, 1, 0, 2, 2, 0};
	begin(NULL);
	struct udp_port *p = open_port();
	move_to = 2;
	for (unsigned i = 0; i < turns; i++) {
		if (i == 1) {
			rest();
			send_text("m");
		}
		test_workers_turn(&workers, way[i]);
	}
	if (process_ends) {
		finish(p);
		return;
	}
	udp_port_close(p);
	size_t n = strlen(got);
	send_text("late");
	test_workers_settle(&workers);
	assert_null(strstr(got + n, "late"));
	finish(NULL);
}

static void test_closed_anywhere(void **state)
{
	for (unsigned turns = 0; turns <= 6; turns++)
		close_on_the_way(turns, false);
}

static void test_ends_anywhere(void **state)
{
	for (unsigned turns = 0; turns <= 6; turns++)
		close_on_the_way(turns, true);
}

/* Closed, and the process ends before the worker, or the registrar, has heard of it. */
static void test_ends_while_it_closes(void **state)
{
	for (unsigned turns = 0; turns <= 2; turns++) {
		begin(NULL);
		struct udp_port *p = open_port();
		test_workers_turn(&workers, 1);
		udp_port_close(p);
		if (turns > 0)
			test_workers_turn(&workers, 1);
		if (turns > 1)
			test_workers_turn(&workers, 0);
		finish(NULL);
	}
}

/* What goes along has a limit, beyond which it is dropped and counted. */
static void test_carries_so_much(void **state)
{
	static uint8_t large[60000];
	struct udp_port *p = open_port();
	struct address a;
	test_workers_settle(&workers);
	rest();
	test_workers_turn(&workers, 1);
	assert_true(address_parse(STR("192.0.2.1:5"), &a));
	assert_true(udp_port_move(p, 2));
	for (unsigned i = 0; i < 6; i++)
		udp_port_carry(p, &a, &a, large, sizeof(large));
	assert_int_equal(p->drops[UDP_PORT_DROP_LATE], 2);
	assert_in_range(buf_len(&p->carried), 4 * sizeof(large), UDP_PORT_CARRY_MAX);
	finish(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_receives, begin),
		cmocka_unit_test_setup(test_moves, begin),
		cmocka_unit_test(test_closed_anywhere),
		cmocka_unit_test(test_ends_anywhere),
		cmocka_unit_test(test_ends_while_it_closes),
		cmocka_unit_test_setup(test_carries_so_much, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
