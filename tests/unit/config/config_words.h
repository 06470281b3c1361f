/* SPDX-License-Identifier: MIT */
#pragma once
/* A table of options of all kinds, read from words and a file. */
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

static inline int check_even(struct str text, struct error *err)
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
	.operands = &operand,
	.n_operands = 1,
	.habits = habits};
/* Two words that are values of plain options; the second may be left out. */
static const struct option_operand two_operands[] = {
	{.metavar = "TEXT", .option = "text", .missing = "a text is missing"},
	{.metavar = "TIME", .option = "time"},
};
static const struct option_table two_table = {.command = "test",
	.rows = table_rows,
	.n = ARRAY_LEN(table_rows),
	.operands = two_operands,
	.n_operands = ARRAY_LEN(two_operands)};
static const struct option_table stray_table = {.command = "test",
	.rows = table_rows,
	.n = ARRAY_LEN(table_rows),
	.stray = "things are elsewhere"};

/* "FILE" in an argument stands for this. */
static char file_path[64];

struct dump {
	char text[2048];
};

static inline void dump_line(void *arg, const char *text)
{
	struct dump *d = arg;
	size_t used = strlen(d->text);
	if (!strstr(text, "(default)"))
		snprintf(d->text + used, sizeof d->text - used, "%s; ", text);
}

/* Splits at blanks into copies, as the kernel hands them over: writable. */
static inline int make_argv(const char *words, char **argv, int max)
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

static inline void write_file(const char *text)
{
	FILE *f = fopen(file_path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(file_path, 0600);
}

/* Options that are not defaults, as the dump has them; or the sentence, with FILE for the path. */
static inline void load(const struct option_table *t, const char *words, struct dump *d)
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

static inline void check(const char *words, const char *file, const char *expected)
{
	struct dump d = {""};
	if (file)
		write_file(file);
	load(&table, words, &d);
	if (strcmp(d.text, expected) != 0)
		fail_msg("\"%s\" gave \"%s\", not \"%s\"", words, d.text, expected);
}

/* The beginning of it. */
static inline void check_part(const struct option_table *t, const char *words, const char *expected)
{
	struct dump d = {""};
	load(t, words, &d);
	if (strncmp(d.text, expected, strlen(expected)) != 0 || !*d.text)
		fail_msg("\"%s\" gave \"%s\", not \"%s\"", words, d.text, expected);
}
