/* SPDX-License-Identifier: MIT */
#include "server/control/publish_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rules/origin_group.h"
#include "server/control/port.h"
#include "server/control/service_rules.h"
#include "wire/alpn.h"
#include "wire/http1_path.h"

const char *publish_asked(const struct control *m, char text[PUBLISH_ASKED_SIZE])
{
	const char *kind = m->publish.kind == CONTROL_UDP ? "UDP port" : "port";
	if (m->publish.private_name)
		snprintf(text, PUBLISH_ASKED_SIZE, "private %s", m->publish.private_name);
	else if (m->publish.group)
		snprintf(text, PUBLISH_ASKED_SIZE, "group %s", m->publish.group);
	else if (m->publish.port_given && control_publish_ports(m) > 1)
		snprintf(text, PUBLISH_ASKED_SIZE, "%ss %u-%u", kind, m->publish.port,
			m->publish.port + m->publish.ports - 1);
	else if (m->publish.port_given)
		snprintf(text, PUBLISH_ASKED_SIZE, m->publish.port ? "%s %u" : "a %s", kind,
			m->publish.port);
	else
		snprintf(text, PUBLISH_ASKED_SIZE, "%s",
			*m->publish.host ? m->publish.host : "everything");
	return text;
}

/* It becomes part of request lines. */
static bool path_is_clean(const char *path)
{
	for (const char *c = path; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '#' || *c == '?')
			return false;
	return !*path || *path == '/';
}

/* It would not be where it says, and neither would what is put behind it. */
static bool path_has_dots(const char *path)
{
	uint8_t room[CONTROL_TEXT];
	struct str s = str_from(path);
	return s.n > sizeof(room) || http1_path_has_dots(s, room);
}

/* It becomes a Host field. */
static bool host_is_clean(const char *host)
{
	char canonical[HOSTNAME_SIZE];
	size_t n;
	uint16_t port;
	return hostname_with_port(str_from(host), canonical, &n, &port) == 0;
}

bool publish_repeats(const struct service *service, const struct control *m, const char *place)
{
	const char *path = m->publish.path ? m->publish.path : "";
	const char *rewrite = m->publish.rewrite ? m->publish.rewrite : "";
	const char *alpn = m->publish.alpn ? m->publish.alpn : "";
	const char *origin = m->publish.origin ? m->publish.origin : service->origin;
	bool port_same =
		!service->has_port || !m->publish.port || service->first_port == m->publish.port;
	return service->number == m->publish.service &&
	       service->is_private == (m->publish.private_name != NULL) &&
	       service->aes == m->publish.aes && service->n_numbers == control_publish_ports(m) &&
	       service->kind == m->publish.kind && service->tls == m->publish.tls &&
	       service->per_visitor == m->publish.per_visitor &&
	       service->half_closed == m->publish.half_closed &&
	       service->exclusive == m->publish.exclusive && service->scheme == m->publish.scheme &&
	       service->protocol == m->publish.protocol &&
	       service->host_only == m->publish.host_only &&
	       service->in_group == (m->publish.group != NULL) &&
	       service->priority == m->publish.priority && service->weight == m->publish.weight &&
	       service->enabled == control_publish_enabled(m) &&
	       strcmp(service->origin, origin) == 0 && service->has_port == m->publish.port_given &&
	       port_same && (service->has_port || strcmp(service->place, place) == 0) &&
	       strcmp(service->path, path) == 0 && service_rules_same(service, m) &&
	       strcmp(service->rewrite ? service->rewrite : "", rewrite) == 0 &&
	       strcmp(service->alpn ? service->alpn : "", alpn) == 0;
}

/* Why it is no service that anybody could publish; NULL: it may be one. */
static const char *publish_fault(const struct control *m)
{
	bool named = *m->publish.host != '\0', port = m->publish.port_given;
	bool tls = m->publish.tls != CONTROL_TLS_NONE;
	if (m->publish.kind == CONTROL_HTTP && (port || tls))
		return "an HTTP service has a host name, not a port of its own";
	if (m->publish.kind != CONTROL_HTTP && m->publish.protocol != CONTROL_PROTOCOL_HTTP1)
		return "a version of HTTP is said of an HTTP service alone";
	if (m->publish.kind == CONTROL_UDP && (!port || tls))
		return "a UDP service needs a port of its own, and is passed on as it is";
	if (m->publish.ports > 1 && !(port && m->publish.port))
		return "only ports that are named can be a range of them";
	if (m->publish.ports > 1 && m->publish.port + m->publish.ports - 1 > UINT16_MAX)
		return "its range of ports ends beyond 65535";
	if (m->publish.service > UINT32_MAX - m->publish.ports)
		return "its range of ports has more numbers than there are";
	if (port && named)
		return "a service has a port or a host name, not both";
	if (m->publish.kind == CONTROL_TCP && !port && !(tls && named))
		return "a TCP service needs a port of its own, or a name that TLS clients ask for";
	if (port && m->publish.tls == CONTROL_TLS_PASS)
		return "TLS that is passed on by its name needs a name, not a port";
	if (m->publish.alpn && m->publish.tls != CONTROL_TLS_TERMINATE)
		return "protocols are agreed by ALPN where the exit node ends TLS, which it does "
		       "not";
	if (m->publish.alpn && !alpn_is_list(str_from(m->publish.alpn)))
		return "its protocols are no list of names with commas between, each there once";
	if (m->publish.path && !path_is_clean(m->publish.path))
		return "its path does not begin with a slash or has characters that none may have";
	if (m->publish.path && path_has_dots(m->publish.path))
		return "its path has a segment of dots: it would lead elsewhere than it says";
	if (m->publish.rules && m->publish.kind != CONTROL_HTTP)
		return "rules are for requests, and only an HTTP service has those";
	if (m->publish.rewrite && !host_is_clean(m->publish.rewrite))
		return "what its Host should be is not a host, or a host and a port";
	if (m->publish.origin && !control_is_origin(m->publish.origin))
		return "its origin's name has other characters than letters, digits, - _ . and :";
	return NULL;
}

/* Of a group, which is found by its very name: where it stands among the routes. */
static int group_place(const char *group, char place[SERVICE_PLACE_SIZE], struct error *err)
{
	char name[HOSTNAME_SIZE];
	size_t n;
	int bad = hostname_canonical(str_from(group), name, &n);
	if (bad)
		return error_set(err, -EINVAL, "the group's name %s", hostname_error_text(bad));
	snprintf(place, SERVICE_PLACE_SIZE, ORIGIN_GROUP_PREFIX "%s", name);
	return 0;
}

int publish_check(const struct control *m, char place[SERVICE_PLACE_SIZE], struct error *err)
{
	size_t n = 0;
	place[0] = '\0';
	if (m->publish.kind != CONTROL_HTTP && m->publish.kind != CONTROL_TCP &&
		m->publish.kind != CONTROL_UDP) {
		error_set(err, 0, "this server publishes HTTP, TCP and UDP services only");
		return CONTROL_REASON_UNSUPPORTED;
	}
	if (m->publish.tls == CONTROL_TLS_UNKNOWN) {
		error_set(err, 0, "this server does not know what to do with its visitors' TLS");
		return CONTROL_REASON_UNSUPPORTED;
	}
	if (m->publish.protocol == CONTROL_PROTOCOL_UNKNOWN) {
		error_set(err, 0, "this server does not speak the protocol of that upstream");
		return CONTROL_REASON_UNSUPPORTED;
	}
	const char *fault = publish_fault(m);
	if (fault)
		error_set(err, 0, "%s", fault);
	else if (m->publish.group) {
		if (group_place(m->publish.group, place, err) == 0)
			return PUBLISH_FINE;
	} else if (!*m->publish.host ||
		   hostname_claim(str_from(m->publish.host), place, &n, err) == 0)
		return PUBLISH_FINE;
	return CONTROL_REASON_INVALID;
}
