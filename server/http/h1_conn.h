/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A visitor's HTTP/1 connection to the HTTP front, and the one request of it that is under way.
 *
 *	IDLE -> HEAD -> EXCHANGE [-> MOVING -> EXCHANGE] -> IDLE ...
 *	                                      \-> [REST -> IDLE or] LINGER -> CLOSED
 *
 * A file for each part, in the order in which they use each other: h1_io.c (state, output, end), h1_page.c
 * (error pages), h1_watch.c (whether the visitor is there and reads), h1_linger.c (what still comes behind
 * the response), h1_link.c (requests for a link), h1_head.c (from one request to the next), h1_exchange.c
 * (what its exchange asks of it), h1_conn.c (its events, its beginning, its way to another worker).
 */
#include "net/conn.h"
#include "server/base/worker.h"
#include "server/http/exchange.h"
#include "server/http/http_worker.h"

enum h1_conn_state {
	H1_CONN_IDLE,     /* between requests */
	H1_CONN_HEAD,     /* part of a head has come */
	H1_CONN_MOVING,   /* on its way to the worker that has a link for the request */
	H1_CONN_EXCHANGE, /* the exchange is under way */
	H1_CONN_REST,     /* answered; the rest of the body is dropped before the next request */
	H1_CONN_LINGER,   /* answered for good; the rest is dropped so that the response is read */
	H1_CONN_CLOSED,
};

struct h1_conn {
	struct conn conn;
	struct worker *worker;
	struct list link;            /* http_worker::conns */
	struct loop_task reap, more; /* more: for the next turn, heads, or another link */
	struct loop_task leave;      /* MOVING: behind this turn's work */
	struct mail mail;
	struct detached_conn detached; /* between two workers */
	struct worker *to;             /* MOVING */
	struct timeout timeout;
	enum h1_conn_state state;
	bool counted;   /* in the limits */
	bool fin_due;   /* once `out` is empty */
	bool advancing; /* inside advance() */
	bool served;    /* it has had a request */
	bool leaving;   /* it sent FIN and is about to be taken for gone (rule 44) */

	uint8_t n_unread; /* looks one after another that found nothing of the response read */
	uint8_t n_quiet, quiet_max; /* in REST and LINGER: seconds in which next to nothing came */

	struct downstream downstream;
	struct buf in;  /* bytes that came and were not used yet */
	struct buf out; /* bytes of ours that the socket did not take yet */
	struct charge charge;
	size_t scanned; /* the head parser's, of `in` */

	uint64_t acked;  /* bytes that its kernel had acknowledged when that was last progress */
	uint32_t unread; /* of these it may have left there, had it read slowly */
	size_t dropped;  /* in REST and LINGER, since the last look */
	uint64_t linger_until; /* µs */
	struct exchange ex;
};

static inline struct h1_conn *h1_conn_of(const struct exchange *ex)
{
	return container_of(ex, struct h1_conn, ex);
}

static inline struct h1_conn *h1_conn_timed(struct timeout *entry)
{
	return container_of(entry, struct h1_conn, timeout);
}

/* h1_io.c */

void h1_conn_set_state(struct h1_conn *c, enum h1_conn_state state);
/* Ends it at once; with `abort` by an RST, so that half a response is not taken for a whole. */
void h1_conn_close(struct h1_conn *c, bool abort);
/* Writes what is in `out`; false when the connection broke and was closed. */
bool h1_conn_flush(struct h1_conn *c);
/* Charges what it holds, which may have changed. */
void h1_conn_charge(struct h1_conn *c);
/* Frees an input buffer that a burst made large and that nothing is in. */
void h1_conn_rest_input(struct h1_conn *c);

/* h1_page.c */

/* Appends the complete response; 0 or -ENOMEM. Not for 1xx. */
int h1_page_write(struct buf *out, const struct error_page *p);

/* h1_watch.c */

/* Looks whether the visitor's end stands behind its request. */
void h1_conn_watch_end(struct h1_conn *c);
/* Something of the response was not taken: the visitor has to read from here on. */
void h1_conn_watch_reading(struct h1_conn *c);
/* A link does not answer: requests on it that may go elsewhere do, in the next turn. */
void h1_conns_leave_link(const struct server_link *l);
/* For http_worker::leaving and ::unread */
void h1_conn_leaving_expired(struct timeout_queue *queue, struct timeout *entry);
void h1_conn_unread_expired(struct timeout_queue *queue, struct timeout *entry);

/* h1_linger.c */

/* Whether the request is whole, or so little of it is left that the connection can go on. */
bool h1_conn_ends_soon(const struct h1_conn *c);
/*
 * Closes behind what is in `out`, reading on for a while so that an RST does not overtake it. `whole`: the
 * request was.
 */
void h1_conn_linger(struct h1_conn *c, bool whole);
/* What was in `out` is written. */
void h1_conn_linger_on(struct h1_conn *c);
/*
 * The connection goes on behind the rest of this body, of which little is left. True: that was read, and
 * h1_conn_rest() is to follow.
 */
bool h1_conn_skip(struct h1_conn *c, const struct body *rest);
/* In LINGER and REST: bytes have come. As h1_conn_skip(). */
bool h1_conn_drop_rest(struct h1_conn *c);
/* For http_worker::linger */
void h1_conn_linger_expired(struct timeout_queue *queue, struct timeout *entry);

/* h1_link.c */

/*
 * Whether the request asks for a link: then the connection has become one, or the request was refused.
 * `behind` bytes are already behind its head.
 */
bool h1_link_requested(struct h1_conn *c, const struct http1_head *h, size_t behind);

/* h1_head.c */

/* Reads and checks heads until a request is under way, or nothing more is there. */
void h1_conn_advance(struct h1_conn *c);
/* A request of so many bytes whose head could not be read: begins it for the page that answers it. */
void h1_conn_begin_broken(struct h1_conn *c, size_t bytes);
/* The response is over: ends the exchange, and goes on with the connection. */
void h1_conn_next(struct h1_conn *c);
/* Everything of the last request was read: waits for the next. */
void h1_conn_rest(struct h1_conn *c);

/* h1_preface.c */

/* Whether it is HTTP/2 that begins with these bytes, which were no HTTP/1: then it is another's from here on. */
bool h1_conn_was_http2(struct h1_conn *c, const uint8_t *p, size_t n);

/* h1_exchange.c */

extern const struct exchange_ops h1_exchange_ops;

/* h1_conn.c */

/* Takes over what `a` owns; it is closed when a limit or memory refuses it. */
void h1_conn_enter(struct worker *w, struct accepted_conn *a);
/* The worker ends: what waits for a request or a session is closed. */
void h1_conn_drain(struct h1_conn *c);
/* For http_worker::idle and ::head */
void h1_conn_idle_expired(struct timeout_queue *queue, struct timeout *entry);
void h1_conn_head_expired(struct timeout_queue *queue, struct timeout *entry);
