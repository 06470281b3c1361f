/* SPDX-License-Identifier: MIT */
/* The budget of one worker, and the share that a session's links have in it (rule 21). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "mux/budget.h"

#define N 5

static struct budget budget;
static struct budget_share shares[2];
static struct budget_account accounts[N];
static int relieved[N]; /* in which order; 0: not */
static int n_relieved;

static void relieve(struct budget_account *a)
{
	relieved[a - accounts] = ++n_relieved;
	budget_release(a, a->sum.held);
}

static void relieve_nothing(struct budget_account *a)
{
	relieved[a - accounts] = ++n_relieved;
}

/* `share` of each: 0 none, else its number. */
static void begin(size_t limit, const int share[N])
{
	budget_init(&budget, limit);
	n_relieved = 0;
	for (int i = 0; i < N; i++) {
		relieved[i] = 0;
		budget_account_init(&accounts[i], &budget, relieve);
		budget_account_join(&accounts[i], share[i] ? &shares[share[i] - 1] : NULL);
	}
}

static void end(void)
{
	for (int i = 0; i < N; i++)
		budget_account_deinit(&accounts[i]);
	assert_int_equal(budget.sum.held + budget.sum.promised, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(shares[i].sum.held + shares[i].sum.promised, 0);
}

/* However many links a session has, they get half of it together. */
static void half_for_a_session(void **state)
{
	begin(1000, (const int[N]){1, 1, 0, 0, 2});
	budget_charge(&accounts[0], 300);
	assert_true(budget_fits(&accounts[1], 200));
	assert_false(budget_fits(&accounts[1], 201));
	assert_true(budget_fits(&accounts[2], 500));
	assert_true(budget_fits(&accounts[4], 500));
	budget_charge(&accounts[1], 200);
	assert_int_equal(shares[0].sum.held, 500);
	assert_false(budget_fits(&accounts[0], 1));
	budget_charge(&accounts[2], 400);
	assert_true(budget_fits(&accounts[4], 100)); /* the rest of all */
	assert_false(budget_fits(&accounts[4], 101));
	budget_release(&accounts[0], 250);
	assert_int_equal(shares[0].sum.held, 250);
	assert_true(budget_fits(&accounts[1], 250));
	budget_account_deinit(&accounts[1]); /* one link ends with what it had */
	assert_int_equal(shares[0].sum.held, 50);
	assert_true(budget_fits(&accounts[0], 450));
	end();
}

static void joining_brings_what_is_held(void **state)
{
	begin(1000, (const int[N]){0});
	budget_charge(&accounts[0], 70);
	budget_account_join(&accounts[0], &shares[1]);
	assert_int_equal(shares[1].sum.held, 70);
	budget_account_join(&accounts[0], &shares[0]);
	assert_int_equal(shares[1].sum.held, 0);
	assert_int_equal(shares[0].sum.held, 70);
	end();
}

/* Credit counts where more of it is asked for, and costs nobody anything where memory is short. */
static void promises_cost_nobody(void **state)
{
	begin(1000, (const int[N]){1, 1, 0, 2});
	budget_promise(&accounts[0], 0, 300);
	budget_promise(&accounts[1], 0, 200);
	assert_int_equal(shares[0].sum.promised, 500);
	assert_false(budget_fits(&accounts[0], 1));
	budget_promise(&accounts[3], 0, 500);
	assert_false(budget_fits(&accounts[2], 1));
	budget_charge(&accounts[2], 1000);
	assert_int_equal(n_relieved, 0);
	assert_int_equal(budget.peak, 1000);
	budget_charge(&accounts[0], 1);
	assert_int_equal(budget.peak, 1001); /* before others made room */
	assert_int_equal(relieved[2], 1);    /* who holds most, whatever was promised */
	assert_int_equal(n_relieved, 1);
	budget_promise(&accounts[3], 500, 100);
	assert_true(budget_fits(&accounts[2], 300));
	budget_account_join(&accounts[1], &shares[1]);
	assert_int_equal(shares[0].sum.promised, 300);
	assert_int_equal(shares[1].sum.promised, 300);
	end();
}

/* Who lets go first is the session that holds most, and of it the link that does. */
static void relief_goes_by_session(void **state)
{
	static const struct {
		int share[N];
		size_t used[N], last; /* `last` is charged to account 4 and overruns the budget */
		bool stuck[N];        /* has nothing to let go of */
		int expected[N];
	} rows[] = {
		{{0}, {300, 400, 100, 100}, 200, {0}, {0, 1}},
		{{1, 0, 1, 0}, {300, 400, 200, 0}, 200, {0}, {1}},
		{{1, 0, 1, 0}, {300, 400, 200, 0}, 200, {true}, {1, 0, 2}},
		{{1, 0, 1, 0}, {300, 400, 200, 0}, 200, {true, false, true}, {1, 3, 2}},
		{{1, 2, 1, 2}, {300, 200, 100, 250}, 200, {0}, {0, 0, 0, 1}},
		{{1, 1, 1, 1, 1}, {250, 250, 250, 249}, 100, {false, true}, {1}},
		{{0}, {250, 250, 250, 200}, 100, {true, true, true, true, true}, {1, 0, 0, 2, 3}},
	};
	for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
		begin(1000, rows[row].share);
		for (int i = 0; i < 4; i++) {
			accounts[i].moved = (uint64_t)i; /* of equals the first goes */
			budget_charge(&accounts[i], rows[row].used[i]);
		}
		for (int i = 0; i < N; i++)
			if (rows[row].stuck[i])
				accounts[i].relieve = relieve_nothing;
		budget_charge(&accounts[4], rows[row].last);
		for (int i = 0; i < N; i++)
			if (relieved[i] != rows[row].expected[i])
				fail_msg("row %zu: account %d relieved %d, not %d", row, i,
					relieved[i], rows[row].expected[i]);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_for_a_session),
		cmocka_unit_test(joining_brings_what_is_held),
		cmocka_unit_test(promises_cost_nobody),
		cmocka_unit_test(relief_goes_by_session),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
