/* SPDX-License-Identifier: MIT */
#include "both_ends.h"

#include <stdlib.h>

#include "base/macros.h"

static void say(struct buf *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct buf *to, const char *fmt, ...)
{
	char *line;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&line, fmt, ap);
	va_end(ap);
	assert_true(n >= 0);
	assert_int_equal(buf_append(to, line, (size_t)n), 0);
	free(line);
}

static const char *text(struct buf *b)
{
	assert_int_equal(buf_append(b, "", 1), 0);
	b->end--;
	return (const char *)buf_head(b);
}

const char *ends_heard(struct ends *e)
{
	return text(&e->heard);
}

const char *ends_got(struct ends *e)
{
	return text(&e->got);
}

/* ---- The server's owner ---- */

static struct ends *ends_of(struct h2 *h)
{
	return container_of(h, struct ends, server);
}

static struct h2_stream *request(struct h2 *h, const struct h2_message *r)
{
	struct ends *e = ends_of(h);
	struct served *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	assert_true(e->n_served < STREAMS);
	e->served[e->n_served++] = s;
	h2_stream_begin(&s->stream, h, r->id);
	say(&e->heard, "%d%s %d [%.*s]\n", r->id, r->end ? " end" : "", r->error,
		r->error ? 0 : (int)r->text.n, r->text.p);
	if (e->pages) {
		ends_answer(s, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n", false);
		assert_int_equal(h2_pass(&s->stream, (const uint8_t *)"no", 2), 0);
		assert_int_equal(h2_end(&s->stream, STR_NULL), 0);
	}
	return &s->stream;
}

static void data(struct h2_stream *s, const uint8_t *p, size_t n)
{
	struct ends *e = ends_of(s->h2);
	struct buf *heard = &e->heard;
	/* Pieces of one body are one line, however they came. */
	char mark[32];
	int m = snprintf(mark, sizeof(mark), "%d data ", s->id);
	if (buf_len(heard) && buf_tail(heard)[-1] == '\n') {
		const char *last = (const char *)buf_tail(heard) - 1;
		while (last > (const char *)buf_head(heard) && last[-1] != '\n')
			last--;
		if (strncmp(last, mark, (size_t)m) == 0)
			heard->end--;
		else
			say(heard, "%s", mark);
	} else {
		say(heard, "%s", mark);
	}
	say(heard, "%.*s\n", (int)n, (const char *)p);
	if (e->taking)
		h2_consume(s, n);
}

static void end(struct h2_stream *s, struct str trailers)
{
	container_of(s, struct served, stream)->whole = true;
	say(&ends_of(s->h2)->heard, "%d whole [%.*s]\n", s->id, STR_ARG(trailers));
}

static void closed(struct h2_stream *s)
{
	container_of(s, struct served, stream)->closed = true;
	say(&ends_of(s->h2)->heard, "%d closed\n", s->id);
}

static const struct h2_ops ops = {.request = request, .data = data, .end = end, .closed = closed};

void ends_answer(struct served *s, const char *head, bool last)
{
	char copy[1024];
	size_t n = strlen(head);
	assert_true(n < sizeof(copy));
	memcpy(copy, head, n);
	assert_int_equal(h2_answer(&s->stream, (uint8_t *)copy, n, last), 0);
}

/* ---- The client ---- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	struct ends *e = user;
	say(&e->got, "%d %.*s: %.*s\n", frame->hd.stream_id, (int)n, name, (int)value_n, value);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
	void *user)
{
	struct ends *e = user;
	say(&e->got, "%d data %zu %.*s\n", id, n, (int)MIN(n, 16u), p);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct ends *e = user;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		e->goaway = frame->goaway.error_code;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct ends *e = user;
	say(&e->got, "%d closed %u\n", id, code);
	return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *room, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct ends *e = user;
	size_t n = MIN(length, e->body_n);
	memcpy(room, e->body, n);
	e->body += n;
	e->body_n -= n;
	if (e->body_n)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (e->trailer) {
		nghttp2_nv nv = {(uint8_t *)(uintptr_t)e->trailer, (uint8_t *)(uintptr_t) "t",
			strlen(e->trailer), 1, 0};
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, id, &nv, 1);
	}
	return (ssize_t)n;
}

static nghttp2_nv nv_of(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
		strlen(value), 0};
}

int32_t ends_ask(struct ends *e, const char *method, const char *path)
{
	const nghttp2_nv nv[] = {
		nv_of(":method", method),
		nv_of(":scheme", "https"),
		nv_of(":authority", "a.example"),
		nv_of(":path", path),
		nv_of("cookie", "a=1"),
		nv_of("cookie", "b=2"),
	};
	const nghttp2_data_provider body = {.read_callback = read_body};
	return nghttp2_submit_request(e->client, NULL, nv, ARRAY_LEN(nv), e->body_n ? &body : NULL,
		NULL);
}

void ends_client_says(struct ends *e, struct buf *out)
{
	const uint8_t *p;
	ssize_t n;
	while ((n = nghttp2_session_mem_send(e->client, &p)) > 0)
		assert_int_equal(buf_append(out, p, (size_t)n), 0);
	assert_true(n == 0);
}

void ends_talk(struct ends *e)
{
	for (bool talking = true; talking;) {
		struct buf says = BUF_NULL, *out = &e->server.out;
		ends_client_says(e, &says);
		talking = buf_len(&says) > 0;
		assert_int_equal(h2_input(&e->server, buf_head(&says), buf_len(&says), 0), 0);
		buf_deinit(&says);
		assert_int_equal(h2_output(&e->server), 0);
		talking |= buf_len(out) > 0;
		assert_true(nghttp2_session_mem_recv(e->client, buf_head(out), buf_len(out)) ==
			    (ssize_t)buf_len(out));
		buf_consume(out, buf_len(out));
	}
}

void ends_init(struct ends *e, uint32_t client_window)
{
	*e = (struct ends){.taking = true, .goaway = UINT32_MAX};
	assert_int_equal(h2_init(&e->server, &ops, 4096), 0);
	nghttp2_session_callbacks *cb;
	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_session_client_new(&e->client, cb, e);
	nghttp2_session_callbacks_del(cb);
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, client_window},
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	};
	nghttp2_submit_settings(e->client, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
}

void ends_deinit(struct ends *e)
{
	for (unsigned i = 0; i < e->n_served; i++) {
		h2_stream_forget(&e->served[i]->stream);
		free(e->served[i]);
	}
	h2_deinit(&e->server);
	assert_int_equal(e->server.memory, 0);
	nghttp2_session_del(e->client);
	buf_deinit(&e->heard);
	buf_deinit(&e->got);
}
