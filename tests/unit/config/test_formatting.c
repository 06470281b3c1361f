/* SPDX-License-Identifier: MIT */
/* What formatting makes of a command: told for what it is, and nothing that may be meant is refused. */
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
#include "config/formatting.h"

static const struct option_row table_rows[] = {
	{.name = "port", .letter = 'p', .type = OPTION_PORTS, .help = "Where to listen"},
	{.name = "token-from", .type = OPTION_STRING, .help = "Whence"},
};
static const struct option_table table = {.command = "test",
	.summary = "A test.",
	.rows = table_rows,
	.n = ARRAY_LEN(table_rows)};

struct row {
	const char *text;
	const char *expected; /* a part of the sentence; NULL: nothing is wrong with it */
};

static void check(const struct row *row, int r, const struct error *err)
{
	if (!row->expected && r)
		fail_msg("\"%s\" was refused: %s", row->text, err->text);
	if (row->expected && (r != -EINVAL || !strstr(err->text, row->expected)))
		fail_msg("\"%s\": \"%s\" and not \"%s\"", row->text, r ? err->text : "taken",
			row->expected);
}

static void test_words(void **state)
{
	static const struct row rows[] = {
		{"--port=80", NULL},
		{"--port", NULL},
		{"-p80", NULL},
		{"-f/my files/\u201ctoken\u201d", NULL},
		{"-", NULL},
		{"word", NULL},
		{"two words", NULL},
		{"caf\u00e9\u2013bar", NULL},
		/* Values are checked elsewhere. */
		{"--token-from=a\u2013b", NULL},
		{" ", "a backslash at the end of a line has blanks behind it"},
		{" \t ", "a backslash at the end of a line has blanks behind it"},
		{"\r", "line ends of Windows"},
		{" \r", "line ends of Windows"},
		{"", "an argument is empty"},
		{"\u00a0", "an argument is nothing but a non-breaking space"},
		{"\u200b", "an argument is nothing but a zero-width space"},
		{"\u2013port=80", "\"\u2013port\" has an en dash in it"},
		{"\u2013port=80", "type --port"},
		{"\u2014port",
			"has an em dash in it, which a page or an editor made of hyphens: type "
			"--port"},
		{"\u2013\u2013port", "type --port"},
		{"-\u2013port", "type --port"},
		{"\u2011p", "has a non-breaking hyphen in it, which a page or an editor made of a "
			    "hyphen: type "
			    "-p"},
		{"\u2212p=80", "type -p"},
		{"\u2014help", "type --help"},
		{"--token\u2011from=x", "\"--token\u2011from\" has a non-breaking hyphen in it"},
		{"--token\u2011from=x", "type --token-from"},
		{"\u2014frobnicate", "an option begins with two of these"},
		{"\u2014", "an option begins with two of these"},
		{"\u201c--port=80\u201d", "an argument begins with a curly quote"},
		{"\u00a0--port=80", "an argument begins with a non-breaking space"},
		{"--port\u00a080", "--port has a non-breaking space behind it"},
		{"--port 80", "\"--port\" and what follows are one word"},
		{"--port 80", "or write --port=VALUE"},
		{"-p 80", "\"-p\" and what follows are one word"},
		{"--port\n80", "\"--port\" and what follows are one word"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = {""};
		check(&rows[i], formatting_check_word(&table, rows[i].text, &err), &err);
		assert_null(strstr(err.text, "80")); /* nothing of a value */
	}
	/* Where a command stands no option is known. */
	struct error err;
	static const struct row command = {"\u2014version", "type --version"};
	check(&command, formatting_check_word(NULL, command.text, &err), &err);
}

static void test_values(void **state)
{
	static const struct row rows[] = {
		{"", NULL},
		{"http://127.0.0.1:3000", NULL},
		{"/home/o\u2019brien/token", NULL},
		{"a\u00a0b", NULL},
		{"two words -- or more", NULL},
		{"see --frobnicate=80", NULL},
		{"a--port=80", NULL /* no blank before it: a host may be named so */},
		{"$ecret", NULL},
		{"$1", NULL},
		{"pa$$WORD", NULL},
		{"\"", NULL},
		{"\"a\" or \"b", NULL},
		{"80 --token-from=hush", "the value has another option in it, --token-from: end"},
		{"80\n--port", "the value has another option in it, --port:"},
		{"80\u00a0--port=1", "the value has another option in it, --port:"},
		{"$TOKEN", "the value is a variable that no shell has replaced"},
		{"$MY_TOKEN_2", "is a variable"},
		{"${token}", "is a variable"},
		{"$(cat hush)", "the value is a command that no shell has replaced"},
		{"`cat hush`", "is a command"},
		{"\u201chush\u201d", "the value has a curly quote around it"},
		{"\u2018hush", "a curly quote"},
		{"hush\u201d", "a curly quote"},
		{"\u00abhush\u00bb", "a guillemet"},
		{"\"hush\"", "the value has quotes around it, which nothing has taken off"},
		{"'hush'", "the value has quotes around it"},
		{"\u00a0hush", "the value has a non-breaking space beside it"},
		{"hush\u200b", "the value has a zero-width space beside it"},
		{"hush\r", "the value has a carriage return behind it"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = {""};
		check(&rows[i], formatting_check_value(&table, str_from(rows[i].text), &err), &err);
		assert_null(strstr(err.text, "hush"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
