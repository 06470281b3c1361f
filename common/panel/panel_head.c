/* SPDX-License-Identifier: MIT */
/*
 * The head of a request as libwebsockets gives it. It decodes the target, which is encoded anew for those who
 * read it as it came; it knows no chunked bodies, believes any Content-Length, and takes all that follows a POST
 * without one for its body: so each request that is not plain closes its connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/str.h"
#include "panel/panel_internal.h"

/* ---- The target ---- */

#define TARGET_MAX (8u << 10) /* bytes before they are encoded: those of a head */

static const char unreserved[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

static char *encode(char *to, struct str text, const char *more)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c && (strchr(unreserved, c) || strchr(more, c)))
			*to++ = c;
		else
			to += sprintf(to, "%%%02X", (unsigned char)c);
	}
	return to;
}

/* "name=value": the first "=" is that between them, as the name has none (RFC 3986 and libwebsockets). */
static char *encode_parameter(char *to, struct str text)
{
	const char *equals = memchr(text.p, '=', text.n);
	size_t name = equals ? (size_t)(equals - text.p) : text.n;
	to = encode(to, (struct str){text.p, name}, "");
	if (!equals)
		return to;
	*to++ = '=';
	return encode(to, (struct str){equals + 1, text.n - name - 1}, "");
}

/* NULL: memory is out. */
static char *read_target(struct lws *wsi, const char *path, size_t n)
{
	char parameter[TARGET_MAX];
	size_t arguments = (size_t)lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS);
	/* Each byte becomes three at most; a "&" or "?" before each parameter. */
	char *target = malloc(3 * (n + arguments) + arguments + 2);
	if (!target)
		return NULL;
	char *to = encode(target, (struct str){path, n}, "/");
	char mark = '?';
	for (int i = 0;; i++) {
		int k = lws_hdr_copy_fragment(wsi, parameter, sizeof(parameter),
			WSI_TOKEN_HTTP_URI_ARGS, i);
		if (k < 0)
			break;
		/* It puts one there where the last parameter is empty. */
		if (strcmp(parameter, "/") == 0)
			continue;
		*to++ = mark;
		mark = '&';
		to = encode_parameter(to, (struct str){parameter, (size_t)k});
	}
	*to = 0;
	return target;
}

/* ---- Fields ---- */

bool panel_head_field(struct lws *wsi, enum lws_token_indexes token, char *out, int size)
{
	*out = 0;
	return lws_hdr_total_length(wsi, token) == 0 || lws_hdr_copy(wsi, out, size, token) >= 0;
}

static bool has_field(struct lws *wsi, enum lws_token_indexes token)
{
	return lws_hdr_total_length(wsi, token) > 0;
}

/* HTTP/1.1 goes on unless it says otherwise; so says libwebsockets, but to nobody. */
static bool goes_on(struct lws *wsi)
{
	char version[16], connection[64];
	return panel_head_field(wsi, WSI_TOKEN_HTTP, version, sizeof(version)) &&
	       strcmp(version, "HTTP/1.1") == 0 &&
	       panel_head_field(wsi, WSI_TOKEN_CONNECTION, connection, sizeof(connection)) &&
	       !strcasestr(connection, "close");
}

/* ---- Bodies ---- */

/* 0, or the status of a problem. */
static int read_length(struct panel_conn *c, bool *body_out, const char **why_out)
{
	char text[24];
	bool fits = panel_head_field(c->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof(text));
	size_t digits = strspn(text, "0123456789");
	if (!fits || !digits || text[digits]) {
		*why_out = "Content-Length is no number";
		return 400;
	}
	unsigned long long length = strtoull(text, NULL, 10);
	if (length > PANEL_BODY_MAX) {
		*why_out = "a body may have 1 MiB";
		return 413;
	}
	*body_out = length > 0;
	return 0;
}

static int read_framing(struct panel_conn *c, bool posts, bool *body_out, const char **why_out)
{
	char coding[16];
	if (!has_field(c->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING)) {
		if (has_field(c->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH))
			return read_length(c, body_out, why_out);
		c->last |= posts;
		return 0;
	}
	*why_out = "a body comes with a Content-Length, or chunked with POST, PUT or PATCH";
	if (!panel_head_field(c->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING, coding, sizeof(coding)) ||
		strcasecmp(coding, "chunked") != 0)
		return 501;
	if (has_field(c->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH))
		return 400;
	if (!posts)
		return 411;
	c->chunked = true;
	c->last = true;
	http1_chunks_init(&c->chunks);
	c->chunks.data_only = true;
	*body_out = true;
	return 0;
}

/* ---- All of it ---- */

static bool method_of(int lws_method, struct panel_conn *c)
{
	static const struct {
		int lws;
		enum panel_method ours;
	} methods[] = {
		{LWSHUMETH_GET, PANEL_GET},
		{LWSHUMETH_HEAD, PANEL_GET},
		{LWSHUMETH_POST, PANEL_POST},
		{LWSHUMETH_PUT, PANEL_PUT},
		{LWSHUMETH_PATCH, PANEL_PATCH},
		{LWSHUMETH_DELETE, PANEL_DELETE},
		{LWSHUMETH_OPTIONS, PANEL_OPTIONS},
	};
	c->head_only = lws_method == LWSHUMETH_HEAD;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (methods[i].lws == lws_method) {
			c->request->method = methods[i].ours;
			return true;
		}
	return false;
}

int panel_head_read(struct panel_conn *c, bool *body_out, const char **why_out)
{
	char *path;
	int n, method = lws_http_get_uri_and_method(c->wsi, &path, &n);
	struct panel_request *rq = c->request;
	*body_out = false;
	c->last = !goes_on(c->wsi);
	c->chunked = false;
	c->bodied = false;
	if (!method_of(method, c)) {
		*why_out = "there is no such method";
		return 501;
	}
	bool posts =
		rq->method == PANEL_POST || rq->method == PANEL_PUT || rq->method == PANEL_PATCH;
	int status = read_framing(c, posts, body_out, why_out);
	c->bodied = status || posts || *body_out;
	if (status)
		return status;
	rq->target = read_target(c->wsi, path, (size_t)n);
	char match[256];
	*why_out = "If-Match is too long";
	if (!panel_head_field(c->wsi, WSI_TOKEN_HTTP_IF_MATCH, match, sizeof(match)))
		return 400;
	rq->if_match = *match ? strdup(match) : NULL;
	char accept[512]; /* Prometheus' has 200 bytes; who says more gets what everybody gets */
	if (panel_head_field(c->wsi, WSI_TOKEN_HTTP_ACCEPT, accept, sizeof(accept)) && *accept)
		rq->accept = strdup(accept);
	*why_out = "out of memory";
	return rq->target && (!*match || rq->if_match) ? 0 : 503;
}
