/* SPDX-License-Identifier: MIT */
#include "server/http/upstream_head.h"

#include <errno.h>
#include <string.h>

#include "server/http/exchange.h"
#include "wire/http1_path.h"

#define HEAD_GROWTH 512 /* bytes that forwarding adds to a head */

int upstream_head_write(struct exchange *ex, const struct http1_head *h, const struct forward *f)
{
	struct str host = http1_host(h), value = forward_host(h, f);
	/* What the head grows by is mostly X-Forwarded-* and an id: one allocation at the most. */
	int r = buf_reserve(&ex->request, host.n + value.n + h->size + HEAD_GROWTH);
	if (r == 0)
		r = buf_append(&ex->request, host.p, host.n);
	if (r == 0)
		r = buf_append(&ex->request, value.p, value.n);
	if (r < 0)
		return r;
	ex->host_n = host.n;
	ex->came_n = value.n;
	ex->head_at = host.n + value.n;
	ex->value_n = value.n;
	r = forward_request(&ex->request, h, f, &ex->value_at);
	if (r < 0)
		return r;
	ex->head_n = buf_len(&ex->request) - ex->head_at;
	ex->method_n = h->method_name.n;
	ex->target_n = h->path.n + h->query.n;
	return 0;
}

/* Makes the `old` bytes at `at` of the head `n`, to be filled in. NULL: out of memory. */
static uint8_t *splice(struct exchange *ex, size_t at, size_t old, size_t n)
{
	if (n > old && buf_reserve(&ex->request, n - old) < 0)
		return NULL;
	uint8_t *p = buf_head(&ex->request) + ex->head_at + at;
	size_t behind = buf_len(&ex->request) - ex->head_at - at - old;
	memmove(p + n, p + old, behind);
	ex->request.end = ex->request.end - old + n;
	ex->head_n = ex->head_n - old + n;
	return p;
}

int upstream_head_add(struct exchange *ex, struct str lines)
{
	uint8_t *p =
		lines.n ? splice(ex, ex->head_n - 2, 0, lines.n) : NULL; /* before the empty line */
	if (p)
		memcpy(p, lines.p, lines.n);
	return lines.n && !p ? -ENOMEM : 0;
}

static struct str path_prefix(const char *path)
{
	struct str prefix = str_from(path);
	if (prefix.n && prefix.p[prefix.n - 1] == '/')
		prefix.n--; /* the request's path brings its own */
	return prefix;
}

/* The head as it was before fields in it were rewritten. */
static struct str plain_head(const struct exchange *ex)
{
	const char *head = (const char *)buf_head(&ex->request) + ex->head_at - ex->plain_n;
	return (struct str){head, ex->plain_n ? ex->plain_n : ex->head_n};
}

static void places(const struct exchange *ex, const struct service *service, struct rewrite *out)
{
	struct str host = {(const char *)buf_head(&ex->request) + ex->host_n, ex->came_n};
	bool https = service->scheme == CONTROL_SCHEME_UNKNOWN
			     ? ex->secure
			     : service->scheme == CONTROL_SCHEME_HTTPS;
	rewrite_visitor(&out->visitor, plain_head(ex), host, ex->secure);
	rewrite_upstream(&out->upstream, https,
		service->rewrite ? str_from(service->rewrite) : host, service->path);
	/* Upstreams that go by X-Forwarded-Proto call themselves by the visitor's scheme. */
	out->upstream.either = https != ex->secure;
}

bool upstream_head_leaves(struct exchange *ex, const struct service *service,
	enum error_page_cause *why_out)
{
	if (!path_prefix(service->path).n || ex->asterisk)
		return false;
	*why_out = ERROR_PAGE_DOT_SEGMENTS;
	/* All of a head, where a Destination in it is looked at as well. */
	size_t room = ex->dav ? ex->head_n + ex->plain_n : ex->target_n;
	if (buf_reserve(&ex->request, room) < 0)
		return true;
	size_t at = ex->head_at + ex->method_n + 1 + ex->prefix_n;
	struct str target = {(const char *)buf_head(&ex->request) + at, ex->target_n};
	const char *query = memchr(target.p, '?', target.n);
	if (query)
		target.n = (size_t)(query - target.p);
	if (http1_path_has_dots(target, buf_tail(&ex->request)))
		return true;
	if (!ex->dav)
		return false;
	struct rewrite names;
	*why_out = ERROR_PAGE_DESTINATION;
	places(ex, service, &names);
	return rewrite_leaves(&names, plain_head(ex), buf_tail(&ex->request));
}

static int set_prefix(struct exchange *ex, struct str prefix)
{
	if ((!prefix.n && !ex->prefix_n) || ex->asterisk)
		return 0;
	/* The target as the log shows it stays the visitor's: it begins behind the prefix. */
	uint8_t *p = splice(ex, ex->method_n + 1, ex->prefix_n, prefix.n);
	if (!p)
		return -ENOMEM;
	memcpy(p, prefix.p, prefix.n);
	ex->prefix_n = prefix.n;
	return 0;
}

/* NULL: the visitor's own, which stands before the head. */
static int set_host(struct exchange *ex, const char *rewrite)
{
	if (!rewrite && !ex->rewritten)
		return 0;
	size_t n = rewrite ? strlen(rewrite) : ex->came_n;
	uint8_t *p = splice(ex, ex->value_at + ex->prefix_n, ex->value_n, n);
	if (!p)
		return -ENOMEM;
	memcpy(p, rewrite ? (const void *)rewrite : buf_head(&ex->request) + ex->host_n, n);
	ex->value_n = n;
	ex->rewritten = rewrite != NULL;
	return 0;
}

/* The plain head takes the place of the one that was made of it. */
static void take_back(struct exchange *ex)
{
	if (!ex->plain_n)
		return;
	uint8_t *head = buf_head(&ex->request) + ex->head_at;
	size_t behind = buf_len(&ex->request) - ex->head_at - ex->head_n;
	memmove(head, head + ex->head_n, behind);
	ex->request.end -= ex->head_n;
	ex->head_at -= ex->plain_n;
	ex->head_n = ex->plain_n;
	ex->plain_n = 0;
}

/* A head in which the place has the upstream's names, behind the plain one, if there are any to change. */
static int set_names(struct exchange *ex, const struct service *service)
{
	bool all = service_rewrites(service), changed;
	bool dav = ex->dav && (service->scheme != CONTROL_SCHEME_UNKNOWN || *service->path);
	ex->answers = all;
	if (!all && !dav)
		return 0;
	struct rewrite names;
	places(ex, service, &names);
	size_t plain_n = ex->head_n;
	size_t n = rewrite_request(&names, all, plain_head(ex), NULL, &changed);
	if (!changed)
		return 0;
	if (n > plain_n + REWRITE_GROWTH_MAX)
		return HTTP1_E_TOO_LARGE;
	if (buf_reserve(&ex->request, n) < 0)
		return -ENOMEM;
	uint8_t *plain = buf_head(&ex->request) + ex->head_at, *head = plain + plain_n;
	memmove(head + n, head, buf_len(&ex->request) - ex->head_at - plain_n);
	rewrite_request(&names, all, (struct str){(const char *)plain, plain_n}, head, &changed);
	ex->request.end += n;
	ex->head_at += plain_n;
	ex->head_n = n;
	ex->plain_n = plain_n;
	return 0;
}

int upstream_head_set_service(struct exchange *ex, const struct service *service)
{
	take_back(ex);
	int r = set_prefix(ex, path_prefix(service->path));
	if (!r)
		r = set_host(ex, service->rewrite);
	return r ? r : set_names(ex, service);
}

const struct rewrite *upstream_head_rewrite(const struct exchange *ex,
	const struct service *service, struct rewrite *out)
{
	if (!ex->answers)
		return NULL;
	places(ex, service, out);
	return out;
}
