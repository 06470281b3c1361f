/* SPDX-License-Identifier: MIT */
/* UDP sockets on loopback: whole datagrams, the address that was asked, refusals, sentences. */
#include "sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "net/socket.h"
#include "net/udp.h"
#include "wire/frame.h"
#include "tests/unit/emulated.h"

static struct loop *loop;
static struct udp_arena *arena;
static struct error err;

/* What came, last and in all. */
static struct {
	int n, refused;
	size_t bytes, size;
	uint8_t first;
	struct address peer, local;
	bool answer; /* sends it back */
	bool close;  /* closes the socket in the callback */
} got;

static int setup(void **state)
{
	memset(&got, 0, sizeof got);
	loop = loop_new();
	arena = udp_arena_new();
	return loop && arena ? 0 : -1;
}

static int teardown(void **state)
{
	arena = udp_arena_free(arena);
	loop = loop_free(loop);
	return 0;
}

static void received(struct udp *udp, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n)
{
	got.n++;
	got.size = n;
	got.bytes += n;
	got.first = n ? p[0] : 0;
	got.peer = *peer;
	got.local = *local;
	for (size_t i = 1; i < n; i++)
		if (p[i] != (uint8_t)(p[0] + i))
			fail_msg("byte %zu of %zu is wrong", i, n);
	if (got.answer)
		udp_send(udp, peer, local, p, n);
	if (got.close)
		udp_close(udp);
}

static void refused(struct udp *udp, int error)
{
	assert_int_equal(error, ECONNREFUSED);
	got.refused++;
}

static void turn_until(const int *count, int n)
{
	for (int i = 0; *count < n; i++) {
		assert_true(i < 1000);
		loop_turn(loop);
	}
}

/* Turns as long as something happens, by sending one more to a socket of our own. */
static void settle(void)
{
	struct udp self;
	assert_int_equal(udp_open(&self, loop, arena, "127.0.0.1", 0, received, &err), 0);
	struct address to;
	assert_true(address_parse(str_from("127.0.0.1:0"), &to));
	to.port = self.port;
	int n = got.n;
	udp_send(&self, &to, NULL, "", 0);
	turn_until(&got.n, n + 1);
	got.n--;
	udp_close(&self);
}

static const uint8_t *pattern(uint8_t first)
{
	static uint8_t bytes[70000];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(first + i);
	return bytes;
}

static struct address address(const char *text, uint16_t port)
{
	struct address a;
	assert_true(address_parse_ip(str_from(text), &a));
	a.port = port;
	return a;
}

/* A blocking client that hears only whom it asked. */
static int client(const char *text, uint16_t port)
{
	struct address to = address(text, port);
	struct sockaddr_storage sa;
	socklen_t len = address_to_sockaddr(&to, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	struct timeval tv = {.tv_sec = 2};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

/* The client is connected, so an answer from another address never reaches it. */
static void answers_from_the_address_asked(void **state)
{
	static const struct {
		const char *bind, *ask;
	} rows[] = {
		{"", "127.0.0.1"},
		{"", "127.0.0.2"}, /* IPv4 over the IPv6 socket */
		{"", "::1"},
		{"0.0.0.0", "127.0.0.2"},
		{"::", "127.0.0.3"},
		{"127.0.0.4", "127.0.0.4"},
		{"::1", "::1"},
	};
	static const size_t sizes[] = {0, 1, 1400, FRAME_DATAGRAM_MAX};
	for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
		struct udp udp;
		assert_int_equal(udp_open(&udp, loop, arena, rows[row].bind, 0, received, &err), 0);
		assert_true(udp.port != 0);
		int fd = client(rows[row].ask, udp.port);
		got.answer = true;
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			int n = got.n;
			assert_int_equal(send(fd, pattern((uint8_t)i), sizes[i], 0), sizes[i]);
			turn_until(&got.n, n + 1);
			assert_int_equal(got.size, sizes[i]);
			struct address asked = address(rows[row].ask, udp.port);
			assert_memory_equal(&got.local, &asked, sizeof asked);
			struct sockaddr_storage sa;
			socklen_t len = sizeof sa;
			getsockname(fd, (struct sockaddr *)&sa, &len);
			struct address self = address_from_sockaddr((struct sockaddr *)&sa);
			assert_memory_equal(&got.peer, &self, sizeof self);
			static uint8_t back[70000];
			if (recv(fd, back, sizeof back, 0) != (ssize_t)sizes[i])
				fail_msg("row %zu: no answer of %zu bytes", row, sizes[i]);
			assert_memory_equal(back, pattern((uint8_t)i), sizes[i]);
		}
		assert_int_equal(udp.dropped, 0);
		close(fd);
		udp_close(&udp);
		got.answer = false;
	}
}

static void batches_are_bounded(void **state)
{
	struct udp udp;
	assert_int_equal(udp_open(&udp, loop, arena, "127.0.0.1", 0, received, &err), 0);
	int fd = client("127.0.0.1", udp.port);
	for (int i = 0; i < 100; i++)
		assert_int_equal(send(fd, pattern(0), 10 + (size_t)i, 0), 10 + i);
	loop_turn(loop);
	assert_int_equal(got.n, 64);
	turn_until(&got.n, 100);
	assert_int_equal(got.size, 109);
	/* Nothing is read from a socket that the owner closed in between. */
	for (int i = 0; i < 10; i++)
		send(fd, "", 0, 0);
	got.close = true;
	loop_turn(loop);
	assert_int_equal(got.n, 101);
	udp_send(&udp, &got.peer, NULL, "", 0);
	close(fd);
}

/* IPv6 carries 65,527 bytes, a frame 65,507: cut ones are not passed for whole ones. */
static void too_long_is_dropped(void **state)
{
	struct udp udp;
	assert_int_equal(udp_open(&udp, loop, arena, "::1", 0, received, &err), 0);
	int fd = client("::1", udp.port);
	assert_int_equal(send(fd, pattern(0), 65508, 0), 65508);
	assert_int_equal(send(fd, pattern(7), 65507, 0), 65507);
	turn_until(&got.n, 1);
	assert_int_equal(got.first, 7);
	assert_int_equal(udp.dropped, 1);
	udp_send(&udp, &got.peer, &got.local, pattern(0), 65528); /* the other way: EMSGSIZE */
	assert_int_equal(udp.dropped, 2);
	close(fd);
	udp_close(&udp);
}

/* Who came to one port of many is told from others, answered from there, and holds nobody up. */
static void a_range(void **state)
{
	enum { N = 300 };
	struct port_range range;
	struct udp udp;
	uint16_t first;
	do {
		assert_int_equal(udp_open(&udp, loop, arena, "127.0.0.1", 0, received, &err), 0);
		first = udp.port;
		udp_close(&udp);
	} while (first + N > UINT16_MAX ||
		 port_range_open(&range, SOCK_DGRAM, "127.0.0.1", first, N, &err) < 0);
	assert_int_equal(udp_receive(&udp, loop, arena, &range, received), 0);
	got.answer = true;
	int fds[N];
	for (int i = 0; i < N; i++) {
		fds[i] = client("127.0.0.1", (uint16_t)(first + i));
		assert_int_equal(send(fds[i], pattern((uint8_t)i), 5, 0), 5);
	}
	turn_until(&got.n, N);
	for (int i = 0; i < N; i++) {
		uint8_t answer[16];
		/* A connected socket hears nobody but the port that it asked. */
		assert_int_equal(recv(fds[i], answer, sizeof answer, MSG_DONTWAIT), 5);
		assert_int_equal(answer[0], (uint8_t)i);
		close(fds[i]);
	}
	assert_in_range(got.local.port, first, first + N - 1);
	assert_int_equal(udp.dropped, 0);

	/* Given up, the ports are free, while what is watched stays. */
	port_range_give_up(&range);
	struct udp other;
	assert_int_equal(udp_open(&other, loop, arena, "127.0.0.1", (uint16_t)(first + 9), received,
				 &err),
		0);
	udp_close(&other);
	settle();
	udp_detach(&udp);
	port_range_close(&range);
}

/* A visitor that went away is no reason for the public socket to stop. */
static void a_lost_visitor_is_nothing(void **state)
{
	struct udp udp;
	assert_int_equal(udp_open(&udp, loop, arena, "", 0, received, &err), 0);
	for (int i = 0; i < 3; i++) {
		int fd = client("127.0.0.1", udp.port);
		assert_int_equal(send(fd, pattern(1), 5, 0), 5);
		turn_until(&got.n, i + 1);
		close(fd);
		udp_send(&udp, &got.peer, &got.local, pattern(1), 5);
		udp_send(&udp, &got.peer, &got.local, pattern(1), 5);
	}
	assert_int_equal(udp.dropped, 0);
	udp_close(&udp);
}

/* An answer from an address that this machine has no more leaves from another one. */
static void a_source_that_is_gone(void **state)
{
	struct udp udp, to;
	assert_int_equal(udp_open(&udp, loop, arena, "0.0.0.0", 0, received, &err), 0);
	assert_int_equal(udp_open(&to, loop, arena, "127.0.0.1", 0, received, &err), 0);
	struct address peer = address("127.0.0.1", to.port);
	struct address gone = address("203.0.113.1", udp.port);
	udp_send(&udp, &peer, &gone, pattern(5), 9);
	turn_until(&got.n, 1);
	assert_int_equal(got.size, 9);
	assert_int_equal(udp.dropped, 0);
	/* Too long is too long from any address. */
	udp_send(&udp, &peer, &gone, pattern(5), 65508);
	settle();
	assert_int_equal(got.n, 1);
	assert_int_equal(udp.dropped, 1);
	udp_close(&to);
	udp_close(&udp);
}

static void upstream(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "::1"};
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		memset(&got, 0, sizeof got);
		struct udp echo, udp;
		assert_int_equal(udp_open(&echo, loop, arena, hosts[i], 0, received, &err), 0);
		struct address to = address(hosts[i], echo.port);
		assert_int_equal(udp_connect(&udp, loop, arena, &to, received, refused), 0);
		udp_send(&udp, NULL, NULL, pattern(3), 1000);
		turn_until(&got.n, 1);
		assert_int_equal(got.peer.port, udp.port);
		struct address peer = got.peer, local = got.local;
		udp_send(&echo, &peer, &local, pattern(9), FRAME_DATAGRAM_MAX);
		turn_until(&got.n, 2);
		assert_int_equal(got.size, FRAME_DATAGRAM_MAX);
		assert_int_equal(got.first, 9);
		assert_memory_equal(&got.peer, &to, sizeof to);
		assert_int_equal(got.local.family, ADDRESS_NONE);

		/* Strangers are not heard. */
		int fd = client(hosts[i], udp.port);
		assert_int_equal(send(fd, "x", 1, 0), 1);
		settle();
		assert_int_equal(got.n, 2);
		close(fd);
		udp_close(&echo);
		udp_close(&udp);
	}
}

/* Told once, however often; whoever listens later is served. */
static void refusals(void **state)
{
	struct udp gone, udp;
	assert_int_equal(udp_open(&gone, loop, arena, "127.0.0.1", 0, received, &err), 0);
	struct address to = address("127.0.0.1", gone.port);
	udp_close(&gone);
	assert_int_equal(udp_connect(&udp, loop, arena, &to, received, refused), 0);
	udp_send(&udp, NULL, NULL, pattern(0), 10);
	turn_until(&got.refused, 1); /* by the event */
	for (int i = 0; i < 5; i++)
		udp_send(&udp, NULL, NULL, pattern(0), 10);
	settle();
	assert_int_equal(got.refused, 1);
	assert_int_equal(udp.dropped,
		0); /* each of them went, although the one before was refused */

	assert_int_equal(udp_open(&gone, loop, arena, "127.0.0.1", to.port, received, &err), 0);
	udp_send(&udp, NULL, NULL, pattern(0), 77);
	turn_until(&got.n, 1);
	assert_int_equal(got.size, 77);
	udp_close(&gone);
	udp_close(&udp);

	/* The same, found by the next datagram. */
	assert_int_equal(udp_connect(&udp, loop, arena, &to, received, refused), 0);
	udp_send(&udp, NULL, NULL, pattern(0), 10);
	udp_send(&udp, NULL, NULL, pattern(0), 10);
	assert_int_equal(got.refused, 2);
	udp_close(&udp);
	udp_close(&udp);
}

/* Sends that many small ones to a socket that nobody reads meanwhile, then reads all, and one more. */
static void flood(struct udp *udp, int fd, int n)
{
	int before = got.n;
	for (int i = 0; i < n; i++)
		assert_int_equal(send(fd, pattern(0), 100, 0), 100);
	settle();
	assert_int_equal(send(fd, pattern(0), 100, 0), 100); /* which brings the count */
	settle();
	assert_true(got.n > before + 1 && got.n < before + n);
	assert_int_equal(got.n - before + (int)udp->overrun, n + 1);
}

static void shrink(int fd)
{
	int bytes = 16384;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
}

static void overruns_are_counted(void **state)
{
	struct udp udp;
	if (EMULATED)
		skip();
	assert_int_equal(udp_open(&udp, loop, arena, "127.0.0.1", 0, received, &err), 0);
	shrink(udp.fd);
	int fd = client("127.0.0.1", udp.port);
	for (int i = 0; i < 2; i++) {
		udp.overrun = 0;
		flood(&udp, fd, 300);
	}
	close(fd);
	udp_close(&udp);
}

/* The kernel's count goes on where the range moves to another thread. */
static void overruns_of_a_range_are_counted_once(void **state)
{
	struct port_range range;
	struct udp udp;
	if (EMULATED)
		skip();
	assert_int_equal(port_range_open(&range, SOCK_DGRAM, "127.0.0.1", 0, 1, &err), 0);
	shrink(range.fds[0]);
	int fd = client("127.0.0.1", range.first);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(udp_receive(&udp, loop, arena, &range, received), 0);
		flood(&udp, fd, 300);
		udp_detach(&udp);
	}
	close(fd);
	port_range_close(&range);
}

static void a_socket_holds_a_burst(void **state)
{
	struct udp udp;
	int held, allowed = 0;
	socklen_t len = sizeof held;
	FILE *f = fopen("/proc/sys/net/core/rmem_max", "r");
	assert_true(f && fscanf(f, "%d", &allowed) == 1);
	fclose(f);
	assert_int_equal(udp_open(&udp, loop, arena, "127.0.0.1", 0, received, &err), 0);
	assert_int_equal(getsockopt(udp.fd, SOL_SOCKET, SO_RCVBUF, &held, &len), 0);
	assert_true(held >= 2 * MIN(allowed, (int)SOCKET_DATAGRAMS_MAX));
	socket_hold_datagrams(udp.fd, 1000);
	int after;
	assert_int_equal(getsockopt(udp.fd, SOL_SOCKET, SO_RCVBUF, &after, &len), 0);
	assert_int_equal(after, held); /* never less */
	udp_close(&udp);
}

static void sentences(void **state)
{
	struct udp udp, second;
	assert_int_equal(udp_open(&udp, loop, arena, "", 0, received, &err), 0);
	char expected[200];
	snprintf(expected, sizeof expected,
		"UDP port %u: address already in use by another program; stop that or choose "
		"another port",
		udp.port);
	assert_int_equal(udp_open(&second, loop, arena, "", udp.port, received, &err), -EADDRINUSE);
	assert_string_equal(err.text, expected);
	assert_int_equal(udp_open(&second, loop, arena, "127.0.0.1", udp.port, received, &err),
		-EADDRINUSE);
	assert_int_equal(udp_open(&second, loop, arena, "203.0.113.1", 9, received, &err),
		-EADDRNOTAVAIL);
	assert_string_equal(err.text, "UDP port 9: 203.0.113.1 is not an address of this machine");
	assert_int_equal(udp_open(&second, loop, arena, "host", 9, received, &err), -EINVAL);
	udp_close(&second);
	udp_close(&udp);
	struct udp zero = {0};
	udp_close(&zero);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_from_the_address_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(batches_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(too_long_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(a_range, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_visitor_is_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_source_that_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(upstream, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(overruns_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(overruns_of_a_range_are_counted_once, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_socket_holds_a_burst, setup, teardown),
		cmocka_unit_test_setup_teardown(sentences, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
