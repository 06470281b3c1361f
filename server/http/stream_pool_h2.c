/* SPDX-License-Identifier: MIT */
/*
 * A pooled stream to an upstream that speaks HTTP/2: between its user, who writes and reads HTTP/1.1, and the stream
 * stands a client of HTTP/2 (h2/h2_client.h). What comes is taken at once, so that no frame waits behind a response
 * that the visitor does not read; the response itself has the window of its stream of HTTP/2, which follows that of
 * the pooled stream, and is charged to it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "h2/h2_client.h"
#include "server/base/worker.h"
#include "server/http/http_worker.h"
#include "server/http/stream_pool.h"

int pooled_stream_init_h2(struct pooled_stream *pooled)
{
	pooled->h2 = calloc(1, sizeof(*pooled->h2));
	return pooled->h2 ? h2_client_init(pooled->h2,
				    pooled->server_link->worker->opts->response_head_limit)
			  : -ENOMEM;
}

void pooled_stream_free_h2(struct pooled_stream *pooled)
{
	if (!pooled->h2)
		return;
	h2_client_deinit(pooled->h2);
	free(pooled->h2);
}

void pooled_stream_begin_h2(struct pooled_stream *pooled)
{
	bool https = pooled->shard->service->scheme == CONTROL_SCHEME_HTTPS;
	h2_client_begin(pooled->h2, https ? STR("https") : STR("http"));
}

bool pooled_stream_end_h2(struct pooled_stream *pooled)
{
	bool lasts = h2_client_end(pooled->h2);
	if (lasts) /* what it has still to say: a reset, mostly nothing */
		stream_ready(&pooled->stream);
	return lasts;
}

/* ---- To the upstream ---- */

/* Bytes of the user's request; how many there were. As stream_ops::pull. */
static ssize_t ask(struct pooled_stream *pooled)
{
	struct http_worker *h = pooled->server_link->worker->http;
	if (!pooled->user || !h2_client_hungry(pooled->h2))
		return -EAGAIN;
	ssize_t n = pooled->user->ops->pull(pooled->user, h->scratch, sizeof(h->scratch));
	if (n <= 0)
		return n ? n : -EAGAIN;
	int r = h2_client_ask(pooled->h2, h->scratch, (size_t)n);
	return r ? r : n;
}

ssize_t pooled_stream_pull_h2(struct pooled_stream *pooled, uint8_t *room, size_t max)
{
	struct buf *out = &pooled->h2->h2.out;
	size_t n = 0;
	while (n < max) {
		int r = h2_client_output(pooled->h2);
		if (r < 0)
			return r;
		size_t part = MIN(max - n, buf_len(out));
		if (part) {
			memcpy(room + n, buf_head(out), part);
			buf_consume(out, part);
			n += part;
			continue;
		}
		ssize_t asked = ask(pooled);
		if (asked == -EAGAIN)
			break;
		if (asked < 0)
			return asked;
	}
	if (!buf_len(out) && !pooled->user)
		buf_deinit(out);
	return n ? (ssize_t)n : -EAGAIN;
}

/* ---- From the upstream ---- */

/*
 * Gives the user what there is of its response, out of a buffer that is nobody else's: the exchange may end by
 * that, and the next one begin.
 */
static void pass(struct pooled_stream *pooled)
{
	struct h2_client *c = pooled->h2;
	struct stream_user *u = pooled->user;
	unsigned exchange = c->exchanges;
	struct buf answer = c->answer;
	size_t n = 1;
	c->answer = BUF_NULL;
	while (n && buf_len(&answer) && pooled->user == u && c->exchanges == exchange) {
		n = u->ops->push(u, buf_head(&answer), buf_len(&answer));
		buf_consume(&answer, n);
		if (pooled->user == u && c->exchanges == exchange)
			h2_client_taken(c, buf_len(&answer), pooled->stream.window);
	}
	if (pooled->user == u && c->exchanges == exchange)
		c->answer = answer;
	else
		buf_deinit(&answer);
}

void pooled_stream_charge_h2(struct pooled_stream *pooled)
{
	size_t was = pooled->h2_charged, now = sizeof(*pooled->h2) + h2_client_memory(pooled->h2);
	pooled->h2_charged = now;
	if (now != was)
		stream_charge(&pooled->stream, was, now);
}

enum h2_client_outcome pooled_stream_pass_h2(struct pooled_stream *pooled)
{
	if (pooled->user && buf_len(&pooled->h2->answer))
		pass(pooled);
	bool all = pooled->user && !buf_len(&pooled->h2->answer);
	return all ? h2_client_outcome(pooled->h2) : H2_CLIENT_OPEN;
}
