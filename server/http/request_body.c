/* SPDX-License-Identifier: MIT */
#include "server/http/request_body.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "server/base/worker.h"
#include "server/http/http_worker.h"
#include "server/http/plan.h"

void request_body_rewind(struct exchange *ex)
{
	ex->sent = 0;
	ex->scanned = 0;
	ex->n_interim = 0;
	buf_deinit(&ex->partial);
}

/* All of it has been read. */
static void body_read(struct exchange *ex)
{
	if (ex->upgraded) {
		body_begin(&ex->body, HTTP1_BODY_UNTIL_CLOSE, 0);
		return;
	}
	if (exchange_is_timed(ex))
		timeout_start(&ex->worker->http->answer, &ex->timeout);
	ex->ops->watch(ex);
}

/* Keeps a copy of what is sent, for sending it again, up to a limit. */
static void hold(struct exchange *ex, const uint8_t *p, size_t n)
{
	size_t held = buf_len(&ex->request) - ex->head_at - ex->head_n, cap = ex->request.cap;
	size_t most = ex->worker->opts->retry_body;
	if (!held && ex->body.kind == HTTP1_BODY_LENGTH && n + ex->body.left <= most)
		buf_reserve(&ex->request, n + (size_t)ex->body.left); /* once, not by doubling */
	ex->holding = held + n <= most && buf_append(&ex->request, p, n) == 0;
	if (ex->request.cap != cap)
		ex->ops->charge(ex);
	if (ex->holding)
		ex->sent += n;
}

/* As exchange_ops::read, of a chunked body in its canonical form. -EBADMSG: it is malformed. */
static ssize_t read_chunks(struct exchange *ex, uint8_t *room, size_t max)
{
	size_t wrote = 0;
	while (!wrote) {
		/* What is held comes before the byte that decides about it. */
		uint8_t decides;
		bool held = http1_chunks_held(&ex->body.chunks);
		uint8_t *from = held ? &decides : room;
		ssize_t n = ex->ops->read(ex, from, held ? 1 : max);
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
		if (used < (size_t)n && ex->ops->unread(ex, from + used, (size_t)n - used) < 0)
			return -ENOMEM;
		ex->body.done = r == HTTP1_OK;
	}
	return (ssize_t)wrote;
}

static ssize_t read_plain(struct exchange *ex, uint8_t *room, size_t max)
{
	bool counted = ex->body.kind == HTTP1_BODY_LENGTH;
	ssize_t n = ex->ops->read(ex, room, counted ? (size_t)MIN(max, ex->body.left) : max);
	if (n <= 0)
		return n;
	ex->bytes_in += (uint64_t)n;
	if (counted) {
		ex->body.left -= (uint64_t)n;
		ex->body.done = !ex->body.left;
	}
	return n;
}

/* Body bytes as they go upstream; `body.done` behind the last. As exchange_ops::read, but for -EBADMSG. */
static ssize_t read_body(struct exchange *ex, uint8_t *room, size_t max)
{
	return ex->body.kind == HTTP1_BODY_CHUNKED ? read_chunks(ex, room, max)
						   : read_plain(ex, room, max);
}

ssize_t request_body_skip(struct exchange *ex)
{
	struct http_worker *h = ex->worker->http;
	ssize_t n = read_body(ex, h->scratch, sizeof(h->scratch));
	return n ? n : -ECONNRESET;
}

/* A chunked body, whose length nobody said before. */
static bool exceeds(struct plan *p, size_t n)
{
	p->body_read += n;
	p->body_exceeded = p->ex->body.kind == HTTP1_BODY_CHUNKED && p->body_read > p->body_max;
	return p->body_exceeded;
}

static ssize_t pull_body(struct exchange *ex, uint8_t *room, size_t max)
{
	ssize_t n = read_body(ex, room, max);
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
	if (ex->plan && exceeds(ex->plan, (size_t)n))
		return -EMSGSIZE;
	if (ex->body.done)
		body_read(ex);
	if (ex->upgraded)
		return n;
	if (!ex->body.done && exchange_is_timed(ex))
		timeout_start(&ex->worker->http->body, &ex->timeout);
	if (ex->holding)
		hold(ex, room, (size_t)n);
	return n;
}

ssize_t request_body_pull(struct stream_user *u, uint8_t *room, size_t max)
{
	struct exchange *ex = exchange_of(u);
	size_t kept = buf_len(&ex->request) - ex->head_at;
	if (ex->sent < kept) {
		size_t n = MIN(max, kept - ex->sent);
		memcpy(room, buf_head(&ex->request) + ex->head_at + ex->sent, n);
		ex->sent += n;
		return (ssize_t)n;
	}
	if (ex->body.done)
		return -EAGAIN;
	return pull_body(ex, room, max);
}
