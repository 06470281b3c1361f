/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Requests whose session was lost just now wait for it to come back, instead of failing (rule 38).
 * Their heads are kept and nothing more is read of them.
 */
#include <stdbool.h>

#include "base/str.h"
#include "loop/timeouts.h"
#include "wire/address.h"

struct routes;
struct worker;

/* Embedded in whoever waits. */
struct waiter {
	struct list link; /* wait_queue::waiters */
	struct timeout timeout;
	const struct routes *routes; /* of the worker: of names or of ports */
	struct str host;             /* there; must stay while it waits */
	struct address address;      /* against which it is counted */
	bool counted;                /* in LIMITS_WAITING */
	bool lost; /* a client had it; else the exit node has just started, and one may come */
	/* Exactly one of the two is called, the waiter being off the list, unless it is removed. */
	void (*served)(struct waiter *w);  /* a service of its route is there */
	void (*expired)(struct waiter *w); /* none came in time */
};

struct wait_queue {
	struct worker *worker;
	struct list waiters;
	struct timeout_queue queue;
	size_t n;
	struct loop_task wake;
	struct loop_timer look;
};

void wait_queue_init(struct wait_queue *q, struct worker *w);
void wait_queue_deinit(struct wait_queue *q);

void waiter_init(struct waiter *w, void (*served)(struct waiter *w),
	void (*expired)(struct waiter *w));

/* 0, -EBUSY when too many wait already, or -ENOMEM. */
int wait_queue_add(struct wait_queue *q, struct waiter *w, const struct routes *routes,
	struct str host, const struct address *address);

/* The same for what is counted elsewhere, and takes no more while it waits. */
void wait_queue_add_counted(struct wait_queue *q, struct waiter *w, const struct routes *routes,
	struct str host);

/* It waits no longer; without effect on one that does not wait. */
void wait_queue_remove(struct wait_queue *q, struct waiter *w);

/* Somebody published something: at the end of the turn those who can go on do. */
void wait_queue_wake(struct wait_queue *q);

/* The same in a moment: another worker was said to have somebody, and had nobody yet. Nobody here hears when it has. */
void wait_queue_look(struct wait_queue *q);
