/* SPDX-License-Identifier: MIT */
/*
 * Any bytes behind the preface of HTTP/2, in any pieces, to an owner that answers in every way that there is. What
 * is claimed: a request whose head comes without an error is one to the strict parser of HTTP/1, of all of its bytes
 * and of as many fields as were written, or none at all; and nothing that nghttp2 was given is left at the end.
 */
#include <stdlib.h>

#include "base/macros.h"
#include "h2/h2.h"
#include "wire/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define LIMIT   1024 /* small, so that the fuzzer gets there */
#define FIELDS  20
#define STREAMS 512

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct scene {
	struct h2 h2;
	struct h2_stream *streams[STREAMS];
	size_t n;
};

static struct http1_head head = HTTP1_HEAD_OF(FIELDS);

/* It is refused, or it is what it seems. */
static void check_request(const struct h2_message *r)
{
	size_t scanned = 0;
	if (r->error)
		return;
	int e = http1_parse_request(&head, (const uint8_t *)r->text.p, r->text.n, LIMIT + 1,
		&scanned);
	if (e != HTTP1_OK)
		return;
	CLAIM(head.size == r->text.n && head.n_fields == r->n_fields && head.minor == 1);
	CLAIM(head.form != HTTP1_ABSOLUTE_FORM);
	CLAIM((head.body == HTTP1_BODY_NONE) >= r->end);
	CLAIM(r->end || head.seen & (UINT64_C(1) << HTTP1_CONTENT_LENGTH |
					    UINT64_C(1) << HTTP1_TRANSFER_ENCODING));
	CLAIM(!head.upgrade && !(head.seen & UINT64_C(1) << HTTP1_CONNECTION));
}

static void answer(struct h2_stream *s, unsigned how)
{
	uint8_t text[] = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
	static uint8_t body[100000];
	if (how == 0)
		h2_reset(s, H2_CANCEL);
	if (how < 2)
		return;
	h2_answer(s, text, sizeof(text) - 1, how == 2);
	if (how == 3)
		h2_pass(s, body, sizeof(body));
	else if (how > 3)
		h2_data(s, body, how * 9999, how & 1);
	h2_end(s, how & 1 ? STR("T: u\r\n") : STR_NULL);
}

static struct h2_stream *request(struct h2 *h, const struct h2_message *r)
{
	struct scene *sc = container_of(h, struct scene, h2);
	check_request(r);
	if (sc->n == STREAMS)
		return NULL;
	struct h2_stream *s = calloc(1, sizeof(*s));
	CLAIM(s);
	sc->streams[sc->n++] = s;
	h2_stream_begin(s, h, r->id);
	answer(s, (unsigned)r->text.n % 8);
	return s;
}

static void data(struct h2_stream *s, const uint8_t *p, size_t n)
{
	if (n & 1)
		h2_consume(s, n);
	if (n == 7)
		answer(s, 4);
}

static void end(struct h2_stream *s, struct str trailers)
{
	CLAIM(!trailers.n || memcmp(trailers.p + trailers.n - 2, "\r\n", 2) == 0);
	answer(s, 5);
}

static void closed(struct h2_stream *s)
{
	CLAIM(s->closed && !buf_len(&s->held));
}

static const struct h2_ops ops = {.request = request, .data = data, .end = end, .closed = closed};

static void feed(struct scene *sc, const uint8_t *p, size_t n, size_t step)
{
	int r = h2_input(&sc->h2, (const uint8_t *)preface, sizeof(preface) - 1, 0);
	for (size_t at = 0; at < n && r == 0; at += step) {
		r = h2_input(&sc->h2, p + at, MIN(step, n - at), 0);
		r = r ? r : h2_output(&sc->h2);
		struct h2_stream *s;
		while (r == 0 && (s = h2_ready(&sc->h2)))
			answer(s, 6);
		buf_consume(&sc->h2.out, buf_len(&sc->h2.out));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data_in, size_t size)
{
	if (size < 1)
		return 0;
	struct scene sc = {.n = 0};
	if (h2_init(&sc.h2, &ops, LIMIT) == 0)
		feed(&sc, data_in + 1, size - 1, data_in[0] ? data_in[0] : SIZE_MAX / 2);
	for (size_t i = 0; i < sc.n; i++) {
		h2_stream_forget(sc.streams[i]);
		free(sc.streams[i]);
	}
	h2_deinit(&sc.h2);
	CLAIM(sc.h2.memory == 0);
	return 0;
}
