/* SPDX-License-Identifier: MIT */
#include "rules/origin_group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "wire/control.h"
#include "wire/hostname.h"

/* ---- Finding ---- */

static int by_name(const void *a, const void *b)
{
	const struct origin_group *x = a, *y = b;
	return str_compare(x->name, y->name);
}

const struct origin_group *origin_groups_find(const struct origin_groups *g, struct str name)
{
	const struct origin_group key = {.name = name};
	return g->n ? bsearch(&key, g->v, g->n, sizeof(*g->v), by_name) : NULL;
}

const struct origin_setting *origin_group_find(const struct origin_group *g, struct str name)
{
	for (size_t i = 0; i < g->n_origins; i++)
		if (str_eq(g->origins[i].name, name))
			return &g->origins[i];
	return NULL;
}

/* ---- Compiling ---- */

static size_t count(const struct tree_node *node)
{
	size_t n = 0;
	for (const struct tree_node *i = node->child; i; i = i->next)
		n++;
	return n;
}

/* As a client's --origin is. */
static int compile_name(struct compile *c, const struct tree_node *node, struct str *out)
{
	const char *text = node->kind == TREE_SCALAR ? node->text : "";
	size_t n = strlen(text);
	if (!control_is_origin(text))
		return compile_fail(c, node,
			"name takes what a client says with --origin: letters, digits, - _ . and "
			":, at most %d",
			CONTROL_NAME);
	*out = arena_copy(c->arena, (struct str){text, n});
	return out->p ? 0 : compile_fail_memory(c);
}

static int compile_origin(struct compile *c, const struct tree_node *map, struct origin_group *g)
{
	static const char *const known[] = {"name", "priority", "weight", NULL};
	struct origin_setting *o = &g->origins[g->n_origins];
	uint64_t priority = 0, weight = 0;
	int r = compile_members(c, map, known);
	o->line = map->line;
	for (const struct tree_node *i = r ? NULL : map->child; i && !r; i = i->next) {
		if (strcmp(i->key, "name") == 0)
			r = compile_name(c, i, &o->name);
		else if (strcmp(i->key, "priority") == 0)
			r = compile_number(c, i, 1, CONTROL_PRIORITY, &priority);
		else
			r = compile_number(c, i, 1, CONTROL_WEIGHT, &weight);
	}
	if (r)
		return r;
	if (!o->name.n)
		return compile_fail(c, map, "an origin needs a name");
	const struct origin_setting *twin = origin_group_find(g, o->name);
	if (twin)
		return compile_fail(c, map, "origin %.*s stands in line %u already",
			STR_ARG(o->name), twin->line);
	o->priority = (uint32_t)priority;
	o->weight = (uint32_t)weight;
	g->n_origins++;
	return 0;
}

static int compile_origins(struct compile *c, const struct tree_node *list, struct origin_group *g)
{
	size_t n = list->kind == TREE_LIST ? count(list) : 0;
	if (!n || n > ORIGIN_GROUP_LISTED_MAX)
		return compile_fail(c, list,
			"origins is a list of at most %d, each as {name: blue, weight: 900}",
			ORIGIN_GROUP_LISTED_MAX);
	g->origins = arena_alloc(c->arena, n * sizeof(*g->origins));
	if (!g->origins)
		return compile_fail_memory(c);
	int r = 0;
	for (const struct tree_node *i = list->child; i && !r; i = i->next)
		r = compile_origin(c, i, g);
	return r;
}

static int compile_same_site(const struct compile *c, const struct tree_node *node,
	struct origin_group *g)
{
	const char *text = node->kind == TREE_SCALAR ? node->text : "";
	g->affinity_anywhere = strcmp(text, "none") == 0;
	if (!g->affinity_anywhere && strcmp(text, "lax") != 0)
		return compile_fail(c, node, "same-site is lax or none");
	return 0;
}

static int compile_affinity(const struct compile *c, const struct tree_node *node,
	struct origin_group *g)
{
	static const char *const known[] = {"for", "same-site", NULL};
	g->affinity = true;
	if (node->kind == TREE_SCALAR && strcmp(node->text, "session") == 0)
		return 0;
	if (node->kind == TREE_SCALAR)
		return compile_fail(c, node,
			"affinity is session, which ends with the visitor's browser, or {for: 1h}");
	int r = compile_members(c, node, known);
	for (const struct tree_node *i = r ? NULL : node->child; i && !r; i = i->next) {
		if (strcmp(i->key, "for") == 0)
			r = compile_duration(c, i, ORIGIN_GROUP_AFFINITY_MAX, &g->affinity_for);
		else
			r = compile_same_site(c, i, g);
	}
	return r;
}

/* A host name without wildcard, which is what a client's --group is. */
static int name_group(struct compile *c, const struct tree_node *node, struct origin_group *g)
{
	char place[sizeof(ORIGIN_GROUP_PREFIX) + HOSTNAME_SIZE] = ORIGIN_GROUP_PREFIX;
	char *name = place + strlen(ORIGIN_GROUP_PREFIX);
	size_t n;
	int bad = hostname_canonical(str_from(node->key), name, &n);
	if (bad)
		return compile_fail(c, node, "the group's name \"%s\" %s", node->key,
			hostname_error_text(bad));
	g->line = node->line;
	g->place = arena_copy(c->arena, (struct str){place, strlen(ORIGIN_GROUP_PREFIX) + n});
	if (!g->place.p)
		return compile_fail_memory(c);
	g->name = (struct str){g->place.p + strlen(ORIGIN_GROUP_PREFIX), n};
	return 0;
}

static int compile_group(struct compile *c, const struct tree_node *node, struct origin_group *g)
{
	static const char *const known[] = {"affinity", "origins", NULL};
	int r = name_group(c, node, g);
	/* "web:" alone is a group as well: its clients say all that there is to say. */
	if (r || (node->kind == TREE_SCALAR && !*node->text))
		return r;
	r = compile_members(c, node, known);
	const struct tree_node *origins = compile_member(node, "origins"),
			       *affinity = compile_member(node, "affinity");
	if (!r && affinity)
		r = compile_affinity(c, affinity, g);
	if (!r && origins)
		r = compile_origins(c, origins, g);
	return r;
}

static int check_twins(const struct compile *c, const struct origin_groups *g)
{
	for (size_t i = 1; i < g->n; i++) {
		const struct origin_group *a = &g->v[i - 1], *b = &g->v[i];
		const struct tree_node at = {.line = MAX(a->line, b->line)};
		if (str_eq(a->name, b->name))
			return compile_fail(c, &at, "group %.*s stands in line %u already",
				STR_ARG(a->name), MIN(a->line, b->line));
	}
	return 0;
}

int origin_groups_compile(struct compile *c, const struct tree_node *node,
	struct origin_groups *out)
{
	size_t n = node->kind == TREE_MAP ? count(node) : 0;
	if (!n || n > ORIGIN_GROUPS_MAX)
		return compile_fail(c, node,
			"groups is a mapping of at most %d names, each with what holds for its "
			"origins",
			ORIGIN_GROUPS_MAX);
	out->v = arena_alloc(c->arena, n * sizeof(*out->v));
	if (!out->v)
		return compile_fail_memory(c);
	for (const struct tree_node *i = node->child; i; i = i->next) {
		int r = compile_group(c, i, &out->v[out->n++]);
		if (r)
			return r;
	}
	qsort(out->v, out->n, sizeof(*out->v), by_name);
	return check_twins(c, out);
}
