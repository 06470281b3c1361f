/* SPDX-License-Identifier: MIT */
/* Turns, phases and timers of loop/loop, timeout queues, signals. */
#include "tests/unit/net/sockets.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "loop/loop.h"
#include "loop/mailbox.h"
#include "loop/signals.h"
#include "loop/timeouts.h"

static struct loop *loop;
static char trace[64];

static void note(char c)
{
	size_t n = strlen(trace);
	assert_true(n + 1 < sizeof trace);
	trace[n] = c;
	trace[n + 1] = '\0';
}

static int setup(void **state)
{
	trace[0] = '\0';
	loop = loop_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	loop = loop_free(loop);
	return 0;
}

struct step {
	struct loop_task task;
	char name;
	enum loop_phase then_phase; /* defers `then` there, once */
	struct step *then;
};

static void step_run(struct loop_task *task)
{
	struct step *step = container_of(task, struct step, task);
	note(step->name);
	struct step *then = step->then;
	step->then = NULL;
	if (then)
		loop_defer(loop, step->then_phase, &then->task);
}

static struct step step(char name)
{
	return (struct step){.name = name};
}

static void step_init(struct step *s)
{
	loop_task_init(&s->task, step_run);
}

static void phases_run_in_order(void **state)
{
	struct step r = step('r'), w = step('w'), f = step('f');
	step_init(&r), step_init(&w), step_init(&f);
	loop_defer(loop, LOOP_PHASE_REAP, &f.task);
	loop_defer(loop, LOOP_PHASE_WRITE, &w.task);
	loop_defer(loop, LOOP_PHASE_READ, &r.task);
	loop_defer(loop, LOOP_PHASE_READ, &r.task); /* once is enough */
	loop_turn(loop);
	assert_string_equal(trace, "rwf");
}

static void later_phase_is_this_turn_others_are_next(void **state)
{
	static const struct {
		enum loop_phase first, second;
		const char *after_one, *after_two;
	} cases[] = {
		{LOOP_PHASE_READ, LOOP_PHASE_WRITE, "ab", "ab"},
		{LOOP_PHASE_READ, LOOP_PHASE_REAP, "ab", "ab"},
		{LOOP_PHASE_READ, LOOP_PHASE_READ, "a", "ab"},
		{LOOP_PHASE_WRITE, LOOP_PHASE_READ, "a", "ab"},
		{LOOP_PHASE_REAP, LOOP_PHASE_WRITE, "a", "ab"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		trace[0] = '\0';
		struct step a = step('a'), b = step('b');
		step_init(&a), step_init(&b);
		a.then = &b;
		a.then_phase = cases[i].second;
		loop_defer(loop, cases[i].first, &a.task);
		loop_turn(loop);
		assert_string_equal(trace, cases[i].after_one);
		if (strcmp(cases[i].after_one, cases[i].after_two) != 0)
			loop_turn(loop); /* would hang here if it waited */
		assert_string_equal(trace, cases[i].after_two);
	}
}

static void task_may_defer_itself_and_be_cancelled(void **state)
{
	struct step a = step('a'), b = step('b');
	step_init(&a), step_init(&b);
	a.then = &a;
	a.then_phase = LOOP_PHASE_READ;
	loop_defer(loop, LOOP_PHASE_READ, &a.task);
	loop_defer(loop, LOOP_PHASE_READ, &b.task);
	loop_task_cancel(&b.task);
	loop_turn(loop);
	assert_string_equal(trace, "a");
	loop_turn(loop);
	assert_string_equal(trace, "aa");
}

static void reap_runs_at_the_end_of_the_loop(void **state)
{
	struct step f = step('f'), r = step('r');
	step_init(&f), step_init(&r);
	loop_defer(loop, LOOP_PHASE_REAP, &f.task);
	loop_defer(loop, LOOP_PHASE_READ, &r.task);
	loop = loop_free(loop);
	assert_string_equal(trace, "f");
}

struct kept {
	struct loop_slot slot;
	struct step freed;
	char name;
};

static void kept_end(struct loop_slot *slot, char name)
{
	struct kept *kept = container_of(slot, struct kept, slot);
	assert_int_equal(kept->name, name);
	note(name);
	loop_defer(loop, LOOP_PHASE_REAP, &kept->freed.task);
}

static void end_x(struct loop_slot *slot)
{
	kept_end(slot, 'x');
}

static void end_y(struct loop_slot *slot)
{
	kept_end(slot, 'y');
}

/* Found by how they end; the last one added ends first, and what it defers is done before the next. */
static void slots_end_with_the_loop(void **state)
{
	struct kept x = {.slot.end = end_x, .freed = step('1'), .name = 'x'};
	struct kept y = {.slot.end = end_y, .freed = step('2'), .name = 'y'};
	step_init(&x.freed), step_init(&y.freed);
	assert_null(loop_slot_find(loop, end_x));
	loop_slot_add(loop, &x.slot);
	assert_null(loop_slot_find(loop, end_y));
	loop_slot_add(loop, &y.slot);
	assert_ptr_equal(loop_slot_find(loop, end_x), &x.slot);
	assert_ptr_equal(loop_slot_find(loop, end_y), &y.slot);
	struct loop *ending = loop;
	loop_free(ending); /* `loop` is still there for those that end */
	loop = NULL;
	assert_string_equal(trace, "y2x1");
}

struct alarm {
	struct loop_timer timer;
	char name;
	uint64_t fired_at;
};

static void alarm_fired(struct loop_timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);
	note(alarm->name);
	alarm->fired_at = clock_now();
}

static void alarm_init(struct alarm *alarm, char name)
{
	loop_timer_init(&alarm->timer, loop, alarm_fired);
	alarm->name = name;
	alarm->fired_at = 0;
}

static void turn_until(const char *expected)
{
	for (int i = 0; i < 100 && strlen(trace) < strlen(expected); i++)
		loop_turn(loop);
	assert_string_equal(trace, expected);
}

static void timers_fire_in_order_and_not_early(void **state)
{
	struct alarm a, b, c, never;
	alarm_init(&a, 'a'), alarm_init(&b, 'b'), alarm_init(&c, 'c'), alarm_init(&never, 'n');
	uint64_t now = loop_now(loop);
	loop_timer_set(&c.timer, now + 40 * CLOCK_MS);
	loop_timer_set(&a.timer, now - 1);
	loop_timer_set(&b.timer, now + 15 * CLOCK_MS);
	loop_timer_set(&never.timer, now + 5 * CLOCK_MS);
	loop_timer_set(&never.timer, CLOCK_NEVER);
	turn_until("abc");
	assert_true(b.fired_at >= now + 15 * CLOCK_MS);
	assert_true(c.fired_at >= now + 40 * CLOCK_MS);
	assert_true(c.fired_at < now + 400 * CLOCK_MS);
}

static void timer_set_later_keeps_what_is_armed(void **state)
{
	struct alarm a;
	alarm_init(&a, 'a');
	uint64_t now = loop_now(loop);
	loop_timer_set(&a.timer, now + 10 * CLOCK_MS);
	loop_timer_set(&a.timer, now + 40 * CLOCK_MS);
	assert_int_equal(a.timer.armed, now + 10 * CLOCK_MS); /* no work was done for it */
	turn_until("a");
	assert_true(a.fired_at >= now + 40 * CLOCK_MS);
	/* An earlier moment must be told at once. */
	now = loop_now(loop);
	loop_timer_set(&a.timer, now + 10 * CLOCK_S);
	loop_timer_set(&a.timer, now + 5 * CLOCK_MS);
	turn_until("aa");
	assert_true(a.fired_at < now + 2 * CLOCK_S);
	loop_timer_set(&a.timer, now);
	loop_timer_cancel(&a.timer);
	loop_timer_cancel(&a.timer);
}

/* loop_now() is of this turn already in the first callback, and one value for the whole turn. */
static void now_is_read_after_the_wait(void **state)
{
	struct alarm a;
	alarm_init(&a, 'a');
	uint64_t before = loop_now(loop);
	loop_timer_set(&a.timer, before + 20 * CLOCK_MS);
	turn_until("a");
	uint64_t now = loop_now(loop);
	assert_true(now >= before + 20 * CLOCK_MS);
	usleep(2000);
	assert_int_equal(loop_now(loop), now);
}

/* ---- Timeout queues ---- */

struct waiter {
	struct timeout timeout;
	char name;
	struct waiter *cancels;
};

static struct timeout_queue queue;

static void waiter_expired(struct timeout_queue *q, struct timeout *entry)
{
	struct waiter *waiter = container_of(entry, struct waiter, timeout);
	assert_false(timeout_running(entry));
	note(waiter->name);
	if (waiter->cancels)
		timeout_cancel(&waiter->cancels->timeout);
}

static void waiter_start(struct waiter *waiter, char name)
{
	*waiter = (struct waiter){.name = name};
	timeout_init(&waiter->timeout);
	timeout_start(&queue, &waiter->timeout);
}

static void timeouts_expire_in_order(void **state)
{
	struct waiter a, b, c, d;
	timeout_queue_init(&queue, loop, 30 * CLOCK_MS, waiter_expired);
	uint64_t began = loop_now(loop);
	waiter_start(&a, 'a');
	waiter_start(&b, 'b');
	waiter_start(&c, 'c');
	waiter_start(&d, 'd');
	timeout_start(&queue, &a.timeout); /* refreshed: behind the others */
	timeout_cancel(&b.timeout);
	timeout_cancel(&b.timeout);
	assert_false(timeout_running(&b.timeout));
	c.cancels = &d; /* from within a callback, and due in the same moment */
	turn_until("ca");
	assert_true(loop_now(loop) >= began + 30 * CLOCK_MS);
	/* The queue works on after it ran empty. */
	waiter_start(&b, 'b');
	turn_until("cab");
	waiter_start(&b, 'b');
	timeout_queue_deinit(&queue);
	assert_false(timeout_running(&b.timeout));
}

static void refreshed_timeout_waits_its_full_time(void **state)
{
	struct waiter a;
	struct alarm alarm;
	timeout_queue_init(&queue, loop, 40 * CLOCK_MS, waiter_expired);
	waiter_start(&a, 'a');
	alarm_init(&alarm, 't');
	loop_timer_set(&alarm.timer, loop_now(loop) + 25 * CLOCK_MS);
	turn_until("t");
	uint64_t refreshed = loop_now(loop);
	timeout_start(&queue, &a.timeout);
	turn_until("ta");
	assert_true(loop_now(loop) >= refreshed + 40 * CLOCK_MS);
	timeout_queue_deinit(&queue);
}

static void many_timeouts_take_several_turns(void **state)
{
	enum { MANY = 1000 };
	static struct waiter waiters[MANY];
	timeout_queue_init(&queue, loop, 1 * CLOCK_MS, waiter_expired);
	for (int i = 0; i < MANY; i++)
		waiter_start(&waiters[i], 'x');
	usleep(10000);
	size_t left = MANY;
	int turns = 0;
	while (left > 0) {
		size_t before = left;
		/* The trace is short: count by who still waits. */
		for (int i = 0; i < MANY; i++)
			waiters[i].name = '\0';
		loop_turn(loop);
		left = 0;
		for (int i = 0; i < MANY; i++)
			left += timeout_running(&waiters[i].timeout);
		turns += left < before;
	}
	assert_true(turns > 1);
	timeout_queue_deinit(&queue);
}

/* ---- Signals ---- */

static void signal_caught(struct signals *signals, int signo)
{
	note(signo == SIGTERM ? 'T' : signo == SIGHUP ? 'H' : signo == SIGINT ? 'I' : '?');
	if (signo == SIGINT)
		loop_stop(loop);
}

static void signals_come_through_the_loop(void **state)
{
	struct signals signals;
	assert_int_equal(signals_init(&signals, loop, signal_caught), 0);
	raise(SIGTERM);
	turn_until("T");
	raise(SIGTERM);
	turn_until("TT");
	raise(SIGHUP);
	turn_until("TTH");
	raise(SIGINT);
	loop_run(loop);
	assert_string_equal(trace, "TTHI");
	raise(SIGPIPE); /* survives */
	signals_deinit(&signals);
	static const int late[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
	for (size_t i = 0; i < ARRAY_LEN(late); i++)
		raise(late[i]);
	assert_string_equal(trace, "TTHI");
}

/* SIGUSR1 is about the log alone; SIGHUP as well, unless it says that the terminal is gone. */
static void signals_open_the_access_log_anew(void **state)
{
	static const struct {
		int signo;
		bool hangup_ends, reopens;
		const char *told;
	} rows[] = {
		{SIGUSR1, false, true, ""},
		{SIGUSR1, true, true, ""},
		{SIGHUP, false, true, "H"},
		{SIGHUP, true, false, "H"},
		{SIGTERM, false, false, "T"},
	};
	char dir[] = "/tmp/test_loop.XXXXXX", path[32];
	struct error err;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/access", dir);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct signals signals;
		struct log_options opts = {.level = LOG_ERROR, .access_file = path};
		assert_int_equal(log_start(&opts, &err), 0);
		assert_int_equal(signals_init(&signals, loop, signal_caught), 0);
		signals.hangup_ends = rows[i].hangup_ends;
		assert_int_equal(unlink(path), 0);
		trace[0] = '\0';
		raise(rows[i].signo);
		raise(SIGTERM);
		while (!strchr(trace, 'T'))
			loop_turn(loop);
		assert_memory_equal(trace, rows[i].told, strlen(rows[i].told));
		log_stop(); /* after what it was asked for */
		assert_int_equal(unlink(path) == 0, rows[i].reopens);
		signals_deinit(&signals);
	}
	rmdir(dir);
}

/* A SIGHUP ends a program at a terminal, unless it was started to outlive that. */
static void a_hangup_is_of_a_terminal(void **state)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), saved = dup(STDERR_FILENO);
	int nothing = open("/dev/null", O_WRONLY);
	assert_true(terminal >= 0 && nothing >= 0);
	for (int i = 0; i < 4; i++) {
		struct signals signals;
		bool ignored = i & 1, at_terminal = i & 2;
		signal(SIGHUP, ignored ? SIG_IGN : SIG_DFL);
		dup2(at_terminal ? terminal : nothing, STDERR_FILENO);
		int r = signals_init(&signals, loop, signal_caught);
		dup2(saved, STDERR_FILENO);
		assert_int_equal(r, 0);
		assert_int_equal(signals.hangup_ends, at_terminal && !ignored);
		signals_deinit(&signals);
	}
	signal(SIGHUP, SIG_DFL);
	close(terminal);
	close(nothing);
	close(saved);
}

/* What ends with one loop may have a timer and a task at another, which has ended before. */
struct far {
	struct mail mail;
	struct loop_timer timer;
	struct loop_task task;
};

static void far_discard(struct mail *mail)
{
	struct far *far = container_of(mail, struct far, mail);
	loop_timer_cancel(&far->timer);
	loop_task_cancel(&far->task);
	free(far);
	note('d');
}

static void loops_end_before_any_is_freed(void **state)
{
	struct loop *other = loop_new();
	struct far *far = calloc(1, sizeof(*far));
	assert_true(other && far);
	far->mail.discard = far_discard;
	loop_timer_init(&far->timer, other, NULL);
	loop_timer_set(&far->timer, loop_now(other) + CLOCK_S);
	loop_task_init(&far->task, NULL);
	loop_defer(other, LOOP_PHASE_READ, &far->task);
	mailbox_post(loop_mailbox(loop), &far->mail);
	loop_end(other);
	loop_end(loop);
	assert_string_equal(trace, "d");
	loop_free(other);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(phases_run_in_order),
		TEST(later_phase_is_this_turn_others_are_next),
		TEST(task_may_defer_itself_and_be_cancelled),
		TEST(reap_runs_at_the_end_of_the_loop),
		TEST(slots_end_with_the_loop),
		TEST(loops_end_before_any_is_freed),
		TEST(timers_fire_in_order_and_not_early),
		TEST(timer_set_later_keeps_what_is_armed),
		TEST(now_is_read_after_the_wait),
		TEST(timeouts_expire_in_order),
		TEST(refreshed_timeout_waits_its_full_time),
		TEST(many_timeouts_take_several_turns),
		TEST(signals_come_through_the_loop),
		TEST(signals_open_the_access_log_anew),
		TEST(a_hangup_is_of_a_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
