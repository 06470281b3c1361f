/* SPDX-License-Identifier: MIT */
/* One configuration told, and two compared. */
#include <stdio.h>
#include <string.h>

#include "config/config_internal.h"
#include "config/value.h"

struct line {
	void (*fn)(void *arg, const char *text);
	void *arg;
	const char *place;
};

static void print_line(const struct line *line, const char *name, const char *value)
{
	char text[CONFIG_VALUE_SIZE + CONFIG_PLACE_SIZE + 64];
	snprintf(text, sizeof text, "%s = %s (%s)", name, value, line->place);
	line->fn(line->arg, text);
}

/* "tunnel.yaml:7: upstream" without the name. */
static const char *element_place(const char *text, char place[CONFIG_PLACE_SIZE])
{
	const char *name = strrchr(text, ':');
	snprintf(place, CONFIG_PLACE_SIZE, "%.*s", name ? (int)(name - text) : 0, text);
	return place;
}

static void dump_group(const struct line *line, const struct option_row *row,
	const struct option_group *g, bool from_file)
{
	for (size_t i = 0; i < g->n; i++) {
		char value[CONFIG_VALUE_SIZE];
		void *element = (char *)g->v + i * row->element;
		char place[CONFIG_PLACE_SIZE];
		struct line own = {line->fn, line->arg, line->place};
		if (from_file)
			own.place = element_place(g->places[i], place);
		print_line(&own, option_key(row)->name,
			value_format_element(row, element, value, sizeof value));
	}
}

void config_dump(const struct config *c, bool given, void (*fn)(void *arg, const char *text),
	void *arg)
{
	for (size_t i = 0; i < c->table->n; i++) {
		const struct option_row *row = &c->table->rows[i];
		char value[CONFIG_VALUE_SIZE], place[CONFIG_PLACE_SIZE];
		struct line line = {fn, arg,
			config_place(row, &c->origins[i], place, sizeof place)};
		if (given && c->origins[i].source == FROM_DEFAULT)
			continue;
		if (row->group)
			dump_group(&line, row, option_field(row, c->values),
				c->origins[i].source == FROM_FILE);
		else
			print_line(&line, row->name,
				value_format(row, c->values, value, sizeof value));
	}
}

void config_compare(const struct config *was, const struct config *is,
	void (*on_difference)(void *arg, const struct option_row *row, const char *was,
		const char *is),
	void *arg)
{
	for (size_t i = 0; i < was->table->n; i++) {
		const struct option_row *row = &was->table->rows[i];
		char before[CONFIG_VALUE_SIZE], now[CONFIG_VALUE_SIZE];
		if (!value_same(row, was->values, is->values))
			on_difference(arg, row,
				value_format(row, was->values, before, sizeof before),
				value_format(row, is->values, now, sizeof now));
	}
}

int config_keep(struct config *c, const struct config *running)
{
	int r = 0;
	for (size_t i = 0; !r && i < c->table->n; i++) {
		const struct option_row *row = &c->table->rows[i];
		if (!row->reloadable && !value_same(row, c->values, running->values))
			r = value_copy(row, c->values, running->values);
	}
	return r;
}
