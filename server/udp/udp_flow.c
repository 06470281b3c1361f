/* SPDX-License-Identifier: MIT */
#include "server/udp/udp_flow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/macros.h"
#include "mux/shaper.h"
#include "server/base/access_log.h"
#include "server/base/admission.h"
#include "server/base/visitor_rates.h"
#include "server/udp/udp_port.h"
#include "server/udp/udp_worker.h"
#include "server/route/balance.h"
#include "server/link/server_link.h"

/*
 * What part of a session's flows may be questions under way, before those that have had an answer make way for
 * them: 204 of 1,024, a burst of a busy resolver.
 */
#define UDP_FLOW_UNANSWERED_SHARE 5

static struct udp_flow *udp_flow_of(struct flow *f)
{
	return container_of(f, struct udp_flow, flow);
}

static struct worker *udp_flow_worker(const struct udp_flow *f)
{
	return f->udp_port->worker;
}

static void udp_flow_log(const struct udp_flow *f, const char *why)
{
	char visitor[ADDRESS_TEXT_SIZE], port[LISTENER_PLACE_SIZE];
	snprintf(port, sizeof(port), "udp:%u", f->entry.local.port);
	struct access_entry a = {
		.visitor = {visitor, address_format_ip(&f->entry.peer, visitor)},
		.method = STR("UDP"),
		.host = str_from(port),
		.bytes_in = f->bytes[0],
		.bytes_out = f->bytes[1],
		.duration = loop_now(udp_flow_worker(f)->loop) - f->began,
		.session = str_from(f->shard->service->session->name),
		.connection = f->connection,
		.why = why,
		.format = (enum access_format)udp_flow_worker(f)->opts->access_log_format,
	};
	access_log(&a);
}

static void udp_flow_reap(struct loop_task *task)
{
	free(container_of(task, struct udp_flow, reap));
}

/* What did not get through since it was last asked. */
static void udp_flow_count_late(struct udp_flow *f)
{
	uint64_t n = f->flow.dropped - f->late;
	const struct mux *m = f->flow.stream.mux;
	bool rate = n && m && shaper_delayed(m, n);
	udp_port_dropped(f->udp_port, rate ? UDP_PORT_DROP_RATE : UDP_PORT_DROP_LATE, n,
		&f->entry.peer);
	f->late = f->flow.dropped;
}

static void limits_leave_flow(struct worker *w, const struct address *peer, bool counted)
{
	limits_release(&w->node->limits, LIMITS_FLOW, counted ? peer : NULL);
}

/* The stream is closed, whoever closed it. */
static void udp_flow_over(struct udp_flow *f, const char *why)
{
	struct worker *w = udp_flow_worker(f);
	udp_flow_log(f, why);
	udp_flow_count_late(f);
	flow_table_remove(&w->udp->flows, &f->entry);
	list_unlink(&f->of_udp_port);
	flow_queue_remove(&f->shard->session_shard->flows, &f->of_shard);
	timeout_cancel(&f->idle);
	limits_leave_flow(w, &f->entry.peer, f->counted);
	atomic_fetch_sub_explicit(&f->shard->service->session->flows, 1, memory_order_relaxed);
	server_link_finished(f->server_link);
	service_shard_finished(f->shard);
	loop_defer(w->loop, LOOP_PHASE_REAP, &f->reap);
}

static void udp_flow_end(struct udp_flow *f, enum frame_reset reason, const char *why)
{
	flow_abort(&f->flow, reason);
	udp_flow_over(f, why);
}

static void udp_flow_close(struct udp_flow *f, const char *why)
{
	udp_flow_end(f, FRAME_RESET_CANCELLED, why);
}

void udp_flow_idle_expired(struct timeout_queue *queue, struct timeout *entry)
{
	udp_flow_end(container_of(entry, struct udp_flow, idle), FRAME_RESET_TIMEOUT, NULL);
}

/* ---- What the client says ---- */

static void udp_flow_opening(struct flow *flow, struct frame_open *open_out)
{
	struct udp_flow *f = udp_flow_of(flow);
	open_out->service = service_number(f->shard->service, f->entry.local.port);
	open_out->visitor = frame_addr_of(&f->entry.peer);
	open_out->local = frame_addr_of(&f->entry.local);
}

static void udp_flow_answered(struct flow *flow, const uint8_t *p, size_t n)
{
	struct udp_flow *f = udp_flow_of(flow);
	service_shard_worked(f->shard);
	timeout_start(&udp_flow_worker(f)->udp->idle, &f->idle);
	flow_table_answered(&f->entry);
	flow_queue_answered(&f->shard->session_shard->flows, &f->of_shard);
	f->bytes[1] += n;
	counter_add(&service_shard_counts(f->shard)->datagrams[1], 1);
	udp_port_answer(f->udp_port, &f->entry.peer, &f->entry.local, p, n);
}

static void udp_flow_lost(struct flow *flow)
{
	struct udp_flow *f = udp_flow_of(flow);
	timeout_start(&udp_flow_worker(f)->udp->idle, &f->idle);
	udp_port_dropped(f->udp_port, UDP_PORT_DROP_RATE, 1, &f->entry.peer);
}

static void udp_flow_closed(struct flow *flow, enum frame_reset reason)
{
	struct udp_flow *f = udp_flow_of(flow);
	if (frame_reset_is_dial(reason))
		service_shard_failed(f->shard, reason, loop_now(udp_flow_worker(f)->loop));
	bool in_order = reason == FRAME_RESET_NONE || reason == FRAME_RESET_TIMEOUT;
	udp_flow_over(f, in_order ? NULL : frame_reset_name(reason));
}

static const struct flow_ops udp_flow_ops = {
	.opening = udp_flow_opening,
	.received = udp_flow_answered,
	.lost = udp_flow_lost,
	.closed = udp_flow_closed,
};

/* ---- A new one ---- */

static void udp_flow_crowded(struct udp_flow *f, enum udp_port_crowd why)
{
	udp_port_crowded(f->udp_port, why, &f->entry.peer);
	udp_flow_close(f, "crowded");
}

/*
 * Counts one more flow against its address, for which another one of the address may have to go. What an
 * address may have follows what is free: while less than half of the session's are taken, nobody is in
 * anybody's way.
 */
static bool udp_flow_admit_address(struct worker *w, struct service_shard *shard,
	const struct address *peer)
{
	struct limits *limits = &w->node->limits;
	atomic_uint *flows = &shard->service->session->flows;
	bool plenty = atomic_load_explicit(flows, memory_order_relaxed) * 2 < w->opts->max_flows;
	unsigned limit = plenty ? 0 : (unsigned)w->opts->max_flows_per_visitor;
	int r = limits_acquire(limits, LIMITS_FLOW, peer, 0, limit);
	if (r != -EUSERS)
		return r == 0;
	struct flow_table_entry *e = flow_table_victim(&w->udp->flows, peer, loop_now(w->loop));
	if (!e)
		return false; /* all of them are on other workers */
	udp_flow_crowded(container_of(e, struct udp_flow, entry), UDP_PORT_CROWD_ADDRESS);
	/* It takes the other's place, however many there are since there was plenty. */
	return limits_acquire(limits, LIMITS_FLOW, peer, 0, 0) == 0;
}

/* The same for the session. */
static bool udp_flow_admit_session(struct worker *w, struct service_shard *shard)
{
	atomic_uint *flows = &shard->service->session->flows;
	if (atomic_fetch_add_explicit(flows, 1, memory_order_relaxed) < w->opts->max_flows)
		return true;
	struct flow_place *p = flow_queue_victim(&shard->session_shard->flows,
		UDP_FLOW_UNANSWERED_SHARE, loop_now(w->loop));
	if (p) {
		udp_flow_crowded(container_of(p, struct udp_flow, of_shard), UDP_PORT_CROWD_CLIENT);
		return true;
	}
	/* All of them are on other workers. */
	atomic_fetch_sub_explicit(flows, 1, memory_order_relaxed);
	return false;
}

/* `counted`: the address is held against it. */
static bool udp_flow_admit(struct worker *w, struct service_shard *shard,
	const struct address *peer, bool counted)
{
	if (!counted)
		limits_acquire(&w->node->limits, LIMITS_FLOW, NULL, 0, 0);
	else if (!udp_flow_admit_address(w, shard, peer))
		return false;
	if (udp_flow_admit_session(w, shard))
		return true;
	limits_leave_flow(w, peer, counted);
	return false;
}

/* NULL when there is no memory, or the client takes no more streams. */
static struct udp_flow *udp_flow_start(struct udp_port *p, struct service_shard *shard,
	const struct address *peer, const struct address *local)
{
	struct worker *w = p->worker;
	struct server_link *l = server_link_pick_new(shard->session_shard);
	struct udp_flow *f = l ? calloc(1, sizeof(*f)) : NULL;
	if (!f)
		return NULL;
	f->entry = (struct flow_table_entry){.port = p, .peer = *peer, .local = *local};
	flow_init(&f->flow, &udp_flow_ops);
	f->flow.stream.group = address_network(peer);
	uint64_t now = loop_now(w->loop);
	if (flow_table_add(&w->udp->flows, &f->entry, now) < 0) {
		free(f);
		return NULL;
	}
	if (mux_open(&l->io.link.mux, &f->flow.stream) < 0) {
		flow_table_remove(&w->udp->flows, &f->entry);
		free(f);
		return NULL;
	}
	f->udp_port = p;
	f->shard = shard;
	f->server_link = l;
	f->began = now;
	f->connection = log_new_connection();
	timeout_init(&f->idle);
	loop_task_init(&f->reap, udp_flow_reap);
	flow_queue_add(&shard->session_shard->flows, &f->of_shard, now);
	list_init(&f->of_udp_port);
	list_append(&p->flows, &f->of_udp_port);
	service_shard_began(shard, w);
	f->flow.stream.counts = &service_shard_counts(shard)->bytes;
	server_link_began(l);
	routes_used(&shard->entry);
	return f;
}

static struct udp_flow *udp_flow_new(struct udp_port *p, struct service_shard *shard,
	const struct address *peer, const struct address *local)
{
	struct worker *w = p->worker;
	bool counted = !cidr_list_has(&w->opts->trusted, peer);
	if (!udp_flow_admit(w, shard, peer, counted))
		return NULL;
	struct udp_flow *f = udp_flow_start(p, shard, peer, local);
	if (f) {
		f->counted = counted;
		return f;
	}
	atomic_fetch_sub_explicit(&shard->service->session->flows, 1, memory_order_relaxed);
	limits_leave_flow(w, peer, counted);
	return NULL;
}

/*
 * Here, if there is any good way: the UDP port does not move to share load, because a move ends all its
 * flows.
 */
static enum route_outcome udp_port_route(const struct udp_port *p, struct route_found *found_out)
{
	struct route_query query = {.routes = &p->worker->routing->ports,
		.host = str_from(p->place),
		.any = true,
		.moved = true};
	*found_out = (struct route_found){0};
	return p->worker->draining ? ROUTE_NONE : route_find(p->worker, &query, found_out);
}

/* A link that does not answer while another does is none to wait for with a first question (rule 46). */
static bool udp_flow_stranded(const struct udp_flow *f)
{
	if (f->bytes[1] || !server_link_silent(f->server_link))
		return false;
	struct route_found found;
	enum route_outcome outcome = udp_port_route(f->udp_port, &found);
	return (outcome == ROUTE_HERE || outcome == ROUTE_ELSEWHERE) && !found.last;
}

/*
 * None if whoever it was before is withdrawn, and another session has the port too; nor if it has to go
 * another way.
 */
static struct udp_flow *udp_flow_find(struct udp_port *p, const struct address *peer,
	const struct address *local)
{
	struct flow_table_entry *e = flow_table_find(&p->worker->udp->flows, p, peer, local);
	struct udp_flow *f = e ? container_of(e, struct udp_flow, entry) : NULL;
	const char *over = NULL;
	if (f && f->shard->gone)
		over = "withdrawn";
	else if (f && udp_flow_stranded(f))
		over = "link_silent";
	if (!over)
		return f;
	udp_flow_close(f, over);
	return NULL;
}

/* Whether its address and the service may begin one more now. */
static bool udp_flow_in_time(struct worker *w, const struct route *route,
	const struct address *peer)
{
	return !w->node->visitor_rates ||
	       (!visitor_rates_visit(w, VISITOR_RATE_ADDRESS_FLOWS, peer, 0) &&
		       !visitor_rates_serve(w, VISITOR_RATE_SERVICE_CONNECTIONS, route->host, peer,
			       0));
}

/* NULL: there is none, and its first datagram was dropped. */
static struct udp_flow *udp_flow_begin(struct udp_port *port, const struct route_found *found,
	const struct address *peer, const struct address *local)
{
	enum udp_port_drop why = UDP_PORT_DROP_NOBODY;
	if (found->shard && udp_flow_in_time(port->worker, found->route, peer)) {
		struct udp_flow *f = udp_flow_new(port, found->shard, peer, local);
		if (f)
			return f;
		why = UDP_PORT_DROP_FULL;
	} else if (found->shard) {
		why = UDP_PORT_DROP_PACE;
	}
	udp_port_dropped(port, why, 1, peer);
	return NULL;
}

static void udp_flow_heard(struct udp_port *port, const struct address *peer,
	const struct address *local, const uint8_t *p, size_t n)
{
	struct worker *w = port->worker;
	struct udp_flow *f = udp_flow_find(port, peer, local);
	if (!f) {
		struct route_found found;
		enum route_outcome outcome = udp_port_route(port, &found);
		if (outcome == ROUTE_ELSEWHERE && udp_port_move(port, found.worker)) {
			udp_port_carry(port, peer, local, p, n);
			return;
		}
		f = udp_flow_begin(port, &found, peer, local);
		if (!f)
			return;
	}
	f->bytes[0] += n;
	counter_add(&service_shard_counts(f->shard)->datagrams[0], 1);
	timeout_start(&w->udp->idle, &f->idle);
	flow_table_heard(&f->entry);
	flow_queue_heard(&f->shard->session_shard->flows, &f->of_shard);
	flow_send(&f->flow, p, n, loop_now(w->loop));
	udp_flow_count_late(f);
}

static void udp_flow_port_leaving(struct udp_port *p, const char *why)
{
	while (!list_empty(&p->flows))
		udp_flow_close(list_entry(p->flows.next, struct udp_flow, of_udp_port), why);
}

const struct udp_port_ops udp_flow_port_ops = {
	.received = udp_flow_heard,
	.leaving = udp_flow_port_leaving,
};
