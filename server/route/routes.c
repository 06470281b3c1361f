/* SPDX-License-Identifier: MIT */
/*
 * The tree has a node for each name and for each name's parents: c, b.c, a.b.c, and the root above
 * them. A node carries the route of its own name and that of the wildcard below it; the root's
 * wildcard is the catch-all. So what covers a name hangs on its parents, and what a wildcard covers
 * is a subtree.
 *
 * To find another identity's name in a subtree, each node knows whether all routes in and below it
 * have one owner. Subtrees of one owner, nearly all of them, are answered for by their top.
 */
#include "server/route/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rules/client_rules.h"

struct route_node {
	struct table_node node; /* routes::nodes; not the root's */
	struct route_node *parent;
	struct list children, sibling;
	struct route *exact, *wild;
	size_t n_routes;   /* in this subtree */
	const void *owner; /* of all of them; `mixed` once there was another, until it is empty */
	size_t n;
	char name[]; /* without a star */
};

static const char mixed[] = "several";

/* How many of the bytes before `n` belong to the label that ends there. */
static size_t label_before(struct str name, size_t n)
{
	size_t from = n;
	while (from > 0 && name.p[from - 1] != '.')
		from--;
	return n - from;
}

/* The node of the last bytes of `name`, from `from` on. */
static struct route_node *lookup(const struct routes *r, struct str name, size_t from)
{
	struct str suffix = {name.p + from, name.n - from};
	table_for_each (it, &r->nodes, keyed_hash(&r->key, suffix.p, suffix.n)) {
		struct route_node *node = table_entry(it, struct route_node, node);
		if (str_eq((struct str){node->name, node->n}, suffix))
			return node;
	}
	return NULL;
}

static struct route_node *node_new(struct routes *r, struct route_node *parent, struct str name)
{
	struct route_node *node = calloc(1, sizeof *node + name.n + 1);
	if (!node)
		return NULL;
	if (name.n > 0)
		memcpy(node->name, name.p, name.n);
	node->n = name.n;
	node->parent = parent;
	list_init(&node->children);
	list_init(&node->sibling);
	if (!parent)
		return node;
	if (table_add(&r->nodes, &node->node, keyed_hash(&r->key, name.p, name.n)) < 0) {
		free(node);
		return NULL;
	}
	list_append(&parent->children, &node->sibling);
	return node;
}

/* Frees the node and its parents as far up as they carry nothing; the root stays. */
static void node_prune(struct routes *r, struct route_node *node)
{
	while (node->parent && node->n_routes == 0 && list_empty(&node->children)) {
		struct route_node *parent = node->parent;
		table_remove(&r->nodes, &node->node);
		list_unlink(&node->sibling);
		free(node);
		node = parent;
	}
}

int routes_init(struct routes *r, uint64_t grace)
{
	*r = (struct routes){.grace = grace};
	list_init(&r->all);
	list_init(&r->lost);
	hash_key_init(&r->key);
	r->root = node_new(r, NULL, STR_NULL);
	return r->root ? 0 : -ENOMEM;
}

static struct route **slot_of(struct route_node *node, bool wild)
{
	return wild ? &node->wild : &node->exact;
}

static bool is_wild(const struct route *route)
{
	return route->host.n == 0 || route->host.p[0] == '*';
}

static size_t rules_size(const struct front *rules)
{
	return rules ? client_rules_memory(rules) : 0;
}

void routes_set_rules(struct routes *r, struct route *route, const struct front *rules)
{
	const struct front *before = route->rules;
	route->rules = rules ? front_hold(rules) : NULL;
	r->n_rules += rules != NULL;
	r->n_rules -= before != NULL;
	if (list_linked(&route->lost))
		r->lost_rules += rules_size(rules) - rules_size(before);
	front_release(before);
}

static void route_free(struct routes *r, struct route *route)
{
	routes_set_rules(r, route, NULL);
	struct route_node *node = route->node;
	*slot_of(node, is_wild(route)) = NULL;
	for (struct route_node *up = node; up; up = up->parent)
		if (--up->n_routes == 0)
			up->owner = NULL;
	node_prune(r, node);
	r->n_lost -= list_linked(&route->lost);
	list_unlink(&route->lost);
	list_unlink(&route->all);
	free(route);
}

/* The name is copied behind the struct. */
static struct route *route_new(struct routes *r, struct route_node *node, const void *identity,
	struct str host)
{
	struct route *route = calloc(1, sizeof *route + host.n + 1);
	if (!route)
		return NULL;
	char *name = (char *)(route + 1);
	if (host.n > 0)
		memcpy(name, host.p, host.n);
	route->host = (struct str){name, host.n};
	route->identity = identity;
	route->node = node;
	list_init(&route->entries);
	list_init(&route->lost);
	list_init(&route->all);
	list_append(&r->all, &route->all);
	*slot_of(node, is_wild(route)) = route;
	for (struct route_node *up = node; up; up = up->parent) {
		up->n_routes++;
		if (!up->owner)
			up->owner = identity;
		else if (up->owner != identity)
			up->owner = mixed;
	}
	return route;
}

void routes_deinit(struct routes *r)
{
	if (!r->root)
		return;
	list_for_each_safe (it, &r->all) {
		struct route *route = list_entry(it, struct route, all);
		list_for_each_safe (e, &route->entries) {
			list_unlink(e);
			list_entry(e, struct route_entry, link)->route = NULL;
		}
		route_free(r, route);
	}
	free(r->root);
	table_deinit(&r->nodes);
	*r = (struct routes){0};
}

static bool is_others(const struct route *route, const void *identity)
{
	return route && route->identity != identity;
}

/* A route of somebody else in the subtree, or NULL. */
static const struct route *others_below(const struct route_node *top, const void *identity)
{
	const struct route_node *node = top;
	for (;;) {
		if (is_others(node->exact, identity))
			return node->exact;
		if (is_others(node->wild, identity))
			return node->wild;
		/* Down, unless nobody else can be there; else to the next, as far up as need be. */
		if (node->owner && node->owner != identity && !list_empty(&node->children)) {
			node = list_entry(node->children.next, struct route_node, sibling);
			continue;
		}
		while (node != top && node->sibling.next == &node->parent->children)
			node = node->parent;
		if (node == top)
			return NULL;
		node = list_entry(node->sibling.next, struct route_node, sibling);
	}
}

/* Another identity's route that equals the name, covers it or is covered by it; or NULL. */
static const struct route *others(const struct routes *r, const void *identity, struct str name,
	bool wild)
{
	struct route_node *node = r->root;
	if (!node->owner || node->owner == identity)
		return NULL;
	for (size_t n = name.n; n > 0;) {
		if (is_others(node->wild, identity))
			return node->wild;
		n -= label_before(name, n);
		node = lookup(r, name, n);
		if (!node)
			return NULL;
		if (n > 0)
			n--; /* the dot */
	}
	if (!wild)
		return is_others(node->exact, identity) ? node->exact : NULL;
	/* "*.example.com" does not cover example.com itself; the catch-all covers everything. */
	if (is_others(node->wild, identity))
		return node->wild;
	if (!node->owner || node->owner == identity)
		return NULL;
	list_for_each (it, &node->children) {
		const struct route *route =
			others_below(list_entry(it, struct route_node, sibling), identity);
		if (route)
			return route;
	}
	return NULL;
}

/* The node of a name, made with its parents where it is missing. */
static struct route_node *node_make(struct routes *r, struct str name)
{
	struct route_node *node = r->root;
	for (size_t n = name.n; n > 0;) {
		n -= label_before(name, n);
		struct route_node *child = lookup(r, name, n);
		if (!child)
			child = node_new(r, node, (struct str){name.p + n, name.n - n});
		if (!child) {
			node_prune(r, node);
			return NULL;
		}
		node = child;
		if (n > 0)
			n--; /* the dot */
	}
	return node;
}

int routes_claim(struct routes *r, const void *identity, struct str host, struct route_entry *entry,
	uint64_t now, const struct route **holder_out)
{
	routes_expire(r, now);
	bool wild = host.n == 0 || host.p[0] == '*';
	size_t star = wild && host.n > 0 ? 2 : 0;
	struct str name = {host.p + star, host.n - star};
	const struct route *holder = others(r, identity, name, wild);
	if (holder) {
		*holder_out = holder;
		return ROUTES_TAKEN;
	}
	struct route_node *node = node_make(r, name);
	if (!node)
		return -ENOMEM;
	struct route *route = *slot_of(node, wild);
	if (!route)
		route = route_new(r, node, identity, host);
	if (!route) {
		node_prune(r, node);
		return -ENOMEM;
	}
	if (list_linked(&route->lost)) {
		r->n_lost--;
		r->lost_rules -= rules_size(route->rules);
	}
	list_unlink(&route->lost);
	route->lost_at = 0;
	entry->route = route;
	list_init(&entry->link);
	list_append(&route->entries, &entry->link);
	return 0;
}

void routes_used(struct route_entry *entry)
{
	list_unlink(&entry->link);
	list_append(&entry->route->entries, &entry->link);
}

void routes_release(struct routes *r, struct route_entry *entry, uint64_t now)
{
	struct route *route = entry->route;
	if (!route)
		return;
	list_unlink(&entry->link);
	entry->route = NULL;
	if (!list_empty(&route->entries))
		return;
	route->lost_at = now;
	list_append(&r->lost, &route->lost);
	r->lost_rules += rules_size(route->rules);
	if (r->lost_rules > ROUTES_LOST_RULES_MAX)
		routes_set_rules(r, route, NULL);
	if (++r->n_lost > ROUTES_LOST_MAX)
		route_free(r, list_first(&r->lost, struct route, lost));
}

void routes_withdraw(struct routes *r, struct route_entry *entry, uint64_t now)
{
	struct route *route = entry->route;
	routes_release(r, entry, now);
	if (route && list_linked(&route->lost))
		route_free(r, route);
}

void routes_forget(struct routes *r, bool (*over)(const void *identity))
{
	list_for_each_safe (it, &r->lost) {
		struct route *route = list_entry(it, struct route, lost);
		if (over(route->identity))
			route_free(r, route);
	}
}

void routes_forget_name(struct routes *r, struct str host)
{
	struct route *route = routes_exact(r, host);
	if (route && list_linked(&route->lost))
		route_free(r, route);
}

/* Expiry may be late: a look-up does not depend on who calls it, and when. */
static bool is_there(const struct routes *r, const struct route *route, uint64_t now)
{
	return route && (!list_empty(&route->entries) || now < route->lost_at + r->grace);
}

struct route *routes_find(const struct routes *r, struct str host, uint64_t now)
{
	struct route_node *node = r->root;
	struct route *best = NULL;
	for (size_t n = host.n; n > 0;) {
		if (is_there(r, node->wild, now))
			best = node->wild;
		n -= label_before(host, n);
		node = lookup(r, host, n);
		if (!node)
			return best;
		if (n > 0)
			n--; /* the dot */
	}
	if (host.n > 0)
		return is_there(r, node->exact, now) ? node->exact : best;
	return is_there(r, node->wild, now) ? node->wild : NULL;
}

struct route *routes_exact(const struct routes *r, struct str host)
{
	bool wild = host.n == 0 || host.p[0] == '*';
	size_t star = wild && host.n > 0 ? 2 : 0;
	struct str name = {host.p + star, host.n - star};
	struct route_node *node = r->root;
	for (size_t n = name.n; n > 0 && node;) {
		n -= label_before(name, n);
		node = lookup(r, name, n);
		if (n > 0)
			n--; /* the dot */
	}
	return node ? *slot_of(node, wild) : NULL;
}

uint64_t routes_expire(struct routes *r, uint64_t now)
{
	struct route *route;
	while ((route = list_first(&r->lost, struct route, lost)) != NULL) {
		if (now < route->lost_at + r->grace)
			return route->lost_at + r->grace;
		route_free(r, route);
	}
	return CLOCK_NEVER;
}
