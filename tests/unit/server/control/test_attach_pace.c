/* SPDX-License-Identifier: MIT */
/* How often an identity is told that there is nothing to attach to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/control/attach_pace.h"

static void so_many_are_told_at_once(void **state)
{
	struct identity i = {0};
	for (unsigned n = 0; n < ATTACH_MISSES; n++) {
		assert_true(attach_pace_due(&i) <= 1000);
		attach_pace_missed(&i, 1000);
	}
	assert_int_equal(attach_pace_due(&i), 1000 + ATTACH_MISS_EVERY);
}

static void then_one_a_second(void **state)
{
	struct identity i = {.attach_misses = ATTACH_MISSES};
	uint64_t now = 7 * CLOCK_S;
	for (unsigned n = 0; n < 3; n++) {
		attach_pace_missed(&i, now);
		assert_int_equal(attach_pace_due(&i), now + ATTACH_MISS_EVERY);
		now += ATTACH_MISS_EVERY;
	}
}

static void what_is_found_ends_it(void **state)
{
	struct identity i = {.attach_misses = ATTACH_MISSES, .attach_missed_at = CLOCK_S};
	attach_pace_found(&i);
	assert_int_equal(attach_pace_due(&i), 0);
	attach_pace_missed(&i, CLOCK_S);
	assert_true(attach_pace_due(&i) <= CLOCK_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_are_told_at_once),
		cmocka_unit_test(then_one_a_second),
		cmocka_unit_test(what_is_found_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
