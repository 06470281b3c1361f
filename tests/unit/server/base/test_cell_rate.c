/* SPDX-License-Identifier: MIT */
/* Rates of keys: GCRA and fixed windows in one table. */
#include "server/base/cell_rate.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "crypto/crypto.h"

#define NOW     (1000 * CLOCK_S)
#define THREADS 4
#define TRIES   5000
#define ALLOW   1000

static struct cell_table table;

static int begin(void **state)
{
	assert_int_equal(crypto_start(), 0);
	return cell_table_init(&table, 1024);
}

static int end(void **state)
{
	cell_table_deinit(&table);
	return 0;
}

static void test_gcra(void **state)
{
	const struct rate_limit two = {.every = 500000000, .burst = 3}; /* two a second */
	for (int i = 0; i < 3; i++)
		assert_int_equal(cell_rate_take(&table, 100, &two, NOW), 0);
	assert_int_equal(cell_rate_take(&table, 100, &two, NOW), CLOCK_S / 2);
	assert_int_equal(cell_rate_take(&table, 101, &two, NOW), 0);
	assert_int_equal(cell_rate_take(&table, 100, &two, NOW + CLOCK_S / 2), 0);
	assert_int_equal(cell_rate_take(&table, 100, &two, NOW + CLOCK_S / 2), CLOCK_S / 2);
}

static void test_one_is_given_back(void **state)
{
	const struct rate_limit slow = {.every = 60000000000, .burst = 2};
	for (int i = 0; i < 20; i++) {
		assert_int_equal(cell_rate_take(&table, 200, &slow, NOW), 0);
		cell_rate_give(&table, 200, &slow);
	}
	assert_int_equal(cell_rate_take(&table, 200, &slow, NOW), 0);
	assert_int_equal(cell_rate_take(&table, 200, &slow, NOW), 0);
	assert_true(cell_rate_take(&table, 200, &slow, NOW) > 0);
	cell_rate_give(&table, 999, &slow); /* nobody's */
}

static void test_windows(void **state)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(cell_rate_window(&table, 300, 5, 60 * CLOCK_S, NOW + i), 0);
	uint64_t wait = cell_rate_window(&table, 300, 5, 60 * CLOCK_S, NOW + 10 * CLOCK_S);
	assert_in_range(wait, 50 * CLOCK_S, 50 * CLOCK_S + 2 * CLOCK_MS);
	/* Those that were refused do not lengthen it. */
	assert_true(cell_rate_window(&table, 300, 5, 60 * CLOCK_S, NOW + 59 * CLOCK_S) > 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(cell_rate_window(&table, 300, 5, 60 * CLOCK_S, NOW + 61 * CLOCK_S),
			0);
	assert_true(cell_rate_window(&table, 300, 5, 60 * CLOCK_S, NOW + 61 * CLOCK_S) > 0);
}

static void test_the_largest_window(void **state)
{
	uint64_t passed = 0;
	for (int i = 0; i < CELL_RATE_ALLOW_MAX + 10; i++)
		passed += cell_rate_window(&table, 400, CELL_RATE_ALLOW_MAX, CLOCK_S, NOW) == 0;
	assert_int_equal(passed, CELL_RATE_ALLOW_MAX);
}

static void *count(void *arg)
{
	uint64_t *passed = arg;
	for (int i = 0; i < TRIES; i++)
		*passed += cell_rate_window(&table, 500, ALLOW, 60 * CLOCK_S, NOW) == 0;
	return NULL;
}

static void test_threads_count_together(void **state)
{
	pthread_t threads[THREADS];
	uint64_t passed[THREADS] = {0}, all = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, count, &passed[i]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		all += passed[i];
	}
	assert_int_equal(all, ALLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gcra),
		cmocka_unit_test(test_one_is_given_back),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_the_largest_window),
		cmocka_unit_test(test_threads_count_together),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
