/* SPDX-License-Identifier: MIT */
#pragma once
/* What event.c and loop.c share: the loop itself. */
#include "loop/event.h"
#include "loop/mailbox.h"

struct loop {
	struct event_base *base;
	struct list phases[LOOP_PHASES]; /* of struct loop_task */
	uint64_t now;                    /* CLOCK_NEVER: not read yet in this turn */
	bool stopped;
	bool ended; /* loop_end() */
	struct mailbox mailbox;
	struct list slots; /* of struct loop_slot, the last one added first */
};

/* ---- event.c ---- */

/* 0 or -ENOMEM. Deinit takes a half-built loop. */
int loop_events_init(struct loop *loop);
void loop_events_deinit(struct loop *loop);
/* Waits, or only looks, and runs the callbacks of what happened. A new turn begins. */
void loop_poll(struct loop *loop, bool wait);
