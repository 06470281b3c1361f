/* SPDX-License-Identifier: MIT */
/* Resets of a socket that its relay may not read, and bytes that nobody asked for. */
#include "sockets.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "mux/mux.h"
#include "net/relay.h"

#define PATIENCE (2 * CLOCK_S)

static struct loop *loop;
static struct budget budget;
static struct mux visitors, upstreams; /* the muxes of the two ends */
static struct relay relay;
static int peer; /* of the relay's socket */
static int ended;
static enum frame_reset ended_with;

/* The stream at the other end. */
static struct far {
	struct stream stream;
	bool takes;
	size_t got;
	int closed;
	enum frame_reset reason;
	uint64_t taken;  /* that closed() told */
	const char *say; /* what pull() gives */
} far;

static void relay_over(struct relay *r, enum frame_reset reason)
{
	ended++;
	ended_with = reason;
}

static void relay_opening(struct relay *r, struct frame_open *open_out)
{
	*open_out = (struct frame_open){.kind = FRAME_KIND_TCP};
}

static void far_opening(struct stream *s, struct frame_open *open_out)
{
	*open_out = (struct frame_open){.kind = FRAME_KIND_TCP};
}

static ssize_t far_pull(struct stream *s, uint8_t *room, size_t max)
{
	if (!far.say)
		return -EAGAIN;
	size_t n = strlen(far.say);
	memcpy(room, far.say, n);
	far.say = NULL;
	return (ssize_t)n;
}

static size_t far_push(struct stream *s, const uint8_t *p, size_t n)
{
	if (!far.takes)
		return 0;
	far.got += n;
	return n;
}

static void far_push_end(struct stream *s)
{
}

static void far_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	far.closed++;
	far.reason = reason;
	far.taken = taken;
}

static const struct stream_ops far_ops = {
	.opening = far_opening,
	.pull = far_pull,
	.push = far_push,
	.push_end = far_push_end,
	.closed = far_closed,
};

static struct stream *on_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return far.stream.state == STREAM_IDLE ? &far.stream : &relay.stream;
}

static void on_control(struct mux *m, const uint8_t *json, size_t n)
{
}

static void on_goaway(struct mux *m, uint8_t reason)
{
}

static void on_wake(struct mux *m)
{
}

static const struct mux_ops mux_ops = {on_open, on_control, on_goaway, on_wake};

static int setup(void **state)
{
	loop = loop_new();
	ended = 0;
	far = (struct far){0};
	budget_init(&budget, 64 << 20);
	struct mux_limits limits = {MUX_BASE_WINDOW, MUX_BASE_WINDOW, 10};
	mux_init(&visitors, &mux_ops, &limits, &budget, false);
	mux_init(&upstreams, &mux_ops, &limits, &budget, true);
	mux_set_peer(&visitors, MUX_BASE_WINDOW, 10);
	mux_set_peer(&upstreams, MUX_BASE_WINDOW, 10);
	stream_init(&far.stream, &far_ops);
	relay_init(&relay, loop, false, relay_over);
	relay.opening = relay_opening;
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	mux_deinit(&visitors);
	mux_deinit(&upstreams);
	if (peer >= 0)
		close(peer);
	loop = loop_free(loop);
	return 0;
}

static void carry(struct mux *from, struct mux *to)
{
	uint8_t record[FRAME_MESSAGE_MAX];
	size_t n;
	while ((n = mux_fill(from, record, sizeof record, clock_now())))
		assert_int_equal(mux_input(to, record, n, clock_now()), 0);
}

static void turn(void)
{
	carry(&visitors, &upstreams);
	carry(&upstreams, &visitors);
	loop_turn(loop);
}

static void on_tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + CLOCK_MS);
}

/* Turns until the condition holds, or for `time`. */
#define UNTIL(condition, time)                                                                  \
	do {                                                                                    \
		struct loop_timer tick;                                                         \
		loop_timer_init(&tick, loop, on_tick);                                          \
		on_tick(&tick);                                                                 \
		for (uint64_t end_ = clock_now() + (time); !(condition) && clock_now() < end_;) \
			turn();                                                                 \
		loop_timer_cancel(&tick);                                                       \
	} while (0)

/* The relay is the one of a visitor, or of an upstream, and its socket is connected. */
static void begin(bool visitor)
{
	int fds[2];
	test_tcp_pair(fds);
	peer = fds[1];
	if (visitor) {
		assert_int_equal(mux_open(&visitors, &relay.stream), 0);
		stream_ready(&relay.stream);
	} else {
		/* The relay is what on_open() has left to give. */
		assert_int_equal(mux_open(&visitors, &far.stream), 0);
		stream_ready(&far.stream);
	}
	carry(&visitors, &upstreams);
	assert_int_equal(relay_connect(&relay, DETACHED_CONN_OF(fds[0])), 0);
}

/* More than its window has room for, so that the rest stays in the socket. */
static void say_too_much(void)
{
	static char much[2 * MUX_BASE_WINDOW];
	for (size_t at = 0; at < sizeof much;) {
		ssize_t n = send(peer, much + at, sizeof much - at, MSG_DONTWAIT);
		at += n > 0 ? (size_t)n : 0;
		turn();
	}
	UNTIL(!relay.stream.credit, PATIENCE);
	assert_int_equal(relay.stream.credit, 0);
}

/* The upstream neither reads nor writes, so nothing else would ever tell that nobody is there. */
static void visitor_without_credit_is_missed(void **state)
{
	begin(true);
	say_too_much();
	assert_int_equal(ended, 0);
	test_reset(peer);
	peer = -1;
	UNTIL(ended && far.closed, PATIENCE);
	assert_int_equal(ended, 1);
	assert_int_equal(ended_with, FRAME_RESET_ABORTED);
	assert_int_equal(far.closed, 1);
}

static void visitor_behind_its_fin_is_missed(void **state)
{
	begin(true);
	far.takes = true;
	assert_int_equal(send(peer, "all", 3, 0), 3);
	shutdown(peer, SHUT_WR);
	UNTIL(relay.stream.state == STREAM_HALF_LOCAL && far.got == 3, PATIENCE);
	assert_int_equal(relay.stream.state, STREAM_HALF_LOCAL);
	test_reset(peer);
	peer = -1;
	UNTIL(ended && far.closed, PATIENCE);
	assert_int_equal(ended, 1);
	assert_int_equal(ended_with, FRAME_RESET_ABORTED);
	assert_int_equal(far.closed, 1);
}

/* As on a direct connection: what it sent before its reset is there to be read. */
static void upstream_without_credit_is_heard_out(void **state)
{
	begin(false);
	say_too_much();
	test_reset(peer);
	peer = -1;
	UNTIL(ended, 50 * CLOCK_MS);
	assert_int_equal(ended, 0);
	far.takes = true;
	stream_resume(&far.stream);
	UNTIL(ended, PATIENCE);
	assert_int_equal(ended_with, FRAME_RESET_ABORTED);
	assert_true(far.got > MUX_BASE_WINDOW);
}

static void ask(const char *request)
{
	far.say = request;
	stream_ready(&far.stream);
}

static bool heard(const char *request)
{
	char got[64];
	size_t n = strlen(request);
	return recv(peer, got, sizeof got, MSG_PEEK | MSG_DONTWAIT) == (ssize_t)n &&
	       recv(peer, got, n, 0) == (ssize_t)n && memcmp(got, request, n) == 0;
}

/* A first request, answered in full. */
static void answer_one(bool requests)
{
	relay.requests = requests;
	far.takes = true;
	begin(false);
	ask("one");
	UNTIL(heard("one"), PATIENCE);
	assert_int_equal(send(peer, "answer", 6, 0), 6);
	UNTIL(far.got == 6, PATIENCE);
	assert_int_equal(far.got, 6);
}

/*
 * Bytes come behind the answer, and the next request, for all that the exit node knows, goes out at the
 * same moment: they cross on the link (`on_the_way`), or the client finds them in the socket.
 */
static void surplus_ends_a_reused_stream(bool on_the_way, bool requests)
{
	answer_one(requests);
	assert_int_equal(send(peer, "surplus", 7, 0), 7);
	while (!relay.conn.readable)
		loop_turn(loop);
	uint8_t record[FRAME_MESSAGE_MAX];
	size_t n = on_the_way ? mux_fill(&upstreams, record, sizeof record, clock_now()) : 0;
	assert_true(n > 0 || !on_the_way);
	stream_reuse(&far.stream);
	ask("two");
	carry(&visitors, &upstreams);
	if (n)
		assert_int_equal(mux_input(&visitors, record, n, clock_now()), 0);
	UNTIL(far.closed || heard("two"), PATIENCE);
}

static void surplus_is_noticed_before_the_next_request(void **state)
{
	for (int on_the_way = 0; on_the_way <= 1; on_the_way++) {
		surplus_ends_a_reused_stream(on_the_way, true);
		assert_int_equal(far.closed, 1);
		assert_int_equal(far.reason, FRAME_RESET_SURPLUS);
		assert_int_equal(far.taken, 3); /* the first request's: the second may go again */
		assert_int_equal(ended_with, FRAME_RESET_SURPLUS);
		teardown(state);
		setup(state);
	}
	/* Only a stream of requests has such a thing as an answer's end. */
	surplus_ends_a_reused_stream(false, false);
	assert_int_equal(far.closed, 0);
}

static void clean_stream_is_reused(void **state)
{
	answer_one(true);
	stream_reuse(&far.stream);
	ask("two");
	UNTIL(heard("two"), PATIENCE);
	assert_int_equal(send(peer, "answer", 6, 0), 6);
	UNTIL(far.got == 12, PATIENCE);
	assert_int_equal(far.got, 12);
	assert_int_equal(far.closed + ended, 0);
}

/* An upstream that closed a kept connection while nobody looked does not get the next request. */
static void closed_meanwhile_is_not_written_to(void **state)
{
	static const struct {
		bool requests, quiet, written;
	} rows[] = {{true, true, false}, {true, false, true}, {false, true, true}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		answer_one(rows[i].requests);
		shutdown(peer, SHUT_WR);
		/* No turn until the request is there: only a look at the socket can tell. */
		relay.moved = loop_now(loop) - (rows[i].quiet ? 2 * RELAY_TRUST : 0);
		ask("two");
		carry(&visitors, &upstreams);
		assert_int_equal(heard("two"), rows[i].written);
		teardown(state);
		setup(state);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(visitor_without_credit_is_missed),
		TEST(visitor_behind_its_fin_is_missed),
		TEST(upstream_without_credit_is_heard_out),
		TEST(surplus_is_noticed_before_the_next_request),
		TEST(clean_stream_is_reused),
		TEST(closed_meanwhile_is_not_written_to),
	};
	return cmocka_run_group_tests_name("net/relay", tests, NULL, NULL);
}
