/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Something that every worker does once, each on its own thread, one after another. It begins and ends on the
 * main thread: worker 0 runs at once, done() when the last worker has run.
 *
 * Broadcasts run in the order in which they were sent, so a later one may undo an earlier one. After done()
 * no worker refers to what this one removed; the caller may free it.
 */
#include "loop/mailbox.h"

struct node;
struct worker;

struct broadcast {
	struct mail mail;
	struct node *node;
	unsigned at, end; /* the worker that is next, and the one behind the last */
	const struct broadcast_ops *ops;
};

struct broadcast_ops {
	void (*run)(struct broadcast *b, struct worker *w);
	void (*done)(struct broadcast *b); /* may free it; NULL: nothing is left to do */
	/* Instead of done(): the process ends meanwhile. Frees what it owns; NULL: it owns nothing. */
	void (*discard)(struct broadcast *b);
};

/* On the main thread. done() comes later, never from within. */
void broadcast_send(struct broadcast *b, struct node *n, const struct broadcast_ops *ops);

/* The same for one worker alone, which runs it behind the mail that was sent there before. */
void broadcast_send_to(struct broadcast *b, struct node *n, unsigned worker,
	const struct broadcast_ops *ops);
