/* SPDX-License-Identifier: MIT */
/* Edge-triggered connections: nothing that the kernel told may get lost. */
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/macros.h"
#include "net/conn.h"
#include "net/socket.h"
#include "tests/unit/emulated.h"

static struct loop *loop;
static struct conn conn;
static int peer;
static int changes;
static char big[65536];

static void changed(struct conn *c)
{
	assert_ptr_equal(c, &conn);
	changes++;
}

static void nothing(struct loop_task *task)
{
}

/* A turn that does not wait. */
static void poll_once(void)
{
	struct loop_task task;
	loop_task_init(&task, nothing);
	loop_defer(loop, LOOP_PHASE_REAP, &task);
	loop_turn(loop);
}

static int setup(void **state)
{
	int fds[2];
	test_tcp_pair(fds);
	peer = fds[1];
	changes = 0;
	loop = loop_new();
	return loop && conn_init(&conn, loop, fds[0], changed) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	conn_close(&conn);
	conn_close(&conn);
	if (peer >= 0)
		close(peer);
	loop = loop_free(loop);
	return 0;
}

static void peer_says(const char *text)
{
	assert_int_equal(send(peer, text, strlen(text), 0), strlen(text));
}

static void first_edge_tells_writable(void **state)
{
	poll_once();
	assert_true(conn.writable);
	assert_false(conn.readable);
	assert_int_equal(changes, 1);
	poll_once();
	assert_int_equal(changes, 1); /* an edge is told once */
}

static void short_read_clears_and_next_edge_sets(void **state)
{
	char buf[16];
	for (int i = 0; i < 3; i++) {
		peer_says("hello");
		poll_once();
		assert_true(conn.readable);
		assert_int_equal(conn_read(&conn, buf, sizeof buf), 5);
		assert_false(conn.readable);
	}
	assert_int_equal(conn_read(&conn, buf, sizeof buf), -EAGAIN);
}

static void full_read_keeps_readable(void **state)
{
	char buf[5];
	peer_says("helloworld");
	poll_once();
	assert_int_equal(conn_read(&conn, buf, 5), 5);
	assert_true(conn.readable);
	assert_int_equal(conn_read(&conn, buf, 5), 5);
	assert_true(conn.readable);
	assert_int_equal(conn_read(&conn, buf, 5), -EAGAIN);
	assert_false(conn.readable);
}

static void end_together_with_data_is_not_lost(void **state)
{
	char buf[16];
	peer_says("bye");
	shutdown(peer, SHUT_WR);
	poll_once();
	assert_true(conn.fin_received);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 3);
	assert_true(conn.readable);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 0);
	assert_false(conn.readable);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 0);
}

static void end_after_short_read_is_told(void **state)
{
	char buf[16];
	peer_says("bye");
	poll_once();
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 3);
	assert_false(conn.readable);
	shutdown(peer, SHUT_WR);
	poll_once();
	assert_true(conn.readable && conn.fin_received);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 0);
}

/* Nobody reads: behind unread bytes, or a FIN, only an edge that turns no bit on can tell of it. */
static void reset_is_told_where_nobody_reads(void **state)
{
	for (int fin = 0; fin < 2; fin++) {
		if (fin) {
			teardown(state);
			setup(state);
			shutdown(peer, SHUT_WR);
		} else {
			peer_says("some");
		}
		poll_once();
		assert_true(conn.readable);
		assert_false(conn_broken(&conn));
		changes = 0;
		test_reset(peer);
		peer = -1;
		poll_once();
		assert_int_equal(changes, 1);
		assert_true(conn_broken(&conn));
		assert_true(conn_broken(&conn)); /* the kernel tells it once */
	}
}

/* Unread because of back-pressure: the second edge changes no bit, but must not be forgotten. */
static void reset_while_not_reading_is_found(void **state)
{
	char buf[16];
	peer_says("some");
	poll_once();
	assert_true(conn.readable);
	test_reset(peer);
	peer = -1;
	poll_once();
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 4);
	assert_true(conn.readable);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), -ECONNRESET);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), -ECONNRESET); /* never 0 */
}

/* One edge for both: only the recheck can tell. */
static void reset_in_the_same_edge_is_found(void **state)
{
	char buf[16];
	poll_once();
	peer_says("some");
	test_reset(peer);
	peer = -1;
	poll_once();
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 4);
	uint64_t began = clock_now();
	changes = 0;
	while (!conn.readable && clock_now() < began + 3 * CONN_RECHECK)
		loop_turn(loop);
	assert_int_equal(changes, 1);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), -ECONNRESET);
	assert_true(clock_now() < began + 2 * CONN_RECHECK);
}

/* Whoever writes takes the kernel's one error; the reader must not see a good end after that. */
static void error_taken_by_a_write_is_no_end(void **state)
{
	char buf[16];
	poll_once();
	test_reset(peer);
	peer = -1;
	assert_int_equal(conn_write(&conn, "x", 1), -ECONNRESET);
	assert_int_equal(conn_write(&conn, "x", 1), -ECONNRESET);
	poll_once();
	assert_int_equal(conn_read(&conn, buf, sizeof buf), -ECONNRESET);
}

/* The peer ended in good order and then refused our bytes: what it sent was whole. */
static void refusal_after_the_end_leaves_a_good_end(void **state)
{
	char buf[16];
	peer_says("all");
	close(peer);
	peer = -1;
	assert_int_equal(conn_write(&conn, "x", 1), 1);
	poll_once();
	assert_int_equal(conn_write(&conn, "x", 1), -EPIPE);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 3);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 0);
}

static size_t write_until_full(void)
{
	size_t sum = 0;
	while (conn.writable && conn_wants(&conn)) {
		ssize_t n = conn_write(&conn, big, sizeof big);
		if (n > 0)
			sum += (size_t)n;
		else
			assert_int_equal(n, -EAGAIN);
		assert_true(n == sizeof big || !conn.writable);
	}
	return sum;
}

static void full_socket_asks_again_when_drained(void **state)
{
	socket_tune(conn.fd);
	poll_once();
	size_t sent = write_until_full();
	assert_true(sent > 0);
	poll_once();
	assert_false(conn.writable);
	changes = 0;
	while (sent > 0) {
		ssize_t n = recv(peer, big, sizeof big, MSG_DONTWAIT);
		if (n > 0)
			sent -= (size_t)n;
		poll_once();
	}
	assert_true(conn.writable);
	assert_int_equal(changes, 1);
	struct iovec iov[] = {{.iov_base = big, .iov_len = 3}, {.iov_base = big, .iov_len = 4}};
	assert_int_equal(conn_writev(&conn, iov, 2), 7);
	assert_true(conn.writable);
	assert_int_equal(recv(peer, big, sizeof big, 0), 7);
	if (EMULATED)
		return;
	struct socket_way way;
	assert_int_equal(socket_ask_way(conn.fd, &way), 0);
	assert_true(way.acked > 7);
	assert_true(way.rate > 0);
}

/* Written in small pieces the kernel would take 64 KiB and more, whatever it was told; asked, it does not. */
static void asked_the_kernel_keeps_to_its_limit(void **state)
{
	enum { LIMIT = 16 << 10, PIECE = 4 << 10 };
	if (EMULATED)
		skip();
	socket_limit_unsent(conn.fd, LIMIT);
	poll_once();
	/* The peer reads nothing: what its window and ours have no room for is unsent. */
	int unsent = 0;
	while (conn.writable && conn_wants(&conn)) {
		assert_int_equal(conn_write(&conn, big, PIECE), PIECE);
		assert_int_equal(ioctl(conn.fd, SIOCOUTQNSD, &unsent), 0);
	}
	assert_in_range(unsent, 1, LIMIT + PIECE);
	assert_false(conn.writable);
	changes = 0;
	while (recv(peer, big, sizeof big, MSG_DONTWAIT) > 0 || !conn.writable)
		poll_once();
	assert_int_equal(changes, 1); /* it told by itself */
	assert_true(conn_wants(&conn));
}

static void peek_tells_what_waits(void **state)
{
	char buf[16];
	assert_int_equal(conn_peek(&conn), CONN_SILENT);
	peer_says("?");
	assert_int_equal(conn_peek(&conn), CONN_BYTES);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 1);
	shutdown(peer, SHUT_WR);
	assert_int_equal(conn_peek(&conn), CONN_ENDED);
	assert_int_equal(conn_peek(&conn), CONN_ENDED);
}

static void peek_keeps_an_error_for_the_reader(void **state)
{
	char buf[16];
	test_reset(peer);
	peer = -1;
	assert_int_equal(conn_peek(&conn), CONN_ENDED);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), -ECONNRESET);
}

static void shutdown_close_and_abort_look_right_from_outside(void **state)
{
	char buf[4];
	assert_int_equal(conn_shutdown_write(&conn), 0);
	assert_int_equal(recv(peer, buf, sizeof buf, 0), 0);
	peer_says("still heard");
	poll_once();
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 4);
	conn_abort(&conn);
	assert_int_equal(conn.fd, -1);
	errno = 0;
	/* The FIN came before; what the RST shows in is the refusal to take more. */
	assert_int_equal(send(peer, "x", 1, MSG_NOSIGNAL), -1);
}

static void abort_is_a_reset(void **state)
{
	char buf[4];
	assert_int_equal(conn_write(&conn, "half", 4), 4);
	conn_abort(&conn);
	assert_int_equal(recv(peer, buf, sizeof buf, 0), 4);
	assert_int_equal(recv(peer, buf, sizeof buf, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void taken_descriptor_is_told_anew_elsewhere(void **state)
{
	char buf[16];
	peer_says("moving");
	poll_once();
	int fd = conn_detach(&conn).fd;
	assert_int_equal(conn.fd, -1);
	struct loop *first = loop;
	loop = loop_new();
	assert_int_equal(conn_init(&conn, loop, fd, changed), 0);
	poll_once();
	assert_true(conn.readable && conn.writable);
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 6);
	loop_free(first);
}

/* Whether the peer still waits for an acknowledgement of what it sent. */
static bool peer_waits(void)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof info;
	assert_int_equal(getsockopt(peer, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_unacked;
}

/* The peer asks and is answered: the kernel delays its acknowledgements from then on. */
static void ask_and_answer(void)
{
	char buf[16];
	peer_says("ask");
	poll_once();
	assert_int_equal(conn_read(&conn, buf, sizeof buf), 3);
	assert_int_equal(conn_write(&conn, "ok", 2), 2);
	assert_int_equal(recv(peer, buf, sizeof buf, 0), 2);
}

/* Who has Nagle's algorithm sends the second piece only when the first is acknowledged. */
static void pieces_are_acknowledged_at_once(void **state)
{
	char buf[16];
	conn_ack_early(&conn);
	for (int round = 0; round < 3 * CONN_ACK_TRIES; round++) {
		ask_and_answer();
		for (int piece = 0; piece < 2; piece++) {
			peer_says("piece");
			poll_once();
			assert_int_equal(conn_read(&conn, buf, sizeof buf), 5);
			assert_false(peer_waits());
		}
	}
}

static void what_is_answered_costs_no_call_for_long(void **state)
{
	conn_ack_early(&conn);
	for (int i = CONN_ACK_TRIES; i > 0; i--) {
		assert_int_equal(conn.ack_tries, i);
		ask_and_answer();
	}
	assert_int_equal(conn.ack_tries, 0);
	ask_and_answer();
	assert_int_equal(conn.ack_tries, 0);

	/* Pieces again: the first waits once, for the kernel. */
	char buf[16];
	for (int piece = 0; piece < 2; piece++) {
		peer_says("piece"); /* by Nagle's algorithm, as this socket has it */
		while (!conn.readable)
			loop_turn(loop);
		assert_int_equal(conn_read(&conn, buf, sizeof buf), 5);
	}
	assert_false(peer_waits());
	assert_int_equal(conn.ack_tries, CONN_ACK_TRIES);
}

static void large_reads_are_left_to_the_kernel(void **state)
{
	conn_ack_early(&conn);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send(peer, big, CONN_ACK_SMALL + 1, 0), CONN_ACK_SMALL + 1);
		poll_once();
		assert_int_equal(conn_read(&conn, big, sizeof big), CONN_ACK_SMALL + 1);
		assert_false(conn.unanswered);
	}
	memset(big, 0, sizeof big);
}

static void closing_in_the_callback_is_fine(struct conn *c)
{
	changes++;
	conn_close(c);
}

static void no_callback_after_close(void **state)
{
	peer_says("x");
	conn.changed = closing_in_the_callback_is_fine;
	poll_once();
	poll_once();
	assert_int_equal(changes, 1);
	int stdin_flags = fcntl(0, F_GETFD);
	struct conn zero = {0};
	conn_close(&zero);
	conn_abort(&zero);
	assert_int_equal(fcntl(0, F_GETFD), stdin_flags); /* 0 was not its descriptor */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(first_edge_tells_writable),
		TEST(short_read_clears_and_next_edge_sets),
		TEST(full_read_keeps_readable),
		TEST(end_together_with_data_is_not_lost),
		TEST(end_after_short_read_is_told),
		TEST(reset_is_told_where_nobody_reads),
		TEST(reset_while_not_reading_is_found),
		TEST(reset_in_the_same_edge_is_found),
		TEST(error_taken_by_a_write_is_no_end),
		TEST(refusal_after_the_end_leaves_a_good_end),
		TEST(full_socket_asks_again_when_drained),
		TEST(asked_the_kernel_keeps_to_its_limit),
		TEST(peek_tells_what_waits),
		TEST(peek_keeps_an_error_for_the_reader),
		TEST(shutdown_close_and_abort_look_right_from_outside),
		TEST(abort_is_a_reset),
		TEST(pieces_are_acknowledged_at_once),
		TEST(what_is_answered_costs_no_call_for_long),
		TEST(large_reads_are_left_to_the_kernel),
		TEST(taken_descriptor_is_told_anew_elsewhere),
		TEST(no_callback_after_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
