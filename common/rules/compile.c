/* SPDX-License-Identifier: MIT */
#include "rules/compile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

/* ---- Sentences ---- */

int compile_fail(const struct compile *c, const struct tree_node *at, const char *fmt, ...)
{
	char text[sizeof(c->err->text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return error_set(c->err, -EINVAL, "%s:%u: %s", c->path, at->line, text);
}

int compile_fail_at(const struct compile *c, const struct tree_node *at, int r)
{
	error_prefix(c->err, "%s:%u", c->path, at->line);
	return r;
}

int compile_fail_memory(const struct compile *c)
{
	return error_set(c->err, -ENOMEM, "%s: no memory", c->path);
}

int compile_search(const struct compile *c, const struct tree_node *at)
{
	if (!c->quota || c->quota->searches--)
		return 0;
	return compile_fail(c, at,
		"the rules ask for too much that has to be searched for: expressions, patterns "
		"with a star elsewhere than at one end, fields, cookies, query parameters");
}

int compile_searches(const struct compile *c, const struct tree_node *at, size_t n)
{
	int r = 0;
	while (n-- && !r)
		r = compile_search(c, at);
	return r;
}

/* ---- A text, or a list of them ---- */

const struct tree_node *compile_first(const struct tree_node *value)
{
	return value->kind == TREE_LIST ? value->child : value;
}

const struct tree_node *compile_next(const struct tree_node *value, const struct tree_node *item)
{
	return value->kind == TREE_LIST ? item->next : NULL;
}

int compile_texts(const struct compile *c, const struct tree_node *value, const char *what)
{
	int n = 0;
	for (const struct tree_node *i = compile_first(value); i; i = compile_next(value, i), n++)
		if (i->kind != TREE_SCALAR || !*i->text)
			return compile_fail(c, i, "%s takes a value or a list of values", what);
	return n ? n : compile_fail(c, value, "%s has an empty list: leave it out", what);
}

/* ---- Members of mappings ---- */

const struct tree_node *compile_member(const struct tree_node *map, const char *name)
{
	for (const struct tree_node *i = map->kind == TREE_MAP ? map->child : NULL; i; i = i->next)
		if (strcmp(i->key, name) == 0)
			return i;
	return NULL;
}

int compile_members(const struct compile *c, const struct tree_node *map, const char *const *known)
{
	char list[256] = "";
	size_t n = 0;
	for (const char *const *k = known; *k; k++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", k == known ? "" : ", ",
			*k);
	if (map->kind != TREE_MAP || !map->child)
		return compile_fail(c, map, "%s takes a mapping with some of: %s",
			map->key ? map->key : "this", list);
	for (const struct tree_node *i = map->child; i; i = i->next) {
		const char *const *k = known;
		while (*k && strcmp(*k, i->key) != 0)
			k++;
		if (!*k)
			return compile_fail(c, i, "%s has no member \"%s\": %s",
				map->key ? map->key : "this", i->key, list);
	}
	return 0;
}

/* ---- Numbers ---- */

int compile_number(const struct compile *c, const struct tree_node *node, uint64_t min,
	uint64_t max, uint64_t *out)
{
	char *end = NULL;
	bool digits = node->kind == TREE_SCALAR && node->text[0] >= '0' && node->text[0] <= '9';
	unsigned long long n = digits ? strtoull(node->text, &end, 10) : 0;
	if (!digits || *end || n < min || n > max)
		return compile_fail(c, node, "%s takes a number from %llu to %llu", node->key,
			(unsigned long long)min, (unsigned long long)max);
	*out = n;
	return 0;
}

int compile_duration(const struct compile *c, const struct tree_node *node, uint64_t max,
	uint64_t *out)
{
	if (node->kind != TREE_SCALAR || value_parse_duration(str_from(node->text), out) || !*out ||
		*out > max)
		return compile_fail(c, node, "%s takes a time, as 30s or 5m, of at most %llu s",
			node->key, (unsigned long long)(max / 1000000));
	return 0;
}
