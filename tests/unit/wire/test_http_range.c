/* SPDX-License-Identifier: MIT */
/* Ranges, in every form that they are written in, and what is none. */
#include "wire/http_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/macros.h"

#define NONE UINT64_MAX
#define GONE (UINT64_MAX - 1)
#define TERA (1ull << 40)

static const struct {
	const char *value;
	uint64_t size, first, n; /* `first` NONE: ignored; GONE: 416 */
} rows[] = {
	{"bytes=0-0", 10, 0, 1},
	{"bytes=0-9", 10, 0, 10},
	{"bytes=0-", 10, 0, 10},
	{"bytes=9-", 10, 9, 1},
	{"bytes=3-5", 10, 3, 3},
	{"bytes=3-500", 10, 3, 7},
	{"BYTES=3-5", 10, 3, 3},
	{"bytes= 3-5 ", 10, 3, 3},
	{"bytes=,3-5,", 10, 3, 3},
	{"bytes=-3", 10, 7, 3},
	{"bytes=-10", 10, 0, 10},
	{"bytes=-11", 10, 0, 10},
	{"bytes=-3", TERA, TERA - 3, 3},
	{"bytes=1099511627775-", TERA, TERA - 1, 1},
	/* more than 64 bits hold */
	{"bytes=1-99999999999999999999999", 10, 1, 9},
	{"bytes=-99999999999999999999999", 10, 0, 10},
	{"bytes=18446744073709551616-", 10, GONE, 0},
	{"bytes=18446744073709551615-18446744073709551615", 10, GONE, 0},
	/* not there */
	{"bytes=10-", 10, GONE, 0},
	{"bytes=10-20", 10, GONE, 0},
	{"bytes=-0", 10, GONE, 0},
	{"bytes=0-", 0, GONE, 0},
	{"bytes=-1", 0, NONE, 0},
	/* several */
	{"bytes=0-0,2-2", 10, NONE, 0},
	{"bytes=0-,0-,0-,0-", 10, NONE, 0},
	{"bytes=0-0,99-", 10, NONE, 0},
	/* none */
	{"", 10, NONE, 0},
	{"bytes", 10, NONE, 0},
	{"bytes=", 10, NONE, 0},
	{"bytes=-", 10, NONE, 0},
	{"bytes=5-3", 10, NONE, 0},
	{"bytes=a-3", 10, NONE, 0},
	{"bytes=3-a", 10, NONE, 0},
	{"bytes=3", 10, NONE, 0},
	{"bytes=3 - 5", 10, NONE, 0},
	{"bytes=--3", 10, NONE, 0},
	{"bytes=3--5", 10, NONE, 0},
	{"bytes=+3-5", 10, NONE, 0},
	{"bytes=0x3-5", 10, NONE, 0},
	{"bytes =3-5", 10, NONE, 0},
	{"lines=3-5", 10, NONE, 0},
};

static void test_ranges(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t first = 77, n = 77;
		enum http_range r =
			http_range_parse(str_from(rows[i].value), rows[i].size, &first, &n);
		enum http_range want = rows[i].first == NONE   ? HTTP_RANGE_NONE
				       : rows[i].first == GONE ? HTTP_RANGE_UNSATISFIABLE
							       : HTTP_RANGE_PART;
		bool part = want == HTTP_RANGE_PART;
		if (r != want || first != (part ? rows[i].first : 77) ||
			n != (part ? rows[i].n : 77))
			fail_msg("\"%s\": %d, %llu bytes from %llu", rows[i].value, (int)r,
				(unsigned long long)n, (unsigned long long)first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ranges)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
