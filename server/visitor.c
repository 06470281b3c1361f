#include "server/visitor.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

void visitor_set_state(struct visitor *v, enum visitor_state state)
{
	static const uint8_t legal[] = {
		[VISITOR_IDLE] = 1 << VISITOR_HEAD | 1 << VISITOR_EXCHANGE | 1 << VISITOR_LINGER |
				 1 << VISITOR_CLOSED,
		[VISITOR_HEAD] = 1 << VISITOR_EXCHANGE | 1 << VISITOR_CLOSED,
		[VISITOR_WAITING] =
			1 << VISITOR_EXCHANGE | 1 << VISITOR_MOVING | 1 << VISITOR_CLOSED,
		[VISITOR_EXCHANGE] = 1 << VISITOR_IDLE | 1 << VISITOR_WAITING |
				     1 << VISITOR_MOVING | 1 << VISITOR_REST | 1 << VISITOR_LINGER |
				     1 << VISITOR_CLOSED,
		[VISITOR_REST] = 1 << VISITOR_IDLE | 1 << VISITOR_LINGER | 1 << VISITOR_CLOSED,
		[VISITOR_MOVING] = 1 << VISITOR_EXCHANGE | 1 << VISITOR_CLOSED,
		[VISITOR_LINGER] = 1 << VISITOR_CLOSED,
		[VISITOR_CLOSED] = 0,
	};
	if (!(legal[v->state] & 1 << state))
		abort();
	v->state = state;
}

static void visitor_reap(struct loop_task *task)
{
	free(container_of(task, struct visitor, reap));
}

void visitor_close(struct visitor *v, bool abort)
{
	if (v->state == VISITOR_CLOSED)
		return;
	struct worker *w = v->worker;
	if (v->state == VISITOR_EXCHANGE || v->state == VISITOR_WAITING ||
		v->state == VISITOR_MOVING) {
		if (!v->ex.why)
			v->ex.why = "visitor-gone";
		if (v->ex.began && v->conn.fd >= 0)
			exchange_log(v);
	}
	waiting_remove(&w->waiting, &v->waiter);
	visitor_set_state(v, VISITOR_CLOSED);
	lane_drop(v->user.lane, FRAME_RESET_CANCELLED);
	lane_disown(v->user.own);
	timeout_cancel(&v->timeout);
	loop_task_cancel(&v->more);
	loop_task_cancel(&v->leave);
	if (abort)
		conn_abort(&v->conn);
	else
		conn_close(&v->conn);
	exchange_end(v);
	buf_deinit(&v->in);
	buf_deinit(&v->out);
	list_unlink(&v->link);
	charge_drop(&w->charges, &v->charge);
	door_left(w->node, &v->peer, v->counted);
	loop_defer(w->loop, LOOP_PHASE_REAP, &v->reap);
}

void visitor_charge(struct visitor *v)
{
	size_t n = conn_memory(&v->conn) + v->in.cap;
	/* Small ones come and go with each request, and are the worker's. */
	if (v->ex.request.cap > WORKER_SPARE_MAX)
		n += v->ex.request.cap;
	bool busy = v->state != VISITOR_IDLE && v->state != VISITOR_HEAD;
	charge_set(&v->worker->charges, &v->charge, &v->peer, n, busy);
}

/* A body that is held for sending again is let go without ending anything. */
static void visitor_evicted(struct charge *c)
{
	struct visitor *v = container_of(c, struct visitor, charge);
	size_t had = c->bytes;
	if (v->state == VISITOR_EXCHANGE && exchange_let_go(&v->ex))
		visitor_charge(v);
	if (c->bytes < had)
		return;
	door_log_memory(v->worker, &v->peer);
	visitor_close(v, true);
}

bool visitor_flush(struct visitor *v)
{
	while (buf_len(&v->out) && v->conn.writable) {
		ssize_t n = conn_write(&v->conn, buf_head(&v->out), buf_len(&v->out));
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			visitor_close(v, true);
			return false;
		}
		buf_consume(&v->out, (size_t)n);
	}
	if (buf_len(&v->out))
		return true;
	buf_deinit(&v->out);
	if (v->fin_due) {
		v->fin_due = false;
		conn_shutdown_write(&v->conn);
	}
	return true;
}

/* A request of which nothing can be known, to be answered all the same. */
static void visitor_begin_broken(struct visitor *v, size_t bytes)
{
	visitor_set_state(v, VISITOR_EXCHANGE);
	v->ex.began = loop_now(v->worker->loop);
	v->ex.visitor = v->peer;
	v->ex.bytes_in = bytes;
	request_id_next(&v->worker->ids, v->ex.id);
}

/* A ClientHello where no certificate is: browsers say little more than that it did not work. */
static void visitor_blame_tls(struct visitor *v, const uint8_t *p, size_t n)
{
	struct worker *w = v->worker;
	char more[LOG_LIMIT_MORE];
	if (n > 1 && p[0] == 0x16 && p[1] == 3 &&
		log_limit_pass(&w->log_tls, loop_now(w->loop), VISITOR_TLS_SAY_AGAIN, 1, more))
		log_info(
			"%s speaks TLS to port %u, and this server has no certificate: give it one "
			"(--tls-cert, --auto-tls), or come by http:// and ws://%s",
			v->peer_text, v->door.port, more);
}

/* One request's head, from bytes that stand in `in` or, with `fresh`, in the worker's scratch. */
static void visitor_check(struct visitor *v, const uint8_t *p, size_t n, bool fresh)
{
	struct worker *w = v->worker;
	struct http1_head *h = &w->request;
	int r = http1_parse_request(h, p, n, w->opts->request_head_limit, &v->scanned);
	if (r == HTTP1_MORE) {
		if (fresh && buf_append(&v->in, p, n) < 0) {
			visitor_close(v, true);
			return;
		}
		if (v->state == VISITOR_IDLE) {
			visitor_set_state(v, VISITOR_HEAD);
			timeout_start(&w->head, &v->timeout);
		}
		return;
	}
	v->scanned = 0;
	if (r != HTTP1_OK) {
		visitor_begin_broken(v, n);
		exchange_blame(&v->ex, "request", r, h->at_fault);
		visitor_blame_tls(v, p, n);
		visitor_refuse_head(v, r);
		return;
	}
	size_t behind = n - h->size;
	/* Only the offsets move here: the head's views stay good until something is appended. */
	if (!fresh)
		buf_consume(&v->in, h->size);
	else if (behind && buf_append(&v->in, p + h->size, behind) < 0) {
		visitor_close(v, true);
		return;
	}
	visitor_dispatch(v, h, behind);
}

/* Reads what there is of a head. False: nothing more now. */
static bool visitor_read_head(struct visitor *v)
{
	struct worker *w = v->worker;
	if (!v->conn.readable)
		return false;
	bool fresh = !buf_len(&v->in);
	if (!fresh && buf_reserve(&v->in, WORKER_SCRATCH / 4) < 0) {
		visitor_close(v, true);
		return false;
	}
	uint8_t *room = fresh ? w->scratch : buf_tail(&v->in);
	ssize_t n = conn_read(&v->conn, room, fresh ? sizeof(w->scratch) : buf_room(&v->in));
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		visitor_close(v, false);
		return false;
	}
	if (!fresh)
		buf_commit(&v->in, (size_t)n);
	visitor_check(v, fresh ? room : buf_head(&v->in), fresh ? (size_t)n : buf_len(&v->in),
		fresh);
	return true;
}

/*
 * Judges heads until a request is under way, an answer waits for the socket, or nothing more is there.
 * A loop, not a recursion: pages of ours answer pipelined requests from within.
 */
static void visitor_advance(struct visitor *v)
{
	if (v->advancing)
		return;
	v->advancing = true;
	unsigned turn = VISITOR_TURN_MAX;
	bool seen = v->state == VISITOR_HEAD; /* what is in `in` was judged already */
	while ((v->state == VISITOR_IDLE || v->state == VISITOR_HEAD) && !buf_len(&v->out)) {
		if (!turn--) {
			/* Others want their turn, too: nobody pipelines the worker for himself. */
			loop_defer(v->worker->loop, LOOP_PHASE_READ, &v->more);
			break;
		}
		if (buf_len(&v->in) && !seen)
			visitor_check(v, buf_head(&v->in), buf_len(&v->in), false);
		else if (!visitor_read_head(v))
			break;
		seen = v->state == VISITOR_HEAD;
	}
	v->advancing = false;
	if (v->state != VISITOR_CLOSED && v->state != VISITOR_MOVING)
		visitor_charge(v);
}

static void visitor_go_on(struct loop_task *task)
{
	struct visitor *v = container_of(task, struct visitor, more);
	if (v->state == VISITOR_REST || v->state == VISITOR_LINGER)
		visitor_drop_rest(v);
	else if (v->state == VISITOR_EXCHANGE)
		visitor_leave_link(v);
	else
		visitor_advance(v);
}

void visitor_rest_input(struct visitor *v)
{
	if (!buf_len(&v->in) && v->in.cap > VISITOR_IN_KEPT)
		buf_deinit(&v->in);
}

void visitor_rest(struct visitor *v)
{
	timeout_cancel(&v->timeout);
	if (v->worker->draining) {
		visitor_linger(v, true);
		return;
	}
	visitor_rest_input(v);
	visitor_set_state(v, VISITOR_IDLE);
	if (buf_len(&v->out))
		visitor_watch_reading(v);
	else
		timeout_start(&v->worker->idle, &v->timeout);
	visitor_advance(v);
}

void visitor_next(struct visitor *v)
{
	struct body rest = v->ex.body;
	bool keep = v->ex.keep && request_ends_soon(v) && !v->worker->draining;
	timeout_cancel(&v->timeout);
	exchange_log(v);
	exchange_end(v);
	v->moves = 0;
	if (!visitor_flush(v))
		return;
	if (!keep)
		visitor_linger(v, rest.done);
	else if (!rest.done)
		visitor_skip(v, &rest);
	else
		visitor_rest(v);
}

static void visitor_readable(struct visitor *v)
{
	bool wanted;
	switch (v->state) {
	case VISITOR_IDLE:
	case VISITOR_HEAD:
		visitor_advance(v);
		break;
	case VISITOR_WAITING:
	case VISITOR_EXCHANGE:
		wanted = v->user.lane && !v->ex.body.done;
		if (wanted)
			stream_ready(&v->user.lane->stream);
		/* Whoever reads will be told; who does not has to ask. */
		if (wanted && v->user.lane->stream.credit)
			break;
		if (conn_broken(&v->conn))
			visitor_close(v, true);
		else
			visitor_note_end(v);
		break;
	case VISITOR_REST:
	case VISITOR_LINGER:
		visitor_drop_rest(v);
		break;
	case VISITOR_MOVING: /* told anew where it goes */
	case VISITOR_CLOSED:
		break;
	}
}

/* What stood between it and its next request, or its end, is. */
static void visitor_written(struct visitor *v)
{
	if (v->state == VISITOR_IDLE) {
		timeout_start(&v->worker->idle, &v->timeout);
		visitor_advance(v);
	} else if (v->state == VISITOR_LINGER) {
		visitor_linger_on(v);
	}
}

static void visitor_changed(struct conn *conn)
{
	struct visitor *v = container_of(conn, struct visitor, conn);
	if (conn->writable) {
		bool owed = buf_len(&v->out) > 0;
		if (!visitor_flush(v))
			return;
		if (v->user.lane && !buf_len(&v->out))
			stream_resume(&v->user.lane->stream);
		if (owed && !buf_len(&v->out))
			visitor_written(v);
	}
	if (conn->readable)
		visitor_readable(v);
}

static const struct lane_user_ops lane_user_ops = {
	.opening = visitor_opening,
	.pull = request_pull,
	.push = answer_push,
	.push_end = answer_push_end,
	.lost = visitor_lane_lost,
};

/* ---- From worker to worker ---- */

static void visitor_arrived(struct mail *mail)
{
	struct visitor *v = container_of(mail, struct visitor, mail);
	struct worker *w = v->to;
	v->worker = w;
	if (w->node->over) {
		detached_conn_close(&v->detached);
		door_left(w->node, &v->peer, v->counted);
		buf_deinit(&v->ex.request); /* there is no worker any more to keep it */
		buf_deinit(&v->ex.partial);
		buf_deinit(&v->in);
		buf_deinit(&v->out);
		free(v);
		return;
	}
	list_append(&w->visitors, &v->link);
	if (conn_attach(&v->conn, w->loop, v->detached, visitor_changed) < 0) {
		visitor_close(v, true);
		return;
	}
	conn_assume_writable(&v->conn);
	conn_ack_early(&v->conn);
	visitor_set_state(v, VISITOR_EXCHANGE);
	visitor_charge(v);
	if (w->draining)
		visitor_refuse(v, PAGE_DRAINING);
	else
		visitor_send(v, NULL);
}

/* Nothing on this thread looks at it any more. */
static void visitor_leave(struct loop_task *task)
{
	struct visitor *v = container_of(task, struct visitor, leave);
	lane_disown(v->user.own);
	loop_task_cancel(&v->more);
	list_unlink(&v->link);
	charge_drop(&v->worker->charges, &v->charge);
	v->detached = conn_detach(&v->conn);
	v->mail.deliver = visitor_arrived;
	node_post(v->to->node, v->to->index, &v->mail);
}

void visitor_move(struct visitor *v, unsigned worker)
{
	timeout_cancel(&v->timeout);
	visitor_set_state(v, VISITOR_MOVING);
	v->moves++;
	v->to = v->worker->node->workers[worker];
	loop_defer(v->worker->loop, LOOP_PHASE_REAP, &v->leave);
}

void visitor_enter(struct worker *w, struct entrance *e)
{
	bool counted;
	if (!door_admit(w, &e->peer, false, &counted)) {
		entrance_close(e);
		return;
	}
	struct visitor *v = calloc(1, sizeof(*v));
	if (!v) {
		door_left(w->node, &e->peer, counted);
		entrance_close(e);
		return;
	}
	if (conn_attach(&v->conn, w->loop, e->detached, visitor_changed) < 0) {
		door_left(w->node, &e->peer, counted);
		buf_deinit(&e->early);
		free(v);
		return;
	}
	conn_assume_writable(&v->conn);
	conn_ack_early(&v->conn);
	v->worker = w;
	v->user.ops = &lane_user_ops;
	v->state = VISITOR_IDLE;
	v->counted = counted;
	v->door = e->door;
	v->secure = v->conn.tls;
	v->in = e->early;
	v->peer = e->peer;
	v->local = e->local;
	address_format_ip(&v->peer, v->peer_text);
	waiter_init(&v->waiter, visitor_waited, visitor_waited_in_vain);
	list_init(&v->link);
	list_append(&w->visitors, &v->link);
	charge_init(&v->charge, visitor_evicted);
	visitor_charge(v);
	timeout_init(&v->timeout);
	loop_task_init(&v->reap, visitor_reap);
	loop_task_init(&v->more, visitor_go_on);
	loop_task_init(&v->leave, visitor_leave);
	timeout_start(&w->idle, &v->timeout);
	if (buf_len(&v->in))
		loop_defer(w->loop, LOOP_PHASE_READ, &v->more);
}

void visitor_idle_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct visitor *v = visitor_timed(entry);
	if (v->state != VISITOR_EXCHANGE) {
		visitor_close(v, false);
		return;
	}
	/* The body stopped coming, or the upstream stopped taking what has come. */
	v->ex.keep = false;
	visitor_refuse(v,
		v->conn.readable || buf_len(&v->in) ? PAGE_ANSWER_TIMEOUT : PAGE_HEAD_TIMEOUT);
}

void visitor_head_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct visitor *v = visitor_timed(entry);
	visitor_begin_broken(v, buf_len(&v->in));
	visitor_refuse(v, PAGE_HEAD_TIMEOUT);
}

void visitor_answer_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct visitor *v = visitor_timed(entry);
	if (v->user.lane)
		branch_notice(v->user.lane->branch,
			"took request %s and began no answer within %g s; the exit node waits no "
			"longer (its --response-head-timeout)",
			v->ex.id, (double)v->worker->opts->response_head_timeout / CLOCK_S);
	visitor_refuse(v, PAGE_ANSWER_TIMEOUT);
}
