/* SPDX-License-Identifier: MIT */
#include "client/config/upstreams.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "client/config/request_rules.h"
#include "client/config/upstream_rules.h"
#include "client/config/upstream_text.h"
#include "config/value.h"
#include "wire/alpn.h"

static bool has(struct str text, const char *what)
{
	return text.p && memmem(text.p, text.n, what, strlen(what));
}

static struct str trimmed(struct str s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t'))
		s = (struct str){s.p + 1, s.n - 1};
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Up to the comma that ends this upstream. */
static struct str first_part(struct str text)
{
	for (size_t n = 0;; n++) {
		const char *comma = n < text.n ? memchr(text.p + n, ',', text.n - n) : NULL;
		if (!comma)
			return text;
		n = (size_t)(comma - text.p);
		struct str part = {text.p, n}, rest = {comma + 1, text.n - n - 1};
		const char *end = memchr(rest.p, ',', rest.n);
		struct str next = {rest.p, end ? (size_t)(end - rest.p) : rest.n};
		if (!has(part, "?") || has(next, "://"))
			return part;
	}
}

static int parse_port(struct str text, uint16_t *out)
{
	uint64_t port;
	if (value_parse_number(text, &port) || port > UINT16_MAX)
		return -EINVAL;
	*out = (uint16_t)port;
	return 0;
}

static int parse_key_port(struct str text, struct key *key, struct error *err)
{
	const char *dash = memchr(text.p, '-', text.n);
	size_t n = dash ? (size_t)(dash - text.p) : text.n;
	int r = parse_port((struct str){text.p, n}, &key->port.first);
	key->port.last = key->port.first;
	if (!r && dash)
		r = parse_port((struct str){dash + 1, text.n - n - 1}, &key->port.last);
	if (r || key->port.last < key->port.first)
		return error_set(err, -EINVAL,
			"\"%.*s\" before the '=' is no port and no range such as 7000-7010",
			STR_ARG(text));
	key->kind = KEY_PORT;
	return 0;
}

static int split_key(struct str part, struct key *key, struct str *url_out, struct error *err)
{
	const char *equals = memchr(part.p, '=', part.n);
	struct str text = {part.p, equals ? (size_t)(equals - part.p) : 0};
	*key = (struct key){.kind = KEY_NONE};
	*url_out = part;
	if (!equals || has(text, "/") || has(text, "?"))
		return 0;
	*url_out = trimmed((struct str){equals + 1, part.n - text.n - 1});
	text = trimmed(text);
	if (text.n == 0)
		return error_set(err, -EINVAL, "\"%.*s\" has no host or port before the '='",
			STR_ARG(part));
	if (strspn(text.p, "0123456789-") >= text.n && *text.p != '-')
		return parse_key_port(text, key, err);
	key->kind = str_eq(text, STR("*")) ? KEY_ALL : KEY_HOST;
	size_t n;
	return key->kind == KEY_ALL ? 0 : hostname_claim(text, key->host, &n, err);
}

/* ---- The list ---- */

/* The Host field that an https upstream expects is the one of its URL; an http one takes any. */
static int make_rewrite(const struct part *p, struct upstream *add)
{
	char host[URL_AUTHORITY_SIZE];
	if (!p->o->host && p->url.scheme != URL_HTTPS)
		return 0;
	url_host_field(&p->url, host);
	add->rewrite = strdup(p->o->host ? p->o->host : host);
	return add->rewrite ? 0 : -ENOMEM;
}

static int check_new(const struct upstreams *u, const struct upstream *add, struct error *err)
{
	if (u->n >= UPSTREAMS_MAX)
		return error_set(err, -EINVAL, "more than %d upstreams", UPSTREAMS_MAX);
	for (size_t i = 0; i < u->n; i++) {
		const struct upstream *had = &u->v[i];
		/* Origins of one place are told apart by their names. */
		bool taken =
			upstream_meets(had, add) && strcmp(had->origin.name, add->origin.name) == 0;
		struct upstream at = *add;
		char where[UPSTREAM_PLACE_SIZE];
		at.port = MAX(had->port, add->port);
		at.ports = 1;
		if (taken && *add->origin.group)
			return error_set(err, -EINVAL,
				"%s has two upstreams: %s and %s; tell them apart by --origin",
				upstream_place(&at, where), had->text, add->text);
		if (taken && (*add->host || add->port_given || add->private.name))
			return error_set(err, -EINVAL, "%s has two upstreams: %s and %s",
				upstream_place(&at, where), had->text, add->text);
		if (taken)
			return error_set(err, -EINVAL,
				"there are two upstreams without a host: %s and %s; put HOST= "
				"before one",
				had->text, add->text);
	}
	return 0;
}

/* Instead of a query: it is not used, and may be a token that came with a URL that was copied. */
#define QUERY_MASKED "***"

/* The URL with these ports; as it was given, where it has just that one, but for a query. */
static int make_text(const struct part *p, uint16_t port, uint16_t ports, char **out)
{
	const struct url *url = &p->url;
	const char *mark = strstr(p->text, "://");
	bool whole = url->scheme == URL_UNIX || url->scheme == URL_FILE ||
		     url->scheme == URL_HTTP || url->scheme == URL_HTTPS;
	if (url->query.n)
		return asprintf(out, "%.*s" QUERY_MASKED, (int)(url->query.p - p->text), p->text) <
				       0
			       ? -ENOMEM
			       : 0;
	if (whole || (url->port_given && url->port == url->port_last)) {
		*out = strdup(p->text);
		return *out ? 0 : -ENOMEM;
	}
	char host[URL_DIAL_SIZE];
	url_dial_host(url, host);
	char last[8] = "";
	if (ports > 1)
		snprintf(last, sizeof last, "-%u", port + ports - 1U);
	return asprintf(out, url->literal_v6 ? "%.*s://[%s]:%u%s" : "%.*s://%s:%u%s",
		       (int)(mark - p->text), p->text, host, port, last) < 0
		       ? -ENOMEM
		       : 0;
}

/* Its own texts, and a place in the list. On failure nothing is left of it. */
static int append(struct upstreams *u, const struct part *p, struct upstream add, uint16_t to_port,
	struct error *err)
{
	int r = make_text(p, to_port, add.ports, &add.text);
	if (r)
		return error_set(err, -ENOMEM, "no memory");
	r = url_parse_upstream(str_from(add.text), &add.url, err);
	if (!r)
		r = upstream_private_init(&add.private, p->o, err);
	if (!r)
		r = upstream_probe_init(&add.probe, p, add.kind, err);
	if (!r)
		r = check_new(u, &add, err);
	if (!r && p->o->ca && !(add.ca = strdup(p->o->ca)))
		r = error_set(err, -ENOMEM, "no memory");
	if (!r && add.url.scheme == URL_FILE && !(add.folder = url_folder(&add.url)))
		r = error_set(err, -ENOMEM, "no memory");
	if (!r && make_rewrite(p, &add))
		r = error_set(err, -ENOMEM, "no memory");
	if (!r && p->o->rules)
		r = request_rules_read(p->o->rules, &add, &add.rules, err);
	if (!r)
		r = upstream_list_text(&p->o->alpn, "--alpn", &add.alpn, err);
	if (!r && add.alpn && !alpn_is_list(str_from(add.alpn)))
		r = error_set(err, -EINVAL,
			"%s: a name in --alpn stands there twice, or all of them have more than %d "
			"bytes",
			add.text, ALPN_LIST_MAX);
	struct upstream *v = r ? NULL : realloc(u->v, (u->n + 1) * sizeof *v);
	if (!v) {
		upstream_deinit(&add);
		return r ? r : error_set(err, -ENOMEM, "no memory");
	}
	u->v = v;
	v[u->n++] = add;
	return 0;
}

static unsigned count(const struct option_ranges *ports)
{
	unsigned n = 0;
	for (size_t i = 0; i < ports->n; i++)
		n += ports->v[i].last - ports->v[i].first + 1U;
	return n;
}

/* The n-th public port leads to the n-th of the upstream; to the same number when it names none. */
static int append_ports(struct upstreams *u, const struct part *p, struct upstream add,
	struct error *err)
{
	const struct url *url = &p->url;
	unsigned n = count(p->ports), i = 0;
	bool ranged = url->scheme == URL_UNIX || url->port_given;
	unsigned upstream_n = url->scheme == URL_UNIX ? 1 : url->port_last - url->port + 1U;
	if (ranged && n != upstream_n && n == 1 && !p->ports->v[0].first)
		return error_set(err, -EINVAL,
			"%s has %u ports, and the exit node picks one at a time: say the public "
			"ones, with --port or before the upstream",
			p->text, upstream_n);
	if (ranged && n != upstream_n)
		return error_set(err, -EINVAL,
			"%s: there are %u public ports and %u of the upstream, which must be as "
			"many",
			p->text, n, upstream_n);
	int r = 0;
	for (size_t k = 0; !r && k < p->ports->n; k++) {
		const struct option_range *range = &p->ports->v[k];
		if (!range->first && (n > 1 || !ranged))
			return error_set(err, -EINVAL,
				ranged ? "%s: port 0 is for any one port, not a part of a range"
				       : "%s names no port: write HOST:PORT",
				p->text);
		add.port = range->first;
		add.ports = (uint16_t)(range->last - range->first + 1);
		r = append(u, p, add, (uint16_t)(ranged ? url->port + i : range->first), err);
		i += add.ports;
	}
	return r;
}

/* A host alone, for which --ports says the rest. */
static bool is_bare(const struct part *p)
{
	if (p->key.kind != KEY_NONE || p->url.port_given || p->url.path.n || p->o->port.n)
		return false;
	if (p->o->form == UPSTREAM_FORM_TCP)
		return p->url.scheme == URL_TCP;
	return p->url.scheme == URL_HTTP && !strstr(p->text, "://");
}

static int check_port_option(const struct part *p, bool alone, struct error *err)
{
	if (!p->o->port.n)
		return 0;
	if (!alone)
		return error_set(err, -EINVAL,
			"--port is for one upstream, and the --upstream before it has several");
	if (p->key.kind != KEY_NONE)
		return error_set(err, -EINVAL,
			"%s has its place before the '=' already: it can have no --port besides",
			p->text);
	return 0;
}

/* The same host, and the same port if it has one, whose bytes are passed on, whatever they are. */
static int make_tcp(struct part *p, char **tcp_out, struct error *err)
{
	const char *mark = strstr(p->text, "://");
	const char *authority = mark ? mark + strlen("://") : p->text;
	const char *scheme_port = p->url.scheme == URL_HTTPS ? ":443" : ":80";
	bool port = p->url.port_given || !p->o->private_name;
	if (asprintf(tcp_out, "tcp://%.*s%s", (int)strcspn(authority, "/"), authority,
		    port ? "" : scheme_port) < 0)
		return error_set(err, -ENOMEM, "no memory");
	p->text = *tcp_out;
	return url_parse_upstream(str_from(*tcp_out), &p->url, err);
}

/* Its public ports, if it has any; a host alone gets those of --ports. */
static int take_ports(struct upstreams *u, struct part *p, const struct option_ranges *ports,
	const struct option_ranges *key, char **tcp_out, struct error *err)
{
	static struct option_range whichever;
	static const struct option_ranges none, any = {&whichever, 1};
	if (p->o->private_name) {
		bool http = p->url.scheme == URL_HTTP || p->url.scheme == URL_HTTPS;
		p->ports = &none;
		return http ? make_tcp(p, tcp_out, err) : 0;
	}
	p->ports = key->n ? key : p->o->port.n || !upstream_takes_any_port(p) ? &p->o->port : &any;
	if (!ports->n || !is_bare(p))
		return 0;
	p->ports = ports;
	u->ports_used = true;
	return make_tcp(p, tcp_out, err);
}

static int add_part(struct upstreams *u, struct str text, bool alone,
	const struct service_options *o, const struct option_ranges *ports, struct error *err)
{
	struct part p = {.o = o};
	struct str url = STR_NULL;
	int r = text.n ? split_key(text, &p.key, &url, err)
		       : error_set(err, -EINVAL, "a value is empty");
	if (r)
		return r;
	auto_free char *own = NULL;
	struct str before = {text.p, (size_t)(url.p - text.p)};
	r = upstream_text_read(before, url, o->form, &own, err);
	if (r)
		return r;
	p.text = own;
	r = url_parse_upstream(str_from(own), &p.url, err);
	if (!r)
		r = check_port_option(&p, alone, err);
	if (r)
		return r;

	r = upstream_check_private(&p, alone, err);
	auto_free char *tcp = NULL;
	struct option_ranges key = {&p.key.port, p.key.kind == KEY_PORT};
	if (!r)
		r = take_ports(u, &p, ports, &key, &tcp, err);
	if (r)
		return r;
	struct upstream add = {.proxy_protocol = (enum upstream_proxy)o->proxy_protocol,
		.half_closed = o->half_closed,
		.insecure = o->insecure,
		.host_only = o->host_only,
		.listing = o->listing};
	r = upstream_set_place(&p, &add, err);
	if (!r)
		r = upstream_check_settings(&p, &add, err);
	if (!r)
		r = upstream_set_limits(&p, &add, err);
	if (!r)
		r = upstream_origin_init(&add.origin, &p, add.kind, err);
	if (r)
		return r;
	if (add.port_given)
		return append_ports(u, &p, add, err);
	bool by_port = add.kind != CONTROL_HTTP && p.url.scheme != URL_UNIX;
	if (by_port && (!p.url.port_given || p.url.port != p.url.port_last))
		return error_set(err, -EINVAL, "%s must name one port", p.text);
	return append(u, &p, add, p.url.port, err);
}

int upstreams_add(struct upstreams *u, const struct service_options *o,
	const struct option_ranges *ports, struct error *err)
{
	struct str text = str_from(o->upstream ? o->upstream : "");
	bool alone = first_part(text).n == text.n;
	for (;;) {
		struct str part = first_part(text);
		int r = add_part(u, trimmed(part), alone, o, ports, err);
		if (r || part.n == text.n)
			return r;
		text = (struct str){text.p + part.n + 1, text.n - part.n - 1};
	}
}

void upstreams_deinit(struct upstreams *u)
{
	for (size_t i = 0; i < u->n; i++)
		upstream_deinit(&u->v[i]);
	free(u->v);
	*u = UPSTREAMS_NULL;
}
