/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How objects cross threads: a queue of mail into one loop. The loop is woken only for the first mail of
 * a batch. Each loop has one mailbox, loop_mailbox().
 */
#include <pthread.h>
#include <stdbool.h>

#include "base/list.h"
#include "loop/event.h"

/*
 * Embedded in what is sent. It is the mailbox's from post until one of the two is called, which may free it.
 */
struct mail {
	struct list link;
	void (*deliver)(struct mail *mail); /* on the loop's thread, in the poll */
	/* The loop ended first: frees what the mail owns, and posts nothing. NULL: it owns nothing. */
	void (*discard)(struct mail *mail);
};

struct mailbox {
	pthread_mutex_t lock;
	struct list waiting; /* of struct mail, in the order posted; under the lock */
	int wakeup;          /* an eventfd */
	struct loop_event event;
};

/* For loop/loop.c. 0 or -errno. Deinit discards what is still inside. */
int mailbox_init(struct mailbox *box, struct loop *loop);
void mailbox_deinit(struct mailbox *box);

/*
 * From any thread, in order for each of them, without waiting. The loop must still exist: stop the
 * threads that post before loop_free().
 */
void mailbox_post(struct mailbox *box, struct mail *mail);
