/* SPDX-License-Identifier: MIT */
#include "server/tcp/tcp_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/state.h"
#include "net/socket.h"
#include "tls/tls.h"
#include "server/base/access_log.h"
#include "server/base/visitor_rates.h"
#include "server/link/server_link.h"
#include "server/route/balance.h"

/* Every move found the link gone that it was for: there is something wrong with all of them. */
#define TCP_CONN_MOVES_MAX 4

static void tcp_conn_find(struct tcp_conn *c);

static void tcp_conn_set_state(struct tcp_conn *c, enum tcp_conn_state state)
{
	static const char *const names[] = {"arriving", "waiting", "moving", "open", "closed"};
	static const uint8_t legal[] = {
		[TCP_CONN_ARRIVING] = 1 << TCP_CONN_WAITING | 1 << TCP_CONN_MOVING |
				      1 << TCP_CONN_OPEN | 1 << TCP_CONN_CLOSED,
		[TCP_CONN_WAITING] =
			1 << TCP_CONN_MOVING | 1 << TCP_CONN_OPEN | 1 << TCP_CONN_CLOSED,
		[TCP_CONN_MOVING] = 1 << TCP_CONN_ARRIVING | 1 << TCP_CONN_CLOSED,
		[TCP_CONN_OPEN] = 1 << TCP_CONN_CLOSED,
		[TCP_CONN_CLOSED] = 0,
	};
	static const struct state_table table = {"TCP connection", names, legal};
	state_step(&table, c->state, state);
	c->state = state;
}

static void tcp_conn_log(const struct tcp_conn *c, const char *why)
{
	char visitor[ADDRESS_TEXT_SIZE], port[LISTENER_PLACE_SIZE];
	snprintf(port, sizeof(port), "tcp:%u", c->port);
	struct access_entry a = {
		.visitor = {visitor, address_format_ip(&c->peer, visitor)},
		.method = STR("TCP"),
		.host = str_from(c->by_name ? c->place : port),
		.bytes_in = c->relay.stream.sent,
		.bytes_out = c->relay.stream.taken,
		.duration = loop_now(c->worker->loop) - c->began,
		.session = str_from(c->session),
		.connection = c->connection,
		.why = why,
		.format = (enum access_format)c->worker->opts->access_log_format,
	};
	access_log(&a);
}

static void tcp_conn_reap(struct loop_task *task)
{
	free(container_of(task, struct tcp_conn, reap));
}

/* Out of everything; its memory goes at the end of the turn. */
static void tcp_conn_end(struct tcp_conn *c, const char *why)
{
	struct worker *w = c->worker;
	tcp_conn_log(c, why);
	tcp_conn_set_state(c, TCP_CONN_CLOSED);
	wait_queue_remove(&w->routing->wait_queue, &c->waiter);
	list_unlink(&c->link);
	charge_drop(&w->charges, &c->charge);
	admission_leave(w->node, &c->peer, c->counted);
	if (c->shard) {
		server_link_finished(c->server_link);
		service_shard_finished(c->shard);
	}
	loop_defer(w->loop, LOOP_PHASE_REAP, &c->reap);
}

void tcp_conn_close(struct tcp_conn *c, const char *why)
{
	if (c->state == TCP_CONN_CLOSED)
		return;
	if (c->state == TCP_CONN_OPEN)
		relay_abort(&c->relay, FRAME_RESET_CANCELLED);
	else if (c->detached.fd >= 0)
		socket_abort_on_close(c->detached.fd);
	detached_conn_close(&c->detached);
	buf_deinit(&c->relay.early);
	tcp_conn_end(c, why);
}

/* What it has while nothing moves yet: later it differs by what waits in the relay, which is a stream's. */
static void tcp_conn_charge(struct tcp_conn *c)
{
	size_t tls = c->detached.tls ? tls_memory(c->detached.tls) : 0;
	charge_set(&c->worker->charges, &c->charge, &c->peer, tls + c->relay.early.cap, true);
}

static void tcp_conn_evicted(struct charge *charge)
{
	struct tcp_conn *c = container_of(charge, struct tcp_conn, charge);
	admission_log_memory(c->worker, c->connection, &c->peer);
	tcp_conn_close(c, "no-memory");
}

static void tcp_conn_ended(struct relay *relay, enum frame_reset reason)
{
	struct tcp_conn *c = container_of(relay, struct tcp_conn, relay);
	if (frame_reset_is_dial(reason))
		service_shard_failed(c->shard, reason, loop_now(c->worker->loop));
	else if (reason == FRAME_RESET_NONE || relay->stream.taken)
		service_shard_worked(c->shard);
	tcp_conn_end(c, reason == FRAME_RESET_NONE ? NULL : frame_reset_name(reason));
}

static void tcp_conn_opening(struct relay *relay, struct frame_open *open_out)
{
	struct tcp_conn *c = container_of(relay, struct tcp_conn, relay);
	const struct service *service = c->shard->service;
	open_out->kind = FRAME_KIND_TCP;
	open_out->service = service_number(service, c->port);
	open_out->visitor = frame_addr_of(&c->peer);
	open_out->local = frame_addr_of(&c->local);
	frame_open_set_tls(&c->relay.conn, service_alpn(service), open_out);
}

static void tcp_conn_open(struct tcp_conn *c, struct service_shard *shard)
{
	struct server_link *l = server_link_pick_new(shard->session_shard);
	if (!l || mux_open(&l->io.link.mux, &c->relay.stream) < 0) {
		tcp_conn_close(c, "busy");
		return;
	}
	tcp_conn_set_state(c, TCP_CONN_OPEN);
	c->shard = shard;
	c->server_link = l;
	service_shard_began(shard, c->worker);
	c->relay.stream.counts = &service_shard_counts(shard)->bytes;
	server_link_began(l);
	routes_used(&shard->entry);
	memcpy(c->session, shard->service->session->name, sizeof(c->session));
	struct detached_conn detached = c->detached;
	c->detached = DETACHED_CONN_NULL;
	/* OPEN goes out before the visitor has said anything: the upstream may speak first. */
	stream_ready(&c->relay.stream);
	if (relay_connect(&c->relay, detached) < 0)
		tcp_conn_close(c, "no-memory");
}

static void tcp_conn_arrived(struct mail *mail)
{
	struct tcp_conn *c = container_of(mail, struct tcp_conn, mail);
	tcp_conn_set_state(c, TCP_CONN_ARRIVING);
	list_append(&c->worker->tcp->conns, &c->link);
	c->relay.loop = c->worker->loop;
	tcp_conn_charge(c);
	if (c->worker->draining)
		tcp_conn_close(c, "draining");
	else
		tcp_conn_find(c);
}

static void tcp_conn_discard(struct mail *mail)
{
	struct tcp_conn *c = container_of(mail, struct tcp_conn, mail);
	detached_conn_close(&c->detached);
	admission_leave(c->worker->node, &c->peer, c->counted);
	buf_deinit(&c->relay.early);
	free(c);
}

/* What is not registered with a loop yet moves by being sent. */
static void tcp_conn_move(struct tcp_conn *c, unsigned worker)
{
	struct node *n = c->worker->node;
	if (c->moves++ == TCP_CONN_MOVES_MAX) {
		tcp_conn_close(c, "busy");
		return;
	}
	tcp_conn_set_state(c, TCP_CONN_MOVING);
	list_unlink(&c->link);
	charge_drop(&c->worker->charges, &c->charge);
	c->worker = n->workers[worker];
	c->mail = (struct mail){.deliver = tcp_conn_arrived, .discard = tcp_conn_discard};
	node_post(n, worker, &c->mail);
}

static void tcp_conn_wait(struct tcp_conn *c, const struct routes *routes)
{
	if (wait_queue_add(&c->worker->routing->wait_queue, &c->waiter, routes, str_from(c->place),
		    &c->peer) < 0)
		tcp_conn_close(c, "crowded");
	else if (c->state != TCP_CONN_WAITING)
		tcp_conn_set_state(c, TCP_CONN_WAITING);
}

static void tcp_conn_find(struct tcp_conn *c)
{
	struct routing *routing = c->worker->routing;
	struct route_query query = {
		.routes = c->by_name ? &routing->names : &routing->ports,
		.host = str_from(c->place),
		/* A name may have become another kind of service's while the connection came or waited. */
		.any = !c->by_name,
		.kind = CONTROL_TCP,
		.tls = c->detached.tls ? CONTROL_TLS_TERMINATE : CONTROL_TLS_PASS,
		.moved = c->moves > 0,
		.chooses = c->moves == 0,
		.wanted = c->wanted,
	};
	struct route_found found;
	switch (route_find(c->worker, &query, &found)) {
	case ROUTE_HERE:
		tcp_conn_open(c, found.shard);
		break;
	case ROUTE_ELSEWHERE:
		c->wanted = found.service;
		tcp_conn_move(c, found.worker);
		break;
	case ROUTE_WAIT:
		tcp_conn_wait(c, query.routes);
		break;
	case ROUTE_NONE:
		tcp_conn_close(c, "no-route");
		break;
	}
}

static void tcp_conn_waited(struct waiter *waiter)
{
	tcp_conn_find(container_of(waiter, struct tcp_conn, waiter));
}

static void tcp_conn_waited_in_vain(struct waiter *waiter)
{
	tcp_conn_close(container_of(waiter, struct tcp_conn, waiter), "waited");
}

/* By the service that it is for; where there is none now it may wait for one. */
static bool tcp_conn_in_time(struct worker *w, const struct accepted_conn *a, const char *name)
{
	const struct routes *routes = name ? &w->routing->names : &w->routing->ports;
	const struct route *route =
		routes_find(routes, str_from(name ? name : a->listener.place), loop_now(w->loop));
	return !route || !visitor_rates_serve(w, VISITOR_RATE_SERVICE_CONNECTIONS, route->host,
				 &a->peer, a->connection);
}

void tcp_conn_enter(struct worker *w, struct accepted_conn *a, const char *name)
{
	bool counted;
	if ((w->node->visitor_rates && !tcp_conn_in_time(w, a, name)) ||
		!admission_enter(w, a->connection, &a->peer, false, &counted)) {
		accepted_conn_close(a);
		return;
	}
	struct tcp_conn *c = calloc(1, sizeof(*c));
	if (!c) {
		admission_leave(w->node, &a->peer, counted);
		accepted_conn_close(a);
		return;
	}
	c->worker = w;
	c->detached = a->detached;
	c->peer = a->peer;
	c->local = a->local;
	c->connection = a->connection;
	c->counted = counted;
	c->by_name = name;
	c->port = a->listener.port;
	c->began = loop_now(w->loop);
	snprintf(c->place, sizeof(c->place), "%s", name ? name : a->listener.place);
	relay_init(&c->relay, w->loop, false, tcp_conn_ended);
	c->relay.stream.group = address_network(&c->peer);
	c->relay.early = a->early;
	c->relay.opening = tcp_conn_opening;
	waiter_init(&c->waiter, tcp_conn_waited, tcp_conn_waited_in_vain);
	loop_task_init(&c->reap, tcp_conn_reap);
	list_init(&c->link);
	list_append(&w->tcp->conns, &c->link);
	charge_init(&c->charge, tcp_conn_evicted);
	tcp_conn_charge(c);
	tcp_conn_find(c);
}

/* ---- All of a worker's ---- */

void tcp_worker_init(struct tcp_worker *t)
{
	list_init(&t->conns);
}

void tcp_worker_deinit(struct tcp_worker *t)
{
	while (!list_empty(&t->conns))
		tcp_conn_close(list_entry(t->conns.next, struct tcp_conn, link), "draining");
}

void tcp_worker_cut(struct tcp_worker *t, const struct service_shard *shard)
{
	list_for_each_safe (at, &t->conns) {
		struct tcp_conn *c = list_entry(at, struct tcp_conn, link);
		if (c->shard == shard)
			tcp_conn_close(c, frame_reset_name(FRAME_RESET_DENIED));
	}
}

void tcp_worker_drain(struct tcp_worker *t)
{
	list_for_each_safe (at, &t->conns) {
		struct tcp_conn *c = list_entry(at, struct tcp_conn, link);
		if (c->state == TCP_CONN_WAITING)
			tcp_conn_close(c, "draining");
	}
}
