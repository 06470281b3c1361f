#pragma once
/*
 * A pooled stream is a stream to a service that carries one request after another (docs/protocol.md, rule
 * 33). Between requests it waits with its service for whoever asks next, or with one visitor.
 *
 * Bytes that an upstream sends behind an answer's end would pass for the next answer, so who asks next
 * must not get them. They may come late: behind an answer that has no body, because many upstreams send
 * one nevertheless, and from a service that has sent such bytes before. There a pooled stream rests first.
 */
#include "mux/stream.h"
#include "loop/timeouts.h"
#include "server/route/balance.h"
#include "server/link/server_link.h"

/*
 * How long more pooled streams than --kept-streams may wait: many answers that end in one turn are followed by
 * as many requests in the next, which should not all dial anew. In µs.
 */
#define POOLED_STREAM_SURPLUS_TIME (100 * CLOCK_MS)

/*
 * How long a pooled stream rests before another visitor's request may take it: bytes that were not asked for were
 * seen up to 20 ms behind an answer. What a slow link holds back longer, the client notices when the next
 * request comes (FRAME_REUSE). In µs.
 */
#define POOLED_STREAM_REST_TIME (100 * CLOCK_MS)

/* Whose request a pooled stream carries next; a pooled stream never goes down in this list, but from RESTING. */
enum pooled_stream_use {
	POOLED_STREAM_SHARED, /* anybody's */
	POOLED_STREAM_RESTING, /* that of the visitor that it served last; behind POOLED_STREAM_REST_TIME, anybody's */
	POOLED_STREAM_DOUBTFUL, /* that of its visitor, who used it before it had rested: never anybody else's */
	POOLED_STREAM_OWN, /* that of its visitor, for whom it was logged in, or as the service wants it */
};

struct stream_user;

/* What a pooled stream asks of whoever it carries a request for. As stream_ops, where the names are the same. */
struct stream_user_ops {
	/* Fills in who asks, and where; the pooled stream knows the rest. */
	void (*opening)(struct stream_user *u, struct frame_open *open_out);
	ssize_t (*pull)(struct stream_user *u, uint8_t *room, size_t max);
	size_t (*push)(struct stream_user *u, const uint8_t *p, size_t n);
	/* The upstream's end, in order. False: it comes amiss, and the pooled stream is lost(). */
	bool (*push_end)(struct stream_user *u);
	/*
	 * The pooled stream is gone before the answer was over. `untouched`: none of the request's bytes were
	 * written to the upstream's socket. `shard` may be gone as well: it tells the others apart.
	 */
	void (*lost)(struct stream_user *u, const struct service_shard *shard,
		enum frame_reset reason, bool untouched);
};

/* Embedded in the user. */
struct stream_user {
	const struct stream_user_ops *ops;
	struct pooled_stream *pooled; /* that carries its present request, or NULL */
	struct pooled_stream *own;    /* that no one else may take, for now or for good, or NULL */
};

struct pooled_stream {
	struct stream stream;
	struct service_shard *shard;
	struct server_link *server_link; /* of whose link it is */
	struct stream_user *user;        /* whose request it carries; NULL while it waits */
	enum pooled_stream_use use;
	struct stream_user *owner; /* NULL: nobody's, or it rests and its visitor is gone */
	bool alone; /* carries one request and what becomes of it, as a stream of kind tcp */
	struct list of_service_shard; /* service_shard::streams */
	struct list idle;             /* service_shard::idle, or ::resting */
	struct timeout kept;          /* while it waits or rests */
	struct loop_task reap;
	uint64_t begun_at; /* bytes sent before the present request, or the next */
};

/*
 * A pooled stream for a request: its own, one that waits, else a new stream. `alone` is for a request that asks
 * for another protocol: its pooled stream carries nothing else, because half-close has another meaning there. NULL
 * when the session takes no more streams, or memory is out.
 */
struct pooled_stream *pooled_stream_take(struct service_shard *shard, struct stream_user *u,
	bool alone);

/*
 * The exchange is over and the pooled stream clean: it waits for the next, shortly if enough others do, for whom
 * `use` says at the least.
 */
void pooled_stream_keep(struct pooled_stream *pooled, enum pooled_stream_use use);

/* Its visitor goes: what is his alone ends, what rests does so for the next. Accepts NULL. */
void pooled_stream_disown(struct pooled_stream *pooled);

/* The stream ends here and now; the user, if any, hears nothing. Accepts NULL; returns NULL. */
struct pooled_stream *pooled_stream_drop(struct pooled_stream *pooled, enum frame_reset reason);

/*
 * The same, but a user whose request it carried hears of it: lost(). `taken` is how
 * many of the stream's bytes the upstream's socket took, or may have.
 */
void pooled_stream_fail(struct pooled_stream *pooled, enum frame_reset reason, uint64_t taken);

/* For http_worker::kept and ::surplus, and for http_worker::resting. */
void pooled_stream_kept_expired(struct timeout_queue *queue, struct timeout *entry);
void pooled_stream_rested(struct timeout_queue *queue, struct timeout *entry);

/* The streams of a service that carry nothing end: those on that link, which is about to leave; NULL: all. */
void stream_pool_rest(struct service_shard *shard, const struct server_link *l);

/*
 * Its upstream sent bytes that no request asked for. From here on, for as long as it is published, no stream
 * of it changes visitors before it has rested; said in both logs the first time. On the shard's worker.
 */
void stream_pool_distrust(struct service_shard *shard);
