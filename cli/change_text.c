/* SPDX-License-Identifier: MIT */
#include "cli/change_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/columns.h"
#include "config/value.h"

static int put(struct buf *to, const char *text)
{
	return buf_append(to, text, strlen(text));
}

/* As the options of commands are written: "maxSessions" is "max-sessions". */
static int put_name(struct buf *to, const char *member)
{
	int r = 0;
	for (; !r && *member; member++) {
		char c = (char)tolower((unsigned char)*member);
		if (c != *member)
			r = put(to, "-");
		if (!r)
			r = buf_append(to, &c, 1);
	}
	return r;
}

/* No right at all is what a new identity has. */
static bool is_nothing(const json_t *value)
{
	return !value || json_is_null(value) || json_is_false(value) ||
	       (json_is_string(value) && !*json_string_value(value)) ||
	       (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0);
}

/* "owner=me,ticket=4711" */
static int put_pairs(struct buf *to, const json_t *object)
{
	size_t before = buf_len(to);
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		if ((buf_len(to) > before && put(to, ",")) || put(to, name) || put(to, "=") ||
			columns_cell_text(value, to))
			return -ENOMEM;
	}
	return 0;
}

static int put_value(struct buf *to, const char *member, const json_t *value)
{
	char size[32];
	if (is_nothing(value))
		return put(to, "-");
	if (strncmp(member, "rate", strlen("rate")) == 0 && json_is_integer(value))
		return put(to,
			value_format_size((uint64_t)json_integer_value(value), size, sizeof size));
	if (json_is_object(value))
		return put_pairs(to, value);
	return json_is_array(value) ? columns_list_text(value, to) : columns_cell_text(value, to);
}

/* One member: what it is, and what it was. */
static int put_member(struct buf *to, size_t before, const char *member, const json_t *is,
	const json_t *was)
{
	if ((is_nothing(is) && is_nothing(was)) || strcmp(member, "name") == 0)
		return 0;
	int r = buf_len(to) > before ? put(to, "; ") : 0;
	if (!r)
		r = put_name(to, member);
	if (!r)
		r = put(to, "=");
	if (!r)
		r = put_value(to, member, is);
	if (r || !was)
		return r;
	if (put(to, " (was ") || put_value(to, member, was))
		return -ENOMEM;
	return put(to, ")");
}

static int put_detail(struct buf *to, const json_t *detail);

static int put_changes(struct buf *to, const json_t *changes)
{
	size_t i, before = buf_len(to);
	const json_t *change;
	json_array_foreach(changes, i, change)
	{
		const char *action = json_string_value(json_object_get(change, "action"));
		const char *subject = json_string_value(json_object_get(change, "subject"));
		if (!action || !subject || strcmp(action, "none") == 0)
			continue;
		if ((buf_len(to) > before && put(to, " | ")) || put(to, action) || put(to, " ") ||
			put(to, subject) || put(to, ": ") ||
			put_detail(to, json_object_get(change, "detail")))
			return -ENOMEM;
	}
	return buf_len(to) > before ? 0 : put(to, "-");
}

static int put_detail(struct buf *to, const json_t *detail)
{
	json_t *is = json_object_get(detail, "is"), *was = json_object_get(detail, "was");
	size_t before = buf_len(to);
	const char *member;
	json_t *value;
	int r = 0;
	if (json_object_get(detail, "changes"))
		return put_changes(to, json_object_get(detail, "changes"));
	json_object_foreach(is, member, value) r =
		r ? r : put_member(to, before, member, value, json_object_get(was, member));
	json_object_foreach(was, member, value) if (!json_object_get(is, member)) r =
		r ? r : put_member(to, before, member, NULL, value);
	json_object_foreach((json_t *)detail, member, value) if (!json_is_object(value)) r =
		r ? r : put_member(to, before, member, value, NULL);
	if (r)
		return r;
	return buf_len(to) > before ? 0 : put(to, "-");
}

int change_text_write(const json_t *row, bool raw, struct buf *to)
{
	const json_t *detail = json_object_get(row, "detail");
	if (!raw)
		return put_detail(to, detail);
	auto_free char *text =
		json_object_size(detail) ? json_dumps(detail, JSON_COMPACT) : strdup("-");
	return text ? put(to, text) : -ENOMEM;
}
