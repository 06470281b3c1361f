/* SPDX-License-Identifier: MIT */
/* One request over a real socket, to a server that writes what a test says, cut as it says. */
#include "net/fetch.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "sockets.h"

#define BODY_MAX 64 /* bytes of a body that is asked for */

struct scripted {
	const char *answer;
	size_t n, piece; /* bytes; at once */
	int listener;
	char asked[4096];
};

static void *serve(void *arg)
{
	struct scripted *s = arg;
	int fd = accept(s->listener, NULL, NULL);
	size_t n = 0;
	while (n < sizeof(s->asked) - 1 && !strstr(s->asked, "\r\n\r\n")) {
		ssize_t got = read(fd, s->asked + n, sizeof(s->asked) - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	for (size_t at = 0; at < s->n; at += s->piece)
		send(fd, s->answer + at, MIN(s->piece, s->n - at), MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	while (read(fd, s->asked + n, sizeof(s->asked) - 1 - n) > 0)
		;
	close(fd);
	return NULL;
}

static int run(struct scripted *s, struct fetch_request *rq, struct fetch_answer *out,
	struct error *err)
{
	uint16_t port = 0;
	pthread_t thread;
	struct fetch_target target = {.host = "127.0.0.1", .authority = "a.example:80"};
	s->listener = test_listen(1, &port, 1);
	snprintf(target.port, sizeof(target.port), "%u", port);
	pthread_create(&thread, NULL, serve, s);
	rq->target = &target;
	rq->deadline = clock_now() + 20 * CLOCK_S;
	int r = fetch(rq, out, err);
	pthread_join(thread, NULL);
	close(s->listener);
	return r;
}

struct row {
	const char *answer;
	int result;
	unsigned status;
	const char *body, *why;
};

#define HEAD "HTTP/1.1 200 OK\r\n"

static const struct row rows[] = {
	{HEAD "Content-Length: 5\r\n\r\nhello", 0, 200, "hello", ""},
	{HEAD "Content-Length: 5\r\n\r\nhello and more", 0, 200, "hello", ""},
	{HEAD "\r\nuntil the end", 0, 200, "until the end", ""},
	{HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", 0,
		200, "hello world", ""},
	{"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: "
	 "2\r\n\r\nno",
		0, 404, "no", ""},
	{"HTTP/1.1 204 No Content\r\n\r\n", 0, 204, "", ""},
	{HEAD "Content-Length: 5\r\n\r\nhel", -ECONNRESET, 0, NULL, "cut off"},
	{HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", -ECONNRESET, 0, NULL, "cut off"},
	{HEAD "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", -EPROTO, 0, NULL, "not clean HTTP"},
	{HEAD "Content-Length: 65\r\n\r\n", -EMSGSIZE, 0, NULL, "more than 64 bytes"},
	{HEAD "Content-Length: 99999999999999999999\r\n\r\n", -EPROTO, 0, NULL, "no HTTP server"},
	{HEAD "Transfer-Encoding: "
	      "chunked\r\n\r\nfffff\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		-EMSGSIZE, 0, NULL, "more than 64 bytes"},
	{HEAD "\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	      "aaaa",
		-EMSGSIZE, 0, NULL, "more than 64 bytes"},
	{"SSH-2.0-OpenSSH_9.2\r\n\r\n", -EPROTO, 0, NULL, "no HTTP server"},
	{"HTTP/1.1 200 OK\r\nContent-", -ECONNRESET, 0, NULL, "closed the connection"},
	{"", -ECONNRESET, 0, NULL, "closed the connection"},
};

static void test_answers(void **state)
{
	static const size_t pieces[] = {1, 7, 1000};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			struct scripted s = {.answer = rows[i].answer,
				.n = strlen(rows[i].answer),
				.piece = pieces[k]};
			struct fetch_request rq = {.method = "GET",
				.path = STR("/x?y"),

				.max = BODY_MAX};
			struct fetch_answer a;
			struct error err;
			assert_int_equal(run(&s, &rq, &a, &err), rows[i].result);
			if (rows[i].result) {
				assert_non_null(strstr(err.text, rows[i].why));
			} else {
				assert_int_equal(a.status, rows[i].status);
				assert_string_equal((char *)buf_head(&a.body), rows[i].body);
			}
			assert_ptr_equal(strstr(s.asked,
						 "GET /x?y HTTP/1.1\r\nHost: a.example:80\r\n"),
				s.asked);
			fetch_answer_deinit(&a);
		}
}

static void test_a_body_is_sent(void **state)
{
	static const char answer[] = HEAD "X-One: 1\r\nx-one: 2\r\nContent-Length: 0\r\n\r\n";
	struct scripted s = {.answer = answer, .n = sizeof(answer) - 1, .piece = 100};
	struct fetch_request rq = {.method = "POST",
		.path = STR("/"),
		.type = "text/plain",
		.body = "hello",
		.n = 5,
		.max = BODY_MAX};
	struct fetch_answer a;
	struct error err;
	assert_int_equal(run(&s, &rq, &a, &err), 0);
	assert_non_null(
		strstr(s.asked, "\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"));
	const struct str value = fetch_field(&a, "X-ONE");
	assert_true(str_eq(value, STR("1")));
	assert_int_equal(fetch_field(&a, "X-Two").n, 0);
	fetch_answer_deinit(&a);
}

/* A server that says nothing does not hold whoever asks. */
static void test_silence(void **state)
{
	uint16_t port = 0;
	struct fetch_target target = {.host = "127.0.0.1", .authority = "a.example"};
	int listener = test_listen(1, &port, 1);
	snprintf(target.port, sizeof(target.port), "%u", port);
	const struct fetch_request rq = {.target = &target,
		.method = "GET",
		.path = STR("/"),

		.max = BODY_MAX,
		.deadline = clock_now() + 100 * CLOCK_MS};
	struct fetch_answer a;
	struct error err;
	assert_int_equal(fetch(&rq, &a, &err), -ETIMEDOUT);
	fetch_answer_deinit(&a);
	close(listener);
}

static void test_urls(void **state)
{
	static const struct {
		const char *url, *host, *port, *authority, *path;
		bool tls;
	} good[] = {
		{"https://ca.example/acme/dir", "ca.example", "443", "ca.example:443", "/acme/dir",
			true},
		{"https://ca.example", "ca.example", "443", "ca.example:443", "/", true},
		{"http://127.0.0.1:4000/a/?b=c", "127.0.0.1", "4000", "127.0.0.1:4000", "/a/?b=c",
			false},
		{"https://[::1]:14000/dir/", "::1", "14000", "[::1]:14000", "/dir/", true},
	};
	static const char *const bad[] = {"", "ca.example/dir", "/dir", "tcp://ca.example:1",
		"https://u@ca.example/", "https://ca.example/#x", "https://ca.example/a b",
		"https://ca.example/\r\nX: y", "https://ca.example?x", "https://"};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct fetch_target t;
		struct str path;
		struct error err;
		assert_int_equal(fetch_url_parse(str_from(good[i].url), &t, &path, &err), 0);
		assert_string_equal(t.host, good[i].host);
		assert_string_equal(t.port, good[i].port);
		assert_string_equal(t.authority, good[i].authority);
		assert_true(str_eq(path, str_from(good[i].path)));
		assert_true(t.tls == good[i].tls);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct fetch_target t;
		struct str path;
		struct error err;
		assert_int_equal(fetch_url_parse(str_from(bad[i]), &t, &path, &err), -EINVAL);
		assert_true(*err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_a_body_is_sent),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_urls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
