/* SPDX-License-Identifier: MIT */
#pragma once
/* What the HTTP front keeps on a worker. */
#include "base/clock.h"
#include "base/counter.h"
#include "base/list.h"
#include "base/log_limit.h"
#include "loop/timeouts.h"
#include "rules/facts.h"
#include "server/http/buf_pool.h"
#include "server/http/error_page.h"
#include "server/http/head_edit.h"
#include "server/http/request_id.h"
#include "server/http/request_notes.h"
#include "wire/http1.h"

#define HTTP_SCRATCH      (16u << 10) /* bytes read at once from a visitor whose head is awaited */
#define HTTP_LINGER_LOOK  CLOCK_S     /* between two looks at the rest of a refused request */
/*
 * How long a visitor that sent FIN behind its request, and most likely left, still has for its answer: half
 * of the second in which its upstream is to hear of it.
 */
#define HTTP_LEAVING_TIME (CLOCK_S / 2)
/* Looks in --visitor-stalled: an end comes an eighth of it late at the most. */
#define HTTP_UNREAD_LOOKS 8

struct server_link;
struct worker;

/* What the front counts that is no service's. */
struct http_counts {
	struct counter answers[ERROR_PAGE_KINDS]; /* pages of ours, by their cause */
	struct counter retried, moved;            /* requests: again, and to another worker */
	struct counter streams;                   /* that were opened to services */
	struct counter http1, http2;              /* requests, by the visitor's protocol */
};

struct http_worker {
	struct http_counts counts;
	struct list conns;    /* of struct h1_conn */
	struct list h2_conns; /* of struct h2_conn */
	struct list checks;   /* of struct check_job */

	/* One queue for each thing that is waited for equally long */
	struct timeout_queue idle, head, leaving, unread, linger;    /* of connections */
	struct timeout_queue h2_idle, h2_head, h2_unread, h2_linger; /* of HTTP/2's connections */
	struct timeout_queue h2_stalled;                             /* of their streams */
	struct timeout_queue body, answer;                           /* of exchanges */
	struct timeout_queue kept, surplus, resting;                 /* of pooled streams */

	/* Used within one call, never across two */
	uint8_t scratch[HTTP_SCRATCH];
	struct http1_head request, response;
	struct buf rewritten; /* a response's head */
	/* The same, of rules */
	struct facts_scratch facts;
	struct head_edit edit;
	struct buf key; /* of a rate */

	struct request_notes *notes; /* owned; NULL: nobody looks at requests */
	struct request_ids ids;
	struct buf_pool bufs;

	struct log_limit log_loops;     /* upstreams that lead back here */
	struct log_limit log_stripped;  /* link requests that a proxy kept the Upgrade of */
	struct log_limit log_tls;       /* visitors who speak TLS where there is no certificate */
	struct log_limit log_unvouched; /* those without a certificate of --tls-client-ca */
};

/* 0 or -ENOMEM; deinit it either way. */
int http_worker_init(struct http_worker *h, const struct worker *w);
/* Its connections end. Before the worker's links, which end their pooled streams. */
void http_worker_deinit(struct http_worker *h);

/* Nothing new is begun: idle connections close, requests that wait are refused. */
void http_worker_drain(struct http_worker *h);

/* A link does not answer: requests on it that may go elsewhere do, in the next turn. */
void http_worker_leave_link(const struct server_link *l);
/* Pooled streams that wait on this link end. */
void http_worker_rest_streams(struct worker *w, const struct server_link *l);
