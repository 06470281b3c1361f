#pragma once
/*
 * One thread with one event loop, and everything that lives on it: links with their streams, the
 * visitors' sockets, kept streams, and the routes as this worker sees them. The data path touches
 * nothing outside it, so it locks nothing.
 */
#include "base/log_limit.h"
#include "base/buf.h"
#include "mux/budget.h"
#include "loop/loop.h"
#include "loop/timeouts.h"
#include "server/base/access_log.h"
#include "server/base/charges.h"
#include "server/base/node.h"
#include "server/base/options.h"
#include "server/route/routes.h"
#include "server/udp/udp_flow.h"
#include "server/route/wait_queue.h"
#include "wire/control.h"
#include "wire/http1.h"

#define WORKER_SCRATCH   (16u << 10) /* bytes read at once from a visitor whose head is awaited */
#define WORKER_SPARES    1024        /* request buffers kept for the next request */
#define WORKER_SPARE_MAX 2048        /* bytes; larger buffers are not kept */
#define WORKER_LINGER_LOOK \
	CLOCK_S /* how often it is judged what still comes of a refused request */
/*
 * How long a visitor that sent FIN behind its request, and most likely left, still has for its answer: half
 * of the second in which its upstream is to hear of it.
 */
#define WORKER_LEAVING_TIME (CLOCK_S / 2)
/* Looks in --visitor-stalled: an end comes an eighth of it late at the most. */
#define WORKER_UNREAD_LOOKS 8

struct server_link;

struct worker {
	struct node *node;
	unsigned index; /* in node::workers */
	const struct server_options *opts;
	struct loop *loop;
	bool draining; /* the process ends: nothing new is begun */

	struct budget budget;
	struct charges charges;
	struct routes routes; /* by name */
	struct routes ports;  /* by "tcp:2222" */
	struct wait_queue wait_queue;
	struct list links;               /* of struct link */
	struct mail evictions;           /* half-open links lost their places */
	struct list h1_conns;            /* of struct h1_conn */
	struct list tcp_conns;           /* of struct tcp_conn */
	struct udp_worker udp;           /* and their UDP ports */
	struct list prereads;            /* of struct connection */
	struct tls_server *tls;          /* NULL: none */
	unsigned n_named;                /* services that TLS clients ask for by name */
	struct log_limit log_full;       /* --max-visitors is reached */
	struct log_limit log_memory;     /* connections that were closed for want of it */
	struct log_limit log_rejected;   /* connections that came to nothing */
	struct log_limit log_handshakes; /* that failed */
	struct log_limit log_refused;    /* clients, at a limit on links */
	struct log_limit log_evicted;    /* clients, for whom another lost its place */
	struct log_limit log_loops;      /* upstreams that lead back here */
	struct log_limit log_stripped;   /* link requests that a proxy kept the Upgrade of */
	struct log_limit log_tls;        /* visitors who speak TLS where there is no certificate */
	struct log_limit log_unvouched;  /* those without a certificate of --tls-client-ca */
	struct log_limit log_leaving;    /* links that say GOAWAY */

	struct loop_timer expiry; /* of routes that were lost */

	/* One queue for each thing that is waited for equally long */
	struct timeout_queue idle, head, answer, leaving, unread, linger, kept, surplus;
	struct timeout_queue resting, header, quiet, securing;

	/* Used within one call, never across two */
	uint8_t scratch[WORKER_SCRATCH];
	struct http1_head request, response;
	struct buf rewritten; /* a response's head */

	struct request_ids ids;
	struct buf spares[WORKER_SPARES];
	size_t n_spares;
};

/* 0 or -ENOMEM with nothing left behind. `w` is zeroed memory, and large: allocate it. */
int worker_init(struct worker *w, struct node *n, unsigned index,
	const struct server_options *opts);
/* When no loop runs any more. The loop itself is its owner's to free, behind every worker's end. */
void worker_deinit(struct worker *w);

/* No new visitors and no new streams. */
void worker_drain(struct worker *w);

/* A name or port was lost: when it is forgotten is looked at anew. */
void worker_expire_routes(struct worker *w);
/* Pooled streams that wait on this link end. */
void worker_rest_streams(struct worker *w, const struct server_link *l);

/* A request buffer with some memory, if one is kept; and back again. */
struct buf worker_take_buf(struct worker *w);
void worker_give_buf(struct worker *w, struct buf *b);
