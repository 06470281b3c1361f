/* SPDX-License-Identifier: MIT */
/*
 * A connection to a TCP service, until a link takes it: it finds none, waits for one, moves to the worker that
 * has one, and ends for a reason that the access log names. The sessions here have no links.
 */
#include "server/tcp/tcp_conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "crypto/crypto.h"
#include "server/route/routing.h"
#include "tests/unit/server/base/workers.h"

#define GRACE (50 * CLOCK_MS)

static struct server_options options = {.memory_budget = 1 << 20,
	.reconnect_grace = GRACE,
	.max_visitors = 3,
	.max_waiting = 2};
static struct test_workers workers;
static struct routing routings[3];
static struct tcp_worker parts[3];
static struct identity somebody = {.name = "me", .max_streams = IDENTITY_STREAMS_ANY};
static struct session_base session = {.name = "one"};
static struct service *service; /* of the session, on all workers; its name or port is in `place` */
static char log_path[] = "/tmp/tunnel-tcp-XXXXXX";

/* ---- What the access log says ---- */

static void start_log(void)
{
	struct log_options opts = {.level = LOG_ERROR, .access_file = log_path};
	struct error err;
	assert_int_equal(log_start(&opts, &err), 0);
}

/* That so many connections ended since it was asked last, all of them for this reason. */
static void assert_ended(unsigned n, const char *why)
{
	char text[4096], want[64];
	log_stop();
	FILE *f = fopen(log_path, "r+");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	assert_int_equal(ftruncate(fileno(f), 0), 0);
	fclose(f);
	snprintf(want, sizeof(want), " why=%s\n", why);
	unsigned lines = 0, found = 0;
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	for (const char *at = text; (at = strstr(at, want)) != NULL; at++)
		found++;
	if (lines != n || found != n)
		fail_msg("not %u of %s: %s", n, why, text);
	start_log();
}

/* ---- What is published ---- */

static struct routes *routes_on(unsigned worker)
{
	return service->has_port ? &routings[worker].ports : &routings[worker].names;
}

static void publish(enum control_kind kind, const char *place)
{
	assert_int_equal(session_base_init(&session, &somebody, 3), 0);
	service = calloc(1, sizeof(*service) + 3 * sizeof(struct service_shard));
	assert_non_null(service);
	service->session = &session;
	service->kind = kind;
	service->has_port = strchr(place, ':') != NULL;
	snprintf(service->place, sizeof(service->place), "%s", place);
	for (unsigned i = 0; i < 3; i++) {
		const struct route *holder;
		service->shards[i].service = service;
		service->shards[i].session_shard = &session.shards[i];
		assert_int_equal(routes_claim(routes_on(i), "me", str_from(place),
					 &service->shards[i].entry, 1, &holder),
			0);
	}
}

/* Where the session is said to have links. */
static void set_usable(bool zero, bool one, bool two)
{
	session.shards[0].usable = zero;
	session.shards[1].usable = one;
	session.shards[2].usable = two;
}

/* Its session is lost; the route is kept for a while. */
static void lose(void)
{
	for (unsigned i = 0; i < 3; i++)
		routes_release(routes_on(i), &service->shards[i].entry,
			loop_now(workers.workers[i].loop));
}

static void withdraw(void)
{
	session_base_deinit(&session);
	free(service);
	service = NULL;
}

/* ---- Connections ---- */

/* Enters by a port, or a name, on worker 0; the visitor's end. */
static int enter(const char *place, const char *name)
{
	int fds[2];
	struct accepted_conn a = {.peer = {.family = ADDRESS_V4,
					  .bytes = {192, 0, 2, 1},
					  .port = 5},
		.listener = {.visits = true, .port = 7}};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	a.detached = DETACHED_CONN_OF(fds[0]);
	assert_int_equal(buf_append(&a.early, "hello", 5), 0);
	snprintf(a.listener.place, sizeof(a.listener.place), "%s", place);
	tcp_conn_enter(&workers.workers[0], &a, name);
	return fds[1];
}

/* Whether the server has closed it; closes the visitor's end. */
static bool closed(int visitor)
{
	char c;
	bool over = read(visitor, &c, 1) == 0;
	close(visitor);
	return over;
}

static int begin(void **state)
{
	assert_int_equal(crypto_start(), 0);
	test_workers_open(&workers, &options);
	for (unsigned i = 0; i < 3; i++) {
		struct worker *w = &workers.workers[i];
		w->routing = &routings[i];
		w->tcp = &parts[i];
		routings[i] = (struct routing){0};
		assert_int_equal(routing_init(&routings[i], w), 0);
		tcp_worker_init(&parts[i]);
	}
	start_log();
	return 0;
}

static int end(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		tcp_worker_deinit(&parts[i]);
		routing_deinit(&routings[i]);
	}
	test_workers_close(&workers); /* whatever is left is not counted any more */
	log_stop();
	return 0;
}

static void test_no_route(void **state)
{
	int v = enter("tcp:7", NULL);
	assert_ended(1, "no-route");
	assert_true(closed(v));
	/* A name that another kind of service has meanwhile. */
	publish(CONTROL_HTTP, "a.test");
	set_usable(true, true, true);
	v = enter("", "a.test");
	assert_ended(1, "no-route");
	assert_true(closed(v));
	lose();
	withdraw();
}

static void test_waits(void **state)
{
	publish(CONTROL_TCP, "tcp:7");
	set_usable(false, false, false);
	lose();
	int v[3];
	for (unsigned i = 0; i < 3; i++)
		v[i] = enter("tcp:7", NULL);
	/* A port is free at once, and nothing comes back to it. */
	assert_ended(3, "no-route");
	for (unsigned i = 0; i < 3; i++)
		assert_true(closed(v[i]));
	withdraw();

	publish(CONTROL_TCP, "a.test");
	set_usable(false, false, false);
	lose();
	for (unsigned i = 0; i < 3; i++)
		v[i] = enter("", "a.test");
	assert_ended(1, "crowded"); /* --max-waiting */
	assert_true(closed(v[2]));
	test_workers_settle(&workers);
	assert_int_equal(limits_count(&workers.node.limits, LIMITS_WAITING), 2);
	struct timespec t = {.tv_nsec = (GRACE + 10 * CLOCK_MS) * 1000};
	nanosleep(&t, NULL);
	test_workers_settle(&workers);
	assert_ended(2, "waited");
	assert_true(closed(v[0]));
	assert_true(closed(v[1]));
	withdraw();
}

static void test_drains(void **state)
{
	publish(CONTROL_TCP, "a.test");
	set_usable(false, false, false);
	lose();
	int v = enter("", "a.test");
	tcp_worker_drain(&parts[0]);
	assert_ended(1, "draining");
	assert_true(closed(v));
	withdraw();
}

static void test_moves(void **state)
{
	publish(CONTROL_TCP, "tcp:7");
	/* Each worker believes that another has a link, and none has: it does not go round for ever. */
	set_usable(true, true, false);
	int v = enter("tcp:7", NULL);
	assert_true(list_empty(&parts[0].conns));
	test_workers_turn(&workers, 1);
	test_workers_turn(&workers, 0);
	assert_ended(0, "");
	test_workers_settle(&workers);
	assert_ended(1, "busy");
	assert_true(closed(v));
	/* The worker that it comes to drains. */
	v = enter("tcp:7", NULL);
	workers.workers[1].draining = true;
	test_workers_settle(&workers);
	assert_ended(1, "draining");
	assert_true(closed(v));
	lose();
	withdraw();
}

/* The process ends while it is under way. */
static void test_ends_on_the_way(void **state)
{
	publish(CONTROL_TCP, "tcp:7");
	set_usable(false, false, true);
	int v = enter("tcp:7", NULL);
	assert_int_equal(limits_count(&workers.node.limits, LIMITS_VISITOR), 1);
	lose();
	end(NULL);
	assert_true(closed(v));
	withdraw();
	begin(NULL);
}

static void test_limit(void **state)
{
	publish(CONTROL_TCP, "tcp:7");
	set_usable(false, false, true);
	int v[4];
	for (unsigned i = 0; i < 4; i++)
		v[i] = enter("tcp:7", NULL);
	assert_true(closed(v[3])); /* --max-visitors */
	for (unsigned i = 0; i < 3; i++)
		assert_false(closed(v[i]));
	lose();
	withdraw();
}

static int setup(void **state)
{
	int fd = mkstemp(log_path);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	return unlink(log_path);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_no_route),
		TEST(test_waits),
		TEST(test_drains),
		TEST(test_moves),
		TEST(test_ends_on_the_way),
		TEST(test_limit),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
