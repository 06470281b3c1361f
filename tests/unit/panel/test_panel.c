/* SPDX-License-Identifier: MIT */
/* The admin socket, by a plain socket: requests that are answered at once, in every form. */
#include "owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"

static void test_requests(void **state)
{
	static const struct {
		const char *request;
		int status;
		const char *part;
	} rows[] = {
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET / match= body=0: who=socket uid="},
		{"GET /a/b?c=d&e=f HTTP/1.1\r\n\r\n", 200, "GET /a/b?c=d&e=f match"},
		/* What libwebsockets decodes stays what it was. */
		{"GET /a%20b/%C3%A9?n=x%26y%3D%25z&p=a+b HTTP/1.1\r\n\r\n", 200,
			"GET /a%20b/%C3%A9?n=x%26y%3D%25z&p=a%20b match"},
		{"GET /a?b HTTP/1.1\r\n\r\n", 200, "GET /a?b match"},
		{"GET /a? HTTP/1.1\r\n\r\n", 200, "GET /a match"},
		{"GET /a?b& HTTP/1.1\r\n\r\n", 200, "GET /a?b match"},
		{"GET /a/../b/./c HTTP/1.1\r\n\r\n", 200, "GET /b/c match"},
		{"GET /a HTTP/1.1\r\nIf-Match: \"7\"\r\n\r\n", 200, "match=\"7\" body"},
		{"DELETE /a HTTP/1.1\r\n\r\n", 200, "DELETE /a match"},
		{"DELETE /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", 200, "body=2:hi"},
		{"OPTIONS /a HTTP/1.1\r\n\r\n", 200, "OPTIONS /a match"},
		{"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 200, "body=5:hello"},
		{"PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 200, "PUT /a match= body=5"},
		{"PATCH /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 200, "PATCH /a"},
		{"POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 200, "POST /a match= body=0:"},
		{"PUT /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 200, "PUT /a match= body=0:"},
		{"GET /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", 200, "body=2:hi"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		/* Twice: the connection goes on. */
		int fd = dial();
		for (int k = 0; k < 2; k++) {
			put(fd, rows[i].request);
			expect(fd, rows[i].status, rows[i].part);
		}
		close(fd);
	}
}

/* These are answered, and then the connection ends. */
static void test_last_requests(void **state)
{
	static const struct {
		const char *request;
		int status;
		const char *part;
	} rows[] = {
		{"GET / HTTP/1.0\r\n\r\n", 200, "Connection: close"},
		{"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 200, "Connection: close"},
		{"POST /a HTTP/1.1\r\n\r\n", 200, "body=0:"},
		{"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
			200, "body=5:abcde"},
		{"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / "
		 "HTTP/1.1\r\n\r\n",
			200, "body=0:"},
		{"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400,
			"malformed"},
		{"POST /a HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "Content-Length"},
		{"POST /a HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
			"invalid"},
		{"GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, "invalid"},
		{"POST /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "no number"},
		{"POST /a HTTP/1.1\r\nContent-Length: 5x\r\n\r\nhello", 400, "no number"},
		{"POST /a HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400,
			"no number"},
		{"POST /a HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413,
			"1 MiB"},
		{"POST /a HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413, "1 MiB"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd = dial();
		put(fd, rows[i].request);
		expect(fd, rows[i].status, rows[i].part);
		assert_true(ended(fd));
		close(fd);
	}
}

/* These end the connection, perhaps with an answer of libwebsockets' own; the panel lives. */
static void test_no_requests(void **state)
{
	static const char *const rows[] = {
		"BREW /pot HTTP/1.1\r\n\r\n",
		"GET a HTTP/1.1\r\n\r\n",
		"GET /%00 HTTP/1.1\r\n\r\n",
		"GET /%zz HTTP/1.1\r\n\r\n",
		"CONNECT a:1 HTTP/1.1\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
		"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
		"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char c;
		int fd = dial();
		put(fd, rows[i]);
		shutdown(fd, SHUT_WR);
		while (get_byte(fd, &c, PATIENCE))
			;
		assert_true(ended(fd));
		close(fd);
	}
	int fd = dial();
	put(fd, "GET / HTTP/1.1\r\n\r\n");
	expect(fd, 200, "GET /");
	close(fd);
}

static void test_head(void **state)
{
	int fd = dial();
	struct response r;
	put(fd, "HEAD /abc HTTP/1.1\r\n\r\nGET /d HTTP/1.1\r\n\r\n");
	get_head(fd, &r);
	assert_int_equal(r.status, 200);
	assert_null(strstr(r.head, "Content-Length: 0"));
	/* No content is between the two. */
	expect(fd, 200, "GET /d");
	close(fd);
}

static void test_long_head(void **state)
{
	static char path_of_it[16000], c;
	memset(path_of_it, 'a', sizeof(path_of_it) - 1);
	int fd = dial();
	put(fd, "GET /");
	put(fd, path_of_it);
	while (get_byte(fd, &c, PATIENCE))
		;
	assert_true(ended(fd));
	close(fd);
	fd = dial();
	put(fd, "GET / HTTP/1.1\r\n\r\n");
	expect(fd, 200, "GET /");
	close(fd);
}

/* Sends a text in pieces of `step` bytes, or in one. */
static void put_stepwise(int fd, const char *text, size_t step)
{
	size_t n = strlen(text);
	for (size_t at = 0; at < n;) {
		size_t k = step ? MIN(step, n - at) : n;
		if (send(fd, text + at, k, MSG_NOSIGNAL) < 0)
			return; /* what it says is for whoever reads the answers */
		at += k;
	}
}

static void test_pipelined(void **state)
{
	char text[1024] = "POST /0 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", part[32];
	for (int i = 1; i < 16; i++)
		sprintf(text + strlen(text), "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
	for (size_t step = 0; step < 8; step++) {
		int fd = dial();
		put_stepwise(fd, text, step);
		expect(fd, 200, "POST /0 match= body=3:abc");
		for (int i = 1; i < 16; i++) {
			sprintf(part, "GET /%d match", i);
			expect(fd, 200, part);
		}
		close(fd);
	}
}

/*
 * libwebsockets reads the wrong bytes as the body of a request that waited behind another. So it is asked to come
 * again, unless the one before was answered when it came: it is never taken for what it is not.
 */
static void test_pipelined_body(void **state)
{
	static const char *const behind[] = {
		"POST /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\n\r\n",
		"PUT /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
		"DELETE /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
		"POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"POST /1 HTTP/1.1\r\n\r\n",
		"POST /1 HTTP/1.1\r\nContent-Length: x\r\n\r\n",
		"POST /1 HTTP/1.1\r\nContent-Length: 3000000\r\n\r\nabc",
	};
	char text[256];
	for (size_t i = 0; i < ARRAY_LEN(behind); i++) {
		for (size_t step = 0; step < 8; step++) {
			int fd = dial();
			snprintf(text, sizeof(text), "GET /0 HTTP/1.1\r\n\r\n%s", behind[i]);
			put_stepwise(fd, text, step);
			expect(fd, 200, "GET /0");
			struct response r;
			get(fd, &r);
			if (r.status == 200)
				assert_non_null(strstr(r.body,
					i == 4 ? " /1 match= body=0:" : " /1 match= body=3:abc"));
			else
				assert_true(r.status == 503 || i >= 5);
			free(r.body);
			close(fd);
		}
	}
}

static void test_large(void **state)
{
	/* The answer: larger than the socket takes at once. */
	struct response r;
	int fd = dial();
	put(fd, "GET /big HTTP/1.1\r\n\r\n");
	get(fd, &r);
	assert_int_equal(r.n, BIG);
	for (size_t i = 0; i < BIG; i++)
		assert_true(r.body[i] == (char)('a' + i % 23));
	free(r.body);
	/* The body: as large as it may be, then a byte more in chunks. */
	char *body = malloc(PANEL_BODY_MAX + 1);
	memset(body, 'z', PANEL_BODY_MAX);
	body[PANEL_BODY_MAX] = 0;
	put(fd, "POST /a HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n");
	put(fd, body);
	expect(fd, 200, "body=1048576:zzz");
	put(fd, "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n");
	put(fd, body);
	put(fd, "\r\n1\r\nz\r\n0\r\n\r\n");
	expect(fd, 413, "1 MiB");
	assert_true(ended(fd));
	close(fd);
	free(body);
}

static void test_continue(void **state)
{
	struct response r;
	int fd = dial();
	put(fd, "POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	get_head(fd, &r);
	assert_int_equal(r.status, 100);
	put(fd, "hi");
	expect(fd, 200, "body=2:hi");
	/* What would be refused is refused before it is sent. */
	put(fd, "POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n");
	expect(fd, 413, "1 MiB");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PANEL_TEST(test_requests),
		PANEL_TEST(test_last_requests),
		PANEL_TEST(test_no_requests),
		PANEL_TEST(test_head),
		PANEL_TEST(test_long_head),
		PANEL_TEST(test_pipelined),
		PANEL_TEST(test_pipelined_body),
		PANEL_TEST(test_large),
		PANEL_TEST(test_continue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
