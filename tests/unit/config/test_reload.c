/* SPDX-License-Identifier: MIT */
/* Reading again while the first reading is in use: secrets, what changed, what may not. */
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
#include "config/reload.h"

struct thing {
	char *thing;
	uint64_t size;
};

struct values {
	char *text, *token, *other, *config, *fixed;
	struct option_list list;
	struct option_group things;
	struct option_ports ports;
	uint64_t low, high;
	int checked; /* behind the table: how often */
};

static const struct option_row thing_rows[] = {
	{.name = "thing", .type = OPTION_STRING, .offset = offsetof(struct thing, thing)},
	{.name = "size",
		.type = OPTION_SIZE,
		.default_text = "1KiB",
		.offset = offsetof(struct thing, size)},
};
static const struct option_table thing_table = {.rows = thing_rows, .n = ARRAY_LEN(thing_rows)};

#define AT(field) offsetof(struct values, field)

static const struct option_row table_rows[] = {
	{.name = "text", .type = OPTION_STRING, .reloadable = true, .offset = AT(text)},
	{.name = "fixed", .type = OPTION_STRING, .offset = AT(fixed)},
	{.name = "token", .type = OPTION_SECRET, .env = "TEST_TOKEN", .offset = AT(token)},
	{.name = "other", .type = OPTION_SECRET, .reloadable = true, .offset = AT(other)},
	{.name = "list", .type = OPTION_LIST, .reloadable = true, .offset = AT(list)},
	{.name = "things",
		.type = OPTION_GROUP,
		.group = &thing_table,
		.element = sizeof(struct thing),
		.reloadable = true,
		.offset = AT(things)},
	{.name = "port", .type = OPTION_PORTS, .max = 4, .offset = AT(ports)},
	{.name = "low",
		.type = OPTION_NUMBER,
		.default_text = "1",
		.reloadable = true,
		.offset = AT(low)},
	{.name = "high", .type = OPTION_NUMBER, .default_text = "5", .offset = AT(high)},
	{.name = "config", .type = OPTION_STRING, .offset = AT(config)},
};
static const struct option_table table = {.command = "test",
	.rows = table_rows,
	.n = ARRAY_LEN(table_rows)};

static char file_path[64];
static int checks; /* without their deinit */

static int check(void *opts, struct error *err)
{
	struct values *v = opts;
	checks++;
	v->checked++;
	return v->low > v->high ? error_set(err, -EINVAL, "low is above high") : 0;
}

static void deinit(void *opts)
{
	checks--;
}

static int find(void *arg, void *opts, struct error *err)
{
	struct values *v = opts;
	int *fails = arg;
	/* As a token that stands in a file of its own. */
	if (!v->token)
		v->token = strdup("found");
	return *fails ? error_set(err, -ENOENT, "no such token") : 0;
}

static int find_fails;

static const struct reload_side side = {
	.table = &table,
	.size = sizeof(struct values),
	.find = find,
	.check = check,
	.deinit = deinit,
	.arg = &find_fails,
};

struct scene {
	struct values first;
	struct config *config;
	struct reloader *reloader;
	char *argv[16];
	int argc;
	char told[512];
};

static void write_file(const char *text)
{
	FILE *f = fopen(file_path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(file_path, 0600);
}

static void begin(struct scene *s, const char *words, const char *file)
{
	struct error err;
	char *all = strdup(words);
	*s = (struct scene){.argc = 1};
	s->argv[0] = strdup("test");
	for (char *p = strtok(all, " "); p; p = strtok(NULL, " "))
		s->argv[s->argc++] = strdup(p);
	s->argv[s->argc++] = strdup("--config");
	s->argv[s->argc++] = strdup(file_path);
	free(all);
	write_file(file);
	find_fails = 0;
	s->config = config_new(&table, &s->first);
	if (config_load(s->config, s->argc, s->argv, &err))
		fail_msg("%s", err.text);
	assert_int_equal(check(&s->first, &err), 0);
	assert_int_equal(find(&find_fails, &s->first, &err), 0);
	s->reloader = reloader_new(&side, s->config, &s->first);
}

static void end(struct scene *s)
{
	s->reloader = reloader_end(s->reloader);
	assert_int_equal(checks, 1); /* the first's, which is ours */
	deinit(&s->first);
	config_free(s->config);
	for (int i = 0; i < s->argc; i++)
		free(s->argv[i]);
}

static void tell(void *arg, const struct reload_difference *d)
{
	struct scene *s = arg;
	size_t used = strlen(s->told);
	snprintf(s->told + used, sizeof s->told - used, "%s%s: %s -> %s; ", d->name,
		d->reloadable ? "" : "!", d->was, d->is);
}

/* What is told, or the sentence; the new reading. */
static struct values *load(struct scene *s, const void *running, const char *expected)
{
	struct error err;
	void *opts = NULL;
	s->told[0] = 0;
	int r = reloader_load(s->reloader, running, tell, s, &opts, &err);
	if (strcmp(r ? err.text : s->told, expected) != 0)
		fail_msg("\"%s\", not \"%s\"", r ? err.text : s->told, expected);
	if (r)
		assert_string_equal(s->told, ""); /* nothing changes */
	return opts;
}

static void test_nothing_changed(void **state)
{
	struct scene s;
	begin(&s, "--token hush --thing a --size 2KiB", "text: a\nlist: [b, c]\nport: [1, 2]\n");
	assert_string_equal(s.argv[2], "xxxx");
	struct values *v = load(&s, &s.first, "");
	assert_ptr_not_equal(v, &s.first);
	assert_string_equal(v->token, "hush"); /* though it is gone from argv */
	assert_string_equal(v->text, "a");
	/* And from that one again, when the first is gone. */
	struct values *w = load(&s, v, "");
	reloader_free(s.reloader, v);
	assert_string_equal(w->token, "hush");
	end(&s);
}

static void test_secret_of_the_environment(void **state)
{
	struct scene s;
	setenv("TEST_TOKEN", "hush", 1);
	begin(&s, "", "");
	assert_string_equal(getenv("TEST_TOKEN"), "xxxx");
	assert_string_equal(load(&s, &s.first, "")->token, "hush");
	end(&s);
	unsetenv("TEST_TOKEN");
}

static void test_differences(void **state)
{
	struct scene s;
	begin(&s, "",
		"text: a\nfixed: x\nother: one\nport: 80\n"
		"things: [{thing: a}, {thing: b, size: 2KiB}]\n");
	write_file("text: b\nfixed: y\nother: two\nlist: [c]\nport: [80, 81]\n"
		   "things: [{thing: a}, {thing: b, size: 3KiB}]\n");
	struct values *v = load(&s, &s.first,
		"text: a -> b; fixed!: x -> y; other: (set) -> (set); list:  -> c; "
		"things: a; b size=2KiB -> a; b size=3KiB; port!: 80 -> 80,81; ");
	assert_string_equal(v->text, "b");
	assert_string_equal(v->other, "two");
	assert_int_equal(((struct thing *)v->things.v)[1].size, 3072);
	/* What cannot change is as it was; and it is its own. */
	assert_string_equal(v->fixed, "x");
	assert_ptr_not_equal(v->fixed, s.first.fixed);
	assert_int_equal(v->ports.n, 1);
	assert_int_equal(v->checked, 2);
	/* The same file once more: still not what runs, and said again. */
	load(&s, v, "fixed!: x -> y; port!: 80 -> 80,81; ");
	end(&s);
}

static void test_errors(void **state)
{
	struct scene s;
	char expected[160];
	begin(&s, "", "text: a\n");
	write_file("text: a\nnonsense: b\n");
	snprintf(expected, sizeof expected, "%s:2: unknown option nonsense; see tunnel help test",
		file_path);
	assert_null(load(&s, &s.first, expected));
	write_file("low: 9\n");
	assert_null(load(&s, &s.first, "low is above high"));
	/* Right in itself, and wrong with what stays. */
	write_file("low: 9\nhigh: 10\n");
	assert_null(load(&s, &s.first, "low is above high"));
	write_file("text: b\n");
	find_fails = 1;
	assert_null(load(&s, &s.first, "no such token"));
	find_fails = 0;
	assert_string_equal(s.first.text, "a");
	assert_non_null(load(&s, &s.first, "text: a -> b; "));
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_changed),
		cmocka_unit_test(test_secret_of_the_environment),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_errors),
	};
	char path[] = "/tmp/test_reload.XXXXXX";
	close(mkstemp(path));
	strcpy(file_path, path);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file_path);
	return r;
}
