/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One UDP flow as a stream of datagrams, on either end of a link (docs/protocol.md, rule 18).
 * Datagrams wait here for the link's turn, and not for long: late ones are worth less than none, so
 * what is unsent for FLOW_AGE_MAX, or would be more than FLOW_UNSENT_MAX, is dropped and counted.
 * What is received goes to the owner at once. When a flow is idle is its owner's to say.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "mux/stream.h"

#define FLOW_UNSENT_MAX (256u << 10)    /* bytes with headers: four of the largest datagrams */
#define FLOW_AGE_MAX    (50 * CLOCK_MS) /* a call or a game is better off with the next packet */
#define FLOW_KEEP       (16u << 10) /* bytes of memory that an empty queue keeps: no malloc a turn */

struct flow;
struct e2e_flow;

struct flow_ops {
	/* Fills in OPEN, of a flow that this side opens. The kind is set already. */
	void (*opening)(struct flow *f, struct frame_open *open_out);
	/* A datagram came, of 0 bytes or more. May abort the flow. */
	void (*received)(struct flow *f, const uint8_t *p, size_t n);
	/* By the peer or the link's end; once. Free the flow in the reap phase. */
	void (*closed)(struct flow *f, enum frame_reset reason);
	/* A datagram came that is over a rate, and was dropped. May be NULL. */
	void (*lost)(struct flow *f);
};

struct flow {
	struct stream stream; /* for mux_open(), or to be returned from the mux's open() */
	const struct flow_ops *ops;
	/* What seals between it and its stream (net/e2e_flow.h), and sets what stands behind: NULL mostly. */
	struct e2e_flow *e2e;
	size_t max; /* bytes of a datagram: FRAME_DATAGRAM_MAX, or less */
	/* µs: what came before is no older than this. UINT64_MAX: nothing goes yet, or grows old. */
	uint64_t began;

	struct buf queue;  /* datagrams that wait, each after a header of flow.c */
	uint64_t moved;    /* when a datagram came last, from either side, in µs; 0: none did */
	uint64_t received; /* datagrams given to the owner */
	uint64_t sent;     /* datagrams given to the link */
	uint64_t dropped;  /* datagrams of flow_send() that were not */
};

void flow_init(struct flow *f, const struct flow_ops *ops);

/*
 * Sends a copy of one datagram of at most flow::max bytes, or drops it: also when the memory budget is used up, or the
 * stream is in no mux (any more).
 */
void flow_send(struct flow *f, const void *p, size_t n, uint64_t now);

/* Ends it at once and frees what waits; the peer is told `reason`. closed() does not run. */
void flow_abort(struct flow *f, enum frame_reset reason);
