/* SPDX-License-Identifier: MIT */
/* The panel over TCP, by a plain socket: who gets an answer, and which; and strangers who hold places. */
#include "owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"

#define HOST   "Host: 127.0.0.1\r\n"
#define BEARER "Authorization: Bearer " TOKEN "\r\n"
#define WRONG  "Authorization: Bearer 0123456789\r\n"
#define CHANGE "Content-Type: application/json\r\nX-Tunnel-Panel: 1\r\n"
#define BODY   "Content-Length: 2\r\n\r\n{}"

static void test_requests(void **state)
{
	static const struct {
		const char *request;
		int status;
		const char *part;
	} rows[] = {
		/* With the token */
		{"GET /a HTTP/1.1\r\n" HOST BEARER "\r\n", 200, "GET /a match= body=0: who=token"},
		{"POST /a HTTP/1.1\r\n" HOST BEARER CHANGE BODY, 200, "body=2:{} who=token"},
		{"GET /a HTTP/1.1\r\nHost: localhost:1\r\n" BEARER "\r\n", 200, "GET /a"},
		{"GET /a HTTP/1.1\r\nHost: panel.example.org\r\n" BEARER "\r\n", 200, "GET /a"},
		/* Without it */
		{"GET /a HTTP/1.1\r\n" HOST "\r\n", 401, "WWW-Authenticate: Bearer"},
		{"HEAD /a HTTP/1.1\r\n" HOST "\r\n", 401, "Content-Length"},
		{"OPTIONS /a HTTP/1.1\r\n" HOST "\r\n", 401, NULL},
		{"GET /a HTTP/1.1\r\n" HOST WRONG "\r\n", 401, "not the panel's token"},
		{"GET /a HTTP/1.1\r\n" HOST "Authorization: Basic eDp5\r\n\r\n", 401, NULL},
		{"GET /a HTTP/1.1\r\n" HOST "Cookie: a=b; tunnel_panel_1=c\r\n\r\n", 401, NULL},
		{"GET /index.html/../a HTTP/1.1\r\n" HOST "\r\n", 401, NULL},
		{"GET /healthz/../a HTTP/1.1\r\n" HOST "\r\n", 401, NULL},
		{"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" HOST "\r\n", 401, NULL},
		{"POST /healthz HTTP/1.1\r\n" HOST CHANGE BODY, 401, NULL},
		{"POST /index.html HTTP/1.1\r\n" HOST CHANGE BODY, 401, NULL},
		/* What takes no token */
		{"GET /healthz HTTP/1.1\r\n" HOST "\r\n", 200,
			"GET /healthz match= body=0: who=open"},
		{"GET /healthz?x=y HTTP/1.1\r\n" HOST WRONG "\r\n", 200, "who=open"},
		{"GET / HTTP/1.1\r\n" HOST "\r\n", 200, "<!doctype html>"},
		{"GET / HTTP/1.1\r\n" HOST "\r\n", 200,
			"Content-Security-Policy: default-src 'self'"},
		{"GET / HTTP/1.1\r\n" HOST "\r\n", 200, "X-Content-Type-Options: nosniff"},
		{"GET / HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n", 200,
			"Content-Encoding: gzip"},
		{"GET / HTTP/1.1\r\n" HOST "If-None-Match: *\r\n\r\n", 304, "ETag: W/\""},
		/* Other names, other pages */
		{"GET /a HTTP/1.1\r\nHost: evil.example\r\n" BEARER "\r\n", 421, "--panel-host"},
		{"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, NULL},
		{"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, NULL},
		{"GET /a HTTP/1.1\r\n" BEARER "\r\n", 421, NULL},
		{"GET /a HTTP/1.1\r\n" HOST "Host: evil.example\r\n" BEARER "\r\n", 421, NULL},
		{"GET /a HTTP/1.1\r\n" HOST BEARER "Origin: http://evil.example\r\n\r\n", 403,
			"Origin"},
		{"GET /a HTTP/1.1\r\n" HOST BEARER "Origin: null\r\n\r\n", 403, "Origin"},
		{"GET /a HTTP/1.1\r\n" HOST BEARER "Origin: http://127.0.0.1\r\n\r\n", 200,
			"GET /a"},
		/* What forms and pages can send unasked */
		{"POST /a HTTP/1.1\r\n" HOST BEARER "Content-Type: text/plain\r\n"
		 "X-Tunnel-Panel: 1\r\n" BODY,
			415, NULL},
		{"POST /a HTTP/1.1\r\n" HOST BEARER
		 "Content-Type: application/x-www-form-urlencoded\r\n" BODY,
			415, NULL},
		{"POST /a HTTP/1.1\r\n" HOST BEARER BODY, 415, NULL},
		{"POST /a HTTP/1.1\r\n" HOST BEARER "Content-Type: application/json\r\n" BODY, 403,
			"X-Tunnel-Panel"},
		{"DELETE /a HTTP/1.1\r\n" HOST BEARER "\r\n", 415, NULL},
		{"DELETE /a HTTP/1.1\r\n" HOST BEARER CHANGE "\r\n", 200, "DELETE /a"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd = dial_tcp();
		struct response r;
		put(fd, rows[i].request);
		bool head = strncmp(rows[i].request, "HEAD", 4) == 0;
		if (head || rows[i].status == 304)
			get_head(fd, &r);
		else
			get(fd, &r);
		if (r.status != rows[i].status ||
			(rows[i].part && !strstr(r.head, rows[i].part) &&
				(!r.body || !strstr(r.body, rows[i].part))))
			fail_msg("row %zu: %s wanted %d, got %s", i, rows[i].request,
				rows[i].status, r.head);
		free(r.body);
		close(fd);
	}
}

/* Over the Unix socket nothing of that is asked for. */
static void test_socket_beside(void **state)
{
	int fd = dial();
	put(fd, "POST /a HTTP/1.1\r\n" BODY);
	expect(fd, 200, "who=socket");
	close(fd);
}

/* ---- The login ---- */

static void login(int fd, const char *token)
{
	char text[512];
	snprintf(text, sizeof(text),
		"POST /api/v1/login HTTP/1.1\r\n" HOST CHANGE "Content-Length: %zu\r\n\r\n"
		"{\"token\": \"%s\"}",
		strlen(token) + 13, token);
	put(fd, text);
}

static void test_login(void **state)
{
	char request[512], cookie[128];
	struct response r;
	int fd = dial_tcp();
	login(fd, TOKEN);
	get_head(fd, &r);
	assert_int_equal(r.status, 204);
	const char *set = strstr(r.head, "Set-Cookie: tunnel_panel_");
	assert_non_null(set);
	assert_non_null(strstr(set, "; HttpOnly; SameSite=Strict"));
	assert_int_equal(sscanf(set, "Set-Cookie: %127[^;]", cookie), 1);
	/* On this connection and on another one. */
	snprintf(request, sizeof(request), "GET /a HTTP/1.1\r\n" HOST "Cookie: x=y; %s\r\n\r\n",
		cookie);
	put(fd, request);
	expect(fd, 200, "who=token");
	close(fd);
	fd = dial_tcp();
	put(fd, request);
	expect(fd, 200, "who=token");
	/* Who goes is asked for the token again. */
	char leave[512];
	snprintf(leave, sizeof(leave),
		"DELETE /api/v1/login HTTP/1.1\r\n" HOST CHANGE "Cookie: %s\r\n\r\n", cookie);
	put(fd, leave);
	get_head(fd, &r);
	assert_int_equal(r.status, 204);
	assert_non_null(strstr(r.head, "Max-Age=0"));
	put(fd, request);
	expect(fd, 401, NULL);
	close(fd);
}

static void test_bad_logins(void **state)
{
	static const char *const bodies[] = {"", "{", "[]", "{\"token\":1}", "{\"Token\":\"x\"}",
		"\"" TOKEN "\"", "{\"token\":\"" TOKEN "\",\"token\":\"x\"}"};
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		char request[512];
		int fd = dial_tcp();
		snprintf(request, sizeof(request),
			"POST /api/v1/login HTTP/1.1\r\n" HOST CHANGE
			"Content-Length: %zu\r\n\r\n%s",
			strlen(bodies[i]), bodies[i]);
		put(fd, request);
		expect(fd, 400, "the body must be");
		close(fd);
	}
}

/* The eleventh is not looked at; who has a cookie goes on. */
static void test_failures(void **state)
{
	char request[512], cookie[128];
	struct response r;
	int known = dial_tcp();
	login(known, TOKEN);
	get_head(known, &r);
	assert_int_equal(sscanf(strstr(r.head, "Set-Cookie: "), "Set-Cookie: %127[^;]", cookie), 1);
	for (int i = 0; i < 12; i++) {
		int fd = dial_tcp();
		if (i % 2)
			login(fd, "wrong");
		else
			put(fd, "GET /a HTTP/1.1\r\n" HOST WRONG "\r\n");
		expect(fd, i < 10 ? 401 : 429, i < 10 ? NULL : "Retry-After: ");
		close(fd);
	}
	/* A token that nobody guesses is let in: behind a proxy the stranger's address is everybody's. */
	int fd = dial_tcp();
	login(fd, TOKEN);
	expect(fd, 204, NULL);
	close(fd);
	snprintf(request, sizeof(request), "GET /a HTTP/1.1\r\n" HOST "Cookie: %s\r\n\r\n", cookie);
	put(known, request);
	expect(known, 200, "who=token");
	close(known);
}

/* ---- Those who hold places ---- */

/* Many who say nothing keep nobody out, whoever has shown the token least. */
static void test_silent(void **state)
{
	int silent[80];
	int known = dial_tcp();
	put(known, "GET /a HTTP/1.1\r\n" HOST BEARER "\r\n");
	expect(known, 200, "who=token");
	for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
		silent[i] = dial_tcp();
		if (i % 2)
			put(silent[i], "GET /half HTTP/1.1\r\nX: ");
	}
	uint64_t before = clock_now();
	int fd = dial_tcp();
	put(fd, "GET /b HTTP/1.1\r\n" HOST BEARER "\r\n");
	expect(fd, 200, "GET /b");
	put(known, "GET /c HTTP/1.1\r\n" HOST BEARER "\r\n");
	expect(known, 200, "GET /c");
	assert_true(clock_now() - before < CLOCK_S);
	/* From one address not even so many are kept. */
	for (size_t i = 0; i < ARRAY_LEN(silent) - PANEL_STRANGERS_PER_ADDRESS; i++)
		assert_true(ended(silent[i]));
	for (size_t i = 0; i < ARRAY_LEN(silent); i++)
		close(silent[i]);
	close(fd);
	close(known);
}

/* What strangers may ask for leaves places for others. */
static void test_many_open(void **state)
{
	int fds[PANEL_REQUESTS_OPEN_MAX];
	hold(true);
	for (int i = 0; i < PANEL_REQUESTS_OPEN_MAX; i++) {
		fds[i] = dial_tcp();
		put(fds[i], "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
	}
	wait_asked(PANEL_REQUESTS_OPEN_MAX);
	int fd = dial_tcp();
	put(fd, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
	expect(fd, 503, "Retry-After: 1");
	put(fd, "GET /a HTTP/1.1\r\n" HOST BEARER "\r\n");
	wait_asked(PANEL_REQUESTS_OPEN_MAX + 1);
	for (int i = 0; i <= PANEL_REQUESTS_OPEN_MAX; i++)
		answer(asked(), "now");
	expect(fd, 200, "now");
	for (int i = 0; i < PANEL_REQUESTS_OPEN_MAX; i++) {
		expect(fds[i], 200, "now");
		close(fds[i]);
	}
	close(fd);
}

/* One that sends several requests at once does not have another's body refused. */
static void test_behind_others(void **state)
{
	int fd = dial_tcp(), piped = dial_tcp();
	put(fd, "GET /a HTTP/1.1\r\n" HOST BEARER "\r\n");
	expect(fd, 200, "GET /a");
	/* Its first answer is more than its socket takes: what is behind it waits in a queue. */
	put(piped,
		"GET /big HTTP/1.1\r\n" HOST BEARER "\r\nGET /c HTTP/1.1\r\n" HOST BEARER "\r\n");
	struct response r;
	get_head(piped, &r);
	put(fd, "POST /b HTTP/1.1\r\n" HOST BEARER CHANGE BODY);
	expect(fd, 200, "POST /b");
	close(fd);
	close(piped);
}

#define TCP_TEST(name) cmocka_unit_test_setup_teardown(name, owner_setup_tcp, owner_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(test_requests),
		TCP_TEST(test_socket_beside),
		TCP_TEST(test_login),
		TCP_TEST(test_bad_logins),
		TCP_TEST(test_failures),
		TCP_TEST(test_silent),
		TCP_TEST(test_many_open),
		TCP_TEST(test_behind_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
