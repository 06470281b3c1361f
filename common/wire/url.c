/* SPDX-License-Identifier: MIT */
/*
 * One splitter into parts, and three checks of what the parts may be. Whatever the checks let through
 * is free of spaces and control characters, because it ends up in request lines.
 */
#include "wire/url.h"

#include <errno.h>
#include <stdio.h>

#include "base/macros.h"
#include "wire/address.h"
#include "wire/http1_path.h"
#include "wire/http1_scan.h"
#include "wire/url_file.h"

struct parts {
	struct str text; /* all of it */
	struct str scheme, user, host, port, path, query;
	bool has_scheme, has_user, has_query, has_fragment;
};

static struct str until(struct str *rest, const char *stops)
{
	struct str s = {rest->p, 0};
	while (s.n < rest->n && !strchr(stops, rest->p[s.n]))
		s.n++;
	rest->p += s.n;
	rest->n -= s.n;
	return s;
}

static void split_authority(struct str a, struct parts *p)
{
	const char *at = memrchr(a.p, '@', a.n);
	if (at) {
		p->has_user = true;
		p->user = (struct str){a.p, (size_t)(at - a.p)};
		a = (struct str){at + 1, a.n - p->user.n - 1};
	}
	const char *from = a.n > 0 && a.p[0] == '[' ? memchr(a.p, ']', a.n) : a.p;
	const char *colon = from ? memchr(from, ':', (size_t)(a.p + a.n - from)) : NULL;
	p->host = (struct str){a.p, colon ? (size_t)(colon - a.p) : a.n};
	p->port = colon ? (struct str){colon + 1, a.n - p->host.n - 1} : STR_NULL;
}

static const struct scheme {
	const char *name;
	uint16_t port; /* unless one is given; 0: whoever publishes it says one */
	bool range;    /* "7000-7010" is a port too, and nothing stands behind it */
} schemes[] = {
	[URL_HTTP] = {"http", URL_HTTP_PORT, false},
	[URL_HTTPS] = {"https", URL_HTTPS_PORT, false},
	[URL_H2C] = {"h2c", URL_HTTP_PORT, false},
	[URL_H2] = {"h2", URL_HTTPS_PORT, false},
	[URL_WS] = {"ws", URL_HTTP_PORT, false},
	[URL_WSS] = {"wss", URL_HTTPS_PORT, false},
	[URL_TCP] = {"tcp", 0, true},
	[URL_TLS_TCP] = {"tls+tcp", 0, true},
	[URL_SNI_TCP] = {"sni+tcp", 0, true},
	[URL_UDP] = {"udp", 0, true},
	[URL_UNIX] = {"unix", 0, false},
	[URL_FILE] = {"file", 0, false},
	[URL_SOCKS] = {"socks", 1080, false},
	[URL_SOCKS5] = {"socks5", 1080, false},
	[URL_SOCKS5H] = {"socks5h", 1080, false},
};

/*
 * "wss//host", "http:host": a scheme that lost its mark is no host of that name. The text may have a password
 * in it.
 */
static int check_mark(struct str text, const char *what, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		const char *name = schemes[i].name;
		size_t n = strlen(name);
		/* Those without an authority are told before. */
		bool has_host = schemes[i].port || schemes[i].range;
		if (!has_host || text.n <= n || strncasecmp(text.p, name, n) != 0 ||
			!strchr(":/;\\", text.p[n]))
			continue;
		if (text.n < n + 3 || memcmp(text.p + n, "://", 3) != 0)
			return error_set(err, -EINVAL,
				"%s begins with %s and has no \"://\" behind it: write "
				"%s://HOST:PORT",
				what, name, name);
	}
	return 0;
}

/*
 * `what` begins every sentence ("the upstream"). Nothing of the text is quoted before it is known
 * that it holds no user information.
 */
static int split(struct str text, const char *what, struct parts *p, struct error *err)
{
	*p = (struct parts){.text = text};
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] <= ' ' || text.p[i] == 0x7f)
			return error_set(err, -EINVAL,
				"%s contains a space or a control character: remove it, or in a "
				"path percent-encode it (%%20)",
				what);
	int r = check_mark(text, what, err);
	if (r)
		return r;
	struct str rest = text;
	const char *mark = memmem(rest.p, rest.n, "://", 3);
	if (mark) {
		p->has_scheme = true;
		p->scheme = (struct str){rest.p, (size_t)(mark - rest.p)};
		/* "host/path?to=http://…" has none of its own. */
		if (!http1_is_token(p->scheme))
			p->has_scheme = false;
		else
			rest = (struct str){mark + 3, rest.n - p->scheme.n - 3};
	}
	split_authority(until(&rest, "/?#"), p);
	p->path = until(&rest, "?#");
	if (rest.n > 0 && rest.p[0] == '?') {
		rest.p++, rest.n--;
		p->has_query = true;
		p->query = until(&rest, "#");
	}
	p->has_fragment = rest.n > 0;
	for (const char *c = p->path.p; c < text.p + text.n; c++)
		if ((unsigned char)*c >= 0x80)
			return error_set(err, -EINVAL,
				"%s has a character behind its host that is not ASCII: "
				"percent-encode "
				"it",
				what);
	return 0;
}

#define SCHEME(name) (1u << URL_##name)

/* The scheme's number, or `otherwise` without one; -1: none of the allowed. */
static int scheme_of(const struct parts *p, unsigned allowed, enum url_scheme otherwise)
{
	if (!p->has_scheme)
		return (int)otherwise;
	for (int i = 0; i < (int)ARRAY_LEN(schemes); i++)
		if (allowed >> i & 1 && str_eq_nocase(p->scheme, str_from(schemes[i].name)))
			return i;
	return -1;
}

/* "7000" or, where the scheme has ranges, "7000-7010". */
static bool set_port(struct str port, struct url *u)
{
	const char *dash = schemes[u->scheme].range ? memchr(port.p, '-', port.n) : NULL;
	struct str first = {port.p, dash ? (size_t)(dash - port.p) : port.n};
	struct str last = dash ? (struct str){dash + 1, port.n - first.n - 1} : first;
	return hostname_port(first, &u->port) && hostname_port(last, &u->port_last) &&
	       u->port <= u->port_last;
}

/* Of "[…]", which is known to be an address. */
static int set_zone(struct str host, const char *what, struct url *u, struct error *err)
{
	struct str zone, bare = {host.p + 1, host.n - 2};
	struct address a;
	address_take_zone(&bare, true, &zone);
	if (!zone.n && address_parse_ip(bare, &a) && address_is_link_local(&a))
		return error_set(err, -EINVAL,
			"%s: a link-local address needs the interface that leads to it: "
			"[%.*s%%25eth0]",
			what, STR_ARG(bare));
	snprintf(u->zone, sizeof u->zone, "%.*s", STR_ARG(zone));
	return 0;
}

/* "3000" where a host stands, or a part of an address, which resolvers fill up. */
static int refuse_number(struct str host, const char *what, struct error *err)
{
	uint16_t port;
	if (hostname_port(host, &port))
		return error_set(err, -EINVAL,
			"%s has the number %.*s where its host stands: a port stands behind the "
			"host, HOST:%.*s",
			what, STR_ARG(host), STR_ARG(host));
	return error_set(err, -EINVAL,
		"%s: \"%.*s\" is neither a host name nor all four numbers of an IPv4 address, such "
		"as "
		"127.0.0.1",
		what, STR_ARG(host));
}

/* The host and the port of u->scheme. */
static int set_host(const struct parts *p, const char *what, struct url *u, struct error *err)
{
	char host[HOSTNAME_SIZE];
	size_t n;
	struct address bare;
	struct str port = p->port;
	if (memchr(port.p ? port.p : "", ':', port.n)) {
		/* A second colon: an IPv6 address that lost its brackets. */
		struct str all = {p->host.p, p->host.n + 1 + port.n};
		return error_set(err, -EINVAL,
			address_parse_ip(all, &bare)
				? "%s: write the IPv6 address in brackets: [%.*s]"
				: "%s: \"%.*s\" has more than one colon; an IPv6 address stands in "
				  "brackets",
			what, STR_ARG(all));
	}
	int r = hostname_canonical(p->host, host, &n);
	if (r == HOSTNAME_E_EMPTY)
		return error_set(err, -EINVAL, "%s names no host", what);
	if (r)
		return error_set(err, -EINVAL, "%s: the host name \"%.*s\" %s", what,
			STR_ARG(p->host), hostname_error_text(r));
	u->literal_v6 = host[0] == '[';
	if (u->literal_v6) {
		r = set_zone(p->host, what, u, err);
		if (r)
			return r;
		memcpy(u->host, host + 1, n - 2);
		u->host[n - 2] = '\0';
	} else {
		/* For the resolver a trailing dot means: try no search domain. */
		memcpy(u->host, host, n);
		if (p->host.p[p->host.n - 1] == '.')
			u->host[n++] = '.';
		u->host[n] = '\0';
	}
	if (!u->literal_v6 && hostname_is_number(p->host))
		return refuse_number(p->host, what, err);
	u->port_given = port.p != NULL;
	u->port = u->port_last = schemes[u->scheme].port;
	if (u->port_given && !set_port(port, u))
		return error_set(err, -EINVAL,
			schemes[u->scheme].range
				? "%s: the port \"%.*s\" is not a number from 1 to 65535, or a "
				  "range like 7000-7010"
				: "%s: the port \"%.*s\" is not a number from 1 to 65535",
			what, STR_ARG(port));
	return 0;
}

const char *url_dial_host(const struct url *u, char out[URL_DIAL_SIZE])
{
	snprintf(out, URL_DIAL_SIZE, "%s%s%s", u->host, *u->zone ? "%" : "", u->zone);
	return out;
}

void url_authority(const struct url *u, char out[URL_AUTHORITY_SIZE])
{
	snprintf(out, URL_AUTHORITY_SIZE, u->literal_v6 ? "[%s]:%u" : "%s:%u", u->host, u->port);
}

void url_host_field(const struct url *u, char out[URL_AUTHORITY_SIZE])
{
	char port[sizeof ":65535"] = "";
	size_t n = strlen(u->host);
	n -= n && u->host[n - 1] == '.';
	if (u->port != schemes[u->scheme].port)
		snprintf(port, sizeof port, ":%u", u->port);
	snprintf(out, URL_AUTHORITY_SIZE, u->literal_v6 ? "[%.*s]%s" : "%.*s%s", (int)n, u->host,
		port);
}

/* "unix:" is always the scheme; a host of that name is written http://unix. */
static bool is_unix(struct str text)
{
	return text.n >= 5 && strncasecmp(text.p, "unix:", 5) == 0;
}

/* No splitting: whatever a path may hold is the path. */
static int parse_unix(struct str text, const char *what, struct url *out, struct error *err)
{
	struct str path = {text.p + 5, text.n - 5};
	if (path.n >= 2 && memcmp(path.p, "//", 2) == 0) {
		path.p += 2;
		path.n -= 2;
	}
	for (size_t i = 0; i < path.n; i++)
		if ((unsigned char)path.p[i] <= ' ' || path.p[i] == 0x7f)
			return error_set(err, -EINVAL,
				"%s has a space or a control character in its path, which is not "
				"supported",
				what);
	if (path.n < 2 || path.p[0] != '/')
		return error_set(err, -EINVAL,
			"%s \"%.*s\" names no absolute path: write unix:/run/app.sock", what,
			STR_ARG(text));
	if (path.n > URL_SOCKET_MAX)
		return error_set(err, -EINVAL,
			"%s has a path of %zu bytes; a socket's has at most %d", what, path.n,
			URL_SOCKET_MAX);
	*out = (struct url){.scheme = URL_UNIX, .socket = path};
	return 0;
}

/* Where HTTP/2 is spoken all else is as with HTTP/1.1. */
static void set_scheme(struct url *u, int scheme)
{
	u->h2 = scheme == URL_H2C || scheme == URL_H2;
	u->scheme = scheme == URL_H2C  ? URL_HTTP
		    : scheme == URL_H2 ? URL_HTTPS
				       : (enum url_scheme)scheme;
}

int url_parse_upstream(struct str text, struct url *out, struct error *err)
{
	const unsigned allowed = SCHEME(HTTP) | SCHEME(HTTPS) | SCHEME(H2C) | SCHEME(H2) |
				 SCHEME(TCP) | SCHEME(TLS_TCP) | SCHEME(SNI_TCP) | SCHEME(UDP);
	const char *what = "the upstream";
	struct parts p;
	if (is_unix(text))
		return parse_unix(text, what, out, err);
	if (url_is_file(text))
		return url_parse_file(text, what, out, err);
	int r = split(text, what, &p, err);
	if (r)
		return r;
	if (p.has_user)
		return error_set(err, -EINVAL,
			"%s has a user name, which would be sent for nobody: remove what stands "
			"before the @",
			what);
	if (p.has_fragment)
		return error_set(err, -EINVAL,
			"%s \"%.*s\" has a fragment, which no server ever sees: remove it from the "
			"# on",
			what, STR_ARG(text));
	int scheme = scheme_of(&p, allowed, URL_HTTP);
	if (scheme < 0)
		return error_set(err, -EINVAL,
			"%s \"%.*s\" has the scheme %.*s: there are http, https, h2c, h2, tcp, "
			"tls+tcp, sni+tcp, udp, unix and file",
			what, STR_ARG(text), STR_ARG(p.scheme));
	if (schemes[scheme].range && (p.path.n > 1 || p.has_query))
		return error_set(err, -EINVAL,
			"%s \"%.*s\" has something behind its host and port, and %s:// knows no "
			"paths: remove it",
			what, STR_ARG(text), schemes[scheme].name);
	struct url u = {.path = p.path, .query = p.query};
	set_scheme(&u, scheme);
	while (u.path.n > 0 && u.path.p[u.path.n - 1] == '/')
		u.path.n--;
	/* A longer one is refused by who says it to the server. */
	uint8_t room[URL_PATH_MAX];
	if (u.path.n <= sizeof(room) && http1_path_has_dots(u.path, room))
		return error_set(err, -EINVAL,
			"%s \"%.*s\" has a segment of dots in its path: write the path that it "
			"leads "
			"to",
			what, STR_ARG(text));
	r = set_host(&p, what, &u, err);
	if (r == 0)
		*out = u;
	return r;
}

int url_parse_remote(struct str text, struct url *out, struct error *err)
{
	const char *what = "the remote";
	struct parts p;
	int r = split(text, what, &p, err);
	if (r)
		return r;
	if (p.has_user)
		return error_set(err, -EINVAL,
			"%s has a user name: the token is given with --token or --token-from",
			what);
	if (p.has_query || p.has_fragment)
		return error_set(err, -EINVAL,
			"%s \"%.*s\" has a query or a fragment: remove it, only a path may follow "
			"the host",
			what, STR_ARG(text));
	int scheme = scheme_of(&p, SCHEME(WS) | SCHEME(WSS), URL_WS);
	size_t mark = p.has_scheme ? p.scheme.n + strlen("://") : 0;
	struct str rest = {text.p + mark, text.n - mark};
	bool is_http =
		str_eq_nocase(p.scheme, STR("http")) || str_eq_nocase(p.scheme, STR("https"));
	if (scheme < 0)
		return error_set(err, -EINVAL,
			"%s \"%.*s\" has the scheme %.*s: write ws%s://%.*s%s", what, STR_ARG(text),
			STR_ARG(p.scheme), str_eq_nocase(p.scheme, STR("https")) ? "s" : "",
			STR_ARG(rest), is_http ? "" : ", or wss:// for TLS");
	struct url u = {.scheme = (enum url_scheme)scheme, .path = p.path};
	if (str_eq(u.path, STR("/")))
		u.path = STR_NULL;
	r = set_host(&p, what, &u, err);
	if (r)
		return r;
	if (!u.port_given && !p.has_scheme)
		u.port = u.port_last = URL_REMOTE_PORT;
	*out = u;
	return 0;
}

/* Percent-decodes; false: malformed, too long, or a control character came out. */
static bool decode(struct str in, char out[URL_USER_MAX + 1])
{
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = (uint8_t)in.p[i];
		if (c == '%') {
			if (in.n - i < 3 || !(http1_class[(uint8_t)in.p[i + 1]] & HTTP1_C_HEX) ||
				!(http1_class[(uint8_t)in.p[i + 2]] & HTTP1_C_HEX))
				return false;
			c = (uint8_t)(http1_hex((uint8_t)in.p[i + 1]) << 4 |
				      http1_hex((uint8_t)in.p[i + 2]));
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n == URL_USER_MAX)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return true;
}

#define PROXY_SCHEMES (SCHEME(HTTP) | SCHEME(SOCKS) | SCHEME(SOCKS5) | SCHEME(SOCKS5H))

int url_parse_proxy(struct str text, struct url *out, struct url_login *login_out,
	struct error *err)
{
	const char *what = "the proxy";
	struct parts p;
	struct url_login login = {0};
	int r = split(text, what, &p, err);
	if (r)
		return r;
	int scheme = scheme_of(&p, PROXY_SCHEMES, URL_HTTP);
	if (scheme < 0)
		return error_set(err, -EINVAL,
			"%s has the scheme %.*s: there are http, socks5 (names are looked up here) "
			"and socks5h (there)",
			what, STR_ARG(p.scheme));
	if (p.path.n > 1 || p.has_query || p.has_fragment)
		return error_set(err, -EINVAL,
			"%s has something behind its host: write %s://[user:password@]host:port, "
			"with / ? # in a password as %%2F %%3F %%23",
			what, schemes[scheme].name);
	if (p.has_user) {
		const char *colon = memchr(p.user.p, ':', p.user.n);
		size_t n = colon ? (size_t)(colon - p.user.p) : p.user.n;
		struct str password = colon ? (struct str){colon + 1, p.user.n - n - 1} : STR_NULL;
		/* Basic authentication cannot say a user name with a colon (RFC 7617, 2), SOCKS no
		   empty one. */
		if (!decode((struct str){p.user.p, n}, login.user) ||
			!decode(password, login.password) ||
			(scheme == URL_HTTP ? strchr(login.user, ':') != NULL
					    : !login.user[0] && login.password[0]))
			return error_set(err, -EINVAL,
				"%s has a user name or password that is longer than %d characters, "
				"wrongly percent-encoded, or not to be said to a proxy of its kind",
				what, URL_USER_MAX);
	}
	struct url u = {.scheme = (enum url_scheme)scheme};
	r = set_host(&p, what, &u, err);
	if (r)
		return r;
	*out = u;
	*login_out = login;
	return 0;
}
