/* SPDX-License-Identifier: MIT */
#include "api/api_json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "config/value.h"
#include "policy/timestamp.h"

/* Bytes of a value: lists of networks or names may be long, and are cut. */
#define VALUE_SIZE 1024

json_t *moment_json(uint64_t at)
{
	char text[POLICY_TIME_SIZE];
	return json_string(policy_time_format(at, text));
}

json_t *clock_moment_json(uint64_t at)
{
	return at ? moment_json(policy_now() - (clock_now() - at)) : json_null();
}

json_t *seconds_json(uint64_t us)
{
	return json_real((double)us / CLOCK_S);
}

json_t *options_json(const struct option_table *t, const void *options)
{
	json_t *object = json_object();
	for (size_t i = 0; object && i < t->n; i++) {
		char text[VALUE_SIZE], safe[VALUE_SIZE];
		/* The table is for writing too; nothing is written. */
		value_format(&t->rows[i], (void *)(uintptr_t)options, text, sizeof(text));
		safe[escape_text(safe, sizeof(safe) - 1, text, strlen(text), ESCAPE_SENTENCE)] = 0;
		if (json_object_set_new(object, t->rows[i].name, json_string(safe)) < 0) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}

json_t *text_json(const void *p, size_t n)
{
	json_t *text = json_stringn(p, n);
	if (text)
		return text;
	const uint8_t *from = p;
	char *wide = malloc(2 * n + 1);
	size_t m = 0;
	for (size_t i = 0; wide && i < n; i++) {
		if (from[i] < 0x80) {
			wide[m++] = (char)from[i];
			continue;
		}
		wide[m++] = (char)(0xc0 | from[i] >> 6);
		wide[m++] = (char)(0x80 | (from[i] & 0x3f));
	}
	text = wide ? json_stringn(wide, m) : NULL;
	free(wide);
	return text;
}

json_t *hostname_json(void)
{
	char name[256] = "";
	gethostname(name, sizeof(name) - 1);
	return json_string(name);
}

json_t *append_json(json_t *array, json_t *item)
{
	if (json_array_append_new(array, item) == 0)
		return array;
	json_decref(array);
	return NULL;
}
