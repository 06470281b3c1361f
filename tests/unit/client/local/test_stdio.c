/* SPDX-License-Identifier: MIT */
/* Standard input and output as one end of a socket pair; pipes stand for them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "client/local/stdio.h"

#define PATIENCE (30 * CLOCK_S)

struct scene {
	struct loop *loop;
	struct stdio stdio;
	int in[2], out[2]; /* pipes: we write to in[1] and read from out[0] */
	int fd;            /* the pair's other end */
	bool written;
	int error;
};

static void on_written(struct stdio *s, int error)
{
	struct scene *scene = container_of(s, struct scene, stdio);
	assert_false(scene->written);
	scene->written = true;
	scene->error = error;
}

static void on_tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + CLOCK_MS);
}

#define UNTIL(s, condition)                                                   \
	do {                                                                  \
		struct loop_timer tick;                                       \
		loop_timer_init(&tick, (s)->loop, on_tick);                   \
		on_tick(&tick);                                               \
		for (uint64_t end_ = clock_now() + PATIENCE; !(condition);) { \
			assert_true(clock_now() < end_);                      \
			loop_turn((s)->loop);                                 \
		}                                                             \
		loop_timer_cancel(&tick);                                     \
	} while (0)

static void begin(struct scene *s)
{
	*s = (struct scene){.loop = loop_new()};
	assert_int_equal(pipe2(s->in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(s->out, O_CLOEXEC), 0);
	s->fd = stdio_start(&s->stdio, s->loop, s->in[0], s->out[1], on_written);
	assert_true(s->fd >= 0);
	assert_true(fcntl(s->fd, F_GETFL) & O_NONBLOCK);
}

static void end(struct scene *s)
{
	stdio_deinit(&s->stdio);
	if (s->fd >= 0)
		close(s->fd);
	/* The threads have in[0] and out[1] for as long as they like, as they have a process' own. */
	if (s->in[1] >= 0)
		close(s->in[1]);
	close(s->out[0]);
	loop_free(s->loop);
}

static void end_input(struct scene *s)
{
	close(s->in[1]);
	s->in[1] = -1;
}

/* Input arrives, its end is half-close, and what comes back behind that is written. */
static void test_both_ways(void **state)
{
	struct scene s;
	char got[16];
	begin(&s);
	assert_int_equal(write(s.in[1], "to", 2), 2);
	UNTIL(&s, recv(s.fd, got, sizeof(got), 0) == 2);
	assert_memory_equal(got, "to", 2);
	end_input(&s);
	UNTIL(&s, recv(s.fd, got, sizeof(got), 0) == 0);
	assert_int_equal(send(s.fd, "back", 4, 0), 4);
	assert_int_equal(read(s.out[0], got, sizeof(got)), 4);
	assert_false(s.written);
	shutdown(s.fd, SHUT_WR);
	UNTIL(&s, s.written);
	assert_int_equal(s.error, 0);
	end(&s);
}

/* Whoever reads the output learns of its end although the input goes on. */
static void test_output_ends_first(void **state)
{
	struct scene s;
	char got[16];
	begin(&s);
	shutdown(s.fd, SHUT_WR);
	assert_int_equal(read(s.out[0], got, sizeof(got)), 0);
	UNTIL(&s, s.written);
	assert_int_equal(write(s.in[1], "more", 4), 4);
	UNTIL(&s, recv(s.fd, got, sizeof(got), 0) == 4);
	end(&s);
}

/* More than pipes and sockets hold, in both directions at once. */
static void test_much(void **state)
{
	enum { MUCH = 4 << 20 };
	static uint8_t from[MUCH], to[MUCH];
	struct scene s;
	size_t put = 0, echoed = 0, taken = 0, got = 0;
	for (size_t i = 0; i < MUCH; i++)
		from[i] = (uint8_t)(i * 31 + i / 253);
	begin(&s);
	fcntl(s.in[1], F_SETFL, O_NONBLOCK);
	fcntl(s.out[0], F_SETFL, O_NONBLOCK);
	UNTIL(&s, ({
		ssize_t n = put < MUCH ? write(s.in[1], from + put, MUCH - put) : -1;
		put += n > 0 ? (size_t)n : 0;
		n = recv(s.fd, to + taken, MUCH - taken, 0);
		taken += n > 0 ? (size_t)n : 0;
		n = send(s.fd, to + echoed, taken - echoed, 0);
		echoed += n > 0 ? (size_t)n : 0;
		uint8_t piece[64 << 10];
		n = read(s.out[0], piece, sizeof(piece));
		if (n > 0)
			assert_memory_equal(piece, from + got, (size_t)n);
		got += n > 0 ? (size_t)n : 0;
		got == MUCH;
	}));
	end(&s);
}

/* The connection was reset: what had come is written, and the input is read no more. */
static void test_reset(void **state)
{
	struct scene s;
	char got[16];
	begin(&s);
	assert_int_equal(send(s.fd, "last", 4, 0), 4);
	close(s.fd);
	s.fd = -1;
	UNTIL(&s, s.written);
	assert_int_equal(s.error, 0);
	assert_int_equal(read(s.out[0], got, sizeof(got)), 4);
	assert_int_equal(read(s.out[0], got, sizeof(got)), 0);
	end(&s);
}

/* Nobody reads the output any more: that is told, and no end is made of it. */
static void test_output_broken(void **state)
{
	struct scene s;
	char got[16];
	begin(&s);
	int null = open("/dev/full", O_WRONLY | O_CLOEXEC);
	dup2(null, s.out[1]);
	close(null);
	assert_int_equal(send(s.fd, "lost", 4, 0), 4);
	UNTIL(&s, s.written);
	assert_int_equal(s.error, ENOSPC);
	assert_int_equal(recv(s.fd, got, sizeof(got), 0), -1);
	assert_int_equal(errno, EAGAIN);
	end(&s);
}

/* The owner goes while a thread waits for a reader, and another for input. */
static void test_owner_goes(void **state)
{
	struct scene s;
	char piece[4096] = "x";
	begin(&s);
	while (send(s.fd, piece, sizeof(piece), 0) > 0)
		;
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_output_ends_first),
		cmocka_unit_test(test_much),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_output_broken),
		cmocka_unit_test(test_owner_goes),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
