/* SPDX-License-Identifier: MIT */
/* The pool of masking keys: each byte is handed out once and then gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "crypto/random.h"

static void bytes_differ(void **state)
{
	uint8_t a[32] = {0}, b[32] = {0}, zero[32] = {0};
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, zero, sizeof(a));
}

static void masks_are_cut_in_order_and_wiped(void **state)
{
	struct random_pool pool;
	uint8_t mask[4], block[RANDOM_POOL_SIZE];
	static const uint8_t zero[RANDOM_POOL_SIZE];
	random_pool_init(&pool);
	random_pool_mask(&pool, mask);
	memcpy(block, pool.bytes, sizeof(block));
	for (size_t at = 4; at < RANDOM_POOL_SIZE; at += 4) {
		random_pool_mask(&pool, mask);
		assert_memory_equal(mask, block + at, 4);
		assert_memory_equal(pool.bytes, zero, at + 4);
	}
	random_pool_deinit(&pool);
	random_pool_deinit(NULL);
}

static int by_value(const void *a, const void *b)
{
	return memcmp(a, b, 4);
}

static void masks_do_not_repeat(void **state)
{
	/* Three blocks. Among 3,072 random values about one pair in a thousand runs is equal. */
	enum { COUNT = 3 * RANDOM_POOL_SIZE / 4 };
	static uint8_t masks[COUNT][4];
	struct random_pool pool;
	random_pool_init(&pool);
	for (size_t i = 0; i < COUNT; i++)
		random_pool_mask(&pool, masks[i]);
	random_pool_deinit(&pool);
	qsort(masks, COUNT, sizeof(masks[0]), by_value);
	unsigned equal = 0;
	for (size_t i = 1; i < COUNT; i++)
		equal += memcmp(masks[i - 1], masks[i], 4) == 0;
	assert_in_range(equal, 0, 2);
}

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_differ),
		cmocka_unit_test(masks_are_cut_in_order_and_wiped),
		cmocka_unit_test(masks_do_not_repeat),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
