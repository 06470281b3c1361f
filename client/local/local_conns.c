/* SPDX-License-Identifier: MIT */
#include "client/local/local_conns.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/state.h"
#include "client/local/reset_reason.h"
#include "net/e2e.h"
#include "net/socket.h"

enum local_conn_state { LOCAL_CONN_WAITING, LOCAL_CONN_RELAYING, LOCAL_CONN_OVER };

struct local_conn {
	struct relay relay;
	struct local_conns *all;
	struct client_endpoint *ep; /* counted */
	struct local_conn_owner *owner;
	struct e2e *e2e;     /* NULL: its bytes go as they come, or it has no stream yet */
	bool explained;      /* why it ended was said */
	uint64_t connection; /* log_new_connection() */
	enum local_conn_state state;
	int fd; /* while it waits */
	struct frame_addr peer;
	struct list held;
	struct timeout patience;
	struct loop_task reap;
};

/* Every legal transition; anything else is a bug of ours. */
static void local_conn_set_state(struct local_conn *c, enum local_conn_state state)
{
	static const char *const names[] = {"waiting", "relaying", "over"};
	static const uint8_t legal[] = {
		[LOCAL_CONN_WAITING] = 1 << LOCAL_CONN_RELAYING | 1 << LOCAL_CONN_OVER,
		[LOCAL_CONN_RELAYING] = 1 << LOCAL_CONN_OVER,
		[LOCAL_CONN_OVER] = 0,
	};
	static const struct state_table table = {"local connection", names, legal};
	state_step(&table, c->state, state);
	c->state = state;
}

static void local_conn_reap(struct loop_task *task)
{
	struct local_conn *c = container_of(task, struct local_conn, reap);
	if (c->e2e)
		e2e_deinit(c->e2e);
	free(c->e2e);
	client_endpoint_unref(c->ep);
	free(c);
}

/* Its socket and its stream are closed. Its memory goes when nothing of this turn looks at it. */
static void local_conn_end(struct local_conn *c, enum frame_reset reason)
{
	struct local_conns *all = c->all;
	local_conn_set_state(c, LOCAL_CONN_OVER);
	loop_defer(all->loop, LOOP_PHASE_REAP, &c->reap);
	if (c->owner)
		c->owner->ended(c->owner, reason, c->explained);
}

/* Summed up: a program tries again and again. */
static void local_conn_explain(struct local_conn *c, const char *why)
{
	char more[LOG_LIMIT_MORE];
	c->explained = true;
	if (log_limit_pass(&c->ep->log_failed, loop_now(c->all->loop), LOCAL_CONNS_LOG_EVERY, 1,
		    more))
		log_warn_of(c->connection, "a connection to %s is reset: %s%s", c->ep->service.name,
			why, more);
}

/* ---- One that waits ---- */

static void local_conn_unhold(struct local_conn *c)
{
	if (!list_linked(&c->held))
		return;
	list_unlink(&c->held);
	timeout_cancel(&c->patience);
	c->all->n_held--;
}

static void local_conn_refuse(struct local_conn *c, enum frame_reset reason)
{
	local_conn_unhold(c);
	detached_conn_close(&(struct detached_conn){.fd = c->fd});
	c->fd = -1;
	local_conn_end(c, reason);
}

static void local_conn_reset(struct local_conn *c, enum frame_reset reason)
{
	socket_abort_on_close(c->fd);
	local_conn_refuse(c, reason);
}

static void local_conn_hold(struct local_conn *c)
{
	struct local_conns *all = c->all;
	if (list_linked(&c->held))
		return;
	if (all->n_held >= LOCAL_CONNS_WAITING_MAX) {
		local_conn_explain(c, "as many wait for the exit node as may");
		local_conn_reset(c, FRAME_RESET_BUSY);
		return;
	}
	list_append(&all->held, &c->held);
	timeout_start(&all->patience, &c->patience);
	all->n_held++;
}

static void local_conn_impatient(struct timeout_queue *queue, struct timeout *entry)
{
	struct local_conn *c = container_of(entry, struct local_conn, patience);
	local_conn_explain(c, "the exit node could not be asked within --dial-timeout");
	local_conn_reset(c, FRAME_RESET_TIMEOUT);
}

/* ---- One with a stream ---- */

static void local_conn_opening(struct relay *relay, struct frame_open *open_out)
{
	const struct local_conn *c = container_of(relay, struct local_conn, relay);
	open_out->kind = FRAME_KIND_TCP;
	open_out->service = c->ep->number;
	open_out->visitor = c->peer;
}

static void local_conn_ended(struct relay *relay, enum frame_reset reason)
{
	struct local_conn *c = container_of(relay, struct local_conn, relay);
	struct local_conns *all = c->all;
	const char *why = c->explained ? NULL : reset_explain(reason, c->e2e);
	if (why)
		local_conn_explain(c, why);
	log_debug_of(c->connection, "a connection to %s ended: %s", c->ep->service.name,
		frame_reset_name(reason));
	all->n--;
	local_conn_end(c, reason);
	local_conns_look(all); /* there may be room for another stream */
}

static void local_conn_relay(struct local_conn *c)
{
	struct detached_conn detached = DETACHED_CONN_OF(c->fd);
	local_conn_unhold(c);
	local_conn_set_state(c, LOCAL_CONN_RELAYING);
	c->fd = -1;
	c->all->n++;
	if (relay_connect(&c->relay, detached) < 0) {
		relay_abort(&c->relay, FRAME_RESET_NO_MEMORY);
		local_conn_ended(&c->relay, FRAME_RESET_NO_MEMORY);
	}
}

/* ---- Sealed end to end ---- */

/* Only an exit node, or what is on the way, makes such a thing. */
static void local_conn_unsealed(struct e2e *e, const char *why)
{
	struct local_conn *c = container_of(e->relay, struct local_conn, relay);
	local_conn_explain(c, why);
}

/* 0 or -ENOMEM. */
static int local_conn_seal(struct local_conn *c)
{
	const struct client_endpoint *ep = c->ep;
	struct e2e_config config = {.own = &c->all->keys->own,
		.peer = ep->key.key,
		.suite = e2e_suite(ep->key.aes),
		.service = ep->service.name,
		.link = ep->key.link};
	c->e2e = malloc(sizeof(*c->e2e));
	int r = c->e2e ? e2e_start(c->e2e, &c->relay, &config) : -ENOMEM;
	if (r < 0) {
		free(c->e2e);
		c->e2e = NULL;
		return r;
	}
	c->e2e->failed = local_conn_unsealed;
	return 0;
}

/* False: memory is out. */
static bool local_conn_begin(struct local_conn *c, struct mux *m)
{
	if (c->ep->key.given && local_conn_seal(c) < 0)
		return false;
	if (mux_open(m, &c->relay.stream) < 0)
		return false;
	local_conn_relay(c);
	return true;
}

/* Opens its stream, waits for who may have one opened, or is reset. */
static void local_conn_try(struct local_conn *c)
{
	struct local_conns *all = c->all;
	switch (client_endpoint_way(c->ep)) {
	case CLIENT_ENDPOINT_RESETS:
		local_conn_reset(c, FRAME_RESET_DENIED);
		return;
	case CLIENT_ENDPOINT_WAITS:
		break;
	case CLIENT_ENDPOINT_OPENS: {
		struct mux *m = all->pick(all->arg);
		if (!m || !mux_may_open(m))
			break;
		if (!local_conn_begin(c, m)) {
			local_conn_explain(c, "memory is out");
			local_conn_reset(c, FRAME_RESET_NO_MEMORY);
		}
		return;
	}
	}
	local_conn_hold(c);
}

void local_conns_open(struct local_conns *all, struct client_endpoint *ep, int fd,
	const struct address *peer, struct local_conn_owner *owner)
{
	struct local_conn *c = malloc(sizeof(*c));
	if (!c) {
		socket_abort_on_close(fd);
		detached_conn_close(&(struct detached_conn){.fd = fd});
		if (owner)
			owner->ended(owner, FRAME_RESET_NO_MEMORY, false);
		return;
	}
	c->all = all;
	c->ep = client_endpoint_ref(ep);
	c->owner = owner;
	c->e2e = NULL;
	c->explained = false;
	c->connection = log_new_connection();
	c->state = LOCAL_CONN_WAITING;
	c->fd = fd;
	c->peer = frame_addr_of(peer);
	list_init(&c->held);
	timeout_init(&c->patience);
	loop_task_init(&c->reap, local_conn_reap);
	relay_init(&c->relay, all->loop, false, local_conn_ended);
	c->relay.opening = local_conn_opening;
	local_conn_try(c);
}

/* ---- All of them ---- */

static void local_conns_admit(struct loop_task *task)
{
	struct local_conns *all = container_of(task, struct local_conns, admit);
	list_for_each_safe (it, &all->held)
		local_conn_try(list_entry(it, struct local_conn, held));
}

void local_conns_look(struct local_conns *all)
{
	if (all->n_held)
		loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
}

void local_conns_end_waiting(struct local_conns *all)
{
	while (!list_empty(&all->held))
		local_conn_reset(list_entry(all->held.next, struct local_conn, held),
			FRAME_RESET_CANCELLED);
}

void local_conns_init(struct local_conns *all, struct loop *loop, uint64_t patience,
	struct mux *(*pick)(void *arg), void *arg)
{
	*all = (struct local_conns){.loop = loop, .pick = pick, .arg = arg};
	list_init(&all->held);
	timeout_queue_init(&all->patience, loop, patience, local_conn_impatient);
	loop_task_init(&all->admit, local_conns_admit);
}

void local_conns_deinit(struct local_conns *all)
{
	if (!all->loop)
		return;
	local_conns_end_waiting(all);
	loop_task_cancel(&all->admit);
	timeout_queue_deinit(&all->patience);
	all->loop = NULL;
}
