#include "server/http/h1_conn.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/state.h"
#include "server/route/routing.h"

void h1_conn_set_state(struct h1_conn *c, enum h1_conn_state state)
{
	static const char *const names[] = {"idle", "head", "waiting", "moving", "exchange", "rest",
		"linger", "closed"};
	static const uint8_t legal[] = {
		[H1_CONN_IDLE] = 1 << H1_CONN_HEAD | 1 << H1_CONN_EXCHANGE | 1 << H1_CONN_LINGER |
				 1 << H1_CONN_CLOSED,
		[H1_CONN_HEAD] = 1 << H1_CONN_EXCHANGE | 1 << H1_CONN_CLOSED,
		[H1_CONN_WAITING] =
			1 << H1_CONN_EXCHANGE | 1 << H1_CONN_MOVING | 1 << H1_CONN_CLOSED,
		[H1_CONN_EXCHANGE] = 1 << H1_CONN_IDLE | 1 << H1_CONN_WAITING |
				     1 << H1_CONN_MOVING | 1 << H1_CONN_REST | 1 << H1_CONN_LINGER |
				     1 << H1_CONN_CLOSED,
		[H1_CONN_REST] = 1 << H1_CONN_IDLE | 1 << H1_CONN_LINGER | 1 << H1_CONN_CLOSED,
		[H1_CONN_MOVING] = 1 << H1_CONN_EXCHANGE | 1 << H1_CONN_CLOSED,
		[H1_CONN_LINGER] = 1 << H1_CONN_CLOSED,
		[H1_CONN_CLOSED] = 0,
	};
	static const struct state_table table = {"HTTP connection", names, legal};
	state_step(&table, c->state, state);
	c->state = state;
}

static void h1_conn_reap(struct loop_task *task)
{
	free(container_of(task, struct h1_conn, reap));
}

void h1_conn_close(struct h1_conn *c, bool abort)
{
	if (c->state == H1_CONN_CLOSED)
		return;
	struct worker *w = c->worker;
	if (c->state == H1_CONN_EXCHANGE || c->state == H1_CONN_WAITING ||
		c->state == H1_CONN_MOVING) {
		if (!c->ex.why)
			c->ex.why = "visitor-gone";
		if (c->ex.began && c->conn.fd >= 0)
			exchange_log(c);
	}
	wait_queue_remove(&w->routing->wait_queue, &c->waiter);
	h1_conn_set_state(c, H1_CONN_CLOSED);
	pooled_stream_drop(c->user.pooled, FRAME_RESET_CANCELLED);
	pooled_stream_disown(c->user.own);
	timeout_cancel(&c->timeout);
	loop_task_cancel(&c->more);
	loop_task_cancel(&c->leave);
	if (abort)
		conn_abort(&c->conn);
	else
		conn_close(&c->conn);
	exchange_end(c);
	buf_deinit(&c->in);
	buf_deinit(&c->out);
	list_unlink(&c->link);
	charge_drop(&w->charges, &c->charge);
	admission_leave(w->node, &c->peer, c->counted);
	loop_defer(w->loop, LOOP_PHASE_REAP, &c->reap);
}

void h1_conn_charge(struct h1_conn *c)
{
	size_t n = conn_memory(&c->conn) + c->in.cap;
	/* Small ones come and go with each request, and are the worker's. */
	if (c->ex.request.cap > BUF_POOL_MAX)
		n += c->ex.request.cap;
	bool busy = c->state != H1_CONN_IDLE && c->state != H1_CONN_HEAD;
	charge_set(&c->worker->charges, &c->charge, &c->peer, n, busy);
}

/* A body that is held for sending again is let go without ending anything. */
static void h1_conn_evicted(struct charge *c)
{
	struct h1_conn *v = container_of(c, struct h1_conn, charge);
	size_t had = c->bytes;
	if (v->state == H1_CONN_EXCHANGE && exchange_let_go(&v->ex))
		h1_conn_charge(v);
	if (c->bytes < had)
		return;
	admission_log_memory(v->worker, &v->peer);
	h1_conn_close(v, true);
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

/* A request of which nothing can be known, to be answered all the same. */
static void h1_conn_begin_broken(struct h1_conn *c, size_t bytes)
{
	h1_conn_set_state(c, H1_CONN_EXCHANGE);
	c->ex.began = loop_now(c->worker->loop);
	c->ex.visitor = c->peer;
	c->ex.bytes_in = bytes;
	request_id_next(&c->worker->http->ids, c->ex.id);
}

/* A ClientHello where no certificate is: browsers say little more than that it did not work. */
static void h1_conn_blame_tls(struct h1_conn *c, const uint8_t *p, size_t n)
{
	struct worker *w = c->worker;
	char more[LOG_LIMIT_MORE];
	if (n > 1 && p[0] == 0x16 && p[1] == 3 &&
		log_limit_pass(&w->http->log_tls, loop_now(w->loop), H1_CONN_TLS_SAY_AGAIN, 1,
			more))
		log_info(
			"%s speaks TLS to port %u, and this server has no certificate: give it one "
			"(--tls-cert, --auto-tls), or come by http:// and ws://%s",
			c->peer_text, c->listener.port, more);
}

/* One request's head, from bytes that stand in `in` or, with `fresh`, in the worker's scratch. */
static void h1_conn_check(struct h1_conn *c, const uint8_t *p, size_t n, bool fresh)
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
	if (r != HTTP1_OK) {
		h1_conn_begin_broken(c, n);
		exchange_blame(&c->ex, "request", r, h->at_fault);
		h1_conn_blame_tls(c, p, n);
		h1_conn_refuse_head(c, r);
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
	h1_conn_dispatch(c, h, behind);
}

/* Reads what there is of a head. False: nothing more now. */
static bool h1_conn_read_head(struct h1_conn *c)
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
	h1_conn_check(c, fresh ? room : buf_head(&c->in), fresh ? (size_t)n : buf_len(&c->in),
		fresh);
	return true;
}

/*
 * Judges heads until a request is under way, an answer waits for the socket, or nothing more is there.
 * A loop, not a recursion: error page of ours answer pipelined requests from within.
 */
static void h1_conn_advance(struct h1_conn *c)
{
	if (c->advancing)
		return;
	c->advancing = true;
	unsigned turn = H1_CONN_TURN_MAX;
	bool seen = c->state == H1_CONN_HEAD; /* what is in `in` was judged already */
	while ((c->state == H1_CONN_IDLE || c->state == H1_CONN_HEAD) && !buf_len(&c->out)) {
		if (!turn--) {
			/* Others want their turn, too: nobody pipelines the worker for himself. */
			loop_defer(c->worker->loop, LOOP_PHASE_READ, &c->more);
			break;
		}
		if (buf_len(&c->in) && !seen)
			h1_conn_check(c, buf_head(&c->in), buf_len(&c->in), false);
		else if (!h1_conn_read_head(c))
			break;
		seen = c->state == H1_CONN_HEAD;
	}
	c->advancing = false;
	if (c->state != H1_CONN_CLOSED && c->state != H1_CONN_MOVING)
		h1_conn_charge(c);
}

static void h1_conn_go_on(struct loop_task *task)
{
	struct h1_conn *c = container_of(task, struct h1_conn, more);
	if (c->state == H1_CONN_REST || c->state == H1_CONN_LINGER)
		h1_conn_drop_rest(c);
	else if (c->state == H1_CONN_EXCHANGE)
		h1_conn_leave_link(c);
	else
		h1_conn_advance(c);
}

void h1_conn_rest_input(struct h1_conn *c)
{
	if (!buf_len(&c->in) && c->in.cap > H1_CONN_IN_KEPT)
		buf_deinit(&c->in);
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
	bool keep = c->ex.keep && request_body_ends_soon(c) && !c->worker->draining;
	timeout_cancel(&c->timeout);
	exchange_log(c);
	exchange_end(c);
	c->moves = 0;
	if (!h1_conn_flush(c))
		return;
	if (!keep)
		h1_conn_linger(c, rest.done);
	else if (!rest.done)
		h1_conn_skip(c, &rest);
	else
		h1_conn_rest(c);
}

static void h1_conn_readable(struct h1_conn *c)
{
	bool wanted;
	switch (c->state) {
	case H1_CONN_IDLE:
	case H1_CONN_HEAD:
		h1_conn_advance(c);
		break;
	case H1_CONN_WAITING:
	case H1_CONN_EXCHANGE:
		wanted = c->user.pooled && !c->ex.body.done;
		if (wanted)
			stream_ready(&c->user.pooled->stream);
		/* Whoever reads will be told; who does not has to ask. */
		if (wanted && c->user.pooled->stream.credit)
			break;
		if (conn_broken(&c->conn))
			h1_conn_close(c, true);
		else
			h1_conn_note_end(c);
		break;
	case H1_CONN_REST:
	case H1_CONN_LINGER:
		h1_conn_drop_rest(c);
		break;
	case H1_CONN_MOVING: /* told anew where it goes */
	case H1_CONN_CLOSED:
		break;
	}
}

/* What stood between it and its next request, or its end, is. */
static void h1_conn_written(struct h1_conn *c)
{
	if (c->state == H1_CONN_IDLE) {
		timeout_start(&c->worker->http->idle, &c->timeout);
		h1_conn_advance(c);
	} else if (c->state == H1_CONN_LINGER) {
		h1_conn_linger_on(c);
	}
}

static void h1_conn_changed(struct conn *conn)
{
	struct h1_conn *c = container_of(conn, struct h1_conn, conn);
	if (conn->writable) {
		bool owed = buf_len(&c->out) > 0;
		if (!h1_conn_flush(c))
			return;
		if (c->user.pooled && !buf_len(&c->out))
			stream_resume(&c->user.pooled->stream);
		if (owed && !buf_len(&c->out))
			h1_conn_written(c);
	}
	if (conn->readable)
		h1_conn_readable(c);
}

static const struct stream_user_ops stream_user_ops = {
	.opening = h1_conn_opening,
	.pull = request_body_pull,
	.push = response_push,
	.push_end = response_push_end,
	.lost = h1_conn_pooled_stream_lost,
};

/* ---- From worker to worker ---- */

static void h1_conn_arrived(struct mail *mail)
{
	struct h1_conn *c = container_of(mail, struct h1_conn, mail);
	struct worker *w = c->to;
	c->worker = w;
	if (w->node->over) {
		detached_conn_close(&c->detached);
		admission_leave(w->node, &c->peer, c->counted);
		buf_deinit(&c->ex.request); /* there is no worker any more to keep it */
		buf_deinit(&c->ex.partial);
		buf_deinit(&c->in);
		buf_deinit(&c->out);
		free(c);
		return;
	}
	list_append(&w->http->conns, &c->link);
	if (conn_attach(&c->conn, w->loop, c->detached, h1_conn_changed) < 0) {
		h1_conn_close(c, true);
		return;
	}
	conn_assume_writable(&c->conn);
	conn_ack_early(&c->conn);
	h1_conn_set_state(c, H1_CONN_EXCHANGE);
	h1_conn_charge(c);
	if (w->draining)
		h1_conn_refuse(c, ERROR_PAGE_DRAINING);
	else
		h1_conn_send(c, NULL);
}

/* Nothing on this thread looks at it any more. */
static void h1_conn_leave(struct loop_task *task)
{
	struct h1_conn *c = container_of(task, struct h1_conn, leave);
	pooled_stream_disown(c->user.own);
	loop_task_cancel(&c->more);
	list_unlink(&c->link);
	charge_drop(&c->worker->charges, &c->charge);
	c->detached = conn_detach(&c->conn);
	c->mail.deliver = h1_conn_arrived;
	node_post(c->to->node, c->to->index, &c->mail);
}

void h1_conn_move(struct h1_conn *c, unsigned worker)
{
	timeout_cancel(&c->timeout);
	h1_conn_set_state(c, H1_CONN_MOVING);
	c->moves++;
	c->to = c->worker->node->workers[worker];
	loop_defer(c->worker->loop, LOOP_PHASE_REAP, &c->leave);
}

void h1_conn_enter(struct worker *w, struct accepted_conn *a)
{
	bool counted;
	if (!admission_enter(w, &a->peer, false, &counted)) {
		accepted_conn_close(a);
		return;
	}
	struct h1_conn *c = calloc(1, sizeof(*c));
	if (!c) {
		admission_leave(w->node, &a->peer, counted);
		accepted_conn_close(a);
		return;
	}
	if (conn_attach(&c->conn, w->loop, a->detached, h1_conn_changed) < 0) {
		admission_leave(w->node, &a->peer, counted);
		buf_deinit(&a->early);
		free(c);
		return;
	}
	conn_assume_writable(&c->conn);
	conn_ack_early(&c->conn);
	c->worker = w;
	c->user.ops = &stream_user_ops;
	c->state = H1_CONN_IDLE;
	c->counted = counted;
	c->listener = a->listener;
	c->secure = c->conn.tls;
	c->in = a->early;
	c->peer = a->peer;
	c->local = a->local;
	address_format_ip(&c->peer, c->peer_text);
	waiter_init(&c->waiter, h1_conn_waited, h1_conn_waited_in_vain);
	list_init(&c->link);
	list_append(&w->http->conns, &c->link);
	charge_init(&c->charge, h1_conn_evicted);
	h1_conn_charge(c);
	timeout_init(&c->timeout);
	loop_task_init(&c->reap, h1_conn_reap);
	loop_task_init(&c->more, h1_conn_go_on);
	loop_task_init(&c->leave, h1_conn_leave);
	timeout_start(&w->http->idle, &c->timeout);
	if (buf_len(&c->in))
		loop_defer(w->loop, LOOP_PHASE_READ, &c->more);
}

void h1_conn_idle_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct h1_conn *c = h1_conn_timed(entry);
	if (c->state != H1_CONN_EXCHANGE) {
		h1_conn_close(c, false);
		return;
	}
	/* The body stopped coming, or the upstream stopped taking what has come. */
	c->ex.keep = false;
	h1_conn_refuse(c, c->conn.readable || buf_len(&c->in) ? ERROR_PAGE_ANSWER_TIMEOUT
							      : ERROR_PAGE_HEAD_TIMEOUT);
}

void h1_conn_head_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct h1_conn *c = h1_conn_timed(entry);
	h1_conn_begin_broken(c, buf_len(&c->in));
	h1_conn_refuse(c, ERROR_PAGE_HEAD_TIMEOUT);
}

void h1_conn_answer_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct h1_conn *c = h1_conn_timed(entry);
	if (c->user.pooled)
		service_shard_notice(c->user.pooled->shard,
			"took request %s and began no answer within %g s; the exit node waits no "
			"longer (its --response-head-timeout)",
			c->ex.id, (double)c->worker->opts->response_head_timeout / CLOCK_S);
	h1_conn_refuse(c, ERROR_PAGE_ANSWER_TIMEOUT);
}
