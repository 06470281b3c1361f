/* SPDX-License-Identifier: MIT */
/* How connections with TLS in them end: what was written arrives, and what was cut off does not pass for whole. */
#include "tls_conns.h"

static void fin_without_goodbye_is_no_end(void **state)
{
	for (int late = 0; late < 2; late++) {
		if (late) {
			teardown(state);
			setup(state);
		}
		shake(false);
		assert_int_equal(conn_write(&a, "half", 4), 4);
		shutdown(a.fd, SHUT_WR);
		if (late) {
			/* Refused writes must not make a good end of it. */
			struct detached_conn detached = conn_detach(&a);
			detached_conn_close(&detached);
			for (int i = 0; i < 9 && !b.error; i++) {
				conn_write(&b, "x", 1);
				turn();
			}
		}
		turns();
		ssize_t n = conn_read(&b, big, sizeof big);
		if (!late)
			assert_int_equal(n, 4);
		n = n > 0 ? conn_read(&b, big, sizeof big) : n;
		assert_int_equal(n, -ECONNRESET);
		assert_int_equal(conn_read(&b, big, sizeof big), -ECONNRESET);
	}
}

static void abort_is_a_reset(void **state)
{
	shake(false);
	conn_abort(&a);
	turns();
	assert_int_equal(conn_read(&b, big, sizeof big), -ECONNRESET);
}

/* The client ends before it has read a byte, the tickets included. */
static void half_close_leaves_the_other_half(void **state)
{
	shake(false);
	assert_int_equal(conn_write(&a, "?", 1), 1);
	assert_int_equal(conn_shutdown_write(&a), 0);
	assert_int_equal(conn_write(&a, "?", 1), -EPIPE);
	turns();
	assert_true(b.fin_received);
	assert_int_equal(conn_read(&b, big, sizeof big), 1);
	assert_true(b.readable);
	assert_int_equal(conn_read(&b, big, sizeof big), 0);
	assert_false(b.readable);
	struct flow answer = {.from = &b, .to = &a, .size = 3u << 20, .step = 3};
	uint64_t end = clock_now() + PATIENCE;
	while (!answer.ended && clock_now() < end) {
		flow_send(&answer);
		flow_receive(&answer);
		turn();
	}
	assert_int_equal(answer.got, answer.size);
	assert_int_equal(conn_read(&b, big, sizeof big), 0);
}

/* What was accepted arrives, although its connection is closed and its owner has gone. */
static void close_loses_nothing(void **state)
{
	small_buffers(&a);
	small_buffers(&b);
	shake(false);
	size_t sent = 0, got = 0;
	while (a.writable) {
		ssize_t n = conn_write(&a, big, sizeof big);
		assert_true(n > 0);
		sent += (size_t)n;
	}
	assert_in_range(sent, 1, sizeof big - 1); /* bounded */
	conn_close(&a);
	assert_int_equal(a.fd, -1);
	assert_int_equal(conn_lingers(loop)->count, 1);
	ssize_t n = 1;
	uint64_t end = clock_now() + PATIENCE;
	while (n && clock_now() < end) {
		n = conn_read(&b, big, 5000);
		assert_true(n >= 0 || n == -EAGAIN);
		got += n > 0 ? (size_t)n : 0;
		turn();
	}
	assert_int_equal(n, 0);
	assert_int_equal(got, sent);
	assert_int_equal(conn_lingers(loop)->count, 0);
}

static void linger_time_is_up(void)
{
	struct conn_lingers *all = conn_lingers(loop);
	struct timeout *first = list_first(&all->queue.entries, struct timeout, link);
	list_unlink(&first->link);
	all->queue.expired(&all->queue, first);
}

/* Time is up for a peer that takes nothing, not for one that is slow. */
static void lingering_waits_for_a_slow_reader(void **state)
{
	struct socket_way before, way;
	int fd = a.fd, window = 4096;
	if (EMULATED)
		skip();
	small_buffers(&a);
	setsockopt(b.fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
	shake(false);
	while (a.writable)
		assert_true(conn_write(&a, big, sizeof big) > 0);
	conn_close(&a);
	turns();
	assert_int_equal(socket_ask_way(fd, &before), 0);
	uint64_t end = clock_now() + PATIENCE;
	do {
		conn_read(&b, big, 1024);
		turn();
		assert_int_equal(socket_ask_way(fd, &way), 0);
	} while (way.acked == before.acked && clock_now() < end);
	turns();
	linger_time_is_up();
	assert_int_equal(conn_lingers(loop)->count, 1);
	linger_time_is_up();
	assert_int_equal(conn_lingers(loop)->count, 0);
}

static void lingering_ends_with_the_peer_and_with_the_loop(void **state)
{
	for (int how = 0; how < 2; how++) {
		if (how) {
			teardown(state);
			setup(state);
		}
		shake(false);
		while (a.writable)
			conn_write(&a, big, sizeof big);
		conn_close(&a);
		assert_int_equal(conn_lingers(loop)->count, 1);
		if (how)
			continue; /* the teardown's turn */
		conn_abort(&b);
		turns();
		assert_int_equal(conn_lingers(loop)->count, 0);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(fin_without_goodbye_is_no_end),
		TEST(abort_is_a_reset),
		TEST(half_close_leaves_the_other_half),
		TEST(close_loses_nothing),
		TEST(lingering_waits_for_a_slow_reader),
		TEST(lingering_ends_with_the_peer_and_with_the_loop),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
