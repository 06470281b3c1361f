/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One visitor's byte connection inside a link, seen from either end. The owner embeds it.
 *
 * Sending is pulled: the owner says stream_ready() when it may have bytes, and is asked to pull()
 * them straight into the record that will be written. Receiving is pushed: push() is given a slice
 * of the received record and says how much of it went to the socket; only the rest is queued, and
 * offered again after stream_resume().
 *
 * State: OPEN, then HALF_LOCAL (our FIN is on its way) or HALF_REMOTE (the peer's FIN was
 * delivered), then CLOSED. A reset from either side goes to CLOSED at once. In CLOSED the stream
 * has left its mux and no callback runs again; its memory must last until the end of the turn.
 *
 * A stream of datagrams (a UDP flow, docs/protocol.md, rule 18) takes turns like any other, but
 * outside credit, whole datagrams or none; what comes is pushed once and never queued. It has no
 * FIN: it is OPEN until a reset.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/counter.h"
#include "base/list.h"
#include "base/table.h"
#include "wire/frame.h"

struct mux;
struct stream;

enum stream_state {
	STREAM_IDLE,
	STREAM_OPEN,
	STREAM_HALF_LOCAL,
	STREAM_HALF_REMOTE,
	STREAM_CLOSED
};

struct stream_ops {
	/* Fills in OPEN. Called once, when a stream that this side opened has its first turn.
	 */
	void (*opening)(struct stream *s, struct frame_open *open_out);

	/*
	 * Up to `max` bytes into `room`. More than 0: so many. 0: the data ends here, send FIN.
	 * -EAGAIN: nothing now; not asked again before stream_ready(). Any other negative errno:
	 * the source broke, and the stream is reset with FRAME_RESET_ABORTED; pull() itself must
	 * not call stream_reset().
	 * Of datagrams: 0 and more is the size of one, written whole. -EMSGSIZE: the next one is
	 * larger than `max`, and goes first in the next record.
	 */
	ssize_t (*pull)(struct stream *s, uint8_t *room, size_t max);

	/*
	 * Takes what it can of the slice, in order; the rest comes again after stream_resume().
	 * Of datagrams: one, which may be of 0 bytes; it does not come again.
	 */
	size_t (*push)(struct stream *s, const uint8_t *p, size_t n);

	/* The peer's data ended in order and all of it was taken. */
	void (*push_end)(struct stream *s);

	/*
	 * The peer said stream_reuse(): what it sends from here on, it decided to send when it had taken
	 * `taken` bytes of ours. May be NULL. May reset the stream.
	 */
	void (*reused)(struct stream *s, uint64_t taken);

	/*
	 * The stream is CLOSED: both ends in order, or the peer opened it and is done with it
	 * (FRAME_RESET_NONE); reset by the peer, or for want of memory; or its link ended
	 * (FRAME_RESET_LINK_LOST). `taken` is how many of our bytes the peer's socket may have
	 * taken: as its RESET, GOAWAY or FIN says, else all that were sent. Not called for the
	 * owner's own stream_reset(). May open and reset streams; may close the link, which inside
	 * pull() or mux_fill() loses the record that is being filled.
	 */
	void (*closed)(struct stream *s, enum frame_reset reason, uint64_t taken);

	/* Of datagrams: one came that a rate did not let pass (mux/shaper.h). May be NULL. */
	void (*lost)(struct stream *s);
};

/* Bytes of streams that their owner counts together, on one thread. */
struct stream_counts {
	struct counter sent, taken; /* as stream::sent and ::taken */
};

struct stream {
	const struct stream_ops *ops;
	struct mux *mux;
	uint32_t id;
	enum stream_state state;

	bool datagrams;    /* set by the owner after stream_init(); the same on both ends */
	bool remote;       /* the peer opened it */
	bool open_waiting; /* our OPEN is not written yet, and the stream has no id */

	/* sending */
	bool ready;      /* the owner said so and pull() did not say -EAGAIN since */
	bool reusing;    /* REUSE goes before its next bytes */
	bool overdue;    /* its datagram did not fit: goes first in the next record */
	uint32_t credit; /* bytes the peer still takes */
	int32_t deficit; /* bytes left of this turn of the round robin; below 0, owed to the others */
	uint64_t sent;   /* bytes pulled so far */
	struct list ring; /* mux::ready, or shaper::pull, while `ready` and with credit */

	/* receiving */
	uint32_t window;     /* what granted and queued bytes together should be */
	uint32_t granted;    /* bytes the peer may still send */
	uint32_t increment;  /* the part of it that waits for its WINDOW frame */
	uint64_t granted_at; /* when credit was given last; 0: never */
	uint64_t taken;      /* bytes the owner took so far */
	uint64_t peer_taken; /* bytes of ours the peer's owner took, as its FIN or RESET said */
	bool remote_end;     /* FIN came and waits for the queue to be taken */
	bool delivering;     /* inside push(): keeps stream_resume() from entering again */
	bool shaped;         /* what came waits for a rate (mux/shaper.h) */
	size_t queued;       /* bytes in `queue` */
	size_t queue_memory; /* what they cost, and what the owner keeps */
	uint32_t promised;   /* what the budget keeps for it beyond that */
	uint32_t allowance;  /* bytes of datagrams that may come, where a rate lets pass no more */
	size_t charged;      /* what the budget was charged with for it */
	uint64_t
		stalled_from; /* from when on it stands still with what it holds; 0: it held nothing yet */
	/*
	 * Set by the owner: streams with the same number weigh together where memory is out, such as those
	 * of one visitor's address, by its hash. 0: it weighs alone.
	 */
	uint64_t group;
	struct stream_counts *counts; /* set by the owner, before the first byte; NULL: none */
	struct list queue;            /* of struct chunk */
	struct list urgent;           /* mux::urgent, while a WINDOW waits */
	struct list
		grown; /* mux::grown, while `window` is above the base; shaper::push, while `shaped` */

	struct list all;        /* mux::streams */
	struct table_node node; /* mux::table, once it has an id */
};

/* A stream of no mux, in state IDLE. */
void stream_init(struct stream *s, const struct stream_ops *ops);

/* The owner may have bytes to send, or the end of them. Cheap when said again; void inside pull(). */
void stream_ready(struct stream *s);

/*
 * Between two requests on one stream: the peer's owner is told, before it gets the next bytes, how many
 * of its bytes were taken until then, so that it can tell whether it has sent more than was asked for.
 */
static inline void stream_reuse(struct stream *s)
{
	s->reusing = true;
	s->stalled_from = 0;
}

/* The owner can take bytes again: queued ones are pushed now. */
void stream_resume(struct stream *s);

/* Shows what is queued, in order, and takes nothing of it. */
void stream_look(const struct stream *s, void (*see)(void *arg, const uint8_t *p, size_t n),
	void *arg);

/*
 * Ends the stream at once in both directions, queued bytes included; the peer is told the reason
 * and how many of its bytes were taken. Without effect on an IDLE or CLOSED stream. Legal inside
 * push(), which first adds to `taken` what that very call wrote.
 */
void stream_reset(struct stream *s, enum frame_reset reason);

/*
 * The owner of a stream of datagrams holds so many bytes in all to be pulled. False when the budget
 * has no room for more than before: drop. What is held is given back when the stream closes.
 */
bool stream_hold(struct stream *s, size_t n);

/*
 * The owner of a stream of bytes holds `now` of its own for it, and `was` before: charged like what is queued,
 * so that the stream goes when memory is out. False when the budget has no room for more than before. May close
 * the stream, as any charge may. What is held is given back when the stream closes.
 */
bool stream_keep(struct stream *s, size_t was, size_t now);

/*
 * The same for what is there already, and has to be charged: others may have to go for it, or the stream itself.
 */
void stream_charge(struct stream *s, size_t was, size_t now);

/* Whether OPEN, or anything after it, may have reached the peer. */
static inline bool stream_spoken(const struct stream *s)
{
	return !s->open_waiting;
}

static inline bool stream_alive(const struct stream *s)
{
	return s->state != STREAM_IDLE && s->state != STREAM_CLOSED;
}

const char *stream_state_name(enum stream_state state);
