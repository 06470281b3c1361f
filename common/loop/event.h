/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a loop waits for: descriptors, signals and timers (libevent's, whose structs are embedded without
 * being shown: only event.c knows libevent), and the work that callbacks put off to the end of the turn.
 *
 * Everything here belongs to the loop's own thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"

struct loop;

/* The moment this turn began, in µs as clock_now() counts them: one clock reading a turn. */
uint64_t loop_now(struct loop *loop);

/* ---- Work deferred to the end of the turn ---- */

enum loop_phase {
	LOOP_PHASE_READ,  /* take bytes from the links that have some */
	LOOP_PHASE_WRITE, /* fill and write the links that want to */
	LOOP_PHASE_REAP,  /* free memory */
	LOOP_PHASES,
};

/* Embedded in the object it works for; `run` finds that by container_of. */
struct loop_task {
	struct list link;
	void (*run)(struct loop_task *task);
};

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task));

/*
 * Runs the task once at the end of this turn; nothing changes if it is queued already. Deferred
 * from within its own or a later phase it runs in the next turn, which then does not wait: work
 * per turn stays bounded.
 */
void loop_defer(struct loop *loop, enum loop_phase phase, struct loop_task *task);
void loop_task_cancel(struct loop_task *task);

/* ---- Events and timers ---- */

/* Room for a struct event; event.c asserts its size. */
struct loop_event {
	uint64_t opaque[16];
};

/* What to watch for, and what happened. The values are libevent's. */
enum {
	LOOP_READ = 0x02,
	LOOP_WRITE = 0x04,
	LOOP_EDGE = 0x20,   /* tell only of news */
	LOOP_CLOSED = 0x80, /* the peer has shut down its sending side (EPOLLRDHUP) */
};

typedef void loop_event_fn(int fd, short what, void *arg);

/* Watches `fd` until loop_unwatch(); 0 or -ENOMEM. The event must be zero or unwatched. */
int loop_watch(struct loop_event *event, struct loop *loop, int fd, int what, loop_event_fn *fn,
	void *arg);
/* The same for a signal; only one loop of the process may do this. */
int loop_watch_signal(struct loop_event *event, struct loop *loop, int signo, loop_event_fn *fn,
	void *arg);
/* The callback comes in the next poll, which then does not wait, as if the kernel had told `what`. */
void loop_tell(struct loop_event *event, int what);
/* Before the descriptor is closed. No callback comes any more; a zero event is fine. */
void loop_unwatch(struct loop_event *event);

/* Setting it again to a later moment costs a store: the kernel's side is put right when it fires. */
struct loop_timer {
	struct loop_event event;
	struct loop *loop;
	void (*fired)(struct loop_timer *timer);
	uint64_t deadline; /* what was asked for */
	uint64_t armed;    /* what libevent was told; at or before the deadline, or never */
};

void loop_timer_init(struct loop_timer *timer, struct loop *loop,
	void (*fired)(struct loop_timer *timer));
/* Fires once, at or after `deadline` (absolute, µs); CLOCK_NEVER disarms. Never from within. */
void loop_timer_set(struct loop_timer *timer, uint64_t deadline);
/* Before its memory goes. A timer that is zero or cancelled is fine. */
void loop_timer_cancel(struct loop_timer *timer);
