/* SPDX-License-Identifier: MIT */
#include "client/upstream/banner.h"

#include <string.h>

#include "base/macros.h"

#define HTTP "HTTP/"

#define TLS_ALERT     0x15 /* RFC 8446, 5.1 */
#define TLS_HANDSHAKE 0x16
#define TLS_MAJOR     3

#define HTTP2_SETTINGS 4
#define HTTP2_GOAWAY   7

/* What servers say, with status 400, who have heard HTTP where they want TLS. */
static const char *const wants_tls[] = {
	"plain HTTP request was sent to HTTPS port", /* nginx */
	"HTTP request to an HTTPS server",           /* Go, Caddy, Kubernetes */
	"speaking plain HTTP to an SSL-enabled",     /* Apache */
	"combination of host and port requires TLS", /* Tomcat */
};

static const struct {
	const char *begins;
	enum banner banner;
} texts[] = {
	{"SSH-", BANNER_SSH},
	{"220 ", BANNER_MAIL},
	{"220-", BANNER_MAIL},
	{"+OK", BANNER_MAIL},
	{"* OK", BANNER_MAIL},
	{"-ERR ", BANNER_REDIS},
	{"-DENIED ", BANNER_REDIS},
	{"RFB 003.", BANNER_VNC},
};

static bool begins(const uint8_t *p, size_t n, const char *with)
{
	size_t m = strlen(with);
	return n >= m && memcmp(p, with, m) == 0;
}

bool banner_may_be_http(const uint8_t *p, size_t n)
{
	return memcmp(p, HTTP, MIN(n, strlen(HTTP))) == 0;
}

bool banner_says_tls(struct str text)
{
	for (size_t i = 0; i < ARRAY_LEN(wants_tls); i++)
		if (text.n && memmem(text.p, text.n, wants_tls[i], strlen(wants_tls[i])))
			return true;
	return false;
}

static enum banner banner_of_http(const uint8_t *p, size_t n)
{
	static const size_t status_at = sizeof("HTTP/1.1 ") - 1;
	if (n < status_at || !begins(p + status_at, n - status_at, "400"))
		return BANNER_HTTP;
	struct str text = {(const char *)p, n};
	return banner_says_tls(text) ? BANNER_WANTS_TLS : BANNER_HTTP;
}

/* A frame for the whole connection, of which these two come first, whatever it was asked. */
static bool is_http2(const uint8_t *p, size_t n)
{
	return n >= BANNER_HTTP2_MIN && p[0] == 0 &&
	       (p[3] == HTTP2_SETTINGS || p[3] == HTTP2_GOAWAY) &&
	       memcmp(p + 5, "\0\0\0\0", 4) == 0;
}

/* The server's greeting: length, sequence number 0, protocol version 10. */
static bool is_mysql(const uint8_t *p, size_t n)
{
	return n >= 6 && p[2] == 0 && p[3] == 0 && p[4] == 10 && p[5] >= '0' && p[5] <= '9';
}

enum banner banner_of(const uint8_t *p, size_t n)
{
	if (begins(p, n, HTTP))
		return banner_of_http(p, n);
	if (n >= 2 && p[1] == TLS_MAJOR && (p[0] == TLS_ALERT || p[0] == TLS_HANDSHAKE))
		return p[0] == TLS_ALERT ? BANNER_TLS_ALERT : BANNER_TLS;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (begins(p, n, texts[i].begins))
			return texts[i].banner;
	return is_http2(p, n) ? BANNER_HTTP2 : is_mysql(p, n) ? BANNER_MYSQL : BANNER_OTHER;
}

const char *banner_name(enum banner banner)
{
	switch (banner) {
	case BANNER_WANTS_TLS:
	case BANNER_TLS:
	case BANNER_TLS_ALERT:
		return "a TLS server";
	case BANNER_HTTP2:
		return "a server of HTTP/2 alone";
	case BANNER_SSH:
		return "an SSH server";
	case BANNER_MAIL:
		return "a mail or file server";
	case BANNER_MYSQL:
		return "a MySQL server";
	case BANNER_REDIS:
		return "a Redis server";
	case BANNER_VNC:
		return "a VNC server";
	case BANNER_OTHER:
	case BANNER_HTTP:
		break;
	}
	return NULL;
}
