/* SPDX-License-Identifier: MIT */
/*
 * Everything is written twice by the same code, first only counted: so nobody has to guess how long it will
 * be, and nothing is checked on the way. It runs for services whose Host is rewritten, and for WebDAV.
 */
#include "server/http/rewrite.h"

#include <stdio.h>

#include "base/macros.h"
#include "wire/address.h"
#include "wire/http1_path.h"
#include "wire/url.h"

struct out {
	uint8_t *at; /* NULL: nothing is written */
	size_t n;
	bool changed;
};

/* From one side's names to the other's. */
struct way {
	const struct rewrite_place *from, *to;
};

static void put(struct out *o, struct str s)
{
	if (o->at && s.n)
		memcpy(o->at + o->n, s.p, s.n);
	o->n += s.n;
}

static struct str behind(struct str s, size_t n)
{
	return (struct str){s.p + n, s.n - n};
}

static size_t blanks(struct str s)
{
	size_t n = 0;
	while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t'))
		n++;
	return n;
}

static struct str trimmed(struct str s)
{
	s = behind(s, blanks(s));
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Up to the first `c`, or all of it. */
static struct str before(struct str s, char c)
{
	const char *end = s.n ? memchr(s.p, c, s.n) : NULL;
	return end ? (struct str){s.p, (size_t)(end - s.p)} : s;
}

static bool begins(struct str s, struct str with)
{
	return s.n >= with.n && strncasecmp(s.p, with.p, with.n) == 0;
}

/* ---- Places ---- */

static uint16_t port_of(uint16_t port, bool https)
{
	return port ? port : https ? URL_HTTPS_PORT : URL_HTTP_PORT;
}

void rewrite_upstream(struct rewrite_place *out, bool https, struct str authority, const char *path)
{
	*out = (struct rewrite_place){.https = https, .path = str_from(path)};
	hostname_with_port(authority, out->host, &out->host_n, &out->port);
	if (out->path.n && out->path.p[out->path.n - 1] == '/')
		out->path.n--;
	out->text_n = (size_t)snprintf(out->text, sizeof(out->text), "%s%.*s",
		https ? "https://" : "http://", STR_ARG(authority));
}

struct line {
	struct str all, name, value; /* `all` with its line end */
};

/* Takes a line off the head; what has no colon has no name. False: the empty one, which is the last. */
static bool next_line(struct str *head, struct line *out)
{
	struct str text = before(*head, '\n');
	if (text.n < 2 || text.n == head->n)
		return false;
	out->all = (struct str){text.p, text.n + 1};
	*head = behind(*head, text.n + 1);
	text.n--; /* the CR */
	out->name = before(text, ':');
	out->value = out->name.n < text.n ? trimmed(behind(text, out->name.n + 1))
					  : behind(text, text.n);
	return true;
}

/* Its last line counts, as everywhere. */
static struct str find(struct str head, struct str name)
{
	struct str found = STR_NULL;
	struct line l;
	while (next_line(&head, &l))
		if (str_eq_nocase(l.name, name))
			found = l.value;
	return found;
}

void rewrite_visitor(struct rewrite_place *out, struct str head, struct str host, bool https)
{
	struct str said = find(head, STR("X-Forwarded-Host"));
	char port[sizeof(":65535")] = "";
	*out = (struct rewrite_place){.https = https, .either = !https};
	if (!said.n || hostname_with_port(said, out->host, &out->host_n, &out->port))
		hostname_with_port(host, out->host, &out->host_n, &out->port);
	/* A port that is the other scheme's own is the proxy's, before whom another one ends TLS. */
	uint16_t other = port_of(0, !https);
	if (!out->port && hostname_port(find(head, STR("X-Forwarded-Port")), &out->port) &&
		out->port == other)
		out->port = 0;
	if (out->port && out->port != port_of(0, https))
		snprintf(port, sizeof(port), ":%u", out->port);
	out->text_n = (size_t)snprintf(out->text, sizeof(out->text), "%s%.*s%s",
		https ? "https://" : "http://", (int)out->host_n, out->host, port);
}

/* ---- URLs ---- */

/* How many bytes of a URL name that place; 0: it names another, or none. */
static size_t names(const struct rewrite_place *place, struct str url)
{
	size_t at;
	bool https = place->https;
	if (begins(url, STR("https://"))) {
		at = sizeof("https://") - 1;
		https = true;
	} else if (begins(url, STR("http://"))) {
		at = sizeof("http://") - 1;
		https = false;
	} else if (begins(url, STR("//"))) { /* RFC 3986, 4.2: of the same scheme */
		at = sizeof("//") - 1;
	} else {
		return 0;
	}
	if (https != place->https && !place->either)
		return 0;
	size_t end = at;
	while (end < url.n && url.p[end] != '/' && url.p[end] != '?' && url.p[end] != '#')
		end++;
	char host[HOSTNAME_SIZE];
	size_t n;
	uint16_t port;
	if (hostname_with_port((struct str){url.p + at, end - at}, host, &n, &port))
		return 0;
	return n == place->host_n && memcmp(host, place->host, n) == 0 &&
			       port_of(port, https) == port_of(place->port, https)
		       ? end
		       : 0;
}

/* What stands behind the origin is below that path. */
static bool is_below(struct str rest, struct str path)
{
	if (!path.n || rest.n < path.n || memcmp(rest.p, path.p, path.n) != 0)
		return false;
	return rest.n == path.n || rest.p[path.n] == '/' || rest.p[path.n] == '?' ||
	       rest.p[path.n] == '#';
}

/* What stands behind the origin: without the one side's path, with the other's. */
static void put_rest(struct out *o, const struct way *w, struct str rest)
{
	bool below = is_below(rest, w->from->path);
	if (below)
		rest = behind(rest, w->from->path.n);
	put(o, w->to->path);
	if ((below || w->to->path.n) && !begins(rest, STR("/")))
		put(o, STR("/"));
	put(o, rest);
}

/* It would be taken for another host's name; browsers take either slash, and see no tab. */
static bool is_network_path(struct str url)
{
	size_t at = 1;
	while (at < url.n && url.p[at] == '\t')
		at++;
	return at < url.n && url.p[0] == '/' && (url.p[at] == '/' || url.p[at] == '\\');
}

static void put_url(struct out *o, const struct way *w, struct str url)
{
	size_t n = names(w->from, url);
	bool below = is_below(url, w->from->path);
	if (n) {
		put(o, (struct str){w->to->text, w->to->text_n});
		put_rest(o, w, behind(url, n));
		o->changed = true;
	} else if (begins(url, STR("/")) && !is_network_path(url) && (below || w->to->path.n) &&
		   !(below && is_network_path(behind(url, w->from->path.n)))) {
		put_rest(o, w, url);
		o->changed = true;
	} else {
		put(o, url);
	}
}

/* ---- Fields ---- */

static void put_origin(struct out *o, const struct way *w, struct str value)
{
	size_t n = names(w->from, value);
	if (n && n == value.n && value.p[0] != '/') {
		put(o, (struct str){w->to->text, w->to->text_n});
		o->changed = true;
	} else {
		put(o, value);
	}
}

/*
 * Each <URL> of a list: of Link (RFC 8288), and the tags of If (RFC 4918, 10.4), in whose parentheses stand
 * tokens and ETags, which are no URLs of ours whatever they look like.
 */
static void put_tags(struct out *o, const struct way *w, struct str value)
{
	bool quoted = false, list = false;
	size_t done = 0;
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		if (c == '\\' && quoted)
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '(' || c == ')'))
			list = c == '(';
		else if (!quoted && !list && c == '<') {
			struct str rest = behind(value, i + 1), url = before(rest, '>');
			if (url.n == rest.n)
				break;
			put(o, (struct str){value.p + done, i + 1 - done});
			put_url(o, w, url);
			i += url.n;
			done = i + 1;
		}
	}
	put(o, behind(value, done));
}

/* "5; url=http://…", with or without quotes, as HTML reads it. */
static void put_refresh(struct out *o, const struct way *w, struct str value)
{
	size_t at = 0;
	while (at < value.n && value.p[at] != ';' && value.p[at] != ',')
		at++;
	if (at < value.n)
		at++;
	at += blanks(behind(value, at));
	if (begins(behind(value, at), STR("url"))) {
		size_t equals = at + 3;
		equals += blanks(behind(value, equals));
		if (equals < value.n && value.p[equals] == '=')
			at = equals + 1 + blanks(behind(value, equals + 1));
	}
	struct str url = behind(value, at);
	if (url.n && (url.p[0] == '"' || url.p[0] == '\'')) {
		url = before(behind(url, 1), url.p[0]);
		at++;
	}
	put(o, (struct str){value.p, at});
	put_url(o, w, url);
	put(o, behind(value, at + url.n));
}

static bool is_address(struct str host)
{
	struct address a;
	return address_parse_ip(host, &a);
}

/* A cookie's Domain is for that host: its name, or one above it (RFC 6265, 5.1.3). */
static bool is_domain_of(const struct rewrite_place *place, struct str domain)
{
	char name[HOSTNAME_SIZE];
	size_t n;
	if (begins(domain, STR(".")))
		domain = behind(domain, 1);
	if (hostname_canonical(domain, name, &n) || n > place->host_n)
		return false;
	struct str host = {place->host, place->host_n};
	bool whole = n == host.n;
	return memcmp(host.p + host.n - n, name, n) == 0 &&
	       (whole || (host.p[host.n - n - 1] == '.' && !is_address(host)));
}

/* One of them with the semicolon before it. What is for an address is for it alone, and needs no Domain. */
static void put_attribute(struct out *o, const struct way *w, struct str text)
{
	struct str name = before(behind(text, 1), '='), host = {w->to->host, w->to->host_n};
	struct str value = name.n + 1 < text.n ? trimmed(behind(text, name.n + 2)) : STR_NULL;
	bool domain = str_eq_nocase(trimmed(name), STR("Domain")) && is_domain_of(w->from, value);
	bool path = str_eq_nocase(trimmed(name), STR("Path")) && is_below(value, w->from->path);
	if (domain && is_address(host))
		return;
	if (!domain && !path) {
		put(o, text);
		return;
	}
	put(o, (struct str){text.p, (size_t)(value.p - text.p)});
	if (domain)
		put(o, host);
	else
		put_rest(o, w, value);
}

static void put_cookie(struct out *o, const struct way *w, struct str value)
{
	struct str pair = before(value, ';');
	put(o, pair);
	value = behind(value, pair.n);
	while (value.n) {
		size_t n = 1 + before(behind(value, 1), ';').n;
		put_attribute(o, w, (struct str){value.p, n});
		value = behind(value, n);
	}
}

struct field {
	struct str name;
	void (*put)(struct out *o, const struct way *w, struct str value);
	bool dav;
};

#define FIELD(n, ...)                           \
	{                                       \
		{n, sizeof(n) - 1}, __VA_ARGS__ \
	}

static const struct field request_fields[] = {
	FIELD("Origin", put_origin, false),
	FIELD("Sec-WebSocket-Origin", put_origin, false), /* versions 7 and 8 of the WebSocket */
	FIELD("Referer", put_url, false),
	FIELD("Destination", put_url, true),
	FIELD("If", put_tags, true),
};

static const struct field answer_fields[] = {
	FIELD("Location", put_url, false),
	FIELD("Content-Location", put_url, false),
	FIELD("Refresh", put_refresh, false),
	FIELD("Link", put_tags, false),
	FIELD("Set-Cookie", put_cookie, false),
	FIELD("Access-Control-Allow-Origin", put_origin, false),
};

static const struct field *field_of(const struct field *fields, size_t n, struct str name)
{
	for (const struct field *f = fields; f < fields + n; f++)
		if (str_eq_nocase(f->name, name))
			return f;
	return NULL;
}

size_t rewrite_request(const struct rewrite *rw, bool all, struct str head, uint8_t *at,
	bool *changed_out)
{
	const struct way way = {&rw->visitor, &rw->upstream};
	struct out o = {.at = at};
	struct line l;
	size_t n = before(head, '\n').n + 1; /* the request line, in which a colon means nothing */
	put(&o, (struct str){head.p, n});
	head = behind(head, n);
	while (next_line(&head, &l)) {
		const struct field *f = field_of(request_fields, ARRAY_LEN(request_fields), l.name);
		if (!f || !(all || f->dav) || !l.value.n) {
			put(&o, l.all);
			continue;
		}
		size_t to = (size_t)(l.value.p - l.all.p);
		put(&o, (struct str){l.all.p, to});
		f->put(&o, &way, l.value);
		put(&o, behind(l.all, to + l.value.n));
	}
	put(&o, head);
	*changed_out = o.changed;
	return o.n;
}

bool rewrite_leaves(const struct rewrite *rw, struct str head, uint8_t *room)
{
	struct line l;
	while (next_line(&head, &l)) {
		if (!str_eq_nocase(l.name, STR("Destination")))
			continue;
		size_t n = names(&rw->visitor, l.value);
		struct str path = behind(l.value, n);
		if ((!n && !begins(path, STR("/"))) || (!n && is_network_path(path)))
			return true;
		path = before(before(path, '#'), '?');
		if (path.n && http1_path_has_dots(path, room))
			return true;
	}
	return false;
}

size_t rewrite_answer(const struct rewrite *rw, struct str name, struct str value, uint8_t *at)
{
	const struct way way = {&rw->upstream, &rw->visitor};
	const struct field *f = field_of(answer_fields, ARRAY_LEN(answer_fields), name);
	struct out o = {.at = at};
	if (f && value.n)
		f->put(&o, &way, value);
	else
		put(&o, value);
	return o.n;
}
