/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Carries a link over its socket: reads once after all sockets of a turn were heard, fills and
 * writes once at its end, keeps the link's one timer, and flushes the last word of a closed link.
 */
#include "link/link.h"
#include "net/conn.h"
#include "loop/loop.h"

#define LINK_IO_READS       2 /* of LINK_INPUT bytes a turn: then others have theirs */
#define LINK_IO_WRITES      4 /* of about LINK_OUTPUT_MAX bytes a turn, likewise */
/*
 * Bytes newly acknowledged between two looks that count as life. A PING alone does not: the kernel of
 * a hung peer, or of a proxy before a dead one, takes it too.
 */
#define LINK_IO_ACKED_MIN   1024
/*
 * How often the kernel is asked, while there is something to write, how fast the way to the peer is:
 * about as often as TCP itself learns it on a long one. What may stand unsent in the kernel is
 * LINK_IO_UNSENT_TIME of that, in powers of two from LINK_IO_UNSENT_MIN to SOCKET_UNSENT_MAX: on a line
 * of 2 Mbit/s the most alone would be half a second.
 */
#define LINK_IO_LOOK        (100 * CLOCK_MS)
#define LINK_IO_UNSENT_TIME (100 * CLOCK_MS)
#define LINK_IO_UNSENT_MIN  (16u << 10)
#define LINK_IO_LAST_WORD   (CLOCK_S) /* how long a closed link may take to be written out */

struct link_io {
	struct link link;
	struct conn conn;
	struct loop *loop;
	struct loop_task read, write;
	struct loop_timer timer;
	uint64_t acked;  /* bytes that the peer had acknowledged when the timer looked last */
	uint64_t looked; /* when link_io_look() did, in µs */
	uint32_t unsent; /* what the kernel was told of may be unsent */
	bool last_word; /* the link is closed and what it owes is being written; `timer` ends that */
	/* The link is closed and its socket too. Runs once, in the write phase: free it in the reap. */
	void (*ended)(struct link_io *io);
};

/* As link_expect(). */
void link_io_expect(struct link_io *io);

/* For link_ops::wake. */
void link_io_wake(struct link *l);

static inline struct link_io *link_io_of(struct link *l)
{
	return container_of(l, struct link_io, link);
}

/*
 * Begins a link on what `detached` holds, which it owns from here on. No op is called before this returns.
 * 0 or -ENOMEM, when nothing was begun and the connection is closed.
 */
int link_io_start(struct link_io *io, struct loop *loop, struct detached_conn detached,
	const struct link_ops *ops, const struct link_config *config,
	void (*ended)(struct link_io *io));

/*
 * The link's first bytes, which came behind the upgrade's response; before the loop turns again. 0, or -ENOMEM:
 * link_io_deinit() it then.
 */
int link_io_feed(struct link_io *io, const void *early, size_t n);

/* Ends it at once, without a last word; ended() does not run. Accepts zeroed memory. */
void link_io_deinit(struct link_io *io);
