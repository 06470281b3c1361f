/* SPDX-License-Identifier: MIT */
/* Listening sockets, and what systemd is told. */
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/macros.h"
#include "net/listener.h"
#include "loop/notify.h"
#include "net/socket.h"

static struct loop *loop;
static struct error err;
static int accepted_fds[200];
static int accepted_n, exhausted_n;
static struct address last_peer;

static int setup(void **state)
{
	accepted_n = exhausted_n = 0;
	loop = loop_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	for (int i = 0; i < accepted_n; i++)
		close(accepted_fds[i]);
	loop = loop_free(loop);
	return 0;
}

static void accepted(struct listener *listener, int fd, const struct address *peer)
{
	assert_true(accepted_n < (int)ARRAY_LEN(accepted_fds));
	accepted_fds[accepted_n++] = fd;
	last_peer = *peer;
}

static void exhausted(struct listener *listener, int error)
{
	assert_int_equal(error, EMFILE);
	exhausted_n++;
}

static void turn_until_accepted(int n)
{
	while (accepted_n < n)
		loop_turn(loop);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof value;
	getsockopt(fd, level, name, &value, &len);
	return value;
}

static void port_zero_everywhere(void **state)
{
	struct listener listener;
	assert_int_equal(listener_open(&listener, loop, "", 0, accepted, exhausted, &err), 0);
	assert_true(listener.port != 0);
	int fd = test_connect(1, listener.port, 0);
	turn_until_accepted(1);
	struct address local;
	assert_int_equal(socket_local(fd, &local), 0);
	assert_true(address_same_ip(&local, &last_peer)); /* IPv4, not mapped into IPv6 */
	assert_int_equal(last_peer.family, ADDRESS_V4);
	assert_int_equal(local.port, last_peer.port);
	assert_true(fcntl(accepted_fds[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(accepted_fds[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(option(accepted_fds[0], IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option(accepted_fds[0], IPPROTO_TCP, TCP_NOTSENT_LOWAT),
		SOCKET_UNSENT_MAX);

	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
		.sin6_port = htons(listener.port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd6 >= 0 && connect(fd6, (struct sockaddr *)&in6, sizeof in6) == 0) {
		turn_until_accepted(2);
		assert_int_equal(last_peer.family, ADDRESS_V6);
		assert_true(address_is_loopback(&last_peer));
	}
	close(fd6);
	close(fd);
	listener_close(&listener);
	listener_close(&listener);
}

static void many_at_once_are_all_accepted(void **state)
{
	enum { MANY = 150 };
	struct listener listener;
	assert_int_equal(listener_open(&listener, loop, "127.0.0.1", 0, accepted, exhausted, &err),
		0);
	int fds[MANY];
	for (int i = 0; i < MANY; i++)
		fds[i] = test_connect(1, listener.port, 0);
	loop_turn(loop);
	assert_in_range(accepted_n, 1, MANY - 1); /* work per turn is bounded */
	turn_until_accepted(MANY);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	listener_close(&listener);
}

static void close_in_callback(struct listener *listener, int fd, const struct address *peer)
{
	accepted(listener, fd, peer);
	listener_close(listener);
}

static void may_be_closed_while_accepting(void **state)
{
	struct listener listener;
	assert_int_equal(listener_open(&listener, loop, "127.0.0.1", 0, close_in_callback,
				 exhausted, &err),
		0);
	int a = test_connect(1, listener.port, 0), b = test_connect(1, listener.port, 0);
	turn_until_accepted(1);
	assert_int_equal(accepted_n, 1);
	close(a);
	close(b);
}

static uint16_t last_at;

static void accepted_at(struct listener *listener, int fd, const struct address *peer)
{
	last_at = listener->at;
	accepted(listener, fd, peer);
}

/* `n` ports in a row that are free, by trying. */
static void open_range(struct listener *listener, unsigned n)
{
	/* Below the ports that the kernel gives to connections, which a busy machine has everywhere. */
	enum { LOWEST = 10000, HIGHEST = 32000, TRIES = 1000 };
	for (int i = 0; i < TRIES; i++) {
		uint16_t first = (uint16_t)(LOWEST + clock_now() % (HIGHEST - LOWEST - n));
		if (listener_open_range(listener, loop, "127.0.0.1", first, n, accepted_at,
			    exhausted, &err) == 0)
			return;
	}
	fail_msg("no range of %u ports is free: %s", n, err.text);
}

static void each_port_of_a_range_is_told_apart(void **state)
{
	enum { N = 300 };
	struct listener range;
	open_range(&range, N);
	static const unsigned at[] = {0, 1, 150, N - 1};
	for (int i = 0; i < (int)ARRAY_LEN(at); i++) {
		int fd = test_connect(1, (uint16_t)(range.port + at[i]), 0);
		turn_until_accepted(i + 1);
		assert_int_equal(last_at, range.port + at[i]);
		close(fd);
	}
	/* Those of one port do not hold up the others. */
	accepted_n = 0;
	int fds[2][100];
	for (int i = 0; i < 100; i++)
		fds[0][i] = test_connect(1, range.port, 0);
	for (int i = 0; i < 100; i++)
		fds[1][i] = test_connect(1, (uint16_t)(range.port + 7), 0);
	loop_turn(loop);
	assert_in_range(accepted_n, 1, 100); /* work per turn is bounded */
	turn_until_accepted(200);
	for (int i = 0; i < 100; i++) {
		close(fds[0][i]);
		close(fds[1][i]);
	}
	listener_close(&range);
}

/* All or none, and the one in the way is named. */
static void a_range_with_a_port_taken_is_not_opened(void **state)
{
	struct listener range, taken;
	open_range(&range, 10);
	uint16_t first = range.port;
	listener_close(&range);
	assert_int_equal(listener_open(&taken, loop, "127.0.0.1", (uint16_t)(first + 6), accepted,
				 NULL, &err),
		0);
	assert_int_equal(listener_open_range(&range, loop, "127.0.0.1", first, 10, accepted_at,
				 NULL, &err),
		-EADDRINUSE);
	char expected[64];
	snprintf(expected, sizeof expected, "port %u: address already in use", first + 6);
	assert_non_null(strstr(err.text, expected));
	listener_close(&range);
	struct listener again;
	assert_int_equal(listener_open(&again, loop, "127.0.0.1", first, accepted, NULL, &err), 0);
	listener_close(&again);
	listener_close(&taken);
}

static void a_range_beyond_the_descriptors_says_so(void **state)
{
	struct listener range;
	struct rlimit before, tight;
	getrlimit(RLIMIT_NOFILE, &before);
	tight = (struct rlimit){.rlim_cur = 64, .rlim_max = before.rlim_max};
	setrlimit(RLIMIT_NOFILE, &tight);
	assert_int_equal(listener_open_range(&range, loop, "127.0.0.1", 20000, 3000, accepted_at,
				 NULL, &err),
		-EMFILE);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_non_null(strstr(err.text, "ports 20000-22999 take 3000 descriptors, and the process "
					 "may have 64 in all"));
}

static void failures_are_sentences(void **state)
{
	struct listener first, second;
	assert_int_equal(listener_open(&first, loop, "127.0.0.1", 0, accepted, NULL, &err), 0);
	assert_int_equal(listener_open(&second, loop, "127.0.0.1", first.port, accepted, NULL,
				 &err),
		-EADDRINUSE);
	char expected[64];
	snprintf(expected, sizeof expected, "port %u: address already in use", first.port);
	assert_non_null(strstr(err.text, expected));
	listener_close(&second);
	listener_close(&first);
	assert_int_equal(listener_open(&second, loop, "localhost", 0, accepted, NULL, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "localhost is not an IPv4 or IPv6 address"));
	assert_int_equal(listener_open(&second, loop, "192.0.2.1", 0, accepted, NULL, &err),
		-EADDRNOTAVAIL);
	assert_non_null(strstr(err.text, "192.0.2.1 is not an address of this machine"));
}

static void out_of_descriptors_turns_away_and_recovers(void **state)
{
	struct listener listener;
	assert_int_equal(listener_open(&listener, loop, "127.0.0.1", 0, accepted, exhausted, &err),
		0);
	int fds[3];
	for (int i = 0; i < 3; i++)
		fds[i] = test_connect(1, listener.port, 0);
	struct rlimit before, tight;
	getrlimit(RLIMIT_NOFILE, &before);
	int next = dup(0);
	close(next);
	tight = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
	setrlimit(RLIMIT_NOFILE, &tight);
	uint64_t began = clock_now();
	loop_turn(loop);
	assert_int_equal(accepted_n, 0);
	assert_int_equal(exhausted_n, 1);
	char byte;
	assert_int_equal(recv(fds[0], &byte, 1, 0), 0); /* told at once */
	/* Paused: it does not spin, and says nothing again when it tries anew. */
	loop_turn(loop);
	assert_true(clock_now() >= began + 20 * CLOCK_MS);
	loop_turn(loop);
	assert_int_equal(exhausted_n, 1);
	setrlimit(RLIMIT_NOFILE, &before);
	turn_until_accepted(1);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	listener_close(&listener);
}

static void at_a_path(void **state)
{
	char dir[] = "/tmp/test_listener.XXXXXX", path[64], lock[72];
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct listener listener, second;
	struct stat st;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/a.sock", dir);
	snprintf(lock, sizeof lock, "%s.lock", path);
	memcpy(un.sun_path, path, strlen(path));
	assert_int_equal(listener_open_unix(&listener, loop, path, 0620, accepted, exhausted, &err),
		0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0620);
	assert_int_equal(listener_open_unix(&second, loop, path, 0600, accepted, exhausted, &err),
		-EADDRINUSE);
	listener_close(&second);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
	turn_until_accepted(1);
	assert_int_equal(last_peer.family, ADDRESS_NONE);
	assert_true(fcntl(accepted_fds[0], F_GETFL) & O_NONBLOCK);
	listener_close(&listener);
	assert_int_equal(stat(path, &st), -1);
	listener_close(&listener);
	close(fd);
	unlink(lock);
	rmdir(dir);
}

/* ---- notify ---- */

static void notify_reaches_paths_and_abstract_names(void **state)
{
	char name[64], text[64];
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_send("READY=1"), 0);
	for (int abstract = 0; abstract < 2; abstract++) {
		struct sockaddr_un un = {.sun_family = AF_UNIX};
		snprintf(name, sizeof name, "%stunnel-test-notify-%d", abstract ? "@" : "/tmp/",
			(int)getpid());
		memcpy(un.sun_path, name, strlen(name));
		size_t len = offsetof(struct sockaddr_un, sun_path) + strlen(name) + !abstract;
		if (abstract)
			un.sun_path[0] = '\0';
		int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&un, (socklen_t)len), 0);
		setenv("NOTIFY_SOCKET", name, 1);
		assert_int_equal(notify_send("READY=1\nSTATUS=%d ports", 2), 1);
		ssize_t n = recv(fd, text, sizeof text, 0);
		assert_int_equal(n, strlen("READY=1\nSTATUS=2 ports"));
		assert_memory_equal(text, "READY=1\nSTATUS=2 ports", (size_t)n);
		close(fd);
		if (!abstract)
			unlink(name);
	}
	assert_true(notify_send("READY=1") < 0); /* nobody there any more */
	setenv("NOTIFY_SOCKET", "not/absolute", 1);
	assert_int_equal(notify_send("READY=1"), -EINVAL);
	unsetenv("NOTIFY_SOCKET");
}

static void watchdog_interval_is_half(void **state)
{
	char self[16];
	snprintf(self, sizeof self, "%d", (int)getpid());
	const struct {
		const char *usec, *pid;
		uint64_t expected;
	} cases[] = {
		{NULL, NULL, 0},
		{"30000000", NULL, 15 * CLOCK_S},
		{"30000000", self, 15 * CLOCK_S},
		{"30000000", "1", 0},
		{"", NULL, 0},
		{"-5", NULL, 0},
		{"12x", NULL, 0},
		{"99999999999999999999999", NULL, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsetenv("WATCHDOG_USEC");
		unsetenv("WATCHDOG_PID");
		if (cases[i].usec)
			setenv("WATCHDOG_USEC", cases[i].usec, 1);
		if (cases[i].pid)
			setenv("WATCHDOG_PID", cases[i].pid, 1);
		assert_int_equal(notify_watchdog_interval(), cases[i].expected);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(port_zero_everywhere),
		TEST(many_at_once_are_all_accepted),
		TEST(may_be_closed_while_accepting),
		TEST(each_port_of_a_range_is_told_apart),
		TEST(a_range_with_a_port_taken_is_not_opened),
		TEST(a_range_beyond_the_descriptors_says_so),
		TEST(failures_are_sentences),
		TEST(out_of_descriptors_turns_away_and_recovers),
		TEST(at_a_path),
		cmocka_unit_test(notify_reaches_paths_and_abstract_names),
		cmocka_unit_test(watchdog_interval_is_half),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
