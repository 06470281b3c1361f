/* SPDX-License-Identifier: MIT */
#include "rules/front.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "base/macros.h"

/* ---- Finding ---- */

static int by_host(const void *a, const void *b)
{
	const struct front_host *x = a, *y = b;
	return str_compare(x->host, y->host);
}

static int by_text(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	return str_compare(*x, *y);
}

static const struct front_host *find(const struct front *f, struct str host)
{
	const struct front_host key = {.host = host};
	return !f->n_hosts ? NULL : bsearch(&key, f->hosts, f->n_hosts, sizeof(*f->hosts), by_host);
}

/* "*.example.org" for what stands before "example.org", and so on up. */
static const struct front_host *find_wildcard(const struct front *f, struct str host)
{
	char name[HOSTNAME_SIZE + 1] = "*";
	const char *dot = host.n ? memchr(host.p, '.', host.n) : NULL;
	while (dot && host.n < HOSTNAME_SIZE) {
		struct str rest = {dot, host.n - (size_t)(dot - host.p)};
		memcpy(name + 1, rest.p, rest.n);
		const struct front_host *found = find(f, (struct str){name, rest.n + 1});
		if (found)
			return found;
		host = (struct str){rest.p + 1, rest.n - 1};
		dot = host.n ? memchr(host.p, '.', host.n) : NULL;
	}
	return NULL;
}

const struct front_route *front_route(const struct front *f, struct str host)
{
	const struct front_host *found = find(f, host);
	if (!found && f->wildcards)
		found = find_wildcard(f, host);
	if (!found)
		found = find(f, STR("*"));
	return found ? found->route : NULL;
}

bool front_is_inner(const struct front *f, struct str host)
{
	return f->n_inner && bsearch(&host, f->inner, f->n_inner, sizeof(*f->inner), by_text);
}

const struct origin_group *front_group(const struct front *f, struct str place)
{
	static const struct str prefix = {ORIGIN_GROUP_PREFIX, sizeof(ORIGIN_GROUP_PREFIX) - 1};
	if (place.n > prefix.n && memcmp(place.p, prefix.p, prefix.n) == 0)
		place = (struct str){place.p + prefix.n, place.n - prefix.n};
	return origin_groups_find(&f->groups, place);
}

/* ---- Its life ---- */

struct front *front_hold(const struct front *f)
{
	struct front *held = (struct front *)(uintptr_t)f;
	atomic_fetch_add_explicit(&held->users, 1, memory_order_relaxed);
	return held;
}

struct front *front_release(const struct front *f)
{
	struct front *held = (struct front *)(uintptr_t)f;
	if (!held || atomic_fetch_sub_explicit(&held->users, 1, memory_order_acq_rel) > 1)
		return NULL;
	country_close(held->countries);
	arena_deinit(&held->arena);
	free(held);
	return NULL;
}

/* ---- Compiling ---- */

static size_t count(const struct tree_node *value)
{
	size_t n = 0;
	for (const struct tree_node *i = compile_first(value); i; i = compile_next(value, i))
		n++;
	return n;
}

static int add_host(struct compile *c, const struct tree_node *at, const struct front_route *route,
	struct front *f)
{
	char host[HOSTNAME_SIZE];
	size_t n = 1;
	if (strcmp(at->text, "*") == 0)
		host[0] = '*';
	else if (hostname_claim(str_from(at->text), host, &n, c->err))
		return compile_fail_at(c, at, -EINVAL);
	f->wildcards |= n > 1 && host[0] == '*';
	struct front_host *h = &f->hosts[f->n_hosts++];
	*h = (struct front_host){.host = arena_copy(c->arena, (struct str){host, n}),
		.line = at->line,
		.route = route};
	return h->host.p ? 0 : compile_fail_memory(c);
}

int front_compile_paths(struct compile *c, const struct tree_node *node, struct rules *out)
{
	const char *text = node->kind == TREE_SCALAR ? node->text : "";
	out->as_is = strcmp(text, "as-is") == 0;
	if (!out->as_is && strcmp(text, "strict") != 0)
		return compile_fail(c, node,
			"paths is strict, which refuses paths that two readers could take for two, "
			"or as-is");
	return 0;
}

static int compile_route_to(struct compile *c, const struct tree_node *node,
	struct front_route *out)
{
	struct rule to = {.verb = VERB_TO};
	int r = verb_compile(c, node, &to);
	out->to = to.to;
	return r;
}

static int compile_route(struct compile *c, const struct tree_node *map, struct front_route *out,
	struct front *f)
{
	static const char *const known[] = {"host", "paths", "rules", "to", NULL};
	const struct tree_node *host = compile_member(map, "host");
	int r = compile_members(c, map, known);
	if (r)
		return r;
	if (!host)
		return compile_fail(c, map, "a route needs a host, or a list of them");
	if (compile_texts(c, host, "host") < 0)
		return -EINVAL;
	out->line = map->line;
	out->name = arena_copy(c->arena, str_from(compile_first(host)->text));
	if (!out->name.p)
		return compile_fail_memory(c);
	for (const struct tree_node *i = compile_first(host); i && !r; i = compile_next(host, i))
		r = add_host(c, i, out, f);
	for (const struct tree_node *i = map->child; i && !r; i = i->next) {
		if (strcmp(i->key, "rules") == 0)
			r = rules_compile(c, i, &out->rules);
		else if (strcmp(i->key, "to") == 0)
			r = compile_route_to(c, i, out);
		else if (strcmp(i->key, "paths") == 0)
			r = front_compile_paths(c, i, &out->rules);
	}
	return r;
}

static int check_twins(const struct compile *c, const struct front *f)
{
	for (size_t i = 1; i < f->n_hosts; i++) {
		const struct front_host *a = &f->hosts[i - 1], *b = &f->hosts[i];
		if (!str_eq(a->host, b->host))
			continue;
		const struct tree_node at = {.line = MAX(a->line, b->line)};
		return compile_fail(c, &at, "host %.*s has a route already, in line %u",
			STR_ARG(a->host), MIN(a->line, b->line));
	}
	return 0;
}

static void add_inner(struct front *f, struct str to)
{
	if (to.n && !find(f, to))
		f->inner[f->n_inner++] = to;
}

static int collect_inner(struct compile *c, struct front *f)
{
	size_t most = 0;
	for (size_t i = 0; i < f->n_routes; i++)
		most += 1 + f->routes[i].rules.n;
	f->inner = arena_alloc(c->arena, most * sizeof(*f->inner));
	if (!f->inner)
		return compile_fail_memory(c);
	for (size_t i = 0; i < f->n_routes; i++) {
		const struct front_route *route = &f->routes[i];
		add_inner(f, route->to);
		for (size_t k = 0; k < route->rules.n; k++)
			if (route->rules.v[k].verb == VERB_TO)
				add_inner(f, route->rules.v[k].to);
	}
	if (f->n_inner > 1)
		qsort(f->inner, f->n_inner, sizeof(*f->inner), by_text);
	return 0;
}

/* What leads to a group names its place from here on. */
static struct str group_place(const struct front *f, struct str to)
{
	const struct origin_group *g = origin_groups_find(&f->groups, to);
	return g ? g->place : to;
}

static void lead_to_groups(struct front *f)
{
	for (size_t i = 0; i < f->n_routes; i++) {
		struct front_route *route = &f->routes[i];
		route->to = group_place(f, route->to);
		for (size_t k = 0; k < route->rules.n; k++)
			if (route->rules.v[k].verb == VERB_TO)
				route->rules.v[k].to = group_place(f, route->rules.v[k].to);
	}
}

static int compile_routes(struct compile *c, const struct tree_node *list, struct front *f)
{
	if (list->kind != TREE_LIST)
		return compile_fail(c, list, "routes is a list, each entry with a host");
	size_t n = count(list), hosts = 0;
	if (n > FRONT_ROUTES_MAX)
		return compile_fail(c, list, "there are %zu routes, and at most %d are taken", n,
			FRONT_ROUTES_MAX);
	for (const struct tree_node *i = list->child; i; i = i->next) {
		const struct tree_node *host = compile_member(i, "host");
		hosts += host ? count(host) : 0;
	}
	f->routes = arena_alloc(c->arena, n * sizeof(*f->routes));
	f->hosts = arena_alloc(c->arena, hosts * sizeof(*f->hosts));
	if (!f->routes || !f->hosts)
		return compile_fail_memory(c);
	for (const struct tree_node *i = list->child; i; i = i->next) {
		int r = compile_route(c, i, &f->routes[f->n_routes++], f);
		if (r)
			return r;
	}
	if (f->n_hosts > 1)
		qsort(f->hosts, f->n_hosts, sizeof(*f->hosts), by_host);
	int r = check_twins(c, f);
	if (!r)
		r = collect_inner(c, f);
	lead_to_groups(f);
	return r;
}

static int open_countries(struct compile *c, const struct tree_node *node, struct front *f)
{
	if (node->kind != TREE_SCALAR || !*node->text)
		return compile_fail(c, node, "country-file takes the path of a file");
	int r = country_open(node->text, &f->countries, c->err);
	c->countries = r == 0;
	return r ? compile_fail_at(c, node, r) : 0;
}

/* An empty list lets them have none. */
static int compile_client_verbs(struct compile *c, const struct tree_node *node, struct front *f)
{
	f->client_verbs = 0;
	for (const struct tree_node *i = compile_first(node); i; i = compile_next(node, i)) {
		uint32_t bit = i->kind == TREE_SCALAR ? verb_bit(i->text) : 0;
		if (!bit)
			return compile_fail(c, i,
				"client-rules is a list of verbs that rules of clients may have: "
				"deny, redirect, answer, rewrite, request, response, basic, rate, "
				"limit");
		if (bit == 1u << VERB_TO)
			return compile_fail(c, i,
				"client-rules has no to, which would lead clients to what others "
				"publish");
		f->client_verbs |= bit;
	}
	return 0;
}

static int compile_front(struct compile *c, const struct tree_node *root, struct front *f)
{
	static const char *const known[] = {"routes", "groups", "country-file", "client-rules",
		NULL};
	const struct tree_node *countries = compile_member(root, "country-file"),
			       *groups = compile_member(root, "groups"),
			       *routes = compile_member(root, "routes"),
			       *verbs = compile_member(root, "client-rules");
	int r = root->child ? compile_members(c, root, known) : 0;
	if (!r && countries)
		r = open_countries(c, countries, f);
	if (!r && groups)
		r = origin_groups_compile(c, groups, &f->groups);
	if (!r && verbs)
		r = compile_client_verbs(c, verbs, f);
	if (!r && routes)
		r = compile_routes(c, routes, f);
	return r;
}

int front_load(const char *path, struct front **out, struct error *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return file_error(err, -errno, path, FILE_READ,
			"the routes' file %s cannot be opened", path);
	struct tree_node *root;
	int r = tree_read(fd, path, &root, err);
	if (r)
		return r;
	struct front *f = calloc(1, sizeof(*f));
	struct compile c = {.path = path, .err = err};
	if (!f) {
		tree_free(root);
		return compile_fail_memory(&c);
	}
	atomic_init(&f->users, 1);
	f->client_verbs = FRONT_CLIENT_VERBS;
	c.arena = &f->arena;
	r = compile_front(&c, root, f);
	tree_free(root);
	if (r)
		front_release(f);
	else
		*out = f;
	return r;
}
