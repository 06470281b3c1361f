/* SPDX-License-Identifier: MIT */
/* When handshakes that failed lock out, whom, and for how long; on a clock of the test's. */
#include "server/base/lockout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"

#define NOW   (1000 * CLOCK_S)
#define FLOOD 100000

static struct lockout lockout;

static int begin(void **state)
{
	assert_int_equal(crypto_start(), 0);
	assert_int_equal(lockout_init(&lockout), 0);
	return 0;
}

static int end(void **state)
{
	lockout_deinit(&lockout);
	return 0;
}

static struct address host(unsigned number)
{
	return (struct address){.family = ADDRESS_V4,
		.bytes = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static struct lockout_try attempt(const struct address *a, unsigned id)
{
	struct lockout_try t = {.peer = a, .stamp = 1};
	memcpy(t.key_id, &id, sizeof(id));
	return t;
}

static uint64_t miss(const struct address *a, unsigned id, uint64_t now)
{
	struct lockout_try t = attempt(a, id);
	bool address;
	uint64_t time = lockout_failed(&lockout, &t, now, &address);
	if (time)
		assert_int_equal(address, lockout_of_address(&lockout, a, now) > 0);
	return time;
}

static uint64_t of_try(const struct address *a, unsigned id, uint64_t now)
{
	struct lockout_try t = attempt(a, id);
	return lockout_of_try(&lockout, &t, now);
}

/* Another key id each time: ten are free, then each doubles the time. */
static void test_guesses_lock_the_address(void **state)
{
	struct address a = host(1), b = host(2);
	uint64_t now = NOW;
	unsigned id = 0;
	for (; id < LOCKOUT_GUESSES; id++)
		assert_int_equal(miss(&a, id, now), 0);
	assert_int_equal(lockout_of_address(&lockout, &a, now), 0);
	for (uint64_t time = LOCKOUT_MIN; time < 2 * LOCKOUT_MAX; time *= 2) {
		uint64_t expected = MIN(time, LOCKOUT_MAX);
		assert_int_equal(miss(&a, id++, now), expected);
		assert_int_equal(lockout_of_address(&lockout, &a, now), expected);
		assert_int_equal(of_try(&a, 12345, now + 1), expected - 1);
		assert_int_equal(lockout_of_address(&lockout, &b, now), 0);
		now += expected;
		assert_int_equal(lockout_of_address(&lockout, &a, now), 0);
	}
	for (int i = 0; i < 300; i++) /* the count has an end */
		assert_int_equal(miss(&a, id++, now), LOCKOUT_MAX);
	assert_int_equal(lockout.begun, 10 + 300);
}

/* 100 guesses that were all under way when the tenth failed do not make it longer than the longest. */
static void test_guesses_at_once(void **state)
{
	struct address a = host(1);
	for (unsigned id = 0; id < 100; id++)
		miss(&a, id, NOW);
	assert_int_equal(lockout_of_address(&lockout, &a, NOW), LOCKOUT_MAX);
	/* A later one is never shorter than what was begun. */
	miss(&a, 100, NOW + 1);
	assert_int_equal(lockout_of_address(&lockout, &a, NOW + 1), LOCKOUT_MAX);
}

/* One client with a wrong token behind a NAT: it alone is locked out. */
static void test_repeats_lock_the_key_id_alone(void **state)
{
	struct address a = host(1), b = host(2);
	for (unsigned i = 0; i < LOCKOUT_REPEATS; i++)
		assert_int_equal(miss(&a, 7, NOW), 0);
	assert_int_equal(miss(&a, 7, NOW), LOCKOUT_MIN);
	assert_int_equal(miss(&a, 7, NOW), 2 * LOCKOUT_MIN);
	assert_int_equal(of_try(&a, 7, NOW), 2 * LOCKOUT_MIN);
	assert_int_equal(lockout_of_address(&lockout, &a, NOW), 0);
	assert_int_equal(of_try(&a, 8, NOW), 0);
	assert_int_equal(of_try(&b, 7, NOW), 0);
	/* Its token is one of the server's by now: another keyring. */
	struct lockout_try t = attempt(&a, 7);
	t.stamp = 2;
	assert_int_equal(lockout_of_try(&lockout, &t, NOW), 0);
	for (unsigned i = 0; i < 1000; i++)
		miss(&a, 7, NOW);
	assert_int_equal(lockout_of_address(&lockout, &a, NOW), 0);
}

static void test_what_failed_is_forgotten(void **state)
{
	struct address a = host(1);
	uint64_t now = NOW;
	for (unsigned id = 0; id < 3 * LOCKOUT_GUESSES; id++, now += LOCKOUT_FORGET + 1)
		assert_int_equal(miss(&a, id, now), 0);
	for (unsigned id = 0; id < LOCKOUT_GUESSES - 1; id++)
		assert_int_equal(miss(&a, 1000 + id, now - LOCKOUT_FORGET), 0);
	/* Within the time nothing is. */
	assert_int_equal(miss(&a, 2000, now), LOCKOUT_MIN);
}

/* What pushes others out of the table forgives them; nobody is locked out for what others did. */
static void test_a_flood_locks_nobody_out(void **state)
{
	const void *memory = lockout.cells.memory;
	for (unsigned i = 0; i < FLOOD; i++) {
		struct address a = host(i);
		assert_int_equal(miss(&a, i, NOW + i), 0);
	}
	for (unsigned i = 0; i < FLOOD; i++) {
		struct address a = host(i);
		assert_int_equal(of_try(&a, i, NOW + FLOOD), 0);
	}
	assert_int_equal(lockout.begun, 0);
	assert_ptr_equal(lockout.cells.memory, memory);
}

/* A lock-out's end lies ahead of what fails now, so what fails once does not push it out. */
static void test_a_flood_ends_no_lockout(void **state)
{
	struct address bad = host(1 << 20);
	for (unsigned id = 0; id < LOCKOUT_GUESSES + 12; id++)
		miss(&bad, id, NOW);
	for (unsigned i = 0; i < FLOOD; i++) {
		struct address a = host(i);
		miss(&a, i, NOW + i);
	}
	assert_int_equal(lockout_of_address(&lockout, &bad, NOW + FLOOD), LOCKOUT_MAX - FLOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_guesses_lock_the_address, begin, end),
		cmocka_unit_test_setup_teardown(test_guesses_at_once, begin, end),
		cmocka_unit_test_setup_teardown(test_repeats_lock_the_key_id_alone, begin, end),
		cmocka_unit_test_setup_teardown(test_what_failed_is_forgotten, begin, end),
		cmocka_unit_test_setup_teardown(test_a_flood_locks_nobody_out, begin, end),
		cmocka_unit_test_setup_teardown(test_a_flood_ends_no_lockout, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
