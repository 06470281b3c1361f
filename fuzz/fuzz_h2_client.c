/* SPDX-License-Identifier: MIT */
/*
 * Any bytes from a server of HTTP/2, in any pieces, to a client that asks three times. What is claimed: a response that
 * is said to be whole, and whose head the strict parser of HTTP/1 takes, ends for it with its last byte, neither before nor
 * behind; what waits is bounded; and nothing that nghttp2 was given is left at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "h2/h2_client.h"
#include "wire/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define LIMIT     1024 /* small, so that the fuzzer gets there */
#define FIELDS    40
#define EXCHANGES 3

static const struct {
	const char *text;
	enum http1_method method;
} requests[EXCHANGES] = {
	{"GET / HTTP/1.1\r\nHost: b\r\n\r\n", HTTP1_GET},
	{"HEAD / HTTP/1.1\r\nHost: b\r\n\r\n", HTTP1_HEAD},
	{"POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: "
	 "u\r\n\r\n",
		HTTP1_POST},
};

struct scene {
	struct h2_client client;
	struct buf answer; /* all of the present one */
	unsigned asked;
	bool slow;
};

static struct http1_head head = HTTP1_HEAD_OF(FIELDS);

/* How many bytes the body has for a reader of HTTP/1. */
static size_t body_size(const uint8_t *p, size_t n)
{
	struct http1_chunks chunks;
	size_t at = 0, used;
	struct str run;
	if (head.body != HTTP1_BODY_CHUNKED)
		return head.body == HTTP1_BODY_NONE ? 0 : (size_t)head.length;
	http1_chunks_init(&chunks);
	for (int r = HTTP1_MORE; r == HTTP1_MORE && at < n; at += used)
		if ((r = http1_chunks_next(&chunks, p + at, n - at, &used, &run)) > HTTP1_MORE)
			return n - at ? n : 0; /* a trailer that HTTP/1 refuses */
	return at;
}

static void check_response(const struct buf *b, enum http1_method asked)
{
	size_t at = 0;
	do {
		size_t scanned = 0;
		int e = http1_parse_response(&head, buf_head(b) + at, buf_len(b) - at, 2 * LIMIT,
			asked, &scanned);
		CLAIM(e != HTTP1_MORE);
		if (e != HTTP1_OK || head.status == 101)
			return;
		at += head.size;
	} while (head.status < 200);
	CLAIM(head.body != HTTP1_BODY_UNTIL_CLOSE && head.minor == 1);
	CLAIM(at + body_size(buf_head(b) + at, buf_len(b) - at) == buf_len(b));
}

static void ask(struct scene *sc)
{
	const char *text = requests[sc->asked].text;
	uint8_t copy[256];
	size_t n = strlen(text);
	memcpy(copy, text, n);
	h2_client_begin(&sc->client, STR("https"));
	if (h2_client_hungry(&sc->client))
		h2_client_ask(&sc->client, copy, n);
	buf_deinit(&sc->answer);
}

/* False: no other exchange follows. */
static bool look(struct scene *sc)
{
	struct h2_client *c = &sc->client;
	size_t n = buf_len(&c->answer);
	CLAIM(n < 200000);
	if (sc->slow && h2_client_outcome(c) == H2_CLIENT_OPEN)
		return true;
	CLAIM(buf_append(&sc->answer, buf_head(&c->answer), n) == 0);
	buf_consume(&c->answer, n);
	h2_client_taken(c, 0, 70000);
	enum h2_client_outcome outcome = h2_client_outcome(c);
	if (outcome == H2_CLIENT_OPEN)
		return true;
	if (outcome == H2_CLIENT_WHOLE)
		check_response(&sc->answer, requests[sc->asked].method);
	if (!h2_client_end(c) || ++sc->asked == EXCHANGES)
		return false;
	ask(sc);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct scene sc = {.slow = data[0] & 1};
	size_t step = data[0] > 1 ? data[0] / 2 : SIZE_MAX / 2;
	bool more = h2_client_init(&sc.client, LIMIT) == 0;
	if (more)
		ask(&sc);
	for (size_t at = 1; more && at < size; at += step) {
		h2_client_input(&sc.client, data + at, MIN(step, size - at), 0);
		more = look(&sc);
		if (h2_client_output(&sc.client) < 0)
			break;
		buf_consume(&sc.client.h2.out, buf_len(&sc.client.h2.out));
	}
	h2_client_deinit(&sc.client);
	buf_deinit(&sc.answer);
	CLAIM(sc.client.h2.memory == 0);
	return 0;
}
