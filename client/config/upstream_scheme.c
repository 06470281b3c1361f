/* SPDX-License-Identifier: MIT */
#include "client/config/upstream_scheme.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"

static const char *const form_names[] = {
	[UPSTREAM_FORM_NONE] = "client",
	[UPSTREAM_FORM_HTTP] = "http",
	[UPSTREAM_FORM_TCP] = "tcp",
	[UPSTREAM_FORM_UDP] = "udp",
	[UPSTREAM_FORM_TLS] = "tls",
};

const char *upstream_form_name(enum upstream_form form)
{
	return form_names[form];
}

static const struct {
	const char *name;
	unsigned forms; /* 1 << enum upstream_form that take it; 0: nothing does, see the hint */
	const char *hint;
} schemes[] = {
#define FORM(name) (1u << UPSTREAM_FORM_##name)
	{"http", FORM(NONE) | FORM(HTTP), "tunnel http"},
	{"https", FORM(NONE) | FORM(HTTP), "tunnel http"},
	{"h2c", FORM(NONE) | FORM(HTTP), "tunnel http"},
	{"h2", FORM(NONE) | FORM(HTTP), "tunnel http"},
	{"tcp", FORM(NONE) | FORM(TCP), "tunnel tcp"},
	{"udp", FORM(NONE) | FORM(UDP), "tunnel udp"},
	{"tls+tcp", FORM(NONE) | FORM(TCP) | FORM(TLS), "tunnel tcp or tunnel tls"},
	{"sni+tcp", FORM(NONE) | FORM(TLS), "tunnel tls"},
	{"tls", 0,
		"write sni+tcp:// to have TLS passed on by its name, or tls+tcp:// to have the "
		"exit node end it"},
	{"ssl", 0,
		"write sni+tcp:// to have TLS passed on by its name, or tls+tcp:// to have the "
		"exit node end it"},
	{"ws", 0, "write http://, which carries WebSockets too"},
	{"wss", 0, "write https://, which carries WebSockets too"},
	{"grpc", 0, "write h2c:// for gRPC without TLS, or h2:// with TLS"},
	{"grpcs", 0, "write h2:// for gRPC with TLS, or h2c:// without TLS"},
	{"ssh", 0, "a service of its own kind is carried at a public port: PORT=tcp://HOST:PORT"},
	{"rdp", 0, "a service of its own kind is carried at a public port: PORT=tcp://HOST:PORT"},
	{"redis", 0, "a service of its own kind is carried at a public port: PORT=tcp://HOST:PORT"},
	{"mysql", 0, "a service of its own kind is carried at a public port: PORT=tcp://HOST:PORT"},
	{"postgres", 0,
		"a service of its own kind is carried at a public port: PORT=tcp://HOST:PORT"},
	{"postgresql", 0,
		"a service of its own kind is carried at a public port: PORT=tcp://HOST:PORT"},
#undef FORM
};

int upstream_scheme_at(struct str text, struct str *rest_out)
{
	int best = -1;
	for (int i = 0; i < (int)ARRAY_LEN(schemes); i++) {
		size_t n = strlen(schemes[i].name);
		if (text.n <= n || strncasecmp(text.p, schemes[i].name, n) != 0 ||
			!strchr(":/;\\", text.p[n]))
			continue;
		*rest_out = (struct str){text.p + n, text.n - n};
		best = i;
	}
	return best;
}

/* "http//host", "http:/host", "http:host", "http;//host": not a host of that name. */
static int refuse_mark(const struct typed_upstream *t, const char *scheme, struct str rest,
	struct error *err)
{
	size_t skip = 0;
	while (skip < rest.n && strchr(":/;\\", rest.p[skip]))
		skip++;
	struct str host = {rest.p + skip, rest.n - skip};
	if (!host.n)
		return error_set(err, -EINVAL, "\"%.*s\" names no host: write %s://HOST:PORT",
			STR_ARG(t->text), scheme);
	return error_set(err, -EINVAL, "\"%.*s\" has no \"://\" behind %s: write %.*s%s://%s%.*s",
		STR_ARG(t->text), scheme, STR_ARG(t->key), scheme,
		str_is_digits(host) ? "127.0.0.1:" : "", STR_ARG(host));
}

/* "http://app.example.org=3000": what leads to an upstream is a host, and has no scheme. */
static int check_key(const struct typed_upstream *t, struct str rest, struct error *err)
{
	struct str host = {rest.p + strlen("://"), rest.n - strlen("://")};
	const char *equals = host.n ? memchr(host.p, '=', host.n) : NULL;
	size_t n = equals ? (size_t)(equals - host.p) : 0;
	if (!n || memchr(host.p, '/', n) || memchr(host.p, '?', n))
		return 0;
	return error_set(err, -EINVAL,
		"\"%.*s\": before the '=' stands a host without %.*s://: write %.*s",
		STR_ARG(t->text), (int)(rest.p - t->text.p), t->text.p, STR_ARG(host));
}

int upstream_scheme_check(const struct typed_upstream *t, int scheme, struct str rest,
	struct error *err)
{
	const char *name = schemes[scheme].name;
	if (!schemes[scheme].forms)
		return str_begins(rest, "://")
			       ? error_set(err, -EINVAL, "\"%.*s\" has the scheme %s: %s",
					 STR_ARG(t->text), name, schemes[scheme].hint)
			       : 0;
	if (!str_begins(rest, "://"))
		return refuse_mark(t, name, rest, err);
	int r = check_key(t, rest, err);
	if (r || schemes[scheme].forms >> t->form & 1)
		return r;
	return error_set(err, -EINVAL, "\"%.*s\" is not for tunnel %s: write %s %.*s%.*s",
		STR_ARG(t->text), upstream_form_name(t->form), schemes[scheme].hint,
		STR_ARG(t->key), STR_ARG(t->text));
}
