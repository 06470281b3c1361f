/* SPDX-License-Identifier: MIT */
#include "cli/http_message.h"

#include <errno.h>

#include "wire/http1.h"
#include "wire/http1_chunks.h"

/* Fields of the API's answers: ten and a few. */
#define FIELDS_MAX 64

/* The head, past the interim ones (100 to 199). HTTP1_OK, HTTP1_MORE or an HTTP1_E_*. */
static int read_head(struct http1_head *h, const uint8_t **p, size_t *n)
{
	for (;;) {
		size_t scanned = 0;
		int r = http1_parse_response(h, *p, *n, HTTP1_RESPONSE_MAX, HTTP1_GET, &scanned);
		if (r)
			return r;
		*p += h->size;
		*n -= h->size;
		if (h->status >= 200)
			return 0;
	}
}

bool http_message_complete(const uint8_t *p, size_t n)
{
	struct http1_head h = HTTP1_HEAD_OF(FIELDS_MAX);
	struct http1_chunks chunks;
	int r = n ? read_head(&h, &p, &n) : HTTP1_MORE;
	if (r)
		return r != HTTP1_MORE;
	switch ((enum http1_body)h.body) {
	case HTTP1_BODY_LENGTH:
		return n >= h.length;
	case HTTP1_BODY_CHUNKED:
		http1_chunks_init(&chunks);
		return http1_chunks_end(&chunks, p, n);
	case HTTP1_BODY_UNTIL_CLOSE:
		return false;
	case HTTP1_BODY_NONE:
		break;
	}
	return true;
}

static int read_chunks(struct http_message *m, uint8_t *p, size_t n)
{
	struct http1_chunks chunks;
	http1_chunks_init(&chunks);
	chunks.data_only = true;
	size_t used, wrote = 0;
	int r = http1_chunks_copy(&chunks, p, n, p, n, &used, &wrote);
	m->body = (struct str){(const char *)p, wrote};
	return r == HTTP1_OK ? 0 : -EINVAL;
}

int http_message_parse(struct http_message *m, uint8_t *p, size_t n)
{
	struct http1_head h = HTTP1_HEAD_OF(FIELDS_MAX);
	const uint8_t *at = p;
	size_t left = n;
	if (!n || read_head(&h, &at, &left))
		return -EINVAL;
	*m = (struct http_message){.status = h.status, .body = {(const char *)at, left}};
	if (h.body == HTTP1_BODY_CHUNKED)
		return read_chunks(m, p + (at - p), left);
	if (h.body == HTTP1_BODY_NONE)
		m->body.n = 0;
	if (h.body == HTTP1_BODY_LENGTH)
		m->body.n = h.length;
	return m->body.n <= left ? 0 : -EINVAL;
}
