/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/route/figures.h"

#define BEGAN (5 * CLOCK_S)

/* Rates are those between two readings, and of the first since it began. */
static void test_rates(void **state)
{
	struct figures f = {0};
	struct service_sum sum = {.begun = 20, .sent = 2000, .taken = 4000, .codes = {[5] = 2}};
	figures_init(&f, BEGAN);
	figures_take(&f, &sum, BEGAN + 2 * CLOCK_S);
	assert_true(f.begun == 10 && f.errors == 1 && f.in == 1000 && f.out == 2000);
	/* Who asks sooner gets the same. */
	sum.begun = 1000;
	figures_take(&f, &sum, BEGAN + 2 * CLOCK_S + FIGURES_EVERY - 1);
	assert_true(f.begun == 10);
	figures_take(&f, &sum, BEGAN + 4 * CLOCK_S);
	assert_true(f.begun == 490 && f.errors == 0 && f.in == 0);
	/* Its counts are others now, as of a service whose last stream ended: no rate is negative. */
	sum = (struct service_sum){0};
	figures_take(&f, &sum, BEGAN + 5 * CLOCK_S);
	assert_true(f.begun == 0 && histogram_count(&(struct histogram_sum){0}) == 0);
}

/* Times are those of the last minute or two. */
static void test_times(void **state)
{
	struct figures f = {0};
	struct service_sum sum = {0};
	figures_init(&f, BEGAN);
	for (unsigned second = 1; second <= 300; second++) {
		sum.durations.buckets[second <= 100 ? 0 : 5]++;
		figures_take(&f, &sum, BEGAN + second * CLOCK_S);
		struct histogram_sum times = figures_times(&f);
		uint64_t n = histogram_count(&times);
		assert_true(second < 60 ? n == second : n >= 60 && n <= 120);
		if (second > 220)
			assert_int_equal(times.buckets[0], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
