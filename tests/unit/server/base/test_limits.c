/* SPDX-License-Identifier: MIT */
/* Limits hold for the process, not for a thread of it, and what was counted is counted back. */
#include "server/base/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"

#define THREADS     4
#define ROUNDS      5000
#define TOTAL       6 /* fewer than all threads want at once: some are refused */
#define PER_ADDRESS 2

static struct address address(const char *text)
{
	struct address a;
	assert_true(address_parse_ip(str_from(text), &a));
	return a;
}

static void test_limits(void **state)
{
	struct address a = address("192.0.2.1"), b = address("192.0.2.2"), c = address("192.0.2.3");
	const struct {
		const struct address *peer;
		unsigned total, each;
		int want;
	} rows[] = {
		{&a, 3, 2, 0},
		{&a, 3, 2, 0},
		{&a, 3, 2, -EUSERS},
		{&a, 2, 2, -EBUSY}, /* the total is looked at first */
		{&b, 3, 2, 0},
		{&c, 3, 2, -EBUSY},
		{NULL, 3, 2, -EBUSY},
		{&c, 0, 1, 0},
		{&c, 0, 1, -EUSERS},
		{&c, 0, 0, 0},
		{NULL, 0, 1, 0},
		{NULL, 0, 1, 0},
	};
	struct limits limits;
	limits_init(&limits);
	unsigned n = 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int r = limits_acquire(&limits, LIMITS_WAITING, rows[i].peer, rows[i].total,
			rows[i].each);
		if (r != rows[i].want)
			fail_msg("row %zu: %d", i, r);
		n += r == 0;
		assert_int_equal(limits_count(&limits, LIMITS_WAITING), n);
	}
	/* Each kind has its own. */
	assert_int_equal(limits_count(&limits, LIMITS_VISITOR), 0);
	assert_int_equal(limits_acquire(&limits, LIMITS_VISITOR, &a, 1, 1), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (!rows[i].want)
			limits_release(&limits, LIMITS_WAITING, rows[i].peer);
	assert_int_equal(limits_count(&limits, LIMITS_WAITING), 0);
	assert_int_equal(limits.kinds[LIMITS_WAITING].addresses.networks.table.n, 0);
	assert_int_equal(limits_acquire(&limits, LIMITS_WAITING, &a, 1, 1), 0);
	limits_deinit(&limits);
}

struct worker {
	struct limits *limits;
	struct address peer;
	unsigned entered, most; /* most: of what limits_count() said while something was held */
	int strange;
	pthread_t thread;
};

/* Everybody wants two or three at once; what is refused is tried again in the next broadcast. */
static void *work(void *arg)
{
	struct worker *w = arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned held = 0;
		for (unsigned j = 0; j < PER_ADDRESS + 1; j++) {
			int r = limits_acquire(w->limits, LIMITS_WAITING, &w->peer, TOTAL,
				PER_ADDRESS);
			held += r == 0;
			if (r && r != -EBUSY && r != -EUSERS)
				w->strange = r;
		}
		unsigned n = limits_count(w->limits, LIMITS_WAITING);
		w->most = n > w->most ? n : w->most;
		w->entered += held;
		if (held > PER_ADDRESS)
			w->strange = 1;
		while (held--)
			limits_release(w->limits, LIMITS_WAITING, &w->peer);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct limits limits;
	struct worker workers[THREADS] = {0};
	limits_init(&limits);
	for (unsigned i = 0; i < THREADS; i++) {
		char text[32];
		snprintf(text, sizeof text, "192.0.2.%u", i + 1);
		workers[i].limits = &limits;
		workers[i].peer = address(text);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	unsigned entered = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].strange, 0);
		assert_true(workers[i].most <= TOTAL);
		entered += workers[i].entered;
	}
	assert_true(entered > 0);
	assert_int_equal(limits_count(&limits, LIMITS_WAITING), 0);
	assert_int_equal(limits.kinds[LIMITS_WAITING].addresses.networks.table.n, 0);
	limits_deinit(&limits);
}

/* One address that comes by many threads has no more than by one. */
static void test_one_address(void **state)
{
	struct limits limits;
	struct worker workers[THREADS] = {0};
	struct address peer = address("2001:db8::1");
	limits_init(&limits);
	assert_int_equal(limits_acquire(&limits, LIMITS_WAITING, &peer, TOTAL, PER_ADDRESS), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].limits = &limits;
		workers[i].peer = peer;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].strange, 0);
		assert_true(workers[i].most <= PER_ADDRESS);
	}
	assert_int_equal(limits_count(&limits, LIMITS_WAITING), 1);
	limits_deinit(&limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_one_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
