/* SPDX-License-Identifier: MIT */
/* Connections in which nothing moves: when they are found, each service by a time of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/upstream/idle.h"
#include "loop/loop.h"

struct connection {
	struct timeout timeout;
	uint64_t moved, expired; /* µs; 0: not yet */
	unsigned moves, looks;   /* it moves before each of so many looks */
};

static struct loop *loop;
static struct idle idle;

static uint64_t on_moved(struct timeout *entry)
{
	struct connection *c = container_of(entry, struct connection, timeout);
	c->looks++;
	if (c->moves) {
		c->moves--;
		c->moved = loop_now(loop);
	}
	return c->moved;
}

static void on_expired(struct timeout *entry)
{
	container_of(entry, struct connection, timeout)->expired = loop_now(loop);
}

static int setup(void **state)
{
	loop = loop_new();
	idle_init(&idle, loop, on_moved, on_expired);
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	idle_deinit(&idle);
	loop_free(loop);
	return 0;
}

static void watch(struct connection *c, uint64_t time)
{
	*c = (struct connection){.moved = loop_now(loop)};
	timeout_init(&c->timeout);
	assert_int_equal(idle_watch(&idle, &c->timeout, time), 0);
}

static size_t queues(void)
{
	size_t n = 0;
	list_for_each (it, &idle.queues)
		n++;
	return n;
}

static void on_tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + CLOCK_MS);
}

static void run_until_expired(const struct connection *c)
{
	struct loop_timer tick;
	uint64_t end = clock_now() + 10 * CLOCK_S;
	loop_timer_init(&tick, loop, on_tick);
	on_tick(&tick);
	while (!c->expired && clock_now() < end)
		loop_turn(loop);
	loop_timer_cancel(&tick);
	assert_true(c->expired != 0);
}

#define TIME (80 * CLOCK_MS)

static void test_silent(void **state)
{
	struct connection c;
	watch(&c, TIME);
	run_until_expired(&c);
	assert_true(c.expired >= c.moved + TIME);
	assert_false(timeout_running(&c.timeout));
}

/* One that moves is left alone, and found a time after it stopped. */
static void test_moves(void **state)
{
	struct connection c;
	watch(&c, TIME);
	c.moves = 2 * IDLE_LOOKS;
	run_until_expired(&c);
	assert_int_equal(c.moves, 0);
	assert_true(c.expired >= c.moved + TIME);
}

static void test_cancelled(void **state)
{
	struct connection c, other;
	watch(&c, TIME);
	watch(&other, TIME);
	timeout_cancel(&c.timeout);
	run_until_expired(&other);
	assert_int_equal(c.expired, 0);
	assert_int_equal(c.looks, 0);
}

/* Those with one time have one queue; a queue of a configuration before goes when nobody is in it. */
static void test_queues(void **state)
{
	struct connection a, b, c;
	watch(&a, 3600 * CLOCK_S);
	watch(&b, 3600 * CLOCK_S);
	assert_int_equal(queues(), 1);
	watch(&c, 7200 * CLOCK_S);
	assert_int_equal(queues(), 2);
	timeout_cancel(&a.timeout);
	watch(&a, 60 * CLOCK_S);
	assert_int_equal(queues(), 3); /* the second is in the first queue still */
	timeout_cancel(&b.timeout);
	timeout_cancel(&c.timeout);
	watch(&b, 30 * CLOCK_S);
	assert_int_equal(queues(), 2);
	timeout_cancel(&a.timeout);
	timeout_cancel(&b.timeout);
}

/* A long time is looked at once a minute, a short one several times within it. */
static void test_looks(void **state)
{
	static const struct {
		uint64_t time, look;
	} rows[] = {
		{8 * CLOCK_S, CLOCK_S},
		{4 * 3600 * CLOCK_S, IDLE_LOOK_MAX},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct connection c;
		watch(&c, rows[i].time);
		assert_int_equal(c.timeout.at - loop_now(loop), rows[i].look);
		timeout_cancel(&c.timeout);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queues, setup, teardown),
		cmocka_unit_test_setup_teardown(test_looks, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
