/* SPDX-License-Identifier: MIT */
/* Whether a claim is granted. What is not granted by a text that stands there is not granted. */
#include "policy/grants.h"
#include "policy/name.h"

const char *policy_host_grant(const struct policy_grants *g, struct str host)
{
	struct policy_grant_slice hosts = policy_grants_of(g, POLICY_HOST);
	for (size_t i = 0; i < hosts.n; i++) {
		struct str grant = str_from(hosts.v[i].text);
		if (str_eq(grant, STR("*")))
			return hosts.v[i].text;
		/* The catch-all has no name that another grant could be of. */
		if (host.n && (str_eq(grant, host) || hostname_covers(grant, host)))
			return hosts.v[i].text;
	}
	return NULL;
}

bool policy_may_host(const struct policy_grants *g, struct str host)
{
	return policy_host_grant(g, host) != NULL;
}

bool policy_may_ports(const struct policy_grants *g, enum policy_grant_kind kind, uint16_t first,
	unsigned n)
{
	struct policy_grant_slice ranges = policy_grants_of(g, kind);
	if (n == 0 || n - 1 > UINT16_MAX - (unsigned)first)
		return false;
	/* In order, so each range that helps begins where those before it end, or earlier. */
	unsigned next = first, last = first + n - 1;
	for (size_t i = 0; i < ranges.n; i++) {
		const struct option_range *r = &ranges.v[i].ports;
		if (r->first == 0)
			return true;
		if (first == 0 || r->first > next)
			return false;
		if (r->last >= last)
			return true;
		if (r->last >= next)
			next = r->last + 1u;
	}
	return false;
}

static bool any_covers(const struct policy_grant_slice *patterns, struct str name)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (policy_pattern_covers(patterns->v[i].text, name))
			return true;
	return false;
}

bool policy_may_publish(const struct policy_grants *g, struct str name)
{
	struct policy_grant_slice publish = policy_grants_of(g, POLICY_PUBLISH);
	return any_covers(&publish, name);
}

bool policy_may_consume(const struct policy_grants *g, struct str name)
{
	struct policy_grant_slice consume = policy_grants_of(g, POLICY_CONSUME);
	return consume.n == 0 || any_covers(&consume, name);
}

bool policy_may_come_from(const struct policy_grants *g, const struct address *peer)
{
	struct policy_grant_slice from = policy_grants_of(g, POLICY_FROM);
	for (size_t i = 0; i < from.n; i++)
		if (cidr_has(from.v[i].network, peer))
			return true;
	return from.n == 0;
}
