/* SPDX-License-Identifier: MIT */
#include "api/members.h"

#include <errno.h>
#include <string.h>

#include "base/escape.h"

/* Up to here a double is exact. */
#define EXACT_MAX 9007199254740992.0 /* 2^53 */

const char *api_quote(const char *text, char room[API_QUOTE_SIZE])
{
	room[escape_text(room, API_QUOTE_SIZE - 1, text, strlen(text), ESCAPE_SENTENCE)] = 0;
	return room;
}

static const struct api_member *find(const struct api_member *members, const char *name)
{
	for (const struct api_member *m = members; m && m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static bool is_number(const struct api_member *m, const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) >= 0 &&
	       (uint64_t)json_integer_value(value) >= m->min &&
	       (uint64_t)json_integer_value(value) <= m->max;
}

/* JSON knows no whole numbers: 3.0 is one to JSON Schema, and what some languages write for 3. */
static json_t *whole(json_t *object, const char *name, json_t *value)
{
	double real = json_real_value(value);
	if (!json_is_real(value) || real < 0 || real > EXACT_MAX ||
		real != (double)(json_int_t)real)
		return value;
	/* Without memory: it is refused as it is. */
	json_object_set_new(object, name, json_integer((json_int_t)real));
	return json_object_get(object, name);
}

static int check_array(const struct api_member *m, const json_t *value, struct error *err)
{
	bool texts = m->type == API_TEXTS;
	size_t i;
	const json_t *each;
	if (!json_is_array(value) || json_array_size(value) > m->max)
		return error_set(err, -EINVAL, "\"%s\" must be an array of at most %llu %s",
			m->name, (unsigned long long)m->max, texts ? "texts" : "objects");
	json_array_foreach(value, i, each)
	{
		if (texts && (!json_is_string(each) || json_string_length(each) > API_TEXTS_EACH))
			return error_set(err, -EINVAL,
				"\"%s\" must have texts of at most %d bytes each", m->name,
				API_TEXTS_EACH);
		if (!texts && !json_is_object(each))
			return error_set(err, -EINVAL, "\"%s\" must have objects alone", m->name);
	}
	return 0;
}

static int check_pairs(const struct api_member *m, const json_t *value, struct error *err)
{
	size_t i;
	const json_t *each;
	bool ok = json_is_array(value) && json_array_size(value) <= m->max;
	for (i = 0; ok && i < json_array_size(value); i++) {
		each = json_array_get(value, i);
		ok = json_array_size(each) == 2 && json_is_string(json_array_get(each, 0)) &&
		     json_is_string(json_array_get(each, 1));
	}
	return ok ? 0
		  : error_set(err, -EINVAL,
			    "\"%s\" must be an array of at most %llu pairs [\"name\", \"value\"]",
			    m->name, (unsigned long long)m->max);
}

static int check_map(const struct api_member *m, const json_t *value, struct error *err)
{
	const char *name;
	json_t *each;
	if (!json_is_object(value) || json_object_size(value) > m->max)
		return error_set(err, -EINVAL, "\"%s\" must be an object of at most %llu texts",
			m->name, (unsigned long long)m->max);
	json_object_foreach((json_t *)(uintptr_t)value, name, each)
	{
		if (!*name || strlen(name) > API_MAP_NAME || !json_is_string(each) ||
			json_string_length(each) > API_MAP_EACH)
			return error_set(err, -EINVAL,
				"\"%s\" must have names of 1 to %d bytes, and texts of at most %d",
				m->name, API_MAP_NAME, API_MAP_EACH);
	}
	return 0;
}

static int check(const struct api_member *m, const json_t *value, struct error *err)
{
	if (m->nullable && json_is_null(value))
		return 0;
	switch (m->type) {
	case API_TEXT:
		if (json_is_string(value) && json_string_length(value) <= m->max)
			return 0;
		return error_set(err, -EINVAL, "\"%s\" must be a text of at most %llu bytes",
			m->name, (unsigned long long)m->max);
	case API_NUMBER:
		if (is_number(m, value))
			return 0;
		return error_set(err, -EINVAL, "\"%s\" must be a whole number from %llu to %llu",
			m->name, (unsigned long long)m->min, (unsigned long long)m->max);
	case API_FLAG:
		if (json_is_boolean(value))
			return 0;
		return error_set(err, -EINVAL, "\"%s\" must be true or false", m->name);
	case API_SPAN:
		if (is_number(m, value) || json_is_string(value))
			return 0;
		return error_set(err, -EINVAL,
			"\"%s\" must be a number of seconds, or a text such as \"24h\"", m->name);
	case API_TEXTS:
	case API_OBJECTS:
		return check_array(m, value, err);
	case API_PAIRS:
		return check_pairs(m, value, err);
	case API_MAP:
		return check_map(m, value, err);
	}
	return error_set(err, -EINVAL, "\"%s\" is of no type", m->name);
}

int api_members_check(const json_t *object, const struct api_member *members, struct error *err)
{
	/* The iterator of jansson 2.14 takes an object that it could change. */
	json_t *tree = (json_t *)(uintptr_t)object;
	char room[API_QUOTE_SIZE];
	const char *name;
	json_t *value;
	json_object_foreach(tree, name, value)
	{
		const struct api_member *m = find(members, name);
		if (!m)
			return error_set(err, -EINVAL, "there is no member \"%s\" here",
				api_quote(name, room));
		int r = check(m, whole(tree, m->name, value), err);
		if (r < 0)
			return r;
	}
	for (const struct api_member *m = members; m && m->name; m++)
		if (m->required && !json_object_get(object, m->name))
			return error_set(err, -EINVAL, "the member \"%s\" is missing", m->name);
	return 0;
}

int api_members_parse(const char *body, size_t n, const struct api_member *members, json_t **out,
	struct error *err)
{
	json_error_t fault;
	char room[API_QUOTE_SIZE];
	json_t *tree = n ? json_loadb(body, n, JSON_REJECT_DUPLICATES, &fault) : json_object();
	if (!tree)
		return error_set(err, -EINVAL, "the body is not JSON: line %d, column %d: %s",
			n ? fault.line : 0, n ? fault.column : 0,
			n ? api_quote(fault.text, room) : "out of memory");
	int r = json_is_object(tree) ? api_members_check(tree, members, err)
				     : error_set(err, -EINVAL, "the body must be a JSON object");
	if (r < 0)
		json_decref(tree);
	else
		*out = tree;
	return r;
}
