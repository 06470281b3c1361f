/* One request and its answer: the facts, and the bytes of the request that are kept. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "server/http/forward.h"
#include "server/http/scheme.h"
#include "server/http/h1_conn.h"
#include "wire/http1_path.h"

#define EXCHANGE_GROWTH 512 /* bytes that forwarding adds to a head */
#define AUTHORITY_SIZE  (HOSTNAME_SIZE + sizeof(":65535"))

void body_begin(struct body *b, enum http1_body kind, uint64_t length)
{
	*b = (struct body){.kind = kind, .left = length, .done = kind == HTTP1_BODY_NONE};
	if (kind == HTTP1_BODY_CHUNKED)
		http1_chunks_init(&b->chunks);
}

static bool starts_with(struct str s, struct str word)
{
	return s.n >= word.n && strncasecmp(s.p, word.p, word.n) == 0;
}

bool exchange_logs_in(const struct http1_head *h, enum http1_id id)
{
	if (!(h->seen & UINT64_C(1) << id))
		return false;
	for (size_t i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == id &&
			(starts_with(h->fields[i].value, STR("NTLM")) ||
				starts_with(h->fields[i].value, STR("Negotiate"))))
			return true;
	return false;
}

/* What a Host field says of the canonical host and the port that was asked for; its length. */
static size_t exchange_authority(const struct http1_head *h, char out[AUTHORITY_SIZE])
{
	struct str host = http1_host(h);
	char port[sizeof(":65535")] = "";
	if (h->host_port)
		snprintf(port, sizeof(port), ":%u", h->host_port);
	return (size_t)snprintf(out, AUTHORITY_SIZE, "%.*s%s", STR_ARG(host), port);
}

/* The request as it goes upstream, before a service is chosen for it. */
static int exchange_write(struct exchange *ex, const struct http1_head *h, const struct forward *f)
{
	struct str host = http1_host(h), value = forward_host(h, f);
	/* What the head grows by is mostly X-Forwarded-* and an id: one allocation at the most. */
	int r = buf_reserve(&ex->request, host.n + value.n + h->size + EXCHANGE_GROWTH);
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

int exchange_begin(struct h1_conn *c, const struct http1_head *h)
{
	struct worker *w = c->worker;
	struct exchange *ex = &c->ex;
	ex->began = loop_now(w->loop);
	ex->bytes_in = h->size;
	ex->method = h->method;
	ex->http10 = h->minor == 0;
	ex->asterisk = h->path.p[0] == '*'; /* an absolute form has it too */
	ex->keep = h->keep_alive;
	ex->upgrade = h->upgrade;
	ex->expects = h->expect_continue;
	ex->login = exchange_logs_in(h, HTTP1_AUTHORIZATION);
	ex->dav = h->seen & (UINT64_C(1) << HTTP1_DESTINATION | UINT64_C(1) << HTTP1_IF);
	ex->html = error_page_wants_html(h);
	ex->holding = true;
	body_begin(&ex->body, h->body, h->length);

	bool trusted = forward_visitor(h, &c->peer, &w->opts->trusted, &ex->visitor);
	ex->trusted = trusted;
	ex->secure = scheme_secure(h, trusted, c->secure);
	struct str id = trusted ? request_id_given(h) : STR_NULL;
	if (id.n)
		memcpy(ex->id, id.p, id.n);
	else
		id.n = request_id_next(&w->http->ids, ex->id);
	id.p = ex->id;

	char authority[AUTHORITY_SIZE];
	struct forward f = {
		.peer = str_from(c->peer_text),
		.request_id = id,
		.pseudonym = w->node->pseudonym,
		.secure = ex->secure,
		.trusted = trusted,
		.upgrade = ex->upgrade,
	};
	if (!h->host_n) /* but the upstream is asked in 1.1, and many take no empty Host */
		f.authority =
			(struct str){authority, scheme_authority(&c->local, c->secure, authority)};
	else if (!forward_takes_host(h))
		f.authority = (struct str){authority, exchange_authority(h, authority)};
	ex->request = buf_pool_take(&w->http->bufs);
	return exchange_write(ex, h, &f);
}

bool exchange_switches(const struct exchange *ex, const struct http1_head *response)
{
	static const struct str mark = {"\r\n" FORWARD_UPGRADE, sizeof("\r\n" FORWARD_UPGRADE) - 1};
	const struct http1_field *f = http1_find(response, HTTP1_UPGRADE);
	const char *head = (const char *)buf_head(&ex->request) + ex->head_at;
	const char *offer = memmem(head, ex->head_n, mark.p, mark.n);
	if (!response->upgrade || !offer)
		return false;
	offer += mark.n;
	const char *end = memchr(offer, '\r', (size_t)(head + ex->head_n - offer));
	struct str answer = f->value, protocol, offered, offers = {offer, (size_t)(end - offer)};
	/* Layers stand in ascending order (RFC 9110, 7.8): "TLS/1.0, HTTP/1.1" switches to TLS. */
	if (!http1_list_next(&answer, &protocol))
		return false;
	while (http1_list_next(&offers, &offered))
		if (str_eq_nocase(offered, protocol))
			return true;
	return false;
}

struct str exchange_host(const struct exchange *ex)
{
	return (struct str){(const char *)buf_head(&ex->request), ex->host_n};
}

/* Makes the `old` bytes at `at` of the head `n`, to be filled in. NULL: out of memory. */
static uint8_t *exchange_splice(struct exchange *ex, size_t at, size_t old, size_t n)
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

static struct str path_prefix(const char *path)
{
	struct str prefix = str_from(path);
	if (prefix.n && prefix.p[prefix.n - 1] == '/')
		prefix.n--; /* the request's path brings its own */
	return prefix;
}

/* The head as it was before fields in it were rewritten. */
static struct str exchange_plain(const struct exchange *ex)
{
	const char *head = (const char *)buf_head(&ex->request) + ex->head_at - ex->plain_n;
	return (struct str){head, ex->plain_n ? ex->plain_n : ex->head_n};
}

static void exchange_places(const struct exchange *ex, const struct service *service,
	struct rewrite *out)
{
	struct str host = {(const char *)buf_head(&ex->request) + ex->host_n, ex->came_n};
	bool https = service->scheme == CONTROL_SCHEME_UNKNOWN
			     ? ex->secure
			     : service->scheme == CONTROL_SCHEME_HTTPS;
	rewrite_visitor(&out->visitor, exchange_plain(ex), host, ex->secure);
	rewrite_upstream(&out->upstream, https,
		service->rewrite ? str_from(service->rewrite) : host, service->path);
	/* Upstreams that go by X-Forwarded-Proto call themselves by the visitor's scheme. */
	out->upstream.either = https != ex->secure;
}

bool exchange_leaves(struct exchange *ex, const struct service *service,
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
	exchange_places(ex, service, &names);
	return rewrite_leaves(&names, exchange_plain(ex), buf_tail(&ex->request));
}

static int exchange_set_prefix(struct exchange *ex, struct str prefix)
{
	if ((!prefix.n && !ex->prefix_n) || ex->asterisk)
		return 0;
	/* The target as the log shows it stays the visitor's: it begins behind the prefix. */
	uint8_t *p = exchange_splice(ex, ex->method_n + 1, ex->prefix_n, prefix.n);
	if (!p)
		return -ENOMEM;
	memcpy(p, prefix.p, prefix.n);
	ex->prefix_n = prefix.n;
	return 0;
}

/* NULL: the visitor's own, which stands before the head. */
static int exchange_set_host(struct exchange *ex, const char *rewrite)
{
	if (!rewrite && !ex->rewritten)
		return 0;
	size_t n = rewrite ? strlen(rewrite) : ex->came_n;
	uint8_t *p = exchange_splice(ex, ex->value_at + ex->prefix_n, ex->value_n, n);
	if (!p)
		return -ENOMEM;
	memcpy(p, rewrite ? (const void *)rewrite : buf_head(&ex->request) + ex->host_n, n);
	ex->value_n = n;
	ex->rewritten = rewrite != NULL;
	return 0;
}

/* The plain head takes the place of the one that was made of it. */
static void exchange_take_back(struct exchange *ex)
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
static int exchange_set_names(struct exchange *ex, const struct service *service)
{
	bool all = service_rewrites(service), changed;
	bool dav = ex->dav && (service->scheme != CONTROL_SCHEME_UNKNOWN || *service->path);
	ex->answers = all;
	if (!all && !dav)
		return 0;
	struct rewrite names;
	exchange_places(ex, service, &names);
	size_t plain_n = ex->head_n;
	size_t n = rewrite_request(&names, all, exchange_plain(ex), NULL, &changed);
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

int exchange_set_service(struct exchange *ex, const struct service *service)
{
	exchange_take_back(ex);
	int r = exchange_set_prefix(ex, path_prefix(service->path));
	if (!r)
		r = exchange_set_host(ex, service->rewrite);
	return r ? r : exchange_set_names(ex, service);
}

const struct rewrite *exchange_rewrite(const struct exchange *ex, const struct service *service,
	struct rewrite *out)
{
	if (!ex->answers)
		return NULL;
	exchange_places(ex, service, out);
	return out;
}

void exchange_blame(const struct exchange *ex, const char *what, int http1_error, struct str field)
{
	log_debug("%s %s is refused, because %s%s%.*s", what, ex->id, http1_error_text(http1_error),
		field.n ? ": " : "", (int)MIN(field.n, EXCHANGE_BLAMED_MAX),
		field.n ? field.p : "");
}

void exchange_log(const struct h1_conn *c)
{
	const struct exchange *ex = &c->ex;
	const char *p = (const char *)buf_head(&ex->request);
	char other[ADDRESS_TEXT_SIZE];
	struct str visitor = str_from(c->peer_text);
	if (!address_same_ip(&ex->visitor, &c->peer))
		visitor = (struct str){other, address_format_ip(&ex->visitor, other)};
	struct access_entry a = {
		.visitor = visitor,
		.host = {p, ex->host_n},
		.query = (enum access_query)c->worker->opts->access_log_query,
		.status = ex->status,
		.bytes_in = ex->bytes_in,
		.bytes_out = ex->bytes_out,
		.duration = loop_now(c->worker->loop) - ex->began,
		.session = str_from(ex->session),
		.request_id = str_from(ex->id),
		.why = ex->why,
	};
	if (ex->head_n) {
		p += ex->head_at;
		a.method = (struct str){p, ex->method_n};
		a.path = (struct str){p + ex->method_n + 1 + ex->prefix_n, ex->target_n};
	}
	access_log(&a);
}

bool exchange_let_go(struct exchange *ex)
{
	size_t head = ex->head_at + ex->head_n, all = buf_len(&ex->request);
	if (all == head || ex->sent != all - ex->head_at)
		return false;
	struct buf rest = BUF_NULL;
	if (buf_append(&rest, buf_head(&ex->request), head) < 0)
		return false;
	buf_deinit(&ex->request);
	ex->request = rest;
	ex->holding = false;
	ex->sent = ex->head_n;
	return true;
}

void exchange_end(struct h1_conn *c)
{
	buf_pool_give(&c->worker->http->bufs, &c->ex.request);
	buf_deinit(&c->ex.partial);
	c->ex = (struct exchange){0};
}
