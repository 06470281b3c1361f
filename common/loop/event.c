/* SPDX-License-Identifier: MIT */
#include "loop/event.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "loop/loop_internal.h"

static_assert(sizeof(struct loop_event) >= sizeof(struct event), "see event.h");
static_assert(_Alignof(struct loop_event) >= _Alignof(struct event), "see event.h");
static_assert(LOOP_READ == EV_READ && LOOP_WRITE == EV_WRITE && LOOP_EDGE == EV_ET &&
		      LOOP_CLOSED == EV_CLOSED,
	"see event.h");

static struct event *event_of(struct loop_event *event)
{
	return (struct event *)event;
}

/* ---- For loop.c ---- */

/*
 * No lock is needed, since threads meet in the mailbox. The environment must not be able to turn
 * epoll off: net/conn.c depends on edges. The coarse clock is right: a timer that it fires early is
 * armed again.
 */
int loop_events_init(struct loop *loop)
{
	struct event_config *config = event_config_new();
	if (!config)
		return -ENOMEM;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
	loop->base = event_base_new_with_config(config);
	event_config_free(config);
	return loop->base ? 0 : -ENOMEM;
}

void loop_events_deinit(struct loop *loop)
{
	if (loop->base)
		event_base_free(loop->base);
}

void loop_poll(struct loop *loop, bool wait)
{
	/* Read by whoever asks first after the wait, be it a callback within the poll. */
	loop->now = CLOCK_NEVER;
	int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY | (wait ? 0 : EVLOOP_NONBLOCK);
	if (event_base_loop(loop->base, flags) < 0)
		abort(); /* epoll itself failed: nothing could ever happen again */
}

uint64_t loop_now(struct loop *loop)
{
	if (loop->now == CLOCK_NEVER)
		loop->now = clock_now();
	return loop->now;
}

/* ---- Deferred work ---- */

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task))
{
	list_init(&task->link);
	task->run = run;
}

void loop_defer(struct loop *loop, enum loop_phase phase, struct loop_task *task)
{
	if (!list_linked(&task->link))
		list_append(&loop->phases[phase], &task->link);
}

void loop_task_cancel(struct loop_task *task)
{
	if (task->link.next)
		list_unlink(&task->link);
}

/* ---- Descriptors and signals ---- */

int loop_watch(struct loop_event *event, struct loop *loop, int fd, int what, loop_event_fn *fn,
	void *arg)
{
	struct event *ev = event_of(event);
	if (event_assign(ev, loop->base, fd, (short)(what | EV_PERSIST), fn, arg) < 0)
		return -EINVAL;
	return event_add(ev, NULL) < 0 ? -ENOMEM : 0;
}

int loop_watch_signal(struct loop_event *event, struct loop *loop, int signo, loop_event_fn *fn,
	void *arg)
{
	return loop_watch(event, loop, signo, EV_SIGNAL, fn, arg);
}

void loop_tell(struct loop_event *event, int what)
{
	event_active(event_of(event), what, 1);
}

void loop_unwatch(struct loop_event *event)
{
	struct event *ev = event_of(event);
	if (event_initialized(ev))
		event_del(ev);
}

/* ---- Timers ---- */

/* With little memory the timer stays unarmed until it is set again; links set theirs each turn. */
static void timer_arm(struct loop_timer *timer)
{
	uint64_t now = loop_now(timer->loop);
	uint64_t wait = timer->deadline > now ? timer->deadline - now : 0;
	struct timeval tv = {
		.tv_sec = (time_t)(wait / CLOCK_S),
		.tv_usec = (suseconds_t)(wait % CLOCK_S),
	};
	if (event_add(event_of(&timer->event), &tv) == 0)
		timer->armed = timer->deadline;
}

static void timer_event(int fd, short what, void *arg)
{
	struct loop_timer *timer = arg;
	timer->armed = CLOCK_NEVER;
	if (timer->deadline == CLOCK_NEVER)
		return;
	if (loop_now(timer->loop) < timer->deadline) {
		timer_arm(timer); /* moved to later meanwhile, or early by the coarse clock */
		return;
	}
	timer->deadline = CLOCK_NEVER;
	timer->fired(timer);
}

void loop_timer_init(struct loop_timer *timer, struct loop *loop,
	void (*fired)(struct loop_timer *timer))
{
	*timer = (struct loop_timer){.loop = loop, .fired = fired};
	event_assign(event_of(&timer->event), loop->base, -1, 0, timer_event, timer);
}

void loop_timer_set(struct loop_timer *timer, uint64_t deadline)
{
	timer->deadline = deadline;
	if (deadline != CLOCK_NEVER && (timer->armed == CLOCK_NEVER || deadline < timer->armed))
		timer_arm(timer);
}

void loop_timer_cancel(struct loop_timer *timer)
{
	timer->deadline = timer->armed = CLOCK_NEVER;
	loop_unwatch(&timer->event);
}
