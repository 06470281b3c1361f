/* SPDX-License-Identifier: MIT */
/* One value's way into the config struct: which source wins, and where in a sentence it came from. */
#include "config/apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_internal.h"
#include "config/formatting.h"
#include "config/value.h"

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

struct config_origin *config_origin_of(struct config *c, const struct option_row *row)
{
	return &c->origins[row - c->table->rows];
}

const char *config_place(const struct option_row *row, const struct config_origin *o, char *to,
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
		snprintf(to, size, "environment variable %s",
			row->group ? option_key(row)->env : row->env);
		break;
	case FROM_DEFAULT:
		snprintf(to, size, "default");
		break;
	}
	return to;
}

/* What a sentence about the option begins with: "--port", "tunnel.yaml:7: port"; "" of an operand. */
static const char *context(struct option_at at, const struct config_origin *o, char *to,
	size_t size)
{
	char where[CONFIG_PLACE_SIZE];
	config_place(at.group ? at.group : at.row, o, where, sizeof where);
	if (o->operand)
		*to = 0;
	else if (o->source == FROM_COMMAND_LINE && o->typed.n)
		snprintf(to, size, "--%.*s", STR_ARG(o->typed));
	else if (o->source == FROM_COMMAND_LINE)
		snprintf(to, size, "--%s", at.row->name);
	else
		snprintf(to, size, "%s: %s", where,
			o->source == FROM_FILE ? option_in_file(at) : at.row->name);
	return to;
}

/*
 * A secret was overwritten where it stood when it was read first. The same place has to be the one
 * that gave it, since more than one was refused.
 */
static struct str secret_again(const struct config *before, const struct option_row *row)
{
	const char *text = *(char **)option_field(row, before->values);
	return text ? str_from(text) : STR_NULL;
}

static int check_formatting(const struct config *c, const struct option_row *row, struct str text,
	struct error *err)
{
	/* Line ends around a token are taken off anyway. */
	while (row->type == OPTION_SECRET && text.n && strchr("\r\n", text.p[text.n - 1]))
		text.n--;
	return formatting_check_value(c->table, text, err);
}

/* The struct that the value is put into; an element is begun when it is its key. */
static int struct_of(struct config *c, struct option_at at, const struct config_origin *origin,
	bool first, void **values_out, struct error *err)
{
	*values_out = c->values;
	if (!at.group)
		return 0;
	struct option_group *g = option_field(at.group, c->values);
	if (at.row == option_key(at.group) || at.row->begins) {
		char where[CONFIG_CONTEXT_SIZE];
		int r = value_begin(at.group, c->values, context(at, origin, where, sizeof where),
			err);
		if (r)
			return r;
	} else if (first || !g->n) {
		const char *key = option_key(at.group)->name;
		return error_set(err, -EINVAL, "it belongs to an --%s: put it behind one", key);
	}
	*values_out = option_group_last(at.group, g);
	return 0;
}

int config_apply(struct config *c, struct option_at at, struct str text,
	struct config_origin origin, struct error *err)
{
	const struct option_row *row = at.row, *top = at.group ? at.group : at.row;
	struct config_origin *had = config_origin_of(c, top);
	bool first = had->source != origin.source;
	if (row->type == OPTION_SECRET && had->source != FROM_DEFAULT) {
		char place[CONFIG_PLACE_SIZE], again[CONFIG_PLACE_SIZE];
		return error_set(err, -EINVAL, "--%s is given twice (%s, %s): keep one", row->name,
			config_place(row, had, place, sizeof place),
			config_place(row, &origin, again, sizeof again));
	}
	if (had->source > origin.source)
		return 0;
	if (first)
		value_clear(top, c->values);
	if (row->type == OPTION_SECRET && c->before && origin.source != FROM_FILE)
		text = secret_again(c->before, row);
	void *values;
	int r = check_formatting(c, row, text, err);
	if (!r)
		r = struct_of(c, at, &origin, first, &values, err);
	if (!r)
		r = value_set(row, values, text, err);
	if (r) {
		char where[CONFIG_CONTEXT_SIZE];
		context(at, &origin, where, sizeof where);
		if (*where)
			error_prefix(err, "%s", where);
		return r;
	}
	*had = origin;
	had->typed = STR_NULL; /* the command line need not outlive this */
	return 0;
}
