/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A pooled stream is a stream to a service that carries one request after another (docs/protocol.md, rule
 * 33). Between two requests it is idle: it waits for the next request of any visitor, or of one visitor.
 *
 * Bytes that an upstream sends behind a response would be taken for the next response, which another visitor
 * may get. They may come late: behind a response without a body, because many upstreams send one all the
 * same, and from a service that has sent such bytes before. There a pooled stream rests before it is shared.
 *
 * To an upstream that speaks HTTP/2 a pooled stream is a connection of HTTP/2, whose user writes and reads HTTP/1.1 all
 * the same (stream_pool_h2.c). There each byte says which request it belongs to: such a stream does not rest, and when
 * a request is given up it carries the next.
 */
#include "mux/stream.h"
#include "h2/h2_client.h"
#include "loop/timeouts.h"
#include "server/route/service.h"
#include "server/link/server_link.h"

/*
 * How long more pooled streams than --kept-streams may wait, in µs: many responses that end in one turn are
 * followed by as many requests in the next, which should not all dial again.
 */
#define POOLED_STREAM_SURPLUS_TIME (100 * CLOCK_MS)

/*
 * How long a pooled stream rests before another visitor's request may take it, in µs: bytes that no request
 * asked for were seen up to 20 ms behind a response. If a slow link holds them back for longer, the client
 * notices them when the next request comes (FRAME_REUSE).
 */
#define POOLED_STREAM_REST_TIME (100 * CLOCK_MS)

/* Whose request a pooled stream carries next. It only goes down in this list, but for RESTING to SHARED. */
enum pooled_stream_use {
	POOLED_STREAM_SHARED,  /* any visitor's */
	POOLED_STREAM_RESTING, /* the last visitor's; after POOLED_STREAM_REST_TIME, any visitor's */
	POOLED_STREAM_DOUBTFUL, /* its visitor's, who used it before it had rested: never another's */
	POOLED_STREAM_OWN, /* its visitor's: it carries a login, or the service asks for that */
};

struct stream_user;

/* What a pooled stream asks of its user, whose request it carries. As stream_ops, where the names agree. */
struct stream_user_ops {
	/* Fills in the visitor's and the local address, and TLS; the pooled stream fills in the rest. */
	void (*opening)(struct stream_user *u, struct frame_open *open_out);
	ssize_t (*pull)(struct stream_user *u, uint8_t *room, size_t max);
	size_t (*push)(struct stream_user *u, const uint8_t *p, size_t n);
	/* The upstream has closed in order. False: too early, and lost() follows. */
	bool (*push_end)(struct stream_user *u);
	/* What came is no response, by this HTTP1_E_*: the user is to drop the pooled stream. */
	void (*refused)(struct stream_user *u, int http1_error);
	/*
	 * The pooled stream ended before the response did. `untouched`: none of the request's bytes were
	 * written to the upstream's socket. `shard` may be freed already: it is only to be compared with others.
	 */
	void (*lost)(struct stream_user *u, const struct service_shard *shard,
		enum frame_reset reason, bool untouched);
};

/* Embedded in the user. */
struct stream_user {
	const struct stream_user_ops *ops;
	struct pooled_stream *pooled; /* carries its present request; NULL: none does */
	struct pooled_stream
		*own; /* no other user may take it, for now or at all; NULL: there is none */
	/* lost(): the error of HTTP/2 by which the upstream ended its response; 0: it did not, or said none */
	uint32_t reset_code;
};

struct pooled_stream {
	struct stream stream;
	struct service_shard *shard;
	struct server_link *server_link; /* of whose link it is */
	struct stream_user *user;        /* whose request it carries; NULL while it waits */
	enum pooled_stream_use use;
	struct stream_user *owner; /* NULL: nobody's, or it rests and its visitor is gone */
	struct h2_client *h2;      /* owned; NULL: the upstream speaks HTTP/1.1 */
	size_t h2_charged;         /* bytes that `h2` is charged with */
	bool h2_busy;              /* its user is being given a response */
	bool h2_ended; /* the upstream has closed, behind what its user has yet to take */
	bool alone;    /* carries one request and what becomes of it, as a stream of kind tcp */
	struct list of_shard; /* service_shard::streams */
	struct list idle;     /* service_shard::idle, or ::resting */
	struct timeout kept;  /* while it waits or rests */
	struct loop_task reap;
	uint64_t begun_at; /* bytes sent before the present request, or the next */
};

/*
 * A pooled stream for a request: the user's own, else an idle one, else a new one. `alone` is for a request that
 * asks for another protocol: its stream carries nothing else, because half-close has another meaning there. NULL:
 * the session takes no more streams, or memory is out.
 */
struct pooled_stream *pooled_stream_take(struct service_shard *shard, struct stream_user *u,
	bool alone);

/*
 * The exchange is over and nothing is left on the stream: it is kept for a next request, for less long if enough
 * others are. `use` is whose request that may be; the stream's past may narrow it.
 */
void pooled_stream_keep(struct pooled_stream *pooled, enum pooled_stream_use use);

/*
 * Its visitor's connection ends. A stream that is that visitor's alone ends, too; one that rests is shared when it
 * has rested. Accepts NULL.
 */
void pooled_stream_disown(struct pooled_stream *pooled);

/*
 * The user gives it up, and hears nothing. It ends here and now; but to an upstream of HTTP/2 the request alone does, if
 * nothing is wrong (`reason` NONE or CANCELLED). Accepts NULL; returns NULL.
 */
struct pooled_stream *pooled_stream_drop(struct pooled_stream *pooled, enum frame_reset reason);

/*
 * The same, but a user whose request it carried hears of it: lost(). `taken` is how
 * many of the stream's bytes the upstream's socket took, or may have.
 */
void pooled_stream_fail(struct pooled_stream *pooled, enum frame_reset reason, uint64_t taken);

/* Its user can take bytes again. */
void pooled_stream_resume(struct pooled_stream *pooled);

/* For http_worker::kept and ::surplus, and for http_worker::resting. */
void pooled_stream_kept_expired(struct timeout_queue *queue, struct timeout *entry);
void pooled_stream_rested(struct timeout_queue *queue, struct timeout *entry);

/* The streams of a service that carry nothing end: those on that link, which is about to leave; NULL: all. */
void stream_pool_rest(struct service_shard *shard, const struct server_link *l);

/* All its streams end, with the requests on them. Who holds the service keeps the shard alive meanwhile. */
void stream_pool_cut(struct service_shard *shard);

/*
 * Its upstream sent bytes that no request asked for. From here on, for as long as it is published, no stream
 * of it changes visitors before it has rested; said in both logs the first time. On the shard's worker.
 */
void stream_pool_distrust(struct service_shard *shard);

/* stream_pool_h2.c, for stream_pool.c: what an upstream of HTTP/2 gets and sends */

/* 0 or -ENOMEM. */
int pooled_stream_init_h2(struct pooled_stream *pooled);
void pooled_stream_free_h2(struct pooled_stream *pooled);
/* Its user's request is the next. */
void pooled_stream_begin_h2(struct pooled_stream *pooled);
/* The exchange is over. False: no other can follow. */
bool pooled_stream_end_h2(struct pooled_stream *pooled);
/* As stream_ops::pull. */
ssize_t pooled_stream_pull_h2(struct pooled_stream *pooled, uint8_t *room, size_t max);
/*
 * Gives its user what has come, as far as that takes it. How the exchange stands behind that; H2_CLIENT_OPEN also while
 * some is left. The user may drop the pooled stream meanwhile.
 */
enum h2_client_outcome pooled_stream_pass_h2(struct pooled_stream *pooled);
/* Charges the stream with what is held: may end it, as any charge. */
void pooled_stream_charge_h2(struct pooled_stream *pooled);
