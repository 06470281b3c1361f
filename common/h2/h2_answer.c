/* SPDX-License-Identifier: MIT */
/* A stream: its request's window, and its response's way out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "h2/h2_internal.h"

#define FIELDS_FIRST 64 /* of a head; with more of them memory is taken */

/* ---- Heads ---- */

/* Lines of HTTP/1 as fields of HTTP/2; they borrow from the text. */
struct fields {
	nghttp2_nv *v;
	size_t n, cap;
	nghttp2_nv first[FIELDS_FIRST];
	uint8_t flags;
};

static int add(struct fields *f, uint8_t *name, size_t n_name, uint8_t *value, size_t n_value)
{
	if (f->n == f->cap) {
		nghttp2_nv *v =
			reallocarray(f->v == f->first ? NULL : f->v, 2 * f->cap, sizeof(*v));
		if (!v)
			return -ENOMEM;
		if (f->v == f->first)
			memcpy(v, f->first, sizeof(f->first));
		f->v = v;
		f->cap *= 2;
	}
	f->v[f->n++] = (nghttp2_nv){name, value, n_name, n_value, f->flags};
	return 0;
}

static void fields_deinit(struct fields *f)
{
	if (f->v != f->first)
		free(f->v);
}

/* Fields that speak of an HTTP/1 connection (RFC 9113, 8.2.2). */
static bool is_of_connection(struct str name)
{
	static const struct str names[] = {STR("connection"), STR("transfer-encoding"),
		STR("keep-alive"), STR("upgrade"), STR("proxy-connection")};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

static void lower(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] |= 0x20;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* The lines from `p` on, as far as the empty one or `end`: they were judged, so each is whole. 0 or -ENOMEM. */
static int add_lines(struct fields *f, uint8_t *p, const uint8_t *end)
{
	while (p < end && *p != '\r') {
		uint8_t *line_end = memchr(p, '\r', (size_t)(end - p));
		uint8_t *colon = memchr(p, ':', (size_t)(end - p));
		if (!line_end || !colon || colon > line_end)
			break;
		uint8_t *value = colon + 1, *value_end = line_end;
		while (value < value_end && is_blank(*value))
			value++;
		while (value_end > value && is_blank(value_end[-1]))
			value_end--;
		struct str name = {(const char *)p, (size_t)(colon - p)};
		lower(p, name.n);
		if (!is_of_connection(name) &&
			add(f, p, name.n, value, (size_t)(value_end - value)) < 0)
			return -ENOMEM;
		p = line_end + 2;
	}
	return 0;
}

/* "HTTP/1.1 200 OK" and what follows. */
static int add_head(struct fields *f, uint8_t *text, size_t n)
{
	static uint8_t status[] = ":status";
	uint8_t *lines = memchr(text, '\n', n);
	if (n < sizeof("HTTP/1.1 200") || !lines)
		return -EPROTO;
	int r = add(f, status, sizeof(status) - 1, text + sizeof("HTTP/1.1 ") - 1, 3);
	return r ? r : add_lines(f, lines + 1, text + n);
}

/* nghttp2 copies the fields where they are not written before this call returns. */
static void fields_init(struct fields *f, const struct h2 *h)
{
	f->v = f->first;
	f->n = 0;
	f->cap = FIELDS_FIRST;
	f->flags = h->busy ? NGHTTP2_NV_FLAG_NONE
			   : NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
}

static int submit(struct h2_stream *s, const struct fields *f, bool interim, bool end)
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
	struct fields f;
	fields_init(&f, h);
	int r = add_head(&f, text, n);
	if (r == 0)
		r = submit(s, &f, f.v[0].value[0] == '1', end) ? -ENOMEM : 0;
	if (r == 0 && !h->busy)
		r = h2_output(h);
	fields_deinit(&f);
	return r;
}

/* ---- Bodies ---- */

/* Behind the last byte. Trailers have END_STREAM then. */
static int finish(struct h2_stream *s, uint32_t *flags)
{
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (!buf_len(&s->trailers))
		return 0;
	struct fields f = {.v = f.first, .cap = FIELDS_FIRST};
	int r = add_lines(&f, buf_head(&s->trailers), buf_tail(&s->trailers));
	if (r == 0 && f.n) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		r = nghttp2_submit_trailer(s->h2->session, s->id, f.v, f.n);
	}
	fields_deinit(&f);
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

void h2_reset(struct h2_stream *s, enum h2_error code)
{
	if (is_over(s))
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
