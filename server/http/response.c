/*
 * An answer's bytes on their way to the visitor. The head is judged and written anew, the body passes
 * as it came, straight from the record that brought it, unless its chunks are not in canonical form. An
 * answer whose end is in doubt is 502 while that can still be said, and an RST afterwards (rule 32).
 */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "server/http/forward.h"
#include "server/http/h1_conn.h"

/* Nothing of this pooled stream can be trusted any more. `field` may be in bytes that go with it. */
static void response_garbled(struct h1_conn *c, int http1_error, struct str field)
{
	exchange_blame(&c->ex, "answer to request", http1_error, field);
	/* Of what is no HTTP at all the client knows more (client/upstream/first_answer). */
	if (http1_error != HTTP1_E_START_LINE)
		service_shard_notice(c->user.pooled->shard,
			"gave an answer to request %s that is refused, because %s%s%.*s", c->ex.id,
			http1_error_text(http1_error), field.n ? ": " : "",
			(int)MIN(field.n, EXCHANGE_BLAMED_MAX), field.n ? field.p : "");
	pooled_stream_drop(c->user.pooled, FRAME_RESET_PROTOCOL);
	if (!c->ex.bytes_out && !buf_len(&c->out))
		c->ex.headed = c->ex.upgraded = false; /* judged, but not written yet */
	h1_conn_refuse_answer(c, http1_error);
}

/*
 * Writes `head` (or nothing) and then the body's bytes, and returns how many of the latter the socket
 * took. What it did not take of the head is kept. -1: the connection broke, and is closed.
 */
static ssize_t response_write(struct h1_conn *c, const struct buf *head, const uint8_t *p, size_t n)
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
	if ((size_t)sent >= head_n)
		return sent - (ssize_t)head_n;
	if (buf_append(&c->out, buf_head(head) + sent, head_n - (size_t)sent) < 0) {
		h1_conn_close(c, true);
		return -1;
	}
	return 0;
}

/* Bytes behind the answer's end, which nobody asked for. */
static void response_surplus(struct h1_conn *c)
{
	c->ex.pooled_stream_clean = false;
	service_shard_distrust(c->user.pooled->shard);
}

/* Answers without a body, to which many an upstream sends one nevertheless, a moment later. */
static bool response_bodiless(const struct exchange *ex)
{
	return ex->method == HTTP1_HEAD || ex->status == 204 || ex->status == 205 ||
	       ex->status == 304;
}

/* The answer is whole: its pooled stream serves the next request, or nobody. */
static void response_done(struct h1_conn *c)
{
	struct exchange *ex = &c->ex;
	if (ex->pooled_stream_clean && ex->body.done)
		pooled_stream_keep(c->user.pooled, ex->login               ? POOLED_STREAM_OWN
						   : response_bodiless(ex) ? POOLED_STREAM_RESTING
									   : POOLED_STREAM_SHARED);
	else
		pooled_stream_drop(c->user.pooled, FRAME_RESET_NONE);
	h1_conn_next(c);
}

/* The first `used` of `n` bytes went on: the rest is left, or none of it belongs to the answer. */
static size_t response_went(struct h1_conn *c, size_t used, size_t n)
{
	struct exchange *ex = &c->ex;
	if (!ex->answer.done)
		return used;
	if (used < n)
		response_surplus(c);
	response_done(c);
	return n;
}

/*
 * Chunks that do not pass as they came: into their canonical form, or taken apart for a visitor that
 * does not know them. It is the rare case, and copies.
 */
static size_t response_rewrite(struct h1_conn *c, const struct buf *head, const uint8_t *p,
	size_t n)
{
	struct exchange *ex = &c->ex;
	size_t used, wrote, head_n = head ? buf_len(head) : 0, room = n + 1;
	if (buf_reserve(&c->out, head_n + room) < 0) {
		h1_conn_close(c, true);
		return n;
	}
	if (head)
		buf_append(&c->out, buf_head(head), head_n);
	int r = http1_chunks_copy(&ex->answer.chunks, p, n, buf_tail(&c->out), room, &used, &wrote);
	if (r > HTTP1_MORE) {
		buf_deinit(&c->out); /* with the head, which can still be another */
		response_garbled(c, r, http1_chunks_fault(&ex->answer.chunks));
		return n;
	}
	buf_commit(&c->out, wrote);
	ex->bytes_out += head_n + wrote;
	ex->answer.done = r == HTTP1_OK;
	/* What is still in `out` is written before the connection ends. */
	return h1_conn_flush(c) ? response_went(c, used, n) : n;
}

static size_t response_chunks(struct h1_conn *c, const struct buf *head, const uint8_t *p, size_t n)
{
	struct body *b = &c->ex.answer;
	struct http1_chunks before = b->chunks;
	size_t used;
	struct str run;
	int r = http1_chunks_next(&b->chunks, p, n, &used, &run);
	if (r > HTTP1_MORE) {
		response_garbled(c, r, http1_chunks_fault(&b->chunks));
		return n;
	}
	bool as_it_came = run.p == (const char *)p && run.n == used;
	if (!as_it_came || (used < n && r == HTTP1_MORE)) {
		b->chunks = before;
		return response_rewrite(c, head, p, n);
	}
	ssize_t wrote = response_write(c, head, p, used);
	if (wrote < 0)
		return n;
	if ((size_t)wrote < used) {
		/* The rest comes again: the walk is taken back to where the socket is. */
		b->chunks = before;
		http1_chunks_passed(&b->chunks, p, (size_t)wrote);
		return (size_t)wrote;
	}
	b->done = r == HTTP1_OK;
	return response_went(c, used, n);
}

/* Body bytes, with the head before them if it goes out now. */
static size_t response_body(struct h1_conn *c, const struct buf *head, const uint8_t *p, size_t n)
{
	struct body *b = &c->ex.answer;
	size_t used = n;
	switch ((enum http1_body)b->kind) {
	case HTTP1_BODY_CHUNKED:
		return response_chunks(c, head, p, n);
	case HTTP1_BODY_NONE:
		used = 0;
		break;
	case HTTP1_BODY_LENGTH:
		used = (size_t)MIN(n, b->left);
		break;
	case HTTP1_BODY_UNTIL_CLOSE:
		break;
	}
	ssize_t wrote = response_write(c, head, p, used);
	if (wrote < 0)
		return n;
	if (b->kind == HTTP1_BODY_LENGTH) {
		b->left -= (uint64_t)wrote;
		b->done = !b->left;
	}
	return (size_t)wrote < used ? (size_t)wrote : response_went(c, used, n);
}

/* The head as the visitor gets it. False: the answer came to nothing, and its pooled stream is not this visitor's. */
static bool response_forward(struct h1_conn *c, const struct http1_head *h,
	struct forward_response *f)
{
	struct buf *head = &c->worker->http->rewritten;
	struct rewrite names;
	f->rewrite = exchange_rewrite(&c->ex, c->user.pooled->shard->service, &names);
	head->start = head->end = 0;
	int r = forward_response(head, h, f);
	if (r < 0)
		h1_conn_close(c, true);
	else if (r > 0)
		response_garbled(c, r, STR_NULL);
	return r == 0;
}

/* An interim response: passed on to those who know them (RFC 9110, 15.2). -1: the answer came to nothing. */
static int response_interim(struct h1_conn *c, const struct http1_head *h)
{
	struct exchange *ex = &c->ex;
	if (++ex->n_interim > H1_CONN_INTERIM_MAX) {
		response_garbled(c, HTTP1_E_INTERIM, STR_NULL);
		return -1;
	}
	ex->continued |= h->status == 100;
	if (ex->http10)
		return 0;
	struct forward_response f = {0};
	if (!response_forward(c, h, &f))
		return -1;
	return response_write(c, &c->worker->http->rewritten, NULL, 0) < 0 ? -1 : 0;
}

/* The final head: from here on nothing can be sent again. False: the answer came to nothing. */
static bool response_begin(struct h1_conn *c, const struct http1_head *h)
{
	struct exchange *ex = &c->ex;
	struct worker *w = c->worker;
	ex->upgraded = h->status == 101;
	ex->status = h->status;
	ex->headed = true;
	ex->login |= exchange_logs_in(h, HTTP1_WWW_AUTHENTICATE);
	ex->pooled_stream_clean =
		h->keep_alive && h->minor == 1 && !ex->upgrade && h->body != HTTP1_BODY_UNTIL_CLOSE;
	if (!request_body_ends_soon(c) || w->draining || forward_ends_by_close(h, ex->http10))
		ex->keep = false;
	/* The request is in the upstream's hands: what was held of its body is not sent again. */
	ex->holding = false;
	if (ex->sent == buf_len(&ex->request) - ex->head_at) {
		ex->request.end = ex->request.start + ex->head_at + ex->head_n;
		ex->sent = ex->head_n;
	} else {
		/* It is being sent again, and was answered early. */
		ex->pooled_stream_clean = false;
		ex->keep = false;
	}
	body_begin(&ex->answer, ex->upgraded ? HTTP1_BODY_UNTIL_CLOSE : h->body, h->length);
	ex->answer.chunks.data_only = ex->http10;
	ex->answer.chunks.padded = true;
	h1_conn_time(c, NULL);
	service_shard_worked(c->user.pooled->shard);

	struct forward_response f = {
		.http10 = ex->http10,
		.close = !ex->keep && !ex->upgraded,
	};
	if (!response_forward(c, h, &f))
		return false;
	if (ex->upgraded) {
		if (ex->body.done) /* else what is left of it is the upstream's first */
			body_begin(&ex->body, HTTP1_BODY_UNTIL_CLOSE, 0);
		stream_ready(&c->user.pooled->stream);
	}
	return true;
}

/* The bytes of a head, which may come in pieces. Returns how many were taken of these. */
static size_t response_head(struct h1_conn *c, const uint8_t *p, size_t n)
{
	struct exchange *ex = &c->ex;
	struct worker *w = c->worker;
	const uint8_t *at = p;
	size_t size = n, had = buf_len(&ex->partial);
	if (had) {
		if (buf_append(&ex->partial, p, n) < 0) {
			h1_conn_close(c, true);
			return n;
		}
		at = buf_head(&ex->partial);
		size = buf_len(&ex->partial);
	}
	struct http1_head *h = &w->http->response;
	int r = http1_parse_response(h, at, size, w->opts->response_head_limit, ex->method,
		&ex->scanned);
	if (r == HTTP1_MORE) {
		if (!had && buf_append(&ex->partial, p, n) < 0)
			h1_conn_close(c, true);
		return n;
	}
	if (r == HTTP1_OK && h->status == 101 && !(ex->upgrade && exchange_switches(ex, h)))
		r = HTTP1_E_SWITCH;
	if (r != HTTP1_OK) {
		response_garbled(c, r, h->at_fault);
		return n;
	}
	size_t used = h->size - had; /* of these bytes; the head did not end before */
	ex->scanned = 0;
	if (h->status < 200 && h->status != 101) {
		if (response_interim(c, h) < 0)
			return n;
		buf_deinit(&ex->partial);
		return used;
	}
	if (!response_begin(c, h))
		return n;
	buf_deinit(&ex->partial);
	/* Head and what follows of the body leave in one write. */
	return used + response_body(c, &w->http->rewritten, p + used, n - used);
}

size_t response_push(struct stream_user *u, const uint8_t *p, size_t n)
{
	struct h1_conn *c = h1_conn_of(u);
	size_t taken = 0;
	struct pooled_stream *pooled = c->user.pooled;
	/* `pooled stream` is no longer this visitor's once the answer is over or was given up. */
	while (taken < n && c->user.pooled == pooled) {
		if (!c->conn.writable || buf_len(&c->out))
			break;
		size_t used = c->ex.headed ? response_body(c, NULL, p + taken, n - taken)
					   : response_head(c, p + taken, n - taken);
		if (!used)
			break;
		taken += used;
	}
	if (c->user.pooled == pooled && (!c->conn.writable || buf_len(&c->out)))
		h1_conn_watch_reading(c);
	return taken;
}

bool response_push_end(struct stream_user *u)
{
	struct h1_conn *c = h1_conn_of(u);
	struct exchange *ex = &c->ex;
	if (ex->upgraded && !u->pooled->alone)
		return false; /* behind its FIN such a stream takes nothing, so both directions end */
	if (ex->upgraded) {
		c->fin_due = true;
		h1_conn_flush(c);
		return true;
	}
	if (!ex->headed || ex->answer.kind != HTTP1_BODY_UNTIL_CLOSE) {
		/* Nothing, or half of what was promised. The former is the client's to see. */
		if (ex->headed || buf_len(&ex->partial))
			service_shard_notice(u->pooled->shard,
				"ended the connection in the middle of its answer to request %s",
				ex->id);
		return false;
	}
	ex->answer.done = true;
	response_done(c);
	return true;
}
