/* SPDX-License-Identifier: MIT */
/* The window of numbers that may come: cases at its edges, and a model that keeps everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/replay_window.h"

static void cases(void **state)
{
	static const struct {
		uint64_t number;
		bool takes;
	} steps[] = {
		{0, true},
		{0, false},
		{2, true},
		{1, true},
		{1, false},
		{64, true}, /* 1 is the oldest now */
		{0, false},
		{3, true},
		{65, true}, /* 2 is, which came */
		{1, false},
		{2, false},
		{4, true},
		{128, true}, /* 65 is */
		{64, false},
		{65, false},
		{66, true},
		{127, true},
		{1000000, true},
		{1000000 - 64, false},
		{1000000 - 63, true},
		{1000000 - 63, false},
		{UINT64_MAX - 1, true},
		{UINT64_MAX - 1, false},
		{UINT64_MAX - 64, true},
		{UINT64_MAX - 65, false},
		{5, false},
	};
	struct replay_window w = {0};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		if (replay_window_takes(&w, steps[i].number) != steps[i].takes)
			fail_msg("step %zu", i);
		if (steps[i].takes)
			replay_window_note(&w, steps[i].number);
	}
}

/* What is asked about and not noted changes nothing. */
static void like_a_model(void **state)
{
	static bool came[20000];
	uint32_t seed = 12345;
	for (int round = 0; round < 50; round++) {
		struct replay_window w = {0};
		uint64_t highest = 0, at = 0;
		bool any = false;
		memset(came, 0, sizeof(came));
		for (int i = 0; i < 2000; i++) {
			seed = seed * 1664525 + 1013904223;
			at += seed >> 8 & 3;
			uint64_t back = seed >> 16 & 127, number = at > back ? at - back : 0;
			bool takes = !came[number] && (!any || number + 63 >= highest);
			assert_int_equal(replay_window_takes(&w, number), takes);
			if (!takes || !(seed >> 28 & 3))
				continue;
			replay_window_note(&w, number);
			came[number] = any = true;
			highest = MAX(highest, number);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(like_a_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
