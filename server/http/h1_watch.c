/* SPDX-License-Identifier: MIT */
/*
 * Whether a visitor is still there, and reads what it is given.
 *
 * Nobody reads a visitor's socket behind its request, so its end is looked for when the kernel tells
 * that something came. A FIN there is no proof: a client that shut down its sending side may still wait
 * for the answer. Most have gone, and their upstream would work for nobody; so a FIN is taken for it
 * HTTP_LEAVING_TIME later, but for services that say otherwise (docs/protocol.md, rule 44).
 */
#include "base/macros.h"
#include "server/http/h1_conn.h"

/*
 * Bytes of an answer, taken by the visitor's kernel in --visitor-stalled: fewer are none. As for links; who
 * opens his window byte by byte should not make an answer last for days.
 */
#define READ_MIN  1024
/*
 * Bytes a second at which the slowest good reader empties its kernel: 1 KiB, and a little less, as no clock is
 * exact. A kernel takes much at once, then nothing until most of that was read: on loopback 128 KiB every two
 * minutes. So for as long as the last bytes would do for such a reader, it is not said to read nothing.
 */
#define READ_RATE 896

/* A FIN, or close_notify where TLS can see it: not behind bytes that nobody has read. */
static bool has_ended(struct h1_conn *c)
{
	return c->conn.fin_received ||
	       (c->conn.tls && c->conn.readable && conn_peek(&c->conn) == CONN_ENDED);
}

void h1_conn_watch_end(struct h1_conn *c)
{
	const struct exchange *ex = &c->ex;
	/* The service that the request goes to now serves visitors behind their FIN. */
	if (c->leaving && ex->half_closed) {
		c->leaving = false;
		timeout_cancel(&c->timeout);
	}
	/* Half-close means another thing on a WebSocket, and who expects an answer says so. */
	if (c->leaving || ex->half_closed || ex->expects || ex->upgrade || !has_ended(c))
		return;
	c->leaving = true;
	timeout_start(&c->worker->http->leaving, &c->timeout);
}

void h1_conn_leaving_expired(struct timeout_queue *queue, struct timeout *entry)
{
	h1_conn_close(h1_conn_timed(entry), true);
}

void h1_conn_watch_reading(struct h1_conn *c)
{
	/* It runs on where the socket has room again: nothing is to be done for each write. */
	if (timeout_running(&c->timeout))
		return;
	c->n_unread = 0;
	c->unread = 0;
	timeout_start(&c->worker->http->unread, &c->timeout);
}

/* Whether nothing was read for all of --visitor-stalled, as far as it can be told: one look. */
static bool has_stalled(struct h1_conn *c, uint64_t look)
{
	uint64_t had = c->acked, pace = look * READ_RATE / CLOCK_S;
	c->n_unread++;
	if (conn_acknowledged(&c->conn, READ_MIN, &c->acked))
		c->n_unread = 0;
	/* For no longer than twice the time, whatever its kernel took. */
	uint64_t unread = MIN(c->unread + c->acked - had, 2 * HTTP_UNREAD_LOOKS * pace);
	c->unread = (uint32_t)(unread > pace ? unread - pace : 0);
	return c->n_unread >= HTTP_UNREAD_LOOKS && !c->unread;
}

void h1_conn_unread_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct h1_conn *c = h1_conn_timed(entry);
	if (c->conn.writable && !buf_len(&c->out))
		return; /* it is the upstream that is slow, and may be */
	if (has_stalled(c, queue->duration)) {
		c->ex.why = "visitor-stalled";
		h1_conn_close(c, true);
		return;
	}
	timeout_start(queue, entry);
}

/* In the next turn: what goes elsewhere begins on links that this one may stand among. */
void h1_conns_leave_link(const struct server_link *l)
{
	struct worker *w = l->worker;
	list_for_each (it, &w->http->conns) {
		struct h1_conn *c = list_entry(it, struct h1_conn, link);
		if (c->state == H1_CONN_EXCHANGE && c->ex.user.pooled &&
			c->ex.user.pooled->server_link == l)
			loop_defer(w->loop, LOOP_PHASE_READ, &c->more);
	}
}
