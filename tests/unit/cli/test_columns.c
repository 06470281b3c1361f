/* SPDX-License-Identifier: MIT */
/* Tables: what stands in a cell, how columns are aligned and cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "cli/age.h"
#include "cli/change_text.h"
#include "cli/columns.h"

static const struct column columns[] = {
	{"NAME", "name", CELL_TEXT, NULL},
	{"LIST", "list", CELL_LIST, NULL},
	{"N", "list", CELL_COUNT, NULL},
	{"SIZE", "size", CELL_SIZE, NULL},
	{"MORE", NULL, CELL_TEXT, change_text_write},
};

/* What is printed of the rows, one line of JSON. */
static void check_of(const struct column *v, size_t n_v, const char *json, enum output how,
	size_t width, bool head, const char *expected)
{
	json_t *rows = json_loads(json, 0, NULL);
	assert_non_null(rows);
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	struct columns c;
	columns_init(&c, v, n_v, head);
	c.width = width;
	assert_int_equal(columns_print(&c, to, rows, how), 0);
	fclose(to);
	assert_string_equal(text, expected);
	free(text);
	json_decref(rows);
}

static void check(const char *json, enum output how, size_t width, bool head, const char *expected)
{
	check_of(columns, ARRAY_LEN(columns), json, how, width, head, expected);
}

static void test_cells(void **state)
{
	const char *row = "[{\"name\": \"a\", \"list\": [\"x\", 2], \"size\": 10485760, "
			  "\"detail\": {\"k\": true}}]";
	check(row, OUTPUT_TABLE, 0, true,
		"NAME  LIST  N  SIZE   MORE\n"
		"a     x,2   2  10MiB  k=yes\n");
	check(row, OUTPUT_TSV, 0, true, "a\tx,2\t2\t10485760\t{\"k\":true}\n");
	check(row, OUTPUT_NAME, 0, true, "a\n");
	check("[{\"name\": \"\", \"size\": null}]", OUTPUT_TABLE, 0, false, "-  -  0  -  -\n");
	check("[]", OUTPUT_TABLE, 0, true, "NAME  LIST  N  SIZE  MORE\n");
	check("[]", OUTPUT_TABLE, 0, false, "");
}

/* Numbers of a second, and times, in three digits; to programs as they are. */
static void test_numbers(void **state)
{
	static const struct column rates[] = {
		{"N", "n", CELL_RATE, NULL},
		{"B", "b", CELL_BYTES, NULL},
		{"T", "t", CELL_TIME, NULL},
	};
	static const struct {
		const char *row, *table, *tsv;
	} rows[] = {
		{"[{\"n\": 0.0, \"b\": 0, \"t\": 0.000042}]", "0  0B  42us\n", "0\t0\t4.2e-05\n"},
		{"[{\"n\": 0.04, \"b\": 999.6, \"t\": 0.018}]", "0.04  1000B  18ms\n",
			"0.04\t999.6\t0.018\n"},
		{"[{\"n\": 412.4, \"b\": 9541837, \"t\": 1.25}]", "412  9.1MiB  1.25s\n",
			"412.4\t9541837\t1.25\n"},
		{"[{\"n\": null}]", "-  -  -\n", "-\t-\t-\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_of(rates, ARRAY_LEN(rates), rows[i].row, OUTPUT_TABLE, 0, false,
			rows[i].table);
		check_of(rates, ARRAY_LEN(rates), rows[i].row, OUTPUT_TSV, 0, false, rows[i].tsv);
	}
}

/* What a change was: what is and what was, without the rights that a new identity has not. */
static void test_changes(void **state)
{
	static const struct {
		const char *detail, *expected;
	} rows[] = {
		{"{}", "-"},
		{"{\"is\": {\"name\": \"web\", \"revoked\": false, \"hosts\": [\"a\", \"*.b\"], "
		 "\"ports\": [], \"rateUp\": 10485760, \"maxSessions\": null, \"description\": "
		 "\"\"}, "
		 "\"keyId\": \"25f3\"}",
			"hosts=a,*.b; rate-up=10MiB; key-id=25f3"},
		{"{\"was\": {\"hosts\": [\"a\"], \"maxSessions\": null}, "
		 "\"is\": {\"hosts\": [], \"maxSessions\": 2}}",
			"hosts=- (was a); max-sessions=2 (was -)"},
		{"{\"was\": {\"name\": \"web\", \"revoked\": true, \"hosts\": [\"a\"]}}",
			"revoked=- (was yes); hosts=- (was a)"},
		{"{\"changes\": [{\"action\": \"none\", \"subject\": \"x\", \"detail\": {}}, "
		 "{\"action\": \"create\", \"subject\": \"web\", \"detail\": {\"is\": {\"ports\": "
		 "[\"22\"]}}}, {\"action\": \"update\", \"subject\": \"ssh\", \"detail\": "
		 "{\"was\": "
		 "{\"rateDown\": 1024}, \"is\": {\"rateDown\": null}}}]}",
			"create web: ports=22 | update ssh: rate-down=- (was 1KiB)"},
		{"{\"changes\": []}", "-"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char json[1024], expected[256];
		snprintf(json, sizeof json, "[{\"name\": \"a\", \"detail\": %s}]", rows[i].detail);
		snprintf(expected, sizeof expected, "a  -  0  -  %s\n", rows[i].expected);
		check(json, OUTPUT_TABLE, 0, false, expected);
	}
}

/* A character is a column, whatever its bytes; the widest gives way, and not in the middle of one. */
static void test_widths(void **state)
{
	check("[{\"name\": \"\u00e9\u00e9\u00e9\u00e9\u00e9\"}, {\"name\": \"b\"}]", OUTPUT_TABLE,
		0, false, "\u00e9\u00e9\u00e9\u00e9\u00e9  -  0  -  -\nb      -  0  -  -\n");
	check("[{\"name\": \"\u00e90123456789012345678901234567890123456789\", \"list\": "
	      "[\"0123456789012\"]}]",
		OUTPUT_TABLE, 40, false, "\u00e9012345678901...  0123456789012  1  -  -\n");
	check("[{\"name\": \"0123456789012345678901234567890\"}]", OUTPUT_TABLE, 1, false,
		"0123456...  -  0  -  -\n");
}

static void test_texts_of_others(void **state)
{
	check("[{\"name\": \"a\\u001b[2J\\u202e\\nb\", \"list\": [\"\\t\"]}]", OUTPUT_TSV, 0, false,
		"a\\x1b[2J\\xe2\\x80\\xae\\x0ab\t\\x09\t1\t-\t-\n");
}

static void test_one(void **state)
{
	json_t *row = json_pack("{s:s}", "name", "web");
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	struct columns c;
	columns_init(&c, columns, 2, true);
	assert_int_equal(columns_print_one(&c, to, row), 0);
	fclose(to);
	assert_string_equal(text, "NAME:  web\nLIST:  -\n");
	free(text);
	json_decref(row);
}

static void test_ages(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} ages[] = {{-5, "0s"}, {0, "0s"}, {119, "119s"}, {120, "2m"}, {7199, "119m"}, {7200, "2h"},
		{172799, "47h"}, {172800, "2d"}, {INT64_C(86400) * 400, "400d"}};
	char text[AGE_SIZE];
	for (size_t i = 0; i < ARRAY_LEN(ages); i++)
		assert_string_equal(age_format(ages[i].seconds, text), ages[i].text);
	assert_int_equal(age_parse("2026-11-29T00:00:00.123Z"), 1795910400);
	assert_int_equal(age_parse("yesterday"), -1);
	assert_int_equal(age_parse(NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_texts_of_others),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_ages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
