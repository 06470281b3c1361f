/* SPDX-License-Identifier: MIT */
/* The functions of a query that scripts use. */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "cli/query_tree.h"

struct arguments {
	json_t *v[QUERY_ARGS_MAX];
	size_t n;
	const struct query_node *reference; /* &…, the second one */
	struct query_walk *walk;
};

/* A new reference; NULL: it does not take these. */
typedef json_t *function(struct arguments *a);

static struct str text_of(const json_t *value)
{
	return (struct str){json_string_value(value), json_string_length(value)};
}

static json_t *length(struct arguments *a)
{
	const json_t *v = a->v[0];
	size_t n = 0;
	if (json_is_array(v))
		return json_integer((json_int_t)json_array_size(v));
	if (json_is_object(v))
		return json_integer((json_int_t)json_object_size(v));
	if (!json_is_string(v))
		return NULL;
	for (const char *c = json_string_value(v); *c; c++)
		n += ((unsigned char)*c & 0xc0) != 0x80; /* characters of UTF-8 */
	return json_integer((json_int_t)n);
}

static json_t *contains(struct arguments *a)
{
	size_t i;
	const json_t *item;
	bool found = false;
	if (json_is_string(a->v[0]))
		return json_boolean(json_is_string(a->v[1]) &&
				    strstr(json_string_value(a->v[0]), json_string_value(a->v[1])));
	if (!json_is_array(a->v[0]))
		return NULL;
	json_array_foreach(a->v[0], i, item) found |= json_equal(item, a->v[1]);
	return json_boolean(found);
}

static json_t *starts_with(struct arguments *a)
{
	struct str text = text_of(a->v[0]), part = text_of(a->v[1]);
	if (!text.p || !part.p)
		return NULL;
	return json_boolean(text.n >= part.n && memcmp(text.p, part.p, part.n) == 0);
}

static json_t *ends_with(struct arguments *a)
{
	struct str text = text_of(a->v[0]), part = text_of(a->v[1]);
	if (!text.p || !part.p)
		return NULL;
	return json_boolean(
		text.n >= part.n && memcmp(text.p + text.n - part.n, part.p, part.n) == 0);
}

static json_t *join(struct arguments *a)
{
	size_t i;
	const json_t *item;
	const char *between = json_string_value(a->v[0]);
	json_t *text = between && json_is_array(a->v[1]) ? json_string("") : NULL;
	json_array_foreach(a->v[1], i, item)
	{
		json_t *longer = text && json_is_string(item)
					 ? json_sprintf("%s%s%s", json_string_value(text),
						   i ? between : "", json_string_value(item))
					 : NULL;
		json_decref(text);
		text = longer;
	}
	return text;
}

static json_t *keys(struct arguments *a)
{
	const char *name;
	json_t *value, *list = json_is_object(a->v[0]) ? json_array() : NULL;
	json_object_foreach(a->v[0], name, value) json_array_append_new(list, json_string(name));
	return list;
}

static json_t *values(struct arguments *a)
{
	const char *name;
	json_t *value, *list = json_is_object(a->v[0]) ? json_array() : NULL;
	json_object_foreach(a->v[0], name, value) json_array_append(list, value);
	return list;
}

static json_t *reverse(struct arguments *a)
{
	json_t *list = json_is_array(a->v[0]) ? json_array() : NULL;
	for (size_t i = json_array_size(a->v[0]); i-- > 0;)
		json_array_append(list, json_array_get(a->v[0], i));
	return list;
}

static json_t *not_null(struct arguments *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (!json_is_null(a->v[i]))
			return json_incref(a->v[i]);
	return json_null();
}

static json_t *to_string(struct arguments *a)
{
	if (json_is_string(a->v[0]))
		return json_incref(a->v[0]);
	char *text = json_dumps(a->v[0], JSON_COMPACT | JSON_ENCODE_ANY);
	json_t *made = text ? json_string(text) : NULL;
	free(text);
	return made;
}

static json_t *to_number(struct arguments *a)
{
	if (json_is_number(a->v[0]))
		return json_incref(a->v[0]);
	json_t *number = json_is_string(a->v[0])
				 ? json_loads(json_string_value(a->v[0]), JSON_DECODE_ANY, NULL)
				 : NULL;
	if (json_is_number(number))
		return number;
	json_decref(number);
	return json_null();
}

static json_t *type(struct arguments *a)
{
	static const char *const names[] = {[JSON_OBJECT] = "object",
		[JSON_ARRAY] = "array",
		[JSON_STRING] = "string",
		[JSON_INTEGER] = "number",
		[JSON_REAL] = "number",
		[JSON_TRUE] = "boolean",
		[JSON_FALSE] = "boolean",
		[JSON_NULL] = "null"};
	return json_string(names[json_typeof(a->v[0])]);
}

/* ---- Order ---- */

struct sorted {
	json_t *key, *item; /* `key` owned */
};

static int order(const void *a, const void *b)
{
	const json_t *x = ((const struct sorted *)a)->key, *y = ((const struct sorted *)b)->key;
	if (json_is_string(x) && json_is_string(y))
		return strcmp(json_string_value(x), json_string_value(y));
	return (json_number_value(x) > json_number_value(y)) -
	       (json_number_value(x) < json_number_value(y));
}

/* All numbers, or all texts. */
static bool is_sortable(const struct sorted *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool text = json_is_string(v[0].key);
		if (!v[i].key || (text ? !json_is_string(v[i].key) : !json_is_number(v[i].key)))
			return false;
	}
	return true;
}

/* By what the reference picks, or by the items themselves. */
static json_t *sort(struct arguments *a)
{
	size_t n = json_array_size(a->v[0]);
	struct sorted *v = json_is_array(a->v[0]) ? calloc(n + 1, sizeof *v) : NULL;
	json_t *made = NULL;
	for (size_t i = 0; v && i < n; i++) {
		v[i].item = json_array_get(a->v[0], i);
		v[i].key = a->reference ? query_eval(a->walk, a->reference->left, v[i].item)
					: json_incref(v[i].item);
	}
	if (v && is_sortable(v, n)) {
		qsort(v, n, sizeof *v, order);
		made = json_array();
		for (size_t i = 0; i < n; i++)
			json_array_append(made, v[i].item);
	}
	for (size_t i = 0; v && i < n; i++)
		json_decref(v[i].key);
	free(v);
	return made;
}

/* ---- The table ---- */

static const struct {
	const char *name;
	size_t min, max; /* arguments */
	bool reference;  /* the last one is one */
	function *call;
} functions[] = {
	{"length", 1, 1, false, length},
	{"contains", 2, 2, false, contains},
	{"starts_with", 2, 2, false, starts_with},
	{"ends_with", 2, 2, false, ends_with},
	{"join", 2, 2, false, join},
	{"keys", 1, 1, false, keys},
	{"values", 1, 1, false, values},
	{"reverse", 1, 1, false, reverse},
	{"not_null", 1, QUERY_ARGS_MAX, false, not_null},
	{"to_string", 1, 1, false, to_string},
	{"to_number", 1, 1, false, to_number},
	{"type", 1, 1, false, type},
	{"sort", 1, 1, false, sort},
	{"sort_by", 2, 2, true, sort},
};

static json_t *fail(struct query_walk *w, const char *name, const char *what)
{
	if (!w->failed)
		error_set(w->err, -1, "--query: %s(): %s", name, what);
	w->failed = true;
	return NULL;
}

static void take_arguments(struct arguments *a, const struct query_node *node, json_t *value)
{
	for (const struct query_node *each = node->first; each && a->n < QUERY_ARGS_MAX;
		each = each->next) {
		if (each->kind == QUERY_REFERENCE)
			a->reference = each;
		a->v[a->n++] = query_eval(a->walk, each, value);
	}
}

json_t *query_call(struct query_walk *w, const struct query_node *node, json_t *value)
{
	struct arguments a = {.walk = w};
	const char *name = json_string_value(node->value);
	size_t i = 0;
	while (i < ARRAY_LEN(functions) && strcmp(functions[i].name, name) != 0)
		i++;
	if (i == ARRAY_LEN(functions))
		return fail(w, name, "there is no such function here");
	take_arguments(&a, node, value);
	json_t *made = NULL;
	if (w->failed)
		fail(w, name, "");
	else if (a.n < functions[i].min || a.n > functions[i].max ||
		 functions[i].reference != (a.reference != NULL))
		fail(w, name, "it takes other arguments");
	else if (!(made = functions[i].call(&a)))
		fail(w, name, "it does not take a value of this type");
	for (size_t k = 0; k < a.n; k++)
		json_decref(a.v[k]);
	return made;
}
