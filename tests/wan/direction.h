/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One direction of a path: a line of a given rate behind a queue counted in bytes, and the time that
 * a packet is under way behind it. A clock of its own says when the line will have sent what it
 * holds, so nothing depends on how punctually the program runs: a packet leaves at
 * max(now, when the one before it left) + size / rate, and arrives `delay` later. What finds the
 * queue full is dropped (tail drop).
 *
 * Loss and reordering are drawn from a seed, packet by packet: the same packets meet the same fate.
 * Times are nanoseconds of CLOCK_MONOTONIC.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packet {
	struct packet *next;
	uint64_t due; /* when it arrives */
	size_t size;
	uint8_t data[];
};

struct fifo {
	struct packet *first, **end;
};

struct terms {
	uint64_t delay;        /* ns one way */
	uint64_t rate;         /* bit/s, of IP packets */
	uint64_t queue;        /* bytes that may wait for the line, the packet on it included */
	double loss, reorder;  /* of 1 */
	uint64_t reorder_late; /* ns that a reordered packet arrives later than it would have */
	uint64_t seed;
};

struct counts {
	uint64_t packets, bytes; /* that arrived */
	uint64_t lost;           /* by the dice */
	uint64_t dropped;        /* by the full queue */
	uint64_t reordered;
	uint64_t late_max; /* ns behind what `due` said: what the program itself added */
};

struct direction {
	struct terms terms;
	struct counts counts;
	uint64_t free_at; /* when the line has sent what it holds */
	uint64_t dice;
	struct fifo on_time, late; /* each in order of `due` */
};

void direction_init(struct direction *d, const struct terms *terms);
void direction_deinit(struct direction *d);

/* A packet came in; it is copied if it is to arrive. -ENOMEM, or 0 whatever its fate. */
int direction_take(struct direction *d, const void *data, size_t size, uint64_t now);

/* When the next packet arrives; 0 when none is under way. */
uint64_t direction_next(const struct direction *d);

/* The next packet that is due, for the caller to free(); NULL when there is none. */
struct packet *direction_give(struct direction *d, uint64_t now);
