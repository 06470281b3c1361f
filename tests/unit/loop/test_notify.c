/* SPDX-License-Identifier: MIT */
/* What systemd is sent, at a socket as systemd's, and when the status line is. */
#include "tests/unit/net/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/macros.h"
#include "loop/loop.h"
#include "loop/notify.h"
#include "loop/status.h"

static int manager = -1;
static char path[64];

/* A socket like the manager's, at a path or, with '@', under an abstract name; $NOTIFY_SOCKET names it. */
static void listen_at(char first)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	snprintf(path, sizeof path, "%ctmp/tunnel-notify-%d", first, (int)getpid());
	size_t n = strlen(path);
	memcpy(un.sun_path, path, n + 1);
	if (first == '@')
		un.sun_path[0] = 0;
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_return_code(manager, errno);
	assert_return_code(bind(manager, (struct sockaddr *)&un,
				   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n +
					       (first == '/'))),
		errno);
	setenv("NOTIFY_SOCKET", path, 1);
}

static int teardown(void **state)
{
	if (manager >= 0)
		close(manager);
	manager = -1;
	unlink(path);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

/* The next message; "" when there is none. */
static const char *received(void)
{
	static char text[4096];
	ssize_t n = recv(manager, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = 0;
	return text;
}

static void messages_arrive_at_both_kinds_of_sockets(void **state)
{
	for (int i = 0; i < 2; i++) {
		listen_at("/@"[i]);
		assert_int_equal(notify_send("READY=%d\nSTATUS=%s", 1, "up"), 1);
		assert_string_equal(received(), "READY=1\nSTATUS=up");
		assert_string_equal(received(), "");
		teardown(state);
	}
}

static void long_messages_are_cut(void **state)
{
	char text[3000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = 0;
	listen_at('@');
	for (size_t n = 1022; n <= 1025; n++) {
		assert_int_equal(notify_send("%.*s", (int)n, text), 1);
		assert_int_equal(strlen(received()), MIN(n, 1023));
	}
}

static void nothing_listens(void **state)
{
	char long_path[200];
	memset(long_path, 'a', sizeof long_path - 1);
	long_path[0] = '/';
	long_path[sizeof long_path - 1] = 0;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_send("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(notify_send("READY=1"), 0);
	static const char *const bad[] = {"relative", "vsock:1:2", "?x"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		setenv("NOTIFY_SOCKET", bad[i], 1);
		assert_int_equal(notify_send("READY=1"), -EINVAL);
	}
	for (size_t n = 107; n <= 109; n++) {
		long_path[n] = 0;
		setenv("NOTIFY_SOCKET", long_path, 1);
		assert_int_equal(notify_send("READY=1"), n < 108 ? -ENOENT : -EINVAL);
		long_path[n] = 'a';
	}
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	assert_int_equal(notify_send("READY=1"), -ENOENT);
}

static void the_watchdog_is_of_this_process(void **state)
{
	char own[32], parent[32];
	snprintf(own, sizeof own, "%d", (int)getpid());
	snprintf(parent, sizeof parent, "%d", (int)getppid());
	const struct {
		const char *usec, *pid;
		uint64_t want;
	} rows[] = {
		{NULL, NULL, 0},
		{"3000000", NULL, 1500000},
		{"3000000", own, 1500000},
		{"3000000", parent, 0},
		{"3000000", "", 0},
		{"9", NULL, 4},
		{"09", NULL, 4},
		{"/3", NULL, 0},
		{":3", NULL, 0},
		{"-3", NULL, 0},
		{"3s", NULL, 0},
		{"", NULL, 0},
		{"99999999999999999999999", NULL, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsetenv("WATCHDOG_USEC");
		unsetenv("WATCHDOG_PID");
		if (rows[i].usec)
			setenv("WATCHDOG_USEC", rows[i].usec, 1);
		if (rows[i].pid)
			setenv("WATCHDOG_PID", rows[i].pid, 1);
		assert_int_equal(notify_watchdog_interval(), rows[i].want);
	}
}

/* ---- The status line ---- */

static const char *line;
static int n_described;

static void describe(struct status *s, char text_out[STATUS_SIZE])
{
	n_described++;
	snprintf(text_out, STATUS_SIZE, "%s", line);
}

/* One line however often it changed, none that was said already, and no second one within a second. */
static void a_status_is_said_when_it_changed(void **state)
{
	struct status s;
	listen_at('@');
	struct loop *loop = loop_new();
	n_described = 0;
	status_init(&s, loop, describe);
	line = "1 client\nREADY=1";
	status_changed(&s);
	status_changed(&s);
	assert_string_equal(received(), ""); /* not from within */
	loop_turn(loop);
	assert_string_equal(received(), "STATUS=1 client\\x0aREADY=1");
	assert_int_equal(n_described, 1);
	uint64_t said = clock_now();
	line = "2 clients";
	status_changed(&s);
	while (n_described < 2)
		loop_turn(loop);
	assert_true(clock_now() - said >= STATUS_EVERY - 50 * CLOCK_MS);
	assert_string_equal(received(), "STATUS=2 clients");
	status_changed(&s);
	while (n_described < 3)
		loop_turn(loop);
	assert_string_equal(received(), "");
	status_deinit(&s);
	status_changed(&s);
	assert_false(s.due);
	loop_free(loop);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		TEST(messages_arrive_at_both_kinds_of_sockets),
		TEST(long_messages_are_cut),
		TEST(nothing_listens),
		TEST(the_watchdog_is_of_this_process),
		TEST(a_status_is_said_when_it_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
