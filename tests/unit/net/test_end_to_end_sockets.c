/* SPDX-License-Identifier: MIT */
/* End to end between two sockets: bytes, half-close, resets, and a relay that wants to hear the first answer. */
#include "sockets.h"

#include <errno.h>
#include <string.h>

#include "crypto/crypto.h"
#include "tests/unit/net/e2e_scene.h"

#define PATIENCE (2 * CLOCK_S)

static struct loop *loop;
static struct scene t;
static int program, upstream; /* what the relays' sockets are connected to */
static char heard[64];

static int setup(void **state)
{
	loop = loop_new();
	*heard = '\0';
	return loop && scene_init(&t, &(struct scene_config){.loop = loop}) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	scene_deinit(&t);
	if (program >= 0)
		close(program);
	if (upstream >= 0)
		close(upstream);
	loop = loop_free(loop);
	assert_int_equal(t.budget.sum.held, 0);
	return 0;
}

static void on_tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + CLOCK_MS);
}

/* Turns until the condition holds, which is asked once a turn. */
#define UNTIL(condition)                                \
	do {                                            \
		struct loop_timer tick;                 \
		loop_timer_init(&tick, loop, on_tick);  \
		on_tick(&tick);                         \
		uint64_t end_ = clock_now() + PATIENCE; \
		bool holds = false;                     \
		while (!holds && clock_now() < end_) {  \
			scene_run(&t);                  \
			loop_turn(loop);                \
			holds = (condition);            \
		}                                       \
		loop_timer_cancel(&tick);               \
		assert_true(holds);                     \
	} while (0)

static int connect_end(struct scene_end *end)
{
	int fds[2];
	test_tcp_pair(fds);
	assert_int_equal(relay_connect(&end->relay, DETACHED_CONN_OF(fds[0])), 0);
	return fds[1];
}

/* So much can be read of it at this moment, and no more. */
static bool has(int fd, const char *text)
{
	char got[64];
	size_t n = strlen(text);
	return recv(fd, got, sizeof(got), MSG_PEEK | MSG_DONTWAIT) == (ssize_t)n &&
	       memcmp(got, text, n) == 0;
}

static void take(int fd, const char *text)
{
	char got[64];
	UNTIL(has(fd, text));
	assert_int_equal(recv(fd, got, sizeof(got), 0), strlen(text));
}

static bool ended(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static bool was_reset(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void bytes_and_half_close(void **state)
{
	program = connect_end(&t.consumer);
	upstream = connect_end(&t.provider);
	say(program, "question");
	shutdown(program, SHUT_WR);
	take(upstream, "question");
	UNTIL(ended(upstream));
	say(upstream, "answer");
	take(program, "answer");
	close(upstream);
	upstream = -1;
	UNTIL(ended(program));
	UNTIL(t.consumer.n_ended && t.provider.n_ended);
	assert_int_equal(t.consumer.reason, FRAME_RESET_NONE);
	assert_int_equal(t.provider.reason, FRAME_RESET_NONE);
}

/* An upstream that is dialled when the key was accepted, and comes when everything was said. */
static void what_is_said_before_waits_for_the_socket(void **state)
{
	t.provider.waits = true;
	program = connect_end(&t.consumer);
	say(program, "early");
	shutdown(program, SHUT_WR);
	UNTIL(t.provider.n_asked == 1);
	e2e_accept(&t.provider.e2e);
	UNTIL(t.provider.relay.stream.queued);
	upstream = connect_end(&t.provider);
	take(upstream, "early");
	UNTIL(ended(upstream));
}

/* The end of data without any: it came before the socket did. */
static void an_end_alone_waits_for_the_socket(void **state)
{
	program = connect_end(&t.consumer);
	shutdown(program, SHUT_WR);
	UNTIL(t.provider.relay.stream.state == STREAM_HALF_REMOTE);
	upstream = connect_end(&t.provider);
	UNTIL(ended(upstream));
}

static void a_reset_is_a_reset(void **state)
{
	program = connect_end(&t.consumer);
	upstream = connect_end(&t.provider);
	say(program, "question");
	take(upstream, "question");
	test_reset(upstream);
	upstream = -1;
	UNTIL(t.provider.far_over);
	stream_reset(&t.consumer.far, t.provider.far_reason);
	UNTIL(was_reset(program));
}

/* The exit node ends it with FIN to a program that was to be told more. */
static void a_cut_is_a_reset(void **state)
{
	program = connect_end(&t.consumer);
	upstream = connect_end(&t.provider);
	say(program, "question");
	take(upstream, "question");
	say(upstream, "half an answer");
	take(program, "half an answer");
	t.consumer.told_end = true;
	stream_ready(&t.consumer.far);
	UNTIL(was_reset(program));
	assert_int_equal(t.consumer.reason, FRAME_RESET_ABORTED);
}

static void on_heard(struct relay *r, const uint8_t *p, size_t n)
{
	memcpy(heard, p, n);
	heard[n] = '\0';
}

/* It hears what the socket said, not what goes on the stream. */
static void the_first_answer_is_heard_in_clear(void **state)
{
	relay_hear(&t.provider.relay, on_heard);
	program = connect_end(&t.consumer);
	upstream = connect_end(&t.provider);
	say(program, "question");
	take(upstream, "question");
	say(upstream, "answer");
	take(program, "answer");
	assert_string_equal(heard, "answer");
	say(upstream, "another");
	take(program, "another");
	assert_string_equal(heard, "answer");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		TEST(bytes_and_half_close),
		TEST(what_is_said_before_waits_for_the_socket),
		TEST(an_end_alone_waits_for_the_socket),
		TEST(a_reset_is_a_reset),
		TEST(a_cut_is_a_reset),
		TEST(the_first_answer_is_heard_in_clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
