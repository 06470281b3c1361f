/* SPDX-License-Identifier: MIT */
#include "config/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/config_internal.h"
#include "config/value.h"

#define VALUE_ROOM 256 /* bytes of most values; doubled for those that are longer */

typedef int argument_fn(void *arg, const struct config_argument *a);

/* All of it, however long: owned by the caller; NULL: no memory. */
static char *whole_value(const struct option_row *row, void *values)
{
	for (size_t size = VALUE_ROOM;; size *= 2) {
		char *text = malloc(size);
		if (!text || strlen(value_format(row, values, text, size)) < size - 1)
			return text;
		free(text);
	}
}

static int say(struct config_argument *a, void *values, argument_fn *fn, void *arg)
{
	if (a->row->type == OPTION_LIST || a->row->type == OPTION_LINES) {
		const struct option_list *list = option_field(a->row, values);
		int r = 0;
		for (size_t i = 0; i < list->n && !r; i++) {
			a->value = list->v[i];
			r = fn(arg, a);
		}
		return r;
	}
	auto_free char *text = whole_value(a->row, values);
	a->value = text;
	return text ? fn(arg, a) : -ENOMEM;
}

static bool is_as_it_was(const struct option_row *row, void *element)
{
	char value[VALUE_ROOM];
	value_format(row, element, value, sizeof value);
	return strcmp(value, row->default_text ? row->default_text : "") == 0;
}

static int say_group(const struct option_row *group, void *values, argument_fn *fn, void *arg)
{
	const struct option_group *g = option_field(group, values);
	int r = 0;
	for (size_t i = 0; i < g->n && !r; i++) {
		void *element = (char *)g->v + i * group->element;
		for (size_t k = 0; k < group->group->n && !r; k++) {
			struct config_argument a = {.row = &group->group->rows[k],
				.group = group,
				.element = element};
			if (!is_as_it_was(a.row, element))
				r = say(&a, element, fn, arg);
		}
	}
	return r;
}

int config_arguments(const struct config *c, bool file, argument_fn *fn, void *arg)
{
	int r = 0;
	for (size_t i = 0; i < c->table->n && !r; i++) {
		struct config_argument a = {.row = &c->table->rows[i]};
		bool from_file = c->origins[i].source == FROM_FILE;
		if (c->origins[i].source == FROM_DEFAULT || (from_file && !file))
			continue;
		r = a.row->group ? say_group(a.row, c->values, fn, arg)
				 : say(&a, c->values, fn, arg);
	}
	return r;
}
