/* SPDX-License-Identifier: MIT */
/* From one request to the next: heads are read and checked, and exchanges begun and ended. */
#include <errno.h>

#include "base/log.h"
#include "server/http/dispatch.h"
#include "server/http/h1_conn.h"

#define H1_TLS_SAY_AGAIN (60 * CLOCK_S) /* between two lines about TLS that has no certificate */
#define H1_TURN_MAX      32             /* requests checked in one turn: about 0.3 ms of pages */

/* A ClientHello where no certificate is: browsers say little more than that it did not work. */
static void log_tls(struct h1_conn *c, const uint8_t *p, size_t n)
{
	struct worker *w = c->worker;
	char more[LOG_LIMIT_MORE];
	if (n > 1 && p[0] == 0x16 && p[1] == 3 &&
		log_limit_pass(&w->http->log_tls, loop_now(w->loop), H1_TLS_SAY_AGAIN, 1, more))
		log_info_of(c->downstream.connection,
			"refused TLS from %s on port %u: this server has no certificate; give it "
			"one (--tls-cert or --auto-tls), or use http:// and ws://%s",
			c->downstream.peer_text, c->downstream.listener.port, more);
}

void h1_conn_begin_broken(struct h1_conn *c, size_t bytes)
{
	h1_conn_set_state(c, H1_CONN_EXCHANGE);
	exchange_begin_broken(&c->ex, bytes);
}

/* A head came; `behind` bytes are already behind it. The head's views last as long as this call. */
static void begin(struct h1_conn *c, struct http1_head *h, size_t behind)
{
	h1_conn_set_state(c, H1_CONN_EXCHANGE);
	timeout_cancel(&c->timeout);
	if (exchange_begin(&c->ex, h) < 0)
		h1_conn_close(c, true);
	else if (!h1_link_requested(c, h, behind))
		dispatch_request(&c->ex, h);
}

/* One request's head, from bytes that stand in `in` or, with `fresh`, in the worker's scratch. */
static void check_head(struct h1_conn *c, const uint8_t *p, size_t n, bool fresh)
{
	struct worker *w = c->worker;
	struct http1_head *h = &w->http->request;
	int r = http1_parse_request(h, p, n, w->opts->request_head_limit, &c->scanned);
	if (r == HTTP1_MORE) {
		if (fresh && buf_append(&c->in, p, n) < 0) {
			h1_conn_close(c, true);
			return;
		}
		if (c->state == H1_CONN_IDLE) {
			h1_conn_set_state(c, H1_CONN_HEAD);
			timeout_start(&w->http->head, &c->timeout);
		}
		return;
	}
	c->scanned = 0;
	if (r == HTTP1_E_VERSION && h1_conn_was_http2(c, p, n))
		return;
	if (r != HTTP1_OK) {
		h1_conn_begin_broken(c, n);
		exchange_log_fault(&c->ex, "request", r, h->at_fault);
		log_tls(c, p, n);
		exchange_fail_request(&c->ex, r);
		return;
	}
	size_t behind = n - h->size;
	/* Only the offsets move here: the head's views stay good until something is appended. */
	if (!fresh)
		buf_consume(&c->in, h->size);
	else if (behind && buf_append(&c->in, p + h->size, behind) < 0) {
		h1_conn_close(c, true);
		return;
	}
	begin(c, h, behind);
}

/* Reads what there is of a head. False: nothing more now. */
static bool read_head(struct h1_conn *c)
{
	struct worker *w = c->worker;
	if (!c->conn.readable)
		return false;
	bool fresh = !buf_len(&c->in);
	if (!fresh && buf_reserve(&c->in, HTTP_SCRATCH / 4) < 0) {
		h1_conn_close(c, true);
		return false;
	}
	uint8_t *room = fresh ? w->http->scratch : buf_tail(&c->in);
	ssize_t n = conn_read(&c->conn, room, fresh ? sizeof(w->http->scratch) : buf_room(&c->in));
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		h1_conn_close(c, false);
		return false;
	}
	if (!fresh)
		buf_commit(&c->in, (size_t)n);
	check_head(c, fresh ? room : buf_head(&c->in), fresh ? (size_t)n : buf_len(&c->in), fresh);
	return true;
}

/*
 * Checks heads until a request is under way, an answer waits for the socket, or nothing more is there.
 * A loop, not a recursion: error pages of ours answer pipelined requests from within.
 */
void h1_conn_advance(struct h1_conn *c)
{
	if (c->advancing)
		return;
	c->advancing = true;
	unsigned turn = H1_TURN_MAX;
	bool seen = c->state == H1_CONN_HEAD; /* what is in `in` was checked already */
	while ((c->state == H1_CONN_IDLE || c->state == H1_CONN_HEAD) && !buf_len(&c->out)) {
		if (!turn--) {
			/* Others want their turn, too: nobody pipelines the worker for himself. */
			loop_defer(c->worker->loop, LOOP_PHASE_READ, &c->more);
			break;
		}
		if (buf_len(&c->in) && !seen)
			check_head(c, buf_head(&c->in), buf_len(&c->in), false);
		else if (!read_head(c))
			break;
		seen = c->state == H1_CONN_HEAD;
	}
	c->advancing = false;
	if (c->state != H1_CONN_CLOSED && c->state != H1_CONN_MOVING)
		h1_conn_charge(c);
}

void h1_conn_rest(struct h1_conn *c)
{
	timeout_cancel(&c->timeout);
	if (c->worker->draining) {
		h1_conn_linger(c, true);
		return;
	}
	h1_conn_rest_input(c);
	h1_conn_set_state(c, H1_CONN_IDLE);
	if (buf_len(&c->out))
		h1_conn_watch_reading(c);
	else
		timeout_start(&c->worker->http->idle, &c->timeout);
	h1_conn_advance(c);
}

void h1_conn_next(struct h1_conn *c)
{
	struct body rest = c->ex.body;
	c->served = true;
	bool keep = c->ex.keep && h1_conn_ends_soon(c) && !c->worker->draining;
	timeout_cancel(&c->timeout);
	exchange_end(&c->ex);
	c->leaving = false;
	if (!h1_conn_flush(c))
		return;
	if (!keep)
		h1_conn_linger(c, rest.done);
	else if (rest.done || h1_conn_skip(c, &rest))
		h1_conn_rest(c);
}
