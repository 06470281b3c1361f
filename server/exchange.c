/* One request and its answer: the facts, and the bytes of the request that are kept. */
#include <errno.h>
#include <string.h>

#include "server/forward.h"
#include "server/session.h"
#include "server/visitor.h"

#define EXCHANGE_GROWTH 512 /* bytes that forwarding adds to a head */

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

int exchange_begin(struct visitor *v, const struct http1_head *h)
{
	struct worker *w = v->worker;
	struct exchange *ex = &v->ex;
	ex->began = loop_now(w->loop);
	ex->bytes_in = h->size;
	ex->method = h->method;
	ex->http10 = h->minor == 0;
	ex->asterisk = h->path.p[0] == '*'; /* an absolute form has it too */
	ex->keep = h->keep_alive;
	ex->upgrade = h->upgrade_websocket;
	ex->login = exchange_logs_in(h, HTTP1_AUTHORIZATION);
	ex->html = page_wants_html(h);
	ex->holding = true;
	body_begin(&ex->body, h->body, h->length);

	bool trusted = forward_visitor(h, &v->peer, &w->opts->trusted, &ex->visitor);
	struct str id = trusted ? request_id_given(h) : STR_NULL;
	if (id.n)
		memcpy(ex->id, id.p, id.n);
	else
		id.n = request_id_next(&w->ids, ex->id);
	id.p = ex->id;

	char local[ADDRESS_TEXT_SIZE];
	struct forward f = {
		.peer = str_from(v->peer_text),
		.scheme = STR("http"),
		.request_id = id,
		.trusted = trusted,
		.upgrade = ex->upgrade,
	};
	if (!h->host_n) /* HTTP/1.0 may leave it out, but the upstream is asked in 1.1 */
		f.authority = (struct str){local, address_format(&v->local, local)};
	ex->request = worker_take_buf(w);
	struct str host = http1_host(h);
	ex->host_n = host.n;
	/* What the head grows by is mostly X-Forwarded-* and an id: one allocation at the most. */
	int r = buf_reserve(&ex->request, host.n + h->size + EXCHANGE_GROWTH);
	if (r == 0)
		r = buf_append(&ex->request, host.p, host.n);
	if (r == 0)
		r = forward_request(&ex->request, h, &f);
	if (r < 0)
		return r;
	ex->head_n = buf_len(&ex->request) - ex->host_n;
	ex->method_n = h->method_name.n;
	ex->target_n = (size_t)((const char *)memchr(buf_head(&ex->request) + ex->host_n +
							     ex->method_n + 1,
					' ', ex->head_n) -
				(const char *)buf_head(&ex->request)) -
		       ex->host_n - ex->method_n - 1;
	return 0;
}

struct str exchange_host(const struct exchange *ex)
{
	return (struct str){(const char *)buf_head(&ex->request), ex->host_n};
}

int exchange_set_prefix(struct exchange *ex, const char *prefix)
{
	size_t n = strlen(prefix);
	if (n && prefix[n - 1] == '/')
		n--; /* the path brings its own */
	if ((!n && !ex->prefix_n) || ex->asterisk)
		return 0;
	int r = buf_reserve(&ex->request, n);
	if (r < 0)
		return r;
	/* The target as the log shows it stays the visitor's: it begins behind the prefix. */
	size_t at = ex->host_n + ex->method_n + 1;
	uint8_t *p = buf_head(&ex->request) + at;
	memmove(p + n, p + ex->prefix_n, buf_len(&ex->request) - at - ex->prefix_n);
	memcpy(p, prefix, n);
	ex->request.end += n;
	ex->request.end -= ex->prefix_n;
	ex->head_n += n;
	ex->head_n -= ex->prefix_n;
	ex->prefix_n = n;
	return 0;
}

void exchange_log(const struct visitor *v)
{
	const struct exchange *ex = &v->ex;
	const char *p = (const char *)buf_head(&ex->request);
	char other[ADDRESS_TEXT_SIZE];
	struct str visitor = str_from(v->peer_text);
	if (!address_same_ip(&ex->visitor, &v->peer))
		visitor = (struct str){other, address_format_ip(&ex->visitor, other)};
	struct access a = {
		.visitor = visitor,
		.host = {p, ex->host_n},
		.status = ex->status,
		.bytes_in = ex->bytes_in,
		.bytes_out = ex->bytes_out,
		.duration = loop_now(v->worker->loop) - ex->began,
		.session = str_from(ex->session),
		.request_id = str_from(ex->id),
		.why = ex->why,
	};
	if (ex->head_n) {
		p += ex->host_n;
		a.method = (struct str){p, ex->method_n};
		a.path = (struct str){p + ex->method_n + 1 + ex->prefix_n, ex->target_n};
	}
	access_log(&a);
}

void exchange_end(struct visitor *v)
{
	worker_give_buf(v->worker, &v->ex.request);
	buf_deinit(&v->ex.partial);
	v->ex = (struct exchange){0};
}
