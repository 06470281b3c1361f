/* SPDX-License-Identifier: MIT */
#include "server/http/response.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "server/base/worker.h"
#include "server/http/affinity.h"
#include "server/http/exchange_trace.h"
#include "server/http/http_worker.h"
#include "server/http/plan_run.h"

/* Nothing of this pooled stream can be trusted any more. `field` may be in bytes that go with it. */
static void garbled(struct exchange *ex, int http1_error, struct str field)
{
	exchange_log_fault(ex, "response to request", http1_error, field);
	/* Of what is no HTTP at all the client knows more (client/upstream/first_answer). */
	if (http1_error != HTTP1_E_START_LINE)
		service_shard_notice(ex->user.pooled->shard,
			"sent a response to request %s that was refused: %s%s%.*s", ex->id,
			http1_error_text(http1_error), field.n ? ": " : "",
			(int)MIN(field.n, EXCHANGE_FAULT_MAX), field.n ? field.p : "");
	pooled_stream_drop(ex->user.pooled, FRAME_RESET_PROTOCOL);
	exchange_fail_response(ex, http1_error);
}

/* Bytes of the body as they came. As exchange_ops::data. */
static ssize_t write_body(struct exchange *ex, const uint8_t *p, size_t n)
{
	ssize_t taken = ex->ops->data(ex, p, n);
	if (taken >= 0)
		ex->headed = true;
	return taken;
}

/* Bytes behind the response's end, which nobody asked for. */
static void surplus(struct exchange *ex)
{
	ex->pooled_stream_clean = false;
	stream_pool_distrust(ex->user.pooled->shard);
}

/* Responses without a body, to which many an upstream sends one nevertheless, a moment later. */
static bool is_bodiless(const struct exchange *ex)
{
	return ex->method == HTTP1_HEAD || ex->status == 204 || ex->status == 205 ||
	       ex->status == 304;
}

/* The response is whole: its pooled stream serves the next request, or nobody. */
static void finish(struct exchange *ex)
{
	if (ex->pooled_stream_clean && ex->body.done)
		pooled_stream_keep(ex->user.pooled, ex->login         ? POOLED_STREAM_OWN
						    : is_bodiless(ex) ? POOLED_STREAM_RESTING
								      : POOLED_STREAM_SHARED);
	else
		pooled_stream_drop(ex->user.pooled, FRAME_RESET_NONE);
	ex->ops->end(ex);
}

/* The first `used` of `n` bytes went on: the rest is left, or none of it belongs to the response. */
static size_t went(struct exchange *ex, size_t used, size_t n)
{
	if (!ex->answer.done)
		return used;
	if (used < n)
		surplus(ex);
	finish(ex);
	return n;
}

/*
 * Chunks that do not pass as they came: into their canonical form, or taken apart for a visitor that
 * does not know them. It is the rare case, and copies.
 */
static size_t rewrite_chunks(struct exchange *ex, const uint8_t *p, size_t n)
{
	struct buf out = BUF_NULL;
	size_t used, wrote, room = n + 1;
	if (buf_reserve(&out, room) < 0) {
		ex->ops->abort(ex);
		return n;
	}
	int r = http1_chunks_copy(&ex->answer.chunks, p, n, buf_tail(&out), room, &used, &wrote);
	if (r > HTTP1_MORE) {
		buf_deinit(&out);
		garbled(ex, r, http1_chunks_fault(&ex->answer.chunks));
		return n;
	}
	buf_commit(&out, wrote);
	ex->answer.done = r == HTTP1_OK;
	if (!ex->ops->pass(ex, &out))
		return n;
	ex->headed = true;
	return went(ex, used, n);
}

/* The data of chunks, for HTTP/2, up to the end of its first run; trailers are gathered for the end. */
static size_t push_chunk_data(struct exchange *ex, const uint8_t *p, size_t n)
{
	struct body *b = &ex->answer;
	struct http1_chunks before = b->chunks;
	size_t used;
	struct str run;
	int r = http1_chunks_next(&b->chunks, p, n, &used, &run);
	if (r > HTTP1_MORE) {
		garbled(ex, r, http1_chunks_fault(&b->chunks));
		return n;
	}
	bool trailer = http1_chunks_trailing(&b->chunks);
	if (trailer && buf_append(&ex->partial, run.p, run.n) < 0) {
		ex->ops->abort(ex);
		return n;
	}
	const uint8_t *data = (const uint8_t *)run.p;
	ssize_t wrote = write_body(ex, data, trailer ? 0 : run.n);
	if (wrote < 0)
		return n;
	if (!trailer && (size_t)wrote < run.n) {
		/* The rest comes again: the walk is taken back to where the connection is. */
		size_t passed = (size_t)(data - p) + (size_t)wrote;
		b->chunks = before;
		http1_chunks_next(&b->chunks, p, passed, &used, &run);
		return passed;
	}
	b->done = r == HTTP1_OK;
	return went(ex, used, n);
}

static size_t push_chunks(struct exchange *ex, const uint8_t *p, size_t n)
{
	if (ex->http2)
		return push_chunk_data(ex, p, n);
	struct body *b = &ex->answer;
	struct http1_chunks before = b->chunks;
	size_t used;
	struct str run;
	int r = http1_chunks_next(&b->chunks, p, n, &used, &run);
	if (r > HTTP1_MORE) {
		garbled(ex, r, http1_chunks_fault(&b->chunks));
		return n;
	}
	bool as_it_came = run.p == (const char *)p && run.n == used;
	if (!as_it_came || (used < n && r == HTTP1_MORE)) {
		b->chunks = before;
		return rewrite_chunks(ex, p, n);
	}
	ssize_t wrote = write_body(ex, p, used);
	if (wrote < 0)
		return n;
	if ((size_t)wrote < used) {
		/* The rest comes again: the walk is taken back to where the connection is. */
		b->chunks = before;
		http1_chunks_passed(&b->chunks, p, (size_t)wrote);
		return (size_t)wrote;
	}
	b->done = r == HTTP1_OK;
	return went(ex, used, n);
}

/* Body bytes, with the head before them if it is still to go out. */
static size_t push_body(struct exchange *ex, const uint8_t *p, size_t n)
{
	struct body *b = &ex->answer;
	size_t used = n;
	switch ((enum http1_body)b->kind) {
	case HTTP1_BODY_CHUNKED:
		return push_chunks(ex, p, n);
	case HTTP1_BODY_NONE:
		used = 0;
		break;
	case HTTP1_BODY_LENGTH:
		used = (size_t)MIN(n, b->left);
		break;
	case HTTP1_BODY_UNTIL_CLOSE:
		break;
	}
	ssize_t wrote = write_body(ex, p, used);
	if (wrote < 0)
		return n;
	if (b->kind == HTTP1_BODY_LENGTH) {
		b->left -= (uint64_t)wrote;
		b->done = !b->left;
	}
	return (size_t)wrote < used ? (size_t)wrote : went(ex, used, n);
}

/* What exchange_ops::head or ::interim made of a head. False: the exchange is over. */
static bool passed_on(struct exchange *ex, int r)
{
	if (r > 0) {
		ex->upgraded = false;
		garbled(ex, r, STR_NULL);
	}
	return r == 0;
}

/* An interim response. False: the exchange is over. */
static bool push_interim(struct exchange *ex, const struct http1_head *h)
{
	if (++ex->n_interim > RESPONSE_INTERIM_MAX) {
		garbled(ex, HTTP1_E_INTERIM, STR_NULL);
		return false;
	}
	ex->continued |= h->status == 100;
	return passed_on(ex, ex->ops->interim(ex, h));
}

/* The request is in the upstream's hands: what was held of its body is not sent again. */
static void drop_held(struct exchange *ex)
{
	ex->holding = false;
	if (ex->sent == buf_len(&ex->request) - ex->head_at) {
		ex->request.end = ex->request.start + ex->head_at + ex->head_n;
		ex->sent = ex->head_n;
	} else {
		/* It is being sent again, and was answered early. */
		ex->pooled_stream_clean = false;
		ex->keep = false;
	}
}

/* A visitor whose origin is another one than its cookie says gets one that names it. */
static struct str new_cookie(const struct exchange *ex, const struct http1_head *h,
	char text[AFFINITY_COOKIE_SIZE])
{
	const struct plan *p = ex->plan;
	const char *tag = ex->user.pooled->shard->origin.tag;
	if (!p || !p->group || !p->group->affinity || !*tag || strcmp(tag, p->cookie) == 0 ||
		affinity_is_shared(h))
		return STR_NULL;
	affinity_write(p->group, tag, ex->secure, text);
	return str_from(text);
}

/* To the visitor, as rules change it. False: the exchange is over. */
static bool pass_head(struct exchange *ex, struct http1_head *h)
{
	struct head_edit *e = &ex->worker->http->edit;
	struct str added = STR_NULL;
	char text[AFFINITY_COOKIE_SIZE];
	struct str cookie = new_cookie(ex, h, text);
	if (ex->plan && (ex->plan->response.n || cookie.n)) {
		if (plan_edit_response(ex->plan, h, cookie, e) < 0) {
			ex->ops->abort(ex);
			return false;
		}
		added = head_edit_lines(e);
	}
	return passed_on(ex, ex->ops->head(ex, h, added));
}

/* The final head: from here on nothing can be sent again. False: the exchange is over. */
static bool begin(struct exchange *ex, struct http1_head *h)
{
	ex->upgraded = h->status == 101;
	ex->answered = MAX(loop_now(ex->worker->loop), ex->asked + 1);
	ex->status = h->status;
	ex->login |= exchange_logs_in(h, HTTP1_WWW_AUTHENTICATE);
	ex->pooled_stream_clean =
		h->keep_alive && h->minor == 1 && !ex->upgrade && h->body != HTTP1_BODY_UNTIL_CLOSE;
	drop_held(ex);
	body_begin(&ex->answer, ex->upgraded ? HTTP1_BODY_UNTIL_CLOSE : h->body, h->length);
	ex->answer.chunks.data_only = ex->http10 || ex->http2;
	ex->answer.chunks.trailers_too = ex->http2;
	ex->answer.chunks.padded = true;
	timeout_cancel(&ex->timeout);
	service_shard_worked(ex->user.pooled->shard);
	exchange_trace(ex, SPAN_FIRST_BYTE);
	if (!pass_head(ex, h))
		return false;
	if (ex->upgraded && ex->plan)
		plan_disarm(ex->plan);
	if (ex->upgraded) {
		if (ex->body.done) /* else what is left of it is the upstream's first */
			body_begin(&ex->body, HTTP1_BODY_UNTIL_CLOSE, 0);
		stream_ready(&ex->user.pooled->stream);
	}
	return true;
}

/* Where a head stands that may have come in pieces, the last of which are these bytes. -ENOMEM */
static int gather(struct exchange *ex, const uint8_t **p, size_t *n)
{
	if (!buf_len(&ex->partial))
		return 0;
	if (buf_append(&ex->partial, *p, *n) < 0)
		return -ENOMEM;
	*p = buf_head(&ex->partial);
	*n = buf_len(&ex->partial);
	return 0;
}

/* The bytes of a head, which may come in pieces. Returns how many were taken of these. */
static size_t push_head(struct exchange *ex, const uint8_t *p, size_t n)
{
	struct http1_head *h = &ex->worker->http->response;
	const uint8_t *at = p;
	size_t size = n, had = buf_len(&ex->partial);
	int r = gather(ex, &at, &size);
	if (r == 0)
		r = http1_parse_response(h, at, size, ex->worker->opts->response_head_limit,
			ex->method, &ex->scanned);
	if (r == HTTP1_MORE && !had)
		r = buf_append(&ex->partial, p, n) < 0 ? -ENOMEM : HTTP1_MORE;
	if (r < 0)
		ex->ops->abort(ex);
	if (r == HTTP1_MORE || r < 0)
		return n;
	if (r == HTTP1_OK && h->status == 101 && !(ex->upgrade && exchange_switches(ex, h)))
		r = HTTP1_E_SWITCH;
	if (r != HTTP1_OK) {
		garbled(ex, r, h->at_fault);
		return n;
	}
	size_t used = h->size - had; /* of these bytes; the head did not end before */
	bool interim = h->status < 200 && h->status != 101;
	ex->scanned = 0;
	if (!(interim ? push_interim(ex, h) : begin(ex, h)))
		return n;
	buf_deinit(&ex->partial);
	/* A final head and what follows of the body leave in one write. */
	return interim ? used : used + push_body(ex, p + used, n - used);
}

void response_refused(struct stream_user *u, int http1_error)
{
	garbled(exchange_of(u), http1_error, STR_NULL);
}

size_t response_push(struct stream_user *u, const uint8_t *p, size_t n)
{
	struct exchange *ex = exchange_of(u);
	size_t taken = 0;
	struct pooled_stream *pooled = u->pooled;
	/* The stream is no longer this exchange's once the response is over or was given up. */
	while (taken < n && u->pooled == pooled && ex->ops->room(ex)) {
		size_t used = ex->headed ? push_body(ex, p + taken, n - taken)
					 : push_head(ex, p + taken, n - taken);
		if (!used)
			break;
		taken += used;
	}
	return taken;
}

bool response_push_end(struct stream_user *u)
{
	struct exchange *ex = exchange_of(u);
	if (ex->upgraded && !u->pooled->alone)
		return false; /* behind its FIN such a stream takes nothing, so both directions end */
	if (ex->upgraded) {
		ex->ops->fin(ex);
		return true;
	}
	if (!ex->headed || ex->answer.kind != HTTP1_BODY_UNTIL_CLOSE) {
		/* Nothing, or half of what was promised. The former is the client's to see. */
		if (ex->headed || buf_len(&ex->partial))
			service_shard_notice(u->pooled->shard,
				"closed the connection in the middle of its response to request %s",
				ex->id);
		return false;
	}
	ex->answer.done = true;
	finish(ex);
	return true;
}
