/* SPDX-License-Identifier: MIT */
/* What comes back down a connection to a folder: how many answers, which, and whether it is still open. */
#include "client/files/file_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/config/upstreams.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(f)   "POST /a HTTP/1.1\r\nHost: a\r\n" f "\r\n\r\n"

static char folder[] = "/tmp/tunnel-file-server-XXXXXX";

static struct scene {
	struct loop *loop;
	struct file_server server;
	struct upstreams upstreams;
	struct file_folder *folder;
	struct loop_timer tick;
	bool ticked;
} scene;

static void on_tick(struct loop_timer *timer)
{
	scene.ticked = true;
}

/* Turns until nothing but the clock makes one. */
static void settle(void)
{
	do {
		scene.ticked = false;
		loop_timer_set(&scene.tick, clock_now() + CLOCK_MS);
		loop_turn(scene.loop);
	} while (!scene.ticked);
}

static int setup(void **state)
{
	char text[sizeof folder + 16], path[sizeof folder + 16];
	struct error err;
	struct service_options o = {.upstream = text};
	struct option_ranges none = {0};
	assert_non_null(mkdtemp(folder));
	snprintf(text, sizeof text, "file://%s", folder);
	for (const char *name = "ab"; *name; name++) {
		snprintf(path, sizeof path, "%s/%c", folder, *name);
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fprintf(f, "<%c>", *name);
		fclose(f);
	}
	assert_int_equal(upstreams_add(&scene.upstreams, &o, &none, &err), 0);
	scene.folder = file_folder_new(&scene.upstreams.v[0]);
	scene.loop = loop_new();
	assert_non_null(scene.folder);
	assert_non_null(scene.loop);
	loop_timer_init(&scene.tick, scene.loop, on_tick);
	file_server_init(&scene.server, scene.loop);
	return 0;
}

static int teardown(void **state)
{
	char command[sizeof folder + 16];
	loop_timer_cancel(&scene.tick);
	file_server_deinit(&scene.server);
	loop_free(scene.loop);
	assert_int_equal(scene.folder->users, 1);
	file_folder_unref(scene.folder);
	upstreams_deinit(&scene.upstreams);
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

/* The statuses in the bytes, and the bodies that are in brackets: "200<a> 405 ". */
static void summarize(const char *text, char *to)
{
	for (const char *p = text; (p = strstr(p, "HTTP/1.1 ")); p++) {
		const char *next = strstr(p + 1, "HTTP/1.1 "), *body = strstr(p, "\r\n\r\n<");
		to += sprintf(to, "%.3s", p + strlen("HTTP/1.1 "));
		if (body && (!next || body < next))
			to += sprintf(to, "%.3s", body + 4);
		to += sprintf(to, " ");
	}
	*to = '\0';
}

/* Sends in pieces of `step` bytes, and reads all that comes. */
static void talk(const char *says, size_t step, char *got)
{
	char answers[16384];
	size_t n = 0, length = strlen(says);
	int fd = file_server_connect(&scene.server, scene.folder, 1);
	ssize_t r = -1;
	assert_true(fd >= 0);
	for (size_t at = 0; at < length; at += step) {
		send(fd, says + at, MIN(step, length - at), MSG_NOSIGNAL);
		settle();
	}
	while (n < sizeof answers - 1 && (r = recv(fd, answers + n, sizeof answers - 1 - n, 0)) > 0)
		n += (size_t)r;
	answers[n] = '\0';
	summarize(answers, got);
	strcat(got, r < 0 && errno == EAGAIN ? "open" : "closed");
	close(fd);
	settle();
	assert_true(list_empty(&scene.server.conns));
	assert_int_equal(scene.server.made, 0);
}

static void test_talk(void **state)
{
	static const struct {
		const char *says, *expected;
	} rows[] = {
		{"", "open"},
		{GET("/a"), "200<a> open"},
		{"\r\n" GET("/a"), "200<a> open"},
		{GET("/a") GET("/b") GET("/c"), "200<a> 200<b> 404 open"},
		{"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n" GET("/b"), "200 200<b> open"},
		/* what a body is, is no request */
		{POST("Content-Length: 5") "GET /" GET("/a"), "405 200<a> open"},
		{POST("Transfer-Encoding: chunked") "5\r\nGET /\r\n0\r\nx: y\r\n\r\n" GET("/a"),
			"405 200<a> open"},
		{"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" GET("/b"),
			"200<a> 200<b> open"},
		{POST("Content-Length: 5") "GET", "405 open"},
		{POST("Transfer-Encoding: chunked") "zz\r\n" GET("/a"), "405 closed"},
		{POST("Expect: 100-continue\r\nContent-Length: 2") "ab" GET("/a"),
			"405 200<a> open"},
		/* the last one */
		{"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/b"),
			"200<a> closed"},
		{"GET /a HTTP/1.0\r\n\r\n" GET("/b"), "200<a> closed"},
		{"GET /a\r\n\r\n" GET("/b"), "400 closed"},
		{"nonsense\r\n\r\n" GET("/b"), "400 closed"},
		{"GET /a HTTP/1.1\r\n\r\n", "400 closed"},
		{"GET /a HTTP/2.0\r\nHost: a\r\n\r\n", "505 closed"},
		{"GET /a HTTP/1.1\nHost: a\n\n", "400 closed"},
		{POST("Content-Length: 3\r\nTransfer-Encoding: chunked") "abc", "400 closed"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const size_t steps[] = {SIZE_MAX, 5};
		for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
			char got[512];
			talk(rows[i].says, MIN(steps[k], strlen(rows[i].says) + 1), got);
			if (strcmp(got, rows[i].expected) != 0)
				fail_msg("%s by %zu: %s", rows[i].says, steps[k], got);
		}
	}
}

static void test_head_too_large(void **state)
{
	static char says[FILE_SERVER_HEAD_MAX + 4096];
	char got[512];
	int n = sprintf(says, "GET /a HTTP/1.1\r\nHost: a\r\nX: ");
	memset(says + n, 'x', sizeof says - 1 - (size_t)n);
	talk(says, sizeof says, got);
	assert_string_equal(got, "431 closed");
}

/* Whoever leaves in the middle, and what is left when the client ends, goes. */
static void test_leaving(void **state)
{
	static const char *const rows[] = {"", "GET /a HT", GET("/a"),
		POST("Content-Length: 9") "a"};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd = file_server_connect(&scene.server, scene.folder, 1);
		assert_int_equal(send(fd, rows[i], strlen(rows[i]), 0), strlen(rows[i]));
		shutdown(fd, SHUT_WR);
		settle();
		assert_true(list_empty(&scene.server.conns));
		close(fd);
	}
	int fd = file_server_connect(&scene.server, scene.folder, 1);
	assert_int_equal(scene.folder->users, 2);
	file_server_deinit(&scene.server);
	file_server_init(&scene.server, scene.loop);
	settle();
	assert_int_equal(scene.folder->users, 1);
	close(fd);
}

static void test_no_folder(void **state)
{
	char away[sizeof folder + 8];
	snprintf(away, sizeof away, "%s.away", folder);
	int fd = file_server_connect(&scene.server, scene.folder, 1);
	char byte;
	assert_int_equal(rename(folder, away), 0);
	int refused = file_server_connect(&scene.server, scene.folder, 1);
	assert_int_equal(refused, -ENOENT);
	assert_string_equal(file_server_reason(refused), "there is no such folder");
	/* Not a byte, so that whoever asked may ask again. */
	send(fd, GET("/a"), strlen(GET("/a")), 0);
	settle();
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	assert_int_equal(rename(away, folder), 0);
	close(fd);
}

/* A connection that closes with the last of its turn's steps has none in the next one: its memory is gone. */
static void test_no_folder_at_any_step(void **state)
{
	static char says[10 * 4096];
	char away[sizeof folder + 8];
	snprintf(away, sizeof away, "%s.away", folder);
	for (size_t pieces = 1; pieces < 10; pieces++) {
		int fd = file_server_connect(&scene.server, scene.folder, 1);
		size_t n = pieces * 4096 - 64;
		int from = sprintf(says, "GET /a HTTP/1.1\r\nHost: a\r\nX: ");
		memset(says + from, 'x', n - (size_t)from);
		memcpy(says + n - 4, "\r\n\r\n", 4);
		assert_int_equal(rename(folder, away), 0);
		assert_int_equal(send(fd, says, n, MSG_NOSIGNAL), n);
		settle();
		assert_int_equal(rename(away, folder), 0);
		assert_true(list_empty(&scene.server.conns));
		assert_int_equal(scene.folder->users, 1);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),
		cmocka_unit_test(test_head_too_large),
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_no_folder),
		cmocka_unit_test(test_no_folder_at_any_step),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
