/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The event loop of one thread. It runs in turns: wait for sockets, timers and mail; run their
 * callbacks, which mostly just note what happened; then run the work that was deferred, phase by
 * phase. So a link is read once after every socket has been heard, written once after every source
 * has been filled in, and memory is freed when nothing can call into it any more.
 *
 * Everything here belongs to the loop's own thread; other threads use the mailbox.
 */
#include "loop/event.h"

struct mailbox;

/* NULL when out of memory or descriptors. */
struct loop *loop_new(void);
/*
 * Discards the mail that is left, runs what waits in the reap phase, ends the slots. Of several loops each is ended
 * before any is freed: what is discarded at one may have tasks and timers at another.
 */
void loop_end(struct loop *loop);
/* Ends it, unless it has ended, and frees. Accepts NULL; returns NULL. */
struct loop *loop_free(struct loop *loop);

/* Turns until loop_stop(), which lets the current turn finish. loop_turn() is a single one. */
void loop_run(struct loop *loop);
void loop_turn(struct loop *loop);
void loop_stop(struct loop *loop);

/* Where other threads reach this loop. */
struct mailbox *loop_mailbox(struct loop *loop);

/*
 * What a room above keeps once for each loop: embedded in a heap object of that room. Its `end` is also what
 * it is found by. The loop has a few of them.
 */
struct loop_slot {
	struct list link;
	/* From loop_end(), in the reverse order of loop_slot_add(): frees the object. It may defer to REAP. */
	void (*end)(struct loop_slot *slot);
};
void loop_slot_add(struct loop *loop, struct loop_slot *slot);
/* NULL: there is none that ends so. */
struct loop_slot *loop_slot_find(struct loop *loop, void (*end)(struct loop_slot *slot));
