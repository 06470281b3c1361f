#pragma once
/*
 * A visitor's connection to the HTTP front, and the one request of it that is under way.
 *
 *	IDLE -> HEAD -> EXCHANGE [-> WAITING or MOVING -> EXCHANGE] -> IDLE ...
 *	                                      \-> [REST -> IDLE or] LINGER -> CLOSED
 *
 * One file for each part of the way: h1_conn.c (the connection, requests' heads), dispatch.c (where a
 * request goes), request_body.c (its bytes to the upstream), response.c (the answer's bytes to the visitor),
 * h1_watch.c (whether the visitor is there and reads), h1_linger.c (what still comes behind the answer).
 */
#include "base/buf.h"
#include "net/conn.h"
#include "loop/timeouts.h"
#include "server/base/access_log.h"
#include "server/accept/handoff.h"
#include "server/http/stream_pool.h"
#include "server/http/error_page.h"
#include "server/http/http_worker.h"
#include "server/http/rewrite.h"
#include "server/base/worker.h"
#include "server/route/wait_queue.h"
#include "wire/http1.h"
#include "wire/http1_chunks.h"

#define H1_CONN_INTERIM_MAX 16 /* interim responses before the final one (rule 32) */
#define H1_CONN_TLS_SAY_AGAIN \
	(60 * CLOCK_S)        /* between two lines about TLS that has no certificate */
#define H1_CONN_TURN_MAX 32   /* requests judged in one turn: about 0.3 ms of pages */
#define H1_CONN_IN_KEPT  4096 /* bytes of an empty input buffer that is not freed */
/*
 * Bytes of a body that may be left when its answer is over, for the connection to go on: as Go's server.
 * At 10 Mbit/s they are 0.2 s, which a new connection with TLS takes, too.
 */
#define H1_CONN_REST_MAX (256u << 10)

enum h1_conn_state {
	H1_CONN_IDLE,     /* between requests */
	H1_CONN_HEAD,     /* part of a head has come */
	H1_CONN_WAITING,  /* the request waits for a session that was lost just now */
	H1_CONN_MOVING,   /* on its way to the worker that has a link for the request */
	H1_CONN_EXCHANGE, /* the request is on its way, or its answer is */
	H1_CONN_REST,     /* answered; the rest of the body is dropped before the next request */
	H1_CONN_LINGER,   /* answered for good; the rest is dropped so that the answer is read */
	H1_CONN_CLOSED,
};

/* One message's body as it passes. */
struct body {
	uint8_t kind; /* enum http1_body; UNTIL_CLOSE is also what follows a 101 */
	bool done;
	uint64_t left;              /* of HTTP1_BODY_LENGTH */
	struct http1_chunks chunks; /* of HTTP1_BODY_CHUNKED */
};

#define EXCHANGE_BLAMED_MAX 64 /* characters of a stranger's field name in the log */

/* A request and its answer. Zeroed between two. */
struct exchange {
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
	bool answers : 1;   /* fields of the answer are rewritten for the visitor (rule 47) */
	bool dav : 1;       /* Destination or If name resources (RFC 4918) */
	bool http10 : 1;    /* the visitor's version */
	bool secure : 1;    /* the visitor uses https, as rule 36 has it */
	bool trusted : 1;   /* asked for by one of --trusted-proxies */
	bool keep : 1;      /* the visitor's connection may serve another request */
	bool upgrade : 1;   /* asked for another protocol */
	bool for_link : 1;  /* of a tunnel client, which reads the cause of a refusal */
	bool upgraded : 1;  /* and got one: bytes pass as they come */
	bool login : 1; /* logs in the connection: the pooled stream stays this visitor's (rule 33) */
	bool html : 1;                /* error pages as HTML */
	bool headed : 1;              /* the final response's head went out */
	bool pooled_stream_clean : 1; /* the response allows another request on the pooled stream */
	bool gone : 1;                /* the visitor left before its request was whole */

	bool expects : 1;     /* Expect: 100-continue */
	bool continued : 1;   /* and an interim response told it to go on */
	bool half_closed : 1; /* its service serves who has shut down its sending side */
	bool leaving : 1;     /* it sent FIN and is about to be taken for gone (rule 44) */

	uint8_t malformed; /* the HTTP1_E_* of its body, or 0 */
	uint8_t n_interim;
	unsigned status;
	struct body body, answer;

	char session[SESSION_NAME_SIZE]; /* that served it last, for the log */
	const char *why;                 /* what went wrong, as error_page::why */

	struct buf partial; /* of a response's head that came in pieces */
	size_t scanned;

	uint64_t began, bytes_in, bytes_out;
	struct address visitor; /* as rule 36 has it */
	char id[REQUEST_ID_SIZE];
};

struct h1_conn {
	struct conn conn;
	struct stream_user user;
	struct worker *worker;
	struct list link; /* http_worker::conns */
	struct waiter waiter;
	struct loop_task reap, more; /* more: for the next turn, heads, or another link */
	struct loop_task leave;      /* MOVING: behind this turn's work */
	struct mail mail;
	struct detached_conn detached; /* between two workers */
	unsigned moves;                /* of this request */
	struct worker *to;             /* MOVING */
	struct timeout timeout;
	enum h1_conn_state state;
	struct listener_config listener; /* that it came by */
	bool counted;                    /* in the limits */
	bool secure;                     /* over TLS */
	bool fin_due;                    /* once `out` is empty */
	bool advancing;                  /* inside h1_conn_advance() */

	uint8_t n_unread; /* looks one after another that found nothing of the answer read */
	uint8_t n_quiet, quiet_max; /* in REST and LINGER: seconds in which next to nothing came */

	char peer_text[ADDRESS_TEXT_SIZE]; /* of its IP */
	struct address peer;               /* of the socket */
	struct address local;
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

static inline struct h1_conn *h1_conn_of(struct stream_user *u)
{
	return container_of(u, struct h1_conn, user);
}

static inline struct h1_conn *h1_conn_timed(struct timeout *entry)
{
	return container_of(entry, struct h1_conn, timeout);
}

/* h1_conn.c */

/* Takes over what `e` owns; it is closed when a limit or memory refuses it. */
void h1_conn_enter(struct worker *w, struct accepted_conn *a);
/* Sends it to another worker, where h1_conn_send() goes on. */
void h1_conn_move(struct h1_conn *c, unsigned worker);
void h1_conn_set_state(struct h1_conn *c, enum h1_conn_state state);
/* Ends it at once; with `abort` by an RST, so that half an answer is not taken for a whole. */
void h1_conn_close(struct h1_conn *c, bool abort);
/* Writes what is in `out`; false when the connection broke and was closed. */
bool h1_conn_flush(struct h1_conn *c);
/* Charges what it holds, which may have changed. */
void h1_conn_charge(struct h1_conn *c);
/* Frees an input buffer that a burst made large and that nothing is in. */
void h1_conn_rest_input(struct h1_conn *c);
/* The exchange is over, and its pooled stream is gone or kept: logs it, goes on with the connection. */
void h1_conn_next(struct h1_conn *c);
/* Everything of the last request was read: waits for the next. */
void h1_conn_rest(struct h1_conn *c);
/* For http_worker::idle, ::head and ::answer */
void h1_conn_idle_expired(struct timeout_queue *queue, struct timeout *entry);
void h1_conn_head_expired(struct timeout_queue *queue, struct timeout *entry);
void h1_conn_answer_expired(struct timeout_queue *queue, struct timeout *entry);

/* h1_watch.c */

/* In EXCHANGE and WAITING: what is waited for from here on (NULL: nothing), unless it is about to leave. */
void h1_conn_time(struct h1_conn *c, struct timeout_queue *queue);
/* Looks whether the visitor's end stands behind its request. */
void h1_conn_note_end(struct h1_conn *c);
/* Something of the answer was not taken: the visitor has to read from here on. */
void h1_conn_watch_reading(struct h1_conn *c);
/* A link does not answer: requests on it that may go elsewhere do, in the next turn. */
void h1_conns_leave_link(const struct server_link *l);
/* For http_worker::leaving and ::unread */
void h1_conn_leaving_expired(struct timeout_queue *queue, struct timeout *entry);
void h1_conn_unread_expired(struct timeout_queue *queue, struct timeout *entry);

/* h1_linger.c */

/*
 * Closes behind what is in `out`, reading on for a while so that an RST does not overtake it. `whole`: the
 * request was.
 */
void h1_conn_linger(struct h1_conn *c, bool whole);
/* What was in `out` is written. */
void h1_conn_linger_on(struct h1_conn *c);
/* The connection goes on behind the rest of this body, of which little is left. */
void h1_conn_skip(struct h1_conn *c, const struct body *rest);
/* In LINGER and REST: bytes have come. */
void h1_conn_drop_rest(struct h1_conn *c);
/* For http_worker::linger */
void h1_conn_linger_expired(struct timeout_queue *queue, struct timeout *entry);

/* dispatch.c */

/* A head came; `behind` bytes are already behind it. The head's views last as long as this call. */
void h1_conn_dispatch(struct h1_conn *c, const struct http1_head *h, size_t behind);
/* For its waiter. */
void h1_conn_waited(struct waiter *waiter);
void h1_conn_waited_in_vain(struct waiter *waiter);
/* Gives the request to a service of its route, or lets it wait, or refuses it. */
void h1_conn_send(struct h1_conn *c, const struct service_shard *but);
/* The pooled stream ended before the answer did; sends the request again where that is safe. */
void h1_conn_pooled_stream_lost(struct stream_user *u, const struct service_shard *shard,
	enum frame_reset reason, bool untouched);
void h1_conn_opening(struct stream_user *u, struct frame_open *open_out);
/*
 * Its link does not answer: a request of which nothing was answered, and that may be sent twice, goes
 * elsewhere, where there is a link that does.
 */
void h1_conn_leave_link(struct h1_conn *c);
/* Answers with a error page of ours, or with an RST when an answer has begun. */
void h1_conn_refuse(struct h1_conn *c, enum error_page_cause cause);
void h1_conn_refuse_head(struct h1_conn *c, int http1_error);
void h1_conn_refuse_answer(struct h1_conn *c, int http1_error);

/* request_body.c */

/* As stream_user_ops::pull. */
ssize_t request_body_pull(struct stream_user *u, uint8_t *room, size_t max);
/* The request is sent from its beginning again; only while exchange::holding. */
void request_body_rewind(struct exchange *ex);
/* Whether it is whole, or so little of it is left that its connection can go on. */
bool request_body_ends_soon(const struct h1_conn *c);
/* Reads from its body and drops that, until body::done. > 0 bytes; -EAGAIN; any other -errno is final. */
ssize_t request_body_skip(struct h1_conn *c);

/* response.c */

/* As stream_user_ops::push and push_end. */
size_t response_push(struct stream_user *u, const uint8_t *p, size_t n);
bool response_push_end(struct stream_user *u);

/* exchange.c */

/* NTLM and Negotiate log in a connection, not a request (rule 33). */
bool exchange_logs_in(const struct http1_head *h, enum http1_id id);
/* What a head says of the exchange. 0 or -ENOMEM. */
int exchange_begin(struct h1_conn *c, const struct http1_head *h);
/* Whether a 101 switches to a protocol that the upstream was offered. */
bool exchange_switches(const struct exchange *ex, const struct http1_head *response);
struct str exchange_host(const struct exchange *ex); /* canonical; "" when none was named */
/*
 * Whether it would leave the path of a service that has one: its target has a dot segment (rule 41), or its
 * Destination has, or is another place. Also when memory is out, as what cannot be judged is not passed on.
 * `*why_out` is set then.
 */
bool exchange_leaves(struct exchange *ex, const struct service *service,
	enum error_page_cause *why_out);
/*
 * Makes the head one for this service, whichever it was for before: its path stands before the
 * request's, Host is its `rewrite`, or the visitor's own where that is NULL (rule 41), and other fields
 * name the place as the upstream does (rule 47). Before any of it is sent. `rewrite` was found to be a
 * host, perhaps with a port, when the service was published. 0, HTTP1_E_TOO_LARGE, or -ENOMEM, when the
 * exchange is good for nothing but its log.
 */
int exchange_set_service(struct exchange *ex, const struct service *service);
/* Fills in how visitor and upstream name the place, where answers are rewritten; NULL: they are not. */
const struct rewrite *exchange_rewrite(const struct exchange *ex, const struct service *service,
	struct rewrite *out);
/* Says at debug which field of the request, or of the answer to it, broke a rule; it may be none. */
void exchange_blame(const struct exchange *ex, const char *what, int http1_error, struct str field);
void exchange_log(const struct h1_conn *c);
/* Frees what is held of the body for sending it again, which then cannot be. False: nothing is. */
bool exchange_let_go(struct exchange *ex);
void exchange_end(struct h1_conn *c); /* zeroes it */
void body_begin(struct body *b, enum http1_body kind, uint64_t length);
