#include "server/waiting.h"

#include <errno.h>

#include "server/service.h"
#include "server/visitor.h"
#include "server/worker.h"

static void waiting_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct visitor *v = container_of(entry, struct visitor, timeout);
	waiting_remove(&v->worker->waiting, v);
	visitor_refuse(v, PAGE_WAITED);
}

static struct service *waiting_service(struct worker *w, struct visitor *v)
{
	struct route *route = routes_find(&w->routes, exchange_host(&v->ex), loop_now(w->loop));
	return route ? service_pick(route, NULL, loop_now(w->loop)) : NULL;
}

static void waiting_run(struct loop_task *task)
{
	struct waiting *wt = container_of(task, struct waiting, wake);
	/* Those who still find nothing keep their place and their deadline. */
	list_for_each_safe (it, &wt->visitors) {
		struct visitor *v = list_entry(it, struct visitor, waits);
		if (!waiting_service(wt->worker, v))
			continue;
		waiting_remove(wt, v);
		visitor_send(v, NULL);
	}
}

void waiting_init(struct waiting *wt, struct worker *w)
{
	*wt = (struct waiting){.worker = w};
	list_init(&wt->visitors);
	loop_task_init(&wt->wake, waiting_run);
	timeout_queue_init(&wt->queue, w->loop, w->opts->reconnect_grace, waiting_expired);
}

void waiting_deinit(struct waiting *wt)
{
	if (!wt->worker)
		return;
	loop_task_cancel(&wt->wake);
	timeout_queue_deinit(&wt->queue);
	tally_deinit(&wt->addresses);
}

bool waiting_due(const struct worker *w, const struct route *route)
{
	/* Our own restart counts as every session's loss. */
	return !w->draining && (route || loop_now(w->loop) - w->started < w->opts->reconnect_grace);
}

int waiting_add(struct waiting *wt, struct visitor *v)
{
	const struct server_options *o = wt->worker->opts;
	if (wt->n >= o->max_waiting)
		return -EBUSY;
	int r = tally_add(&wt->addresses, &v->ex.visitor, (unsigned)o->max_waiting_per_address);
	if (r < 0)
		return r;
	wt->n++;
	list_append(&wt->visitors, &v->waits);
	timeout_start(&wt->queue, &v->timeout);
	visitor_set_state(v, VISITOR_WAITING);
	return 0;
}

void waiting_remove(struct waiting *wt, struct visitor *v)
{
	if (!list_linked(&v->waits))
		return;
	wt->n--;
	tally_drop(&wt->addresses, &v->ex.visitor);
	list_unlink(&v->waits);
	timeout_cancel(&v->timeout);
}

void waiting_wake(struct waiting *wt)
{
	if (wt->n)
		loop_defer(wt->worker->loop, LOOP_PHASE_WRITE, &wt->wake);
}
