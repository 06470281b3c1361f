/* SPDX-License-Identifier: MIT */
/* The connection: its beginning and end, and what nghttp2 has to say. */
#include "h2/h2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "h2/h2_internal.h"
#include "wire/http1_error.h"

/*
 * What a peer may do without a purpose: acknowledgements of its PINGs and SETTINGS that wait in nghttp2,
 * and streams that it resets, at once and then a second (CVE-2023-44487), or makes us reset by its errors
 * (CVE-2025-8671). A browser that leaves a page resets as many as were under way.
 */
#define ACKS_MAX        100
#define RESETS_BURST    200
#define RESETS_RATE     50
/* Bytes of an answer's head, compressed or not: more than --response-head-limit lets through by default. */
#define ANSWER_HEAD_MAX (1u << 20)

/* ---- Memory, counted ---- */

union block {
	size_t n;
	max_align_t align;
};

static void *take(struct h2 *h, void *p, size_t n, size_t had)
{
	if (!p)
		return NULL;
	union block *b = p;
	h->memory += n - had;
	b->n = n;
	return b + 1;
}

static void *mem_malloc(size_t n, void *user)
{
	return take(user, malloc(sizeof(union block) + n), n, 0);
}

static void *mem_calloc(size_t n, size_t size, void *user)
{
	size_t all;
	if (__builtin_mul_overflow(n, size, &all))
		return NULL;
	return take(user, calloc(1, sizeof(union block) + all), all, 0);
}

static void mem_free(void *p, void *user)
{
	struct h2 *h = user;
	if (!p)
		return;
	union block *b = (union block *)p - 1;
	h->memory -= b->n;
	free(b);
}

static void *mem_realloc(void *p, size_t n, void *user)
{
	if (!p)
		return mem_malloc(n, user);
	union block *b = (union block *)p - 1;
	size_t had = b->n;
	return take(user, realloc(b, sizeof(union block) + n), n, had);
}

/* ---- What comes ---- */

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

/* Client: what follows is trailers. */
static bool is_answered(nghttp2_session *session, int32_t id)
{
	const struct h2_stream *s = stream_of(session, id);
	return s && s->answered;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2 *h = user;
	enum h2_head_kind kind = H2_HEAD_TRAILERS;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		kind = H2_HEAD_REQUEST;
	else if (h->client && !is_answered(session, frame->hd.stream_id))
		kind = H2_HEAD_RESPONSE;
	h2_head_begin(&h->head, kind);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *user)
{
	struct h2 *h = user;
	if (h2_head_field(&h->head, (struct str){(const char *)name, n_name},
		    (struct str){(const char *)value, n_value}))
		return 0;
	/* A few bytes of HPACK stand for kilobytes: no more of these. */
	h2_goaway(h, H2_ENHANCE_YOUR_CALM);
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* nghttp2 would leave such a field out and go on. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
	const uint8_t *name, size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags,
	void *user)
{
	struct h2 *h = user;
	h2_head_spoil(&h->head, HTTP1_E_CONTROL);
	return 0;
}

static void take_request(struct h2 *h, int32_t id, bool end)
{
	struct h2_message r = {.id = id};
	h->requests++;
	h2_head_end(&h->head, end, &r);
	struct h2_stream *s = h->ops->request(h, &r);
	if (s)
		s->ended = end;
	else
		nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id,
			NGHTTP2_REFUSED_STREAM);
}

void h2_stream_begin(struct h2_stream *s, struct h2 *h, int32_t id)
{
	s->h2 = h;
	s->id = id;
	list_init(&s->ready);
	nghttp2_session_set_stream_user_data(h->session, id, s);
}

static void take_response(struct h2_stream *s, bool end)
{
	struct h2_message m = {.id = s->id};
	h2_head_end_response(&s->h2->head, end, s->head_only, &m);
	s->answered = m.status >= 200;
	s->ended = end;
	s->h2->ops->response(s, &m);
}

/* The head's fields, or the trailers', are complete. */
static void take_headers(struct h2 *h, const nghttp2_frame *frame)
{
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	int32_t id = frame->hd.stream_id;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		take_request(h, id, end);
		return;
	}
	struct h2_stream *s = stream_of(h->session, id);
	if (s && h->client && !s->answered) {
		take_response(s, end);
		return;
	}
	if (!s || !end)
		return;
	s->ended = true;
	if (h->head.error)
		h2_reset(s, H2_PROTOCOL_ERROR);
	else
		h->ops->end(s, h2_head_trailers(&h->head));
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2 *h = user;
	if (frame->hd.type == NGHTTP2_HEADERS) {
		take_headers(h, frame);
	} else if (frame->hd.type == NGHTTP2_DATA && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
		struct h2_stream *s = stream_of(session, frame->hd.stream_id);
		if (s) {
			s->ended = true;
			h->ops->end(s, STR_NULL);
		}
	} else if (frame->hd.type == NGHTTP2_RST_STREAM) {
		struct h2_stream *s = stream_of(session, frame->hd.stream_id);
		if (s)
			s->ended = true;
	} else if (frame->hd.type == NGHTTP2_GOAWAY) {
		h->leaving = h->client;
	}
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
	void *user)
{
	struct h2 *h = user;
	struct h2_stream *s = stream_of(session, id);
	nghttp2_session_consume_connection(session, n);
	if (s)
		h->ops->data(s, p, n);
	return 0;
}

/* ---- What ends ---- */

/* Whether a stream is reset with that for what its peer did wrong: the others are our own reasons. */
static bool is_fault(uint32_t code)
{
	return code != H2_NO_ERROR && code != H2_INTERNAL_ERROR && code != H2_REFUSED_STREAM &&
	       code != H2_CANCEL && code != H2_HTTP_1_1_REQUIRED;
}

/* Good requests among them make no difference. */
static void count_fault(struct h2 *h)
{
	const uint64_t each = CLOCK_S / RESETS_RATE;
	h->faults_gone = MAX(h->faults_gone, h->now) + each;
	if (h->faults_gone - h->now > RESETS_BURST * each)
		h2_goaway(h, H2_ENHANCE_YOUR_CALM);
}

/* Server: the response is whole, and nobody reads the rest of the request (RFC 9113, 8.1). */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2 *h = user;
	uint8_t type = frame->hd.type;
	int32_t id = frame->hd.stream_id;
	if (type == NGHTTP2_RST_STREAM) {
		if (!h->client && is_fault(frame->rst_stream.error_code))
			count_fault(h);
		return 0;
	}
	if ((type != NGHTTP2_DATA && type != NGHTTP2_HEADERS) ||
		!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	struct h2_stream *s = stream_of(session, id);
	if (s)
		s->done = true;
	if (!h->client && nghttp2_session_get_stream_remote_close(session, id) == 0)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct h2 *h = user;
	struct h2_stream *s = stream_of(session, id);
	if (!s || s->closed) /* forgotten by an owner that ends */
		return 0;
	if (s->ended)
		h2_frames_ended(&h->frames, id);
	s->code = code;
	h2_stream_forget(s);
	h->ops->closed(s);
	return 0;
}

/* ---- For the owner ---- */

static int start(struct h2 *h, nghttp2_session_callbacks *cb, nghttp2_option *o)
{
	nghttp2_mem mem = {h, mem_malloc, mem_free, mem_calloc, mem_realloc};
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_send_data_callback(cb, h2_send_data);
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_server_fallback_rfc7540_priorities(o, 1);
	nghttp2_option_set_max_outbound_ack(o, ACKS_MAX);
	nghttp2_option_set_stream_reset_rate_limit(o, RESETS_BURST, RESETS_RATE);
	nghttp2_option_set_max_send_header_block_length(o, ANSWER_HEAD_MAX);
	return h->client ? nghttp2_session_client_new3(&h->session, cb, h, o, &mem)
			 : nghttp2_session_server_new3(&h->session, cb, h, o, &mem);
}

/* Of a client's connection its streams alone are bounded. */
static int introduce_client(struct h2 *h)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h->head.limit},
	};
	int r = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
		ARRAY_LEN(settings));
	return r ? r
		 : nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
			   INT32_MAX);
}

static int introduce(struct h2 *h)
{
	if (h->client)
		return introduce_client(h);
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h->head.limit},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};
	int r = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
		ARRAY_LEN(settings));
	return r ? r
		 : nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
			   H2_CONNECTION_WINDOW);
}

static int init(struct h2 *h, const struct h2_ops *ops, size_t head_limit, bool client)
{
	h->ops = ops;
	h->client = client;
	list_init(&h->ready);
	h2_frames_init(&h->frames);
	h2_head_init(&h->head, head_limit);
	nghttp2_session_callbacks *cb = NULL;
	nghttp2_option *o = NULL;
	int r = nghttp2_session_callbacks_new(&cb);
	r = r ? r : nghttp2_option_new(&o);
	r = r ? r : start(h, cb, o);
	r = r ? r : introduce(h);
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(cb);
	return r ? -ENOMEM : 0;
}

int h2_init(struct h2 *h, const struct h2_ops *ops, size_t head_limit)
{
	return init(h, ops, head_limit, false);
}

int h2_init_client(struct h2 *h, const struct h2_ops *ops, size_t head_limit)
{
	return init(h, ops, head_limit, true);
}

void h2_deinit(struct h2 *h)
{
	nghttp2_session_del(h->session);
	h->session = NULL;
	h2_head_deinit(&h->head);
	buf_deinit(&h->out);
}
