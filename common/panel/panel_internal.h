/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Inside the room: what the panel's thread has, and one connection on it.
 *
 *	HEAD -> BODY -> ASKED -> ANSWERING -> HEAD, or CLOSING
 *	 |`--------------'`------^
 *	 `-> LIVE
 */
#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/log_limit.h"
#include "panel/panel.h"
#include "panel/panel_login.h"
#include "panel/panel_reader.h"
#include "panel/panel_site.h"
#include "net/unix_socket.h"
#include "wire/http1_chunks.h"

#define PANEL_TIMEOUT \
	5 /* seconds for a head, a part of a body, a part of an answer: a local peer has them at once */

/* How often a page of the live feed is asked whether it is there, in seconds. A guess. */
#define PANEL_PING_EVERY 30

/* Bytes of an answer that are given to the socket at a time. */
#define PANEL_SLICE (16u << 10)

/* Connections of those who may not come in: enough for one who tries again. */
#define PANEL_DENIED_MAX 8

/* Connections of one kind, the one used last is last. */
struct panel_conns {
	struct list list; /* of struct panel_conn */
	unsigned n, max;
};

/* Where connections come in: libwebsockets has the descriptor. */
struct panel_listener {
	struct panel *panel;
	struct lws_vhost *vhost;
	struct lws *wsi;              /* NULL: not opened */
	lws_sorted_usec_list_t again; /* when descriptors were out */
};

struct panel {
	struct panel_owner owner;
	struct panel_socket_options by_socket;
	struct panel_tcp_options by_tcp;
	struct unix_socket
		socket; /* its descriptor, and that of TCP, are the context's once it is there */
	int tcp;
	struct panel_listener unix_listener, tcp_listener;
	uint16_t port;
	pthread_t thread;
	bool started;

	/* Shared with whoever answers */
	pthread_mutex_t lock;
	struct lws_context *context; /* NULL behind panel_stop() */
	struct list answered;        /* of struct panel_request */
	atomic_bool stopping, renewing;

	/* The thread's alone */
	struct panel_conns members, denied;  /* at the Unix socket: who may come in, who may not */
	struct panel_conns strangers, known; /* over TCP: by whether they have shown the token */
	struct panel_conns watching;         /* of both, in the live feed */
	struct panel_login login;
	struct panel_live live;
	lws_sorted_usec_list_t feed;   /* while somebody has subscribed */
	lws_usec_t feed_due;           /* when all topics are asked for, not requests alone */
	bool feed_asked[PANEL_TOPICS]; /* the owner has not answered yet */
	struct log_limit log_denied, log_wrong;
	unsigned n_asked, n_open; /* requests that the owner has; of strangers */
	uint8_t slice[LWS_PRE + PANEL_SLICE];
};

enum panel_conn_state {
	PANEL_CONN_HEAD,
	PANEL_CONN_BODY,
	PANEL_CONN_ASKED,
	PANEL_CONN_ANSWERING,
	PANEL_CONN_CLOSING, /* its last answer is on its way to the kernel */
	PANEL_CONN_LIVE,    /* a WebSocket with the live feed */
};

/* Who answers a request; nobody: its answer is there as soon as its body is. */
enum panel_service { PANEL_BY_OWNER, PANEL_BY_LOGIN, PANEL_BY_NOBODY };

struct panel_conn {
	struct list link;          /* panel_conns::list */
	struct panel_conns *among; /* its kind */
	struct panel *panel;
	struct lws *wsi;
	bool tcp;
	struct panel_peer peer;  /* of the Unix socket */
	struct address from, at; /* over TCP: the peer, and what it has connected to */
	enum panel_conn_state state;
	struct panel_request *request; /* NULL in HEAD, CLOSING and LIVE */
	enum panel_service service;
	const struct panel_file *file; /* the answer's content; NULL: that of the request */
	bool gzip;
	bool used;      /* it has had an answer before */
	bool head_only; /* HEAD */
	bool last;      /* closes behind its answer */
	bool bodied;    /* libwebsockets takes what follows for a body */
	bool chunked;
	struct http1_chunks chunks;
	struct buf body;
	bool head_sent;
	size_t sent;                     /* bytes of the answer's content */
	lws_sorted_usec_list_t patience; /* of a GET */
	uint64_t session;                /* panel_login_find()'s; 0: the token itself was shown */
	struct panel_reader reader;      /* LIVE */
};

/* ---- panel_request.c ---- */

/* Wipes what may be secret. */
void panel_request_free(struct panel_request *rq);

/* Its connection has it no longer. If the owner was asked, it comes back; else it is freed. Accepts NULL. */
void panel_request_forget(struct panel_request *rq);

/* ---- panel_accept.c ---- */

/* The protocol of the listening sockets: takes whoever comes and may. */
int panel_accept_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
	size_t n);

/* ---- panel_room.c ---- */

void panel_conns_init(struct panel_conns *conns, unsigned max);

/* Makes room for one more of its kind, by ending others of it. */
void panel_room_make(struct panel_conns *conns);

/* For one more stranger from this address: by ending others from there, or the one that was silent for longest. */
void panel_room_make_for(struct panel_conns *strangers, const struct address *from);

/* The connection is of this kind now, and the one that was used last. */
void panel_room_enter(struct panel_conn *c, struct panel_conns *conns);

/* ---- panel_conn.c ---- */

/* NULL when out of memory. It is its wsi's opaque data, and ends with it. */
struct panel_conn *panel_conn_new(struct panel *p, struct lws *wsi, struct panel_conns *among);

/* What libwebsockets tells of connections. */
int panel_conn_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
	size_t n);

/* The request has its answer. */
void panel_conn_answer(struct panel_conn *c);

/* ---- panel_head.c ---- */

/*
 * Reads a head: fills in the request. 0: its body comes, or it has none (`*body_out`); or the status of a problem,
 * which goes out with `*why_out`, and the connection closes behind it.
 */
int panel_head_read(struct panel_conn *c, bool *body_out, const char **why_out);

/* A field of the head: false, it is longer than anything that is meant. "": there is none. */
bool panel_head_field(struct lws *wsi, enum lws_token_indexes token, char *out, int size);

/* ---- panel_guard.c ---- */

/* Why a request is refused. */
struct panel_refusal {
	int status;
	const char *reason, *detail;
	unsigned retry_after; /* seconds; 0: there is none */
};

/* Whether a request may be asked, and whom: sets `service` and `who`; or `out`, which is all zero before. */
void panel_guard_check(struct panel_conn *c, struct panel_refusal *out);

/* The same for what is to become the live feed. */
void panel_guard_check_live(struct panel_conn *c, struct panel_refusal *out);

/* The request's body has the token, or has not: makes the answer. */
void panel_guard_login(struct panel_conn *c);

/* ---- panel_reply.c ---- */

/* An answer of the panel's own, as RFC 9457 has them. */
void panel_reply_problem(struct panel_request *rq, int status, const char *reason,
	const char *detail);

/* Writes the next part: 0; 1: that was all; -1: the connection is broken. */
int panel_reply_write(struct panel_conn *c);

/* ---- panel_feed.c ---- */

#define PANEL_FEED_PROTOCOL   "tunnel.panel.v1" /* Sec-WebSocket-Protocol */
#define PANEL_FEED_SIGNED_OUT 4401 /* of a close frame (RFC 6455, 7.4.2): as HTTP's 401 */

/* The connection is one of the live feed now. */
void panel_feed_begin(struct panel_conn *c);

/* A session has ended: those that belong to it end. */
void panel_feed_end(struct panel *p, uint64_t session);

/* The protocol of these. */
int panel_feed_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
	size_t n);

/* A request of the feed's own has its answer: takes both. */
void panel_feed_answered(struct panel *p, struct panel_request *rq);

/* ---- panel_log.c ---- */

/* libwebsockets' log goes into ours. */
void panel_log_init(void);
