/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Inside the room: what the panel's thread has, and one connection on it.
 *
 *	HEAD -> BODY -> ASKED -> ANSWERING -> HEAD, or CLOSING
 *	  `--------------'`------^
 */
#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/log_limit.h"
#include "panel/panel.h"
#include "net/unix_socket.h"
#include "wire/http1_chunks.h"

#define PANEL_TIMEOUT \
	5 /* seconds for a head, a part of a body, a part of an answer: a local peer has them at once */

/* Bytes of an answer that are given to the socket at a time. */
#define PANEL_SLICE (16u << 10)

struct panel {
	struct panel_options options; /* without `path` */
	struct unix_socket socket;
	struct lws_vhost *vhost;
	pthread_t thread;
	bool started;

	/* Shared with whoever answers */
	pthread_mutex_t lock;
	struct lws_context *context; /* NULL behind panel_stop() */
	struct list answered;        /* of struct panel_request */
	atomic_bool stopping;

	/* The thread's alone */
	struct list conns; /* of struct panel_conn, the one used last is last */
	unsigned n_conns;
	unsigned n_denied; /* of them */
	struct log_limit log_denied;
	unsigned n_asked;
	struct lws *listener;
	lws_sorted_usec_list_t again; /* when descriptors were out */
	uint8_t slice[LWS_PRE + PANEL_SLICE];
};

enum panel_conn_state {
	PANEL_CONN_HEAD,
	PANEL_CONN_BODY,
	PANEL_CONN_ASKED,
	PANEL_CONN_ANSWERING,
	PANEL_CONN_CLOSING, /* its last answer is on its way to the kernel */
};

struct panel_conn {
	struct list link; /* panel::conns */
	struct panel *panel;
	struct lws *wsi;
	struct panel_peer peer;
	bool denied; /* its peer may not come in */
	enum panel_conn_state state;
	struct panel_request *request; /* NULL in HEAD and CLOSING */
	bool head_only;                /* HEAD */
	bool last;                     /* closes behind its answer */
	bool bodied;                   /* libwebsockets takes what follows for a body */
	bool chunked;
	struct http1_chunks chunks;
	struct buf body;
	bool head_sent;
	size_t sent;                     /* bytes of the answer's content */
	lws_sorted_usec_list_t patience; /* of a GET */
};

/* ---- panel_request.c ---- */

/* Wipes what may be secret. */
void panel_request_free(struct panel_request *rq);

/* Its connection has it no longer. If the owner was asked, it comes back; else it is freed. Accepts NULL. */
void panel_request_forget(struct panel_request *rq);

/* ---- panel_accept.c ---- */

/* The protocol of the listening socket: takes whoever comes and may. */
int panel_accept_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
	size_t n);

/* ---- panel_conn.c ---- */

/* False when out of memory. The connection is its wsi's opaque data, and ends with it. */
bool panel_conn_new(struct panel *p, struct lws *wsi, const struct panel_peer *peer, bool denied);

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

/* ---- panel_reply.c ---- */

/* An answer of the panel's own, as RFC 9457 has them. */
void panel_reply_problem(struct panel_request *rq, int status, const char *reason,
	const char *detail);

/* Writes the next part: 0; 1: that was all; -1: the connection is broken. */
int panel_reply_write(struct panel_conn *c);

/* ---- panel_log.c ---- */

/* libwebsockets' log goes into ours. */
void panel_log_init(void);
