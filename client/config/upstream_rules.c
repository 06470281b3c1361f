/* SPDX-License-Identifier: MIT */
/*
 * What is found by a host has no port, and the other way round; each refusal says what to write instead.
 */
#include "client/config/upstream_rules.h"

#include <errno.h>
#include <string.h>

#include "config/value.h"

/* ---- What is published: kind and place ---- */

static int place_tcp(const struct part *p, struct upstream *add, struct error *err)
{
	const char *text = p->text;
	bool named = p->key.kind == KEY_HOST;
	if (p->ports->n)
		return 0;
	if (add->tls == CONTROL_TLS_NONE && named)
		return error_set(err, -EINVAL,
			"%s: TCP has no host names, so give it a public port, 2222=%s; or with "
			"TLS, whose name tells: %s=sni+tcp://… or %s=tls+tcp://…",
			text, text, p->key.host, p->key.host);
	if (add->tls == CONTROL_TLS_NONE)
		return error_set(err, -EINVAL,
			"%s needs a public port: 2222=%s, 0=%s for any, or --port behind it", text,
			text, text);
	if (!named)
		return error_set(err, -EINVAL,
			"%s needs the host it is for, HOST=%s, or a public port, 2222=%s", text,
			text, text);
	return 0;
}

bool upstream_takes_any_port(const struct part *p)
{
	bool by_port = p->o->form == UPSTREAM_FORM_TCP || p->o->form == UPSTREAM_FORM_UDP;
	return by_port && p->key.kind == KEY_NONE;
}

static int place_sni(const struct part *p, struct error *err)
{
	if (p->o->form == UPSTREAM_FORM_TLS && p->ports->n)
		return error_set(err, -EINVAL,
			"%s is found by its name, on the exit node's own port: at a port of its "
			"own "
			"the same is tunnel tcp",
			p->text);
	if (p->o->form == UPSTREAM_FORM_TLS && p->key.kind != KEY_HOST)
		return error_set(err, -EINVAL,
			"%s is found by the name that visitors ask for, so say it before the "
			"upstream: tunnel tls HOST=PORT; at a port of its own the same is tunnel "
			"tcp",
			p->text);
	if (p->key.kind != KEY_HOST || p->ports->n)
		return error_set(err, -EINVAL,
			"%s is found by its name alone and needs the host it is for: HOST=%s",
			p->text, p->text);
	return 0;
}

static int place_udp(const struct part *p, struct error *err)
{
	if (!p->ports->n)
		return error_set(err, -EINVAL,
			"%s needs a public port, since UDP has no host names: 53=%s, or --port "
			"behind it",
			p->text, p->text);
	return 0;
}

static int place_http(const struct part *p, struct error *err)
{
	if (p->o->form == UPSTREAM_FORM_HTTP && p->ports->n)
		return error_set(err, -EINVAL,
			"%s is HTTP, which is found by its host on the exit node's own port: say "
			"HOST=%s, or for a port of its own tunnel tcp",
			p->text, p->text);
	const char *authority =
		strstr(p->text, "http://") == p->text ? p->text + strlen("http://") : NULL;
	if (p->ports->n && authority && p->key.kind == KEY_PORT && p->url.port_given)
		return error_set(err, -EINVAL,
			"%s is HTTP, which is found by its host, and has no port of its own: write "
			"%u=tcp://%s for the port %u, or HOST=%s",
			p->text, p->key.port.first, authority, p->key.port.first, p->text);
	if (p->ports->n)
		return error_set(err, -EINVAL,
			"%s is HTTP, which is found by its host, and has no port of its own: write "
			"HOST=%s, or tcp:// for the bare port",
			p->text, p->text);
	return 0;
}

static int place_folder(const struct part *p, struct error *err)
{
	if (p->ports->n)
		return error_set(err, -EINVAL,
			"%s is a folder, which is served as HTTP and found by its host, and has no "
			"port of its own: write HOST=%s, or %s alone for every host",
			p->text, p->text, p->text);
	return 0;
}

/* The exit node sees bytes alone, whatever it is. */
static int place_private(const struct part *p, struct upstream *add)
{
	add->kind = p->url.scheme == URL_UDP ? CONTROL_UDP : CONTROL_TCP;
	return 0;
}

int upstream_set_place(const struct part *p, struct upstream *add, struct error *err)
{
	if (p->o->private_name)
		return place_private(p, add);
	add->kind = CONTROL_TCP;
	add->port_given = p->ports->n > 0;
	if (!add->port_given)
		memcpy(add->host, p->key.host, sizeof add->host);
	switch (p->url.scheme) {
	case URL_HTTP:
	case URL_HTTPS:
		add->kind = CONTROL_HTTP;
		return place_http(p, err);
	case URL_TCP:
		return place_tcp(p, add, err);
	case URL_TLS_TCP:
		add->tls = CONTROL_TLS_TERMINATE;
		return place_tcp(p, add, err);
	case URL_SNI_TCP:
		add->tls = CONTROL_TLS_PASS;
		return place_sni(p, err);
	case URL_UDP:
		add->kind = CONTROL_UDP;
		return place_udp(p, err);
	case URL_FILE:
		add->kind = CONTROL_HTTP;
		return place_folder(p, err);
	case URL_UNIX:
		if (!add->port_given)
			add->kind = CONTROL_HTTP;
		return 0;
	case URL_H2C: /* they have become the two above */
	case URL_H2:
	case URL_WS:
	case URL_WSS:
	case URL_SOCKS:
	case URL_SOCKS5:
	case URL_SOCKS5H:
		break;
	}
	return error_set(err, -EINVAL, "%s cannot be published", p->text);
}

/* ---- Settings ---- */

/* What is for a folder alone, and what has no meaning for one. */
static int check_folder(const struct part *p, struct error *err)
{
	const struct service_options *o = p->o;
	const char *lost = o->host       ? "--upstream-host"
			   : o->tcp_idle ? "--tcp-idle"
					 : "--proxy-protocol";
	bool folder = p->url.scheme == URL_FILE;
	if (o->listing && !folder)
		return error_set(err, -EINVAL,
			"--listing is for a folder, file:///PATH, and %s is none", p->text);
	if (folder && (o->host || o->tcp_idle || o->proxy_protocol != UPSTREAM_PROXY_OFF))
		return error_set(err, -EINVAL,
			"%s is for an upstream that is connected to, and %s is a folder, which "
			"this "
			"client reads itself: leave it out",
			lost, p->text);
	return 0;
}

int upstream_check_settings(const struct part *p, const struct upstream *add, struct error *err)
{
	const struct service_options *o = p->o;
	int r = check_folder(p, err);
	if (r)
		return r;
	bool https = p->url.scheme == URL_HTTPS;
	const char *lost = o->insecure ? "--upstream-insecure" : "--upstream-ca";
	if ((o->insecure || o->ca) && !https)
		return error_set(err, -EINVAL, "%s is for an https:// upstream, and %s is none",
			lost, p->text);
	if (o->insecure && o->ca)
		return error_set(err, -EINVAL,
			"--upstream-insecure looks at no certificate: it makes --upstream-ca "
			"pointless, keep one");
	if (o->host && add->kind != CONTROL_HTTP)
		return error_set(err, -EINVAL,
			"--upstream-host is for HTTP, and %s is passed on as it comes", p->text);
	if (o->host_only && !o->host && !https)
		return error_set(err, -EINVAL,
			"--upstream-host-only is for an upstream whose Host is rewritten, by "
			"--upstream-host or because it is https://, and %s is none",
			p->text);
	if (o->half_closed && add->kind != CONTROL_HTTP)
		return error_set(err, -EINVAL,
			"--half-closed-requests is for HTTP, and in %s half-close always is passed "
			"on",
			p->text);
	if (o->alpn.n && add->tls != CONTROL_TLS_TERMINATE)
		return error_set(err, -EINVAL,
			"--alpn is for a tls+tcp:// upstream, whose TLS the exit node ends, and %s "
			"is none",
			p->text);
	if (o->proxy_protocol != UPSTREAM_PROXY_OFF && add->kind == CONTROL_UDP)
		return error_set(err, -EINVAL, "--proxy-protocol is not for UDP: %s", p->text);
	return 0;
}

/* ---- Limits ---- */

static int set_idle(const struct part *p, struct upstream *add, struct error *err)
{
	add->limits.tcp_idle = add->kind == CONTROL_TCP ? UPSTREAM_TCP_IDLE : 0;
	if (!p->o->tcp_idle)
		return 0;
	if (add->kind == CONTROL_UDP)
		return error_set(err, -EINVAL,
			"--tcp-idle is not for UDP, which has --udp-idle: %s", p->text);
	uint64_t time;
	if (value_parse_duration(str_from(p->o->tcp_idle), &time) ||
		(time && time < UPSTREAM_TCP_IDLE_MIN))
		return error_set(err, -EINVAL,
			"--tcp-idle %s is no time of 1s or more, such as 10m or 4h, nor 0 for no "
			"limit",
			p->o->tcp_idle);
	add->limits.tcp_idle = time;
	return 0;
}

int upstream_set_limits(const struct part *p, struct upstream *add, struct error *err)
{
	const struct service_options *o = p->o;
	const char *lost =
		o->max_connections ? "--max-connections" : "--max-connections-per-visitor";
	bool limited = o->max_connections || o->max_connections_per_visitor;
	if (limited && add->kind == CONTROL_HTTP)
		return error_set(err, -EINVAL,
			"%s is for TCP: connections to an HTTP upstream are kept and shared by "
			"many visitors, and %s is one",
			lost, p->text);
	if (limited && add->kind == CONTROL_UDP)
		return error_set(err, -EINVAL,
			"%s is for TCP: UDP has flows, for which the server has --max-flows, and "
			"%s is UDP",
			lost, p->text);
	add->limits.connections = o->max_connections;
	add->limits.connections_per_visitor = o->max_connections_per_visitor;
	return set_idle(p, add, err);
}
