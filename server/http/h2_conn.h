/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A visitor's HTTP/2 connection to the HTTP front, and its requests, each of which is an exchange.
 *
 *	OPEN [-> MOVING -> OPEN] -> LINGER -> CLOSED
 *
 * A file for each part, in the order in which they use each other: h2_conn.c (state, memory, end), h2_body.c (a
 * request's body, as HTTP/1 frames it), h2_exchange.c (what an exchange asks of its connection), h2_request.c (what
 * comes), h2_events.c (its events and timeouts), h2_move.c (to another worker), h2_enter.c (its beginning).
 *
 * All of its exchanges are served by one worker. The connection goes to another as a whole, while no exchange of it
 * has anything on this one; else a request that only another could serve is refused in a way that lets the client
 * send it again (h2_move.c).
 */
#include "h2/h2.h"
#include "net/conn.h"
#include "server/base/worker.h"
#include "server/http/exchange.h"
#include "server/http/http_worker.h"

/* Bytes that wait for the socket before responses wait in their streams, and requests unread. */
#define H2_OUT_MAX (64u << 10)

enum h2_conn_state {
	H2_CONN_OPEN,
	H2_CONN_MOVING, /* on its way to the worker that has a link for its requests */
	H2_CONN_LINGER, /* said and written all; what still comes is dropped, so that it is read */
	H2_CONN_CLOSED,
};

struct h2_conn {
	struct conn conn;
	struct worker *worker;
	struct list link; /* http_worker::h2_conns */
	struct loop_task reap, more,
		flush;          /* more: reads on, in the next turn; flush: at the end of this */
	struct loop_task leave; /* MOVING: behind this turn's work */
	struct mail mail;
	struct detached_conn detached; /* between two workers */
	struct worker *to;             /* MOVING */
	struct timeout idle;           /* while it has no exchanges; in LINGER */
	struct timeout unread;         /* while something waits for the socket */
	struct timeout head;           /* while `unfinished` is not whole */
	unsigned unfinished;           /* h2_unfinished(), as it was last */
	enum h2_conn_state state;
	bool counted; /* in the limits */
	bool starved; /* an exchange found no room in h2::out */

	struct downstream downstream;
	struct h2 h2;
	struct buf in; /* bytes that came and are for the next turn */
	struct charge charge;
	size_t held; /* bytes that its exchanges hold: h2_exchange::held of each */
	struct list
		exchanges; /* of struct h2_exchange; the one whose turn to write is next stands first */
	unsigned n_exchanges;
	uint64_t acked; /* bytes that its kernel had acknowledged when that was last progress */
};

/* A stream and its exchange. It lives as long as both: the stream, until it is closed; the exchange, until it ended. */
struct h2_exchange {
	struct h2_stream stream;
	struct h2_conn *conn;
	struct list link;             /* h2_conn::exchanges */
	struct loop_task reap, again; /* again: its link is silent, another may be better */
	struct timeout stalled;       /* while its response waits for the peer's window */
	uint64_t stalled_sent;        /* h2_stream::sent when that began */
	bool counted;                 /* in LIMITS_EXCHANGE */
	bool moving;                  /* waits for its connection's move */
	size_t held;

	bool ended;          /* the request is whole */
	struct buf body;     /* bytes of the request's that nobody took yet */
	struct buf trailers; /* lines behind it */
	size_t chunk;        /* bytes of `body` that belong to the chunk being read */
	struct buf frame;    /* of chunks: what stands before the next byte of `body` */
	bool last;           /* the last chunk was framed */
	struct exchange ex;
};

static inline struct h2_exchange *h2_exchange_of(const struct exchange *ex)
{
	return container_of(ex, struct h2_exchange, ex);
}

static inline struct h2_exchange *h2_exchange_of_stream(struct h2_stream *s)
{
	return container_of(s, struct h2_exchange, stream);
}

/* h2_conn.c */

void h2_conn_set_state(struct h2_conn *c, enum h2_conn_state state);
/* Ends it at once, with its exchanges. */
void h2_conn_close(struct h2_conn *c, bool abort);
/* Something is to be written: at the end of this turn. */
void h2_conn_touch(struct h2_conn *c);
/* Charges what it holds, which may have changed. */
void h2_conn_charge(struct h2_conn *c);
/* The same for one of its exchanges. */
void h2_exchange_charge(struct h2_exchange *x);
/* Its exchange is over; when its stream is closed, too, it is freed. */
void h2_exchange_done(struct h2_exchange *x);
/* Resets the stream of an exchange that is under way; it is logged, and over. */
void h2_exchange_reset(struct h2_exchange *x, enum h2_error code);

/* An exchange is to go to that worker: the connection goes, behind this turn's work, if it can (h2_move.c). */
void h2_conn_move(struct h2_exchange *x, unsigned worker);

/* h2_body.c */

/* As exchange_ops::read: with chunks around what has no length. */
ssize_t h2_body_read(struct h2_exchange *x, uint8_t *room, size_t max);
/* Whether it would give bytes. */
bool h2_body_pending(const struct h2_exchange *x);

/* h2_exchange.c */

extern const struct exchange_ops h2_exchange_ops;

/* h2_request.c */

extern const struct h2_ops h2_conn_ops;

/* h2_events.c */

void h2_conn_changed(struct conn *conn);
/* h2_conn::more and ::flush */
void h2_conn_more(struct loop_task *task);
void h2_conn_flush(struct loop_task *task);
/* Nothing new is begun: the peer is told, and requests that wait are refused. */
void h2_conn_drain(struct h2_conn *c);
/* A link does not answer: requests on it that may go elsewhere do, in the next turn. */
void h2_conns_leave_link(const struct server_link *l);
/* For http_worker::h2_idle, ::h2_head, ::h2_unread, ::h2_stalled and ::h2_linger */
void h2_conn_idle_expired(struct timeout_queue *queue, struct timeout *entry);
void h2_conn_head_expired(struct timeout_queue *queue, struct timeout *entry);
void h2_conn_unread_expired(struct timeout_queue *queue, struct timeout *entry);
void h2_exchange_stalled(struct timeout_queue *queue, struct timeout *entry);
void h2_conn_linger_expired(struct timeout_queue *queue, struct timeout *entry);

/* h2_move.c */

/* h2_conn::leave */
void h2_conn_leave(struct loop_task *task);

/* h2_enter.c */

/* Takes over what `a` owns; it is closed when a limit or memory refuses it. */
void h2_conn_enter(struct worker *w, struct accepted_conn *a);
