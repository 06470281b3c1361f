/* SPDX-License-Identifier: MIT */
/* Finding options by what was typed, and guessing what was meant. */
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
#include "config/help.h"
#include "config/option.h"

static const struct option_row inner_rows[] = {
	{.name = "upstream", .letter = 'u', .type = OPTION_STRING, .help = "What to publish"},
	{.name = "upstream-ca", .key = "ca", .type = OPTION_STRING, .help = "Its CA"},
};
static const struct option_table inner_table = {.rows = inner_rows, .n = ARRAY_LEN(inner_rows)};

static const struct option_row table_rows[] = {
	{.name = "port",
		.letter = 'p',
		.type = OPTION_PORTS,
		.default_text = "8000",
		.max = 4,
		.help = "Where to listen",
		.brief = "Listen there",
		.section = "First"},
	{.name = "services", .type = OPTION_GROUP, .group = &inner_table, .reloadable = true},
	{.name = "remote", .aliases = "url exit-node", .type = OPTION_STRING, .help = "Where to"},
	{.name = "no-token",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Open",
		.section = "Second"},
	{.name = "token",
		.letter = 't',
		.type = OPTION_SECRET,
		.env = "T",
		.help = "Secret",
		.section = "Second"},
};
static const struct option_table table = {.command = "test",
	.summary = "A test.",
	.usage = "--remote=X",
	.example = "Examples:\n  tunnel test\n",
	.rows = table_rows,
	.n = ARRAY_LEN(table_rows)};

static void test_find(void **state)
{
	static const struct {
		const char *typed, *name;
	} rows[] = {
		{"port", "port"},
		{"url", "remote"},
		{"exit-node", "remote"},
		{"exit", NULL},
		{"url exit-node", NULL},
		{"", NULL},
		{"por", NULL},
		{"upstream", "upstream"},
		{"upstream-ca", "upstream-ca"},
		{"services", NULL}, /* is for the file */
		{"ca", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct option_row *row =
			option_find(&table, rows[i].typed, strlen(rows[i].typed)).row;
		if (rows[i].name)
			assert_string_equal(row->name, rows[i].name);
		else
			assert_null(row);
	}
	struct option_at at = option_find_letter(&table, 'u');
	assert_ptr_equal(at.row, &inner_rows[0]);
	assert_ptr_equal(at.group, &table_rows[1]);
	assert_ptr_equal(option_find_letter(&table, 'p').row, &table_rows[0]);
	assert_null(option_find_letter(&table, 'p').group);
	assert_null(option_find_letter(&table, 0).row);
	assert_null(option_find_letter(&table, 'x').row);
}

/* The same names in the file, where a group has one and its rows are inside. */
static void test_find_key(void **state)
{
	assert_ptr_equal(option_find_key(&table, "services", 8), &table_rows[1]);
	assert_ptr_equal(option_find_key(&table, "url", 3), &table_rows[2]);
	assert_null(option_find_key(&table, "upstream", 8));
	assert_ptr_equal(option_find_key(&inner_table, "ca", 2), &inner_rows[1]);
	assert_ptr_equal(option_find_key(&inner_table, "upstream-ca", 11), &inner_rows[1]);
	assert_string_equal(option_nearest_key(&table, "servces", 7), "services");
	assert_string_equal(option_nearest_key(&table, "upstrem", 7), "upstream");
	assert_string_equal(option_nearest_key(&inner_table, "cas", 3), "ca");
	assert_string_equal(option_nearest_key(&inner_table, "upstreamca", 10), "ca");
}

static void test_ranges(void **state)
{
	struct option_range v[] = {{80, 80}, {7000, 7010}};
	struct option_ranges r = {v, 2}, none = {0};
	assert_true(option_ranges_have(&r, 80));
	assert_true(option_ranges_have(&r, 7000));
	assert_true(option_ranges_have(&r, 7010));
	assert_false(option_ranges_have(&r, 79));
	assert_false(option_ranges_have(&r, 81));
	assert_false(option_ranges_have(&r, 7011));
	assert_false(option_ranges_have(&none, 80));
}

static void test_nearest(void **state)
{
	static const struct {
		const char *typed, *name;
	} rows[] = {
		{"upstrem", "upstream"},
		{"upsteram", "upstream"},
		{"up-stream", "upstream"},
		{"prot", "port"},
		{"ports", "port"},
		{"tokne", "token"},
		{"notoken", "no-token"},
		{"exitnode", "remote"},
		{"ups", "upstream"},
		{"hlep", "help"},
		{"upstream-cas", "upstream-ca"},
		{"servces", NULL},
		{"frobnicate", NULL},
		{"x", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *name = option_nearest(&table, rows[i].typed, strlen(rows[i].typed));
		if (!rows[i].name)
			assert_null(name);
		else if (!name || strcmp(name, rows[i].name) != 0)
			fail_msg("\"%s\" means %s", rows[i].typed, name ? name : "nothing");
	}
}

static void test_distance(void **state)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} rows[] = {
		{"", "", 0},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1}, /* a swap is one slip */
		{"kitten", "sitting", 3},
		{"ab", "ba", 1},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(option_distance(rows[i].a, strlen(rows[i].a), rows[i].b,
					 strlen(rows[i].b)),
			rows[i].distance);
	char longer[200];
	memset(longer, 'a', sizeof longer);
	assert_int_equal(option_distance(longer, sizeof longer, "a", 1), sizeof longer);
}

static char *print(void (*fn)(FILE *, const struct option_table *))
{
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	fn(f, &table);
	fclose(f);
	return text;
}

static void test_help(void **state)
{
	char *text = print(help_print);
	assert_string_equal(text,
		"Usage: tunnel test --remote=X\n\nA test.\n\n"
		"  -p, --port=PORT               Listen there\n"
		"  -h, --help[=all]              Print this help, or all options\n"
		"\nExamples:\n  tunnel test\n");
	free(text);

	text = print(help_print_all);
	assert_non_null(strstr(text,
		"Usage: tunnel test --remote=X\n\nA test.\n\nFirst\n"
		"  -p, --port=PORT                   Where to listen (default 8000)\n"));
	assert_non_null(strstr(text,
		"      --remote=VALUE                Where to (also --url, --exit-node)\n"
		"\nSecond\n"
		"      --no-token                    Open\n"
		"  -t, --token=VALUE                 Secret (environment T)\n"));
	assert_non_null(strstr(text, "      --upstream-ca=VALUE           Its CA\n"));
	assert_null(strstr(text, "services"));
	free(text);

	text = print(help_print_table);
	assert_non_null(strstr(text, "port\tp\t-\tports\t8000\tPORT\t-\t-\n"));
	assert_non_null(strstr(text, "remote\t-\turl exit-node\tstring\t-\tVALUE\t-\t-\n"));
	assert_non_null(strstr(text, "upstream-ca\t-\t-\tstring\t-\tVALUE\t-\treloadable\n"));
	assert_null(strstr(text, "services"));
	assert_non_null(strstr(text, "help\th\t"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_key),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_help),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
