/*
 * A request's bytes on their way to the upstream: the head that dispatch.c wrote, then the body, read
 * straight from the visitor's socket into the record that carries it, where chunks become canonical.
 */
#include <errno.h>
#include <string.h>

#include "server/http/h1_conn.h"

void request_body_rewind(struct exchange *ex)
{
	ex->sent = 0;
	ex->scanned = 0;
	ex->n_interim = 0;
	buf_deinit(&ex->partial);
}

bool request_body_ends_soon(const struct h1_conn *c)
{
	const struct exchange *ex = &c->ex;
	if (ex->body.done)
		return true;
	/* Who was not told to go on may leave the body out: what comes next is either (RFC 9110, 10.1.1). */
	if (ex->malformed || ex->upgraded || (ex->expects && !ex->continued))
		return false;
	if (ex->body.kind == HTTP1_BODY_LENGTH)
		return ex->body.left <= H1_CONN_REST_MAX;
	/* How much is left of chunks, nobody knows, unless all of it was read with the head. */
	return ex->body.kind == HTTP1_BODY_CHUNKED &&
	       http1_chunks_end(&ex->body.chunks, buf_head(&c->in), buf_len(&c->in));
}

/* All of it has been read. */
static void request_body_done(struct h1_conn *c)
{
	if (c->ex.upgraded) {
		body_begin(&c->ex.body, HTTP1_BODY_UNTIL_CLOSE, 0);
		return;
	}
	if (!c->ex.headed)
		h1_conn_time(c, &c->worker->http->answer);
	h1_conn_note_end(c);
}

/* Keeps a copy of what is sent, for sending it again, up to a limit. */
static void request_body_hold(struct h1_conn *c, const uint8_t *p, size_t n)
{
	struct exchange *ex = &c->ex;
	size_t held = buf_len(&ex->request) - ex->head_at - ex->head_n, cap = ex->request.cap;
	size_t most = c->worker->opts->retry_body;
	if (!held && ex->body.kind == HTTP1_BODY_LENGTH && n + ex->body.left <= most)
		buf_reserve(&ex->request, n + (size_t)ex->body.left); /* once, not by doubling */
	ex->holding = held + n <= most && buf_append(&ex->request, p, n) == 0;
	if (ex->request.cap != cap)
		h1_conn_charge(c);
	if (ex->holding)
		ex->sent += n;
}

/* Body bytes that came along with the head, or the socket's. As conn_read(). */
static ssize_t request_body_read(struct h1_conn *c, uint8_t *room, size_t max)
{
	size_t n = MIN(max, buf_len(&c->in));
	if (n) {
		memcpy(room, buf_head(&c->in), n);
		buf_consume(&c->in, n);
		h1_conn_rest_input(c);
		return (ssize_t)n;
	}
	if (!c->conn.readable)
		return -EAGAIN;
	return conn_read(&c->conn, room, max);
}

/* Bytes that were read and belong behind what is under way; they may have come from `in` itself. */
static int request_body_unread(struct h1_conn *c, const uint8_t *p, size_t n)
{
	struct buf rest = BUF_NULL;
	if (buf_append(&rest, p, n) < 0 ||
		buf_append(&rest, buf_head(&c->in), buf_len(&c->in)) < 0) {
		buf_deinit(&rest);
		return -ENOMEM;
	}
	buf_deinit(&c->in);
	c->in = rest;
	h1_conn_charge(c);
	return 0;
}

/* As request_body_read(), of a chunked body in its canonical form. -EBADMSG: it is malformed. */
static ssize_t request_body_read_chunks(struct h1_conn *c, uint8_t *room, size_t max)
{
	struct exchange *ex = &c->ex;
	size_t wrote = 0;
	while (!wrote) {
		/* What is held comes before the byte that decides about it. */
		uint8_t decides;
		bool held = http1_chunks_held(&ex->body.chunks);
		uint8_t *from = held ? &decides : room;
		ssize_t n = request_body_read(c, from, held ? 1 : max);
		if (n <= 0)
			return n;
		size_t used;
		int r = http1_chunks_copy(&ex->body.chunks, from, (size_t)n, room, max, &used,
			&wrote);
		if (r > HTTP1_MORE) {
			ex->malformed = (uint8_t)r;
			return -EBADMSG;
		}
		ex->bytes_in += used;
		if (used < (size_t)n && request_body_unread(c, from + used, (size_t)n - used) < 0)
			return -ENOMEM;
		ex->body.done = r == HTTP1_OK;
	}
	return (ssize_t)wrote;
}

static ssize_t request_body_read_plain(struct h1_conn *c, uint8_t *room, size_t max)
{
	struct exchange *ex = &c->ex;
	bool counted = ex->body.kind == HTTP1_BODY_LENGTH;
	ssize_t n = request_body_read(c, room, counted ? (size_t)MIN(max, ex->body.left) : max);
	if (n <= 0)
		return n;
	ex->bytes_in += (uint64_t)n;
	if (counted) {
		ex->body.left -= (uint64_t)n;
		ex->body.done = !ex->body.left;
	}
	return n;
}

/* Body bytes as they go upstream; `body.done` behind the last. As conn_read(), but for -EBADMSG. */
static ssize_t request_body_read_whole(struct h1_conn *c, uint8_t *room, size_t max)
{
	return c->ex.body.kind == HTTP1_BODY_CHUNKED ? request_body_read_chunks(c, room, max)
						     : request_body_read_plain(c, room, max);
}

ssize_t request_body_skip(struct h1_conn *c)
{
	struct worker *w = c->worker;
	ssize_t n = request_body_read_whole(c, w->http->scratch, sizeof(w->http->scratch));
	return n ? n : -ECONNRESET;
}

static ssize_t request_body_body(struct h1_conn *c, uint8_t *room, size_t max)
{
	struct exchange *ex = &c->ex;
	ssize_t n = request_body_read_whole(c, room, max);
	if (n == -EAGAIN)
		return n;
	if (n == 0 && ex->body.kind == HTTP1_BODY_UNTIL_CLOSE) {
		ex->body.done = true;
		return 0;
	}
	if (n <= 0) {
		ex->gone = !ex->malformed;
		return n ? n : -ECONNRESET;
	}
	if (ex->body.done)
		request_body_done(c);
	if (ex->upgraded)
		return n;
	if (!ex->body.done && !ex->headed)
		h1_conn_time(c, &c->worker->http->idle);
	if (ex->holding)
		request_body_hold(c, room, (size_t)n);
	return n;
}

ssize_t request_body_pull(struct stream_user *u, uint8_t *room, size_t max)
{
	struct h1_conn *c = h1_conn_of(u);
	struct exchange *ex = &c->ex;
	size_t kept = buf_len(&ex->request) - ex->head_at;
	if (ex->sent < kept) {
		size_t n = MIN(max, kept - ex->sent);
		memcpy(room, buf_head(&ex->request) + ex->head_at + ex->sent, n);
		ex->sent += n;
		return (ssize_t)n;
	}
	if (ex->body.done)
		return -EAGAIN;
	return request_body_body(c, room, max);
}
