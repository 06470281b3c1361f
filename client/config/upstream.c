/* SPDX-License-Identifier: MIT */
#include "client/config/upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void upstream_deinit(struct upstream *u)
{
	free(u->text);
	free(u->ca);
	free(u->alpn);
	free(u->rewrite);
	free(u->rules);
	free(u->folder);
	upstream_private_deinit(&u->private);
	upstream_probe_deinit(&u->probe);
}

static struct str moved(struct str s, const char *from, const char *to)
{
	return s.p ? (struct str){to + (s.p - from), s.n} : s;
}

int upstream_copy(struct upstream *to, const struct upstream *from)
{
	*to = *from;
	to->text = strdup(from->text);
	to->ca = from->ca ? strdup(from->ca) : NULL;
	to->rewrite = from->rewrite ? strdup(from->rewrite) : NULL;
	to->rules = from->rules ? strdup(from->rules) : NULL;
	to->alpn = from->alpn ? strdup(from->alpn) : NULL;
	to->folder = from->folder ? strdup(from->folder) : NULL;
	int r = upstream_private_copy(&to->private, &from->private);
	int probe = upstream_probe_copy(&to->probe, &from->probe);
	if (r < 0 || probe < 0 || !to->text || (from->folder && !to->folder) ||
		(from->ca && !to->ca) || (from->rewrite && !to->rewrite) ||
		(from->rules && !to->rules) || (from->alpn && !to->alpn))
		return -ENOMEM;
	to->url.path = moved(from->url.path, from->text, to->text);
	to->url.query = moved(from->url.query, from->text, to->text);
	to->url.socket = moved(from->url.socket, from->text, to->text);
	to->url.folder = moved(from->url.folder, from->text, to->text);
	return 0;
}

bool upstream_same(const struct upstream *a, const struct upstream *b)
{
	return a->kind == b->kind && a->tls == b->tls && a->port_given == b->port_given &&
	       a->port == b->port && a->ports == b->ports && strcmp(a->host, b->host) == 0 &&
	       a->proxy_protocol == b->proxy_protocol && a->half_closed == b->half_closed &&
	       a->exclusive == b->exclusive && a->insecure == b->insecure &&
	       a->host_only == b->host_only && a->listing == b->listing &&
	       str_same(a->text, b->text) && str_same(a->ca, b->ca) &&
	       str_same(a->rewrite, b->rewrite) && str_same(a->alpn, b->alpn) &&
	       str_same(a->rules, b->rules) && upstream_origin_same(&a->origin, &b->origin) &&
	       upstream_probe_same(&a->probe, &b->probe) &&
	       upstream_private_same(&a->private, &b->private);
}

void upstream_tls_name(const struct upstream *u, char name_out[HOSTNAME_SIZE])
{
	const char *host = u->rewrite ? u->rewrite : u->url.host;
	char name[HOSTNAME_SIZE];
	size_t n;
	uint16_t port;
	/* Without a rewrite an IPv6 address stands there without the brackets that make it a host. */
	if (hostname_with_port(str_from(host), name, &n, &port)) {
		snprintf(name_out, HOSTNAME_SIZE, "%.*s", HOSTNAME_MAX, host);
		return;
	}
	bool brackets = name[0] == '[';
	snprintf(name_out, HOSTNAME_SIZE, "%.*s", (int)n - 2 * brackets, name + brackets);
}

const char *upstream_place(const struct upstream *u, char text[UPSTREAM_PLACE_SIZE])
{
	const char *udp = u->kind == CONTROL_UDP ? "UDP " : "";
	if (u->private.name)
		snprintf(text, UPSTREAM_PLACE_SIZE, "private service %s", u->private.name);
	else if (*u->origin.group)
		snprintf(text, UPSTREAM_PLACE_SIZE, "group %s", u->origin.group);
	else if (u->ports > 1)
		snprintf(text, UPSTREAM_PLACE_SIZE, "%sports %u-%u", udp, u->port,
			u->port + u->ports - 1U);
	else if (u->port_given && u->port)
		snprintf(text, UPSTREAM_PLACE_SIZE, "%sport %u", udp, u->port);
	else if (u->port_given)
		snprintf(text, UPSTREAM_PLACE_SIZE, "any %sport", udp);
	else
		snprintf(text, UPSTREAM_PLACE_SIZE, "%s", *u->host ? u->host : "every other host");
	return text;
}

bool upstream_ports_meet(const struct upstream *a, const struct upstream *b)
{
	return a->port && b->port && a->kind == b->kind && a->port < b->port + b->ports &&
	       b->port < a->port + a->ports;
}

bool upstream_meets(const struct upstream *a, const struct upstream *b)
{
	if (a->private.name || b->private.name)
		return str_same(a->private.name, b->private.name);
	if (*a->origin.group || *b->origin.group)
		return strcmp(a->origin.group, b->origin.group) == 0;
	if (a->port_given || b->port_given)
		return a->port_given && b->port_given && upstream_ports_meet(a, b);
	/* HTTP and TLS by name share one port, and so one name space. */
	return strcmp(a->host, b->host) == 0;
}
