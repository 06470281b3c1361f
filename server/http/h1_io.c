/* SPDX-License-Identifier: MIT */
/* What everything else on an HTTP/1 connection is made of: its state, its output, its memory, its end. */
#include <errno.h>
#include <stdlib.h>

#include "base/state.h"
#include "server/http/h1_conn.h"

#define H1_IN_KEPT 4096 /* bytes of an empty input buffer that is not freed */

void h1_conn_set_state(struct h1_conn *c, enum h1_conn_state state)
{
	static const char *const names[] = {"idle", "head", "moving", "exchange", "rest", "linger",
		"closed"};
	static const uint8_t legal[] = {
		[H1_CONN_IDLE] = 1 << H1_CONN_HEAD | 1 << H1_CONN_EXCHANGE | 1 << H1_CONN_LINGER |
				 1 << H1_CONN_CLOSED,
		[H1_CONN_HEAD] = 1 << H1_CONN_EXCHANGE | 1 << H1_CONN_CLOSED,
		[H1_CONN_EXCHANGE] = 1 << H1_CONN_IDLE | 1 << H1_CONN_MOVING | 1 << H1_CONN_REST |
				     1 << H1_CONN_LINGER | 1 << H1_CONN_CLOSED,
		[H1_CONN_REST] = 1 << H1_CONN_IDLE | 1 << H1_CONN_LINGER | 1 << H1_CONN_CLOSED,
		[H1_CONN_MOVING] = 1 << H1_CONN_EXCHANGE | 1 << H1_CONN_CLOSED,
		[H1_CONN_LINGER] = 1 << H1_CONN_CLOSED,
		[H1_CONN_CLOSED] = 0,
	};
	static const struct state_table table = {"HTTP connection", names, legal};
	state_step(&table, c->state, state);
	c->state = state;
}

void h1_conn_close(struct h1_conn *c, bool abort)
{
	if (c->state == H1_CONN_CLOSED)
		return;
	struct worker *w = c->worker;
	exchange_close(&c->ex, false);
	h1_conn_set_state(c, H1_CONN_CLOSED);
	timeout_cancel(&c->timeout);
	loop_task_cancel(&c->more);
	loop_task_cancel(&c->leave);
	if (abort)
		conn_abort(&c->conn);
	else
		conn_close(&c->conn);
	buf_deinit(&c->in);
	buf_deinit(&c->out);
	list_unlink(&c->link);
	charge_drop(&w->charges, &c->charge);
	admission_leave(w->node, &c->downstream.peer, c->counted);
	loop_defer(w->loop, LOOP_PHASE_REAP, &c->reap);
}

void h1_conn_charge(struct h1_conn *c)
{
	size_t n = conn_memory(&c->conn) + c->in.cap + exchange_memory(&c->ex);
	bool busy = c->state != H1_CONN_IDLE && c->state != H1_CONN_HEAD;
	charge_set(&c->worker->charges, &c->charge, &c->downstream.peer, n, busy);
}

bool h1_conn_flush(struct h1_conn *c)
{
	while (buf_len(&c->out) && c->conn.writable) {
		ssize_t n = conn_write(&c->conn, buf_head(&c->out), buf_len(&c->out));
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			h1_conn_close(c, true);
			return false;
		}
		buf_consume(&c->out, (size_t)n);
	}
	if (buf_len(&c->out))
		return true;
	buf_deinit(&c->out);
	if (c->fin_due) {
		c->fin_due = false;
		conn_shutdown_write(&c->conn);
	}
	return true;
}

void h1_conn_rest_input(struct h1_conn *c)
{
	if (!buf_len(&c->in) && c->in.cap > H1_IN_KEPT)
		buf_deinit(&c->in);
}
