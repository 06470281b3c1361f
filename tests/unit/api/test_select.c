/* SPDX-License-Identifier: MIT */
/* The next rows of a list that is in no order. */
#include "api/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 1000

static char keys[ROWS][8];

/* Of 0 to ROWS - 1 each once, in an order of their own. */
static void test_pages(void **state)
{
	char after[8] = "";
	unsigned seen = 0;
	for (unsigned i = 0; i < ROWS; i++)
		snprintf(keys[i], sizeof(keys[i]), "%04u", i * 377 % ROWS);
	for (;;) {
		struct api_select s = {.after = after};
		for (unsigned i = 0; i < ROWS; i++)
			api_select_offer(&s, keys[i], keys[i]);
		for (unsigned i = 0; i < s.n; i++) {
			assert_int_equal(atoi(s.rows[i].key), seen++);
			assert_ptr_equal(s.rows[i].key, s.rows[i].row);
		}
		if (api_select_last(&s))
			break;
		assert_int_equal(s.n, API_ROWS);
		strcpy(after, s.rows[s.n - 1].key);
	}
	assert_int_equal(seen, ROWS);
}

static void test_edges(void **state)
{
	struct api_select none = {.after = ""};
	assert_true(api_select_last(&none));
	/* The cursor's own row is not among them, and may be gone. */
	struct api_select s = {.after = "b"};
	const char *const rows[] = {"d", "a", "b", "c"};
	for (unsigned i = 0; i < 4; i++)
		api_select_offer(&s, rows[i], NULL);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.rows[0].key, "c");
	assert_string_equal(s.rows[1].key, "d");
	/* As many as are kept, and no row behind them: nobody knows yet. */
	struct api_select full = {.after = ""};
	for (unsigned i = 0; i < API_ROWS; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%04u", i);
		api_select_offer(&full, keys[i], NULL);
	}
	assert_false(api_select_last(&full));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
