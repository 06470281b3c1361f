/* SPDX-License-Identifier: MIT */
/* What a table of fixed memory remembers, whom it forgets, and that threads do not mix up its keys. */
#include "server/base/cell_table.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/crypto.h"

#define SETS    16
#define THREADS 4
#define ROUNDS  20000

static struct cell_table table;

static int begin(void **state)
{
	assert_int_equal(crypto_start(), 0);
	assert_int_equal(cell_table_init(&table, SETS * CELL_TABLE_WAYS), 0);
	return 0;
}

static int end(void **state)
{
	cell_table_deinit(&table);
	return 0;
}

static uint64_t read_value(uint64_t key)
{
	struct cell *cell;
	return cell_table_read(&table, key, &cell);
}

static void put(uint64_t key, uint64_t value)
{
	struct cell *cell;
	uint64_t was = cell_table_read(&table, key, &cell);
	assert_true(cell_table_write(&table, key, cell, was, value));
}

/* The n-th key of the first set. */
static uint64_t key(unsigned n)
{
	return (n + 1) * SETS;
}

static void test_the_oldest_of_a_full_set_goes(void **state)
{
	for (unsigned i = 0; i < CELL_TABLE_WAYS; i++)
		put(key(i), 100 + i);
	put(key(0), 200);
	put(key(9), 150);
	assert_int_equal(read_value(key(0)), 200);
	assert_int_equal(read_value(key(1)), 0);
	assert_int_equal(read_value(key(2)), 102);
	assert_int_equal(read_value(key(3)), 103);
	assert_int_equal(read_value(key(9)), 150);
	/* Another set is not concerned. */
	put(key(0) + 1, 1);
	assert_int_equal(read_value(key(0) + 1), 1);
	assert_int_equal(read_value(key(2)), 102);
}

static void test_a_value_that_changed_is_read_again(void **state)
{
	struct cell *cell;
	put(key(0), 5);
	uint64_t was = cell_table_read(&table, key(0), &cell);
	put(key(0), 6);
	assert_false(cell_table_write(&table, key(0), cell, was, 7));
	assert_int_equal(read_value(key(0)), 6);
	/* Its cell is another key's by now. */
	was = cell_table_read(&table, key(0), &cell);
	for (unsigned i = 1; i <= CELL_TABLE_WAYS; i++)
		put(key(i), 10 + i);
	assert_false(cell_table_write(&table, key(0), cell, was, 7));
	assert_int_equal(read_value(key(CELL_TABLE_WAYS)), 10 + CELL_TABLE_WAYS);
}

/* Bytes that a stranger chooses lead to another place in every table. */
static void test_keys_are_secret(void **state)
{
	struct cell_table other;
	assert_int_equal(cell_table_init(&other, SETS * CELL_TABLE_WAYS), 0);
	assert_int_not_equal(cell_table_key(&table, "abc", 3), cell_table_key(&other, "abc", 3));
	assert_int_equal(cell_table_key(&table, "abc", 3), cell_table_key(&table, "abc", 3));
	assert_int_not_equal(cell_table_key(&table, "abc", 3), cell_table_key(&table, "abd", 3));
	cell_table_deinit(&other);
	assert_null(other.memory);
}

/* Each value says whose it is: eight keys in four cells, written by all threads at once. */
static void *fight(void *arg)
{
	uint64_t *foreign = arg;
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		unsigned n = (unsigned)(i * 7 % 8);
		struct cell *cell;
		uint64_t was = cell_table_read(&table, key(n), &cell);
		*foreign += cell && was % 8 != n;
		cell_table_write(&table, key(n), cell, was, i * 8 + n);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	uint64_t foreign[THREADS] = {0};
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fight, &foreign[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(foreign[i], 0);
	}
	unsigned there = 0;
	for (unsigned n = 0; n < 8; n++) {
		uint64_t value = read_value(key(n));
		there += value > 0;
		assert_true(!value || value % 8 == n);
	}
	assert_true(there > 0 && there <= CELL_TABLE_WAYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_oldest_of_a_full_set_goes, begin, end),
		cmocka_unit_test_setup_teardown(test_a_value_that_changed_is_read_again, begin,
			end),
		cmocka_unit_test_setup_teardown(test_keys_are_secret, begin, end),
		cmocka_unit_test_setup_teardown(test_threads, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
