/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The copier between a socket and a stream: back-pressure both ways, half-close as half-close, reset
 * as reset. What the socket sends is read straight into the record that carries it; what the peer
 * sends is written from the record that brought it, and only what the socket does not take is queued.
 *
 * A relay may exist before its socket does: what the peer sends meanwhile waits in its window.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "mux/stream.h"
#include "net/conn.h"

#define RELAY_TRUST \
	(20 * CLOCK_MS) /* a kept upstream that was quiet for longer is checked for its end */

struct e2e;

/* Is told of the bytes behind the fact, and changes none: what the socket took, and what came from it. */
struct relay_tap {
	void (*wrote)(struct relay_tap *tap, const uint8_t *p, size_t n);
	void (*read)(struct relay_tap *tap, const uint8_t *p,
		size_t n); /* 0: it has ended in order */
};

struct relay {
	struct stream stream;
	struct conn conn; /* fd -1 until relay_connect() */
	struct loop *loop;
	struct buf early; /* bytes of the socket's that were read before: they go first */
	bool requests; /* carries requests: the upstream's end is looked for before a write (rule 37) */
	uint64_t moved;   /* when bytes moved last, in µs */
	uint64_t granted; /* bytes that the peer ever let the stream send, when it was last asked */
	/*
	 * relay_hear()'s: the first bytes that the socket sent, before they are passed on; 0 when it ended
	 * without any. Runs once.
	 */
	void (*heard)(struct relay *r, const uint8_t *p, size_t n);
	/* What seals between it and its stream (net/e2e.h), and what that asks: NULL mostly. */
	struct e2e *e2e;
	const struct stream_ops *inner;
	struct relay_tap *tap; /* the owner's; NULL mostly */
	/* As stream_ops; NULL on the side that does not open the stream. */
	void (*opening)(struct relay *r, struct frame_open *open_out);
	/*
	 * The stream is closed and the socket too, by an RST unless everything ended in order (NONE).
	 * Runs once; free it in the reap phase.
	 */
	void (*ended)(struct relay *r, enum frame_reset reason);
};

void relay_init(struct relay *r, struct loop *loop, bool requests,
	void (*ended)(struct relay *r, enum frame_reset reason));

/* Has heard() called. Before any byte of the socket's was read; later reads cost nothing for it. */
void relay_hear(struct relay *r, void (*heard)(struct relay *r, const uint8_t *p, size_t n));

/* The connection is there; owned from here on. 0 or -ENOMEM. */
int relay_connect(struct relay *r, struct detached_conn detached);

/*
 * When bytes moved last, µs: at the socket, or, as far as the peer has told by its credit, at the far side's,
 * where what was sent long ago may still be on its way to a slow reader. Meant to be called now and then.
 */
uint64_t relay_moved(struct relay *r);

/* Ends both at once; the peer is told `reason`. ended() does not run. */
void relay_abort(struct relay *r, enum frame_reset reason);
