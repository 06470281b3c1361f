/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The client's end of the streams that it opens itself: for each connection of a local program a stream to the private
 * service, and a relay between the two. A connection stays on the link where it began. One that comes while
 * the exit node is away, or has not answered about its service yet, waits for --dial-timeout, and is reset then.
 */
#include "client/local/client_endpoint.h"
#include "loop/timeouts.h"

/* Connections that wait, each with a descriptor: as many as a listener's backlog holds (SOMAXCONN). */
#define LOCAL_CONNS_WAITING_MAX 4096
/* Between two lines about connections to one service that the exit node resets. */
#define LOCAL_CONNS_LOG_EVERY   (10 * CLOCK_S)

struct local_conns {
	struct loop *loop;
	/* The link for a new stream; NULL: none may open one now. Nothing waits without it. */
	struct mux *(*pick)(void *arg);
	void *arg;
	struct client_keys *keys;      /* set by their owner, where streams are sealed end to end */
	struct list held;              /* those that wait, the oldest first */
	struct timeout_queue patience; /* of these */
	struct loop_task admit;        /* lets them go on where they may now */
	size_t n_held, n;              /* waiting; with a stream */
};

/* Who wants to hear of one connection's end: `reason` as relay::ended; `explained`: the log has it. Once, from the loop. */
struct local_conn_owner {
	void (*ended)(struct local_conn_owner *owner, enum frame_reset reason, bool explained);
};

/* `patience` in µs. */
void local_conns_init(struct local_conns *all, struct loop *loop, uint64_t patience,
	struct mux *(*pick)(void *arg), void *arg);
/* After the links that hold their streams. Those that wait are reset. Accepts zeroed memory. */
void local_conns_deinit(struct local_conns *all);

/*
 * A program's connection to that service; `fd` is owned from here on. `peer` is the program's address, of no family
 * at a path. `owner` may be NULL; else it outlives the connection.
 */
void local_conns_open(struct local_conns *all, struct client_endpoint *ep, int fd,
	const struct address *peer, struct local_conn_owner *owner);

/* A link may open streams now, or a service has changed: those that wait are looked at in this turn. */
void local_conns_look(struct local_conns *all);

/* Those that wait are reset; the client ends. */
void local_conns_end_waiting(struct local_conns *all);
