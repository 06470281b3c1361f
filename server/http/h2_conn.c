/* SPDX-License-Identifier: MIT */
/* What everything else on an HTTP/2 connection is made of: its state, its memory, its end. */
#include "server/http/h2_conn.h"

#include <stdlib.h>

#include "base/state.h"

void h2_conn_set_state(struct h2_conn *c, enum h2_conn_state state)
{
	static const char *const names[] = {"open", "moving", "linger", "closed"};
	static const uint8_t legal[] = {
		[H2_CONN_OPEN] = 1 << H2_CONN_MOVING | 1 << H2_CONN_LINGER | 1 << H2_CONN_CLOSED,
		[H2_CONN_MOVING] = 1 << H2_CONN_OPEN | 1 << H2_CONN_CLOSED,
		[H2_CONN_LINGER] = 1 << H2_CONN_CLOSED,
		[H2_CONN_CLOSED] = 0,
	};
	static const struct state_table table = {"HTTP/2 connection", names, legal};
	state_step(&table, c->state, state);
	c->state = state;
}

/* ---- Memory ---- */

void h2_conn_charge(struct h2_conn *c)
{
	size_t n = conn_memory(&c->conn) + c->in.cap + h2_memory(&c->h2) + c->held;
	charge_set(&c->worker->charges, &c->charge, &c->downstream.peer, n, c->n_exchanges > 0);
}

void h2_exchange_charge(struct h2_exchange *x)
{
	size_t n = sizeof(*x) + x->body.cap + x->trailers.cap + x->frame.cap + x->stream.held.cap +
		   x->stream.trailers.cap + exchange_memory(&x->ex);
	x->conn->held += n - x->held;
	x->held = n;
}

/* ---- Its end, and its exchanges' ---- */

/* Nobody refers to it any more, but what runs at this moment. */
static void retire(struct h2_exchange *x)
{
	struct h2_conn *c = x->conn;
	timeout_cancel(&x->stalled);
	loop_task_cancel(&x->again);
	buf_deinit(&x->body);
	buf_deinit(&x->trailers);
	buf_deinit(&x->frame);
	list_unlink(&x->link);
	c->held -= x->held;
	c->n_exchanges--;
	loop_defer(c->worker->loop, LOOP_PHASE_REAP, &x->reap);
	if (!c->n_exchanges && c->state == H2_CONN_OPEN)
		timeout_start(&c->worker->http->h2_idle, &c->idle);
}

void h2_exchange_done(struct h2_exchange *x)
{
	struct h2_conn *c = x->conn;
	x->moving = false;
	pooled_stream_disown(x->ex.user.own);
	if (x->counted)
		limits_release(&c->worker->node->limits, LIMITS_EXCHANGE,
			c->counted ? &c->downstream.peer : NULL);
	x->counted = false;
	if (x->stream.closed) {
		retire(x);
		return;
	}
	/* What still comes of the request is dropped; what is held of the response has its time to be read. */
	h2_consume(&x->stream, buf_len(&x->body));
	buf_deinit(&x->body);
	if (!x->stream.done && !timeout_running(&x->stalled)) {
		x->stalled_sent = x->stream.sent;
		timeout_start(&c->worker->http->h2_stalled, &x->stalled);
	}
	h2_exchange_charge(x);
}

void h2_exchange_reset(struct h2_exchange *x, enum h2_error code)
{
	h2_reset(&x->stream, code);
	exchange_close(&x->ex, false);
	h2_conn_touch(x->conn);
	h2_exchange_done(x);
}

void h2_conn_close(struct h2_conn *c, bool abort)
{
	if (c->state == H2_CONN_CLOSED)
		return;
	struct worker *w = c->worker;
	h2_conn_set_state(c, H2_CONN_CLOSED);
	while (!list_empty(&c->exchanges)) {
		struct h2_exchange *x = list_first(&c->exchanges, struct h2_exchange, link);
		bool under_way = x->ex.state != EXCHANGE_NONE;
		if (under_way)
			exchange_close(&x->ex, false);
		h2_stream_forget(&x->stream);
		h2_exchange_done(x);
	}
	timeout_cancel(&c->idle);
	timeout_cancel(&c->unread);
	timeout_cancel(&c->head);
	loop_task_cancel(&c->more);
	loop_task_cancel(&c->flush);
	loop_task_cancel(&c->leave);
	if (abort)
		conn_abort(&c->conn);
	else
		conn_close(&c->conn);
	buf_deinit(&c->in);
	list_unlink(&c->link);
	charge_drop(&w->charges, &c->charge);
	admission_leave(w->node, &c->downstream.peer, c->counted);
	loop_defer(w->loop, LOOP_PHASE_REAP, &c->reap);
}

void h2_conn_touch(struct h2_conn *c)
{
	if (c->state != H2_CONN_CLOSED)
		loop_defer(c->worker->loop, LOOP_PHASE_WRITE, &c->flush);
}

void h2_conn_move(struct h2_exchange *x, unsigned worker)
{
	struct h2_conn *c = x->conn;
	timeout_cancel(&x->ex.timeout);
	x->moving = true;
	x->ex.moves++;
	if (c->state != H2_CONN_OPEN)
		return;
	h2_conn_set_state(c, H2_CONN_MOVING);
	c->to = c->worker->node->workers[worker];
	loop_defer(c->worker->loop, LOOP_PHASE_REAP, &c->leave);
}
