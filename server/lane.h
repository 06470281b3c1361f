#pragma once
/*
 * A lane is a stream to a service that carries one request after another (docs/protocol.md, rule
 * 33). Between requests it waits with its service, or with one visitor for good once that visitor
 * logged in the connection itself (NTLM, Negotiate).
 */
#include "mux/stream.h"
#include "net/timeouts.h"
#include "server/service.h"

/*
 * How long more lanes than --kept-streams may wait: many answers that end in one turn are followed by
 * as many requests in the next, which should not all dial anew. In µs.
 */
#define LANE_SURPLUS_TIME (100 * CLOCK_MS)

struct visitor;

struct lane {
	struct stream stream;
	struct service *service;
	struct visitor *visitor; /* whose request it carries; NULL while it waits */
	struct visitor *owner;   /* the one it belongs to for good, or NULL */
	struct list of_service;  /* service::lanes */
	struct list idle;        /* service::idle */
	struct timeout kept;     /* while it waits */
	struct loop_task reap;
	uint64_t begun_at; /* bytes sent before the present request, or the next */
};

/*
 * A lane for a request of this visitor: one that waits, else a new stream. A request that asks for a
 * WebSocket gets one of its own, which carries nothing else: half-close has another meaning there. NULL when the session
 * takes no more streams, or memory is out.
 */
struct lane *lane_take(struct service *service, struct visitor *v);

/*
 * The exchange is over and the lane clean: it waits for the next, shortly if enough others do. With
 * `own` it will serve none but its visitor from now on.
 */
void lane_keep(struct lane *lane, bool own);

/* The stream ends here and now; the visitor, if any, hears nothing. Accepts NULL; returns NULL. */
struct lane *lane_drop(struct lane *lane, enum frame_reset reason);

/*
 * The same, but a visitor whose request it carried hears of it: visitor_lane_lost(). `taken` is how
 * many of the stream's bytes the upstream's socket took, or may have.
 */
void lane_fail(struct lane *lane, enum frame_reset reason, uint64_t taken);

/*
 * Whether none of the present request's bytes were written to the upstream's socket, as far as is
 * known: `taken` is how many of the lane's were in all.
 */
bool lane_untouched(const struct lane *lane, enum frame_reset reason, uint64_t taken);

/* For worker::kept and ::surplus. */
void lane_kept_expired(struct timeout_queue *queue, struct timeout *entry);
