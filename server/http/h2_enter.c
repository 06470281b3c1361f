/* SPDX-License-Identifier: MIT */
/* How an HTTP/2 connection begins, and where its memory goes. */
#include <errno.h>
#include <stdlib.h>

#include "server/http/h2_conn.h"

static void reap(struct loop_task *task)
{
	struct h2_conn *c = container_of(task, struct h2_conn, reap);
	h2_deinit(&c->h2);
	free(c);
}

/* Bodies that are held for sending again are let go without ending anything. */
static void evicted(struct charge *charge)
{
	struct h2_conn *c = container_of(charge, struct h2_conn, charge);
	size_t had = charge->bytes;
	list_for_each (it, &c->exchanges)
		exchange_let_go(&list_entry(it, struct h2_exchange, link)->ex);
	if (charge->bytes < had)
		return;
	admission_log_memory(c->worker, c->downstream.connection, &c->downstream.peer);
	h2_conn_close(c, true);
}

/* 0 or -ENOMEM. What `a` owns is the connection's, or closed. */
static int begin(struct h2_conn *c, struct worker *w, struct accepted_conn *a)
{
	c->worker = w;
	c->in = a->early;
	if (conn_attach(&c->conn, w->loop, a->detached, h2_conn_changed) < 0)
		return -ENOMEM;
	return h2_init(&c->h2, &h2_conn_ops, w->opts->request_head_limit);
}

void h2_conn_enter(struct worker *w, struct accepted_conn *a)
{
	bool counted;
	if (!admission_enter(w, a->connection, &a->peer, false, &counted)) {
		accepted_conn_close(a);
		return;
	}
	struct h2_conn *c = calloc(1, sizeof(*c));
	if (!c) {
		admission_leave(w->node, &a->peer, counted);
		accepted_conn_close(a);
		return;
	}
	if (begin(c, w, a) < 0) {
		admission_leave(w->node, &a->peer, counted);
		conn_close(&c->conn);
		h2_deinit(&c->h2);
		buf_deinit(&c->in);
		free(c);
		return;
	}
	conn_assume_writable(&c->conn);
	conn_ack_early(&c->conn);
	c->counted = counted;
	downstream_init(&c->downstream, a, c->conn.tls);
	list_init(&c->exchanges);
	list_init(&c->link);
	list_append(&w->http->h2_conns, &c->link);
	charge_init(&c->charge, evicted);
	timeout_init(&c->idle);
	timeout_init(&c->unread);
	timeout_init(&c->head);
	loop_task_init(&c->reap, reap);
	loop_task_init(&c->more, h2_conn_more);
	loop_task_init(&c->flush, h2_conn_flush);
	loop_task_init(&c->leave, h2_conn_leave);
	timeout_start(&w->http->h2_idle, &c->idle);
	h2_conn_charge(c);
	h2_conn_touch(c); /* SETTINGS */
	if (buf_len(&c->in))
		loop_defer(w->loop, LOOP_PHASE_READ, &c->more);
}
