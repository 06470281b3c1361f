/* SPDX-License-Identifier: MIT */
#include "h2/h2_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

#define CHUNK_LINE   20 /* bytes: a chunk's size and its line end */
/* Bytes that the peer has not taken: far above what is sent of a body at once. */
#define OUT_MAX      (1u << 20)
/* Bytes of interim responses and trailers that may wait beside a head and a window of the body. */
#define ANSWER_SLACK (64u << 10)

static struct h2_client *client_of(struct h2_stream *s)
{
	return container_of(s, struct h2_client, stream);
}

static void spoil(struct h2_client *c, int http1_error)
{
	if (!c->broken)
		c->error = http1_error;
	c->broken = true;
}

/* ---- The response: within h2_input() ---- */

static void put(struct h2_client *c, const void *p, size_t n)
{
	if (!c->broken && buf_append(&c->answer, p, n) < 0)
		spoil(c, HTTP1_E_TOO_LARGE);
}

/* What is no body has no window: a peer could send it without an end. */
static bool is_flood(const struct h2_client *c, size_t n)
{
	return buf_len(&c->answer) + n > c->owed + c->limit + ANSWER_SLACK;
}

static void response(struct h2_stream *s, const struct h2_message *m)
{
	struct h2_client *c = client_of(s);
	if (m->error || is_flood(c, m->text.n))
		spoil(c, m->error ? m->error : HTTP1_E_TOO_LARGE);
	if (c->broken)
		return;
	put(c, m->text.p, m->text.n);
	if (!s->answered)
		return;
	c->chunked = m->chunked;
	c->whole = m->end;
}

static void data(struct h2_stream *s, const uint8_t *p, size_t n)
{
	struct h2_client *c = client_of(s);
	char line[CHUNK_LINE];
	/* Behind a response that has no body; or of no use. */
	if (c->whole || c->broken) {
		h2_consume(s, n);
		return;
	}
	if (!n)
		return;
	if (c->chunked)
		put(c, line, (size_t)snprintf(line, sizeof(line), "%zx\r\n", n));
	put(c, p, n);
	if (c->chunked)
		put(c, "\r\n", 2);
	c->owed += n;
}

/* Trailers have no place behind a body of known length: they may be left out (RFC 9110, 6.5.1). */
static void end(struct h2_stream *s, struct str trailers)
{
	struct h2_client *c = client_of(s);
	if (c->broken)
		return;
	if (c->chunked && !c->whole) {
		put(c, "0\r\n", 3);
		put(c, trailers.p, trailers.n);
		put(c, "\r\n", 2);
	}
	c->whole = true;
}

static void closed(struct h2_stream *s)
{
}

static const struct h2_ops ops = {
	.response = response,
	.data = data,
	.end = end,
	.closed = closed,
};

/* ---- The request ---- */

void h2_client_begin(struct h2_client *c, struct str scheme)
{
	c->state = H2_CLIENT_HEAD;
	c->scheme = scheme;
	c->whole = c->chunked = false;
	c->exchanges++;
}

static bool is_open(const struct h2_client *c)
{
	return c->state > H2_CLIENT_HEAD && !c->stream.closed;
}

bool h2_client_hungry(struct h2_client *c)
{
	while (h2_ready(&c->h2))
		;
	if (c->state == H2_CLIENT_HEAD)
		return h2_client_usable(c);
	return c->state == H2_CLIENT_BODY && !c->broken && !c->stream.blocked;
}

/* The stream takes all of them, now or when its windows allow. */
static int give(struct h2_client *c, const uint8_t *p, size_t n, bool last)
{
	ssize_t taken = n ? h2_data(&c->stream, p, n, last) : 0;
	if (taken < 0)
		return (int)taken;
	int r = (size_t)taken < n ? h2_pass(&c->stream, p + taken, n - (size_t)taken) : 0;
	if (r == 0 && last)
		r = h2_end(&c->stream, STR_NULL);
	return r;
}

static int ask_chunks(struct h2_client *c, const uint8_t *p, size_t n)
{
	int r = 0;
	while (n && r == 0 && c->state == H2_CLIENT_BODY) {
		size_t used;
		struct str run;
		int e = http1_chunks_next(&c->chunks, p, n, &used, &run);
		if (e > HTTP1_MORE)
			return -EPROTO;
		if (http1_chunks_trailing(&c->chunks))
			r = buf_append(&c->head, run.p, run.n);
		else
			r = give(c, (const uint8_t *)run.p, run.n, false);
		if (r == 0 && e == HTTP1_OK) {
			c->state = H2_CLIENT_SENT;
			r = h2_end(&c->stream,
				(struct str){(const char *)buf_head(&c->head), buf_len(&c->head)});
			buf_deinit(&c->head);
		}
		p += used;
		n -= used;
	}
	return r;
}

static int ask_body(struct h2_client *c, const uint8_t *p, size_t n)
{
	if (c->state != H2_CLIENT_BODY)
		return 0;
	if (c->framing.chunked)
		return ask_chunks(c, p, n);
	size_t part = (size_t)MIN(n, c->framing.length);
	c->framing.length -= part;
	if (!c->framing.length)
		c->state = H2_CLIENT_SENT;
	return give(c, p, part, !c->framing.length);
}

/* The head is whole: `n` bytes. */
static int ask_head(struct h2_client *c, uint8_t *p, size_t n)
{
	int r = h2_ask(&c->stream, &c->h2, c->scheme, p, n, &c->framing);
	if (r < 0)
		return r;
	bool follows = c->framing.chunked || c->framing.length;
	c->state = follows ? H2_CLIENT_BODY : H2_CLIENT_SENT;
	http1_chunks_init(&c->chunks);
	c->chunks.data_only = c->chunks.trailers_too = true;
	return h2_output(&c->h2);
}

static size_t head_size(uint8_t *p, size_t n)
{
	uint8_t *stop = memmem(p, n, "\r\n\r\n", 4);
	return stop ? (size_t)(stop - p) + 4 : 0;
}

int h2_client_ask(struct h2_client *c, uint8_t *p, size_t n)
{
	if (c->state != H2_CLIENT_HEAD)
		return ask_body(c, p, n);
	size_t had = buf_len(&c->head), size;
	if (!had && (size = head_size(p, n)) != 0) {
		int r = ask_head(c, p, size);
		return r ? r : ask_body(c, p + size, n - size);
	}
	if (buf_append(&c->head, p, n) < 0)
		return -ENOMEM;
	size = head_size(buf_head(&c->head), had + n);
	if (!size)
		return 0;
	int r = ask_head(c, buf_head(&c->head), size);
	buf_deinit(&c->head);
	size_t used = size - had; /* the head did not end before */
	return r ? r : ask_body(c, p + used, n - used);
}

int h2_client_output(struct h2_client *c)
{
	return h2_output(&c->h2);
}

/* An error shows when it is pulled. */
bool h2_client_pending(struct h2_client *c)
{
	return h2_output(&c->h2) < 0 || buf_len(&c->h2.out) || h2_client_hungry(c);
}

/* ---- Both ---- */

void h2_client_input(struct h2_client *c, const uint8_t *p, size_t n, uint64_t now)
{
	if (c->broken)
		return;
	int r = h2_input(&c->h2, p, n, now);
	r = r ? r : h2_output(&c->h2);
	/* It asks for answers to PING and SETTINGS, and takes none. */
	if (buf_len(&c->h2.out) > OUT_MAX)
		spoil(c, HTTP1_E_TOO_LARGE);
	/* nghttp2 has found an error, and said so; a peer that leaves makes none. */
	if (r < 0 || (!h2_alive(&c->h2) && !c->h2.leaving))
		spoil(c, HTTP1_E_START_LINE);
}

static enum h2_client_outcome outcome_of_closed(const struct h2_client *c)
{
	if (c->broken)
		return H2_CLIENT_BROKEN;
	bool refused = c->stream.code == H2_REFUSED_STREAM && !c->stream.answered;
	return refused ? H2_CLIENT_REFUSED : H2_CLIENT_RESET;
}

enum h2_client_outcome h2_client_outcome(const struct h2_client *c)
{
	if (c->whole)
		return H2_CLIENT_WHOLE;
	if (c->state > H2_CLIENT_HEAD && c->stream.closed)
		return outcome_of_closed(c);
	if (c->broken)
		return H2_CLIENT_BROKEN;
	return c->state == H2_CLIENT_HEAD && !h2_client_usable(c) ? H2_CLIENT_REFUSED
								  : H2_CLIENT_OPEN;
}

void h2_client_taken(struct h2_client *c, size_t left, size_t window)
{
	/* Not as many as were taken: with its framing that is more than the body's bytes. */
	size_t back = c->owed > left ? c->owed - left : 0;
	c->owed -= back;
	if (!is_open(c) || c->stream.ended)
		return;
	h2_widen(&c->stream, window);
	h2_consume(&c->stream, back);
}

bool h2_client_usable(const struct h2_client *c)
{
	return !c->broken && !c->h2.leaving && !c->h2.ending && h2_alive(&c->h2);
}

bool h2_client_end(struct h2_client *c)
{
	int r = 0;
	if (is_open(c)) {
		h2_reset(&c->stream, H2_CANCEL);
		r = h2_output(&c->h2);
	}
	bool over = c->state <= H2_CLIENT_HEAD || c->stream.closed;
	c->state = H2_CLIENT_IDLE;
	c->owed = 0;
	buf_deinit(&c->head);
	buf_deinit(&c->answer);
	return r == 0 && over && h2_client_usable(c);
}

int h2_client_init(struct h2_client *c, size_t head_limit)
{
	c->limit = head_limit;
	c->stream.closed = true;
	list_init(&c->stream.ready);
	return h2_init_client(&c->h2, &ops, head_limit);
}

void h2_client_deinit(struct h2_client *c)
{
	h2_stream_forget(&c->stream);
	h2_deinit(&c->h2);
	buf_deinit(&c->head);
	buf_deinit(&c->answer);
}

size_t h2_client_memory(const struct h2_client *c)
{
	return h2_memory(&c->h2) + c->head.cap + c->answer.cap + c->stream.held.cap +
	       c->stream.trailers.cap;
}
