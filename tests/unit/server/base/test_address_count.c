/* SPDX-License-Identifier: MIT */
/* Limits for each address, and that counting leaves nothing behind. */
#include "server/base/address_count.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

#include "base/macros.h"
#include "tests/unit/base/chain.h"

static struct address at(const char *text)
{
	struct address a;
	assert_true(address_parse_ip(str_from(text), &a));
	return a;
}

static void test_limit(void **state)
{
	struct address_count t;
	address_count_init(&t);
	struct address a = at("192.0.2.1"), b = at("192.0.2.2");
	assert_int_equal(address_count_add(&t, &a, 2), 0);
	assert_int_equal(address_count_add(&t, &a, 2), 0);
	assert_int_equal(address_count_add(&t, &a, 2), -EBUSY);
	assert_int_equal(address_count_add(&t, &b, 2), 0);
	address_count_drop(&t, &a);
	assert_int_equal(address_count_add(&t, &a, 2), 0);
	address_count_deinit(&t);
}

/* A subscriber has a /64, and may use every address of it. */
static void test_networks(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"2001:db8::1", "2001:db8::2", true},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"10.0.0.1", "10.0.0.2", false},
		{"10.0.0.1", "::ffff:10.0.0.1", true},
		{"32.1.13.184", "2001:db8::1", false}, /* the same first four bytes */
		{"fe80::1", "fe80::2", false},
		{"fe80::1", "fe80::1", true},
		{"fe80::2001:db8:0:1", "2001:db8:0:1::", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address_count t;
		address_count_init(&t);
		struct address a = at(rows[i].a), b = at(rows[i].b);
		assert_int_equal(address_count_add(&t, &a, 1), 0);
		assert_int_equal(address_count_add(&t, &b, 1), rows[i].same ? -EBUSY : 0);
		address_count_deinit(&t);
	}
}

/* All networks of one prefix, as one stranger may have them, are found as fast as random ones. */
static void test_one_prefix(void **state)
{
	struct address_count t;
	address_count_init(&t);
	for (unsigned i = 0; i < 65536; i++) {
		struct address a = at("2001:db8:1::1");
		a.bytes[6] = (uint8_t)(i >> 8);
		a.bytes[7] = (uint8_t)i;
		assert_int_equal(address_count_add(&t, &a, 1), 0);
	}
	assert_int_equal(t.networks.table.n, 65536);
	assert_in_range(longest_chain(&t.networks.table), 0, CHAIN_MAX);
	address_count_deinit(&t);
}

/* An address that holds nothing takes no memory: not even after a refusal, or with a limit of 0. */
static void test_nothing_stays(void **state)
{
	struct address_count t;
	address_count_init(&t);
	for (int broadcast = 0; broadcast < 2; broadcast++) {
		for (unsigned i = 0; i < 5000; i++) {
			struct address a = {.family = ADDRESS_V4,
				.bytes = {10, 0, i >> 8, i & 255}};
			assert_int_equal(address_count_add(&t, &a, 0), -EBUSY);
			assert_int_equal(address_count_add(&t, &a, 1), 0);
			assert_int_equal(address_count_add(&t, &a, 1), -EBUSY);
		}
		assert_int_equal(t.networks.table.n, 5000);
		for (unsigned i = 0; i < 5000; i++) {
			struct address a = {.family = ADDRESS_V4,
				.bytes = {10, 0, i >> 8, i & 255}};
			address_count_drop(&t, &a);
		}
		assert_int_equal(t.networks.table.n, 0);
	}
	address_count_deinit(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_one_prefix),
		cmocka_unit_test(test_nothing_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
