/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_internal.h"
#include "config/value.h"

struct config *config_new(const struct option_table *t, void *values)
{
	struct config *c = calloc(1, sizeof *c + t->n * sizeof c->origins[0]);
	if (!c)
		return NULL;
	c->table = t;
	c->values = values;
	/* Fields start empty without the table knowing the struct's size. */
	for (size_t i = 0; i < t->n; i++)
		value_zero(&t->rows[i], values);
	return c;
}

static void free_argv(struct config *c)
{
	for (int i = 0; i < c->argc; i++)
		free(c->argv[i]);
	free(c->argv);
}

struct config *config_free(struct config *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->table->n; i++)
		value_clear(&c->table->rows[i], c->values);
	for (size_t i = 0; i < c->notes.n; i++)
		free(c->notes.v[i]);
	free(c->notes.v);
	free_argv(c);
	free(c);
	return NULL;
}

const char *config_note(const struct config *c, size_t i)
{
	return i < c->notes.n ? c->notes.v[i] : NULL;
}

static int read_environment(struct config *c, const struct option_row *top, struct error *err)
{
	struct option_at at = {top, NULL};
	if (top->group)
		at = (struct option_at){option_key(top), top};
	if (config_origin_of(c, top)->source == FROM_ENVIRONMENT)
		return 0;
	char *text = at.row->env ? getenv(at.row->env) : NULL;
	/* Set to nothing is how containers say "not set"; but an empty token is never meant. */
	if (!text || (!*text && at.row->type != OPTION_SECRET))
		return 0;
	int r = config_apply(c, at, str_from(text),
		(struct config_origin){.source = FROM_ENVIRONMENT}, err);
	if (at.row->type == OPTION_SECRET)
		memset(text, 'x', strlen(text)); /* it shows in /proc/PID/environ */
	return r;
}

/* The file's name may come from the environment, so its row is read before all others. */
static int read_file(struct config *c, struct error *err)
{
	const struct option_row *row =
		option_find(c->table, OPTION_FILE_NAME, strlen(OPTION_FILE_NAME)).row;
	if (!row)
		return 0;
	int r = read_environment(c, row, err);
	if (r)
		return r;
	const char *path = *(char **)option_field(row, c->values);
	size_t unknown;
	return path ? config_read_file(c, path, &unknown, err) : 0;
}

static bool is_default(const struct config *c, const struct option_row *row)
{
	char value[CONFIG_VALUE_SIZE];
	value_format(row, c->values, value, sizeof value);
	return strcmp(value, row->default_text ? row->default_text : "") == 0;
}

/* What nobody gave gets its default, and notes are made. */
static int finish_row(struct config *c, const struct option_row *row, struct error *err)
{
	bool given = config_origin_of(c, row)->source != FROM_DEFAULT;
	int r = 0;
	if (!given && row->default_text)
		r = value_set(row, c->values, str_from(row->default_text), err);
	if (!r && given && row->note && !is_default(c, row)) {
		char note[256];
		snprintf(note, sizeof note, "--%s: %s", row->name, row->note);
		r = config_add_note(c, note, err);
	}
	return r;
}

/* The option that would have to be given; NULL: none. */
static const struct option_row *missing(struct config *c, const struct option_row *row)
{
	if (!row->required || config_origin_of(c, row)->source != FROM_DEFAULT ||
		(row->unless && config_given(c, row->unless)))
		return NULL;
	return row->group ? option_key(row) : row;
}

static int finish(struct config *c, struct error *err)
{
	int r = 0;
	for (size_t i = 0; !r && i < c->table->n; i++) {
		const struct option_row *row = &c->table->rows[i];
		r = read_environment(c, row, err);
		if (!r)
			r = finish_row(c, row, err);
		const struct option_row *lacks = r ? NULL : missing(c, row);
		if (lacks)
			r = error_set(err, -EINVAL, "--%s is missing%s%s%s: %s", lacks->name,
				lacks->env ? ", and " : "", lacks->env ? lacks->env : "",
				lacks->env ? " is not set" : "", lacks->help);
	}
	return r;
}

/* With its secrets overwritten: they are in the config struct, which is wiped. */
static int keep_argv(struct config *c, int argc, char **argv, struct error *err)
{
	c->argv = calloc((size_t)argc + 1, sizeof *c->argv);
	for (; c->argv && c->argc < argc; c->argc++) {
		c->argv[c->argc] = strdup(argv[c->argc]);
		if (!c->argv[c->argc])
			break;
	}
	return c->argv && c->argc == argc ? 0 : error_set(err, -ENOMEM, "no memory");
}

int config_load(struct config *c, int argc, char **argv, struct error *err)
{
	int r = config_read_argv(c, argc, argv, err);
	if (!r)
		r = keep_argv(c, argc, argv, err);
	if (!r)
		r = read_file(c, err);
	return r ? r : finish(c, err);
}

int config_load_again(struct config *c, const struct config *before, struct error *err)
{
	c->before = before;
	int r = config_load(c, before->argc, before->argv, err);
	c->before = NULL;
	return r;
}

int config_load_file(struct config *c, const char *path, size_t *unknown_out, struct error *err)
{
	int r = config_read_file(c, path, unknown_out, err);
	for (size_t i = 0; !r && i < c->table->n; i++) {
		r = finish_row(c, &c->table->rows[i], err);
		const struct option_row *lacks = r ? NULL : missing(c, &c->table->rows[i]);
		if (lacks) {
			char note[128];
			snprintf(note, sizeof note, "--%s has to be given besides", lacks->name);
			r = config_add_note(c, note, err);
		}
	}
	return r;
}

bool config_given(const struct config *c, const char *name)
{
	const struct option_row *row = option_find_key(c->table, name, strlen(name));
	return row && c->origins[row - c->table->rows].source != FROM_DEFAULT;
}
