/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Finds connections that carry nothing for too long. Each service may have a time of its own, so there is a
 * queue for each time. A connection is looked at several times within its time; bytes that move cost nothing.
 */
#include "loop/timeouts.h"

#define IDLE_LOOKS \
	8 /* within the time: a silent connection is kept for an eighth of it longer at most, */
#define IDLE_LOOK_MAX (60 * CLOCK_S) /* and for a minute at most */

struct idle {
	struct loop *loop;
	struct list queues;
	/* When something moved in it last, µs. */
	uint64_t (*moved)(struct timeout *entry);
	/* Nothing did for its time; it is watched no more. */
	void (*expired)(struct timeout *entry);
};

void idle_init(struct idle *idle, struct loop *loop, uint64_t (*moved)(struct timeout *entry),
	void (*expired)(struct timeout *entry));
/* When nothing is watched any more. Accepts zeroed memory. */
void idle_deinit(struct idle *idle);

/* Watches until timeout_cancel(). 0 or -ENOMEM. */
int idle_watch(struct idle *idle, struct timeout *entry, uint64_t time);
