/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Two streams joined: one that a consumer opened, the near end, and one that the exit node opens to who provides
 * the service, the far end. Each lives on its link's worker, and all of an end's fields are that worker's. This file
 * is what one end tells the other: by a call on one worker, by mail between two.
 *
 * Data and their end are told by a call, which leads to the other stream's stream_ready() and nothing else, so it is
 * legal in any callback. That an end has taken data, and its last word, make the other stream push or end; where
 * both are on one worker that waits for a task of the next turn, because they may be said from within the other
 * stream's pull().
 *
 * The last thing that an end says is why it closed. An end is over when it has closed and has heard the other's last
 * word: then nothing that is on its way refers to it.
 */
#include <stdatomic.h>

#include "net/flow.h"
#include "server/link/server_link.h"
#include "server/private/attachment.h"
#include "server/route/service.h"
#include "server/route/wait_queue.h"

/*
 * What one end has taken and the other has not: two records, so that one is there while the next is filled. With what
 * chunks cost beside their bytes, so that single bytes are not cheap.
 */
#define BRIDGE_OWED_MAX (128u << 10)

struct bridge;
struct bridge_end;

/* Bytes, or one datagram, between the two ends. */
struct bridge_chunk {
	struct mail mail;
	struct list link; /* bridge_end::chunks */
	struct bridge_end *to;
	uint64_t since; /* µs; of a datagram */
	size_t start, end, cap;
	uint8_t data[];
};

/* What differs between bytes and datagrams. On the worker of `e`. */
struct bridge_end_ops {
	/* The other end has taken something, which is the callee's now. The stream may be closed already. */
	void (*receive)(struct bridge_end *e, struct bridge_chunk *c);
	/* The other end is there, or takes more. */
	void (*resume)(struct bridge_end *e);
	/* Resets the stream, if it is not closed. */
	void (*reset)(struct bridge_end *e, enum frame_reset reason);
	/* It is closed: frees what the other end has said and nobody took. */
	void (*drop)(struct bridge_end *e);
};

/* What differs between the near end and the far one. On the worker of `e`. */
struct bridge_side_ops {
	/* Its stream has closed. The last word has not been said yet. */
	void (*left)(struct bridge_end *e);
	/* It is over: nothing of the other end is left. May be NULL. */
	void (*over)(struct bridge_end *e);
	/* Its far end could not reach the upstream, and nothing was said: whether another is sought. May be NULL. */
	bool (*again)(struct bridge_end *e);
};

/* Why an end closed, for the other one. */
struct bridge_last {
	struct mail mail;
	enum frame_reset reason;
	bool in_order; /* both directions had ended */
	bool failed; /* the upstream could not be reached, before a byte went either way: it may be tried again */
	bool unopened; /* there was no stream, and its hold comes along */
	bool said;
};

struct bridge_end {
	union {
		struct stream stream;
		struct flow flow; /* of datagrams */
	};
	struct bridge *bridge;
	const struct bridge_end_ops *ops;
	const struct bridge_side_ops *side;
	struct worker *worker;
	struct server_link *server_link; /* while the stream is not closed */
	struct list link;                /* private_worker::near or ::far, until it is over too */
	bool joined;                     /* the other end is there: what this one has goes to it */
	bool closed;
	bool over; /* the other end has said its last */

	/* What comes from the other end */
	struct list chunks; /* of struct bridge_chunk */
	size_t kept;        /* their memory, which the stream is charged with */
	size_t untold;      /* what was taken, and the other end does not know it */
	bool ended;         /* its data ended in order, behind these */
	bool fin;           /* and so it was said to our peer */

	/* What goes there */
	size_t owed;          /* what it has not told that it has taken */
	atomic_size_t flying; /* datagrams on their way to another worker: bytes */
	bool finished;        /* our peer's data ended in order */
	bool handed;          /* anything at all went */
	struct mail end;      /* their end */
	struct bridge_last last;

	/* What it hears at the end of this turn, of an end on the same worker */
	struct loop_task task;
	size_t taken;
	bool last_waits;
	/* And of one on another worker */
	struct mail taken_mail;
	atomic_size_t taken_there;
	atomic_bool taken_posted;

	struct loop_task reap;
};

enum bridge_state {
	BRIDGE_SEEKING, /* about to look for a session that provides the service */
	BRIDGE_WAITING, /* for one: there was one a moment ago */
	BRIDGE_MOVING,  /* another worker looks, or has found one */
	BRIDGE_JOINED,
	BRIDGE_OVER, /* the near end is closed */
};

struct bridge {
	struct bridge_end near, far;
	atomic_uint
		holds; /* one of each end; the far end's is the order's while there is no far end */

	/* The near end's */
	enum bridge_state state;
	bool away; /* the order, or the far end, is on another worker or on its way there */
	struct attachment_use use; /* until both streams are closed */
	struct mail cut; /* to a far end that goes on behind the near one, and holds the bridge */
	struct waiter waiter;
	uint64_t began;      /* µs */
	uint64_t connection; /* log_new_connection() */
	bool counted;        /* in LIMITS_BRIDGES */

	/* The order to find a session and open the far end: of the worker far.worker, or of the mailbox */
	struct loop_task seek;
	struct mail order;
	unsigned moves;
	const struct service
		*failed; /* whose upstream could not be reached; NULL: none was tried */
	enum frame_reset failure;
	atomic_bool deserted; /* the near end has closed meanwhile */

	/* The far end's */
	struct service_shard *service;
	struct mail joined;
	char session[SESSION_NAME_SIZE]; /* for the log; the near end's from `joined` on */

	/* Of the attachment; they do not change */
	enum control_kind kind;
	uint32_t link_id;
	char consumer[POLICY_NAME_SIZE], name[POLICY_NAME_SIZE];
	struct address
		peer; /* where the consumer's link comes from, with the port that it stated */
};

static inline struct bridge_end *bridge_end_other(struct bridge_end *e)
{
	return e == &e->bridge->near ? &e->bridge->far : &e->bridge->near;
}

/* Whether the other end, or the order to open it, is on this worker. */
bool bridge_end_is_local(const struct bridge_end *e);

/* An end of no stream yet, on that worker; what it was before is over. */
void bridge_end_init(struct bridge_end *e, struct bridge *b, const struct bridge_side_ops *side,
	struct worker *w);

/* Fills in the OPEN of a far end. */
void bridge_end_opening(const struct bridge_end *e, struct frame_open *open_out);

/* NULL when memory is out. */
struct bridge_chunk *bridge_chunk_new(const void *p, size_t n, size_t cap);

/* To the other end, which is there. */
void bridge_end_give(struct bridge_end *e, struct bridge_chunk *c);
/* Our peer's data have ended. */
void bridge_end_finish(struct bridge_end *e);
/* `n` of what the other end is owed was taken. */
void bridge_end_took(struct bridge_end *e, size_t n);

/* The stream is closed, or was reset just now: says so, and why. Once. */
void bridge_end_close(struct bridge_end *e, enum frame_reset reason, bool in_order);
/* Says it now, as the other end has come meanwhile. */
void bridge_end_say_last(struct bridge_end *e);
/* Resets the stream and closes the end, unless it is closed. */
void bridge_end_reset(struct bridge_end *e, enum frame_reset reason);
/* The order did not lead to a stream, or the other end will say no more: it has said its last. */
void bridge_end_over(struct bridge_end *e);
/* What it would hear at the end of this turn it hears now. Not within a callback of a stream. */
void bridge_end_flush(struct bridge_end *e);
/* The process ends: what would have made it hear the other's last is discarded. */
void bridge_end_forget(struct bridge_end *e);

/* One hold less; with the last it is freed. From any thread. */
void bridge_release(struct bridge *b);
