/* SPDX-License-Identifier: MIT */
#include "rules/client_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compile_map(struct compile *c, const struct tree_node *root, struct rules *out)
{
	static const char *const known[] = {"rules", "paths", NULL};
	const struct tree_node *rules = compile_member(root, "rules"),
			       *paths = compile_member(root, "paths");
	int r = root->child ? compile_members(c, root, known) : 0;
	if (!r && !rules)
		return compile_fail(c, root,
			"there are no rules: write a list of them, each with when and a verb");
	if (!r && paths)
		r = front_compile_paths(c, paths, out);
	return r ? r : rules_compile(c, rules, out);
}

static int compile_root(struct compile *c, const struct tree_node *root, struct front *f)
{
	struct front_route *route = f->routes = arena_alloc(c->arena, sizeof(*route));
	if (!route)
		return compile_fail_memory(c);
	f->n_routes = 1;
	route->of_client = true;
	struct rules *rules = &route->rules;
	int r = root->kind == TREE_LIST ? rules_compile(c, root, rules)
					: compile_map(c, root, rules);
	if (!r && !rules->n)
		return compile_fail(c, root,
			"there are no rules: write a list of them, each with when and a verb");
	for (size_t i = 0; i < rules->n; i++)
		f->client_verbs |= 1u << rules->v[i].verb;
	return r;
}

int client_rules_compile(struct str text, const struct client_rules_terms *terms,
	struct front **front_out, struct error *err)
{
	struct compile_quota quota = {.verbs = terms->verbs & FRONT_CLIENT_VERBS,
		.rules = CLIENT_RULES_MAX,
		.searches = CLIENT_RULES_SEARCHES,
		.fields = CLIENT_RULES_FIELDS};
	struct compile c = {.path = terms->path,
		.err = err,
		.countries = terms->countries,
		.quota = &quota};
	struct tree_node *root;
	int r = tree_parse(text, terms->path, true, &root, err);
	if (r)
		return r;
	struct front *f = calloc(1, sizeof(*f));
	if (!f) {
		tree_free(root);
		return compile_fail_memory(&c);
	}
	atomic_init(&f->users, 1);
	c.arena = &f->arena;
	r = compile_root(&c, root, f);
	tree_free(root);
	if (!r && !(f->routes->name = arena_copy(c.arena, terms->place)).p)
		r = compile_fail_memory(&c);
	if (!r && client_rules_memory(f) > CLIENT_RULES_MEMORY)
		r = error_set(err, -EINVAL,
			"%s: the rules take %zu bytes when they are compiled, and at most %u are "
			"taken: write fewer, or shorter lists",
			terms->path, client_rules_memory(f), CLIENT_RULES_MEMORY);
	if (r)
		front_release(f);
	else
		*front_out = f;
	return r;
}
