/* SPDX-License-Identifier: MIT */
/* What an exchange asks of its HTTP/2 connection: exchange_ops. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/http/h1_conn.h"
#include "server/http/h2_conn.h"
#include "server/http/upstream_head.h"

/* ---- The request's body ---- */

static ssize_t h2_op_read(struct exchange *ex, uint8_t *room, size_t max)
{
	return h2_body_read(h2_exchange_of(ex), room, max);
}

/* Nothing stands behind a body of ours. */
static int h2_op_unread(struct exchange *ex, const uint8_t *p, size_t n)
{
	return 0;
}

static bool h2_op_pending(const struct exchange *ex)
{
	return h2_body_pending(h2_exchange_of(ex));
}

/* The connection is always read. */
static void h2_op_watch(struct exchange *ex)
{
}

/* ---- The response ---- */

static bool h2_op_room(const struct exchange *ex)
{
	const struct h2_exchange *x = h2_exchange_of(ex);
	struct h2_conn *c = x->conn;
	if (x->stream.blocked)
		return false;
	if (buf_len(&c->h2.out) < H2_OUT_MAX)
		return true;
	c->starved = true;
	return false;
}

/* The connection is of no more use: that ends it, and the exchange with it. */
static int broke(struct h2_exchange *x)
{
	h2_conn_close(x->conn, true);
	return -ECONNRESET;
}

/* As exchange_ops::head. */
static int write_head(struct h2_exchange *x, const struct http1_head *h, struct str added, bool end)
{
	struct buf *head = &x->ex.worker->http->rewritten;
	struct forward_response f = {.added = added};
	struct rewrite names;
	f.rewrite = upstream_head_rewrite(&x->ex, x->ex.user.pooled->shard->service, &names);
	head->start = head->end = 0;
	int r = forward_response(head, h, &f);
	if (r > 0)
		return r;
	if (r < 0 || h2_answer(&x->stream, buf_head(head), buf_len(head), end) < 0)
		return broke(x);
	x->ex.bytes_out += buf_len(head);
	h2_conn_touch(x->conn);
	return x->ex.state == EXCHANGE_NONE ? -ECONNRESET : 0;
}

static int h2_op_interim(struct exchange *ex, const struct http1_head *h)
{
	return write_head(h2_exchange_of(ex), h, STR_NULL, false);
}

static int h2_op_head(struct exchange *ex, const struct http1_head *h, struct str added)
{
	struct h2_exchange *x = h2_exchange_of(ex);
	/* A login of the connection (rule 33) is not for one that many requests share. */
	if (h->status == 401 && exchange_logs_in(h, HTTP1_WWW_AUTHENTICATE)) {
		ex->why = "http-1.1-required";
		h2_exchange_reset(x, H2_HTTP_1_1_REQUIRED);
		return -ECONNRESET;
	}
	return write_head(x, h, added, ex->answer.done);
}

/* Of a response whose length is known, END_STREAM goes along with the last byte. */
static ssize_t h2_op_data(struct exchange *ex, const uint8_t *p, size_t n)
{
	struct h2_exchange *x = h2_exchange_of(ex);
	struct h2_conn *c = x->conn;
	if (!n)
		return 0;
	bool last = ex->answer.kind == HTTP1_BODY_LENGTH && n == ex->answer.left;
	ssize_t taken = h2_data(&x->stream, p, n, last);
	if (taken < 0)
		return broke(x);
	/* The stream was reset meanwhile. */
	if (ex->state == EXCHANGE_NONE)
		return -ECONNRESET;
	ex->bytes_out += (uint64_t)taken;
	if ((size_t)taken < n && !timeout_running(&x->stalled)) {
		x->stalled_sent = x->stream.sent;
		timeout_start(&c->worker->http->h2_stalled, &x->stalled);
	}
	h2_conn_touch(c);
	return taken;
}

static bool h2_op_pass(struct exchange *ex, struct buf *bytes)
{
	struct h2_exchange *x = h2_exchange_of(ex);
	int r = h2_pass(&x->stream, buf_head(bytes), buf_len(bytes));
	ex->bytes_out += buf_len(bytes);
	buf_deinit(bytes);
	if (r < 0) {
		h2_exchange_reset(x, H2_INTERNAL_ERROR);
		return false;
	}
	h2_exchange_charge(x);
	h2_conn_touch(x->conn);
	return true;
}

/* Only behind a 101, which nobody asked for. */
static void h2_op_fin(struct exchange *ex)
{
}

/* A page has one syntax: it is written in that, and taken apart. */
static bool h2_op_page(struct exchange *ex, struct error_page *page)
{
	struct h2_exchange *x = h2_exchange_of(ex);
	struct buf text = BUF_NULL;
	page->close = false;
	int r = h1_page_write(&text, page);
	if (r == 0) {
		size_t n = buf_len(&text);
		uint8_t *p = buf_head(&text), *end = memmem(p, n, "\r\n\r\n", 4);
		size_t head_n = (size_t)(end - p) + 4;
		r = h2_answer(&x->stream, p, head_n, head_n == n);
		r = r ? r : h2_pass(&x->stream, p + head_n, n - head_n);
		ex->bytes_out += n;
	}
	buf_deinit(&text);
	if (r < 0)
		broke(x);
	return r == 0 && ex->state != EXCHANGE_NONE;
}

static void h2_op_end(struct exchange *ex)
{
	struct h2_exchange *x = h2_exchange_of(ex);
	bool trailed = ex->answer.kind == HTTP1_BODY_CHUNKED && ex->answer.done;
	struct str trailers = STR_NULL;
	if (trailed)
		trailers =
			(struct str){(const char *)buf_head(&ex->partial), buf_len(&ex->partial)};
	if (h2_end(&x->stream, trailers) < 0)
		h2_reset(&x->stream, H2_INTERNAL_ERROR);
	exchange_end(ex);
	h2_conn_touch(x->conn);
	h2_exchange_done(x);
}

/* What the upstream said to end its response; of what would say something else from here another word. */
static enum h2_error code_of(const struct exchange *ex)
{
	switch (ex->user.reset_code) {
	case H2_NO_ERROR:
	case H2_PROTOCOL_ERROR:
	case H2_REFUSED_STREAM:
	case H2_HTTP_1_1_REQUIRED:
		return H2_INTERNAL_ERROR;
	default:
		return (enum h2_error)ex->user.reset_code;
	}
}

/*
 * A call of gRPC says in its trailers how it ended: it is unavailable, where nobody said anything else. Without a status a
 * client would take it for its own or our fault.
 */
static bool ends_as_grpc(struct h2_exchange *x)
{
	const struct exchange *ex = &x->ex;
	char lines[128];
	if (!ex->grpc || !ex->headed || ex->user.reset_code || ex->answer.done ||
		ex->answer.kind != HTTP1_BODY_CHUNKED)
		return false;
	int n = snprintf(lines, sizeof(lines), "grpc-status: 14\r\ngrpc-message: %.64s\r\n",
		ex->why ? ex->why : "aborted");
	return h2_end(&x->stream, (struct str){lines, (size_t)n}) == 0;
}

static void h2_op_abort(struct exchange *ex)
{
	struct h2_exchange *x = h2_exchange_of(ex);
	if (!ends_as_grpc(x)) {
		h2_exchange_reset(x, code_of(ex));
		return;
	}
	exchange_close(ex, false);
	h2_conn_touch(x->conn);
	h2_exchange_done(x);
}

/* ---- The rest ---- */

/* FRAME_ALPN_HTTP11 stands for the HTTP that the upstream is asked in; its client knows which (publication_alpn()). */
static void h2_op_opening(const struct exchange *ex, struct frame_open *open_out)
{
	const struct conn *conn = &h2_exchange_of(ex)->conn->conn;
	frame_open_set_tls(conn, STR_NULL, open_out);
	if (conn->tls)
		open_out->alpn = FRAME_ALPN_HTTP11;
}

static void h2_op_move(struct exchange *ex, unsigned worker)
{
	h2_conn_move(h2_exchange_of(ex), worker);
}

static bool h2_op_leaving(const struct exchange *ex, unsigned *worker_out)
{
	const struct h2_conn *c = container_of(ex, struct h2_exchange, ex)->conn;
	if (c->state != H2_CONN_MOVING)
		return false;
	*worker_out = c->to->index;
	return true;
}

static void h2_op_charge(struct exchange *ex)
{
	struct h2_exchange *x = h2_exchange_of(ex);
	h2_exchange_charge(x);
	h2_conn_charge(x->conn);
}

const struct exchange_ops h2_exchange_ops = {
	.read = h2_op_read,
	.unread = h2_op_unread,
	.pending = h2_op_pending,
	.watch = h2_op_watch,
	.room = h2_op_room,
	.interim = h2_op_interim,
	.head = h2_op_head,
	.data = h2_op_data,
	.pass = h2_op_pass,
	.fin = h2_op_fin,
	.page = h2_op_page,
	.end = h2_op_end,
	.abort = h2_op_abort,
	.opening = h2_op_opening,
	.move = h2_op_move,
	.leaving = h2_op_leaving,
	.charge = h2_op_charge,
};
