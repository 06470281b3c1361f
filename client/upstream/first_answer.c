/* SPDX-License-Identifier: MIT */
#include "client/upstream/first_answer.h"

#include <stdio.h>

#include "base/macros.h"
#include "client/upstream/banner.h"

#define TEXT_SHOWN 24 /* characters of what a service of an unknown kind says */

/* As it is written behind a scheme: "10.0.0.7:8443", "/run/app.sock". */
struct place {
	char text[URL_AUTHORITY_SIZE + URL_SOCKET_MAX];
};

static struct place place_of(const struct upstream *u, uint16_t port)
{
	struct place place;
	struct url url = u->url;
	url.port = port;
	if (url.scheme == URL_UNIX)
		snprintf(place.text, sizeof(place.text), "%.*s", STR_ARG(url.socket));
	else
		url_authority(&url, place.text);
	return place;
}

/* ` ("220 mail ESMTP")`: what can be read of its first line; empty where that is nothing. */
struct quote {
	char text[TEXT_SHOWN + 8];
};

static struct quote quote_of(const uint8_t *p, size_t n)
{
	struct quote quote = {""};
	char text[TEXT_SHOWN + 1];
	size_t m = 0;
	while (m < MIN(n, TEXT_SHOWN) && p[m] >= ' ' && p[m] < 127) {
		text[m] = (char)p[m];
		m++;
	}
	text[m] = '\0';
	if (m > 1)
		snprintf(quote.text, sizeof(quote.text), " (\"%s\")", text);
	return quote;
}

static bool over_tls(const struct upstream *u)
{
	return u->url.scheme == URL_HTTPS;
}

/* How it is written that is spoken to so, over TLS or not. */
static const char *scheme_for(bool h2, bool tls)
{
	return h2 ? (tls ? "h2" : "h2c") : (tls ? "https" : "http");
}

static void want_tls(const struct upstream *u, const char *place, struct error *out)
{
	if (u->url.scheme == URL_UNIX)
		error_set(out, 0,
			"speaks TLS, which is not spoken over a Unix socket here: have "
			"it listen without");
	else if (over_tls(u))
		error_set(out, 0, "speaks TLS within TLS: something in front of it adds one");
	else
		error_set(out, 0, "speaks TLS: write %s://%s", scheme_for(u->url.h2, true), place);
}

static void not_http(const struct upstream *u, const char *place, enum banner banner,
	const uint8_t *p, size_t n, struct error *out)
{
	const char *name = banner_name(banner);
	const char *unix_socket = u->url.scheme == URL_UNIX ? "unix:" : "tcp://";
	if (banner == BANNER_WANTS_TLS || banner == BANNER_TLS || banner == BANNER_TLS_ALERT)
		want_tls(u, place, out);
	else if (banner == BANNER_HTTP2)
		error_set(out, 0,
			"speaks HTTP/2 alone, and is asked in HTTP/1.1: publish gRPC and the like "
			"as %s://%s",
			scheme_for(true, over_tls(u)), place);
	else if (banner == BANNER_HTTP)
		error_set(out, 0, "speaks HTTP/1.1, and is asked in HTTP/2: write %s://%s",
			scheme_for(false, over_tls(u)), place);
	else if (name)
		error_set(out, 0,
			"is %s and does not speak HTTP: publish it at a port, as PORT=%s%s", name,
			unix_socket, place);
	else
		error_set(out, 0,
			"answers what is not HTTP%s: is the port right? A service that speaks "
			"something else is published at a port, as PORT=%s%s",
			quote_of(p, n).text, unix_socket, place);
}

/* A frame's header, or too little of one to tell. */
static bool is_as_asked(const struct upstream *u, enum banner banner, const uint8_t *p, size_t n)
{
	if (u->url.h2)
		return banner == BANNER_HTTP2 || (n < BANNER_HTTP2_MIN && !p[0]);
	return banner_may_be_http(p, n) && banner != BANNER_WANTS_TLS;
}

static bool wrong_http(const struct upstream *u, const char *place, const uint8_t *p, size_t n,
	struct error *out)
{
	enum banner banner = banner_of(p, n);
	bool may_want_tls = u->url.scheme == URL_HTTP;
	if (!n)
		error_set(out, 0,
			"closed the connection instead of answering: its own log may say "
			"why%s%s%s%s",
			may_want_tls ? "; if it speaks TLS, write " : "",
			may_want_tls ? scheme_for(u->url.h2, true) : "", may_want_tls ? "://" : "",
			may_want_tls ? place : "");
	else if (is_as_asked(u, banner, p, n))
		return false;
	else
		not_http(u, place, banner, p, n, out);
	return true;
}

bool first_answer_tells(const struct upstream *u)
{
	if (u->url.scheme == URL_FILE)
		return false; /* our own answers */
	return u->kind == CONTROL_HTTP || (u->kind == CONTROL_TCP && u->tls != CONTROL_TLS_NONE);
}

bool first_answer_wrong(const struct upstream *u, uint16_t port, const uint8_t *p, size_t n,
	struct error *out)
{
	struct place place = place_of(u, port);
	enum banner banner = banner_of(p, n);
	if (u->kind == CONTROL_HTTP)
		return wrong_http(u, place.text, p, n, out);
	/* The visitor said nothing but TLS, which only TLS answers. */
	if (u->tls == CONTROL_TLS_PASS && n && banner != BANNER_TLS && banner != BANNER_TLS_ALERT) {
		error_set(out, 0,
			"does not speak TLS, which sni+tcp:// passes on as it comes: write "
			"tls+tcp://%s, and the exit node ends the TLS",
			place.text);
		return true;
	}
	/* Visitors may have TLS within TLS; nobody wants to be told of an alert, though. */
	if (u->tls == CONTROL_TLS_TERMINATE &&
		(banner == BANNER_TLS_ALERT || banner == BANNER_WANTS_TLS)) {
		error_set(out, 0,
			"speaks TLS itself, and the exit node has ended the visitor's: write "
			"sni+tcp://%s for a name, or tcp://%s for a port",
			place.text, place.text);
		return true;
	}
	return false;
}
