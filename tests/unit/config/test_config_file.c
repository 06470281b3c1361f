/* SPDX-License-Identifier: MIT */
/* Options from a file: how it is read, where each was given, and what is wiped. */
#include "config_words.h"

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
