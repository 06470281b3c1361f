#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "config/apply.h"
#include "config/value.h"

/* A value in the dump; longer lists are cut. */
#define DUMP_VALUE_MAX 512

struct config {
	const struct option_table *table;
	void *values;
	struct option_list notes;
	struct config_origin origins[]; /* one a row */
};

struct config *config_new(const struct option_table *t, void *values)
{
	struct config *c = calloc(1, sizeof *c + t->n * sizeof c->origins[0]);
	if (!c)
		return NULL;
	c->table = t;
	c->values = values;
	for (size_t i = 0; i < t->n; i++) {
		/* Fields start empty without the table knowing the struct's size. */
		static const size_t sizes[] = {
			[OPTION_FLAG] = sizeof(bool),
			[OPTION_STRING] = sizeof(char *),
			[OPTION_SECRET] = sizeof(char *),
			[OPTION_LIST] = sizeof(struct option_list),
			[OPTION_LINES] = sizeof(struct option_list),
			[OPTION_NUMBER] = sizeof(uint64_t),
			[OPTION_DURATION] = sizeof(uint64_t),
			[OPTION_SIZE] = sizeof(uint64_t),
			[OPTION_ENUM] = sizeof(int),
			[OPTION_PORTS] = sizeof(struct option_ports),
		};
		memset(option_field(&t->rows[i], values), 0, sizes[t->rows[i].type]);
	}
	return c;
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
	free(c);
	return NULL;
}

const struct option_table *config_table(const struct config *c)
{
	return c->table;
}

int config_add_note(struct config *c, const char *text, struct error *err)
{
	char **v = realloc(c->notes.v, (c->notes.n + 1) * sizeof *v);
	if (v)
		c->notes.v = v;
	char *copy = v ? strdup(text) : NULL;
	if (!copy)
		return error_set(err, -ENOMEM, "no memory");
	v[c->notes.n++] = copy;
	return 0;
}

const char *config_note(const struct config *c, size_t i)
{
	return i < c->notes.n ? c->notes.v[i] : NULL;
}

static struct config_origin *origin_of(const struct config *c, const struct option_row *row)
{
	return (struct config_origin *)&c->origins[row - c->table->rows];
}

static const char *place(const struct option_row *row, const struct config_origin *o, char *to,
	size_t size)
{
	switch (o->source) {
	case FROM_COMMAND_LINE:
		snprintf(to, size, "command line");
		break;
	case FROM_FILE:
		snprintf(to, size, "%s:%u", o->file, o->line);
		break;
	case FROM_ENVIRONMENT:
		snprintf(to, size, "environment variable %s", row->env);
		break;
	case FROM_DEFAULT:
		snprintf(to, size, "default");
		break;
	}
	return to;
}

int config_apply(struct config *c, const struct option_row *row, struct str text,
	struct config_origin origin, struct error *err)
{
	struct config_origin *had = origin_of(c, row);
	if (row->type == OPTION_SECRET && had->source != FROM_DEFAULT) {
		char first[128], second[128];
		return error_set(err, -EINVAL, "--%s is given twice (%s, %s): keep one", row->name,
			place(row, had, first, sizeof first),
			place(row, &origin, second, sizeof second));
	}
	if (had->source > origin.source)
		return 0;
	if (had->source != origin.source)
		value_clear(row, c->values);
	int r = value_set(row, c->values, text, err);
	if (r) {
		char where[128];
		if (origin.source == FROM_COMMAND_LINE)
			error_prefix(err, "--%s", row->name);
		else
			error_prefix(err, "%s: %s", place(row, &origin, where, sizeof where),
				row->name);
		return r;
	}
	*had = origin;
	return 0;
}

static int read_environment(struct config *c, const struct option_row *row, struct error *err)
{
	if (origin_of(c, row)->source == FROM_ENVIRONMENT)
		return 0;
	char *text = row->env ? getenv(row->env) : NULL;
	/* Set to nothing is how containers say "not set"; but an empty token is never meant. */
	if (!text || (!*text && row->type != OPTION_SECRET))
		return 0;
	int r = config_apply(c, row, str_from(text),
		(struct config_origin){.source = FROM_ENVIRONMENT}, err);
	if (row->type == OPTION_SECRET)
		memset(text, 'x', strlen(text)); /* it shows in /proc/PID/environ */
	return r;
}

/* The file's name may come from the environment, so its row is read before all others. */
static int read_file(struct config *c, struct error *err)
{
	const struct option_row *row =
		option_find(c->table, OPTION_FILE_NAME, strlen(OPTION_FILE_NAME));
	if (!row)
		return 0;
	int r = read_environment(c, row, err);
	if (r)
		return r;
	const char *path = *(char **)option_field(row, c->values);
	return path ? config_read_file(c, path, err) : 0;
}

static bool is_default(const struct config *c, const struct option_row *row)
{
	char value[DUMP_VALUE_MAX];
	value_format(row, c->values, value, sizeof value);
	return strcmp(value, row->default_text ? row->default_text : "") == 0;
}

static int finish_row(struct config *c, const struct option_row *row, struct error *err)
{
	struct config_origin *o = origin_of(c, row);
	int r = read_environment(c, row, err);
	if (!r && o->source == FROM_DEFAULT && row->default_text)
		r = value_set(row, c->values, str_from(row->default_text), err);
	if (!r && o->source == FROM_DEFAULT && row->required)
		r = error_set(err, -EINVAL, "--%s is missing: %s", row->name, row->help);
	if (!r && row->note && o->source != FROM_DEFAULT && !is_default(c, row)) {
		char note[256];
		snprintf(note, sizeof note, "--%s: %s", row->name, row->note);
		r = config_add_note(c, note, err);
	}
	return r;
}

int config_load(struct config *c, int argc, char **argv, struct error *err)
{
	int r = config_read_argv(c, argc, argv, err);
	if (!r)
		r = read_file(c, err);
	for (size_t i = 0; !r && i < c->table->n; i++)
		r = finish_row(c, &c->table->rows[i], err);
	return r;
}

bool config_given(const struct config *c, const char *name)
{
	const struct option_row *row = option_find(c->table, name, strlen(name));
	return row && origin_of(c, row)->source != FROM_DEFAULT;
}

void config_dump(const struct config *c, void (*line)(void *arg, const char *text), void *arg)
{
	for (size_t i = 0; i < c->table->n; i++) {
		const struct option_row *row = &c->table->rows[i];
		char value[DUMP_VALUE_MAX], where[128], text[DUMP_VALUE_MAX + 256];
		snprintf(text, sizeof text, "%s = %s (%s)", row->name,
			value_format(row, c->values, value, sizeof value),
			place(row, origin_of(c, row), where, sizeof where));
		line(arg, text);
	}
}
