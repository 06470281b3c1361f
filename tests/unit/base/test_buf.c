/* SPDX-License-Identifier: MIT */
/* The byte queue: what is in it stays in order through moving and growing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_append_consume(void **state)
{
	struct buf b = BUF_NULL;
	uint8_t next_in = 0, next_out = 0;
	for (int i = 0; i < 1000; i++) {
		uint8_t piece[37];
		for (size_t j = 0; j < sizeof piece; j++)
			piece[j] = next_in++;
		assert_int_equal(buf_append(&b, piece, sizeof piece), 0);
		size_t take = i % 3 ? buf_len(&b) / 2 : buf_len(&b) / 5;
		for (size_t j = 0; j < take; j++)
			assert_int_equal(buf_head(&b)[j], next_out++);
		buf_consume(&b, take);
	}
	/* Half is taken most of the time: what was consumed must have been reused. */
	assert_true(b.cap <= 1024);
	buf_deinit(&b);
	assert_int_equal(buf_len(&b), 0);
}

static void test_reserve(void **state)
{
	struct buf b = BUF_NULL;
	assert_int_equal(buf_append(&b, "abc", 3), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2 + 1), -ENOMEM);
	assert_memory_equal(buf_head(&b), "abc", 3);
	assert_int_equal(buf_reserve(&b, 1000), 0);
	assert_true(buf_room(&b) >= 1000);
	assert_memory_equal(buf_head(&b), "abc", 3);
	buf_consume(&b, 3);
	assert_int_equal(b.start, 0);
	buf_deinit(&b);
	buf_deinit(&b);
}

/*
 * A buffer without memory is one like any other, for whoever reads or fills nothing. What would be
 * undefined there shows in a build with clang's -fsanitize=undefined.
 */
static void test_empty(void **state)
{
	struct buf b = BUF_NULL;
	assert_null(buf_head(&b));
	assert_null(buf_tail(&b));
	assert_int_equal(buf_reserve(&b, 0), 0);
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_int_equal(buf_append(&b, buf_head(&b), buf_len(&b)), 0);
	buf_consume(&b, 0);
	buf_commit(&b, 0);
	assert_null(b.data);
	assert_int_equal(buf_len(&b) + buf_room(&b), 0);
	buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_consume),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
