#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "base/log.h"
#include "net/conn.h"
#include "loop/mailbox.h"
#include "loop/timeouts.h"

static_assert(sizeof(struct loop_event) >= sizeof(struct event), "see loop.h");
static_assert(_Alignof(struct loop_event) >= _Alignof(struct event), "see loop.h");
static_assert(LOOP_READ == EV_READ && LOOP_WRITE == EV_WRITE && LOOP_EDGE == EV_ET &&
		      LOOP_CLOSED == EV_CLOSED,
	"see loop.h");

struct loop {
	struct event_base *base;
	struct list phases[LOOP_PHASES]; /* of struct loop_task */
	uint64_t now;                    /* CLOCK_NEVER: not read yet in this turn */
	bool stopped;
	struct mailbox mailbox;
	struct timeout_queue rechecks; /* see conn.h */
	struct conn_lingers lingers;   /* likewise */
};

static struct event *event_of(struct loop_event *event)
{
	return (struct event *)event;
}

/*
 * No lock is needed, since threads meet in the mailbox. The environment must not be able to turn
 * epoll off: conn.c depends on edges. The coarse clock is right: a timer that it fires early is
 * armed again.
 */
static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	if (!config)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof *loop);
	if (!loop)
		return NULL;
	for (int i = 0; i < LOOP_PHASES; i++)
		list_init(&loop->phases[i]);
	loop->base = base_new();
	if (!loop->base || mailbox_init(&loop->mailbox, loop) < 0) {
		if (loop->base)
			event_base_free(loop->base);
		free(loop);
		return NULL;
	}
	timeout_queue_init(&loop->rechecks, loop, CONN_RECHECK, conn_recheck);
	timeout_queue_init(&loop->lingers.queue, loop, CONN_LINGER, conn_linger_expired);
	return loop;
}

static void run_phase(struct loop *loop, enum loop_phase phase)
{
	/* Taken off first: what is deferred meanwhile waits for the next turn. */
	struct list batch;
	list_init(&batch);
	list_splice(&batch, &loop->phases[phase]);
	while (!list_empty(&batch)) {
		struct loop_task *task = list_entry(batch.next, struct loop_task, link);
		list_unlink(&task->link);
		task->run(task);
	}
}

static void reap(struct loop *loop)
{
	while (!list_empty(&loop->phases[LOOP_PHASE_REAP]))
		run_phase(loop, LOOP_PHASE_REAP);
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	mailbox_deinit(&loop->mailbox);
	reap(loop);
	while (!list_empty(&loop->lingers.queue.entries))
		conn_linger_end_first(&loop->lingers);
	reap(loop);
	for (int i = 0; i < LOOP_PHASES; i++)
		while (!list_empty(&loop->phases[i]))
			list_unlink(loop->phases[i].next);
	timeout_queue_deinit(&loop->rechecks);
	timeout_queue_deinit(&loop->lingers.queue);
	event_base_free(loop->base);
	free(loop);
	return NULL;
}

static bool work_left(const struct loop *loop)
{
	for (int i = 0; i < LOOP_PHASES; i++)
		if (!list_empty(&loop->phases[i]))
			return true;
	return false;
}

void loop_turn(struct loop *loop)
{
	/* Read by whoever asks first after the wait, be it a callback within the poll. */
	loop->now = CLOCK_NEVER;
	int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
	if (work_left(loop))
		flags |= EVLOOP_NONBLOCK;
	if (event_base_loop(loop->base, flags) < 0)
		abort(); /* epoll itself failed: nothing could ever happen again */
	for (int i = 0; i < LOOP_PHASES; i++)
		run_phase(loop, i);
	log_turn();
}

void loop_run(struct loop *loop)
{
	while (!loop->stopped)
		loop_turn(loop);
	loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

uint64_t loop_now(struct loop *loop)
{
	if (loop->now == CLOCK_NEVER)
		loop->now = clock_now();
	return loop->now;
}

struct mailbox *loop_mailbox(struct loop *loop)
{
	return &loop->mailbox;
}

struct timeout_queue *loop_rechecks(struct loop *loop)
{
	return &loop->rechecks;
}

struct conn_lingers *loop_lingers(struct loop *loop)
{
	return &loop->lingers;
}

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
