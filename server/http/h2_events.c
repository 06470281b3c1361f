/* SPDX-License-Identifier: MIT */
/* What happens to an HTTP/2 connection: its socket's events, what it writes, its timeouts, its draining. */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "server/http/exchange_events.h"
#include "server/http/h2_conn.h"

#define H2_READS_MAX  4          /* of a turn, HTTP_SCRATCH each: then others have theirs */
#define H2_HEADS_MAX  32         /* requests checked in one turn, as H1_TURN_MAX */
#define H2_INPUT_STEP (4u << 10) /* bytes between two looks at that number */
#define H2_ROUNDS_MAX 4          /* of writing, and of filling what was written, in a turn */
/* Bytes of a response that are progress within --visitor-stalled: as for HTTP/1. */
#define H2_READ_MIN   1024

/* ---- Writing ---- */

/* False: the connection broke, and is closed. */
static bool write_out(struct h2_conn *c)
{
	struct buf *out = &c->h2.out;
	while (buf_len(out) && c->conn.writable) {
		ssize_t n = conn_write(&c->conn, buf_head(out), buf_len(out));
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			h2_conn_close(c, true);
			return false;
		}
		buf_consume(out, (size_t)n);
	}
	if (!buf_len(out) && !c->n_exchanges)
		buf_deinit(out);
	if (!buf_len(out))
		timeout_cancel(&c->unread);
	else if (!timeout_running(&c->unread))
		timeout_start(&c->worker->http->h2_unread, &c->unread);
	return true;
}

/*
 * Those that found no room, in turn: the one that finds none again is the first the next time. They stay in the list,
 * as whatever is written may end any of them, or the connection.
 */
static void feed_starved(struct h2_conn *c)
{
	c->starved = false;
	for (unsigned n = c->n_exchanges; n && !list_empty(&c->exchanges); n--) {
		struct h2_exchange *x = list_first(&c->exchanges, struct h2_exchange, link);
		list_unlink(&x->link);
		list_append(&c->exchanges, &x->link);
		exchange_writable(&x->ex);
		if (c->state != H2_CONN_OPEN)
			return;
		if (c->starved && list_linked(&x->link)) {
			list_unlink(&x->link);
			list_prepend(&c->exchanges, &x->link);
		}
		if (c->starved)
			return;
	}
}

/* Lets those write who can again. False: nobody could. */
static bool feed(struct h2_conn *c)
{
	struct h2_stream *s;
	bool fed = false;
	if (c->starved && buf_len(&c->h2.out) < H2_OUT_MAX) {
		feed_starved(c);
		fed = true;
	}
	while (c->state == H2_CONN_OPEN && (s = h2_ready(&c->h2))) {
		struct h2_exchange *x = h2_exchange_of_stream(s);
		h2_exchange_charge(x);
		exchange_writable(&x->ex);
		fed = true;
	}
	return fed;
}

/* Everything was said, and written. */
static void linger(struct h2_conn *c)
{
	h2_conn_set_state(c, H2_CONN_LINGER);
	buf_deinit(&c->in);
	conn_shutdown_write(&c->conn);
	timeout_cancel(&c->head);
	timeout_start(&c->worker->http->h2_linger, &c->idle);
}

static bool is_full(const struct h2_conn *c)
{
	return buf_len(&c->h2.out) >= H2_OUT_MAX;
}

/* Writes what there is, and what comes to it by that. */
static void flush(struct h2_conn *c)
{
	if (c->state != H2_CONN_OPEN)
		return;
	bool fed = true;
	for (unsigned i = 0; fed && i < H2_ROUNDS_MAX; i++) {
		if (h2_output(&c->h2) < 0) {
			h2_conn_close(c, true);
			return;
		}
		if (c->state == H2_CONN_CLOSED || !write_out(c))
			return;
		fed = feed(c);
		if (c->state != H2_CONN_OPEN)
			return;
	}
	if (fed)
		h2_conn_touch(c);
	if (!buf_len(&c->h2.out) && !h2_alive(&c->h2))
		linger(c);
	else if (c->conn.readable && !is_full(c))
		loop_defer(c->worker->loop, LOOP_PHASE_READ, &c->more);
	if (c->state == H2_CONN_OPEN)
		h2_conn_charge(c);
}

void h2_conn_flush(struct loop_task *task)
{
	flush(container_of(task, struct h2_conn, flush));
}

/* ---- Reading ---- */

static bool is_serving(const struct h2_conn *c)
{
	return c->state == H2_CONN_OPEN || c->state == H2_CONN_MOVING;
}

/* Some of these bytes; how many were used: the rest is for the next turn. < 0: it is closed. */
static ssize_t serve(struct h2_conn *c, const uint8_t *p, size_t n, unsigned heads_until)
{
	uint64_t now = loop_now(c->worker->loop);
	size_t used = 0;
	while (used < n && is_serving(c) && c->h2.requests < heads_until) {
		size_t step = MIN(n - used, H2_INPUT_STEP);
		int r = h2_input(&c->h2, p + used, step, now);
		/* What nghttp2 has to say to that, before others write: a stream may end by it. */
		r = r ? r : h2_output(&c->h2);
		if (r < 0) {
			write_out(c);
			h2_conn_close(c, false);
			return -1;
		}
		used += step;
	}
	return is_serving(c) ? (ssize_t)used : -1;
}

/* What was left of the turn before. False: some is left again, or it is closed. */
static bool serve_rest(struct h2_conn *c, unsigned heads_until)
{
	if (!buf_len(&c->in))
		return true;
	struct buf in = c->in;
	c->in = BUF_NULL;
	ssize_t used = serve(c, buf_head(&in), buf_len(&in), heads_until);
	if (used >= 0)
		buf_consume(&in, (size_t)used);
	if (used < 0 || !buf_len(&in)) {
		buf_deinit(&in);
		return used >= 0;
	}
	c->in = in;
	return false;
}

/* One read. False: nothing more for now, or it is closed. */
static bool read_some(struct h2_conn *c, unsigned heads_until)
{
	struct http_worker *h = c->worker->http;
	ssize_t n = conn_read(&c->conn, h->scratch, sizeof(h->scratch));
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		h2_conn_close(c, n < 0);
		return false;
	}
	ssize_t used = serve(c, h->scratch, (size_t)n, heads_until);
	if (used < 0)
		return false;
	if (used < n && buf_append(&c->in, h->scratch + used, (size_t)(n - used)) < 0) {
		h2_conn_close(c, true);
		return false;
	}
	return used == n;
}

/* What is not whole yet has --request-head-timeout from its first byte on. */
static void time_unfinished(struct h2_conn *c)
{
	unsigned now = h2_unfinished(&c->h2);
	if (now == c->unfinished)
		return;
	c->unfinished = now;
	if (now)
		timeout_start(&c->worker->http->h2_head, &c->head);
	else
		timeout_cancel(&c->head);
}

/* Until the turn's share is used up; the rest in the next. */
static void serve_turn(struct h2_conn *c)
{
	unsigned until = c->h2.requests + H2_HEADS_MAX;
	bool more = serve_rest(c, until);
	for (unsigned i = 0; more && c->conn.readable && !is_full(c); i++) {
		if (i == H2_READS_MAX)
			break;
		more = read_some(c, until);
	}
	if (!is_serving(c))
		return;
	time_unfinished(c);
	if (buf_len(&c->in) || (more && c->conn.readable && !is_full(c)))
		loop_defer(c->worker->loop, LOOP_PHASE_READ, &c->more);
	h2_conn_touch(c);
	h2_conn_charge(c);
}

static void drop(struct h2_conn *c)
{
	struct http_worker *h = c->worker->http;
	for (unsigned i = 0; i < H2_READS_MAX && c->conn.readable; i++) {
		ssize_t n = conn_read(&c->conn, h->scratch, sizeof(h->scratch));
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			h2_conn_close(c, false);
			return;
		}
	}
	if (c->conn.readable)
		loop_defer(c->worker->loop, LOOP_PHASE_READ, &c->more);
}

static void serve_or_drop(struct h2_conn *c)
{
	if (is_serving(c))
		serve_turn(c);
	else if (c->state == H2_CONN_LINGER)
		drop(c);
}

void h2_conn_more(struct loop_task *task)
{
	serve_or_drop(container_of(task, struct h2_conn, more));
}

void h2_conn_changed(struct conn *conn)
{
	struct h2_conn *c = container_of(conn, struct h2_conn, conn);
	if (conn->writable && (buf_len(&c->h2.out) || c->starved))
		flush(c);
	if (conn->readable && c->state != H2_CONN_CLOSED && !is_full(c))
		serve_or_drop(c);
}

/* ---- Timeouts ---- */

static struct h2_conn *timed(struct timeout *idle)
{
	return container_of(idle, struct h2_conn, idle);
}

void h2_conn_idle_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct h2_conn *c = timed(entry);
	bool ending = c->h2.ending;
	h2_goaway(&c->h2, H2_NO_ERROR);
	flush(c);
	/* A head that is not whole keeps it alive. */
	if (c->state == H2_CONN_OPEN && !c->n_exchanges && (ending || h2_alive(&c->h2)))
		h2_conn_close(c, false);
}

void h2_conn_head_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct h2_conn *c = container_of(entry, struct h2_conn, head);
	/* We did not read on: it may have come. */
	if (is_full(c) || buf_len(&c->in)) {
		timeout_start(queue, entry);
		return;
	}
	h2_goaway(&c->h2, H2_ENHANCE_YOUR_CALM);
	if (h2_output(&c->h2) == 0 && !write_out(c))
		return;
	h2_conn_close(c, false);
}

void h2_conn_linger_expired(struct timeout_queue *queue, struct timeout *entry)
{
	h2_conn_close(timed(entry), false);
}

void h2_conn_unread_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct h2_conn *c = container_of(entry, struct h2_conn, unread);
	if (conn_acknowledged(&c->conn, H2_READ_MIN, &c->acked)) {
		timeout_start(queue, entry);
		return;
	}
	list_for_each (it, &c->exchanges) {
		struct exchange *ex = &list_entry(it, struct h2_exchange, link)->ex;
		if (ex->state != EXCHANGE_NONE)
			ex->why = "visitor-stalled";
	}
	h2_conn_close(c, true);
}

void h2_exchange_stalled(struct timeout_queue *queue, struct timeout *entry)
{
	struct h2_exchange *x = container_of(entry, struct h2_exchange, stalled);
	bool under_way = x->ex.state != EXCHANGE_NONE;
	if (under_way && !x->stream.blocked)
		return;
	if (x->stream.sent - x->stalled_sent >= H2_READ_MIN) {
		x->stalled_sent = x->stream.sent;
		timeout_start(queue, entry);
		return;
	}
	if (under_way) {
		x->ex.why = "visitor-stalled";
		h2_exchange_reset(x, H2_CANCEL);
	} else {
		h2_reset(&x->stream, H2_CANCEL);
		h2_conn_touch(x->conn);
	}
}

/* ---- From outside ---- */

static struct h2_exchange *next_waiting(struct h2_conn *c)
{
	list_for_each (it, &c->exchanges) {
		struct h2_exchange *x = list_entry(it, struct h2_exchange, link);
		if (x->ex.state == EXCHANGE_WAITING)
			return x;
	}
	return NULL;
}

/* A page may end others, whose streams were reset before: each is looked for anew. */
void h2_conn_drain(struct h2_conn *c)
{
	if (c->state != H2_CONN_OPEN)
		return;
	struct h2_exchange *x;
	while (c->state == H2_CONN_OPEN && (x = next_waiting(c)))
		exchange_fail(&x->ex, ERROR_PAGE_DRAINING);
	if (c->state != H2_CONN_OPEN)
		return;
	h2_goaway(&c->h2, H2_NO_ERROR);
	h2_conn_touch(c);
}

void h2_conns_leave_link(const struct server_link *l)
{
	struct worker *w = l->worker;
	list_for_each (it, &w->http->h2_conns) {
		struct h2_conn *c = list_entry(it, struct h2_conn, link);
		list_for_each (at, &c->exchanges) {
			struct h2_exchange *x = list_entry(at, struct h2_exchange, link);
			if (x->ex.user.pooled && x->ex.user.pooled->server_link == l)
				loop_defer(w->loop, LOOP_PHASE_READ, &x->again);
		}
	}
}
