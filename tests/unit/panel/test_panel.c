/* SPDX-License-Identifier: MIT */
/* The operator's door, by a plain socket, with an owner that answers when the test says so. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "panel/panel.h"

#define PATIENCE 20000 /* ms: a busy machine under a sanitizer */
#define BIG      (3u << 20)

static char folder[] = "/tmp/test_panel.XXXXXX";
static char path[64];
static struct panel *panel;

/* ---- The owner ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct list waiting; /* of struct panel_request: not answered yet */
	unsigned n;
	bool holds; /* the test answers; else the request is answered at once with what it is */
} owner = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};

static void answer(struct panel_request *rq, const char *text)
{
	rq->status = 200;
	rq->content_type = "text/plain";
	rq->answer = strdup(text);
	rq->answer_size = strlen(text);
	panel_answer(panel, rq);
}

static void echo(struct panel_request *rq)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
	char *text;
	if (strcmp(rq->target, "/big") == 0) {
		rq->status = 200;
		rq->answer = malloc(BIG);
		for (size_t i = 0; i < BIG; i++)
			rq->answer[i] = (char)('a' + i % 23);
		rq->answer_size = BIG;
		panel_answer(panel, rq);
		return;
	}
	assert_true(asprintf(&text, "%s %s match=%s body=%zu:%.40s uid=%u", methods[rq->method],
			    rq->target, rq->if_match ? rq->if_match : "", rq->body_size,
			    rq->body ? rq->body : "", (unsigned)rq->peer.uid) > 0);
	answer(rq, text);
	free(text);
}

static void ask(void *arg, struct panel_request *rq)
{
	pthread_mutex_lock(&owner.lock);
	bool holds = owner.holds;
	if (holds) {
		list_append(&owner.waiting, &rq->link);
		owner.n++;
		pthread_cond_broadcast(&owner.news);
	}
	pthread_mutex_unlock(&owner.lock);
	if (!holds)
		echo(rq);
}

static void hold(bool holds)
{
	pthread_mutex_lock(&owner.lock);
	owner.holds = holds;
	pthread_mutex_unlock(&owner.lock);
}

static struct panel_request *asked(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE / 1000;
	pthread_mutex_lock(&owner.lock);
	while (list_empty(&owner.waiting))
		assert_int_equal(pthread_cond_timedwait(&owner.news, &owner.lock, &until), 0);
	struct panel_request *rq = list_first(&owner.waiting, struct panel_request, link);
	list_unlink(&rq->link);
	owner.n--;
	pthread_mutex_unlock(&owner.lock);
	return rq;
}

static void wait_asked(unsigned n)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE / 1000;
	pthread_mutex_lock(&owner.lock);
	while (owner.n < n)
		assert_int_equal(pthread_cond_timedwait(&owner.news, &owner.lock, &until), 0);
	pthread_mutex_unlock(&owner.lock);
}

/* ---- The peer ---- */

static int dial(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	memcpy(a.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

struct response {
	int status;
	char head[2048];
	char *body;
	size_t n; /* of the body */
};

/* False: the connection has ended, or nothing came in `ms`. */
static bool get_byte(int fd, char *out, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, ms) == 1 && recv(fd, out, 1, 0) == 1;
}

static bool ended(int fd)
{
	char c;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, PATIENCE) == 1 && recv(fd, &c, 1, 0) <= 0;
}

static void get_head(int fd, struct response *r)
{
	size_t n = 0;
	*r = (struct response){0};
	while (!strstr(r->head, "\r\n\r\n")) {
		assert_true(n < sizeof(r->head) - 1);
		assert_true(get_byte(fd, &r->head[n++], PATIENCE));
	}
	assert_int_equal(sscanf(r->head, "HTTP/1.1 %d", &r->status), 1);
}

static void get(int fd, struct response *r)
{
	get_head(fd, r);
	const char *length = strstr(r->head, "Content-Length: ");
	r->n = length ? strtoul(length + 16, NULL, 10) : 0;
	r->body = calloc(1, r->n + 1);
	for (size_t at = 0; at < r->n;) {
		ssize_t k = recv(fd, r->body + at, r->n - at, 0);
		assert_true(k > 0);
		at += (size_t)k;
	}
}

/* The next answer is this. */
static void expect(int fd, int status, const char *part)
{
	struct response r;
	get(fd, &r);
	if (r.status != status || (part && !strstr(r.body, part) && !strstr(r.head, part)))
		fail_msg("%d wanted with %s, got: %s%s", status, part, r.head, r.body);
	free(r.body);
}

/* ---- Each test has a panel ---- */

static int setup(void **state)
{
	struct error err;
	struct panel_options o = {.path = path, .owner = {.ask = ask}};
	list_init(&owner.waiting);
	owner.n = 0;
	owner.holds = false;
	if (!mkdtemp(strcpy(folder, "/tmp/test_panel.XXXXXX")))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	return panel_new(&panel, &o, &err);
}

static int teardown(void **state)
{
	char lock[80];
	panel_stop(panel);
	while (!list_empty(&owner.waiting))
		answer(asked(), "too late");
	panel = panel_free(panel);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	unlink(lock);
	/* The socket is gone, or the folder would not go. */
	return rmdir(folder);
}

/* ---- Plain requests ---- */

static void test_requests(void **state)
{
	static const struct {
		const char *request;
		int status;
		const char *part;
	} rows[] = {
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET / match= body=0: uid="},
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

/* ---- Answers that take their time ---- */

static void test_late(void **state)
{
	hold(true);
	int fd = dial();
	uint64_t before = clock_now();
	put(fd, "GET /a HTTP/1.1\r\n\r\n");
	struct panel_request *rq = asked();
	expect(fd, 503, "Retry-After: 1");
	uint64_t waited = clock_now() - before;
	assert_true(waited >= PANEL_PATIENCE * 9 / 10);
	/* The answer comes too late, to nobody; the connection goes on. */
	answer(rq, "late");
	put(fd, "GET /b HTTP/1.1\r\n\r\n");
	rq = asked();
	assert_string_equal(rq->target, "/b");
	answer(rq, "the answer to b");
	expect(fd, 200, "the answer to b");
	close(fd);
}

static void test_change_waits(void **state)
{
	char c;
	hold(true);
	int fd = dial();
	put(fd, "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
	struct panel_request *rq = asked();
	assert_false(get_byte(fd, &c, PANEL_PATIENCE / 1000 + 1000));
	answer(rq, "stored");
	expect(fd, 200, "stored");
	close(fd);
}

/* Of two connections the one that is answered gets its answer, in whatever order they come. */
static void test_order(void **state)
{
	hold(true);
	int a = dial(), b = dial();
	put(a, "GET /a HTTP/1.1\r\n\r\n");
	struct panel_request *first = asked();
	put(b, "GET /b HTTP/1.1\r\n\r\n");
	struct panel_request *second = asked();
	answer(second, "to b");
	expect(b, 200, "to b");
	answer(first, "to a");
	expect(a, 200, "to a");
	close(a);
	close(b);
}

/* The next request of a connection is not asked before this one is answered. */
static void test_one_at_a_time(void **state)
{
	hold(true);
	int fd = dial();
	put(fd, "GET /a HTTP/1.1\r\n\r\n");
	struct panel_request *rq = asked();
	put(fd, "GET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
	usleep(100000);
	assert_int_equal(owner.n, 0);
	answer(rq, "1");
	expect(fd, 200, "1");
	answer(asked(), "2");
	expect(fd, 200, "2");
	answer(asked(), "3");
	expect(fd, 200, "3");
	close(fd);
}

static void test_gone_meanwhile(void **state)
{
	hold(true);
	for (int i = 0; i < 20; i++) {
		int fd = dial();
		put(fd, i % 2 ? "GET /a HTTP/1.1\r\n\r\n"
			      : "POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
		struct panel_request *rq = asked();
		if (i % 4 < 2) {
			close(fd);
			answer(rq, "to nobody");
		} else {
			/* Its answer is on its way when it goes. */
			answer(rq, "to nobody");
			close(fd);
		}
	}
	/* An answer that nobody reads to its end. */
	hold(false);
	int fd = dial();
	put(fd, "GET /big HTTP/1.1\r\n\r\n");
	char some[100];
	assert_true(recv(fd, some, sizeof(some), 0) > 0);
	close(fd);
	fd = dial();
	put(fd, "GET /alive HTTP/1.1\r\n\r\n");
	expect(fd, 200, "GET /alive");
	close(fd);
}

static void test_too_many(void **state)
{
	int fds[PANEL_REQUESTS_MAX];
	hold(true);
	for (int i = 0; i < PANEL_REQUESTS_MAX; i++) {
		fds[i] = dial();
		put(fds[i], "POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
	}
	wait_asked(PANEL_REQUESTS_MAX);
	int one_more = dial();
	put(one_more, "GET /b HTTP/1.1\r\n\r\n");
	expect(one_more, 503, "too many");
	for (int i = 0; i < PANEL_REQUESTS_MAX; i++)
		answer(asked(), "at last");
	for (int i = 0; i < PANEL_REQUESTS_MAX; i++) {
		expect(fds[i], 200, "at last");
		close(fds[i]);
	}
	put(one_more, "GET /b HTTP/1.1\r\n\r\n");
	answer(asked(), "now");
	expect(one_more, 200, "now");
	close(one_more);
}

/* ---- Those who hold places ---- */

static void test_silent(void **state)
{
	int silent[80];
	hold(true);
	int patient = dial();
	put(patient, "POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
	struct panel_request *rq = asked();
	for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
		silent[i] = dial();
		if (i % 2)
			put(silent[i], "GET /half HTTP/1.1\r\nX: ");
	}
	hold(false);
	uint64_t before = clock_now();
	int fd = dial();
	put(fd, "GET /a HTTP/1.1\r\n\r\n");
	expect(fd, 200, "GET /a");
	assert_true(clock_now() - before < CLOCK_S);
	close(fd);
	/* The oldest had to go for it; who waits for an answer had not. */
	assert_true(ended(silent[0]));
	answer(rq, "still here");
	expect(patient, 200, "still here");
	close(patient);
	for (size_t i = 0; i < ARRAY_LEN(silent); i++)
		close(silent[i]);
}

/* All of them at once: none of these goes on longer than a few times 5 s. */
static void test_slow(void **state)
{
	static const char *const begun[] = {
		"",
		"GET /half HTT",
		"GET /half HTTP/1.1\r\nX: y\r\n",
		"POST /half HTTP/1.1\r\nContent-Length: 10\r\n\r\n",
		"POST /half HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf",
		"POST /half HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
		"GET /big HTTP/1.1\r\n\r\n",
	};
	int fds[ARRAY_LEN(begun) + 1];
	uint64_t before = clock_now();
	for (size_t i = 0; i < ARRAY_LEN(begun); i++) {
		fds[i] = dial();
		put(fds[i], begun[i]);
	}
	/* One that was answered, and says no more. */
	fds[ARRAY_LEN(begun)] = dial();
	put(fds[ARRAY_LEN(begun)], "GET /a HTTP/1.1\r\n\r\n");
	expect(fds[ARRAY_LEN(begun)], 200, "GET /a");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		struct pollfd p = {.fd = fds[i], .events = 0};
		/* POLLHUP: the other end has closed. */
		assert_int_equal(poll(&p, 1, PATIENCE), 1);
		assert_true(p.revents & POLLHUP);
		close(fds[i]);
	}
	assert_true(clock_now() - before < 16 * CLOCK_S);
}

/* ---- Who may, and the end ---- */

static void test_mode(void **state)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	int fd = dial();
	char part[32];
	sprintf(part, "uid=%u", (unsigned)getuid());
	put(fd, "GET / HTTP/1.1\r\n\r\n");
	expect(fd, 200, part);
	close(fd);
}

static void test_end_meanwhile(void **state)
{
	hold(true);
	int fd = dial(), silent = dial(), half = dial();
	put(half, "GET /hal");
	put(fd, "GET /a HTTP/1.1\r\n\r\n");
	struct panel_request *rq = asked();
	panel_stop(panel);
	assert_true(ended(fd));
	assert_true(ended(silent));
	assert_true(ended(half));
	/* The owner answers when there is nobody left. */
	answer(rq, "too late");
	close(fd);
	close(silent);
	close(half);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_requests),
		TEST(test_last_requests),
		TEST(test_no_requests),
		TEST(test_head),
		TEST(test_long_head),
		TEST(test_pipelined),
		TEST(test_pipelined_body),
		TEST(test_large),
		TEST(test_continue),
		TEST(test_late),
		TEST(test_change_waits),
		TEST(test_order),
		TEST(test_one_at_a_time),
		TEST(test_gone_meanwhile),
		TEST(test_too_many),
		TEST(test_silent),
		TEST(test_slow),
		TEST(test_mode),
		TEST(test_end_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
