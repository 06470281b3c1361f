/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a rate (mux/rate.h) lets pass of one mux's streams. Bytes beyond it wait where they are: what we would
 * send in its source, which is not asked; what came from the peer in its stream, which gives no credit for it.
 * Streams that wait stand in a line each way. At each tick, what the rate has brought is divided among them:
 * by how many there are, also of other muxes that share the rate.
 *
 * Datagrams that we would send wait for their turn in their owner, which drops those that are late. Those
 * that come cannot wait: what is over the rate is dropped, and a stream that loses some has its turns too.
 *
 * No clock, no timer: while `held`, the owner calls shaper_tick().
 */
#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "mux/mux.h"
#include "mux/rate.h"

/* Between two ticks, µs. Waiting for less than that is none; 100 a second cost nothing to speak of. */
#define SHAPER_TICK     (10 * CLOCK_MS)
/* Bytes of a turn, where so many streams wait that a tick has not as many for each: below it headers count. */
#define SHAPER_TURN_MIN 1024u
#define SHAPER_CRUMB    512u /* bytes; less is not worth a frame, and waits until it is more */

#define SHAPER_HELD (-EINPROGRESS) /* of shaper_pull(): the stream waits for the rate */

/* One way. */
struct shaper_way {
	struct rate_bucket *bucket;
	struct list waiting; /* streams: by stream::ring (pull) or stream::grown (push) */
	bool held;           /* nothing passes but in turns */
	unsigned counted;    /* streams of ours in rate_bucket::waiting */
	uint64_t since;      /* µs; of the last share */
	size_t quota;        /* bytes left of it, */
	size_t turn; /* and what a stream has in its turn; never less than SHAPER_TURN_MIN */
};

struct shaper {
	struct mux *mux;
	struct shaper_way pull, push; /* what we send, and what came */
	struct stream *serving;       /* whose turn it is to push, */
	size_t left;                  /* and bytes left of that */
	struct list link;             /* the owner's, while it is held */
	/* Streams wait from now on, if they did not before; inside mux_fill(), mux_input(), stream_resume(). */
	void (*held)(struct shaper *sh);
};

/* From now on the mux is held to the rate: `pull` for what it sends, `push` for what it gets. */
void shaper_init(struct shaper *sh, struct mux *m, struct rate_bucket *pull,
	struct rate_bucket *push, void (*held)(struct shaper *sh));

/* The mux goes on without: nobody waits any more. Not inside its callbacks. */
void shaper_deinit(struct shaper *sh);

/* Streams that wait have their turns. Whether some wait on. */
bool shaper_tick(struct shaper *sh, uint64_t now);

/*
 * So many datagrams of ours were given up because they waited for too long: whether it was the rate that held
 * them up, where they are counted.
 */
bool shaper_delayed(const struct mux *m, uint64_t n);

/* ---- For fill.c, window.c and input.c, where mux::shaper is one ---- */

/* As stream_ops::pull; or SHAPER_HELD: it stands in no ring of the mux's any more. */
ssize_t shaper_pull(struct stream *s, uint8_t *room, size_t max);
/* As stream_ops::push. */
size_t shaper_push(struct stream *s, const uint8_t *p, size_t n);
/* Whether a datagram of that size that came may pass; else it is dropped and counted. */
bool shaper_pass(struct stream *s, size_t n);

/* shaper.c, for shaper_tick.c */
void shaper_release(struct shaper_way *way);
void shaper_leave(struct stream *s); /* the stream waits no more */
void shaper_took(struct shaper_way *way, size_t n, uint64_t now);
