/* SPDX-License-Identifier: MIT */
/*
 * Requests whose session has no link on this worker. The connection goes where one is, with all requests that have
 * come, as long as none has anything here; so the first request of a connection brings it to its place, and so
 * does a link that was lost with all that was on it. Else a request is refused so that the client sends it again on a
 * new connection, which then goes to its place: 421, where the client has put another host's request on this
 * connection (RFC 9113, 9.1.2); REFUSED_STREAM and GOAWAY for the same host's. Both promise that nothing was done.
 */
#include <stdlib.h>

#include "server/http/dispatch.h"
#include "server/http/h2_conn.h"

/* No loop runs any more. */
static void discard(struct mail *mail)
{
	struct h2_conn *c = container_of(mail, struct h2_conn, mail);
	detached_conn_close(&c->detached);
	admission_leave(c->to->node, &c->downstream.peer, c->counted);
	while (!list_empty(&c->exchanges)) {
		struct h2_exchange *x = list_first(&c->exchanges, struct h2_exchange, link);
		list_unlink(&x->link);
		h2_stream_forget(&x->stream);
		exchange_discard(&x->ex);
		buf_deinit(&x->body);
		buf_deinit(&x->trailers);
		buf_deinit(&x->frame);
		free(x);
	}
	h2_deinit(&c->h2);
	buf_deinit(&c->in);
	free(c);
}

static struct h2_exchange *next_moving(struct h2_conn *c)
{
	list_for_each (it, &c->exchanges) {
		struct h2_exchange *x = list_entry(it, struct h2_exchange, link);
		if (x->moving)
			return x;
	}
	return NULL;
}

/* What is sent on from here may end others that move: so each is looked for anew. */
static void dispatch_all(struct h2_conn *c)
{
	struct h2_exchange *x;
	while (c->state == H2_CONN_OPEN && (x = next_moving(c))) {
		x->moving = false;
		if (c->worker->draining)
			exchange_fail(&x->ex, ERROR_PAGE_DRAINING);
		else
			dispatch_send(&x->ex, NULL);
	}
}

static void arrived(struct mail *mail)
{
	struct h2_conn *c = container_of(mail, struct h2_conn, mail);
	struct worker *w = c->to;
	c->worker = w;
	list_for_each (it, &c->exchanges) {
		struct h2_exchange *x = list_entry(it, struct h2_exchange, link);
		x->ex.worker = w;
		if (!x->moving) /* the end of its response is still to be read */
			timeout_start(&w->http->h2_stalled, &x->stalled);
	}
	list_append(&w->http->h2_conns, &c->link);
	if (conn_attach(&c->conn, w->loop, c->detached, h2_conn_changed) < 0) {
		h2_conn_close(c, true);
		return;
	}
	conn_assume_writable(&c->conn);
	conn_ack_early(&c->conn);
	h2_conn_set_state(c, H2_CONN_OPEN);
	if (c->unfinished)
		timeout_start(&w->http->h2_head, &c->head);
	h2_conn_charge(c);
	dispatch_all(c);
	if (c->state == H2_CONN_OPEN && w->draining)
		h2_conn_drain(c);
	h2_conn_touch(c);
	if (buf_len(&c->in))
		loop_defer(w->loop, LOOP_PHASE_READ, &c->more);
}

/* Nothing on this thread looks at it any more. */
static void go(struct h2_conn *c)
{
	list_for_each (it, &c->exchanges) {
		struct h2_exchange *x = list_entry(it, struct h2_exchange, link);
		pooled_stream_disown(x->ex.user.own);
		timeout_cancel(&x->stalled);
		loop_task_cancel(&x->again);
	}
	timeout_cancel(&c->idle);
	timeout_cancel(&c->unread);
	timeout_cancel(&c->head);
	loop_task_cancel(&c->more);
	loop_task_cancel(&c->flush);
	list_unlink(&c->link);
	charge_drop(&c->worker->charges, &c->charge);
	c->detached = conn_detach(&c->conn);
	c->mail = (struct mail){.deliver = arrived, .discard = discard};
	node_post(c->to->node, c->to->index, &c->mail);
}

/* Whether a request of the same host has something here. */
static bool is_known(const struct h2_conn *c, const struct exchange *ex)
{
	list_for_each (it, &c->exchanges) {
		const struct h2_exchange *x = list_entry(it, struct h2_exchange, link);
		if (!x->moving && x->ex.state != EXCHANGE_NONE &&
			str_eq(exchange_host(&x->ex), exchange_host(ex)))
			return true;
	}
	return false;
}

static void refuse_all(struct h2_conn *c)
{
	struct h2_exchange *x;
	while (c->state == H2_CONN_OPEN && (x = next_moving(c))) {
		bool known = is_known(c, &x->ex);
		x->moving = false;
		if (!known) {
			exchange_fail(&x->ex, ERROR_PAGE_ELSEWHERE);
			continue;
		}
		x->ex.why = "moved";
		h2_exchange_reset(x, H2_REFUSED_STREAM);
		h2_goaway(&c->h2, H2_NO_ERROR);
	}
	h2_conn_touch(c);
}

static bool may_go(const struct h2_conn *c)
{
	list_for_each (it, &c->exchanges) {
		const struct h2_exchange *x = list_entry(it, struct h2_exchange, link);
		if (!x->moving && x->ex.state != EXCHANGE_NONE)
			return false;
	}
	return true;
}

void h2_conn_leave(struct loop_task *task)
{
	struct h2_conn *c = container_of(task, struct h2_conn, leave);
	if (next_moving(c) && may_go(c)) {
		go(c);
		return;
	}
	h2_conn_set_state(c, H2_CONN_OPEN); /* those that were to move are gone, or cannot */
	if (!c->n_exchanges)
		timeout_start(&c->worker->http->h2_idle, &c->idle);
	refuse_all(c);
	if (c->worker->draining) /* which passed it by while it was to move */
		h2_conn_drain(c);
}
