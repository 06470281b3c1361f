/* SPDX-License-Identifier: MIT */
/* What an exchange asks of its HTTP/1 connection: exchange_ops. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "server/http/h1_conn.h"
#include "server/http/upstream_head.h"

/* ---- The request's body ---- */

/* Bytes that came along with the head, or the socket's. */
static ssize_t h1_read(struct exchange *ex, uint8_t *room, size_t max)
{
	struct h1_conn *c = h1_conn_of(ex);
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

/* They may have come from `in` itself. */
static int h1_unread(struct exchange *ex, const uint8_t *p, size_t n)
{
	struct h1_conn *c = h1_conn_of(ex);
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

static bool h1_pending(const struct exchange *ex)
{
	const struct h1_conn *c = h1_conn_of(ex);
	return c->conn.readable || buf_len(&c->in);
}

static void h1_watch(struct exchange *ex)
{
	h1_conn_watch_end(h1_conn_of(ex));
}

/* ---- The response ---- */

static bool h1_room(const struct exchange *ex)
{
	const struct h1_conn *c = h1_conn_of(ex);
	return c->conn.writable && !buf_len(&c->out);
}

/*
 * Writes `head` (or nothing) and then the body's bytes, and returns how many of the latter the socket
 * took. What it did not take of the head is kept. -1: the connection broke, and is closed.
 */
static ssize_t write_both(struct h1_conn *c, const struct buf *head, const uint8_t *p, size_t n)
{
	size_t head_n = head ? buf_len(head) : 0;
	struct iovec iov[2] = {
		{head ? buf_head(head) : NULL, head_n},
		{(void *)(uintptr_t)p, n},
	};
	ssize_t sent = head_n ? conn_writev(&c->conn, iov, 2) : n ? conn_write(&c->conn, p, n) : 0;
	if (sent == -EAGAIN)
		sent = 0;
	if (sent < 0) {
		h1_conn_close(c, true);
		return -1;
	}
	c->ex.bytes_out += (uint64_t)sent;
	/* Where TLS took all, some of it may wait for the socket. */
	if (!c->conn.writable)
		h1_conn_watch_reading(c);
	if ((size_t)sent >= head_n)
		return sent - (ssize_t)head_n;
	if (buf_append(&c->out, buf_head(head) + sent, head_n - (size_t)sent) < 0) {
		h1_conn_close(c, true);
		return -1;
	}
	return 0;
}

/* The head as the visitor gets it, in http_worker::rewritten. As exchange_ops::head. */
static int write_head(struct h1_conn *c, const struct http1_head *h, struct forward_response f)
{
	struct buf *head = &c->worker->http->rewritten;
	struct rewrite names;
	f.rewrite = upstream_head_rewrite(&c->ex, c->ex.user.pooled->shard->service, &names);
	head->start = head->end = 0;
	int r = forward_response(head, h, &f);
	if (r < 0)
		h1_conn_close(c, true);
	return r;
}

static int h1_interim(struct exchange *ex, const struct http1_head *h)
{
	struct h1_conn *c = h1_conn_of(ex);
	if (ex->http10)
		return 0;
	int r = write_head(c, h, (struct forward_response){0});
	return r ? r : (int)write_both(c, &c->worker->http->rewritten, NULL, 0);
}

static int h1_head(struct exchange *ex, const struct http1_head *h, struct str added)
{
	struct h1_conn *c = h1_conn_of(ex);
	if (!h1_conn_ends_soon(c) || c->worker->draining || forward_ends_by_close(h, ex->http10))
		ex->keep = false;
	return write_head(c, h,
		(struct forward_response){
			.http10 = ex->http10,
			.close = !ex->keep && !ex->upgraded,
			.added = added,
		});
}

/* The head that h1_head() left to be written now; NULL: it went out. */
static const struct buf *held_head(const struct h1_conn *c)
{
	return c->ex.headed ? NULL : &c->worker->http->rewritten;
}

static ssize_t h1_data(struct exchange *ex, const uint8_t *p, size_t n)
{
	struct h1_conn *c = h1_conn_of(ex);
	return write_both(c, held_head(c), p, n);
}

static bool h1_pass(struct exchange *ex, struct buf *bytes)
{
	struct h1_conn *c = h1_conn_of(ex);
	const struct buf *head = held_head(c);
	int r = 0;
	if (head)
		r = buf_append(&c->out, buf_head(head), buf_len(head));
	if (r == 0)
		r = buf_append(&c->out, buf_head(bytes), buf_len(bytes));
	buf_deinit(bytes);
	if (r < 0) {
		h1_conn_close(c, true);
		return false;
	}
	ex->bytes_out += buf_len(&c->out);
	/* What is still in `out` is written before the connection ends. */
	if (!h1_conn_flush(c))
		return false;
	if (!h1_room(ex))
		h1_conn_watch_reading(c);
	return true;
}

static void h1_fin(struct exchange *ex)
{
	struct h1_conn *c = h1_conn_of(ex);
	c->fin_due = true;
	h1_conn_flush(c);
}

static bool h1_page(struct exchange *ex, struct error_page *page)
{
	struct h1_conn *c = h1_conn_of(ex);
	/* The rest of a body, or of whatever this was, is not the next request. */
	if (page->close || !h1_conn_ends_soon(c) || c->worker->draining)
		ex->keep = false;
	page->close = !ex->keep;
	size_t before = buf_len(&c->out);
	if (h1_page_write(&c->out, page) < 0) {
		h1_conn_close(c, true);
		return false;
	}
	ex->bytes_out += buf_len(&c->out) - before;
	return true;
}

static void h1_end(struct exchange *ex)
{
	h1_conn_next(h1_conn_of(ex));
}

static void h1_abort(struct exchange *ex)
{
	h1_conn_close(h1_conn_of(ex), true);
}

/* ---- The rest ---- */

static void h1_opening(const struct exchange *ex, struct frame_open *open_out)
{
	frame_open_set_tls(&h1_conn_of(ex)->conn, STR_NULL, open_out);
}

/* Behind this turn's work: h1_conn::leave. */
static void h1_move(struct exchange *ex, unsigned worker)
{
	struct h1_conn *c = h1_conn_of(ex);
	timeout_cancel(&c->timeout);
	timeout_cancel(&ex->timeout);
	c->leaving = false; /* the end is looked for there again */
	h1_conn_set_state(c, H1_CONN_MOVING);
	ex->moves++;
	c->to = c->worker->node->workers[worker];
	loop_defer(c->worker->loop, LOOP_PHASE_REAP, &c->leave);
}

static void h1_charge(struct exchange *ex)
{
	h1_conn_charge(h1_conn_of(ex));
}

const struct exchange_ops h1_exchange_ops = {
	.read = h1_read,
	.unread = h1_unread,
	.pending = h1_pending,
	.watch = h1_watch,
	.room = h1_room,
	.interim = h1_interim,
	.head = h1_head,
	.data = h1_data,
	.pass = h1_pass,
	.fin = h1_fin,
	.page = h1_page,
	.end = h1_end,
	.abort = h1_abort,
	.opening = h1_opening,
	.move = h1_move,
	.charge = h1_charge,
};
