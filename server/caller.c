#include "server/caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/socket.h"
#include "tls/tls.h"
#include "server/access_log.h"
#include "server/session.h"

/* Every move found the link gone that it was for: there is something wrong with all of them. */
#define CALLER_MOVES_MAX 4

static void caller_find(struct caller *c);

static void caller_set_state(struct caller *c, enum caller_state state)
{
	static const uint8_t legal[] = {
		[CALLER_ARRIVING] = 1 << CALLER_WAITING | 1 << CALLER_MOVING | 1 << CALLER_OPEN |
				    1 << CALLER_CLOSED,
		[CALLER_WAITING] = 1 << CALLER_MOVING | 1 << CALLER_OPEN | 1 << CALLER_CLOSED,
		[CALLER_MOVING] = 1 << CALLER_ARRIVING | 1 << CALLER_CLOSED,
		[CALLER_OPEN] = 1 << CALLER_CLOSED,
		[CALLER_CLOSED] = 0,
	};
	if (!(legal[c->state] & 1 << state))
		abort();
	c->state = state;
}

static void caller_log(const struct caller *c, const char *why)
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
		.why = why,
	};
	access_log(&a);
}

static void caller_reap(struct loop_task *task)
{
	free(container_of(task, struct caller, reap));
}

/* Out of everything; its memory goes at the end of the turn. */
static void caller_end(struct caller *c, const char *why)
{
	struct worker *w = c->worker;
	caller_log(c, why);
	caller_set_state(c, CALLER_CLOSED);
	waiting_remove(&w->waiting, &c->waiter);
	list_unlink(&c->link);
	charge_drop(&w->charges, &c->charge);
	admission_leave(w->node, &c->peer, c->counted);
	if (c->branch) {
		trunk_finished(c->trunk);
		branch_finished(c->branch);
	}
	loop_defer(w->loop, LOOP_PHASE_REAP, &c->reap);
}

void caller_close(struct caller *c, const char *why)
{
	if (c->state == CALLER_CLOSED)
		return;
	if (c->state == CALLER_OPEN)
		relay_abort(&c->relay, FRAME_RESET_CANCELLED);
	else if (c->detached.fd >= 0)
		socket_abort_on_close(c->detached.fd);
	detached_conn_close(&c->detached);
	buf_deinit(&c->relay.early);
	caller_end(c, why);
}

/* What it has while nothing moves yet: later it differs by what waits in the relay, which is a stream's. */
static void caller_charge(struct caller *c)
{
	size_t tls = c->detached.tls ? tls_memory(c->detached.tls) : 0;
	charge_set(&c->worker->charges, &c->charge, &c->peer, tls + c->relay.early.cap, true);
}

static void caller_evicted(struct charge *charge)
{
	struct caller *c = container_of(charge, struct caller, charge);
	admission_log_memory(c->worker, &c->peer);
	caller_close(c, "no-memory");
}

static void caller_ended(struct relay *relay, enum frame_reset reason)
{
	struct caller *c = container_of(relay, struct caller, relay);
	if (frame_reset_is_dial(reason))
		branch_failed(c->branch, loop_now(c->worker->loop));
	else if (reason == FRAME_RESET_NONE || relay->stream.taken)
		branch_worked(c->branch);
	caller_end(c, reason == FRAME_RESET_NONE ? NULL : frame_reset_name(reason));
}

static void caller_opening(struct relay *relay, struct frame_open *open_out)
{
	struct caller *c = container_of(relay, struct caller, relay);
	const struct service *service = c->branch->service;
	open_out->kind = FRAME_KIND_TCP;
	open_out->service = service_number(service, c->port);
	open_out->visitor = frame_addr_of(&c->peer);
	open_out->local = frame_addr_of(&c->local);
	frame_open_set_tls(&c->relay.conn, service_alpn(service), open_out);
}

static void caller_open(struct caller *c, struct branch *b)
{
	struct trunk *t = branch_trunk(b);
	if (!t || mux_open(&t->io.link.mux, &c->relay.stream) < 0) {
		caller_close(c, "busy");
		return;
	}
	caller_set_state(c, CALLER_OPEN);
	c->branch = b;
	c->trunk = t;
	branch_began(b);
	trunk_began(t);
	routes_used(&b->entry);
	memcpy(c->session, b->service->session->name, sizeof(c->session));
	struct detached_conn detached = c->detached;
	c->detached = DETACHED_CONN_NULL;
	/* OPEN goes out before the visitor has said anything: the upstream may speak first. */
	stream_ready(&c->relay.stream);
	if (relay_connect(&c->relay, detached) < 0)
		caller_close(c, "no-memory");
}

static void caller_arrived(struct mail *mail)
{
	struct caller *c = container_of(mail, struct caller, mail);
	if (c->worker->node->over) {
		detached_conn_close(&c->detached);
		admission_leave(c->worker->node, &c->peer, c->counted);
		buf_deinit(&c->relay.early);
		free(c);
		return;
	}
	caller_set_state(c, CALLER_ARRIVING);
	list_append(&c->worker->callers, &c->link);
	c->relay.loop = c->worker->loop;
	caller_charge(c);
	if (c->worker->draining)
		caller_close(c, "draining");
	else
		caller_find(c);
}

/* What is not registered with a loop yet moves by being sent. */
static void caller_move(struct caller *c, unsigned worker)
{
	struct node *n = c->worker->node;
	if (c->moves++ == CALLER_MOVES_MAX) {
		caller_close(c, "busy");
		return;
	}
	caller_set_state(c, CALLER_MOVING);
	list_unlink(&c->link);
	charge_drop(&c->worker->charges, &c->charge);
	c->worker = n->workers[worker];
	c->mail.deliver = caller_arrived;
	node_post(n, worker, &c->mail);
}

/* The name may have become another kind of service's while it came or waited. */
static bool caller_fits(const struct caller *c, const struct route *route)
{
	return !c->by_name || route_takes(route, CONTROL_TCP,
				      c->detached.tls ? CONTROL_TLS_TERMINATE : CONTROL_TLS_PASS);
}

static void caller_find(struct caller *c)
{
	struct worker *w = c->worker;
	struct routes *routes = c->by_name ? &w->routes : &w->ports;
	struct route *route = routes_find(routes, str_from(c->place), loop_now(w->loop));
	struct pick pick = route ? branch_pick(w, route, NULL, c->moves > 0) : PICK_NONE;
	if (route && !caller_fits(c, route))
		caller_close(c, "no-route");
	else if (pick.branch)
		caller_open(c, pick.branch);
	else if (pick.worker >= 0)
		caller_move(c, (unsigned)pick.worker);
	else if (!waiting_due(w, route))
		caller_close(c, "no-route");
	else if (waiting_add(&w->waiting, &c->waiter, routes, str_from(c->place), &c->peer) < 0)
		caller_close(c, "crowded");
	else if (c->state != CALLER_WAITING)
		caller_set_state(c, CALLER_WAITING);
}

static void caller_waited(struct waiter *waiter)
{
	caller_find(container_of(waiter, struct caller, waiter));
}

static void caller_waited_in_vain(struct waiter *waiter)
{
	caller_close(container_of(waiter, struct caller, waiter), "waited");
}

void caller_enter(struct worker *w, struct accepted_conn *a, const char *name)
{
	bool counted;
	if (!admission_enter(w, &a->peer, false, &counted)) {
		accepted_conn_close(a);
		return;
	}
	struct caller *c = calloc(1, sizeof(*c));
	if (!c) {
		admission_leave(w->node, &a->peer, counted);
		accepted_conn_close(a);
		return;
	}
	c->worker = w;
	c->detached = a->detached;
	c->peer = a->peer;
	c->local = a->local;
	c->counted = counted;
	c->by_name = name;
	c->port = a->listener.port;
	c->began = loop_now(w->loop);
	snprintf(c->place, sizeof(c->place), "%s", name ? name : a->listener.place);
	relay_init(&c->relay, w->loop, false, caller_ended);
	c->relay.stream.group = address_network(&c->peer);
	c->relay.early = a->early;
	c->relay.opening = caller_opening;
	waiter_init(&c->waiter, caller_waited, caller_waited_in_vain);
	loop_task_init(&c->reap, caller_reap);
	list_init(&c->link);
	list_append(&w->callers, &c->link);
	charge_init(&c->charge, caller_evicted);
	caller_charge(c);
	caller_find(c);
}
