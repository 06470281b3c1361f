/* SPDX-License-Identifier: MIT */
#include "client/session/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "client/session/no_proxy.h"
#include "crypto/digest.h"

#define BASIC      "Basic "
#define LOGIN_SIZE (2 * URL_USER_MAX + 2) /* "user:password" */

/* A variable that is empty counts as none, as with curl. */
static const char *environment(const char *lower, const char *upper)
{
	const char *value = getenv(lower);
	if (!value || !*value)
		value = getenv(upper);
	return value && *value ? value : NULL;
}

bool proxy_is_socks(const struct proxy *p)
{
	return p->url.scheme != URL_HTTP;
}

bool proxy_takes_names(const struct proxy *p)
{
	return p->url.scheme != URL_SOCKS5;
}

static int keep_login(struct proxy *p, const struct url_login *login, struct error *err)
{
	if (!login->user[0] && !login->password[0])
		return 0;
	if (proxy_is_socks(p)) {
		uint8_t message[SOCKS5_LOGIN_MAX];
		size_t size =
			socks5_login(str_from(login->user), str_from(login->password), message);
		p->authorization = secret_new(message, size);
		explicit_bzero(message, sizeof(message));
		return p->authorization ? 0 : error_set(err, -ENOMEM, "no memory");
	}
	char pair[LOGIN_SIZE], value[sizeof(BASIC) + BASE64_SIZE(LOGIN_SIZE)] = BASIC;
	int n = snprintf(pair, sizeof(pair), "%s:%s", login->user, login->password);
	base64_encode(pair, (size_t)n, value + strlen(BASIC), sizeof(value) - strlen(BASIC));
	p->authorization = secret_new(value, strlen(value));
	explicit_bzero(pair, sizeof(pair));
	explicit_bzero(value, sizeof(value));
	return p->authorization ? 0 : error_set(err, -ENOMEM, "no memory");
}

static int take(struct proxy *p, const char *text, const char *source, struct error *err)
{
	struct url_login login;
	int r = url_parse_proxy(str_from(text), &p->url, &login, err);
	if (r) {
		error_prefix(err, "%s", source);
		return r;
	}
	r = keep_login(p, &login, err);
	explicit_bzero(&login, sizeof(login));
	url_authority(&p->url, p->name);
	p->used = r == 0;
	return r;
}

int proxy_choose(struct proxy *p, const char *option, const struct url *remote, struct error *err)
{
	*p = (struct proxy){0};
	if (option && strcmp(option, "none") == 0)
		return 0;
	if (option)
		return take(p, option, "--proxy", err);
	static const struct {
		const char *lower, *upper;
		bool socks; /* one of HTTP that is for http:// may know no CONNECT */
	} variables[] = {{"https_proxy", "HTTPS_PROXY", false}, {"all_proxy", "ALL_PROXY", false},
		{"http_proxy", "HTTP_PROXY", true}};
	const char *except = environment("no_proxy", "NO_PROXY");
	if (no_proxy_is_local(remote) || (except && no_proxy_matches(str_from(except), remote)))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		const char *text = environment(variables[i].lower, variables[i].upper);
		if (!text || (variables[i].socks && strncasecmp(text, "socks", 5) != 0))
			continue;
		int r = take(p, text, variables[i].lower, err);
		/* Nobody typed it for this program. */
		return r == -EINVAL ? -ENOTSUP : r;
	}
	return 0;
}

void proxy_deinit(struct proxy *p)
{
	p->authorization = secret_free(p->authorization);
	p->used = false;
}

int proxy_explain_socks(const struct proxy *p, const struct socks5 *s, enum socks5_result result,
	struct error *err)
{
	switch (result) {
	case SOCKS5_E_VERSION:
		return error_set(err, -EPROTO,
			"what answers at the proxy %s does not speak SOCKS 5: are scheme and port "
			"right?",
			p->name);
	case SOCKS5_E_METHOD:
		return error_set(err, -EPROTO,
			p->authorization
				? "the proxy %s wants another login than a user name and password"
				: "the proxy %s wants a user name and a password: "
				  "socks5h://USER:PASSWORD@HOST:PORT",
			p->name);
	case SOCKS5_E_LOGIN:
		return error_set(err, -EPROTO,
			"the proxy %s does not take the user name and password", p->name);
	case SOCKS5_E_REFUSED:
		return error_set(err, -EPROTO, "the proxy %s does not connect (%u): %s", p->name,
			s->reply, socks5_reply_text(s->reply));
	case SOCKS5_E_MALFORMED:
	case SOCKS5_CONNECTED:
	case SOCKS5_MORE:
	case SOCKS5_ANSWER:
		break;
	}
	return error_set(err, -EPROTO, "the proxy %s answers what is not SOCKS 5", p->name);
}

int proxy_request(const struct proxy *p, const char *authority, struct buf *out)
{
	static const char field[] = "Proxy-Authorization: ";
	char head[2 * URL_AUTHORITY_SIZE + 64];
	int n = snprintf(head, sizeof(head), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", authority,
		authority);
	int r = buf_append(out, head, (size_t)n);
	if (r == 0 && p->authorization) {
		/* At once: growing would leave a copy of the password behind. */
		r = buf_reserve(out, strlen(field) + p->authorization->n + 4);
		if (r == 0) {
			buf_append(out, field, strlen(field));
			buf_append(out, p->authorization->bytes, p->authorization->n);
			buf_append(out, "\r\n", 2);
		}
	}
	return r == 0 ? buf_append(out, "\r\n", 2) : r;
}

int proxy_check(const struct proxy *p, const struct http1_head *h, size_t behind, struct error *err)
{
	if (h->status / 100 == 2) {
		/* The exit node speaks only when asked: these bytes are the proxy's, or worse. */
		if (behind)
			return error_set(err, -EPROTO,
				"the proxy %s sends bytes of its own into the connection", p->name);
		return 0;
	}
	const char *what = "is it an HTTP proxy that allows CONNECT?";
	switch (h->status) {
	case 407:
		what = p->authorization ? "it does not take the user name and password of --proxy"
					: "it wants a user name and a password: "
					  "--proxy http://USER:PASSWORD@HOST:PORT";
		break;
	case 403:
	case 405:
		what = "it does not allow connections to this host or port";
		break;
	case 502:
	case 503:
	case 504:
		what = "it cannot reach the exit node";
		break;
	}
	return error_set(err, -EPROTO, "the proxy %s answers %u %.*s: %s", p->name, h->status,
		STR_ARG(h->reason), what);
}
