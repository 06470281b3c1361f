/* SPDX-License-Identifier: MIT */
/* How many connections a service may have, and for how long they may be silent. */
#include "upstream_scene.h"

#define IDLE (300 * CLOCK_MS) /* longer than a busy machine keeps a test from running */

/* Those beyond the limit wait in order, and get the places that become free. */
static void test_limited(void **state)
{
	struct scene s;
	begin_as(&s, "22=tcp://127.0.0.1:%u", (struct service_options){.max_connections = 2});
	struct visitor v[5] = {0};
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		v[i].ip = (uint8_t)i;
		v[i].kind = FRAME_KIND_TCP;
		visit(&s, &v[i]);
		carry(&s.server, &s.client);
	}
	struct fair_queue *connections = &s.publications.v[0]->connections;
	UNTIL(&s, s.n_accepted == 2);
	settle(&s, 10 * CLOCK_MS);
	assert_int_equal(connections->inside, 2);
	assert_int_equal(connections->waiting, 3);
	/* One who waits and leaves takes nobody's place. */
	stream_reset(&v[2].stream, FRAME_RESET_CANCELLED);
	UNTIL(&s, connections->waiting == 2);
	stream_reset(&v[0].stream, FRAME_RESET_CANCELLED);
	UNTIL(&s, s.n_accepted == 3);
	settle(&s, 10 * CLOCK_MS);
	v[3].data = "third";
	stream_ready(&v[3].stream);
	char got[8];
	UNTIL(&s, recv(s.accepted[2], got, sizeof(got), 0) == 5);
	assert_int_equal(connections->inside, 2);
	assert_int_equal(connections->waiting, 1);
	end(&s);
}

static void test_limited_in_vain(void **state)
{
	struct scene s;
	begin_as(&s, "22=tcp://127.0.0.1:%u",
		(struct service_options){.max_connections_per_visitor = 1});
	s.upstream_conns.queued.duration = 50 * CLOCK_MS;
	struct visitor v[2] = {{.kind = FRAME_KIND_TCP}, {.kind = FRAME_KIND_TCP}};
	visit(&s, &v[0]);
	visit(&s, &v[1]);
	UNTIL(&s, v[1].closed);
	assert_int_equal(v[1].reason, FRAME_RESET_BUSY);
	assert_int_equal(s.n_accepted, 1);
	assert_false(v[0].closed);
	end(&s);
}

/* A queue that is full of one visitor's is open to another. */
static void test_limited_and_crowded(void **state)
{
	struct scene s;
	begin_as(&s, "22=tcp://127.0.0.1:%u", (struct service_options){.max_connections = 1});
	struct visitor v[5] = {0};
	struct fair_queue *connections = &s.publications.v[0]->connections;
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		v[i].ip = i == 4 ? 2 : 1;
		v[i].kind = FRAME_KIND_TCP;
		visit(&s, &v[i]);
		carry(&s.server, &s.client);
		UNTIL(&s, connections->inside == 1);
		connections->waiting_max = 3;
	}
	UNTIL(&s, v[3].closed);
	assert_int_equal(v[3].reason, FRAME_RESET_BUSY);
	assert_int_equal(connections->waiting, 3);
	stream_reset(&v[0].stream, FRAME_RESET_CANCELLED);
	UNTIL(&s, s.n_accepted == 2);
	stream_reset(&v[1].stream, FRAME_RESET_CANCELLED);
	UNTIL(&s, s.n_accepted == 3);
	assert_false(v[2].closed);
	assert_false(v[4].closed);
	end(&s);
}

/* Nothing for the time: reset on both sides. What is not of kind tcp has times of the exit node's. */
static void test_idle(void **state)
{
	static const struct {
		const char *upstream;
		uint8_t kind;
		bool closed;
	} rows[] = {
		{"22=tcp://127.0.0.1:%u", FRAME_KIND_TCP, true},
		{"http://127.0.0.1:%u", FRAME_KIND_TCP, true}, /* a WebSocket */
		{"http://127.0.0.1:%u", FRAME_KIND_HTTP, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		begin_as(&s, rows[i].upstream, (struct service_options){0});
		s.publications.v[0]->upstream.limits.tcp_idle = IDLE;
		struct visitor v = {.kind = rows[i].kind};
		visit(&s, &v);
		UNTIL(&s, s.n_accepted);
		/* The upstream's bytes alone keep it. */
		for (uint64_t end_at = clock_now() + 2 * IDLE; clock_now() < end_at;) {
			send(s.accepted[0], "x", 1, MSG_NOSIGNAL);
			settle(&s, IDLE / 20);
		}
		assert_false(v.closed);
		settle(&s, 2 * IDLE);
		assert_int_equal(v.closed, rows[i].closed);
		if (v.closed)
			assert_int_equal(v.reason, FRAME_RESET_TIMEOUT);
		end(&s);
	}
}

/* A slow reader far away has all of it on its way to it: its credit tells that it goes on. */
static void test_idle_but_for_credit(void **state)
{
	struct scene s;
	begin_as(&s, "22=tcp://127.0.0.1:%u", (struct service_options){0});
	s.publications.v[0]->upstream.limits.tcp_idle = IDLE;
	struct visitor v = {.kind = FRAME_KIND_TCP};
	visit(&s, &v);
	UNTIL(&s, s.n_accepted);
	for (uint64_t end_at = clock_now() + 2 * IDLE; clock_now() < end_at;) {
		settle(&s, IDLE / 20);
		uint8_t window[FRAME_HEADER + 4];
		size_t n = frame_write_window(window, v.stream.id, 1);
		assert_int_equal(mux_input(&s.client, window, n, clock_now()), 0);
		assert_false(v.closed);
	}
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limited),
		cmocka_unit_test(test_limited_in_vain),
		cmocka_unit_test(test_limited_and_crowded),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_idle_but_for_credit),
	};
	log_set_level(LOG_ERROR);
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
