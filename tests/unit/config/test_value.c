/* SPDX-License-Identifier: MIT */
/* Text to value and back: units, bounds, overflow, lists. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "config/value.h"

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t us;
		const char *printed;
	} rows[] = {
		{"250ms", 0, 250000, "250ms"},
		{"10s", 0, 10000000, "10s"},
		{"5m", 0, 300000000, "5m"},
		{"2h", 0, UINT64_C(7200000000), "2h"},
		{"1us", 0, 1, "1us"},
		{"1500ms", 0, 1500000, "1500ms"},
		{"90d", 0, UINT64_C(90) * 86400000000, "2160h"},
		{"0", 0, 0, "0s"},
		{"0s", 0, 0, "0s"},
		{"5124095576h", 0, UINT64_C(5124095576) * UINT64_C(3600000000), "5124095576h"},
		{"5124095577h", -EINVAL, 0, NULL}, /* one more than 64 bits of microseconds */
		{"18446744073709551616us", -EINVAL, 0, NULL},
		{"10", -EINVAL, 0, NULL},
		{"s", -EINVAL, 0, NULL},
		{"", -EINVAL, 0, NULL},
		{"-1s", -EINVAL, 0, NULL},
		{"1.5s", -EINVAL, 0, NULL},
		{"10 s", -EINVAL, 0, NULL},
		{"10sec", -EINVAL, 0, NULL},
		{"0x10s", -EINVAL, 0, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t us = 4711;
		char text[32];
		int r = value_parse_duration(str_from(rows[i].text), &us);
		if (r != rows[i].r || us != (r ? 4711 : rows[i].us))
			fail_msg("\"%s\": %d, %ju", rows[i].text, r, (uintmax_t)us);
		if (!r)
			assert_string_equal(value_format_duration(us, text, sizeof text),
				rows[i].printed);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t bytes;
		const char *printed;
	} rows[] = {
		{"0", 0, 0, "0"},
		{"4096", 0, 4096, "4KiB"},
		{"4097", 0, 4097, "4097"},
		{"64KiB", 0, 65536, "64KiB"},
		{"64K", 0, 65536, "64KiB"},
		{"8MiB", 0, 8 << 20, "8MiB"},
		{"1024MiB", 0, 1 << 30, "1GiB"},
		{"17179869183GiB", 0, UINT64_C(17179869183) << 30, "17179869183GiB"},
		{"17179869184GiB", -EINVAL, 0, NULL},
		{"64KB", -EINVAL, 0, NULL},
		{"64kib", -EINVAL, 0, NULL},
		{"KiB", -EINVAL, 0, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t bytes = 4711;
		char text[32];
		int r = value_parse_size(str_from(rows[i].text), &bytes);
		if (r != rows[i].r || bytes != (r ? 4711 : rows[i].bytes))
			fail_msg("\"%s\": %d, %ju", rows[i].text, r, (uintmax_t)bytes);
		if (!r)
			assert_string_equal(value_format_size(bytes, text, sizeof text),
				rows[i].printed);
	}
}

/* Every row here sets the same field, so its offset is 0. */
static void test_set(void **state)
{
	static const char *const colours[] = {"red", "green", "blue", NULL};
	static const struct {
		struct option_row row;
		const char *text;
		const char *expected; /* printed back, or the sentence when it begins with '!' */
	} rows[] = {
		{{.type = OPTION_FLAG}, "true", "true"},
		{{.type = OPTION_FLAG}, "Off", "false"},
		{{.type = OPTION_FLAG}, "maybe", "!\"maybe\" is neither true nor false"},
		{{.type = OPTION_STRING}, "text, as it is", "text, as it is"},
		{{.type = OPTION_STRING}, "", ""},
		{{.type = OPTION_SECRET}, "hush", "(set)"},
		{{.type = OPTION_SECRET}, "", "!it is empty"},
		{{.type = OPTION_LIST}, "a, b,c", "a,b,c"},
		{{.type = OPTION_LIST}, "a,,c", "!a value is empty"},
		{{.type = OPTION_LIST}, "", "!a value is empty"},
		{{.type = OPTION_LIST, .clears = true}, "", ""},
		{{.type = OPTION_NUMBER, .clears = true, .min = 1, .max = 9}, "",
			"18446744073709551615"},
		{{.type = OPTION_LINES}, "a,b", "a,b"},
		{{.type = OPTION_NUMBER}, "18446744073709551615", "18446744073709551615"},
		{{.type = OPTION_NUMBER}, "18446744073709551616",
			"!\"18446744073709551616\" is not a whole number"},
		{{.type = OPTION_NUMBER, .min = 2, .max = 9}, "9", "9"},
		{{.type = OPTION_NUMBER, .min = 2, .max = 9}, "1",
			"!\"1\" is out of range, allowed is 2 to 9"},
		{{.type = OPTION_DURATION, .min = 1000, .max = 60000000}, "61s",
			"!\"61s\" is out of range, allowed is 1ms to 1m"},
		{{.type = OPTION_SIZE, .max = 1 << 20}, "2MiB",
			"!\"2MiB\" is out of range, allowed is 0 to 1MiB"},
		{{.type = OPTION_SIZE, .max = 1 << 20}, "none", "0"},
		{{.type = OPTION_SIZE, .min = 1024, .max = 1 << 20}, "none",
			"!\"none\" is out of range, allowed is 1KiB to 1MiB"},
		{{.type = OPTION_ENUM, .values = colours}, "green", "green"},
		{{.type = OPTION_ENUM, .values = colours}, "Green",
			"!\"Green\" is not one of red, green or blue"},
		{{.type = OPTION_PORTS, .max = 3}, "80,443, 0", "80,443,0"},
		{{.type = OPTION_PORTS, .max = 3}, "80,80", "80"},
		{{.type = OPTION_PORTS, .max = 3}, "0,0", "0,0"},
		{{.type = OPTION_PORTS, .max = 3}, "1,2,3,4", "!more than 3 ports"},
		{{.type = OPTION_PORTS, .max = 3}, "65536",
			"!\"65536\" is not a port, allowed is 0 to 65535"},
		{{.type = OPTION_PORTS, .max = 3}, "-1",
			"!\"-1\" is not a port, allowed is 0 to 65535"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		union {
			struct option_list list;
			struct option_ports ports;
			uint64_t number;
		} field;
		memset(&field, 0, sizeof field);
		struct error err = {""};
		char text[128];
		int r = value_set(&rows[i].row, &field, str_from(rows[i].text), &err);
		const char *got =
			r ? err.text : value_format(&rows[i].row, &field, text, sizeof text);
		const char *expected = rows[i].expected;
		assert_int_equal(r, *expected == '!' ? -EINVAL : 0);
		assert_string_equal(got, *expected == '!' ? expected + 1 : expected);
		value_clear(&rows[i].row, &field);
	}
}

struct thing {
	char *name;
	struct option_ranges ranges;
};

struct many {
	struct option_list list;
	struct option_ports ports;
	struct option_ranges ranges;
	struct option_group things;
	char *secret;
	bool flag;
};

static const struct option_row thing_rows[] = {
	{.name = "name", .type = OPTION_STRING, .offset = offsetof(struct thing, name)},
	{.name = "at", .type = OPTION_RANGES, .max = 2, .offset = offsetof(struct thing, ranges)},
};
static const struct option_table thing_table = {.rows = thing_rows, .n = ARRAY_LEN(thing_rows)};

static const struct option_row many_rows[] = {
	{.name = "list", .type = OPTION_LIST, .offset = offsetof(struct many, list)},
	{.name = "ports", .type = OPTION_PORTS, .max = 4, .offset = offsetof(struct many, ports)},
	{.name = "ranges",
		.type = OPTION_RANGES,
		.max = 4,
		.offset = offsetof(struct many, ranges)},
	{.name = "secret", .type = OPTION_SECRET, .offset = offsetof(struct many, secret)},
	{.name = "flag", .type = OPTION_FLAG, .offset = offsetof(struct many, flag)},
	{.name = "things",
		.type = OPTION_GROUP,
		.group = &thing_table,
		.element = sizeof(struct thing),
		.offset = offsetof(struct many, things)},
};

/* The same text gives the same value, another one another; a copy is the same and its own. */
static void test_same_and_copy(void **state)
{
	static const char *const texts[][3] = {{"a,b", "a", "a,c"}, {"1,2", "1", "1,3"},
		{"1,5-9", "1", "1,5-8"}, {"hush", "h", ""}, {"true", "false", "no"}};
	struct error err;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const struct option_row *row = &many_rows[i];
		struct many a = {0}, b = {0}, c = {0};
		char text[64];
		assert_int_equal(value_set(row, &a, str_from(texts[i][0]), &err), 0);
		assert_int_equal(value_set(row, &b, str_from(texts[i][0]), &err), 0);
		assert_true(value_same(row, &a, &b));
		for (size_t j = 1; j < 3; j++) {
			value_clear(row, &b);
			if (texts[i][j][0])
				assert_int_equal(value_set(row, &b, str_from(texts[i][j]), &err),
					0);
			assert_false(value_same(row, &a, &b));
		}
		assert_int_equal(value_copy(row, &b, &a), 0);
		assert_true(value_same(row, &a, &b));
		value_clear(row, &a);
		if (row->type == OPTION_SECRET)
			assert_string_equal(b.secret, "hush");
		else
			assert_string_equal(value_format(row, &b, text, sizeof text), texts[i][0]);
		assert_int_equal(value_copy(row, &b, &c), 0); /* of nothing */
		value_clear(row, &b);
	}
}

static void add_thing(struct many *m, const char *name, const char *ranges, const char *place)
{
	const struct option_row *row = &many_rows[5];
	struct error err;
	assert_int_equal(value_begin(row, m, place, &err), 0);
	void *last = option_group_last(row, &m->things);
	assert_int_equal(value_set(&thing_rows[0], last, str_from(name), &err), 0);
	assert_int_equal(value_set(&thing_rows[1], last, str_from(ranges), &err), 0);
}

static void test_group(void **state)
{
	const struct option_row *row = &many_rows[5];
	struct many a = {0}, b = {0};
	char text[64];
	add_thing(&a, "one", "1", "here");
	add_thing(&b, "one", "1", "there");
	assert_true(value_same(row, &a, &b)); /* wherever they stand */
	add_thing(&a, "two", "5-9", "here");
	assert_false(value_same(row, &a, &b));
	add_thing(&b, "two", "5-8", "there");
	assert_false(value_same(row, &a, &b));
	assert_int_equal(value_copy(row, &b, &a), 0);
	assert_true(value_same(row, &a, &b));
	value_clear(row, &a);
	assert_int_equal(a.things.n, 0);
	assert_string_equal(value_format(row, &b, text, sizeof text), "one at=1; two at=5-9");
	assert_string_equal(b.things.places[1], "here");
	value_clear(row, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_same_and_copy),
		cmocka_unit_test(test_group),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
