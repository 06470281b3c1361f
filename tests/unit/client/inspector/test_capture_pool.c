/* SPDX-License-Identifier: MIT */
/* Texts in blocks: what goes in comes out, at every length around a block's, and blocks are used again. */
#include "captures.h"

static void test_round_trip(void **state)
{
	static const size_t lengths[] = {0, 1, CAPTURE_BLOCK_TEXT - 1, CAPTURE_BLOCK_TEXT,
		CAPTURE_BLOCK_TEXT + 1, 3 * CAPTURE_BLOCK_TEXT, 3 * CAPTURE_BLOCK_TEXT + 7};
	struct capture_pool pool;
	assert_int_equal(capture_pool_init(&pool, 16 * CAPTURE_BLOCK), 0);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		for (size_t step = 1; step < 3000; step = step * 3 + 1) {
			char in[4096], out[4096];
			struct capture_text t = {0};
			for (size_t k = 0; k < lengths[i]; k++)
				in[k] = (char)(k * 7 + i);
			for (size_t at = 0; at < lengths[i]; at += step) {
				size_t n = MIN(step, lengths[i] - at);
				size_t needs = capture_text_needs(&t, n);
				uint32_t used = pool.used;
				capture_text_append(&t, &pool, in + at, n);
				assert_int_equal(pool.used - used, needs);
			}
			for (size_t at = 0; at <= lengths[i]; at += 97) {
				capture_text_copy(&t, &pool, at, lengths[i] - at, out);
				assert_memory_equal(out, in + at, lengths[i] - at);
			}
			capture_text_clear(&t, &pool);
			assert_int_equal(pool.used, 0);
		}
	}
	/* The same few blocks served them all. */
	assert_int_equal(pool.fresh, 4);
	capture_pool_deinit(&pool);
}

static void test_full(void **state)
{
	struct capture_pool pool;
	assert_int_equal(capture_pool_init(&pool, 3 * CAPTURE_BLOCK + 17), 0);
	void *blocks[3];
	for (size_t i = 0; i < 3; i++) {
		assert_true(capture_pool_has(&pool, 3 - i));
		blocks[i] = capture_pool_take(&pool);
		memset(blocks[i], (int)i, CAPTURE_BLOCK);
	}
	assert_false(capture_pool_has(&pool, 1));
	capture_pool_give(&pool, blocks[1]);
	assert_true(capture_pool_has(&pool, 1));
	assert_ptr_equal(capture_pool_take(&pool), blocks[1]);
	capture_pool_deinit(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
