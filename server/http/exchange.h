/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One request and its response (RFC 9110, 3.4), whatever connection they pass over. The connection embeds
 * the exchange, and hands it the request; the exchange speaks to the connection by exchange_ops alone.
 * HTTP/1 (h1_conn) is one such connection.
 *
 *	NONE -> ACTIVE [-> WAITING -> ACTIVE] -> NONE ...
 *
 * One file for each part of the way: dispatch.c (where the request goes), upstream_head.c (its head as the
 * upstream gets it), request_body.c (its bytes to the upstream), response.c (the response's bytes to the
 * visitor), retry.c (a stream that was lost), exchange_events.c (what happens to an exchange from outside).
 */
#include "base/buf.h"
#include "loop/timeouts.h"
#include "server/base/admission.h"
#include "server/http/body.h"
#include "server/http/error_page.h"
#include "server/http/request_id.h"
#include "server/http/stream_pool.h"
#include "server/route/wait_queue.h"

struct exchange;
struct worker;

struct plan;
struct span;

/* Characters of a field name, from a visitor or an upstream, that are shown in the log */
#define EXCHANGE_FAULT_MAX 64

/*
 * What an exchange asks of its connection. Each may end the connection, and the exchange with it
 * (exchange_close()); the functions that say so by their result say it so that the caller stops.
 */
struct exchange_ops {
	/* Bytes of the request's body, framed as its head said; and what follows. As conn_read(). */
	ssize_t (*read)(struct exchange *ex, uint8_t *room, size_t max);
	/* These bytes were read, but stand behind the body: they are kept. 0 or -ENOMEM. */
	int (*unread)(struct exchange *ex, const uint8_t *p, size_t n);
	/* Whether read() would give bytes now. */
	bool (*pending)(const struct exchange *ex);
	/* Nothing more is read for now: the connection itself looks whether the visitor leaves. */
	void (*watch)(struct exchange *ex);

	/* Whether bytes of the response can be written now; exchange_writable() is called when they can. */
	bool (*room)(const struct exchange *ex);
	/*
	 * An interim response; not passed on to visitors that do not know them. As head(), but written at once.
	 */
	int (*interim)(struct exchange *ex, const struct http1_head *h);
	/*
	 * The final head, and whole lines that stand last in it: held back until the first data() or pass(),
	 * which write it in front of their bytes. 0; HTTP1_E_TOO_LARGE: it cannot be passed on, and nothing of it is written; < 0: ended.
	 */
	int (*head)(struct exchange *ex, const struct http1_head *h, struct str added);
	/* Writes bytes of the body. How many were taken (fewer: no room is left), or < 0: ended. */
	ssize_t (*data)(struct exchange *ex, const uint8_t *p, size_t n);
	/* The same, but all of the bytes are taken, and the buffer with them. False: ended. */
	bool (*pass)(struct exchange *ex, struct buf *bytes);
	/* Behind a 101: the upstream sends nothing more. */
	void (*fin)(struct exchange *ex);
	/* Writes the page in place of a response. False: ended. */
	bool (*page)(struct exchange *ex, struct error_page *page);

	/* The response is whole, and exchange_end() is to be called. */
	void (*end)(struct exchange *ex);
	/* The response, or the request, stops halfway: that must not pass for the whole of it. */
	void (*abort)(struct exchange *ex);

	/* Fills in what OPEN says of the connection. */
	void (*opening)(const struct exchange *ex, struct frame_open *open_out);
	/* The request goes to that worker, with its connection; dispatch_send() goes on there. */
	void (*move)(struct exchange *ex, unsigned worker);
	/* Whether its connection is about to go to another worker, for another request. NULL: it has no other. */
	bool (*leaving)(const struct exchange *ex, unsigned *worker_out);
	/* exchange_memory() has changed. */
	void (*charge)(struct exchange *ex);
};

/* Facts about a connection that its exchanges need. */
struct downstream {
	struct address peer;               /* of the socket */
	struct address local;              /* that the peer connected to */
	const struct tls *tls;             /* NULL: plain text */
	struct listener_config listener;   /* that it came by */
	uint64_t connection;               /* log_new_connection() */
	char peer_text[ADDRESS_TEXT_SIZE]; /* the peer's IP */
};

/* Of a connection that was accepted, and attached with that TLS. */
static inline void downstream_init(struct downstream *d, const struct accepted_conn *a,
	const struct tls *tls)
{
	*d = (struct downstream){.peer = a->peer,
		.local = a->local,
		.tls = tls,
		.listener = a->listener,
		.connection = a->connection};
	address_format_ip(&a->peer, d->peer_text);
}

enum exchange_state {
	EXCHANGE_NONE,    /* between two requests */
	EXCHANGE_ACTIVE,  /* the request is on its way, or its response is */
	EXCHANGE_WAITING, /* the request waits for a session that was lost just now */
};

struct exchange {
	/* As long as the connection lives */
	const struct exchange_ops *ops;
	const struct downstream *downstream;
	struct worker *worker;
	struct stream_user user;
	struct waiter waiter;
	struct timeout timeout; /* for the request's body, or the response */

	/* As long as one request; zeroed between two, from here on */
	enum exchange_state state;
	unsigned moves;               /* from worker to worker */
	const struct service *wanted; /* route_query::wanted */

	/*
	 * The canonical host (host_n bytes), Host as the visitor would have it (came_n), the head before
	 * fields in it were rewritten, if any were (plain_n), then from head_at on the head as it goes
	 * upstream (head_n), then as much of the body as was sent, while it is held for sending again.
	 * Kept for the log until the end.
	 */
	struct buf request;
	size_t host_n, came_n, plain_n, head_at, head_n;
	size_t method_n, prefix_n, target_n; /* of the head's first line */
	size_t value_at, value_n;            /* of Host in the head; where without the prefix */
	size_t sent;        /* bytes of it, from the head on, that went into the stream */
	uint8_t method;     /* enum http1_method */
	bool holding : 1;   /* all of it that was sent is in `request`: body bytes are appended */
	bool again : 1;     /* it was sent again once; that is all (rule 37) */
	bool asterisk : 1;  /* OPTIONS *: no path to put anything before */
	bool rewritten : 1; /* Host is the service's */
	bool answers : 1;   /* fields of the response are rewritten for the visitor (rule 47) */
	bool dav : 1;       /* Destination or If name resources (RFC 4918) */
	bool http10 : 1;  /* the visitor's version: it knows neither chunks nor interim responses */
	bool http2 : 1;   /* it came by HTTP/2: a response's body goes without chunks */
	bool secure : 1;  /* the visitor uses https, as rule 36 has it */
	bool trusted : 1; /* asked for by one of --trusted-proxies */
	bool keep : 1;    /* the visitor's connection may serve another request */
	bool upgrade : 1; /* asked for another protocol */
	bool for_link : 1; /* of a tunnel client, which reads the cause of a refusal */
	bool upgraded : 1; /* and got one: bytes pass as they come */
	bool login : 1; /* logs in the connection: the pooled stream stays this visitor's (rule 33) */
	bool grpc : 1;    /* a call of gRPC, by HTTP/2 */
	bool patient : 1; /* and to an upstream of HTTP/2: it has its own deadline, and no other */
	bool html : 1;    /* error pages as HTML */
	bool headed : 1;  /* the final response's head went out */
	bool pooled_stream_clean : 1; /* the response allows another request on the pooled stream */
	bool gone : 1;                /* the visitor left before its request was whole */
	bool expects : 1;             /* Expect: 100-continue */
	bool continued : 1;           /* and an interim response told it to go on */
	bool half_closed : 1; /* its service serves visitors that have shut down their sending side */
	bool settled : 1; /* it goes to another worker only where it must (route_query::chooses) */

	uint8_t malformed; /* the HTTP1_E_* of its body, or 0 */
	uint8_t n_interim;
	unsigned status; /* of the response; 0: none yet */
	struct body body, answer;

	char session[SESSION_NAME_SIZE]; /* that served it last, for the log */
	const char *why;                 /* what went wrong, as error_page::why */
	struct service_counts *counts;   /* of the service that had it last; NULL: none had */

	struct plan *plan; /* what the rules of its route want; owned; NULL: it has none */
	struct span *span; /* of a request that is sampled; owned; NULL: it is not */
	bool retrace;      /* what the visitor wrote of traces goes no further */

	struct buf
		partial; /* a response's head that comes in pieces; later its trailers, for HTTP/2 */
	size_t scanned;

	uint64_t began, bytes_in, bytes_out;
	uint64_t asked, answered; /* µs: it went upstream, and the final head came; 0: not yet */
	struct address visitor;   /* as rule 36 has it */
	char id[REQUEST_ID_SIZE];
};

static inline struct exchange *exchange_of(struct stream_user *u)
{
	return container_of(u, struct exchange, user);
}

/* Whether its request's body and the response's head have times: once a response flows neither has. */
static inline bool exchange_is_timed(const struct exchange *ex)
{
	return !ex->headed && !ex->patient;
}

void exchange_set_state(struct exchange *ex, enum exchange_state state);

/* It is counted at that service from here on; NULL: at none. */
void exchange_count_at(struct exchange *ex, struct service_counts *counts);

/* Takes from a head what it says of the exchange. 0 or -ENOMEM. */
int exchange_begin(struct exchange *ex, const struct http1_head *h);
/* Writes it as the upstream gets it, anew where rules have changed it; `added`: lines of theirs. 0 or -ENOMEM. */
int exchange_write_head(struct exchange *ex, const struct http1_head *h, struct str added);
/* A request of so many bytes whose head could not be read: begins it for the page that answers it. */
void exchange_begin_broken(struct exchange *ex, size_t bytes);
/* Writes the access log's line and forgets the request. For exchange_ops::end. */
void exchange_end(struct exchange *ex);
/*
 * The connection ends, or becomes something else than a visitor's: a request under way is logged, unless
 * `silently`, and its stream given up.
 */
void exchange_close(struct exchange *ex, bool silently);

/* The same where no loop runs any more: frees what it holds. */
void exchange_discard(struct exchange *ex);

/* Whether a head has NTLM or Negotiate in that field: they log in a connection, not a request (rule 33). */
bool exchange_logs_in(const struct http1_head *h, enum http1_id id);
/* Whether a 101 switches to a protocol that the upstream was offered. */
bool exchange_switches(const struct exchange *ex, const struct http1_head *response);
struct str exchange_host(const struct exchange *ex); /* canonical; "" when none was named */
/* The name whose route serves it: the host, unless a rule says another. */
struct str exchange_target(const struct exchange *ex);
/* Whether that is an origin group's. */
bool exchange_in_group(const struct exchange *ex);
/* Those of its worker that have its target. */
const struct routes *exchange_routes(const struct exchange *ex);

/* Bytes that it holds beyond a buffer of the worker's pool. */
size_t exchange_memory(const struct exchange *ex);
/* Frees what is held of the body for sending it again, which then cannot be. False: nothing is. */
bool exchange_let_go(struct exchange *ex);

/* Says at debug which field of the request, or of the response to it, broke a rule; it may be none. */
void exchange_log_fault(const struct exchange *ex, const char *what, int http1_error,
	struct str field);

/*
 * The request comes to nothing: an error page in place of the response, or an abort when the response has
 * begun. The exchange is over then.
 */
void exchange_fail(struct exchange *ex, enum error_page_cause cause);
void exchange_fail_request(struct exchange *ex, int http1_error);
void exchange_fail_response(struct exchange *ex, int http1_error);
/* The same with a page that is filled in further than by its cause. */
void exchange_fail_with(struct exchange *ex, struct error_page page);
