/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The three kinds of URL that people type: what is published, the exit node, a proxy on the way
 * there. Each refuses what has no meaning for it with a sentence that says what to write instead.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "wire/address.h"
#include "wire/hostname.h"

enum url_scheme {
	URL_HTTP,
	URL_HTTPS,
	URL_H2C, /* of an upstream: becomes HTTP, with url::h2 */
	URL_H2,  /* becomes HTTPS */
	URL_WS,
	URL_WSS,
	URL_TCP,
	URL_TLS_TCP, /* tls+tcp: the exit node ends the visitors' TLS */
	URL_SNI_TCP, /* sni+tcp: the exit node reads the name and passes their TLS on */
	URL_UDP,
	URL_UNIX,    /* a socket's path; what it speaks depends on where it is published */
	URL_FILE,    /* a folder */
	URL_SOCKS,   /* as Chromium and GNOME have it: socks5h */
	URL_SOCKS5,  /* a proxy that is told an address */
	URL_SOCKS5H, /* a proxy that is told the name */
};

#define URL_HTTP_PORT  80  /* RFC 9110, 4.2.1 */
#define URL_HTTPS_PORT 443 /* RFC 9110, 4.2.2 */

#define URL_SOCKET_MAX 107  /* bytes of a socket's path: sockaddr_un, and a NUL */
#define URL_PATH_MAX   1024 /* bytes of an upstream's path: what a message to the server holds */
#define URL_USER_MAX   255  /* characters of a user name or a password: what curl takes */

struct url {
	enum url_scheme scheme;
	/* As getaddrinfo() takes it: a name in lower case, whose trailing dot is kept, or an address
	   without brackets. */
	char host[HOSTNAME_SIZE + 1];
	char zone
		[ADDRESS_ZONE_SIZE]; /* of a link-local address; for dialling alone (RFC 6874, 4) */
	bool literal_v6;             /* in text, the host stands in brackets */
	uint16_t port, port_last;    /* a range has two, 7000-7010; else they are equal */
	bool port_given;
	bool h2; /* HTTP/2 is spoken there: h2c:// without TLS, by prior knowledge; h2:// with TLS */
	struct str socket; /* unix: the socket's path, a view, and no host; else empty */
	struct str folder; /* file: the folder's path as it was written, a view; else empty */
	struct str path;  /* a view into the text that was parsed; empty or from the first '/' on */
	struct str query; /* the same, without its '?' */
};

/* Decoded; both empty without user information. Wipe it after use. */
struct url_login {
	char user[URL_USER_MAX + 1];
	char password[URL_USER_MAX + 1];
};

#define URL_AUTHORITY_SIZE (HOSTNAME_SIZE + 10) /* "[host]:65535", with a trailing dot, and a NUL */

#define URL_DIAL_SIZE (HOSTNAME_SIZE + 1 + ADDRESS_ZONE_SIZE)

/* The host to dial, with its zone after a '%'. Returns `out`. */
const char *url_dial_host(const struct url *u, char out[URL_DIAL_SIZE]);

/* "host:port", the port always (RFC 9110, 9.3.6); the name in the form that a look-up takes. */
void url_authority(const struct url *u, char out[URL_AUTHORITY_SIZE]);

/*
 * What a Host field says: the port only where it is not the scheme's own (RFC 6455, 4.1; RFC 9110,
 * 4.2.3), and no trailing dot, as SNI has none. Balancers compare it as it stands with their names.
 */
void url_host_field(const struct url *u, char out[URL_AUTHORITY_SIZE]);

/*
 * "http[s]://host[:port][/prefix][?query]"; without scheme it is http, so "host:port" will do. Slashes
 * at the end of the path are not part of it. A query is kept for a warning: nothing uses it. "h2c://…" and "h2://…"
 * are http and https whose servers speak HTTP/2 (`h2`).
 * "tcp://host:port[-last]", "tls+tcp://…", "sni+tcp://…", "udp://…": neither path nor query. The port
 * may be left out (0, and port_given is off), when the publisher says one. "unix:/path" or
 * "unix:///path". "file:///path", percent-encoded where needed (RFC 8089). 0, or -EINVAL with a sentence.
 */
int url_parse_upstream(struct str text, struct url *out, struct error *err);

/* Of a URL_FILE: the folder's path, decoded and absolute. The caller's; NULL when memory is out. */
char *url_folder(const struct url *u);

/* Of "host" alone: what `tunnel server` listens on unless it is told otherwise. */
#define URL_REMOTE_PORT 8000

/*
 * "host:port", "host", "ws://host[:port][/path]", "wss://…". Without a scheme it is ws, and the port
 * URL_REMOTE_PORT unless it is given; with one it is the scheme's own, 80 or 443. The path, when there is
 * one, is the control path. 0, or -EINVAL.
 */
int url_parse_remote(struct str text, struct url *out, struct error *err);

/*
 * "[http://][user:password@]host[:port]", or "socks5://" and "socks5h://" (or "socks://") in front,
 * percent-encoded where needed; the port is 80 unless given, 1080 for SOCKS. 0, or -EINVAL. The sentence
 * never holds the password.
 */
int url_parse_proxy(struct str text, struct url *out, struct url_login *login_out,
	struct error *err);
