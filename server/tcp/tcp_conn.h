/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A visitor's connection to a TCP service. It finds a link of its service; from then on it is a relay between
 * the visitor's socket and a stream.
 *
 *	ARRIVING -> [WAITING ->] [MOVING ->] OPEN -> CLOSED
 */
#include "net/relay.h"
#include "server/base/admission.h"
#include "server/route/service.h"
#include "server/route/wait_queue.h"
#include "server/base/worker.h"

/* What the TCP front keeps on a worker. */
struct tcp_worker {
	struct list conns; /* of struct tcp_conn */
};

enum tcp_conn_state {
	TCP_CONN_ARRIVING, /* just accepted, or just come from another worker */
	TCP_CONN_WAITING,  /* for a session that was lost a moment ago */
	TCP_CONN_MOVING,   /* on its way to the worker that has a link for it */
	TCP_CONN_OPEN,
	TCP_CONN_CLOSED,
};

struct tcp_conn {
	struct charge charge;
	struct relay relay;
	struct worker *worker;
	struct list link; /* tcp_worker::conns */
	enum tcp_conn_state state;
	struct detached_conn detached; /* until it is OPEN */
	struct service_shard *shard;
	struct server_link *server_link;
	struct waiter waiter;
	struct mail mail;
	struct loop_task reap;
	unsigned moves;
	const struct service *wanted; /* route_query::wanted */
	bool by_name;                 /* `place` is a host name, else one of routing::ports */
	uint16_t port;                /* that was connected to */
	bool counted;                 /* in the limits, under its address */
	char place[SERVICE_PLACE_SIZE];
	char session[SESSION_NAME_SIZE]; /* for the log */
	struct address peer, local;
	uint64_t connection; /* log_new_connection() */
	uint64_t began;      /* µs */
};

/*
 * Takes over what `a` owns: a connection to the service of this name (canonical), or, when it is NULL, of the
 * listener's port.
 */
void tcp_conn_enter(struct worker *w, struct accepted_conn *a, const char *name);

/* Ends it at once, with an RST. */
void tcp_conn_close(struct tcp_conn *c, const char *why);

void tcp_worker_init(struct tcp_worker *t);
/* Its connections end. Before the worker's links. */
void tcp_worker_deinit(struct tcp_worker *t);
/* Connections to that service end. */
void tcp_worker_cut(struct tcp_worker *t, const struct service_shard *shard);
/* Nothing new is begun: connections that wait for a session close. */
void tcp_worker_drain(struct tcp_worker *t);
