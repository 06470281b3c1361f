/* SPDX-License-Identifier: MIT */
/* A stream: the window of what comes on it, and the way out of what goes: a response, or a request's body. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "h2/h2_fields.h"
#include "h2/h2_internal.h"

/* ---- Heads ---- */

/* "HTTP/1.1 200 OK" and what follows. */
static int add_head(struct h2_fields *f, uint8_t *text, size_t n)
{
	uint8_t *lines = memchr(text, '\n', n);
	if (n < sizeof("HTTP/1.1 200") || !lines)
		return -EPROTO;
	struct str status = {(const char *)text + sizeof("HTTP/1.1 ") - 1, 3};
	int r = h2_fields_add(f, STR(":status"), status);
	return r ? r : h2_fields_add_lines(f, lines + 1, text + n);
}

/* nghttp2 copies the fields where they are not written before this call returns. */
static uint8_t flags_now(const struct h2 *h)
{
	return h->busy ? NGHTTP2_NV_FLAG_NONE
		       : NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
}

static int submit(struct h2_stream *s, const struct h2_fields *f, bool interim, bool end)
{
	struct nghttp2_session *session = s->h2->session;
	const nghttp2_data_provider body = {{.ptr = s}, h2_read_data};
	if (interim)
		return nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, s->id, NULL, f->v, f->n,
			NULL);
	return nghttp2_submit_response(session, s->id, f->v, f->n, end ? NULL : &body);
}

int h2_answer(struct h2_stream *s, uint8_t *text, size_t n, bool end)
{
	struct h2 *h = s->h2;
	if (s->closed || s->done)
		return 0;
	struct h2_fields f;
	h2_fields_init(&f, flags_now(h));
	int r = add_head(&f, text, n);
	if (r == 0)
		r = submit(s, &f, f.v[0].value[0] == '1', end) ? -ENOMEM : 0;
	if (r == 0 && !h->busy)
		r = h2_output(h);
	h2_fields_deinit(&f);
	return r;
}

/* ---- Bodies ---- */

/* Behind the last byte. Trailers have END_STREAM then. */
static int finish(struct h2_stream *s, uint32_t *flags)
{
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (!buf_len(&s->trailers))
		return 0;
	struct h2_fields f;
	h2_fields_init(&f, NGHTTP2_NV_FLAG_NONE);
	int r = h2_fields_add_lines(&f, buf_head(&s->trailers), buf_tail(&s->trailers));
	if (r == 0 && f.n) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		r = nghttp2_submit_trailer(s->h2->session, s->id, f.v, f.n);
	}
	h2_fields_deinit(&f);
	return r;
}

ssize_t h2_read_data(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct h2_stream *s = source->ptr;
	size_t held = buf_len(&s->held), all = held ? held : s->now_n;
	if (!all && !s->ends) {
		if (s->blocked && !list_linked(&s->ready))
			list_append(&s->h2->ready, &s->ready);
		s->blocked = false;
		return NGHTTP2_ERR_DEFERRED;
	}
	size_t n = MIN(length, all);
	s->from_held = held > 0;
	if (n)
		*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	bool last = s->ends || (!held && s->now_ends);
	if (n == all && last && finish(s, flags) < 0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	return (ssize_t)n;
}

int h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *framehd,
	size_t length, nghttp2_data_source *source, void *user)
{
	struct h2_stream *s = source->ptr;
	struct buf *out = &s->h2->out;
	if (buf_reserve(out, H2_FRAME_HEAD + length) < 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	memcpy(buf_tail(out), framehd, H2_FRAME_HEAD);
	memcpy(buf_tail(out) + H2_FRAME_HEAD, s->from_held ? buf_head(&s->held) : s->now, length);
	buf_commit(out, H2_FRAME_HEAD + length);
	s->sent += length;
	if (s->from_held) {
		buf_consume(&s->held, length);
		if (!buf_len(&s->held))
			buf_deinit(&s->held);
	} else {
		s->now += length;
		s->now_n -= length;
	}
	return 0;
}

static bool is_over(const struct h2_stream *s)
{
	return s->closed || s->done;
}

/* There is something to write: an error is that there was, and that it is not deferred. */
static void resume(struct h2_stream *s)
{
	nghttp2_session_resume_data(s->h2->session, s->id);
}

ssize_t h2_data(struct h2_stream *s, const uint8_t *p, size_t n, bool end)
{
	if (is_over(s))
		return (ssize_t)n;
	/* nghttp2 finds that there is room for nothing, and the stream is ready. */
	if (s->h2->busy) {
		s->blocked = true;
		resume(s);
		return 0;
	}
	s->now = p;
	s->now_n = n;
	s->now_ends = end;
	resume(s);
	int r = h2_output(s->h2);
	size_t left = s->now_n;
	s->now = NULL;
	s->now_n = 0;
	s->now_ends = false;
	if (r < 0)
		return r;
	/* Reset in the meantime: nobody wants the rest. */
	if (is_over(s))
		return (ssize_t)n;
	s->blocked = left > 0;
	return (ssize_t)(n - left);
}

int h2_pass(struct h2_stream *s, const uint8_t *p, size_t n)
{
	if (is_over(s) || !n)
		return 0;
	if (buf_append(&s->held, p, n) < 0)
		return -ENOMEM;
	s->blocked = true;
	resume(s);
	return 0;
}

int h2_end(struct h2_stream *s, struct str trailers)
{
	if (is_over(s) || s->ends)
		return 0;
	if (trailers.n && buf_append(&s->trailers, trailers.p, trailers.n) < 0)
		return -ENOMEM;
	s->ends = true;
	resume(s);
	return 0;
}

void h2_consume(struct h2_stream *s, size_t n)
{
	if (n && !s->closed)
		nghttp2_session_consume_stream(s->h2->session, s->id, n);
}

void h2_widen(struct h2_stream *s, size_t window)
{
	struct nghttp2_session *session = s->h2->session;
	int32_t now = nghttp2_session_get_stream_effective_local_window_size(session, s->id);
	if (!s->closed && now >= 0 && window > (size_t)now && window <= INT32_MAX)
		nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, s->id,
			(int32_t)window);
}

void h2_reset(struct h2_stream *s, enum h2_error code)
{
	if (s->closed || (s->done && !s->h2->client))
		return;
	s->done = true;
	buf_deinit(&s->held);
	nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, code);
}

void h2_stream_forget(struct h2_stream *s)
{
	list_unlink(&s->ready);
	buf_deinit(&s->held);
	buf_deinit(&s->trailers);
	s->closed = true;
}
