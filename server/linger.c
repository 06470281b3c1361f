/*
 * What is left of a request that was answered before its end, as an upload is by 413. It is read and
 * dropped: bytes that nobody reads make the kernel answer with an RST, which overtakes the answer at a
 * client that reads it behind its last byte (RFC 9112, 9.6; rule 40). A short rest costs less than a new
 * connection, and the next request follows it.
 */
#include <errno.h>

#include "server/visitor.h"

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
/* Of a turn, WORKER_SCRATCH each: then others have theirs. */
#define READS_MAX   16

/* One read. False: nothing more now, or the connection is closed or serves the next request. */
static bool linger_read(struct visitor *v)
{
	struct worker *w = v->worker;
	bool rest = v->state == VISITOR_REST;
	if (!v->conn.readable && !v->conn.ended && !buf_len(&v->in))
		return false;
	ssize_t n = rest ? request_skip(v) : conn_read(&v->conn, w->scratch, sizeof(w->scratch));
	if (n == -EAGAIN)
		return false;
	if (n > 0) {
		v->dropped += (size_t)n;
		if (!rest || !v->ex.body.done)
			return true;
		v->ex.body = (struct body){0};
		visitor_rest(v);
	} else if (n == -EBADMSG) {
		visitor_linger(v, false);
	} else if (n < 0 || !buf_len(&v->out)) {
		visitor_close(v, buf_len(&v->out) > 0);
	}
	return false; /* at its FIN: what is in `out` is still owed to it */
}

void visitor_drop_rest(struct visitor *v)
{
	for (unsigned i = 0; linger_read(v); i++) {
		if (i == READS_MAX) {
			loop_defer(v->worker->loop, LOOP_PHASE_READ, &v->more);
			break;
		}
	}
}

/* Once the answer is written, and not before (rule 24). */
void visitor_linger_on(struct visitor *v)
{
	v->linger_until = loop_now(v->worker->loop) + LINGER_MAX;
	v->n_quiet = 0;
	timeout_start(&v->worker->linger, &v->timeout);
	visitor_drop_rest(v);
}

void visitor_linger(struct visitor *v, bool whole)
{
	visitor_set_state(v, VISITOR_LINGER);
	timeout_cancel(&v->timeout);
	buf_deinit(&v->in);
	v->dropped = 0;
	v->quiet_max = whole ? QUIET_WHOLE : QUIET_MAX;
	v->fin_due = true;
	if (!visitor_flush(v))
		return;
	if (!buf_len(&v->out)) {
		visitor_linger_on(v);
		return;
	}
	/* A slow reader has as long for the end of its answer as for anything else. */
	visitor_watch_reading(v);
	visitor_drop_rest(v);
}

void visitor_skip(struct visitor *v, const struct body *rest)
{
	visitor_set_state(v, VISITOR_REST);
	v->ex.body = *rest;
	v->dropped = 0;
	v->quiet_max = QUIET_MAX;
	visitor_linger_on(v);
}

void visitor_linger_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct visitor *v = visitor_timed(entry);
	v->n_quiet = v->dropped >= RATE_MIN ? 0 : v->n_quiet + 1;
	v->dropped = 0;
	if (v->n_quiet >= v->quiet_max || loop_now(v->worker->loop) >= v->linger_until)
		visitor_close(v, buf_len(&v->out) > 0);
	else
		timeout_start(queue, entry);
}
