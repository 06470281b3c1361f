/* SPDX-License-Identifier: MIT */
#include "server/http/scheme.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "server/http/forwarded.h"
#include "wire/url.h"

bool scheme_secure(const struct http1_head *h, bool trusted, bool secure)
{
	struct str said = trusted ? forwarded_claim(h, HTTP1_X_FORWARDED_PROTO) : STR_NULL;
	/* Of a WebSocket handshake some proxies say ws and wss. */
	if (str_eq_nocase(said, STR("https")) || str_eq_nocase(said, STR("wss")))
		return true;
	if (str_eq_nocase(said, STR("http")) || str_eq_nocase(said, STR("ws")))
		return false;
	return secure;
}

size_t scheme_authority(const struct address *local, bool secure, char out[ADDRESS_TEXT_SIZE])
{
	size_t n = address_format(local, out);
	if (local->port == (secure ? URL_HTTPS_PORT : URL_HTTP_PORT))
		n = (size_t)(strrchr(out, ':') - out);
	return n;
}

/* An IP address, which cannot be asked for by SNI (RFC 6066, 3). */
static bool is_literal(struct str host)
{
	struct address a;
	return address_parse_ip(host, &a);
}

bool scheme_misdirected(const struct http1_head *h, struct str sni, bool covered)
{
	struct str host = http1_host(h);
	if (!host.n || covered)
		return false;
	if (!sni.n)
		return !is_literal(host);
	char name[HOSTNAME_SIZE];
	size_t n;
	return hostname_canonical(sni, name, &n) || !str_eq((struct str){name, n}, host);
}

/* Of a trusted peer; 0: it says none, or what is none. */
static uint16_t forwarded_port(const struct http1_head *h)
{
	uint16_t port = 0;
	for (const struct http1_field *f = h->fields; f < h->fields + h->n_fields; f++)
		if (f->id == HTTP1_X_FORWARDED_OTHER &&
			str_eq_nocase(f->name, STR("X-Forwarded-Port")))
			hostname_port(f->value, &port);
	return port;
}

void scheme_asked(const struct http1_head *h, bool trusted, const struct address *local,
	struct scheme_place *out)
{
	*out = (struct scheme_place){.host_n = h->host_n, .port = h->host_port};
	memcpy(out->host, h->host_name, h->host_n);
	struct str said = trusted ? forwarded_claim(h, HTTP1_X_FORWARDED_HOST) : STR_NULL;
	struct scheme_place named;
	if (said.n && !hostname_with_port(said, named.host, &named.host_n, &named.port))
		*out = named;
	if (!out->host_n) {
		char came_to[ADDRESS_TEXT_SIZE];
		size_t n = address_format(local, came_to);
		hostname_with_port((struct str){came_to, n}, out->host, &out->host_n, &out->port);
	}
	uint16_t port = trusted ? forwarded_port(h) : 0;
	out->port = port ? port : out->port ? out->port : URL_HTTP_PORT;
}

uint16_t scheme_https_port(const struct option_ports *ports, uint16_t came_by, uint16_t asked)
{
	if (asked != came_by)
		return asked == URL_HTTP_PORT ? URL_HTTPS_PORT : asked;
	for (size_t i = 0; i < ports->n; i++)
		if (ports->v[i] == URL_HTTPS_PORT)
			return URL_HTTPS_PORT;
	return came_by;
}

int scheme_location(struct buf *out, const struct http1_head *h, const struct scheme_place *to)
{
	char number[sizeof ":65535"] = "";
	if (to->port != URL_HTTPS_PORT)
		snprintf(number, sizeof number, ":%u", to->port);
	/* RFC 9112, 3.2.4: the asterisk is for a server as a whole, which has an empty path. */
	struct str path = h->path.p[0] == '*' ? STR_NULL : h->path;
	struct str host = {to->host, to->host_n};
	struct str parts[] = {STR("https://"), host, str_from(number), path, h->query};
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		n += parts[i].n;
	int r = buf_reserve(out, n);
	for (size_t i = 0; i < ARRAY_LEN(parts) && r == 0; i++)
		if (parts[i].n)
			r = buf_append(out, parts[i].p, parts[i].n);
	return r;
}
