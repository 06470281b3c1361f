/*
 * Whether a visitor is still there, and reads what it is given.
 *
 * Nobody reads a visitor's socket behind its request, so its end is looked for when the kernel tells
 * that something came. A FIN there is no proof: a client that shut down its sending side may still wait
 * for the answer. Most have gone, and their upstream would work for nobody; so a FIN is taken for it
 * WORKER_LEAVING_TIME later, but for services that say otherwise (docs/protocol.md, rule 44).
 */
#include "base/macros.h"
#include "server/visitor.h"

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

void visitor_time(struct visitor *v, struct timeout_queue *queue)
{
	if (!v->ex.leaving && queue)
		timeout_start(queue, &v->timeout);
	else if (!v->ex.leaving)
		timeout_cancel(&v->timeout);
	else if (queue || !timeout_running(&v->timeout))
		timeout_start(&v->worker->leaving, &v->timeout);
}

/* A FIN, or close_notify where TLS can see it: not behind bytes that nobody has read. */
static bool visitor_ended(struct visitor *v)
{
	return v->conn.peer_closed ||
	       (v->conn.tls && v->conn.readable && conn_peek(&v->conn) == CONN_ENDED);
}

void visitor_note_end(struct visitor *v)
{
	struct exchange *ex = &v->ex;
	/* Half-close means another thing on a WebSocket, and who expects an answer says so. */
	if (ex->leaving || ex->half_closed || ex->expects || ex->upgrade || !visitor_ended(v))
		return;
	ex->leaving = true;
	timeout_start(&v->worker->leaving, &v->timeout);
}

void visitor_leaving_expired(struct timeout_queue *queue, struct timeout *entry)
{
	visitor_close(visitor_timed(entry), true);
}

void visitor_watch_reading(struct visitor *v)
{
	/* It runs on where the socket has room again: nothing is to be done for each write. */
	if (timeout_running(&v->timeout))
		return;
	v->n_unread = 0;
	v->unread = 0;
	timeout_start(&v->worker->unread, &v->timeout);
}

/* Whether nothing was read for all of --visitor-stalled, as far as it can be told: one look. */
static bool visitor_stalled(struct visitor *v, uint64_t look)
{
	uint64_t had = v->acked, pace = look * READ_RATE / CLOCK_S;
	v->n_unread++;
	if (conn_acknowledged(&v->conn, READ_MIN, &v->acked))
		v->n_unread = 0;
	/* For no longer than twice the time, whatever its kernel took. */
	uint64_t unread = MIN(v->unread + v->acked - had, 2 * WORKER_UNREAD_LOOKS * pace);
	v->unread = (uint32_t)(unread > pace ? unread - pace : 0);
	return v->n_unread >= WORKER_UNREAD_LOOKS && !v->unread;
}

void visitor_unread_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct visitor *v = visitor_timed(entry);
	if (v->conn.writable && !buf_len(&v->out))
		return; /* it is the upstream that is slow, and may be */
	if (visitor_stalled(v, queue->duration)) {
		v->ex.why = "visitor-stalled";
		visitor_close(v, true);
		return;
	}
	timeout_start(queue, entry);
}
