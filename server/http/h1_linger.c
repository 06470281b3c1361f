/* SPDX-License-Identifier: MIT */
/*
 * What is left of a request that was answered before its end, as an upload is by 413. It is read and
 * dropped: bytes that nobody reads make the kernel answer with an RST, which overtakes the answer at a
 * client that reads it behind its last byte (RFC 9112, 9.6; rule 40). A short rest costs less than a new
 * connection, and the next request follows it.
 */
#include <errno.h>

#include "server/http/h1_conn.h"
#include "server/http/request_body.h"

/*
 * Silent seconds behind the last of LINGER's bytes: as nginx, for an upload whose packets get lost; and
 * where the request was whole, so that nothing is expected but the visitor's FIN.
 */
#define QUIET_MAX   5
#define QUIET_WHOLE 1
/* Bytes in a second; fewer are silence. Who is slower holds a connection that somebody else could use. */
#define RATE_MIN    1024
/* In all: 256 MiB at 1 MiB/s, and as much again. What is larger, or slower, ends in a reset. */
#define LINGER_MAX  (600 * CLOCK_S)
/* Of a turn, HTTP_SCRATCH each: then others have theirs. */
#define READS_MAX   16

/*
 * Bytes of a body that may be left when its response is over, for the connection to go on: as Go's server.
 * At 10 Mbit/s they are 0.2 s, which a new connection with TLS takes, too.
 */
#define H1_REST_MAX (256u << 10)

bool h1_conn_ends_soon(const struct h1_conn *c)
{
	const struct exchange *ex = &c->ex;
	if (ex->body.done)
		return true;
	/* Who was not told to go on may leave the body out: what comes next is either (RFC 9110, 10.1.1). */
	if (ex->malformed || ex->upgraded || (ex->expects && !ex->continued))
		return false;
	if (ex->body.kind == HTTP1_BODY_LENGTH)
		return ex->body.left <= H1_REST_MAX;
	/* How much is left of chunks, nobody knows, unless all of it was read with the head. */
	return ex->body.kind == HTTP1_BODY_CHUNKED &&
	       http1_chunks_end(&ex->body.chunks, buf_head(&c->in), buf_len(&c->in));
}

/* One read. False: nothing more now, or all of the body was read, or the connection is closed. */
static bool linger_read(struct h1_conn *c)
{
	struct worker *w = c->worker;
	bool rest = c->state == H1_CONN_REST;
	if (!c->conn.readable && !c->conn.read_ended && !buf_len(&c->in))
		return false;
	ssize_t n = rest ? request_body_skip(&c->ex)
			 : conn_read(&c->conn, w->http->scratch, sizeof(w->http->scratch));
	if (n == -EAGAIN)
		return false;
	if (n > 0) {
		c->dropped += (size_t)n;
		return !rest || !c->ex.body.done;
	} else if (n == -EBADMSG) {
		h1_conn_linger(c, false);
	} else if (n < 0 || !buf_len(&c->out)) {
		h1_conn_close(c, buf_len(&c->out) > 0);
	}
	return false; /* at its FIN: what is in `out` is still owed to it */
}

bool h1_conn_drop_rest(struct h1_conn *c)
{
	for (unsigned i = 0; linger_read(c); i++) {
		if (i == READS_MAX) {
			loop_defer(c->worker->loop, LOOP_PHASE_READ, &c->more);
			break;
		}
	}
	if (c->state != H1_CONN_REST || !c->ex.body.done)
		return false;
	c->ex.body = (struct body){0};
	return true;
}

static void start_timeout(struct h1_conn *c)
{
	c->linger_until = loop_now(c->worker->loop) + LINGER_MAX;
	c->n_quiet = 0;
	timeout_start(&c->worker->http->linger, &c->timeout);
}

/* Once the answer is written, and not before (rule 24). */
void h1_conn_linger_on(struct h1_conn *c)
{
	start_timeout(c);
	h1_conn_drop_rest(c);
}

void h1_conn_linger(struct h1_conn *c, bool whole)
{
	h1_conn_set_state(c, H1_CONN_LINGER);
	timeout_cancel(&c->timeout);
	buf_deinit(&c->in);
	c->dropped = 0;
	c->quiet_max = whole ? QUIET_WHOLE : QUIET_MAX;
	c->fin_due = true;
	if (!h1_conn_flush(c))
		return;
	if (!buf_len(&c->out)) {
		h1_conn_linger_on(c);
		return;
	}
	/* A slow reader has as long for the end of its answer as for anything else. */
	h1_conn_watch_reading(c);
	h1_conn_drop_rest(c);
}

bool h1_conn_skip(struct h1_conn *c, const struct body *rest)
{
	h1_conn_set_state(c, H1_CONN_REST);
	c->ex.body = *rest;
	c->dropped = 0;
	c->quiet_max = QUIET_MAX;
	start_timeout(c);
	return h1_conn_drop_rest(c);
}

void h1_conn_linger_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct h1_conn *c = h1_conn_timed(entry);
	c->n_quiet = c->dropped >= RATE_MIN ? 0 : c->n_quiet + 1;
	c->dropped = 0;
	if (c->n_quiet >= c->quiet_max || loop_now(c->worker->loop) >= c->linger_until)
		h1_conn_close(c, buf_len(&c->out) > 0);
	else
		timeout_start(queue, entry);
}
