/* SPDX-License-Identifier: MIT */
/* The one hash table: what was added is found, through growth and removal, also where hashes are equal. */
#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "chain.h"

#define N 3000

struct item {
	struct table_node node;
	unsigned key;
};

static struct item items[N];

static struct item *find(const struct table *t, unsigned key, uint64_t hash)
{
	table_for_each (it, t, hash) {
		struct item *item = table_entry(it, struct item, node);
		if (item->key == key)
			return item;
	}
	return NULL;
}

/* `spread`: so many different hashes. */
static void check(uint64_t spread)
{
	struct table t = {0};
	assert_null(table_first(&t, 0));
	for (unsigned i = 0; i < N; i++) {
		items[i] = (struct item){.key = i};
		assert_null(find(&t, i, i % spread));
		assert_int_equal(table_add(&t, &items[i].node, i % spread), 0);
		assert_int_equal(t.n, i + 1);
	}
	assert_in_range(t.n_buckets, N, 2 * N);
	for (unsigned i = 0; i < N; i++)
		assert_ptr_equal(find(&t, i, i % spread), &items[i]);
	for (unsigned i = 0; i < N; i += 2)
		table_remove(&t, &items[i].node);
	assert_int_equal(t.n, N / 2);
	for (unsigned i = 0; i < N; i++)
		assert_ptr_equal(find(&t, i, i % spread), i % 2 ? &items[i] : NULL);
	for (unsigned i = 1; i < N; i += 2)
		table_remove(&t, &items[i].node);
	assert_int_equal(t.n, 0);
	assert_int_equal(longest_chain(&t), 0);
	table_deinit(&t);
}

static void test_all_found(void **state)
{
	check(N);
	check(7);
	check(1);
}

/* A hash whose bucket another one shares is another one. */
static void test_hashes_told_apart(void **state)
{
	struct table t = {0};
	struct item a = {.key = 1}, b = {.key = 2};
	assert_int_equal(table_add(&t, &a.node, 5), 0);
	assert_int_equal(table_add(&t, &b.node, 5 + t.n_buckets), 0);
	assert_ptr_equal(table_first(&t, 5), &a.node);
	assert_null(find(&t, 2, 5));
	assert_ptr_equal(find(&t, 2, 5 + t.n_buckets), &b);
	table_deinit(&t);
}

/* Half-built objects are torn down as whole ones are. */
static void test_remove_what_is_not_there(void **state)
{
	struct table t = {0};
	struct item in = {.key = 1}, out = {.key = 2};
	table_remove(&t, &out.node);
	assert_int_equal(table_add(&t, &in.node, 0), 0);
	table_remove(&t, &out.node);
	assert_int_equal(t.n, 1);
	assert_ptr_equal(find(&t, 1, 0), &in);
	table_deinit(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_found),
		cmocka_unit_test(test_hashes_told_apart),
		cmocka_unit_test(test_remove_what_is_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
