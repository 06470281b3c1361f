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

static bool ports_common(struct option_range x, struct option_range y, char to[POLICY_GRANT_SIZE])
{
	/* 0 stands for each. */
	if (!x.first)
		x = y;
	if (!y.first)
		y = x;
	unsigned first = MAX(x.first, y.first), last = MIN(x.last, y.last);
	snprintf(to, POLICY_GRANT_SIZE, first == last ? "%u" : "%u-%u", first, last);
	return first <= last;
}

static bool has(const struct policy_grant *wide, const struct policy_grant *narrow)
{
	if (wide->kind == POLICY_FROM)
		return wide->network->bits <= narrow->network->bits &&
		       cidr_has(wide->network, &narrow->network->net);
	return wide->kind == POLICY_HOST ? host_has(wide->text, narrow->text)
					 : pattern_has(wide->text, narrow->text);
}

/* The text of what both grants of a kind give. False: nothing. */
static bool common(const struct policy_grant *x, const struct policy_grant *y,
	char to[POLICY_GRANT_SIZE])
{
	if (x->kind == POLICY_TCP_PORT || x->kind == POLICY_UDP_PORT)
		return ports_common(x->ports, y->ports, to);
	const struct policy_grant *narrow = has(x, y) ? y : has(y, x) ? x : NULL;
	return narrow && policy_grant_text(narrow, to);
}

static int narrow_kind(struct policy_grants *out, enum policy_grant_kind kind,
	const struct policy_grants *a, const struct policy_grants *b)
{
	struct policy_grant_slice x = policy_grants_of(a, kind), y = policy_grants_of(b, kind);
	char text[POLICY_GRANT_SIZE];
	struct error err;
	int r = 0;
	for (size_t i = 0; i < x.n && r == 0; i++)
		for (size_t k = 0; k < y.n && r == 0; k++)
			if (common(&x.v[i], &y.v[k], text))
				r = policy_grants_add(out, kind, str_from(text), &err);
	return r;
}

/* Of the kinds of which none means that there is no bound. */
static bool is_bound(enum policy_grant_kind kind)
{
	return kind == POLICY_CONSUME || kind == POLICY_FROM;
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
	int r = 0;
	for (enum policy_grant_kind kind = POLICY_HOST; kind < POLICY_GRANT_KINDS && r == 0; kind++)
		r = both_have(a, b, kind) || !is_bound(kind) ? narrow_kind(g, kind, a, b)
							     : unbounded(g, kind, a, b);
	/* Nothing in common would read as no bound: then one of the lists, and a limit that lets nobody in. */
	if (!r && both_have(a, b, POLICY_CONSUME) && !policy_grants_count(g, POLICY_CONSUME)) {
		out->max_endpoints = 0;
		r = unbounded(g, POLICY_CONSUME, b, a);
	}
	if (!r && both_have(a, b, POLICY_FROM) && !policy_grants_count(g, POLICY_FROM)) {
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
	out->name = policy_text_new(str_from(becomes->name));
	out->description = policy_text_new(str_from(becomes->description));
	if (out->name && out->description &&
		narrow_grants(out, &was->grants, &becomes->grants) == 0)
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
