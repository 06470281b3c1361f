/* SPDX-License-Identifier: MIT */
/*
 * Two grants of a kind are nested or have nothing in common (wildcards, patterns, networks), but for ranges of
 * ports, which may overlap. So what two lists have in common is what each pair of their grants has.
 */
#include "policy/narrow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

static bool host_has(const char *wide, const char *narrow)
{
	return strcmp(wide, "*") == 0 || strcmp(wide, narrow) == 0 ||
	       hostname_covers(str_from(wide), str_from(narrow));
}

/* "super-*" has "super-api" and "super-a*": each begins with what stands before its star. */
static bool pattern_has(const char *wide, const char *narrow)
{
	return policy_pattern_covers(wide, str_from(narrow));
}

static int texts(struct policy_grants *out, enum policy_grant_kind kind,
	const struct option_list *a, const struct option_list *b)
{
	bool (*has)(const char *, const char *) = kind == POLICY_HOST ? host_has : pattern_has;
	struct error err;
	int r = 0;
	for (size_t i = 0; i < a->n && r == 0; i++)
		for (size_t k = 0; k < b->n && r == 0; k++) {
			if (has(a->v[i], b->v[k]))
				r = policy_grants_add(out, kind, str_from(b->v[k]), &err);
			else if (has(b->v[k], a->v[i]))
				r = policy_grants_add(out, kind, str_from(a->v[i]), &err);
		}
	return r;
}

static int ports(struct policy_grants *out, enum policy_grant_kind kind,
	const struct option_ranges *a, const struct option_ranges *b)
{
	struct error err;
	int r = 0;
	for (size_t i = 0; i < a->n && r == 0; i++)
		for (size_t k = 0; k < b->n && r == 0; k++) {
			struct option_range x = a->v[i], y = b->v[k];
			char text[sizeof "65535-65535"];
			/* 0 stands for each. */
			if (!x.first)
				x = y;
			if (!y.first)
				y = x;
			unsigned first = MAX(x.first, y.first), last = MIN(x.last, y.last);
			if (first > last)
				continue;
			snprintf(text, sizeof(text), first == last ? "%u" : "%u-%u", first, last);
			r = policy_grants_add(out, kind, str_from(text), &err);
		}
	return r;
}

static bool network_has(const struct cidr *wide, const struct cidr *narrow)
{
	return wide->bits <= narrow->bits && cidr_has(wide, &narrow->net);
}

static int add_network(struct policy_grants *out, const struct policy_grants *of, size_t i)
{
	char text[POLICY_GRANT_SIZE];
	struct error err;
	policy_grants_text(of, POLICY_FROM, i, text);
	return policy_grants_add(out, POLICY_FROM, str_from(text), &err);
}

static int networks(struct policy_grants *out, const struct policy_grants *a,
	const struct policy_grants *b)
{
	int r = 0;
	for (size_t i = 0; i < a->from.n && r == 0; i++)
		for (size_t k = 0; k < b->from.n && r == 0; k++) {
			if (network_has(&a->from.items[i], &b->from.items[k]))
				r = add_network(out, b, k);
			else if (network_has(&b->from.items[k], &a->from.items[i]))
				r = add_network(out, a, i);
		}
	return r;
}

/* Of a kind without which there is no bound: the list that is there is all of the bound. */
static int unbounded(struct policy_grants *out, enum policy_grant_kind kind,
	const struct policy_grants *a, const struct policy_grants *b)
{
	char text[POLICY_GRANT_SIZE];
	struct error err;
	const struct policy_grants *only = policy_grants_count(a, kind) ? a : b;
	int r = 0;
	for (size_t i = 0; i < policy_grants_count(only, kind) && r == 0; i++)
		r = policy_grants_add(out, kind, str_from(policy_grants_text(only, kind, i, text)),
			&err);
	return r;
}

static bool both_have(const struct policy_grants *a, const struct policy_grants *b,
	enum policy_grant_kind kind)
{
	return policy_grants_count(a, kind) && policy_grants_count(b, kind);
}

static int narrow_grants(struct policy_identity *out, const struct policy_grants *a,
	const struct policy_grants *b)
{
	struct policy_grants *g = &out->grants;
	int r = texts(g, POLICY_HOST, &a->hosts, &b->hosts);
	if (!r)
		r = texts(g, POLICY_PUBLISH, &a->publish, &b->publish);
	if (!r)
		r = ports(g, POLICY_TCP_PORT, &a->tcp_ports, &b->tcp_ports);
	if (!r)
		r = ports(g, POLICY_UDP_PORT, &a->udp_ports, &b->udp_ports);
	if (!r)
		r = both_have(a, b, POLICY_CONSUME)
			    ? texts(g, POLICY_CONSUME, &a->consume, &b->consume)
			    : unbounded(g, POLICY_CONSUME, a, b);
	if (!r)
		r = both_have(a, b, POLICY_FROM) ? networks(g, a, b)
						 : unbounded(g, POLICY_FROM, a, b);
	/* Nothing in common would read as no bound: then one of the lists, and a limit that lets nobody in. */
	if (!r && both_have(a, b, POLICY_CONSUME) && !g->consume.n) {
		out->max_endpoints = 0;
		r = unbounded(g, POLICY_CONSUME, b, a);
	}
	if (!r && both_have(a, b, POLICY_FROM) && !g->from.n) {
		out->max_sessions = 0;
		r = unbounded(g, POLICY_FROM, b, a);
	}
	return r;
}

int policy_identity_narrow(struct policy_identity *out, const struct policy_identity *was,
	const struct policy_identity *becomes)
{
	/* POLICY_NONE is above every number and time. */
	*out = *becomes;
	out->grants = POLICY_GRANTS_NULL;
	out->revoked = was->revoked || becomes->revoked;
	out->is_operator = was->is_operator && becomes->is_operator;
	out->max_sessions = MIN(was->max_sessions, becomes->max_sessions);
	out->max_streams = MIN(was->max_streams, becomes->max_streams);
	out->max_endpoints = MIN(was->max_endpoints, becomes->max_endpoints);
	out->rate_up = MIN(was->rate_up, becomes->rate_up);
	out->rate_down = MIN(was->rate_down, becomes->rate_down);
	out->expires_at = MIN(was->expires_at, becomes->expires_at);
	out->description = strdup(becomes->description);
	if (out->description && narrow_grants(out, &was->grants, &becomes->grants) == 0)
		return 0;
	policy_identity_deinit(out);
	return -ENOMEM;
}

bool policy_identity_same_rights(const struct policy_identity *a, const struct policy_identity *b)
{
	return a->revoked == b->revoked && a->is_operator == b->is_operator &&
	       a->max_sessions == b->max_sessions && a->max_streams == b->max_streams &&
	       a->max_endpoints == b->max_endpoints && a->rate_up == b->rate_up &&
	       a->rate_down == b->rate_down && a->expires_at == b->expires_at &&
	       policy_grants_same(&a->grants, &b->grants);
}
