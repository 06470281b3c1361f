/* SPDX-License-Identifier: MIT */
#include "server/control/grants.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rules/origin_group.h"

/* Characters of the grants that are there already, in what the operator types: a longer list is left out. */
#define LISTED_MAX 120

/* Room for a list of grants, or for "…". */
#define LISTED_SIZE (LISTED_MAX + 2 * POLICY_GRANT_SIZE)

/* "--hosts '*.b.example.org,a.example.org'": an update replaces the list, so that those that are there come first. */
static void give(const struct identity *i, enum policy_grant_kind kind, const char *option,
	const char *wanted, struct error *err)
{
	char list[LISTED_SIZE] = "", grant[POLICY_GRANT_SIZE];
	size_t n = 0, total = policy_grants_count(&i->value.grants, kind);
	for (size_t k = 0; k < total && n < LISTED_MAX; k++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s,",
			policy_grants_text(&i->value.grants, kind, k, grant));
	struct error refused = *err;
	if (n >= LISTED_MAX)
		error_set(err, -EPERM,
			"%s; on the exit node `tunnel token update %s %s …,%s` allows it, with the "
			"%zu that it has in place of the dots",
			refused.text, i->name, option, wanted, total);
	else
		error_set(err, -EPERM,
			"%s; on the exit node `tunnel token update %s %s '%s%s'` allows it",
			refused.text, i->name, option, list, wanted);
}

int grants_check_token(const struct credential *k, const struct address *from, struct error *err)
{
	const struct identity *i = k->identity;
	char peer[ADDRESS_TEXT_SIZE];
	if (!k->good)
		return error_set(err, -EPERM, "its token is not valid any more");
	if (policy_may_come_from(&i->value.grants, from))
		return 0;
	address_format_ip(from, peer);
	error_set(err, -EPERM, "%s may not come from %s", i->name, peer);
	give(i, POLICY_FROM, "--allow-from", peer, err);
	return -EPERM;
}

int grants_check_link(const struct server_link *l, struct error *err)
{
	return grants_check_token(l->credential, &l->peer, err);
}

int grants_check_sessions(const struct identity *i, struct error *err)
{
	if (i->n_sessions < i->value.max_sessions)
		return 0;
	return error_set(err, -EDQUOT,
		"%s has as many sessions as it may, %u: on the exit node `tunnel token update %s "
		"--max-sessions %u` allows one more",
		i->name, i->n_sessions, i->name, i->n_sessions + 1);
}

static int check_ports(const struct identity *i, const struct service *service, uint16_t first,
	struct error *err)
{
	bool udp = service->kind == CONTROL_UDP;
	enum policy_grant_kind kind = udp ? POLICY_UDP_PORT : POLICY_TCP_PORT;
	char wanted[sizeof("65535-65535")];
	unsigned n = service->n_numbers;
	if (policy_may_ports(&i->value.grants, kind, first, n))
		return 0;
	if (n == 1)
		snprintf(wanted, sizeof(wanted), "%u", first);
	else
		snprintf(wanted, sizeof(wanted), "%u-%u", first, (uint16_t)(first + n - 1));
	if (!first)
		error_set(err, -EPERM, "%s may not have a %s of the exit node's choice", i->name,
			udp ? "UDP port" : "port");
	else
		error_set(err, -EPERM, "%s may not have %s%s %s", i->name,
			udp ? "UDP port" : "port", n > 1 ? "s" : "", wanted);
	give(i, kind, udp ? "--udp-ports" : "--ports", wanted, err);
	return -EPERM;
}

int grants_check_consume(const struct identity *i, const char *name, struct error *err)
{
	if (policy_may_consume(&i->value.grants, str_from(name)))
		return 0;
	error_set(err, -EPERM, "%s may not use a private service of the name %s", i->name, name);
	give(i, POLICY_CONSUME, "--consume", name, err);
	return -EPERM;
}

int grants_check_publish(const struct identity *i, const char *name, struct error *err)
{
	if (policy_may_publish(&i->value.grants, str_from(name)))
		return 0;
	error_set(err, -EPERM, "%s may not publish the private service %s", i->name, name);
	give(i, POLICY_PUBLISH, "--publish", name, err);
	return -EPERM;
}

static int check_private(const struct identity *i, const struct service *service, struct error *err)
{
	const struct private_service *p = service->private_service;
	if (p && (p->gone || p->value.deleted || p->owner != i))
		return error_set(err, -EPERM, "the private service %s was deleted", service->place);
	return grants_check_publish(i, service->place, err);
}

/* By which it is granted: a group has the name of a host that its clients may publish. */
static const char *host_of(const struct service *service)
{
	return service->place + (service->in_group ? strlen(ORIGIN_GROUP_PREFIX) : 0);
}

int grants_check_service(const struct identity *i, const struct service *service, uint16_t first,
	struct error *err)
{
	if (service->is_private)
		return check_private(i, service, err);
	if (service->has_port)
		return check_ports(i, service, first, err);
	const char *host = host_of(service);
	if (policy_may_host(&i->value.grants, str_from(host)))
		return 0;
	if (*host)
		error_set(err, -EPERM, "%s may not publish %s%s", i->name,
			service->in_group ? "into the group " : "", host);
	else
		error_set(err, -EPERM, "%s may not publish every host that is nobody else's",
			i->name);
	give(i, POLICY_HOST, "--hosts", *host ? host : "*", err);
	return -EPERM;
}

static const char *publish_grant(const struct policy_grants *g, struct str name)
{
	struct policy_grant_slice publish = policy_grants_of(g, POLICY_PUBLISH);
	for (size_t k = 0; k < publish.n; k++)
		if (policy_pattern_covers(publish.v[k].text, name))
			return publish.v[k].text;
	return NULL;
}

const char *grants_of_service(const struct identity *i, const struct service *service,
	char to[POLICY_GRANT_SIZE])
{
	const struct policy_grants *g = &i->value.grants;
	struct policy_grant_slice ports = policy_grants_of(g,
		service->kind == CONTROL_UDP ? POLICY_UDP_PORT : POLICY_TCP_PORT);
	const char *host = service->has_port     ? NULL
			   : service->is_private ? publish_grant(g, str_from(service->place))
						 : policy_host_grant(g, str_from(host_of(service)));
	snprintf(to, POLICY_GRANT_SIZE, "%s", host ? host : "");
	for (size_t k = 0; service->has_port && k < ports.n; k++) {
		const struct option_range *r = &ports.v[k].ports;
		/* 0 is each port that the server allows. */
		if (r->first && (service->first_port < r->first || service->first_port > r->last))
			continue;
		return policy_grant_text(&ports.v[k], to);
	}
	return to;
}
