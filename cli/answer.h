/* SPDX-License-Identifier: MIT */
#pragma once
/* Members of an answer, which may be missing: "" and 0 then. */
#include <jansson.h>

static inline const char *answer_text(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));
	return text ? text : "";
}

static inline long long answer_number(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

/* "1 session", "2 sessions": what stands behind the noun. */
static inline const char *plural(long long n)
{
	return n == 1 ? "" : "s";
}
