/* SPDX-License-Identifier: MIT */
#include "server/http/h1_conn.h"

#include <stdlib.h>

#include "server/http/dispatch.h"
#include "server/http/exchange_events.h"
#include "server/http/retry.h"

static void reap(struct loop_task *task)
{
	free(container_of(task, struct h1_conn, reap));
}

/* A body that is held for sending again is let go without ending anything. */
static void evicted(struct charge *charge)
{
	struct h1_conn *c = container_of(charge, struct h1_conn, charge);
	size_t had = charge->bytes;
	if (c->state == H1_CONN_EXCHANGE)
		exchange_let_go(&c->ex);
	if (charge->bytes < had)
		return;
	admission_log_memory(c->worker, c->downstream.connection, &c->downstream.peer);
	h1_conn_close(c, true);
}

static void drop_rest(struct h1_conn *c)
{
	if (h1_conn_drop_rest(c))
		h1_conn_rest(c);
}

static void go_on(struct loop_task *task)
{
	struct h1_conn *c = container_of(task, struct h1_conn, more);
	if (c->state == H1_CONN_REST || c->state == H1_CONN_LINGER)
		drop_rest(c);
	else if (c->state == H1_CONN_EXCHANGE)
		retry_silent_link(&c->ex);
	else
		h1_conn_advance(c);
}

static void readable(struct h1_conn *c)
{
	switch (c->state) {
	case H1_CONN_IDLE:
	case H1_CONN_HEAD:
		h1_conn_advance(c);
		break;
	case H1_CONN_EXCHANGE:
		/* Whoever reads will be told; who does not has to ask. */
		if (exchange_readable(&c->ex))
			break;
		if (conn_broken(&c->conn))
			h1_conn_close(c, true);
		else
			h1_conn_watch_end(c);
		break;
	case H1_CONN_REST:
	case H1_CONN_LINGER:
		drop_rest(c);
		break;
	case H1_CONN_MOVING: /* told anew where it goes */
	case H1_CONN_CLOSED:
		break;
	}
}

/* What stood between it and its next request, or its end, is. */
static void written(struct h1_conn *c)
{
	if (c->state == H1_CONN_IDLE) {
		timeout_start(&c->worker->http->idle, &c->timeout);
		h1_conn_advance(c);
	} else if (c->state == H1_CONN_LINGER) {
		h1_conn_linger_on(c);
	}
}

static void changed(struct conn *conn)
{
	struct h1_conn *c = container_of(conn, struct h1_conn, conn);
	if (conn->writable) {
		bool owed = buf_len(&c->out) > 0;
		if (!h1_conn_flush(c))
			return;
		if (!buf_len(&c->out))
			exchange_writable(&c->ex);
		if (owed && !buf_len(&c->out))
			written(c);
	}
	if (conn->readable)
		readable(c);
}

/* ---- From worker to worker ---- */

/* No loop runs any more. */
static void discard(struct mail *mail)
{
	struct h1_conn *c = container_of(mail, struct h1_conn, mail);
	detached_conn_close(&c->detached);
	admission_leave(c->worker->node, &c->downstream.peer, c->counted);
	exchange_discard(&c->ex);
	buf_deinit(&c->in);
	buf_deinit(&c->out);
	free(c);
}

static void arrived(struct mail *mail)
{
	struct h1_conn *c = container_of(mail, struct h1_conn, mail);
	struct worker *w = c->to;
	c->worker = c->ex.worker = w;
	list_append(&w->http->conns, &c->link);
	if (conn_attach(&c->conn, w->loop, c->detached, changed) < 0) {
		h1_conn_close(c, true);
		return;
	}
	conn_assume_writable(&c->conn);
	conn_ack_early(&c->conn);
	h1_conn_set_state(c, H1_CONN_EXCHANGE);
	h1_conn_charge(c);
	if (w->draining)
		exchange_fail(&c->ex, ERROR_PAGE_DRAINING);
	else
		dispatch_send(&c->ex, NULL);
}

/* Nothing on this thread looks at it any more. */
static void leave(struct loop_task *task)
{
	struct h1_conn *c = container_of(task, struct h1_conn, leave);
	pooled_stream_disown(c->ex.user.own);
	loop_task_cancel(&c->more);
	list_unlink(&c->link);
	charge_drop(&c->worker->charges, &c->charge);
	c->detached = conn_detach(&c->conn);
	c->mail = (struct mail){.deliver = arrived, .discard = discard};
	node_post(c->to->node, c->to->index, &c->mail);
}

/* ---- Its beginning, and what ends it ---- */

void h1_conn_enter(struct worker *w, struct accepted_conn *a)
{
	bool counted;
	if (!admission_enter(w, a->connection, &a->peer, false, &counted)) {
		accepted_conn_close(a);
		return;
	}
	struct h1_conn *c = calloc(1, sizeof(*c));
	if (!c) {
		admission_leave(w->node, &a->peer, counted);
		accepted_conn_close(a);
		return;
	}
	if (conn_attach(&c->conn, w->loop, a->detached, changed) < 0) {
		admission_leave(w->node, &a->peer, counted);
		buf_deinit(&a->early);
		free(c);
		return;
	}
	conn_assume_writable(&c->conn);
	conn_ack_early(&c->conn);
	c->worker = w;
	c->state = H1_CONN_IDLE;
	c->counted = counted;
	c->in = a->early;
	downstream_init(&c->downstream, a, c->conn.tls);
	exchange_init(&c->ex, &h1_exchange_ops, w, &c->downstream);
	list_init(&c->link);
	list_append(&w->http->conns, &c->link);
	charge_init(&c->charge, evicted);
	h1_conn_charge(c);
	timeout_init(&c->timeout);
	loop_task_init(&c->reap, reap);
	loop_task_init(&c->more, go_on);
	loop_task_init(&c->leave, leave);
	timeout_start(&w->http->idle, &c->timeout);
	if (buf_len(&c->in))
		loop_defer(w->loop, LOOP_PHASE_READ, &c->more);
}

void h1_conn_drain(struct h1_conn *c)
{
	if (c->state == H1_CONN_IDLE && buf_len(&c->out))
		h1_conn_linger(c, true);
	else if (c->state == H1_CONN_IDLE || c->state == H1_CONN_HEAD)
		h1_conn_close(c, false);
	else if (c->ex.state == EXCHANGE_WAITING)
		exchange_fail(&c->ex, ERROR_PAGE_DRAINING);
}

void h1_conn_idle_expired(struct timeout_queue *queue, struct timeout *entry)
{
	h1_conn_close(h1_conn_timed(entry), false);
}

void h1_conn_head_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct h1_conn *c = h1_conn_timed(entry);
	h1_conn_begin_broken(c, buf_len(&c->in));
	exchange_fail(&c->ex, ERROR_PAGE_HEAD_TIMEOUT);
}
