/* SPDX-License-Identifier: MIT */
/* Texts to grants and back: all in one array, in order. */
#include "policy/grants.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "config/value.h"
#include "policy/name.h"

struct policy_grant_array {
	size_t n;
	struct policy_grant v[];
};

static struct policy_grant_slice all_of(const struct policy_grants *g)
{
	return g->all ? (struct policy_grant_slice){g->all->v, g->all->n}
		      : (struct policy_grant_slice){0};
}

static bool is_of_ports(enum policy_grant_kind kind)
{
	return kind == POLICY_TCP_PORT || kind == POLICY_UDP_PORT;
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

static int compare_networks(const struct cidr *x, const struct cidr *y)
{
	if (x->net.family != y->net.family)
		return x->net.family - y->net.family;
	int order = memcmp(x->net.bytes, y->net.bytes, sizeof x->net.bytes);
	return order ? order : x->bits - y->bits;
}

static int compare(const struct policy_grant *x, const struct policy_grant *y)
{
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->kind == POLICY_FROM)
		return compare_networks(x->network, y->network);
	if (!is_of_ports(x->kind))
		return strcmp(x->text, y->text);
	return x->ports.first != y->ports.first ? x->ports.first - y->ports.first
						: x->ports.last - y->ports.last;
}

/* Where the grant is or belongs. */
static size_t place_of(struct policy_grant_slice all, const struct policy_grant *grant,
	bool *there_out)
{
	size_t low = 0, high = all.n;
	*there_out = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(&all.v[middle], grant);
		if (order == 0)
			*there_out = true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- One grant ---- */

static int grant_parse(struct policy_grant *grant, struct str text, struct error *err)
{
	char copy[POLICY_GRANT_SIZE];
	struct cidr network;
	int r;
	if (is_of_ports(grant->kind))
		return parse_range(text, &grant->ports, err);
	if (grant->kind == POLICY_FROM) {
		r = parse_network(text, &network, err);
		grant->network = r < 0 ? NULL : malloc(sizeof network);
		if (grant->network)
			*grant->network = network;
	} else {
		r = grant->kind == POLICY_HOST ? parse_host(text, copy, err)
					       : policy_pattern_check(text, copy, err);
		grant->text = r < 0 ? NULL : strdup(copy);
	}
	if (r == 0 && !grant->text)
		return error_set(err, -ENOMEM, "no memory for a grant");
	return r;
}

static void grant_deinit(struct policy_grant *grant)
{
	if (grant->kind == POLICY_FROM)
		free(grant->network);
	else if (!is_of_ports(grant->kind))
		free(grant->text);
}

/* Puts the grant into its place, unless it is there. 1: it is put; 0; -errno. */
static int insert(struct policy_grants *g, const struct policy_grant *grant, struct error *err)
{
	bool there;
	struct policy_grant_slice all = all_of(g);
	size_t at = place_of(all, grant, &there);
	if (there)
		return 0;
	if (policy_grants_count(g, grant->kind) >= POLICY_GRANTS_MAX)
		return error_set(err, -EINVAL, "more than %d grants of a kind", POLICY_GRANTS_MAX);
	struct policy_grant_array *grown =
		realloc(g->all, sizeof *grown + (all.n + 1) * sizeof *grant);
	if (!grown)
		return error_set(err, -ENOMEM, "no memory for a grant");
	memmove(&grown->v[at + 1], &grown->v[at], (all.n - at) * sizeof *grant);
	grown->v[at] = *grant;
	grown->n = all.n + 1;
	g->all = grown;
	return 1;
}

int policy_grants_add(struct policy_grants *g, enum policy_grant_kind kind, struct str text,
	struct error *err)
{
	struct policy_grant grant = {.kind = kind};
	int r = grant_parse(&grant, text, err);
	if (r < 0)
		return r;
	r = insert(g, &grant, err);
	if (r <= 0)
		grant_deinit(&grant);
	return r < 0 ? r : 0;
}

/* ---- All of a kind ---- */

/* The first of that kind or a later one. */
static size_t first_of(struct policy_grant_slice all, enum policy_grant_kind kind)
{
	size_t low = 0, high = all.n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (all.v[middle].kind < kind)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct policy_grant_slice policy_grants_of(const struct policy_grants *g,
	enum policy_grant_kind kind)
{
	struct policy_grant_slice all = all_of(g);
	size_t first = first_of(all, kind), n = first_of(all, kind + 1) - first;
	return n ? (struct policy_grant_slice){all.v + first, n} : (struct policy_grant_slice){0};
}

size_t policy_grants_count(const struct policy_grants *g, enum policy_grant_kind kind)
{
	return policy_grants_of(g, kind).n;
}

char *policy_grant_text(const struct policy_grant *grant, char to[POLICY_GRANT_SIZE])
{
	struct option_range range;
	if (grant->kind == POLICY_FROM) {
		format_network(grant->network, to);
	} else if (is_of_ports(grant->kind)) {
		range = grant->ports;
		value_format_ranges(&(struct option_ranges){&range, 1}, to, POLICY_GRANT_SIZE);
	} else {
		snprintf(to, POLICY_GRANT_SIZE, "%s", grant->text);
	}
	return to;
}

char *policy_grants_text(const struct policy_grants *g, enum policy_grant_kind kind, size_t i,
	char to[POLICY_GRANT_SIZE])
{
	return policy_grant_text(&policy_grants_of(g, kind).v[i], to);
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
	struct policy_grant_slice gone = policy_grants_of(g, kind);
	if (!gone.n)
		return;
	for (size_t i = 0; i < gone.n; i++)
		grant_deinit(&gone.v[i]);
	struct policy_grant *behind = gone.v + gone.n;
	memmove(gone.v, behind, (size_t)(g->all->v + g->all->n - behind) * sizeof *behind);
	g->all->n -= gone.n;
}

void policy_grants_deinit(struct policy_grants *g)
{
	for (enum policy_grant_kind kind = POLICY_HOST; kind < POLICY_GRANT_KINDS; kind++)
		policy_grants_clear(g, kind);
	free(g->all);
	g->all = NULL;
}
