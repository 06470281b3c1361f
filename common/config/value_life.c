/* SPDX-License-Identifier: MIT */
/* Values as things that are owned: empty, cleared, compared, copied. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

void value_zero(const struct option_row *row, void *values)
{
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
		[OPTION_RANGES] = sizeof(struct option_ranges),
		[OPTION_GROUP] = sizeof(struct option_group),
	};
	memset(option_field(row, values), 0, sizes[row->type]);
}

int value_append_element(const struct option_row *group, struct option_group *g, const char *place)
{
	void *v = realloc(g->v, (g->n + 1) * group->element);
	if (v)
		g->v = v;
	char **places = v ? realloc(g->places, (g->n + 1) * sizeof *places) : NULL;
	if (places)
		g->places = places;
	char *copy = places ? strdup(place) : NULL;
	if (!copy)
		return -ENOMEM;
	g->places[g->n++] = copy;
	memset(option_group_last(group, g), 0, group->element);
	return 0;
}

static void clear_group(const struct option_row *row, struct option_group *g)
{
	for (; g->n; g->n--) {
		for (size_t i = 0; i < row->group->n; i++)
			value_clear(&row->group->rows[i], option_group_last(row, g));
		free(g->places[g->n - 1]);
	}
	free(g->v);
	free(g->places);
	*g = (struct option_group){0};
}

void value_clear(const struct option_row *row, void *values)
{
	void *field = option_field(row, values);
	switch (row->type) {
	case OPTION_SECRET: {
		char **text = field;
		if (*text)
			explicit_bzero(*text, strlen(*text));
		free(*text);
		*text = NULL;
		return;
	}
	case OPTION_STRING: {
		char **text = field;
		free(*text);
		*text = NULL;
		return;
	}
	case OPTION_LIST:
	case OPTION_LINES: {
		struct option_list *list = field;
		for (size_t i = 0; i < list->n; i++)
			free(list->v[i]);
		free(list->v);
		*list = (struct option_list){0};
		return;
	}
	case OPTION_PORTS: {
		struct option_ports *ports = field;
		free(ports->v);
		*ports = (struct option_ports){0};
		return;
	}
	case OPTION_RANGES: {
		struct option_ranges *ranges = field;
		free(ranges->v);
		*ranges = (struct option_ranges){0};
		return;
	}
	case OPTION_GROUP:
		clear_group(row, field);
		return;
	case OPTION_FLAG:
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
	case OPTION_ENUM:
		return;
	}
}

static bool same_list(const struct option_list *a, const struct option_list *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++)
		same = str_same(a->v[i], b->v[i]);
	return same;
}

static bool same_array(const void *a, size_t an, const void *b, size_t bn, size_t size)
{
	return an == bn && (an == 0 || memcmp(a, b, an * size) == 0);
}

static bool same_group(const struct option_row *row, struct option_group *a, struct option_group *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n * row->group->n; i++) {
		size_t at = i / row->group->n * row->element;
		if (!value_same(&row->group->rows[i % row->group->n], (char *)a->v + at,
			    (char *)b->v + at))
			return false;
	}
	return true;
}

bool value_same(const struct option_row *row, void *values, void *others)
{
	void *a = option_field(row, values), *b = option_field(row, others);
	switch (row->type) {
	case OPTION_FLAG:
		return *(bool *)a == *(bool *)b;
	case OPTION_STRING:
	case OPTION_SECRET:
		return str_same(*(char **)a, *(char **)b);
	case OPTION_LIST:
	case OPTION_LINES:
		return same_list(a, b);
	case OPTION_PORTS: {
		struct option_ports *x = a, *y = b;
		return same_array(x->v, x->n, y->v, y->n, sizeof *x->v);
	}
	case OPTION_RANGES: {
		struct option_ranges *x = a, *y = b;
		return same_array(x->v, x->n, y->v, y->n, sizeof *x->v);
	}
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		return *(uint64_t *)a == *(uint64_t *)b;
	case OPTION_ENUM:
		return *(int *)a == *(int *)b;
	case OPTION_GROUP:
		return same_group(row, a, b);
	}
	return false;
}

static int copy_list(struct option_list *to, const struct option_list *from)
{
	to->v = calloc(from->n, sizeof *to->v);
	if (from->n && !to->v)
		return -ENOMEM;
	for (; to->n < from->n; to->n++) {
		to->v[to->n] = strdup(from->v[to->n]);
		if (!to->v[to->n])
			return -ENOMEM;
	}
	return 0;
}

static int copy_array(void *to, const void *from, size_t size)
{
	void *copy = size ? malloc(size) : NULL;
	if (size && !copy)
		return -ENOMEM;
	if (size)
		memcpy(copy, from, size);
	*(void **)to = copy;
	return 0;
}

static int copy_group(const struct option_row *row, struct option_group *to,
	struct option_group *from)
{
	int r = 0;
	for (size_t i = 0; !r && i < from->n; i++) {
		void *element = (char *)from->v + i * row->element;
		r = value_append_element(row, to, from->places[i]);
		for (size_t j = 0; !r && j < row->group->n; j++)
			r = value_copy(&row->group->rows[j], option_group_last(row, to), element);
	}
	return r;
}

static int copy_field(const struct option_row *row, void *to, void *from)
{
	switch (row->type) {
	case OPTION_FLAG:
		*(bool *)to = *(bool *)from;
		return 0;
	case OPTION_STRING:
	case OPTION_SECRET: {
		char *text = *(char **)from;
		return text ? copy_array(to, text, strlen(text) + 1) : 0;
	}
	case OPTION_LIST:
	case OPTION_LINES:
		return copy_list(to, from);
	case OPTION_PORTS: {
		struct option_ports *t = to, *f = from;
		t->n = f->n;
		return copy_array(&t->v, f->v, f->n * sizeof *f->v);
	}
	case OPTION_RANGES: {
		struct option_ranges *t = to, *f = from;
		t->n = f->n;
		return copy_array(&t->v, f->v, f->n * sizeof *f->v);
	}
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		*(uint64_t *)to = *(uint64_t *)from;
		return 0;
	case OPTION_ENUM:
		*(int *)to = *(int *)from;
		return 0;
	case OPTION_GROUP:
		return copy_group(row, to, from);
	}
	return -EINVAL;
}

int value_copy(const struct option_row *row, void *values, void *from)
{
	value_clear(row, values);
	int r = copy_field(row, option_field(row, values), option_field(row, from));
	if (r) {
		value_clear(row, values);
		value_zero(row, values);
	}
	return r;
}
