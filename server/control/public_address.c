/* SPDX-License-Identifier: MIT */
#include "server/control/public_address.h"

#include <stdio.h>
#include <string.h>

#include "server/control/session.h"
#include "wire/url.h"

/* The HTTP front, as visitors have it. */
struct front {
	char host[HOSTNAME_SIZE + 2]; /* an IPv6 address in brackets */
	uint16_t port;
	bool secure;
};

/* What the session's client dialled, by its newest link. */
static bool front_dialled(const struct session *s, struct url *out)
{
	const struct server_link *l = list_first(&s->links, struct server_link, of_session);
	struct error err;
	return l && l->remote && url_parse_remote(str_from(l->remote), out, &err) == 0;
}

static struct front front_of(const struct session *s)
{
	const struct node *n = s->registrar->node;
	bool tls = node_is_public_by_tls(n);
	struct front f = {.host = "", .secure = tls};
	struct url u;
	struct error err;
	if (!n->public_sure && front_dialled(s, &u))
		f.secure = u.scheme == URL_WSS;
	else if (url_parse_remote(str_from(n->public_name), &u, &err) != 0)
		return f; /* it is made here, and always is one */
	snprintf(f.host, sizeof(f.host), u.literal_v6 ? "[%s]" : "%s", u.host);
	f.port = u.port;
	if (n->visitors_port) {
		f.port = n->visitors_port;
		f.secure = tls;
	}
	return f;
}

char *public_alias(const struct node *n, const struct private_service *p,
	char to[POLICY_ALIAS_SIZE])
{
	struct url u;
	struct error err;
	bool known = url_parse_remote(str_from(n->public_name), &u, &err) == 0;
	return policy_alias_format(p->name, p->value.tag, known ? u.host : "", to);
}

void public_address(const struct service *service, char to[PUBLIC_ADDRESS_SIZE])
{
	if (service->private_service) {
		char alias[POLICY_ALIAS_SIZE];
		snprintf(to, PUBLIC_ADDRESS_SIZE, "%s",
			public_alias(session_node(session_of(service)), service->private_service,
				alias));
		return;
	}
	if (service->in_group) {
		snprintf(to, PUBLIC_ADDRESS_SIZE, "%s", service->place);
		return;
	}
	const struct front f = front_of(session_of(service));
	const char *place = service->place, *scheme = f.secure ? "https" : "http";
	char port[8] = "";
	if (f.port != (f.secure ? 443 : 80))
		snprintf(port, sizeof(port), ":%u", f.port);
	if (service->has_port)
		snprintf(to, PUBLIC_ADDRESS_SIZE, "%s://%s:%s%s",
			service->kind == CONTROL_UDP ? "udp" : "tcp", f.host,
			strchr(place, ':') + 1,
			service->tls == CONTROL_TLS_TERMINATE ? " (TLS)" : "");
	else if (service->kind == CONTROL_TCP)
		snprintf(to, PUBLIC_ADDRESS_SIZE, "tls://%s:%u", place, f.port);
	else if (*place == '*')
		snprintf(to, PUBLIC_ADDRESS_SIZE, "%s on %s://%s%s/", place, scheme, f.host, port);
	else
		snprintf(to, PUBLIC_ADDRESS_SIZE, "%s://%s%s/", scheme, *place ? place : f.host,
			port);
}
