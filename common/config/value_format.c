/* SPDX-License-Identifier: MIT */
/* Values as text again: for the dump, and for saying what changed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/value.h"

char *value_format_scalar(enum option_type type, uint64_t v, char *to, size_t size)
{
	if (type == OPTION_DURATION)
		return value_format_duration(v, to, size);
	if (type == OPTION_SIZE)
		return value_format_size(v, to, size);
	snprintf(to, size, "%" PRIu64, v);
	return to;
}

static char *format_list(const struct option_list *list, char *to, size_t size)
{
	size_t used = 0;
	to[0] = 0;
	for (size_t i = 0; i < list->n && used < size; i++)
		used += (size_t)snprintf(to + used, size - used, "%s%s", i ? "," : "", list->v[i]);
	return to;
}

static char *format_ports(const struct option_ports *ports, char *to, size_t size)
{
	size_t used = 0;
	to[0] = 0;
	for (size_t i = 0; i < ports->n && used < size; i++)
		used += (size_t)snprintf(to + used, size - used, "%s%u", i ? "," : "", ports->v[i]);
	return to;
}

char *value_format_ranges(const struct option_ranges *ranges, char *to, size_t size)
{
	size_t used = 0;
	to[0] = 0;
	for (size_t i = 0; i < ranges->n && used < size; i++) {
		const struct option_range *r = &ranges->v[i];
		used += (size_t)snprintf(to + used, size - used,
			r->first < r->last ? "%s%u-%u" : "%s%u", i ? "," : "", r->first, r->last);
	}
	return to;
}

char *value_format_element(const struct option_row *group, void *element, char *to, size_t size)
{
	value_format(option_key(group), element, to, size);
	for (size_t i = 1; i < group->group->n; i++) {
		const struct option_row *row = &group->group->rows[i];
		char value[256];
		value_format(row, element, value, sizeof value);
		size_t used = strlen(to);
		if (strcmp(value, row->default_text ? row->default_text : "") != 0)
			snprintf(to + used, size - used, " %s=%s", row->name, value);
	}
	return to;
}

static char *format_group(const struct option_row *row, struct option_group *g, char *to,
	size_t size)
{
	to[0] = 0;
	for (size_t i = 0; i < g->n; i++) {
		size_t used = strlen(to);
		snprintf(to + used, size - used, "%s", i ? "; " : "");
		used = strlen(to);
		value_format_element(row, (char *)g->v + i * row->element, to + used, size - used);
	}
	return to;
}

char *value_format(const struct option_row *row, void *values, char *to, size_t size)
{
	void *field = option_field(row, values);
	switch (row->type) {
	case OPTION_FLAG:
		snprintf(to, size, "%s", *(bool *)field ? "true" : "false");
		return to;
	case OPTION_STRING:
		snprintf(to, size, "%s", *(char **)field ? *(char **)field : "");
		return to;
	case OPTION_SECRET:
		snprintf(to, size, "%s", *(char **)field ? "(set)" : "");
		return to;
	case OPTION_LIST:
	case OPTION_LINES:
		return format_list(field, to, size);
	case OPTION_PORTS:
		return format_ports(field, to, size);
	case OPTION_RANGES:
		return value_format_ranges(field, to, size);
	case OPTION_GROUP:
		return format_group(row, field, to, size);
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		return value_format_scalar(row->type, *(uint64_t *)field, to, size);
	case OPTION_ENUM:
		snprintf(to, size, "%s", row->values[*(int *)field]);
		return to;
	}
	return to;
}
