/* SPDX-License-Identifier: MIT */
#include "client/local/local_flows.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/macros.h"
#include "net/flow.h"

struct local_flow {
	struct flow flow;
	struct local_flows *all;
	struct client_endpoint *ep;    /* counted */
	uint64_t connection;           /* log_new_connection() */
	struct flow_table_entry entry; /* of its port and its sender */
	struct flow_place place;
	struct timeout idle;
	struct list link;
	struct loop_task reap;
};

static struct local_flow *local_flow_of(struct flow *flow)
{
	return container_of(flow, struct local_flow, flow);
}

static void local_flow_reap(struct loop_task *task)
{
	struct local_flow *e = container_of(task, struct local_flow, reap);
	client_endpoint_unref(e->ep);
	free(e);
}

/* The stream is closed, whoever closed it. */
static void local_flow_over(struct local_flow *e)
{
	struct local_flows *f = e->all;
	log_debug_of(e->connection,
		"a UDP flow to %s ended: %llu datagrams out, %llu in, %llu dropped",
		e->ep->service.name, (unsigned long long)e->flow.sent,
		(unsigned long long)e->flow.received, (unsigned long long)e->flow.dropped);
	flow_table_remove(&f->table, &e->entry);
	flow_queue_remove(&f->queue, &e->place);
	timeout_cancel(&e->idle);
	list_unlink(&e->link);
	loop_defer(f->loop, LOOP_PHASE_REAP, &e->reap);
}

static void local_flow_end(struct local_flow *e, enum frame_reset reason)
{
	flow_abort(&e->flow, reason);
	local_flow_over(e);
}

static void local_flow_opening(struct flow *flow, struct frame_open *open_out)
{
	const struct local_flow *e = local_flow_of(flow);
	open_out->service = e->ep->number;
	open_out->visitor = frame_addr_of(&e->entry.peer);
}

static void local_flow_answered(struct flow *flow, const uint8_t *p, size_t n)
{
	struct local_flow *e = local_flow_of(flow);
	timeout_start(&e->all->idle, &e->idle);
	flow_queue_answered(&e->all->queue, &e->place);
	if (e->ep->port.open)
		udp_send(&e->ep->port.udp, &e->entry.peer, &e->entry.local, p, n);
}

static void local_flow_closed(struct flow *flow, enum frame_reset reason)
{
	local_flow_over(local_flow_of(flow));
}

static const struct flow_ops flow_ops = {
	.opening = local_flow_opening,
	.received = local_flow_answered,
	.closed = local_flow_closed,
};

/* ---- A new one ---- */

static void local_flows_make_room(struct local_flows *f)
{
	if (flow_queue_count(&f->queue) < LOCAL_FLOWS_MAX)
		return;
	struct flow_place *p =
		flow_queue_victim(&f->queue, LOCAL_FLOWS_UNANSWERED_SHARE, loop_now(f->loop));
	if (p)
		local_flow_end(container_of(p, struct local_flow, place), FRAME_RESET_BUSY);
}

/* NULL: the service may not be used now, no link takes a stream, or memory is out. */
static struct local_flow *local_flow_new(struct local_flows *f, struct client_endpoint *ep,
	const struct address *peer, const struct address *local)
{
	uint64_t now = loop_now(f->loop);
	struct mux *m = client_endpoint_way(ep) == CLIENT_ENDPOINT_OPENS ? f->pick(f->arg) : NULL;
	struct local_flow *e = m ? calloc(1, sizeof(*e)) : NULL;
	if (!e)
		return NULL;
	local_flows_make_room(f);
	e->all = f;
	e->entry = (struct flow_table_entry){.port = &ep->port, .peer = *peer, .local = *local};
	flow_init(&e->flow, &flow_ops);
	if (flow_table_add(&f->table, &e->entry, now) < 0) {
		free(e);
		return NULL;
	}
	if (mux_open(m, &e->flow.stream) < 0) {
		flow_table_remove(&f->table, &e->entry);
		free(e);
		return NULL;
	}
	e->ep = client_endpoint_ref(ep);
	e->connection = log_new_connection();
	timeout_init(&e->idle);
	loop_task_init(&e->reap, local_flow_reap);
	list_init(&e->link);
	list_append(&f->all, &e->link);
	flow_queue_add(&f->queue, &e->place, now);
	return e;
}

static void log_overrun(struct client_endpoint *ep, uint64_t now)
{
	struct udp *udp = &ep->port.udp;
	char more[LOG_LIMIT_MORE];
	if (udp->overrun && log_limit_pass(&ep->log_failed, now, 10 * CLOCK_S, 1, more)) {
		log_warn("lost %llu datagrams for %s: the receive buffer was full; "
			 "net.core.rmem_max may limit it%s",
			(unsigned long long)udp->overrun, ep->service.name, more);
		udp->overrun = 0;
	}
}

void local_flows_heard(struct local_flows *f, struct client_endpoint *ep,
	const struct address *peer, const struct address *local, const uint8_t *p, size_t n)
{
	struct flow_table_entry *entry = flow_table_find(&f->table, &ep->port, peer, local);
	struct local_flow *e = entry ? container_of(entry, struct local_flow, entry)
				     : local_flow_new(f, ep, peer, local);
	log_overrun(ep, loop_now(f->loop));
	if (!e)
		return;
	timeout_start(&f->idle, &e->idle);
	flow_queue_heard(&f->queue, &e->place);
	flow_send(&e->flow, p, n, loop_now(f->loop));
}

/* ---- All of them ---- */

static void idle_expired(struct timeout_queue *queue, struct timeout *entry)
{
	local_flow_end(container_of(entry, struct local_flow, idle), FRAME_RESET_TIMEOUT);
}

void local_flows_end(struct local_flows *f, const struct client_endpoint *ep)
{
	list_for_each_safe (it, &f->all) {
		struct local_flow *e = list_entry(it, struct local_flow, link);
		if (!ep || e->ep == ep)
			local_flow_end(e, FRAME_RESET_NONE);
	}
}

void local_flows_init(struct local_flows *f, struct loop *loop, uint64_t idle,
	struct mux *(*pick)(void *arg), void *arg)
{
	*f = (struct local_flows){.loop = loop, .pick = pick, .arg = arg};
	flow_table_init(&f->table);
	flow_queue_init(&f->queue);
	timeout_queue_init(&f->idle, loop, idle, idle_expired);
	list_init(&f->all);
}

void local_flows_deinit(struct local_flows *f)
{
	if (!f->loop)
		return;
	timeout_queue_deinit(&f->idle);
	flow_table_deinit(&f->table);
	f->loop = NULL;
}
