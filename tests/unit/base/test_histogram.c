/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/histogram.h"
#include "base/macros.h"

/* The bucket as one would look for it by hand. */
static unsigned bucket(uint64_t us)
{
	unsigned i = 0;
	while (i < HISTOGRAM_BOUNDS && us > histogram_bounds[i])
		i++;
	return i;
}

static void expect(uint64_t us)
{
	struct histogram h = {0};
	struct histogram_sum sum = {0};
	histogram_observe(&h, us);
	histogram_add(&sum, &h);
	assert_int_equal(sum.buckets[bucket(us)], 1);
	assert_int_equal(histogram_count(&sum), 1);
	assert_int_equal(sum.sum, us);
}

/* At each bound, at each power of two, and beside them. */
static void test_buckets(void **state)
{
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++)
		for (uint64_t us = histogram_bounds[i] - 1; us <= histogram_bounds[i] + 1; us++)
			expect(us);
	for (unsigned bit = 0; bit < 64; bit++) {
		expect((UINT64_C(1) << bit) - 1);
		expect(UINT64_C(1) << bit);
	}
	expect(UINT64_MAX);
}

static void test_quantile(void **state)
{
	struct histogram h = {0};
	struct histogram_sum sum = {0}, twice = {0};
	assert_int_equal(histogram_quantile(&sum, 0.5), 0);
	for (unsigned i = 0; i < 50; i++)
		histogram_observe(&h, 800); /* up to 1 ms */
	for (unsigned i = 0; i < 50; i++)
		histogram_observe(&h, 3000); /* 2.5 ms to 5 ms */
	histogram_add(&sum, &h);
	assert_int_equal(histogram_quantile(&sum, 0.25), 500);
	assert_int_equal(histogram_quantile(&sum, 0.5), 1000);
	assert_int_equal(histogram_quantile(&sum, 1), 5000);
	histogram_sum_add(&twice, &sum);
	histogram_sum_add(&twice, &sum);
	assert_int_equal(histogram_count(&twice), 200);
	assert_int_equal(histogram_quantile(&twice, 0.75), 3750);
	histogram_observe(&h, UINT64_C(3600000000));
	memset(&sum, 0, sizeof(sum));
	histogram_add(&sum, &h);
	assert_int_equal(histogram_quantile(&sum, 1), 10000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_quantile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
