/* SPDX-License-Identifier: MIT */
/*
 * A request's body as its head in HTTP/1 says that it comes: as it is, where it has a length, which nghttp2 has
 * checked; else in chunks, whose sizes follow what is there when somebody reads.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "server/http/h2_conn.h"

#define CHUNK_LINES 32 /* bytes: the end of a chunk and the size of the next */

static bool is_chunked(const struct h2_exchange *x)
{
	return x->ex.body.kind == HTTP1_BODY_CHUNKED;
}

static ssize_t take(struct h2_exchange *x, struct buf *from, uint8_t *room, size_t n)
{
	memcpy(room, buf_head(from), n);
	buf_consume(from, n);
	if (from == &x->body)
		h2_consume(&x->stream, n);
	if (!buf_len(from) && x->ended)
		buf_deinit(from);
	return (ssize_t)n;
}

/* What stands before the next byte of the body, if one is there, or behind the last. 0 or -ENOMEM. */
static int frame(struct h2_exchange *x)
{
	char lines[CHUNK_LINES];
	size_t n = buf_len(&x->body);
	if (!n && !(x->ended && !x->last))
		return 0;
	x->chunk = n;
	x->last = !n;
	int size = snprintf(lines, sizeof(lines), "%zx\r\n", n);
	int r = buf_append(&x->frame, lines, (size_t)size);
	if (r || n)
		return r;
	r = buf_append(&x->frame, buf_head(&x->trailers), buf_len(&x->trailers));
	buf_deinit(&x->trailers);
	return r ? r : buf_append(&x->frame, "\r\n", 2);
}

static ssize_t read_chunks(struct h2_exchange *x, uint8_t *room, size_t max)
{
	size_t n = 0;
	while (n < max) {
		if (buf_len(&x->frame)) {
			n += (size_t)take(x, &x->frame, room + n, MIN(max - n, buf_len(&x->frame)));
			continue;
		}
		if (x->chunk) {
			size_t part = MIN(max - n, x->chunk);
			n += (size_t)take(x, &x->body, room + n, part);
			x->chunk -= part;
			if (!x->chunk && buf_append(&x->frame, "\r\n", 2) < 0)
				return -ENOMEM;
			continue;
		}
		if (frame(x) < 0)
			return -ENOMEM;
		if (!buf_len(&x->frame))
			break;
	}
	return n ? (ssize_t)n : -EAGAIN;
}

ssize_t h2_body_read(struct h2_exchange *x, uint8_t *room, size_t max)
{
	ssize_t n;
	if (is_chunked(x))
		n = read_chunks(x, room, max);
	else if (buf_len(&x->body))
		n = take(x, &x->body, room, MIN(max, buf_len(&x->body)));
	else
		n = -EAGAIN;
	if (n > 0) {
		h2_exchange_charge(x);
		h2_conn_touch(x->conn); /* its window may be given back */
	}
	return n;
}

bool h2_body_pending(const struct h2_exchange *x)
{
	return buf_len(&x->body) || buf_len(&x->frame) || (is_chunked(x) && x->ended && !x->last);
}
