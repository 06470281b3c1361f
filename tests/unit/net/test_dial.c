/* SPDX-License-Identifier: MIT */
/*
 * Dialling and resolving. getaddrinfo() is replaced by one that knows the test's names, so that
 * nothing depends on the machine's resolver; sockets are real.
 */
#include "sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/macros.h"
#include "net/dial.h"

static struct loop *loop;
static struct resolver *resolver;
static sem_t resolver_started, resolver_go;

/* Names are lists of addresses in the order of the answer: "::1+127.0.0.1". */
int getaddrinfo(const char *restrict node, const char *restrict service,
	const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
	if (strcmp(node, "slow") == 0) {
		sem_post(&resolver_started);
		sem_wait(&resolver_go);
		return EAI_AGAIN;
	}
	if (strcmp(node, "unknown") == 0)
		return EAI_NONAME;
	char copy[256];
	snprintf(copy, sizeof copy, "%s", node);
	struct addrinfo **tail = res;
	char *save;
	for (char *p = strtok_r(copy, "+", &save); p; p = strtok_r(NULL, "+", &save)) {
		struct address a;
		assert_true(address_parse_ip(str_from(p), &a));
		struct addrinfo *ai = calloc(1, sizeof *ai);
		struct sockaddr_storage *sa = calloc(1, sizeof *sa);
		ai->ai_addrlen = address_to_sockaddr(&a, sa);
		ai->ai_addr = (struct sockaddr *)sa;
		*tail = ai;
		tail = &ai->ai_next;
	}
	return 0;
}

void freeaddrinfo(struct addrinfo *ai)
{
	while (ai) {
		struct addrinfo *next = ai->ai_next;
		free(ai->ai_addr);
		free(ai);
		ai = next;
	}
}

static int setup(void **state)
{
	sem_init(&resolver_started, 0, 0);
	sem_init(&resolver_go, 0, 0);
	loop = loop_new();
	resolver = resolver_new(loop, NULL);
	return loop && resolver ? 0 : -1;
}

static int teardown(void **state)
{
	resolver = resolver_free(resolver);
	loop = loop_free(loop);
	return 0;
}

static struct dial dial;
static int calls, result;

static void dial_done(struct dial *d, int fd)
{
	assert_ptr_equal(d, &dial);
	calls++;
	result = fd;
}

/* Dials and waits for the outcome; how long it took, in ms. */
static uint64_t dial_and_wait(const char *host, uint16_t port, uint64_t patience)
{
	calls = 0;
	uint64_t began = clock_now();
	uint64_t deadline = patience ? began + patience : CLOCK_NEVER;
	dial_start(&dial, loop, resolver, host, port, deadline, dial_done);
	assert_int_equal(calls, 0);
	while (calls == 0)
		loop_turn(loop);
	assert_int_equal(calls, 1);
	return (clock_now() - began) / CLOCK_MS;
}

/* A port on which nobody listens: bound, so that nobody else takes it. */
static int closed_port(uint16_t *port)
{
	*port = 0;
	int fd = test_listen(1, port, 1);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = {.sin_family = AF_INET,
		.sin_port = htons(*port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	return fd;
}

/* A listener whose queue is full, so that the kernel drops further SYNs, and what fills it. */
struct blackhole {
	int listener, fill[3];
};

static void blackhole_open(struct blackhole *hole, uint8_t last_byte, uint16_t *port)
{
	hole->listener = test_listen(last_byte, port, 0);
	for (size_t i = 0; i < ARRAY_LEN(hole->fill); i++)
		hole->fill[i] = test_connect(last_byte, *port, SOCK_NONBLOCK);
}

static void blackhole_close(struct blackhole *hole)
{
	close(hole->listener);
	for (size_t i = 0; i < ARRAY_LEN(hole->fill); i++)
		close(hole->fill[i]);
}

static void connects(void **state)
{
	uint16_t port = 0;
	int listener = test_listen(1, &port, 5);
	static const char *const hosts[] = {"127.0.0.1", "127.0.0.1+::1"};
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		dial_and_wait(hosts[i], port, 5 * CLOCK_S);
		assert_true(result >= 0);
		assert_int_equal(dial.outcome, DIAL_CONNECTED);
		assert_int_equal(dial.address.family, ADDRESS_V4);
		assert_int_equal(dial.address.port, port);
		assert_string_equal(dial.reason, "");
		assert_true(fcntl(result, F_GETFL) & O_NONBLOCK);
		int on = 0;
		socklen_t len = sizeof on;
		getsockopt(result, IPPROTO_TCP, TCP_NODELAY, &on, &len);
		assert_int_equal(on, 1);
		dial_cancel(&dial); /* finished: leaves the descriptor alone */
		assert_true(fcntl(result, F_GETFL) >= 0);
		close(result);
	}
	close(listener);
}

static void refused_says_by_whom(void **state)
{
	uint16_t port;
	int holder = closed_port(&port);
	dial_and_wait("127.0.0.1", port, 5 * CLOCK_S);
	assert_int_equal(result, -ECONNREFUSED);
	assert_int_equal(dial.outcome, DIAL_REFUSED);
	char expected[96];
	snprintf(expected, sizeof expected, "connection refused by 127.0.0.1:%u", port);
	assert_string_equal(dial.reason, expected);
	close(holder);
}

/* The next address comes at once, not after the stagger, when the one before has failed. */
static void refused_goes_on_to_the_next(void **state)
{
	uint16_t port = 0;
	int listener = test_listen(1, &port, 5);
	uint64_t ms = dial_and_wait("::1+127.0.0.2+127.0.0.3+127.0.0.1", port, 5 * CLOCK_S);
	assert_true(result >= 0);
	assert_true(ms < DIAL_STAGGER / CLOCK_MS);
	close(result);
	close(listener);
}

static void silence_starts_the_next_after_the_stagger(void **state)
{
	uint16_t port = 0;
	int listener = test_listen(1, &port, 5);
	struct blackhole hole;
	blackhole_open(&hole, 2, &port);
	uint64_t ms = dial_and_wait("127.0.0.2+127.0.0.1", port, 5 * CLOCK_S);
	assert_true(result >= 0);
	assert_int_equal(dial.address.bytes[3], 1);
	assert_in_range(ms, DIAL_STAGGER / CLOCK_MS, 700);
	close(result);
	blackhole_close(&hole);
	close(listener);
}

static void deadline_covers_everything(void **state)
{
	uint16_t port = 0;
	struct blackhole hole;
	blackhole_open(&hole, 2, &port);
	uint64_t ms = dial_and_wait("127.0.0.2", port, 60 * CLOCK_MS);
	assert_int_equal(result, -ETIMEDOUT);
	assert_int_equal(dial.outcome, DIAL_TIMED_OUT);
	assert_in_range(ms, 60, 500);
	blackhole_close(&hole);

	ms = dial_and_wait("slow", port, 60 * CLOCK_MS);
	assert_int_equal(result, -ETIMEDOUT);
	assert_int_equal(dial.outcome, DIAL_TIMED_OUT);
	assert_string_equal(dial.reason, "looking up the name took too long");
	sem_post(&resolver_go);
}

/* Refused by one and silence from the other: refused says more. */
static void most_telling_failure_is_reported(void **state)
{
	uint16_t port = 0;
	struct blackhole hole;
	blackhole_open(&hole, 2, &port);
	dial_and_wait("127.0.0.2+127.0.0.1", port, 600 * CLOCK_MS);
	assert_int_equal(result, -ECONNREFUSED);
	assert_int_equal(dial.address.bytes[3], 1);
	blackhole_close(&hole);

	/* TCP knows no broadcast: that is unreachable on every machine, and says less. */
	int holder = closed_port(&port);
	dial_and_wait("255.255.255.255+127.0.0.1", port, 5 * CLOCK_S);
	assert_int_equal(result, -ECONNREFUSED);
	dial_and_wait("255.255.255.255", port, 5 * CLOCK_S);
	assert_int_equal(dial.outcome, DIAL_UNREACHABLE);
	assert_int_equal(result, -ENETUNREACH);
	close(holder);
}

static void unknown_name(void **state)
{
	dial_and_wait("unknown", 80, 0);
	assert_true(result < 0);
	assert_int_equal(dial.outcome, DIAL_NO_ADDRESS);
	assert_string_equal(dial.reason, "the name is not known");
	char longest[2000];
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	dial_and_wait(longest, 80, 0);
	assert_int_equal(dial.outcome, DIAL_FAILED);
}

static int open_descriptors(void)
{
	int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void cancelled_while_connecting(void **state)
{
	uint16_t port = 0;
	struct blackhole hole;
	blackhole_open(&hole, 2, &port);
	int before = open_descriptors();
	calls = 0;
	dial_start(&dial, loop, resolver, "127.0.0.2", port, CLOCK_NEVER, dial_done);
	assert_int_equal(open_descriptors(), before + 1);
	dial_cancel(&dial);
	dial_cancel(&dial);
	assert_int_equal(open_descriptors(), before);
	blackhole_close(&hole);
	loop = loop_free(loop);
	assert_int_equal(calls, 0);
}

static void cancelled_while_resolving(void **state)
{
	calls = 0;
	struct dial *mine = calloc(1, sizeof *mine);
	dial_start(mine, loop, resolver, "slow", 80, CLOCK_NEVER, dial_done);
	sem_wait(&resolver_started);
	dial_cancel(mine);
	free(mine); /* the answer must not look for it */
	sem_post(&resolver_go);
	resolver = resolver_free(resolver);
	loop = loop_free(loop);
	assert_int_equal(calls, 0);
}

static void cancelled_before_the_report(void **state)
{
	calls = 0;
	dial_start(&dial, loop, NULL, "a name and nobody to ask", 80, CLOCK_NEVER, dial_done);
	dial_cancel(&dial);
	loop = loop_free(loop);
	assert_int_equal(calls, 0);
	struct dial zero = {0};
	dial_cancel(&zero);
}

static void dial_unix(const char *path, uint64_t patience)
{
	calls = 0;
	dial_start_unix(&dial, loop, str_from(path), clock_now() + patience, dial_done);
	assert_int_equal(calls, 0);
	while (calls == 0)
		loop_turn(loop);
	assert_int_equal(calls, 1);
}

static void unix_sockets(void **state)
{
	char dir[] = "/tmp/test_dial.XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/socket", dir);
	dial_unix(path, CLOCK_S);
	assert_int_equal(result, -ENOENT);
	assert_int_equal(dial.outcome, DIAL_REFUSED);
	assert_non_null(strstr(dial.reason, path));

	struct sockaddr_un un = {.sun_family = AF_UNIX};
	strcpy(un.sun_path, path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&un, sizeof un), 0);
	dial_unix(path, CLOCK_S);
	assert_int_equal(result, -ECONNREFUSED);
	assert_int_equal(dial.outcome, DIAL_REFUSED);

	/* A queue of one: the next waits until somebody is taken out of it, or in vain. */
	assert_int_equal(listen(listener, 0), 0);
	dial_unix(path, CLOCK_S);
	assert_true(result >= 0);
	int first = result;
	dial_unix(path, 50 * CLOCK_MS);
	assert_int_equal(result, -EAGAIN);
	assert_int_equal(dial.outcome, DIAL_TIMED_OUT);
	calls = 0;
	dial_start_unix(&dial, loop, str_from(path), clock_now() + CLOCK_S, dial_done);
	loop_turn(loop);
	assert_int_equal(calls, 0);
	int taken = accept(listener, NULL, NULL);
	while (calls == 0)
		loop_turn(loop);
	assert_true(result >= 0);

	dial_start_unix(&dial, loop, str_from(path), clock_now() + CLOCK_S, dial_done);
	dial_cancel(&dial);
	close(result);
	close(first);
	close(taken);
	close(listener);
	unlink(path);
	rmdir(dir);
}

static void unix_path_too_long(void **state)
{
	char path[DIAL_UNIX_MAX + 2];
	memset(path, '/', sizeof path);
	path[sizeof path - 1] = 0;
	dial_unix(path, CLOCK_S);
	assert_int_equal(result, -ENAMETOOLONG);
	assert_int_equal(dial.outcome, DIAL_FAILED);
}

static void families_alternate(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"", ""},
		{"4", "4"},
		{"6644", "6464"},
		{"4466", "4646"},
		{"66664", "64666"},
		{"444666", "464646"},
		{"66", "66"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = strlen(cases[i].in);
		struct address list[RESOLVE_MAX] = {0};
		for (size_t k = 0; k < n; k++) {
			list[k].family = (uint8_t)(cases[i].in[k] - '0');
			list[k].port = (uint16_t)k;
		}
		resolve_interleave(list, n);
		int last[7] = {[4] = -1, [6] = -1};
		for (size_t k = 0; k < n; k++) {
			int family = list[k].family;
			assert_int_equal(family, cases[i].out[k] - '0');
			assert_true(list[k].port > last[family]); /* order within is kept */
			last[family] = list[k].port;
		}
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(connects),
		TEST(refused_says_by_whom),
		TEST(refused_goes_on_to_the_next),
		TEST(silence_starts_the_next_after_the_stagger),
		TEST(deadline_covers_everything),
		TEST(most_telling_failure_is_reported),
		TEST(unknown_name),
		TEST(cancelled_while_connecting),
		TEST(cancelled_while_resolving),
		TEST(cancelled_before_the_report),
		TEST(unix_sockets),
		TEST(unix_path_too_long),
		TEST(families_alternate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
