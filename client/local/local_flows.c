/* SPDX-License-Identifier: MIT */
#include "client/local/local_flows.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/local/reset_reason.h"
#include "net/e2e_flow.h"

struct local_flow {
	struct flow flow;
	struct local_flows *all;
	struct client_endpoint *ep;    /* counted */
	uint64_t connection;           /* log_new_connection() */
	struct e2e_flow *e2e;          /* NULL: as it comes */
	struct timeout repeat;         /* of its handshake */
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

static void local_flow_free(struct local_flow *e)
{
	if (e->e2e)
		e2e_flow_deinit(e->e2e);
	free(e->e2e);
	free(e);
}

static void local_flow_reap(struct loop_task *task)
{
	struct local_flow *e = container_of(task, struct local_flow, reap);
	client_endpoint_unref(e->ep);
	local_flow_free(e);
}

/* Summed up: a program tries again and again. */
static void local_flow_explain(const struct local_flow *e, const char *why)
{
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&e->ep->log_failed, loop_now(e->all->loop), LOCAL_FLOWS_LOG_EVERY, 1,
		    more))
		log_warn_of(e->connection, "a UDP flow to %s is reset: %s%s", e->ep->service.name,
			why, more);
}

static void local_flow_explain_drop(const struct local_flow *e, const char *why)
{
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&e->ep->log_dropped, loop_now(e->all->loop), LOCAL_FLOWS_LOG_EVERY, 1,
		    more))
		log_warn_of(e->connection, "dropped a datagram between a program and %s: %s%s",
			e->ep->service.name, why, more);
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
	timeout_cancel(&e->repeat);
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
	struct local_flow *e = local_flow_of(flow);
	/* Of too many, one makes way for another: that is said where it happens. */
	const char *why = reason == FRAME_RESET_BUSY ? NULL : reset_explain(reason, e->e2e);
	if (why)
		local_flow_explain(e, why);
	local_flow_over(e);
}

static const struct flow_ops flow_ops = {
	.opening = local_flow_opening,
	.received = local_flow_answered,
	.closed = local_flow_closed,
};

/* ---- Sealed end to end ---- */

/* Only an exit node, or what is on the way, makes such a thing. */
static void local_flow_unsealed(struct e2e_flow *e2e, const char *why)
{
	local_flow_explain(local_flow_of(e2e->flow), why);
}

static void local_flow_unopened(struct e2e_flow *e2e)
{
	local_flow_explain_drop(local_flow_of(e2e->flow),
		"its provider has not sent it, or it came before");
}

static void repeat_due(struct timeout_queue *queue, struct timeout *entry)
{
	struct local_flow *e = container_of(entry, struct local_flow, repeat);
	if (!e2e_flow_repeat(e->e2e)) {
		local_flow_explain(e, "its provider does not answer the handshake");
		local_flow_end(e, FRAME_RESET_TIMEOUT);
	} else if (e->e2e->state != E2E_UP) {
		timeout_start(queue, entry);
	}
}

/* 0, -ENOMEM or -EPROTO. */
static int local_flow_seal(struct local_flow *e)
{
	struct client_endpoint *ep = e->ep;
	struct e2e_config config = {.own = &e->all->keys->own,
		.peer = ep->key.key,
		.suite = e2e_suite(ep->key.aes),
		.service = ep->service.name,
		.link = ep->key.link};
	e->e2e = calloc(1, sizeof(*e->e2e));
	int r = e->e2e ? e2e_flow_start(e->e2e, &e->flow, &config) : -ENOMEM;
	if (r == -EPROTO)
		local_flow_explain(e, "its provider's key is none");
	if (r < 0)
		return r;
	e->e2e->failed = local_flow_unsealed;
	e->e2e->dropped = local_flow_unopened;
	timeout_start(&e->all->repeats, &e->repeat);
	return 0;
}

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

/* A stream, and a place in the table. 0 or -errno. */
static int local_flow_begin(struct local_flow *e, struct mux *m)
{
	struct flow_table *table = &e->all->table;
	int r = e->ep->key.given ? local_flow_seal(e) : 0;
	if (r == 0)
		r = flow_table_add(table, &e->entry, loop_now(e->all->loop));
	if (r < 0)
		return r;
	r = mux_open(m, &e->flow.stream);
	if (r < 0)
		flow_table_remove(table, &e->entry);
	return r;
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
	e->ep = ep;
	e->entry = (struct flow_table_entry){.port = &ep->port, .peer = *peer, .local = *local};
	flow_init(&e->flow, &flow_ops);
	e->connection = log_new_connection();
	timeout_init(&e->idle);
	timeout_init(&e->repeat);
	loop_task_init(&e->reap, local_flow_reap);
	list_init(&e->link);
	if (local_flow_begin(e, m) < 0) {
		timeout_cancel(&e->repeat);
		local_flow_free(e);
		return NULL;
	}
	client_endpoint_ref(ep);
	list_append(&f->all, &e->link);
	flow_queue_add(&f->queue, &e->place, now);
	return e;
}

static void log_overrun(struct client_endpoint *ep, uint64_t now)
{
	struct udp *udp = &ep->port.udp;
	char more[LOG_LIMIT_MORE];
	if (udp->overrun && log_limit_pass(&ep->log_overrun, now, LOCAL_FLOWS_LOG_EVERY, 1, more)) {
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
	if (n > e->flow.max)
		local_flow_explain_drop(e, "sealed end to end there is no room for so much in it");
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
	timeout_queue_init(&f->repeats, loop, E2E_FLOW_REPEAT_EVERY, repeat_due);
	list_init(&f->all);
}

void local_flows_deinit(struct local_flows *f)
{
	if (!f->loop)
		return;
	timeout_queue_deinit(&f->idle);
	timeout_queue_deinit(&f->repeats);
	flow_table_deinit(&f->table);
	f->loop = NULL;
}
