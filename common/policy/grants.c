/* SPDX-License-Identifier: MIT */
/* Texts to grants and back: three containers, each kept in order. */
#include "policy/grants.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "config/value.h"
#include "policy/name.h"

/* Exactly one is set. */
struct container {
	struct option_list *texts;
	struct option_ranges *ranges;
	struct cidr_list *networks;
};

static struct container container_for(const struct policy_grants *grants,
	enum policy_grant_kind kind)
{
	/* Callers that were given a const one only read by what they get. */
	struct policy_grants *g = (struct policy_grants *)(uintptr_t)grants;
	struct container c = {0};
	switch (kind) {
	case POLICY_HOST:
		c.texts = &g->hosts;
		break;
	case POLICY_PUBLISH:
		c.texts = &g->publish;
		break;
	case POLICY_CONSUME:
		c.texts = &g->consume;
		break;
	case POLICY_TCP_PORT:
		c.ranges = &g->tcp_ports;
		break;
	case POLICY_UDP_PORT:
		c.ranges = &g->udp_ports;
		break;
	case POLICY_FROM:
		c.networks = &g->from;
		break;
	case POLICY_GRANT_KINDS:
		break;
	}
	return c;
}

/* ---- One text ---- */

static int parse_host(struct str text, char out[POLICY_GRANT_SIZE], struct error *err)
{
	size_t n;
	if (!str_eq(text, STR("*")))
		return hostname_claim(text, out, &n, err);
	memcpy(out, "*", 2);
	return 0;
}

static int parse_range(struct str text, struct option_range *out, struct error *err)
{
	const char *dash = text.n ? memchr(text.p, '-', text.n) : NULL;
	size_t n = dash ? (size_t)(dash - text.p) : text.n;
	uint64_t first, last;
	int r = value_parse_number((struct str){text.p, n}, &first);
	last = first;
	if (!r && dash)
		r = value_parse_number((struct str){dash + 1, text.n - n - 1}, &last);
	if (r || last > UINT16_MAX || first > UINT16_MAX || (!first && dash))
		return error_set(err, -EINVAL,
			"\"%.*s\" is neither a port, nor a range such as 7000-7010, nor 0 for each "
			"port that the server allows",
			STR_ARG(text));
	if (last < first)
		return error_set(err, -EINVAL,
			"the range \"%.*s\" ends before it begins: write %u-%u", STR_ARG(text),
			(unsigned)last, (unsigned)first);
	*out = (struct option_range){(uint16_t)first, (uint16_t)last};
	return 0;
}

static int parse_network(struct str text, struct cidr *out, struct error *err)
{
	if (text.n && memchr(text.p, '%', text.n))
		return error_set(err, -EINVAL,
			"\"%.*s\" names an interface: a network that is granted means the same on "
			"each machine",
			STR_ARG(text));
	return cidr_parse(text, out, err);
}

static void format_network(const struct cidr *c, char to[POLICY_GRANT_SIZE])
{
	size_t n = address_format_ip(&c->net, to);
	if (c->bits < (c->net.family == ADDRESS_V4 ? 32 : 128))
		snprintf(to + n, POLICY_GRANT_SIZE - n, "/%u", c->bits);
}

/* ---- Order ---- */

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct option_range *x = a, *y = b;
	return x->first != y->first ? x->first - y->first : x->last - y->last;
}

static int compare_networks(const void *a, const void *b)
{
	const struct cidr *x = a, *y = b;
	if (x->net.family != y->net.family)
		return x->net.family - y->net.family;
	int order = memcmp(x->net.bytes, y->net.bytes, sizeof x->net.bytes);
	return order ? order : x->bits - y->bits;
}

typedef int compare_fn(const void *, const void *);

/* Where the item is or belongs in a sorted array of `n`. */
static size_t place_of(const void *items, size_t n, size_t size, compare_fn *compare,
	const void *item, bool *there_out)
{
	size_t low = 0, high = n;
	*there_out = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare((const char *)items + middle * size, item);
		if (order == 0)
			*there_out = true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Puts a copy of the item into its place in *items, unless it is there. 1: it is put; 0; -errno. */
static int insert(void **items, size_t *n, size_t size, compare_fn *compare, const void *item,
	struct error *err)
{
	bool there;
	size_t at = place_of(*items, *n, size, compare, item, &there);
	if (there)
		return 0;
	if (*n >= POLICY_GRANTS_MAX)
		return error_set(err, -EINVAL, "more than %d grants of a kind", POLICY_GRANTS_MAX);
	char *grown = reallocarray(*items, *n + 1, size);
	if (!grown)
		return error_set(err, -ENOMEM, "no memory for a grant");
	*items = grown;
	memmove(grown + (at + 1) * size, grown + at * size, (*n - at) * size);
	memcpy(grown + at * size, item, size);
	++*n;
	return 1;
}

static int insert_text(struct option_list *list, const char *text, struct error *err)
{
	char *copy = strdup(text);
	if (!copy)
		return error_set(err, -ENOMEM, "no memory for a grant");
	void *items = list->v;
	int r = insert(&items, &list->n, sizeof *list->v, compare_texts, &copy, err);
	list->v = items;
	if (r <= 0)
		free(copy);
	return r < 0 ? r : 0;
}

int policy_grants_add(struct policy_grants *g, enum policy_grant_kind kind, struct str text,
	struct error *err)
{
	struct container c = container_for(g, kind);
	char copy[POLICY_GRANT_SIZE];
	struct option_range range;
	struct cidr network;
	void *items;
	int r;
	if (c.texts) {
		r = kind == POLICY_HOST ? parse_host(text, copy, err)
					: policy_pattern_check(text, copy, err);
		return r ? r : insert_text(c.texts, copy, err);
	}
	if (c.ranges) {
		r = parse_range(text, &range, err);
		items = c.ranges->v;
		if (!r)
			r = insert(&items, &c.ranges->n, sizeof range, compare_ranges, &range, err);
		c.ranges->v = items;
		return r < 0 ? r : 0;
	}
	r = parse_network(text, &network, err);
	items = c.networks->items;
	if (!r)
		r = insert(&items, &c.networks->n, sizeof network, compare_networks, &network, err);
	c.networks->items = items;
	return r < 0 ? r : 0;
}

/* ---- All of a kind ---- */

size_t policy_grants_count(const struct policy_grants *g, enum policy_grant_kind kind)
{
	struct container c = container_for(g, kind);
	return c.texts ? c.texts->n : c.ranges ? c.ranges->n : c.networks->n;
}

char *policy_grants_text(const struct policy_grants *g, enum policy_grant_kind kind, size_t i,
	char to[POLICY_GRANT_SIZE])
{
	struct container c = container_for(g, kind);
	if (c.texts)
		snprintf(to, POLICY_GRANT_SIZE, "%s", c.texts->v[i]);
	else if (c.ranges)
		value_format_ranges(&(struct option_ranges){&c.ranges->v[i], 1}, to,
			POLICY_GRANT_SIZE);
	else
		format_network(&c.networks->items[i], to);
	return to;
}

static bool same_kind(const struct policy_grants *a, const struct policy_grants *b,
	enum policy_grant_kind kind)
{
	char x[POLICY_GRANT_SIZE], y[POLICY_GRANT_SIZE];
	size_t n = policy_grants_count(a, kind);
	if (n != policy_grants_count(b, kind))
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(policy_grants_text(a, kind, i, x), policy_grants_text(b, kind, i, y)))
			return false;
	return true;
}

bool policy_grants_same(const struct policy_grants *a, const struct policy_grants *b)
{
	for (enum policy_grant_kind kind = POLICY_HOST; kind < POLICY_GRANT_KINDS; kind++)
		if (!same_kind(a, b, kind))
			return false;
	return true;
}

int policy_grants_copy(struct policy_grants *to, const struct policy_grants *from)
{
	char text[POLICY_GRANT_SIZE];
	struct error err;
	*to = POLICY_GRANTS_NULL;
	for (enum policy_grant_kind kind = POLICY_HOST; kind < POLICY_GRANT_KINDS; kind++)
		for (size_t i = 0; i < policy_grants_count(from, kind); i++) {
			policy_grants_text(from, kind, i, text);
			if (policy_grants_add(to, kind, str_from(text), &err)) {
				policy_grants_deinit(to);
				return -ENOMEM;
			}
		}
	return 0;
}

void policy_grants_clear(struct policy_grants *g, enum policy_grant_kind kind)
{
	struct container c = container_for(g, kind);
	if (c.texts) {
		for (size_t i = 0; i < c.texts->n; i++)
			free(c.texts->v[i]);
		free(c.texts->v);
		*c.texts = (struct option_list){0};
	} else if (c.ranges) {
		free(c.ranges->v);
		*c.ranges = (struct option_ranges){0};
	} else {
		cidr_list_deinit(c.networks);
	}
}

void policy_grants_deinit(struct policy_grants *g)
{
	for (enum policy_grant_kind kind = POLICY_HOST; kind < POLICY_GRANT_KINDS; kind++)
		policy_grants_clear(g, kind);
}
