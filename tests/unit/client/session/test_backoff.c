/* SPDX-License-Identifier: MIT */
/* Waits double up to their limit, and never leave the half below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/session/backoff.h"

static void test_bounds(void **state)
{
	static const uint64_t ceilings_ms[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000,
		10000};
	static const uint32_t randoms[] = {0, 1, UINT32_MAX / 2, UINT32_MAX};
	for (size_t r = 0; r < sizeof(randoms) / sizeof(*randoms); r++) {
		struct backoff b = {0};
		for (size_t i = 0; i < sizeof(ceilings_ms) / sizeof(*ceilings_ms); i++) {
			uint64_t wait = backoff_next(&b, randoms[r]);
			assert_in_range(wait, ceilings_ms[i] * CLOCK_MS / 2,
				ceilings_ms[i] * CLOCK_MS);
		}
	}
}

static void test_jitter(void **state)
{
	struct backoff low = {0}, high = {0};
	assert_int_equal(backoff_next(&low, 0), BACKOFF_MIN / 2);
	assert_true(backoff_next(&high, UINT32_MAX) > BACKOFF_MIN * 9 / 10);
}

static void test_reset(void **state)
{
	struct backoff b = {0};
	for (int i = 0; i < 5; i++)
		backoff_next(&b, 0);
	backoff_reset(&b);
	assert_int_equal(backoff_next(&b, 0), BACKOFF_MIN / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
