/* SPDX-License-Identifier: MIT */
/* The admin socket: answers that take their time, peers that hold places, and the end. */
#include "owner.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"

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
	assert_int_equal(owner_n(), 0);
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
	const struct CMUnitTest tests[] = {
		PANEL_TEST(test_late),
		PANEL_TEST(test_change_waits),
		PANEL_TEST(test_order),
		PANEL_TEST(test_one_at_a_time),
		PANEL_TEST(test_gone_meanwhile),
		PANEL_TEST(test_too_many),
		PANEL_TEST(test_silent),
		PANEL_TEST(test_slow),
		PANEL_TEST(test_mode),
		PANEL_TEST(test_end_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
