/* SPDX-License-Identifier: MIT */
#include "server/udp/udp_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/state.h"
#include "server/udp/udp_worker.h"
#include "server/base/worker.h"

/* Bytes of a sentence about what was dropped, and why. */
#define SUM_SIZE 512

/* Before each datagram that is carried; copied in and out, since nothing is aligned there. */
struct carried {
	struct address peer, local;
	size_t n;
};

static void udp_port_set_state(struct udp_port *p, enum udp_port_state state)
{
	static const char *const names[] = {"moving", "open", "leaving", "closed"};
	static const uint8_t legal[] = {
		[UDP_PORT_MOVING] = 1 << UDP_PORT_OPEN | 1 << UDP_PORT_CLOSED,
		[UDP_PORT_OPEN] = 1 << UDP_PORT_LEAVING | 1 << UDP_PORT_CLOSED,
		[UDP_PORT_LEAVING] = 1 << UDP_PORT_MOVING | 1 << UDP_PORT_CLOSED,
		[UDP_PORT_CLOSED] = 0,
	};
	static const struct state_table table = {"UDP port", names, legal};
	state_step(&table, p->state, state);
	p->state = state;
}

/* ---- What is dropped, and which flows end early ---- */

/* "3 why, 4 why" of those that are not 0, which are counted anew; their sum. */
static uint64_t sum_up(uint64_t *counts, const char *const *why, size_t n, char text[SUM_SIZE])
{
	uint64_t sum = 0;
	size_t at = 0;
	text[0] = 0;
	for (size_t i = 0; i < n; i++) {
		if (counts[i])
			at += (size_t)snprintf(text + at, SUM_SIZE - at, "%s%llu %s",
				at ? ", " : "", (unsigned long long)counts[i], why[i]);
		sum += counts[i];
		counts[i] = 0;
	}
	return sum;
}

static void udp_port_say(struct udp_port *p)
{
	static const char *const drops[] = {
		[UDP_PORT_DROP_NOBODY] = "without a client for the port",
		[UDP_PORT_DROP_FULL] = "beyond the limits on flows",
		[UDP_PORT_DROP_PACE] = "beyond the rates of new flows",
		[UDP_PORT_DROP_LATE] = "beyond what the client's link took in time",
		[UDP_PORT_DROP_RATE] = "over the rate of the client's identity",
		[UDP_PORT_DROP_OVERRUN] =
			"beyond the socket's receive buffer, which net.core.rmem_max may limit",
		[UDP_PORT_DROP_SOCKET] = "too long for a frame or refused by the socket",
	};
	static const char *const crowds[] = {
		[UDP_PORT_CROWD_ADDRESS] = "beyond --max-flows-per-visitor",
		[UDP_PORT_CROWD_CLIENT] = "beyond --max-flows",
	};
	char text[SUM_SIZE], peer[ADDRESS_TEXT_SIZE];
	p->saying = false;
	address_format(&p->last, peer);
	uint64_t dropped = sum_up(p->drops, drops, UDP_PORT_DROPS, text);
	if (dropped)
		log_warn("%s dropped %llu datagram%s, the last of visitor %s: %s", p->place,
			(unsigned long long)dropped, dropped > 1 ? "s" : "", peer, text);
	uint64_t crowded = sum_up(p->crowded, crowds, UDP_PORT_CROWDS, text);
	if (crowded)
		log_warn("%s ended %llu flow%s for new ones, the last of visitor %s: %s", p->place,
			(unsigned long long)crowded, crowded > 1 ? "s" : "", peer, text);
	if (dropped || crowded)
		p->said_at = loop_now(p->worker->loop);
}

static void udp_port_say_due(struct loop_timer *timer)
{
	udp_port_say(container_of(timer, struct udp_port, say));
}

static void udp_port_count(struct udp_port *p, uint64_t *count, uint64_t n,
	const struct address *peer)
{
	*count += n;
	if (peer)
		p->last = *peer;
	if (p->saying)
		return;
	p->saying = true;
	loop_timer_set(&p->say, MAX(loop_now(p->worker->loop) + UDP_PORT_SAY_FIRST,
					p->said_at ? p->said_at + UDP_PORT_SAY_AGAIN : 0));
}

void udp_port_dropped(struct udp_port *p, enum udp_port_drop why, uint64_t n,
	const struct address *peer)
{
	if (!n)
		return;
	counter_add(&p->worker->udp->drops[why], n);
	udp_port_count(p, &p->drops[why], n, peer);
}

void udp_port_crowded(struct udp_port *p, enum udp_port_crowd why, const struct address *peer)
{
	counter_add(&p->worker->counts
			     .limits[why == UDP_PORT_CROWD_ADDRESS ? COUNTS_LIMIT_FLOWS_VISITOR
								   : COUNTS_LIMIT_FLOWS],
		1);
	udp_port_count(p, &p->crowded[why], 1, peer);
}

static void udp_port_count_socket(struct udp_port *p, const struct address *peer)
{
	udp_port_dropped(p, UDP_PORT_DROP_SOCKET, p->udp.dropped - p->socket_drops, peer);
	udp_port_dropped(p, UDP_PORT_DROP_OVERRUN, p->udp.overrun - p->overruns, peer);
	p->socket_drops = p->udp.dropped;
	p->overruns = p->udp.overrun;
}

/* ---- Mail ---- */

static void udp_port_free(struct udp_port *p)
{
	port_range_close(&p->sockets);
	buf_deinit(&p->carried);
	free(p);
}

static void udp_port_post(struct udp_port *p, unsigned worker, struct mail *mail)
{
	atomic_fetch_add(&p->under_way, 1);
	node_post(p->node, worker, mail);
}

/* The process ends; every port was closed by now, so the order to close is among what is discarded. */
static void udp_port_discard(struct udp_port *p)
{
	if (atomic_fetch_sub(&p->under_way, 1) == 1)
		udp_port_free(p);
}

static void to_worker_discard(struct mail *mail)
{
	udp_port_discard(container_of(mail, struct udp_port, to_worker));
}

static void to_registrar_discard(struct mail *mail)
{
	udp_port_discard(container_of(mail, struct udp_port, to_registrar));
}

static void close_discard(struct broadcast *b)
{
	udp_port_discard(container_of(b, struct udp_port, close));
}

/* ---- On a worker ---- */

void udp_port_answer(struct udp_port *port, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n)
{
	udp_send(&port->udp, peer, local, p, n);
	udp_port_count_socket(port, peer);
}

static void udp_port_pass(struct udp_port *port, const struct address *peer,
	const struct address *local, const uint8_t *p, size_t n)
{
	if (port->state == UDP_PORT_LEAVING)
		udp_port_carry(port, peer, local, p, n);
	else
		port->ops->received(port, peer, local, p, n);
}

static void udp_port_received(struct udp *udp, const struct address *peer,
	const struct address *local, const uint8_t *p, size_t n)
{
	struct udp_port *port = container_of(udp, struct udp_port, udp);
	udp_port_count_socket(port, peer);
	udp_port_pass(port, peer, local, p, n);
}

void udp_port_carry(struct udp_port *port, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n)
{
	struct carried c = {.peer = *peer, .local = *local, .n = n};
	if (buf_len(&port->carried) + sizeof(c) + n > UDP_PORT_CARRY_MAX ||
		buf_reserve(&port->carried, sizeof(c) + n) < 0) {
		udp_port_dropped(port, UDP_PORT_DROP_LATE, 1, peer);
		return;
	}
	buf_append(&port->carried, &c, sizeof(c));
	buf_append(&port->carried, p, n);
}

static void udp_port_deliver_carried(struct udp_port *p)
{
	struct buf carried = p->carried;
	p->carried = BUF_NULL;
	while (buf_len(&carried)) {
		struct carried c;
		memcpy(&c, buf_head(&carried), sizeof(c));
		buf_consume(&carried, sizeof(c));
		udp_port_pass(p, &c.peer, &c.local, buf_head(&carried), c.n);
		buf_consume(&carried, c.n);
	}
	buf_deinit(&carried);
}

/* Out of everything of this worker's. */
static void udp_port_leave_worker(struct udp_port *p, const char *why)
{
	p->ops->leaving(p, why);
	loop_task_cancel(&p->leave);
	udp_detach(&p->udp);
	udp_port_say(p);
	loop_timer_cancel(&p->say);
	list_unlink(&p->link);
}

void udp_port_stop(struct udp_port *p)
{
	udp_port_leave_worker(p, "closed");
	udp_port_set_state(p, UDP_PORT_CLOSED);
}

/*
 * At the end of the turn, so that what was read with the datagram that wants to go elsewhere goes along.
 * Flows that are still here (their links are about to leave) end: their answers would have no socket.
 */
static void udp_port_leave(struct loop_task *task)
{
	struct udp_port *p = container_of(task, struct udp_port, leave);
	udp_port_leave_worker(p, "moved");
	udp_port_set_state(p, UDP_PORT_MOVING);
	udp_port_post(p, 0, &p->to_registrar);
}

bool udp_port_move(struct udp_port *p, unsigned worker)
{
	if (loop_now(p->worker->loop) - p->opened_at < UDP_PORT_REST)
		return false;
	p->to = worker;
	udp_port_set_state(p, UDP_PORT_LEAVING);
	loop_defer(p->worker->loop, LOOP_PHASE_READ, &p->leave);
	return true;
}

static void udp_port_arrived(struct mail *mail)
{
	struct udp_port *p = container_of(mail, struct udp_port, to_worker);
	struct worker *w = p->worker;
	struct udp_worker *u = w->udp;
	atomic_fetch_sub(&p->under_way, 1);
	loop_task_init(&p->leave, udp_port_leave);
	loop_timer_init(&p->say, w->loop, udp_port_say_due);
	p->socket_drops = p->overruns = 0;
	if (!u->arena)
		u->arena = udp_arena_new();
	if (!u->arena ||
		udp_receive(&p->udp, w->loop, u->arena, &p->sockets, udp_port_received) < 0) {
		log_error("%s cannot be served: out of memory", p->place);
		udp_port_set_state(p, UDP_PORT_CLOSED);
		return;
	}
	udp_port_set_state(p, UDP_PORT_OPEN);
	list_append(&u->ports, &p->link);
	p->opened_at = loop_now(w->loop);
	udp_port_deliver_carried(p);
}

/* ---- For the registrar ---- */

static void udp_port_dispatch(struct udp_port *p, unsigned worker)
{
	p->at = worker;
	p->worker = p->node->workers[worker];
	udp_port_post(p, worker, &p->to_worker);
}

static void udp_port_returned(struct mail *mail)
{
	struct udp_port *p = container_of(mail, struct udp_port, to_registrar);
	atomic_fetch_sub(&p->under_way, 1);
	if (!p->closing) /* else the order to close is under way, and frees it */
		udp_port_dispatch(p, p->to);
}

struct udp_port *udp_port_new(struct node *n, const struct port_range *sockets,
	const struct udp_port_ops *ops)
{
	struct udp_port *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->node = n;
	p->ops = ops;
	p->sockets = *sockets;
	p->udp.fd = -1;
	p->to_worker = (struct mail){.deliver = udp_port_arrived, .discard = to_worker_discard};
	p->to_registrar =
		(struct mail){.deliver = udp_port_returned, .discard = to_registrar_discard};
	list_init(&p->link);
	list_init(&p->flows);
	return p;
}

void udp_port_send(struct udp_port *p, const char *place, unsigned worker)
{
	snprintf(p->place, sizeof(p->place), "%s", place);
	udp_port_dispatch(p, worker);
}

static void close_run(struct broadcast *b, struct worker *w)
{
	struct udp_port *p = container_of(b, struct udp_port, close);
	/* Else it has left for the registrar, where it arrives before this. */
	if (p->state == UDP_PORT_OPEN || p->state == UDP_PORT_LEAVING)
		udp_port_stop(p);
}

static void close_done(struct broadcast *b)
{
	udp_port_free(container_of(b, struct udp_port, close));
}

static const struct broadcast_ops close_ops = {
	.run = close_run,
	.done = close_done,
	.discard = close_discard,
};

struct udp_port *udp_port_close(struct udp_port *p)
{
	if (!p)
		return NULL;
	p->closing = true;
	/* Another thread may be reading; only such a read holds a port until it ends, some microseconds. */
	port_range_give_up(&p->sockets);
	atomic_fetch_add(&p->under_way, 1);
	broadcast_send_to(&p->close, p->node, p->at, &close_ops);
	return NULL;
}
