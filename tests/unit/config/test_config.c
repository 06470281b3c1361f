/* SPDX-License-Identifier: MIT */
/* The four sources of options together: how each is read, which wins, what is said when it is wrong. */
#include "config_words.h"

static void test_argv(void **state)
{
	static const struct {
		const char *words, *expected;
	} rows[] = {
		{"", ""},
		{"--text=a", "text = a (command line); "},
		{"--text a", "text = a (command line); "},
		{"--alias a", "text = a (command line); "},
		{"-x a", "text = a (command line); "},
		{"-xa", "text = a (command line); "},
		{"-x=a", "text = a (command line); "},
		{"--text=a=b", "text = a=b (command line); "},
		{"--text a --text b", "text = b (command line); "},
		{"--text -", "text = - (command line); "},
		{"--flag", "flag = true (command line); "},
		{"--flag=false --on=no",
			"flag = false (command line); on = false (command line); "},
		{"--list a,b --list=c", "list = a,b,c (command line); "},
		{"--lines a,b --lines c", "lines = a,b,c (command line); "},
		{"-p 80", "port = 80 (command line); "},
		{"-p80 --port 443,0", "port = 80,443,0 (command line); "},
		{"--time 250ms --colour red",
			"time = 250ms (command line); colour = red (command line); "},
		{"--token hush", "token = (set) (command line); "},
		{"--flag --", "flag = true (command line); "},
		{"--thing a --thing b", "thing = a (command line); thing = b (command line); "},
		{"-Ta --at 80 --thing-odd --thing b --at 7000-7010,1 --at=0",
			"thing = a at=80 thing-odd=true (command line); thing = b "
			"at=7000-7010,1,0 (command line); "},
		{"--even 22,1234-5678", "!--even: odd"},
		{"--even 22,20-100", "even = 22,20-100 (command line); "},
		{"--help", "help"},
		{"-h", "help"},
		{"--help=all", "help all"},
		{"--help=all -h --nonsense", "help all"},
		{"--help --flag --help=all", "help all"},
		{"--helpall", "!unknown option --helpall; see tunnel help test"},
		{"--flag --help --nonsense", "help"},

		{"--txet a", "!unknown option --txet; did you mean --text?"},
		{"--frobnicate=SECRET", "!unknown option --frobnicate; see tunnel help test"},
		{"--no-flag", "!unknown option --no-flag; see tunnel help test"},
		{"-q", "!unknown option -q; see tunnel help test"},
		{"-port=80", "!unknown option -port; did you mean --port?"},
		{"word", "!unexpected argument \"word\": tunnel test takes options only"},
		{"-", "!unexpected argument \"-\": tunnel test takes options only"},
		{"-- --flag", "!unexpected argument \"--flag\": tunnel test takes options only"},
		{"--flag false", "!unexpected argument \"false\" behind --flag, whose value stands "
				 "behind a '=': --flag=false"},
		{"--flag word", "!unexpected argument \"word\": tunnel test takes options only"},
		{"--flag=perhaps", "!--flag: \"perhaps\" is neither true nor false"},
		{"--text", "!--text needs a value and is the last word"},
		{"--alias", "!--alias needs a value and is the last word"},
		{"--alias \"a\"",
			"!--alias: the value has quotes around it, which nothing has taken "
			"off: leave them away where no shell reads it"},
		{"--token --text=hush", "!--token needs a value but --text follows"},
		{"--token=", "!--token: it is empty"},
		{"--token a --token b",
			"!--token is given twice (command line, command line): keep one"},
		{"--time 10",
			"!--time: \"10\" is not a time with its unit, such as 250ms, 10s or 5m"},
		{"--time 0", "!--time: \"0\" is out of range, allowed is 1ms to 1m"},
		{"--at 80", "!--at: it belongs to an --thing: put it behind one"},
		{"--things a", "!unknown option --things; did you mean --thing?"},
		{"--thing a --odd", "!unknown option --odd; see tunnel help test"},
		{"--thing a --at x", "!--at: \"x\" is neither a port nor a range such as "
				     "7000-7010; allowed is 0 "
				     "to 65535"},
		{"--thing a --at 9-8", "!--at: the range \"9-8\" ends before it begins: write 8-9"},
		{"--thing a --at 1,2,3,4", "!--at: more than 3 ranges"},
		{"--even 00", "!--even: \"00\" is neither a port nor a range such as 7000-7010; "
			      "allowed is 1 to 65535"},
		{"--colour blue", "!--colour: \"blue\" is not one of red or green"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].words, NULL, rows[i].expected);
}

/* What stands without a name is the first thing, wherever it stands. */
static void test_operand(void **state)
{
	static const struct {
		const char *words, *expected;
	} rows[] = {
		{"a", "thing = a (command line); "},
		{"a --at 80", "thing = a at=80 (command line); "},
		{"--at 80 a", "thing = a at=80 (command line); "},
		{"--thing b --at 1 a --at 2",
			"thing = a (command line); thing = b at=1,2 (command line); "},
		{"--flag a", "flag = true (command line); thing = a (command line); "},
		{"--flag -- --at", "flag = true (command line); thing = --at (command line); "},
		{"--help", "help"},
		{"a --help b", "help"},
		{"", "!a thing is missing"},
		{"--flag false", "!unexpected argument \"false\" behind --flag"},
		{"a b", "!unexpected argument \"b\": tunnel test takes one THING, and it has one"},
		{"\u201ca", "!an argument begins with a curly quote"},
		{"$THING", "!the value is a variable"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_part(&operand_table, rows[i].words, rows[i].expected);
	static const struct {
		const char *words, *expected;
	} two[] = {
		{"a", "text = a (command line); "},
		{"a 5s", "text = a (command line); time = 5s (command line); "},
		{"a --flag 5s", "flag = true (command line); text = a (command line); "
				"time = 5s (command line); "},
		{"--text a", "text = a (command line); "},
		{"a --time 5s", "text = a (command line); time = 5s (command line); "},
		{"", "!a text is missing"},
		{"--time 5s", "!a text is missing"},
		{"--nonsense", "!unknown option --nonsense"},
		{"a --text b", "!--text is given twice, once without its name: keep one"},
		{"a 5s b", "!unexpected argument \"b\": tunnel test takes 2, the last is TIME"},
		{"a b", "!\"b\" is not a time"},
	};
	for (size_t i = 0; i < ARRAY_LEN(two); i++)
		check_part(&two_table, two[i].words, two[i].expected);
	check_part(&stray_table, "a", "!unexpected argument \"a\": things are elsewhere");
}

/* Names of other programs' options are answered, before any guess. */
static void test_habits(void **state)
{
	static const struct {
		const char *words, *file, *expected;
	} rows[] = {
		{"a --odd-option", NULL, "!unknown option --odd-option: it is even here"},
		{"a --odd_option=SECRET", NULL, "!unknown option --odd_option: it is even here"},
		{"a --Odd-Option", NULL, "!unknown option --Odd-Option: it is even here"},
		{"a -odd-option", NULL, "!unknown option -odd-option: it is even here"},
		{"a -q", NULL, "!unknown option -q: it is even here"},
		{"a -Q8", NULL, "!unknown option -Q: it is even here"},
		{"a --size", NULL, "!unknown option --size: measure it"},
		{"a --config FILE", "flag: true\nodd_option: 1\n",
			"!FILE:2: unknown option odd_option: it is even here"},
		{"a --config FILE", "flag: \u201ctrue\u201d\n",
			"!FILE:1: flag: the value has a curly quote around it"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].file)
			write_file(rows[i].file);
		check_part(&operand_table, rows[i].words, rows[i].expected);
	}
}

static void test_defaults(void **state)
{
	char name[] = "test";
	char *argv[] = {name, NULL};
	struct error err;
	struct config *c = config_new(&table, &values);
	assert_int_equal(config_load(c, 1, argv, &err), 0);
	assert_false(values.flag);
	assert_true(values.on);
	assert_string_equal(values.text, "none");
	assert_null(values.token);
	assert_int_equal(values.time, 10000000);
	assert_int_equal(values.colour, 1);
	assert_int_equal(values.ports.n, 1);
	assert_int_equal(values.ports.v[0], 8000);
	assert_false(config_given(c, "text"));
	assert_null(config_note(c, 0));
	config_free(c);
	assert_null(values.text);
}

static void test_precedence(void **state)
{
	setenv("TEST_TEXT", "env", 1);
	check("", NULL, "text = env (environment variable TEST_TEXT); ");
	check("--config FILE", "text: file\n",
		"text = file (FILE:1); config = FILE (command line); ");
	check("--text arg --config FILE", "text: file\n",
		"text = arg (command line); config = FILE (command line); ");
	setenv("TEST_TEXT", "", 1); /* set to nothing is not set */
	check("", NULL, "");
	unsetenv("TEST_TEXT");
	setenv("TEST_CONFIG", file_path, 1);
	check("", "\ntext: file\n",
		"text = file (FILE:2); config = FILE (environment variable TEST_CONFIG); ");
	unsetenv("TEST_CONFIG");
	/* A list comes whole from one place. */
	setenv("TEST_THING", "env", 1);
	check("", NULL, "thing = env (environment variable TEST_THING); ");
	check("--config FILE", "thing: [a, b]\n",
		"thing = a (FILE:1); thing = b (FILE:1); config = FILE (command line); ");
	check("--thing c --config FILE", "things: [{thing: a, odd: true}]\n",
		"thing = c (command line); config = FILE (command line); ");
	/* What stands in the file is nothing that an option here could belong to. */
	check("--at 80 --config FILE", "thing: a\n",
		"!--at: it belongs to an --thing: put it behind one");
	unsetenv("TEST_THING");
	check("--list a --config FILE", "list: [b, c]\n",
		"list = a (command line); config = FILE (command line); ");
}

static void test_secret_twice(void **state)
{
	setenv("TEST_TOKEN", "env", 1);
	check("--token arg", NULL,
		"!--token is given twice (command line, environment variable TEST_TOKEN): keep "
		"one");
	assert_string_equal(getenv("TEST_TOKEN"), "xxx");
	setenv("TEST_TOKEN", "env", 1);
	check("--config FILE", "token: file\n",
		"!--token is given twice (FILE:1, environment variable TEST_TOKEN): keep one");
	setenv("TEST_TOKEN", "", 1);
	check("", NULL, "!environment variable TEST_TOKEN: token: it is empty");
	unsetenv("TEST_TOKEN");
	check("--token arg --config FILE", "\n\ntoken: file\n",
		"!--token is given twice (command line, FILE:3): keep one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_argv),
		cmocka_unit_test(test_operand),
		cmocka_unit_test(test_habits),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_secret_twice),
	};
	char path[] = "/tmp/test_config.XXXXXX";
	close(mkstemp(path));
	strcpy(file_path, path);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file_path);
	return r;
}
