/* SPDX-License-Identifier: MIT */
/* Which lines pass, and what the next one says of those that did not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log_limit.h"

static const char *const none = NULL;

/* NULL: it does not pass. */
static const char *try(struct log_limit *l, uint64_t now, unsigned burst)
{
	static char more[LOG_LIMIT_MORE];
	return log_limit_pass(l, now, CLOCK_S, burst, more) ? more : none;
}

static void one_at_a_time(void **state)
{
	struct log_limit l = {0};
	assert_string_equal(try(&l, 1, 1), "");
	assert_null(try(&l, 1, 1));
	assert_null(try(&l, CLOCK_S, 1));
	assert_string_equal(try(&l, CLOCK_S + 1, 1), " (2 similar since the last message)");
	assert_null(try(&l, CLOCK_S + 2, 1));
	assert_string_equal(try(&l, 9 * CLOCK_S, 1), " (1 similar since the last message)");
	assert_string_equal(try(&l, 99 * CLOCK_S, 1), "");
}

static void some_at_once(void **state)
{
	for (int round = 0; round < 2; round++) {
		struct log_limit l = {0};
		uint64_t now = (uint64_t)(100 * round + 7) * CLOCK_S;
		for (int i = 0; i < 5; i++)
			assert_string_equal(try(&l, now, 5), "");
		assert_null(try(&l, now, 5));
		assert_null(try(&l, now + CLOCK_S - 1, 5));
		assert_non_null(try(&l, now + CLOCK_S, 5));
		assert_null(try(&l, now + CLOCK_S, 5));
		/* In the long run one each second. */
		unsigned passed = 0;
		for (uint64_t t = 0; t < 20 * CLOCK_S; t += 10 * CLOCK_MS)
			passed += try(&l, now + 2 * CLOCK_S + t, 5) != none;
		assert_in_range(passed, 20, 21);
	}
}

static void a_count_that_is_full(void **state)
{
	struct log_limit l = {.similar = UINT32_MAX};
	l.due = CLOCK_S;
	assert_null(try(&l, 1, 1));
	assert_string_equal(try(&l, CLOCK_S, 1), " (4294967295 similar since the last message)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(some_at_once),
		cmocka_unit_test(a_count_that_is_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
