/* SPDX-License-Identifier: MIT */
#include "client/config/local_place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/value.h"
#include "net/bind.h"
#include "wire/address.h"

#define EXAMPLES "6379, 127.0.0.2:6379, [::1]:6379, unix:/run/redis.sock or udp:53"

/* Takes `prefix` off the front. */
static bool take(struct str *text, const char *prefix)
{
	size_t n = strlen(prefix);
	if (text->n < n || strncasecmp(text->p, prefix, n) != 0)
		return false;
	*text = (struct str){text->p + n, text->n - n};
	return true;
}

static int parse_port(struct str text, uint16_t *out, struct error *err)
{
	uint64_t port;
	if (value_parse_number(text, &port) || port > UINT16_MAX)
		return error_set(err, -EINVAL, "\"%.*s\" is no port from 0 to 65535",
			STR_ARG(text));
	*out = (uint16_t)port;
	return 0;
}

static int parse_path(struct str text, struct local_place *p, struct error *err)
{
	if (!text.n)
		return error_set(err, -EINVAL, "the path of the socket is missing: %s", EXAMPLES);
	if (text.n > URL_SOCKET_MAX)
		return error_set(err, -EINVAL,
			"the path of the socket has %zu bytes, and %d is the most that the kernel "
			"takes",
			text.n, URL_SOCKET_MAX);
	p->kind = LOCAL_PLACE_UNIX;
	memcpy(p->path, text.p, text.n);
	p->path[text.n] = '\0';
	return 0;
}

/* The address, without brackets, which the machine need not have now. */
static int parse_host(struct str host, struct local_place *p, struct error *err)
{
	bool brackets = host.n > 1 && host.p[0] == '[' && host.p[host.n - 1] == ']';
	if (brackets)
		host = (struct str){host.p + 1, host.n - 2};
	if (!host.n || str_eq(host, STR("*")))
		return error_set(err, -EINVAL,
			"the address is missing: the port alone is for programs of this machine, "
			"and 0.0.0.0:PORT for everybody who reaches it");
	if (str_eq(host, STR("localhost")))
		host = STR(LOCAL_PLACE_HOST);
	if (host.n >= sizeof(p->host))
		return error_set(err, -EINVAL, "\"%.*s\" is no address", STR_ARG(host));
	memcpy(p->host, host.p, host.n);
	p->host[host.n] = '\0';
	p->host_given = true;
	struct error why;
	bool v6 = memchr(host.p, ':', host.n);
	if (bind_check(p->host, &why) || v6 != brackets)
		return error_set(err, -EINVAL,
			"\"%.*s\" is no IPv4 address, and no IPv6 address in brackets: %s",
			STR_ARG(host), EXAMPLES);
	return 0;
}

static int parse_port_and_host(struct str text, struct local_place *p, struct error *err)
{
	const char *colon = memrchr(text.p ? text.p : "", ':', text.n);
	memcpy(p->host, LOCAL_PLACE_HOST, sizeof(LOCAL_PLACE_HOST));
	if (!colon)
		return parse_port(text, &p->port, err);
	size_t n = (size_t)(colon - text.p);
	int r = parse_host((struct str){text.p, n}, p, err);
	return r ? r : parse_port((struct str){colon + 1, text.n - n - 1}, &p->port, err);
}

int local_place_parse(struct str text, struct local_place *out, struct error *err)
{
	struct local_place p = {.kind = LOCAL_PLACE_TCP};
	int r;
	if (!text.n)
		return error_set(err, -EINVAL, "it does not say where to listen: %s", EXAMPLES);
	if (take(&text, "unix://") || take(&text, "unix:") || text.p[0] == '/' ||
		(text.n > 1 && text.p[0] == '.' && text.p[1] == '/')) {
		r = parse_path(text, &p, err);
	} else {
		if (take(&text, "udp://") || take(&text, "udp:"))
			p.kind = LOCAL_PLACE_UDP;
		else if (!take(&text, "tcp://"))
			take(&text, "tcp:");
		r = parse_port_and_host(text, &p, err);
	}
	if (!r)
		*out = p;
	return r;
}

static bool same_host(const struct local_place *a, const struct local_place *b)
{
	struct address x, y;
	return strcmp(a->host, b->host) == 0 ||
	       (address_parse_ip(str_from(a->host), &x) &&
		       address_parse_ip(str_from(b->host), &y) && address_same_ip(&x, &y));
}

bool local_place_meets(const struct local_place *a, const struct local_place *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == LOCAL_PLACE_STDIO)
		return true;
	if (a->kind == LOCAL_PLACE_UNIX)
		return strcmp(a->path, b->path) == 0;
	return a->port && a->port == b->port && same_host(a, b);
}

bool local_place_same(const struct local_place *a, const struct local_place *b)
{
	return a->kind == b->kind && a->port == b->port && a->host_given == b->host_given &&
	       strcmp(a->host, b->host) == 0 && strcmp(a->path, b->path) == 0;
}

const char *local_place_text(const struct local_place *p, char text[LOCAL_PLACE_TEXT_SIZE])
{
	bool v6 = strchr(p->host, ':');
	switch (p->kind) {
	case LOCAL_PLACE_UNIX:
		snprintf(text, LOCAL_PLACE_TEXT_SIZE, "unix:%s", p->path);
		break;
	case LOCAL_PLACE_STDIO:
		snprintf(text, LOCAL_PLACE_TEXT_SIZE, "standard input and output");
		break;
	case LOCAL_PLACE_TCP:
	case LOCAL_PLACE_UDP:
		snprintf(text, LOCAL_PLACE_TEXT_SIZE, "%s%s%s%s:%u",
			p->kind == LOCAL_PLACE_UDP ? "UDP " : "", v6 ? "[" : "", p->host,
			v6 ? "]" : "", p->port);
		break;
	}
	return text;
}
