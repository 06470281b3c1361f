#include "server/scheme.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "server/forward.h"

bool scheme_secure(const struct http1_head *h, bool trusted, bool secure)
{
	struct str said = trusted ? forward_claim(h, HTTP1_X_FORWARDED_PROTO) : STR_NULL;
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
	if (local->port == (secure ? SCHEME_HTTPS_PORT : SCHEME_HTTP_PORT))
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

uint16_t scheme_https_port(const struct option_ports *ports, uint16_t came_by)
{
	for (size_t i = 0; i < ports->n; i++)
		if (ports->v[i] == SCHEME_HTTPS_PORT)
			return SCHEME_HTTPS_PORT;
	return came_by;
}

int scheme_location(struct buf *out, const struct http1_head *h, uint16_t port)
{
	struct str host = http1_host(h);
	if (!host.n)
		return SCHEME_NO_HOST;
	char number[sizeof ":65535"] = "";
	if (port != SCHEME_HTTPS_PORT)
		snprintf(number, sizeof number, ":%u", port);
	/* RFC 9112, 3.2.4: the asterisk is for a server as a whole, which has an empty path. */
	struct str path = h->path.p[0] == '*' ? STR_NULL : h->path;
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
