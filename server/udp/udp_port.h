/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A UDP port, or a range of them, that sessions asked for: its sockets, which live on one worker, the one
 * that has a link for it. What comes through it is for its owner, by udp_port_ops. When a visitor comes for
 * whom only another worker has a link, the whole port moves there, with what was not passed on yet.
 *
 * The registrar opens it, and is the only one to send it to a worker: a worker that wants to be rid of it
 * sends it back first. So the registrar always knows where it is or will be, and can close it.
 *
 *	MOVING <-> OPEN [-> LEAVING -> MOVING], each -> CLOSED
 *
 * Three kinds of mail: the port to a worker, the port back to the registrar, and the registrar's order to
 * close, which the worker carries out and sends back. The port is freed behind the last one.
 */
#include <stdatomic.h>

#include "base/buf.h"
#include "net/udp.h"
#include "server/base/broadcast.h"
#include "server/route/service.h"

/* Bytes that move along: as much as one flow may have unsent. */
#define UDP_PORT_CARRY_MAX (256u << 10)

/* How long it stays at least: a move ends the flows there are. */
#define UDP_PORT_REST (100 * CLOCK_MS)

/*
 * Drops, and flows that had to go, are summed up for so long before they are logged, and then not logged
 * again before ...
 */
#define UDP_PORT_SAY_FIRST CLOCK_S
#define UDP_PORT_SAY_AGAIN (60 * CLOCK_S)

struct node;
struct worker;

enum udp_port_state {
	UDP_PORT_MOVING, /* on its way, or with the registrar */
	UDP_PORT_OPEN,
	UDP_PORT_LEAVING, /* at the end of the turn */
	UDP_PORT_CLOSED,
};

/* Why a datagram went no further. */
enum udp_port_drop {
	UDP_PORT_DROP_NOBODY, /* no link of a client that publishes the port; UDP does not wait */
	UDP_PORT_DROP_FULL,   /* too many flows, or no memory for one more */
	UDP_PORT_DROP_PACE, /* of a flow that would begin too soon (server/base/visitor_rates.h) */
	UDP_PORT_DROP_LATE, /* FLOW_UNSENT_MAX or FLOW_AGE_MAX: the link is slower than the visitor */
	UDP_PORT_DROP_RATE,    /* over the rate of the client's identity */
	UDP_PORT_DROP_OVERRUN, /* came while the socket's receive buffer was full */
	UDP_PORT_DROP_SOCKET,  /* too long for a frame, or an answer that the socket did not take */
	UDP_PORT_DROPS,
};

/* Why a flow ended for a new one. */
enum udp_port_crowd {
	UDP_PORT_CROWD_ADDRESS, /* --max-flows-per-visitor */
	UDP_PORT_CROWD_CLIENT,  /* --max-flows */
	UDP_PORT_CROWDS,
};

struct udp_port;

/* What the port tells its owner, on its worker. */
struct udp_port_ops {
	void (*received)(struct udp_port *port, const struct address *peer,
		const struct address *local, const uint8_t *p, size_t n);
	/* It leaves this worker: its flows end now; `why` for the access log. */
	void (*leaving)(struct udp_port *p, const char *why);
};

struct udp_port {
	struct node *node;
	const struct udp_port_ops *ops;
	struct port_range sockets; /* as long as the UDP port: the worker only watches them */
	struct mail to_worker, to_registrar;
	struct broadcast close;
	atomic_uint
		under_way; /* of these three: at the process's end they are discarded in any order */

	/* The registrar's */
	unsigned at;  /* the worker it was sent to last */
	bool closing; /* freed when the order to close is back */

	/* Whose thread it is on */
	enum udp_port_state state;
	struct worker *worker;          /* it is or was last on */
	char place[SERVICE_PLACE_SIZE]; /* its name among routing::ports */
	struct udp udp;
	struct list link;  /* udp_worker::ports */
	struct list flows; /* the owner's, for leaving(): udp_flow::of_udp_port */
	struct loop_task leave;
	unsigned to;        /* where it leaves for */
	uint64_t opened_at; /* µs */
	struct buf carried; /* datagrams that go along */

	uint64_t drops[UDP_PORT_DROPS];    /* not told yet */
	uint64_t socket_drops;             /* udp::dropped, as far as they are counted in `drops` */
	uint64_t overruns;                 /* udp::overrun, the same */
	uint64_t crowded[UDP_PORT_CROWDS]; /* flows, the same */
	struct address last;               /* the visitor of the last of all these */
	struct loop_timer say;
	bool saying;      /* the timer is set */
	uint64_t said_at; /* µs; 0: never */
};

/* ---- On the main thread ---- */

/* Takes over bound sockets. NULL when out of memory, and they are the caller's. */
struct udp_port *udp_port_new(struct node *n, const struct port_range *sockets,
	const struct udp_port_ops *ops);

/* It opens on this worker, under that name. Once; it moves by itself from there. */
void udp_port_send(struct udp_port *p, const char *place, unsigned worker);

/* Its port is free when this returns; its flows end, and its memory goes later. Returns NULL. */
struct udp_port *udp_port_close(struct udp_port *p);

/* ---- On its worker ---- */

/* It goes to that worker at the end of the turn; further datagrams wait for it. False: not yet again. */
bool udp_port_move(struct udp_port *p, unsigned worker);
/* One that goes along. */
void udp_port_carry(struct udp_port *port, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n);

/* Counted, and logged once in a while. `peer` may be NULL. */
void udp_port_dropped(struct udp_port *p, enum udp_port_drop why, uint64_t n,
	const struct address *peer);

/* A flow of this visitor had to go; the same. */
void udp_port_crowded(struct udp_port *p, enum udp_port_crowd why, const struct address *peer);

/* An answer for a visitor. */
void udp_port_answer(struct udp_port *port, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n);

/* At the process's end, when no loop runs any more: its flows end. */
void udp_port_stop(struct udp_port *p);
