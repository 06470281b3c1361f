/* SPDX-License-Identifier: MIT */
/* Memory that connections hold is bounded, and taken from those who hold most and moved least. */
#include "server/base/charges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"
#include "tests/unit/base/chain.h"

#define LIMIT 1000000u /* bytes of the whole budget: connections may have half */

struct holder {
	struct charge charge;
	unsigned evicted;
	size_t keeps; /* bytes that it does not let go of, the first time */
};

static struct budget budget;
static struct charges all;
static struct loop *loop;
static unsigned n_evicted;

static void evict(struct charge *c)
{
	struct holder *h = container_of(c, struct holder, charge);
	h->evicted++;
	n_evicted++;
	if (h->keeps)
		charge_set(&all, c, NULL, h->keeps, true);
	else
		charge_drop(&all, c);
	h->keeps = 0;
}

static int begin(void **state)
{
	loop = loop_new();
	assert_non_null(loop);
	n_evicted = 0;
	budget_init(&budget, LIMIT);
	charges_init(&all, loop, &budget);
	return 0;
}

static int end(void **state)
{
	assert_int_equal(all.account.sum.held, 0);
	assert_int_equal(all.hosts.table.n, 0);
	charges_deinit(&all);
	assert_int_equal(budget.sum.held, 0);
	loop_free(loop);
	return 0;
}

static void nothing(struct loop_task *task)
{
}

static void turn(void)
{
	struct loop_task task;
	loop_task_init(&task, nothing);
	loop_defer(loop, LOOP_PHASE_READ, &task);
	loop_turn(loop);
}

static void hold(struct holder *h, unsigned address, size_t bytes, bool busy)
{
	struct address peer = {.family = ADDRESS_V6,
		.bytes = {0x20, 1, [6] = (uint8_t)(address >> 8), (uint8_t)address}};
	if (!h->charge.evict)
		charge_init(&h->charge, evict);
	charge_set(&all, &h->charge, &peer, bytes, busy);
}

/* An address that fills the memory with many connections loses its own, and no one else's. */
static void test_fullest_address_goes(void **state)
{
	enum { MANY = 200, EACH = 10000 };
	static struct holder honest[10], hostile[MANY];
	for (unsigned i = 0; i < ARRAY_LEN(honest); i++)
		hold(&honest[i], 1 + i, EACH, false);
	for (unsigned i = 0; i < MANY; i++) {
		hold(&hostile[i], 999, EACH, false);
		turn();
		assert_true(all.account.sum.held <= LIMIT / 2);
	}
	/* The one that moved nothing for longest goes first. */
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(hostile[i].evicted, i < n_evicted);
	assert_int_equal(n_evicted, MANY - (LIMIT / 2 - ARRAY_LEN(honest) * EACH) / EACH);
	for (unsigned i = 0; i < ARRAY_LEN(honest); i++) {
		assert_int_equal(honest[i].evicted, 0);
		hold(&honest[i], 0, 0, false);
	}
	for (unsigned i = 0; i < MANY; i++)
		hold(&hostile[i], 0, 0, false);
}

/* Of one address: without a request before with one, then what has moved longest ago. */
static void test_order(void **state)
{
	static struct holder h[5];
	hold(&h[0], 1, 100000, true);
	hold(&h[1], 1, 100000, false);
	hold(&h[2], 1, 100000, false);
	hold(&h[3], 1, 100000, true);
	hold(&h[1], 1, 100000, false);
	turn();
	assert_int_equal(n_evicted, 0);
	static const unsigned order[] = {2, 1, 0, 3};
	for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
		/* As much more as has to go: another address holds less than this one as long as it may. */
		hold(&h[4], 2, 100000 * (i + 1) + 1, true);
		turn();
		if (h[4].evicted)
			break;
		assert_int_equal(h[order[i]].evicted, 1);
		assert_int_equal(n_evicted, i + 1);
	}
	assert_true(n_evicted >= 2);
	for (unsigned i = 0; i < ARRAY_LEN(h); i++)
		hold(&h[i], 0, 0, false);
}

/* Who can let go of a part keeps the rest, and its connection. */
static void test_part(void **state)
{
	static struct holder h = {.keeps = 1000};
	hold(&h, 1, LIMIT, true);
	turn();
	assert_int_equal(h.evicted, 1);
	assert_int_equal(h.charge.bytes, 1000);
	hold(&h, 0, 0, false);
}

static void relieve(struct budget_account *a)
{
	budget_release(a, a->sum.held);
	n_evicted += 1000;
}

/* Beside links: whoever holds most lets go, and what links hold is not the visitors' fault. */
static void test_beside_links(void **state)
{
	static struct holder small, large;
	struct budget_account link;
	budget_account_init(&link, &budget, relieve);
	hold(&small, 1, 100000, false);
	budget_charge(&link, 850000);
	assert_int_equal(n_evicted, 0);
	hold(&small, 1, 200000, false);
	assert_int_equal(n_evicted, 0); /* never from within */
	turn();
	assert_int_equal(n_evicted, 1000);
	hold(&large, 2, 250000, false);
	budget_charge(&link, 400000);
	assert_int_equal(n_evicted, 1000);
	budget_charge(&link, 40000);
	budget_charge(&link, 150000);
	assert_int_equal(n_evicted, 2000);
	hold(&small, 0, 0, false);
	hold(&large, 0, 0, false);
	budget_account_deinit(&link);
}

static void test_one_prefix(void **state)
{
	enum { MANY = 65536 };
	struct holder *h = calloc(MANY, sizeof(*h));
	assert_non_null(h);
	for (unsigned i = 0; i < MANY; i++)
		hold(&h[i], i, 1, false);
	assert_int_equal(all.hosts.table.n, MANY);
	assert_in_range(longest_chain(&all.hosts.table), 0, CHAIN_MAX);
	for (unsigned i = 0; i < MANY; i++)
		hold(&h[i], 0, 0, false);
	free(h);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_fullest_address_goes),
		TEST(test_order),
		TEST(test_part),
		TEST(test_beside_links),
		TEST(test_one_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
