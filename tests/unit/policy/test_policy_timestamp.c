/* SPDX-License-Identifier: MIT */
/* Moments and durations as texts, and a clock that never runs backwards. */
#include "policy/timestamp.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"

#define REFUSED UINT64_MAX

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2026-11-28T13:44:02.118Z", UINT64_C(1795873442118000)},
		{"2026-11-28t13:44:02.118z", UINT64_C(1795873442118000)},
		{"2026-11-28 14:44:02.118+01:00", UINT64_C(1795873442118000)},
		{"2026-11-28T08:14:02.118-05:30", UINT64_C(1795873442118000)},
		{"2026-11-28T13:44:02.1234567Z", UINT64_C(1795873442123456)},
		{"2024-02-29T00:00:00Z", UINT64_C(1709164800000000)},
		{"2016-12-31T23:59:60Z", UINT64_C(1483228800000000)},
		{"9999-12-31T23:59:59.999999Z", UINT64_C(253402300799999999)},
		{"9999-12-31T23:59:59-00:01", REFUSED},
		{"1970-01-01T00:00:00+00:01", REFUSED},
		{"1969-12-31T23:59:59Z", REFUSED},
		{"2025-02-29T00:00:00Z", REFUSED},
		{"2026-11-31T00:00:00Z", REFUSED},
		{"2026-13-01T00:00:00Z", REFUSED},
		{"2026-00-01T00:00:00Z", REFUSED},
		{"2026-11-28T24:00:00Z", REFUSED},
		{"2026-11-28T13:60:00Z", REFUSED},
		{"2026-11-28T13:44:61Z", REFUSED},
		{"2026-11-28T13:44:02", REFUSED},
		{"2026-11-28T13:44:02.Z", REFUSED},
		{"2026-11-28T13:44:02+24:00", REFUSED},
		{"2026-11-28T13:44:02+0100", REFUSED},
		{"2026-11-28T13:44:02Zx", REFUSED},
		{"2026-11-28", REFUSED},
		{"", REFUSED},
		{"2026-11-28T13:44:02.11811811811811811811811Z", REFUSED},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t us = REFUSED;
		assert_int_equal(policy_time_parse(str_from(rows[i].text), &us),
			rows[i].us != REFUSED);
		assert_int_equal(us, rows[i].us);
	}
}

static void test_format(void **state)
{
	char z[POLICY_TIME_SIZE];
	assert_string_equal(policy_time_format(0, z), "1970-01-01T00:00:00.000Z");
	assert_string_equal(policy_time_format(UINT64_C(1795873442118999), z),
		"2026-11-28T13:44:02.118Z");
	assert_string_equal(policy_time_format(UINT64_C(253402300799999999), z),
		"9999-12-31T23:59:59.999Z");
	assert_string_equal(policy_time_format(UINT64_C(253402300800000000), z), "");
	assert_string_equal(policy_time_format(UINT64_MAX, z), "");
}

/* What is printed is what was parsed, to the millisecond. */
static void test_round_trip(void **state)
{
	uint64_t seed = 1;
	for (unsigned i = 0; i < 20000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		uint64_t us = (seed >> 6) % UINT64_C(253402300800000000) / 1000 * 1000, back;
		char z[POLICY_TIME_SIZE];
		assert_true(policy_time_parse(str_from(policy_time_format(us, z)), &back));
		assert_int_equal(back, us);
	}
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} rows[] = {
		{"90d", 90 * 86400 * CLOCK_S},
		{"2w", 14 * 86400 * CLOCK_S},
		{"24h", 86400 * CLOCK_S},
		{"250ms", 250 * CLOCK_MS},
		{"0", 0},
		{"0d", 0},
		{"d", REFUSED},
		{"-1d", REFUSED},
		{"1.5d", REFUSED},
		{"1 d", REFUSED},
		{"99999999999999d", REFUSED},
		{"", REFUSED},
		{"90", REFUSED},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t us = REFUSED;
		assert_int_equal(policy_duration_parse(str_from(rows[i].text), &us),
			rows[i].us != REFUSED);
		assert_int_equal(us, rows[i].us);
	}
}

static void *watch(void *arg)
{
	uint64_t before = 0;
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t now = policy_now();
		if (now < before)
			return arg;
		before = now;
	}
	return NULL;
}

static void test_now(void **state)
{
	pthread_t threads[4];
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	uint64_t now = policy_now();
	assert_in_range(now / CLOCK_S, ts.tv_sec, ts.tv_sec + 60);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, watch, threads), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
