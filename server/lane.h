#pragma once
/*
 * A lane is a stream to a service that carries one request after another (docs/protocol.md, rule
 * 33). Between requests it waits with its service for whoever asks next, or with one visitor.
 *
 * Bytes that an upstream sends behind an answer's end would pass for the next answer, so who asks next
 * must not get them. They may come late: behind an answer that has no body, because many upstreams send
 * one nevertheless, and from a service that has sent such bytes before. There a lane rests first.
 */
#include "mux/stream.h"
#include "loop/timeouts.h"
#include "server/service.h"
#include "server/trunk.h"

/*
 * How long more lanes than --kept-streams may wait: many answers that end in one turn are followed by
 * as many requests in the next, which should not all dial anew. In µs.
 */
#define LANE_SURPLUS_TIME (100 * CLOCK_MS)

/*
 * How long a lane rests before another visitor's request may take it: bytes that were not asked for were
 * seen up to 20 ms behind an answer. What a slow link holds back longer, the client notices when the next
 * request comes (FRAME_REUSE). In µs.
 */
#define LANE_REST_TIME (100 * CLOCK_MS)

/* Whose request a lane carries next; a lane never goes down in this list, but from RESTING. */
enum lane_use {
	LANE_SHARED,  /* anybody's */
	LANE_RESTING, /* that of the visitor that it served last; behind LANE_REST_TIME, anybody's */
	LANE_DOUBTFUL, /* that of its visitor, who used it before it had rested: never anybody else's */
	LANE_OWN, /* that of its visitor, for whom it was logged in, or as the service wants it */
};

struct lane_user;

/* What a lane asks of whoever it carries a request for. As stream_ops, where the names are the same. */
struct lane_user_ops {
	/* Fills in who asks, and where; the lane knows the rest. */
	void (*opening)(struct lane_user *u, struct frame_open *open_out);
	ssize_t (*pull)(struct lane_user *u, uint8_t *room, size_t max);
	size_t (*push)(struct lane_user *u, const uint8_t *p, size_t n);
	/* The upstream's end, in order. False: it comes amiss, and the lane is lost(). */
	bool (*push_end)(struct lane_user *u);
	/*
	 * The lane is gone before the answer was over. `untouched`: none of the request's bytes were
	 * written to the upstream's socket. `branch` may be gone as well: it tells the others apart.
	 */
	void (*lost)(struct lane_user *u, const struct branch *branch, enum frame_reset reason,
		bool untouched);
};

/* Embedded in the user. */
struct lane_user {
	const struct lane_user_ops *ops;
	struct lane *lane; /* that carries its present request, or NULL */
	struct lane *own;  /* that no one else may take, for now or for good, or NULL */
};

struct lane {
	struct stream stream;
	struct branch *branch;
	struct trunk *trunk;    /* of whose link it is */
	struct lane_user *user; /* whose request it carries; NULL while it waits */
	enum lane_use use;
	struct lane_user *owner; /* NULL: nobody's, or it rests and its visitor is gone */
	bool alone; /* carries one request and what becomes of it, as a stream of kind tcp */
	struct list of_branch; /* branch::lanes */
	struct list idle;      /* branch::idle, or ::resting */
	struct timeout kept;   /* while it waits or rests */
	struct loop_task reap;
	uint64_t begun_at; /* bytes sent before the present request, or the next */
};

/*
 * A lane for a request: its own, one that waits, else a new stream. `alone` is for a request that asks
 * for another protocol: its lane carries nothing else, because half-close has another meaning there. NULL
 * when the session takes no more streams, or memory is out.
 */
struct lane *lane_take(struct branch *branch, struct lane_user *u, bool alone);

/*
 * The exchange is over and the lane clean: it waits for the next, shortly if enough others do, for whom
 * `use` says at the least.
 */
void lane_keep(struct lane *lane, enum lane_use use);

/* Its visitor goes: what is his alone ends, what rests does so for the next. Accepts NULL. */
void lane_disown(struct lane *lane);

/* The stream ends here and now; the user, if any, hears nothing. Accepts NULL; returns NULL. */
struct lane *lane_drop(struct lane *lane, enum frame_reset reason);

/*
 * The same, but a user whose request it carried hears of it: lost(). `taken` is how
 * many of the stream's bytes the upstream's socket took, or may have.
 */
void lane_fail(struct lane *lane, enum frame_reset reason, uint64_t taken);

/* For worker::kept and ::surplus, and for worker::resting. */
void lane_kept_expired(struct timeout_queue *queue, struct timeout *entry);
void lane_rested(struct timeout_queue *queue, struct timeout *entry);
