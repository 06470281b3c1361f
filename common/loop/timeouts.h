/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Timeouts of one duration: idle visitors, heads being read, kept streams. Because the duration is the
 * same, the entry that started last expires last. So a list in order and one timer for its front suffice,
 * and starting, refreshing and cancelling touch nothing but the list.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/event.h"

/* Embedded in what waits. */
struct timeout {
	struct list link;
	uint64_t at; /* µs; meaningful while on a queue */
};

struct timeout_queue {
	struct loop_timer timer;
	struct list entries; /* the one that expires first stands first */
	uint64_t duration;   /* µs */
	void (*expired)(struct timeout_queue *queue, struct timeout *entry);
};

/* `expired` is called with the entry off the queue; it may free it, start it again, cancel others. */
void timeout_queue_init(struct timeout_queue *queue, struct loop *loop, uint64_t duration,
	void (*expired)(struct timeout_queue *queue, struct timeout *entry));
/* Entries that are left are taken off without a call. */
void timeout_queue_deinit(struct timeout_queue *queue);

void timeout_init(struct timeout *entry);
/* Expires `duration` from now, whether it was waiting (in this queue or another) or not. */
void timeout_start(struct timeout_queue *queue, struct timeout *entry);
void timeout_cancel(struct timeout *entry);

static inline bool timeout_running(const struct timeout *entry)
{
	return list_linked(&entry->link);
}
