/* The four sources of options together: how each is read, which wins, what is said when it is wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "config/config.h"

static const char *const colours[] = {"red", "green", NULL};

struct thing {
	char *thing;
	struct option_ranges port;
	bool odd;
};

static struct values {
	bool flag, on;
	char *text, *token, *config;
	struct option_list list, lines;
	uint64_t time;
	int colour;
	struct option_ports ports;
	struct option_group things;
	struct option_ranges ranges;
} values;

static const struct option_row thing_rows[] = {
	{.name = "thing",
		.letter = 'T',
		.type = OPTION_STRING,
		.env = "TEST_THING",
		.offset = offsetof(struct thing, thing)},
	{.name = "at", .type = OPTION_RANGES, .max = 3, .offset = offsetof(struct thing, port)},
	{.name = "thing-odd",
		.key = "odd",
		.type = OPTION_FLAG,
		.default_text = "false",
		.offset = offsetof(struct thing, odd)},
};
static const struct option_table thing_table = {.rows = thing_rows, .n = ARRAY_LEN(thing_rows)};

static int check_even(struct str text, struct error *err)
{
	return text.n % 2 ? error_set(err, -EINVAL, "odd") : 0;
}

static const struct option_row table_rows[] = {
	{.name = "flag", .type = OPTION_FLAG, .offset = offsetof(struct values, flag)},
	{.name = "on",
		.type = OPTION_FLAG,
		.default_text = "true",
		.note = "noted",
		.offset = offsetof(struct values, on)},
	{.name = "text",
		.letter = 'x',
		.aliases = "alias",
		.type = OPTION_STRING,
		.default_text = "none",
		.env = "TEST_TEXT",
		.offset = offsetof(struct values, text)},
	{.name = "token",
		.letter = 't',
		.type = OPTION_SECRET,
		.env = "TEST_TOKEN",
		.offset = offsetof(struct values, token)},
	{.name = "list", .type = OPTION_LIST, .offset = offsetof(struct values, list)},
	{.name = "lines", .type = OPTION_LINES, .offset = offsetof(struct values, lines)},
	{.name = "time",
		.type = OPTION_DURATION,
		.default_text = "10s",
		.min = 1000,
		.max = 60000000,
		.offset = offsetof(struct values, time)},
	{.name = "colour",
		.type = OPTION_ENUM,
		.default_text = "green",
		.values = colours,
		.offset = offsetof(struct values, colour)},
	{.name = "port",
		.letter = 'p',
		.type = OPTION_PORTS,
		.default_text = "8000",
		.max = 8,
		.offset = offsetof(struct values, ports)},
	{.name = "things",
		.type = OPTION_GROUP,
		.group = &thing_table,
		.element = sizeof(struct thing),
		.reloadable = true,
		.offset = offsetof(struct values, things)},
	{.name = "even",
		.type = OPTION_RANGES,
		.min = 1,
		.max = 2,
		.check = check_even,
		.offset = offsetof(struct values, ranges)},
	{.name = "config",
		.type = OPTION_STRING,
		.env = "TEST_CONFIG",
		.offset = offsetof(struct values, config)},
};
static const struct option_table table = {.command = "test",
	.rows = table_rows,
	.n = ARRAY_LEN(table_rows)};

/* The same options, and a thing that needs no name. */
static const struct option_operand operand = {.metavar = "THING",
	.option = "thing",
	.missing = "a thing is missing"};
static const struct option_habit habits[] = {
	{"odd-option q Q", "it is even here"},
	{"size", "measure it"},
	{0},
};
static const struct option_table operand_table = {.command = "test",
	.rows = table_rows,
	.n = ARRAY_LEN(table_rows),
	.operand = &operand,
	.habits = habits};
static const struct option_table stray_table = {.command = "test",
	.rows = table_rows,
	.n = ARRAY_LEN(table_rows),
	.stray = "things are elsewhere"};

/* "FILE" in an argument stands for this. */
static char file_path[64];

struct dump {
	char text[2048];
};

static void dump_line(void *arg, const char *text)
{
	struct dump *d = arg;
	size_t used = strlen(d->text);
	if (!strstr(text, "(default)"))
		snprintf(d->text + used, sizeof d->text - used, "%s; ", text);
}

/* Splits at blanks into copies, as the kernel hands them over: writable. */
static int make_argv(const char *words, char **argv, int max)
{
	int argc = 0;
	argv[argc++] = strdup("test");
	for (char *all = strdup(words), *p = strtok(all, " "); argc < max; p = strtok(NULL, " ")) {
		char word[256];
		const char *file = p ? strstr(p, "FILE") : NULL;
		if (!p) {
			free(all);
			break;
		}
		if (file)
			snprintf(word, sizeof word, "%.*s%s", (int)(file - p), p, file_path);
		else
			snprintf(word, sizeof word, "%s", p);
		argv[argc++] = strdup(word);
	}
	argv[argc] = NULL;
	return argc;
}

static void write_file(const char *text)
{
	FILE *f = fopen(file_path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(file_path, 0600);
}

/* Options that are not defaults, as the dump has them; or the sentence, with FILE for the path. */
static void load(const struct option_table *t, const char *words, struct dump *d)
{
	char *argv[32];
	int argc = make_argv(words, argv, 30);
	struct error err = {""};
	struct config *c = config_new(t, &values);
	int r = config_load(c, argc, argv, &err);
	if (r == 0)
		config_dump(c, false, dump_line, d);
	else if (r == CONFIG_HELP || r == CONFIG_HELP_ALL)
		snprintf(d->text, sizeof d->text, "%s", r == CONFIG_HELP ? "help" : "help all");
	else
		snprintf(d->text, sizeof d->text, "!%s", err.text);
	for (char *at; (at = strstr(d->text, file_path));) {
		memmove(at + 4, at + strlen(file_path), strlen(at + strlen(file_path)) + 1);
		memcpy(at, "FILE", 4);
	}
	config_free(c);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
}

static void check(const char *words, const char *file, const char *expected)
{
	struct dump d = {""};
	if (file)
		write_file(file);
	load(&table, words, &d);
	if (strcmp(d.text, expected) != 0)
		fail_msg("\"%s\" gave \"%s\", not \"%s\"", words, d.text, expected);
}

/* The beginning of it. */
static void check_part(const struct option_table *t, const char *words, const char *expected)
{
	struct dump d = {""};
	load(t, words, &d);
	if (strncmp(d.text, expected, strlen(expected)) != 0 || !*d.text)
		fail_msg("\"%s\" gave \"%s\", not \"%s\"", words, d.text, expected);
}

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

static void test_file(void **state)
{
	static const struct {
		const char *file, *expected;
	} rows[] = {
		{"", ""},
		{"# nothing\n", ""},
		{"text: a\nflag: true\n", "flag = true (FILE:2); text = a (FILE:1); "},
		{"alias: 'a: b'\n", "text = a: b (FILE:1); "},
		{"list:\n- a\n- b,c\nport: 80\n", "list = a,b,c (FILE:3); port = 80 (FILE:4); "},
		{"port: [80, 443]\n", "port = 80,443 (FILE:1); "},
		{"token: hush\n", "token = (set) (FILE:1); "},

		{"thing: a\n", "thing = a (FILE:1); "},
		{"things:\n- thing: a\n  at: [80, 90-91]\n- odd: true\n  thing: b\n",
			"thing = a at=80,90-91 (FILE:2); thing = b thing-odd=true (FILE:5); "},
		{"thing: a\nthings: [{thing: b, thing-odd: yes}]\n",
			"thing = a (FILE:1); thing = b thing-odd=true (FILE:2); "},

		{"things:\n- thing: a\n  att: 80\n",
			"!FILE:3: unknown option att; did you mean at?"},
		{"things:\n- at: 80\n", "!FILE:2: an entry of things is a map with thing in it"},
		{"things: [a]\n", "!FILE:1: an entry of things is a map with thing in it"},
		{"things: a\n", "!FILE:1: things takes a list of maps, each with thing in it"},
		{"things:\n- thing: [a, b]\n", "!FILE:2: thing takes one value"},
		{"things:\n- thing: a\n  odd: [no]\n", "!FILE:3: odd takes one value"},
		{"things:\n- thing: a\n  odd: 3\n",
			"!FILE:3: odd: \"3\" is neither true nor false"},
		{"thing: {a: b}\n", "!FILE:1: thing takes a value or a list of values, and no map"},
		{"at: 80\n", "!FILE:1: at belongs inside an entry of things"},
		{"flag: true\ntxet: a\n", "!FILE:2: unknown option txet; did you mean text?"},
		{"frobnicate: 1\n", "!FILE:1: unknown option frobnicate; see tunnel help test"},
		{"help: true\n", "!FILE:1: unknown option help; see tunnel help test"},
		{"\ntime: soon\n", "!FILE:2: time: \"soon\" is not a time with its unit, such as "
				   "250ms, 10s or 5m"},
		{"list:\n- a\n-\n", "!FILE:3: list: a value is empty"},
		{"list:\n- a\n- [b]\n", "!FILE:3: a list inside list must be of values"},
		{"text: [a]\n", "!FILE:1: text takes one value"},
		{"list: {a: b}\n", "!FILE:1: list takes a value or a list of values, and no map"},
		{"Text: a\n", "!FILE:1: unknown option Text; did you mean text?"},
		{"config: other\n", "!FILE:1: a file cannot name another one"},
		{"text: a\ntext: b\n", "!FILE:2: text stands in line 1 already"},
		{"- text\n", "!FILE:1: the file must be a list of \"option: value\" lines"},
		{"token:\n", "!FILE:1: token: it is empty"},
		{"token: ~\n", "!FILE:1: token: it is empty"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char expected[512];
		bool fails = rows[i].expected[0] == '!';
		snprintf(expected, sizeof expected, "%s%s", rows[i].expected,
			fails ? "" : "config = FILE (command line); ");
		check("--config FILE", rows[i].file, expected);
	}
	check("--config /nonexistent/x", NULL,
		"!the configuration file /nonexistent/x cannot be opened: No such file or "
		"directory (there is no /nonexistent)");
}

/* What ps shows afterwards: every way to give the secret, and nothing else changed. */
static void test_wiping(void **state)
{
	static const char *const rows[][2] = {
		{"--token hush", "--token xxxx"},
		{"--token=hush", "--token=xxxx"},
		{"-t hush", "-t xxxx"},
		{"-thush", "-txxxx"},
		{"--text a --token hush --flag", "--text a --token xxxx --flag"},
		/* The token is gone even when something behind it is wrong. */
		{"--token hush --nonsense", "--token xxxx --nonsense"},
		{"--token a --token hush", "--token x --token xxxx"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *argv[32], after[256] = "";
		int argc = make_argv(rows[i][0], argv, 30);
		struct error err = {""};
		struct config *c = config_new(&table, &values);
		int r = config_load(c, argc, argv, &err);
		if (r == 0)
			assert_string_equal(values.token, "hush");
		assert_null(strstr(err.text, "hush"));
		config_free(c);
		for (int j = 1; j < argc; j++) {
			strcat(after, j > 1 ? " " : "");
			strcat(after, argv[j]);
		}
		assert_string_equal(after, rows[i][1]);
		for (int j = 0; j < argc; j++)
			free(argv[j]);
	}
}

static void test_notes(void **state)
{
	static const struct {
		const char *words, *note;
	} rows[] = {{"--on", NULL}, {"--on=false", "--on: noted"}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *argv[32];
		int argc = make_argv(rows[i].words, argv, 30);
		struct error err;
		struct config *c = config_new(&table, &values);
		assert_int_equal(config_load(c, argc, argv, &err), 0);
		if (rows[i].note)
			assert_string_equal(config_note(c, 0), rows[i].note);
		else
			assert_null(config_note(c, 0));
		config_free(c);
		for (int j = 0; j < argc; j++)
			free(argv[j]);
	}
}

/* What each line is said of an element, for the sentences of whoever checks it later. */
static void test_places(void **state)
{
	char *argv[8], at[96];
	int argc = make_argv("--config FILE", argv, 7);
	write_file("\nthings:\n- at: 80\n  thing: a\nthing: b\n");
	struct error err;
	struct config *c = config_new(&table, &values);
	assert_int_equal(config_load(c, argc, argv, &err), 0);
	snprintf(at, sizeof at, "%s:4: thing", file_path);
	assert_string_equal(values.things.places[0], at);
	snprintf(at, sizeof at, "%s:5: thing", file_path);
	assert_string_equal(values.things.places[1], at);
	config_free(c);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
}

static void test_file_alone(void **state)
{
	struct error err;
	size_t unknown;
	struct dump d = {""};
	setenv("TEST_TEXT", "env", 1);
	write_file("flag: true\nnonsense: 1\nmore: 2\n");
	struct config *c = config_new(&table, &values);
	assert_int_equal(config_load_file(c, file_path, &unknown, &err), -EINVAL);
	assert_int_equal(unknown, 2);
	config_free(c);

	write_file("things: [{thing: a}]\n");
	c = config_new(&table, &values);
	assert_int_equal(config_load_file(c, file_path, &unknown, &err), 0);
	assert_int_equal(unknown, 0);
	assert_string_equal(values.text, "none"); /* not the environment's */
	config_dump(c, true, dump_line, &d);
	assert_memory_equal(d.text, "thing = a (", 11);
	config_free(c);
	unsetenv("TEST_TEXT");
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
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_wiping),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_file_alone),
	};
	char path[] = "/tmp/test_config.XXXXXX";
	close(mkstemp(path));
	strcpy(file_path, path);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file_path);
	return r;
}
