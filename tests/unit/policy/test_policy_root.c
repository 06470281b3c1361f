/* SPDX-License-Identifier: MIT */
/* Roots: which one signs, and how long the others are listed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/root.h"

static void test_new(void **state)
{
	struct policy_root r, copy;
	assert_int_equal(policy_root_init(&r, "certificate", ""), 0);
	memset(r.key, 7, sizeof r.key);
	assert_true(r.lifetime == 72 * POLICY_HOUR);
	assert_true(policy_root_listed(&r, UINT64_MAX - 1));
	assert_int_equal(policy_root_copy(&copy, &r), 0);
	assert_string_equal(copy.certificate, "certificate");
	assert_string_equal(copy.cross, "");
	assert_memory_equal(copy.key, r.key, sizeof r.key);
	policy_root_deinit(&copy);
	policy_root_deinit(&r);
	assert_int_equal(r.key[0], 0);
	policy_root_deinit(&r);
}

static void test_retired(void **state)
{
	static const uint8_t none[POLICY_ROOT_KEY_SIZE];
	struct policy_root r;
	assert_int_equal(policy_root_init(&r, "certificate", "cross"), 0);
	memset(r.key, 7, sizeof r.key);
	r.lifetime = POLICY_HOUR;
	uint64_t before = policy_now();
	policy_root_retire(&r);
	assert_memory_equal(r.key, none, sizeof none);
	assert_true(r.listed_until >= before + 2 * POLICY_HOUR);
	assert_true(r.listed_until <= policy_now() + 2 * POLICY_HOUR);
	assert_true(policy_root_listed(&r, r.listed_until - 1));
	assert_false(policy_root_listed(&r, r.listed_until));
	policy_root_deinit(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_retired),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
