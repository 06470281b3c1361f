/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/macros.h"
#include "cli/query_tree.h"

static json_t *fail(struct query_walk *w)
{
	if (!w->failed)
		error_set(w->err, -1, "no memory");
	w->failed = true;
	return NULL;
}

bool query_is_true(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return json_object_size(value) != 0;
	case JSON_ARRAY:
		return json_array_size(value) != 0;
	case JSON_STRING:
		return json_string_length(value) != 0;
	case JSON_INTEGER:
	case JSON_REAL:
	case JSON_TRUE:
		return true;
	case JSON_FALSE:
	case JSON_NULL:
		return false;
	}
	return false;
}

/* ---- Parts ---- */

static json_t *item_at(json_t *list, long long at)
{
	long long n = (long long)json_array_size(list);
	json_t *item = json_array_get(list, (size_t)(at < 0 ? at + n : at));
	return item && at >= -n ? json_incref(item) : json_null();
}

/* As Python cuts. */
static long long bound(long long at, bool given, long long otherwise, long long n, bool up)
{
	if (!given)
		return otherwise;
	at += at < 0 ? n : 0;
	return up ? MAX(0, MIN(at, n)) : MAX(-1, MIN(at, n - 1));
}

static json_t *slice(const struct query_node *node, const json_t *list)
{
	long long n = (long long)json_array_size(list), step = node->slice.step;
	bool up = step > 0;
	long long at = bound(node->slice.start, node->slice.start_given, up ? 0 : n - 1, n, up);
	long long stop = bound(node->slice.stop, node->slice.stop_given, up ? n : -1, n, up);
	json_t *made = json_is_array(list) ? json_array() : json_null();
	for (; json_is_array(list) && (up ? at < stop : at > stop); at += step)
		json_array_append(made, json_array_get(list, (size_t)at));
	return made;
}

static json_t *flattened(const json_t *list)
{
	json_t *made = json_is_array(list) ? json_array() : json_null();
	size_t i;
	json_t *item;
	json_array_foreach((json_t *)list, i, item)
	{
		if (json_is_array(item))
			json_array_extend(made, item);
		else
			json_array_append(made, item);
	}
	return made;
}

/* ---- Projections ---- */

/* What is looked up in one item, behind the others; null is left out. */
static void project(struct query_walk *w, const struct query_node *node, json_t *item, json_t *made)
{
	if (node->kind == QUERY_FILTER) {
		json_t *keep = query_eval(w, node->condition, item);
		bool kept = keep && query_is_true(keep);
		json_decref(keep);
		if (!kept)
			return;
	}
	json_t *found = w->failed ? NULL : query_eval(w, node->right, item);
	if (found && !json_is_null(found) && json_array_append(made, found))
		fail(w);
	json_decref(found);
}

static json_t *projected(struct query_walk *w, const struct query_node *node, json_t *left)
{
	bool of_object = node->kind == QUERY_VALUES;
	json_t *made = json_array(), *item;
	const char *name;
	size_t i;
	if (of_object ? !json_is_object(left) : !json_is_array(left)) {
		json_decref(made);
		return json_null();
	}
	json_array_foreach(left, i, item) project(w, node, item, made);
	if (of_object)
		json_object_foreach(left, name, item) project(w, node, item, made);
	if (!w->failed)
		return made;
	json_decref(made);
	return NULL;
}

/* ---- Comparisons ---- */

static json_t *compared(enum query_op op, const json_t *a, const json_t *b)
{
	if (op == QUERY_EQ || op == QUERY_NE)
		return json_boolean(json_equal(a, b) == (op == QUERY_EQ));
	if (!json_is_number(a) || !json_is_number(b))
		return json_null();
	double x = json_number_value(a), y = json_number_value(b);
	return json_boolean(op == QUERY_LT   ? x < y
			    : op == QUERY_LE ? x <= y
			    : op == QUERY_GT ? x > y
					     : x >= y);
}

static json_t *chosen(struct query_walk *w, const struct query_node *node, json_t *left,
	json_t *value)
{
	bool is_enough = query_is_true(left) == (node->kind == QUERY_OR);
	return is_enough ? json_incref(left) : query_eval(w, node->right, value);
}

/* ---- Several at once ---- */

static json_t *selected(struct query_walk *w, const struct query_node *node, json_t *value)
{
	bool hash = node->kind == QUERY_HASH;
	json_t *made = hash ? json_object() : json_array();
	if (json_is_null(value)) {
		json_decref(made);
		return json_null();
	}
	for (const struct query_node *each = node->first; each && !w->failed; each = each->next) {
		json_t *found = query_eval(w, each, value);
		if (hash ? json_object_set_new(made, json_string_value(each->value), found)
			 : json_array_append_new(made, found))
			fail(w);
	}
	if (!w->failed)
		return made;
	json_decref(made);
	return NULL;
}

/* ---- All of it ---- */

/* Of what stands left of it, which was looked up before. */
static json_t *of_left(struct query_walk *w, const struct query_node *node, json_t *left,
	json_t *value)
{
	json_t *right, *result;
	switch ((int)node->kind) { /* others have nothing on their left */
	case QUERY_SUB:
	case QUERY_PIPE:
		return query_eval(w, node->right, left);
	case QUERY_LIST:
	case QUERY_FILTER:
	case QUERY_VALUES:
		return projected(w, node, left);
	case QUERY_INDEX:
		return item_at(left, node->slice.start);
	case QUERY_SLICE:
		return slice(node, left);
	case QUERY_FLATTEN:
		return flattened(left);
	case QUERY_NOT:
		return json_boolean(!query_is_true(left));
	case QUERY_OR:
	case QUERY_AND:
		return chosen(w, node, left, value);
	case QUERY_COMPARE:
		right = query_eval(w, node->right, value);
		result = right ? compared(node->op, left, right) : NULL;
		json_decref(right);
		return result;
	default:
		return fail(w);
	}
}

json_t *query_eval(struct query_walk *w, const struct query_node *node, json_t *value)
{
	json_t *found;
	switch ((int)node->kind) { /* others have something on their left */
	case QUERY_CURRENT:
		return json_incref(value);
	case QUERY_FIELD:
		found = json_object_get(value, json_string_value(node->value));
		return found ? json_incref(found) : json_null();
	case QUERY_LITERAL:
		return json_incref(node->value);
	case QUERY_SELECT:
	case QUERY_HASH:
		return selected(w, node, value);
	case QUERY_FUNCTION:
		return w->call(w, node, value);
	case QUERY_REFERENCE:
		return json_null(); /* of no function that takes one */
	default:
		break;
	}
	json_t *left = query_eval(w, node->left, value);
	json_t *result = left ? of_left(w, node, left, value) : NULL;
	json_decref(left);
	return result ? result : fail(w);
}
