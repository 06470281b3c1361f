/* SPDX-License-Identifier: MIT */
/* `when` of a rule: from the tree of the file. */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "rules/condition.h"
#include "wire/http1.h"

static int add_pattern(struct compile *c, const struct tree_node *at, struct str text,
	struct patterns *list)
{
	struct pattern *p = &list->v[list->n];
	int r = pattern_compile(text, c->quota != NULL, c->arena, p, c->err);
	if (r)
		return compile_fail_at(c, at, r);
	list->n++;
	return p->kind >= PATTERN_GLOB ? compile_search(c, at) : 0;
}

static int compile_patterns(struct compile *c, const struct tree_node *value, struct condition *out)
{
	int r = 0;
	for (const struct tree_node *i = compile_first(value); i && !r; i = compile_next(value, i))
		r = add_pattern(c, i, str_from(i->text), &out->patterns);
	patterns_sort(&out->patterns);
	return r;
}

static int compile_host(struct compile *c, const struct tree_node *value, struct condition *out)
{
	int r = 0;
	for (const struct tree_node *i = compile_first(value); i && !r;
		i = compile_next(value, i)) {
		char host[HOSTNAME_SIZE];
		size_t n = 0;
		struct str text = str_from(i->text);
		bool is_pattern = text.p[0] == '~' || strchr(text.p, '*');
		int bad = is_pattern ? 0 : hostname_canonical(text, host, &n);
		if (bad)
			return compile_fail(c, i, "host \"%s\" %s", i->text,
				hostname_error_text(bad));
		r = add_pattern(c, i, is_pattern ? text : (struct str){host, n}, &out->patterns);
	}
	patterns_sort(&out->patterns);
	return r;
}

/* A path that no path in its one form can match is a mistake that would let requests pass. */
static int compile_path(struct compile *c, const struct tree_node *value, struct condition *out)
{
	for (const struct tree_node *i = compile_first(value); i; i = compile_next(value, i)) {
		bool free = strchr("~*/", i->text[0]) != NULL;
		if (!free)
			return compile_fail(c, i,
				"path \"%s\" matches nothing, as paths begin with a slash: write "
				"\"/%s\" or \"*%s\"",
				i->text, i->text, i->text);
		if (i->text[0] != '~' && strchr(i->text, '?'))
			return compile_fail(c, i,
				"path \"%s\" matches nothing, as what stands behind the ? is no "
				"part of the path: ask for query.NAME",
				i->text);
		if (i->text[0] != '~' && strchr(i->text, '%'))
			return compile_fail(c, i,
				"path \"%s\" is compared with decoded paths: write its characters "
				"as they are",
				i->text);
	}
	return compile_patterns(c, value, out);
}

static unsigned method_bit(const char *text)
{
	static const char *const names[] = {[HTTP1_GET] = "GET",
		[HTTP1_HEAD] = "HEAD",
		[HTTP1_POST] = "POST",
		[HTTP1_PUT] = "PUT",
		[HTTP1_DELETE] = "DELETE",
		[HTTP1_OPTIONS] = "OPTIONS",
		[HTTP1_TRACE] = "TRACE",
		[HTTP1_PATCH] = "PATCH"};
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (names[i] && strcmp(names[i], text) == 0)
			return 1u << i;
	return 0;
}

static int compile_method(struct compile *c, const struct tree_node *value, struct condition *out)
{
	int r = 0;
	for (const struct tree_node *i = compile_first(value); i && !r;
		i = compile_next(value, i)) {
		unsigned bit = method_bit(i->text);
		for (const char *p = i->text; *p; p++)
			if ((*p < 'A' || *p > 'Z') && *p != '-' && *p != '_')
				return compile_fail(c, i,
					"method \"%s\" is none: they are written in capitals, as "
					"GET",
					i->text);
		out->methods |= bit;
		if (!bit)
			r = add_pattern(c, i, str_from(i->text), &out->patterns);
	}
	return r;
}

static int compile_scheme(struct compile *c, const struct tree_node *value, struct condition *out)
{
	for (const struct tree_node *i = compile_first(value); i; i = compile_next(value, i)) {
		bool https = strcmp(i->text, "https") == 0;
		if (!https && strcmp(i->text, "http") != 0)
			return compile_fail(c, i, "scheme is http or https, not \"%s\"", i->text);
		out->methods |= 1u << https;
	}
	return 0;
}

static void networks_end(void *list)
{
	cidr_list_deinit(list);
}

static int compile_address(struct compile *c, const struct tree_node *value, struct condition *out)
{
	struct cidr_list list = CIDR_LIST_NULL;
	int r = 0;
	for (const struct tree_node *i = compile_first(value); i && !r;
		i = compile_next(value, i)) {
		r = cidr_list_add(&list, str_from(i->text), c->err);
		if (r)
			compile_fail_at(c, i, r);
	}
	struct cidr_list *kept = r ? NULL : arena_alloc(c->arena, sizeof(*kept));
	if (!kept) {
		cidr_list_deinit(&list);
		return r ? r : compile_fail_memory(c);
	}
	*kept = out->networks = list;
	return arena_own(c->arena, kept, kept->n * sizeof(*kept->items), networks_end)
		       ? compile_fail_memory(c)
		       : 0;
}

static int compile_country(struct compile *c, const struct tree_node *value, struct condition *out)
{
	if (!c->countries)
		return compile_fail(c, value,
			"country needs a file that knows them: country-file: PATH, of MaxMind's "
			"format");
	for (const struct tree_node *i = compile_first(value); i; i = compile_next(value, i))
		if (strlen(i->text) != 2 || i->text[0] < 'A' || i->text[0] > 'Z' ||
			i->text[1] < 'A' || i->text[1] > 'Z')
			return compile_fail(c, i,
				"country is two capital letters of ISO 3166, as DE, not \"%s\"",
				i->text);
	return compile_patterns(c, value, out);
}

/* "404", "500-599". */
static bool read_range(const char *text, unsigned max, struct status_range *out)
{
	char *end;
	unsigned long from = strtoul(text, &end, 10), to = from;
	if (end == text || text[0] < '0' || text[0] > '9')
		return false;
	if (*end == '-') {
		const char *second = end + 1;
		to = strtoul(second, &end, 10);
		if (end == second || second[0] < '0' || second[0] > '9')
			return false;
	}
	*out = (struct status_range){(uint16_t)from, (uint16_t)to};
	return !*end && from && from <= to && to <= max;
}

static int compile_ranges(struct compile *c, const struct tree_node *value, struct condition *out)
{
	bool status = out->fact == FACT_STATUS;
	for (const struct tree_node *i = compile_first(value); i; i = compile_next(value, i)) {
		struct status_range *range = &out->ranges[out->n_ranges];
		if (!read_range(i->text, status ? 599 : UINT16_MAX, range) ||
			(status && range->from < 100))
			return compile_fail(c, i, "%s takes numbers and ranges, as %s, not \"%s\"",
				status ? "status" : "port", status ? "404 or 500-599" : "443",
				i->text);
		out->n_ranges++;
	}
	return 0;
}

/* Of the most expensive of its patterns; an address between a text and a glob. */
static uint8_t cost_of(const struct condition *c)
{
	enum { COST_ADDRESS = 6, COST_GLOB = 8, COST_REGEX = 100 };
	uint8_t kind = c->patterns.n ? c->patterns.v[c->patterns.n - 1].kind : 0;
	if (c->fact == FACT_ADDRESS)
		return COST_ADDRESS;
	uint8_t base = c->fact > FACT_ADDRESS ? (uint8_t)(c->fact + COST_GLOB + 1) : c->fact;
	if (kind == PATTERN_REGEX)
		return (uint8_t)(COST_REGEX + base);
	return kind == PATTERN_GLOB ? (uint8_t)MAX(COST_GLOB, base) : base;
}

static int compile_one(struct compile *c, const struct tree_node *node, bool response,
	struct condition *out)
{
	enum fact fact;
	struct str name;
	if (!fact_named(str_from(node->key), &fact, &name) || fact == FACT_REQUEST_ID)
		return compile_fail(c, node,
			"when has no fact \"%s\": host, path, method, scheme, port, query.NAME, "
			"header.NAME, cookie.NAME, address, country, or not",
			node->key);
	if (fact == FACT_STATUS && !response)
		return compile_fail(c, node,
			"the status is known when the response has come: only response rules can "
			"ask for it");
	int n = compile_texts(c, node, node->key);
	if (n < 0)
		return n;
	if (fact_is_searched(fact) && compile_search(c, node) < 0)
		return -EINVAL;
	out->fact = (uint8_t)fact;
	out->name = arena_copy(c->arena, name);
	out->patterns.v = arena_alloc(c->arena, (size_t)n * sizeof(struct pattern));
	out->ranges = arena_alloc(c->arena, (size_t)n * sizeof(struct status_range));
	if (!out->name.p || !out->patterns.v || !out->ranges)
		return compile_fail_memory(c);
	static int (*const by_fact[])(struct compile *, const struct tree_node *,
		struct condition *) = {[FACT_METHOD] = compile_method,
		[FACT_SCHEME] = compile_scheme,
		[FACT_PORT] = compile_ranges,
		[FACT_HOST] = compile_host,
		[FACT_PATH] = compile_path,
		[FACT_ADDRESS] = compile_address,
		[FACT_HEADER] = compile_patterns,
		[FACT_COOKIE] = compile_patterns,
		[FACT_QUERY] = compile_patterns,
		[FACT_COUNTRY] = compile_country,
		[FACT_STATUS] = compile_ranges};
	int r = by_fact[fact](c, node, out);
	out->cost = cost_of(out);
	return r;
}

static int by_cost(const void *a, const void *b)
{
	const struct condition *x = a, *y = b;
	return (int)x->cost - (int)y->cost;
}

/* The conditions of one mapping, those about the status apart. */
static int compile_map(struct compile *c, const struct tree_node *map, bool response,
	struct conditions *out, struct conditions *statuses)
{
	size_t n = 0;
	for (const struct tree_node *i = map->child; i; i = i->next)
		n++;
	out->v = arena_alloc(c->arena, n * sizeof(*out->v));
	statuses->v = arena_alloc(c->arena, n * sizeof(*out->v));
	if (!out->v || !statuses->v)
		return compile_fail_memory(c);
	for (const struct tree_node *i = map->child; i; i = i->next) {
		struct condition one = {0};
		if (strcmp(i->key, "not") == 0)
			continue;
		int r = compile_one(c, i, response, &one);
		if (r)
			return r;
		if (one.fact == FACT_STATUS)
			statuses->v[statuses->n++] = one;
		else
			out->v[out->n++] = one;
	}
	if (out->n > 1)
		qsort(out->v, out->n, sizeof(*out->v), by_cost);
	return 0;
}

static int compile_not(struct compile *c, const struct tree_node *node, bool response,
	struct when *out)
{
	if (node->kind != TREE_MAP || !node->child)
		return compile_fail(c, node, "not takes a mapping of facts, as when does");
	for (const struct tree_node *i = node->child; i; i = i->next)
		if (strcmp(i->key, "not") == 0)
			return compile_fail(c, i, "not inside not is no fact: leave both out");
	int r = compile_map(c, node, response, &out->not, &out->not_statuses);
	if (!r && out->not .n && out->not_statuses.n)
		return compile_fail(c, node,
			"not has the status beside another fact: write two rules, or one of them "
			"outside");
	return r;
}

int when_compile(struct compile *c, const struct tree_node *node, bool response, struct when *out)
{
	if (node->kind != TREE_MAP || !node->child)
		return compile_fail(c, node,
			"when takes a mapping of facts, as {path: \"/api/*\"}; a rule without when "
			"holds for every request");
	int r = compile_map(c, node, response, &out->all, &out->statuses);
	for (const struct tree_node *i = node->child; i && !r; i = i->next)
		if (strcmp(i->key, "not") == 0)
			r = compile_not(c, i, response, out);
	for (size_t i = 0; i < out->all.n && !r; i++)
		if (out->all.v[i].fact == FACT_PATH)
			out->path = &out->all.v[i];
	out->asks_path = out->path != NULL;
	for (size_t i = 0; i < out->not .n; i++)
		out->asks_path |= out->not .v[i].fact == FACT_PATH;
	return r;
}
