/* SPDX-License-Identifier: MIT */
#include "scene.h"

static unsigned ended;

static void end(void *what)
{
	assert_string_equal(what, "owned");
	ended++;
}

static void test_pieces_are_zeroed_and_apart(void **state)
{
	struct arena a = ARENA_NULL;
	char *before = NULL;
	for (size_t n = 1; n < 20000; n = n * 3 + 1) {
		char *p = arena_alloc(&a, n);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 1, n);
		assert_ptr_not_equal(p, before);
		before = p;
	}
	struct str copy = arena_copy(&a, STR("text"));
	assert_string_equal(copy.p, "text");
	arena_deinit(&a);
	arena_deinit(&a);
}

static void test_what_it_owns_ends_with_it(void **state)
{
	static char owned[] = "owned";
	struct arena a = ARENA_NULL;
	assert_int_equal(arena_own(&a, owned, 0, end), 0);
	assert_int_equal(arena_own(&a, owned, 0, end), 0);
	assert_int_equal(ended, 0);
	arena_deinit(&a);
	assert_int_equal(ended, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_are_zeroed_and_apart),
		cmocka_unit_test(test_what_it_owns_ends_with_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
