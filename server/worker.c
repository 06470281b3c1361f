#include "server/worker.h"

#include <errno.h>
#include <sys/sysinfo.h>

#include "base/macros.h"
#include "server/session.h"
#include "server/visitor.h"

static void worker_expire(struct loop_timer *timer)
{
	struct worker *w = container_of(timer, struct worker, expiry);
	loop_timer_set(timer, routes_expire(&w->routes, loop_now(w->loop)));
}

int worker_init(struct worker *w, struct loop *loop, const struct server_options *opts)
{
	w->opts = opts;
	w->loop = loop;
	w->started = loop_now(loop);
	list_init(&w->sessions);
	list_init(&w->visitors);
	random_bytes(w->instance, sizeof(w->instance));
	request_ids_init(&w->ids);
	budget_init(&w->budget, opts->memory_budget);
	waiting_init(&w->waiting, w);
	loop_timer_init(&w->expiry, loop, worker_expire);
	timeout_queue_init(&w->idle, loop, opts->visitor_idle, visitor_idle_expired);
	timeout_queue_init(&w->head, loop, opts->request_head_timeout, visitor_head_expired);
	timeout_queue_init(&w->answer, loop, opts->response_head_timeout, visitor_answer_expired);
	timeout_queue_init(&w->linger, loop, WORKER_LINGER_TIME, visitor_linger_expired);
	timeout_queue_init(&w->kept, loop, opts->kept_idle, lane_kept_expired);
	timeout_queue_init(&w->surplus, loop, LANE_SURPLUS_TIME, lane_kept_expired);
	return routes_init(&w->routes, opts->reconnect_grace);
}

void worker_deinit(struct worker *w)
{
	w->draining = true;
	while (!list_empty(&w->visitors))
		visitor_close(list_entry(w->visitors.next, struct visitor, link), true);
	while (!list_empty(&w->sessions))
		session_free(list_entry(w->sessions.next, struct session, link));
	loop_timer_cancel(&w->expiry);
	waiting_deinit(&w->waiting);
	timeout_queue_deinit(&w->idle);
	timeout_queue_deinit(&w->head);
	timeout_queue_deinit(&w->answer);
	timeout_queue_deinit(&w->linger);
	timeout_queue_deinit(&w->kept);
	timeout_queue_deinit(&w->surplus);
	routes_deinit(&w->routes);
	request_ids_deinit(&w->ids);
	tally_deinit(&w->addresses);
	tally_deinit(&w->handshakes);
	buf_deinit(&w->rewritten);
	while (w->n_spares)
		buf_deinit(&w->spares[--w->n_spares]);
}

void worker_drain(struct worker *w)
{
	w->draining = true;
	list_for_each (it, &w->sessions)
		session_drain(list_entry(it, struct session, link));
	list_for_each_safe (at, &w->visitors) {
		struct visitor *v = list_entry(at, struct visitor, link);
		if (v->state == VISITOR_IDLE && buf_len(&v->out))
			visitor_linger(v);
		else if (v->state == VISITOR_IDLE || v->state == VISITOR_HEAD)
			visitor_close(v, false);
		else if (v->state == VISITOR_WAITING)
			visitor_refuse(v, PAGE_DRAINING);
	}
}

bool worker_busy(const struct worker *w)
{
	return !list_empty(&w->visitors);
}

struct buf worker_take_buf(struct worker *w)
{
	return w->n_spares ? w->spares[--w->n_spares] : BUF_NULL;
}

void worker_give_buf(struct worker *w, struct buf *b)
{
	if (!b->data || b->cap > WORKER_SPARE_MAX || w->n_spares == WORKER_SPARES) {
		buf_deinit(b);
		return;
	}
	b->start = b->end = 0;
	w->spares[w->n_spares++] = *b;
	*b = BUF_NULL;
}
