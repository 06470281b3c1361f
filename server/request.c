/*
 * A request's bytes on their way to the upstream: the head that dispatch.c wrote, then the body, read
 * straight from the visitor's socket into the record that carries it.
 */
#include <errno.h>
#include <string.h>

#include "server/visitor.h"

void request_rewind(struct exchange *ex)
{
	ex->sent = 0;
	ex->scanned = 0;
	ex->n_interim = 0;
	buf_deinit(&ex->partial);
}

bool request_ends_soon(const struct visitor *v)
{
	const struct exchange *ex = &v->ex;
	struct http1_chunks chunks = ex->body.chunks;
	size_t used;
	if (ex->body.done)
		return true;
	/* Who was not told to go on may leave the body out: what comes next is either (RFC 9110, 10.1.1). */
	if (ex->malformed || ex->upgraded || (ex->expects && !ex->continued))
		return false;
	if (ex->body.kind == HTTP1_BODY_LENGTH)
		return ex->body.left <= VISITOR_REST_MAX;
	/* How much is left of chunks, nobody knows, unless all of it was read with the head. */
	return ex->body.kind == HTTP1_BODY_CHUNKED &&
	       http1_chunks_walk(&chunks, buf_head(&v->in), buf_len(&v->in), &used) == HTTP1_OK;
}

/* All of it has been read. */
static void request_done(struct visitor *v)
{
	if (v->ex.upgraded) {
		body_begin(&v->ex.body, HTTP1_BODY_UNTIL_CLOSE, 0);
		return;
	}
	if (!v->ex.headed)
		visitor_time(v, &v->worker->answer);
	visitor_note_end(v);
}

/* Keeps a copy of what is sent, for sending it again, up to a limit. */
static void request_hold(struct visitor *v, const uint8_t *p, size_t n)
{
	struct exchange *ex = &v->ex;
	size_t held = buf_len(&ex->request) - ex->head_at - ex->head_n;
	size_t most = v->worker->opts->retry_body;
	if (!held && ex->body.kind == HTTP1_BODY_LENGTH && n + ex->body.left <= most)
		buf_reserve(&ex->request, n + (size_t)ex->body.left); /* once, not by doubling */
	ex->holding = held + n <= most && buf_append(&ex->request, p, n) == 0;
	if (ex->holding)
		ex->sent += n;
}

/* Body bytes that came along with the head, or the socket's. As conn_read(). */
static ssize_t request_read(struct visitor *v, uint8_t *room, size_t max)
{
	size_t n = MIN(max, buf_len(&v->in));
	if (n) {
		memcpy(room, buf_head(&v->in), n);
		buf_consume(&v->in, n);
		visitor_rest_input(v);
		return (ssize_t)n;
	}
	if (!v->conn.readable)
		return -EAGAIN;
	return conn_read(&v->conn, room, max);
}

/* How many of the `n` bytes belong to this body: the rest goes back. -EBADMSG: none should. */
static ssize_t request_walk(struct visitor *v, uint8_t *p, size_t n)
{
	struct body *b = &v->ex.body;
	size_t used = n;
	switch ((enum http1_body)b->kind) {
	case HTTP1_BODY_LENGTH:
		b->left -= n;
		b->done = !b->left;
		return (ssize_t)n;
	case HTTP1_BODY_CHUNKED:
		break;
	case HTTP1_BODY_NONE:
	case HTTP1_BODY_UNTIL_CLOSE:
		return (ssize_t)n;
	}
	int r = http1_chunks_walk(&b->chunks, p, n, &used);
	if (r > HTTP1_MORE) {
		v->ex.malformed = (uint8_t)r;
		return -EBADMSG;
	}
	if (r == HTTP1_MORE)
		return (ssize_t)n;
	b->done = true;
	/* What stands behind the end is the next request's. It may have come from `in` itself. */
	if (used < n) {
		struct buf rest = BUF_NULL;
		if (buf_append(&rest, p + used, n - used) < 0 ||
			buf_append(&rest, buf_head(&v->in), buf_len(&v->in)) < 0) {
			buf_deinit(&rest);
			return -ENOMEM;
		}
		buf_deinit(&v->in);
		v->in = rest;
	}
	return (ssize_t)used;
}

ssize_t request_skip(struct visitor *v)
{
	struct worker *w = v->worker;
	size_t max = sizeof(w->scratch);
	if (v->ex.body.kind == HTTP1_BODY_LENGTH)
		max = (size_t)MIN(max, v->ex.body.left);
	ssize_t n = request_read(v, w->scratch, max);
	if (n == 0)
		return -ECONNRESET;
	return n < 0 ? n : request_walk(v, w->scratch, (size_t)n);
}

static ssize_t request_body(struct visitor *v, uint8_t *room, size_t max)
{
	struct exchange *ex = &v->ex;
	if (ex->body.kind == HTTP1_BODY_LENGTH)
		max = (size_t)MIN(max, ex->body.left);
	ssize_t n = request_read(v, room, max);
	if (n == -EAGAIN)
		return n;
	if (n == 0 && ex->body.kind == HTTP1_BODY_UNTIL_CLOSE) {
		ex->body.done = true;
		return 0;
	}
	if (n <= 0) {
		ex->gone = true;
		return -ECONNRESET;
	}
	ssize_t used = request_walk(v, room, (size_t)n);
	if (used < 0) {
		ex->gone = !ex->malformed;
		return used;
	}
	ex->bytes_in += (uint64_t)used;
	if (ex->body.done)
		request_done(v);
	if (ex->upgraded)
		return used;
	if (!ex->body.done && !ex->headed)
		visitor_time(v, &v->worker->idle);
	if (ex->holding)
		request_hold(v, room, (size_t)used);
	return used;
}

ssize_t request_pull(struct lane_user *u, uint8_t *room, size_t max)
{
	struct visitor *v = visitor_of(u);
	struct exchange *ex = &v->ex;
	size_t kept = buf_len(&ex->request) - ex->head_at;
	if (ex->sent < kept) {
		size_t n = MIN(max, kept - ex->sent);
		memcpy(room, buf_head(&ex->request) + ex->head_at + ex->sent, n);
		ex->sent += n;
		return (ssize_t)n;
	}
	if (ex->body.done)
		return -EAGAIN;
	return request_body(v, room, max);
}
