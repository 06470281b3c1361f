/* SPDX-License-Identifier: MIT */
/* Flows that two clients seal: the handshake where messages are lost, who is let in, sizes, and what waits how long. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "tests/unit/net/e2e_flow_scene.h"

static struct flow_scene t;

static void begin(const struct flow_scene_config *config)
{
	assert_int_equal(flow_scene_init(&t, config), 0);
	flow_scene_turn(&t);
}

static void end(void)
{
	assert_false(t.consumer.wrong);
	assert_false(t.provider.wrong);
	flow_scene_deinit(&t);
	assert_int_equal(t.budget.sum.held, 0);
}

static bool is_up(void)
{
	return t.consumer.e2e.state == E2E_UP && t.provider.e2e.state == E2E_UP;
}

/* The consumer's timer, as its owner has it: every E2E_FLOW_REPEAT_EVERY. */
static bool tick(void)
{
	t.now += E2E_FLOW_REPEAT_EVERY;
	bool goes_on = e2e_flow_repeat(&t.consumer.e2e);
	flow_scene_turn(&t);
	return goes_on;
}

/* ---- There and back ---- */

static void of_all_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 255, 256, 257, 1200, 1472, 2048, 2049, 9000, 40000,
		E2E_FLOW_DATAGRAM_MAX - 1, E2E_FLOW_DATAGRAM_MAX};
	for (int aes = 0; aes < 2; aes++) {
		begin(&(struct flow_scene_config){.suite = e2e_suite(aes)});
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			flow_scene_send(&t, &t.consumer, sizes[i]);
			flow_scene_run(&t);
			flow_scene_send(&t, &t.provider, sizes[i]);
			flow_scene_run(&t);
			assert_int_equal(t.provider.got, i + 1);
			assert_int_equal(t.consumer.got, i + 1);
		}
		assert_true(is_up());
		assert_memory_equal(t.provider.asked_by, t.consumer.keys.public, KEY_PAIR_SIZE);
		assert_int_equal(t.consumer.flow.received, ARRAY_LEN(sizes));
		assert_int_equal(t.provider.n_asked, 1);
		assert_int_equal(t.consumer.flow.dropped + t.provider.flow.dropped, 0);
		assert_int_equal(t.consumer.n_dropped + t.provider.n_dropped, 0);
		end();
	}
}

/* For which there is no frame once they are sealed. */
static void too_large_ones_are_dropped(void **state)
{
	assert_int_equal(E2E_FLOW_DATAGRAM_MAX, 65482);
	begin(&(struct flow_scene_config){0});
	for (size_t n = E2E_FLOW_DATAGRAM_MAX + 1; n <= FRAME_DATAGRAM_MAX; n++)
		flow_scene_send(&t, &t.consumer, n);
	flow_scene_run(&t);
	assert_int_equal(t.provider.got, 0);
	assert_int_equal(t.consumer.flow.dropped, FRAME_DATAGRAM_MAX - E2E_FLOW_DATAGRAM_MAX);
	flow_scene_send(&t, &t.consumer, E2E_FLOW_DATAGRAM_MAX);
	flow_scene_run(&t);
	assert_int_equal(t.provider.got, 1);
	end();
}

/* Nothing of it can be read on the way, and two that are alike look different. */
static void what_goes_is_sealed(void **state)
{
	begin(&(struct flow_scene_config){0});
	flow_scene_run(&t);
	assert_true(is_up());
	flow_scene_send(&t, &t.consumer, 100);
	flow_scene_send(&t, &t.consumer, 100);
	flow_scene_turn(&t);
	assert_int_equal(t.consumer.n_said, 2);
	const struct datagram *d = t.consumer.said;
	for (size_t i = 0; i < 2; i++) {
		const uint8_t head[] = {3, 0, 0, 0, 0, 0, 0, 0, (uint8_t)i};
		assert_int_equal(d[i].n, 100 + E2E_FLOW_OVERHEAD);
		assert_memory_equal(d[i].p, head, sizeof(head));
	}
	size_t alike = 0, plain = 0;
	for (size_t i = 9; i < 109; i++) {
		alike += d[0].p[i] == d[1].p[i];
		plain += d[0].p[i] == (uint8_t)((i - 9) * 31 + 1);
	}
	assert_true(alike < 20 && plain < 20);
	flow_scene_run(&t);
	assert_int_equal(t.provider.got, 2);
	end();
}

/* ---- The handshake ---- */

/* As many as are said again may be lost, of either; what the program has sent waits. */
static void lost_messages_are_said_again(void **state)
{
	for (int answers = 0; answers < 2; answers++) {
		begin(&(struct flow_scene_config){0});
		flow_scene_send(&t, &t.consumer, 50);
		struct flow_end *loses = answers ? &t.provider : &t.consumer;
		for (int i = 0; i < E2E_FLOW_REPEATS; i++) {
			if (answers)
				flow_scene_forward(&t, &t.consumer);
			assert_int_equal(loses->n_said, 1);
			flow_scene_lose(loses, 0);
			assert_true(tick());
		}
		flow_scene_run(&t);
		assert_true(is_up());
		assert_int_equal(t.provider.n_asked, 1);
		assert_int_equal(t.provider.got, 1);
		assert_int_equal(t.consumer.flow.dropped, 0);
		/* And no more of them, whatever the time is. */
		assert_true(tick());
		assert_int_equal(t.consumer.n_said, 0);
		end();
	}
}

static void nobody_answers(void **state)
{
	begin(&(struct flow_scene_config){0});
	for (int i = 0; i < E2E_FLOW_REPEATS; i++) {
		assert_int_equal(t.consumer.n_said, i + 1);
		assert_int_equal(t.consumer.said[i].n, E2E_FLOW_FIRST);
		assert_memory_equal(t.consumer.said[i].p, t.consumer.said[0].p, E2E_FLOW_FIRST);
		assert_true(tick());
	}
	assert_false(tick());
	assert_int_equal(t.consumer.n_said, 1 + E2E_FLOW_REPEATS);
	end();
}

/* One that had both messages twice goes on with the keys that it has. */
static void messages_that_come_twice(void **state)
{
	begin(&(struct flow_scene_config){0});
	for (int i = 0; i < 3; i++)
		assert_true(tick());
	flow_scene_forward(&t, &t.consumer);
	flow_scene_send(&t, &t.provider, 10);
	flow_scene_turn(&t);
	flow_scene_run(&t);
	flow_scene_send(&t, &t.consumer, 11);
	flow_scene_run(&t);
	assert_true(is_up());
	assert_int_equal(t.consumer.got, 1);
	assert_int_equal(t.provider.got, 1);
	assert_int_equal(t.provider.n_asked, 1);
	assert_int_equal(t.consumer.n_dropped + t.provider.n_dropped, 0);
	end();
}

/* The provider may seal behind its answer. That is lost: what comes cannot be opened, and that is nobody's fault. */
static void data_before_the_answer(void **state)
{
	begin(&(struct flow_scene_config){0});
	flow_scene_forward(&t, &t.consumer);
	flow_scene_lose(&t.provider, 0);
	flow_scene_send(&t, &t.provider, 10);
	flow_scene_run(&t);
	assert_int_equal(t.consumer.got, 0);
	assert_int_equal(t.consumer.n_dropped, 0);
	assert_true(tick());
	flow_scene_run(&t);
	assert_true(is_up());
	flow_scene_send(&t, &t.provider, 11);
	flow_scene_run(&t);
	assert_int_equal(t.consumer.got, 1);
	end();
}

/* Somebody thinks about the key for a while. */
static void accepted_later(void **state)
{
	begin(&(struct flow_scene_config){0});
	t.provider.waits = true;
	flow_scene_send(&t, &t.consumer, 10);
	flow_scene_run(&t);
	assert_true(tick());
	flow_scene_run(&t);
	assert_int_equal(t.provider.n_asked, 1);
	assert_int_equal(t.provider.e2e.state, E2E_ASKED);
	assert_int_equal(t.provider.n_said, 0);
	assert_int_equal(t.provider.n_dropped, 0);
	e2e_flow_accept(&t.provider.e2e);
	flow_scene_run(&t);
	assert_true(is_up());
	assert_int_equal(t.provider.got, 1);
	end();
}

/* ---- What waits ---- */

static void what_waits_is_bounded(void **state)
{
	begin(&(struct flow_scene_config){0});
	for (int i = 0; i < 400; i++)
		flow_scene_send(&t, &t.consumer, 1000);
	assert_true(t.consumer.flow.dropped > 100);
	assert_true(t.budget.sum.held <= FLOW_UNSENT_MAX);
	size_t kept = 400 - t.consumer.flow.dropped;
	t.now += CLOCK_S;
	flow_scene_run(&t);
	assert_int_equal(t.provider.got, kept);
	for (size_t i = 0; i < kept; i++)
		assert_true(t.consumer.arrived[i]);
	end();
}

/* It grows old from the moment on when it may go. */
static void what_waits_is_not_late_yet(void **state)
{
	begin(&(struct flow_scene_config){0});
	flow_scene_send(&t, &t.consumer, 10);
	t.now += CLOCK_S;
	flow_scene_send(&t, &t.consumer, 11); /* which looks at what is too old */
	flow_scene_run(&t);
	assert_int_equal(t.provider.got, 2);
	flow_scene_send(&t, &t.consumer, 12);
	t.now += FLOW_AGE_MAX + 1;
	flow_scene_run(&t);
	assert_int_equal(t.provider.got, 2);
	assert_int_equal(t.consumer.flow.dropped, 1);
	end();
}

/* A flow without room in the budget has a handshake all the same. */
static void without_memory(void **state)
{
	begin(&(struct flow_scene_config){.budget = 2000});
	flow_scene_send(&t, &t.consumer, 5000);
	flow_scene_send(&t, &t.consumer, 100);
	flow_scene_run(&t);
	assert_true(is_up());
	assert_int_equal(t.provider.got, 1);
	assert_int_equal(t.consumer.flow.dropped, 1);
	end();
}

/* ---- Who is let in ---- */

static void refused(const struct flow_scene_config *config, enum frame_reset reason,
	const char *why)
{
	begin(config);
	flow_scene_send(&t, &t.consumer, 10);
	flow_scene_run(&t);
	assert_int_equal(t.provider.n_asked, 0);
	assert_int_equal(t.provider.got, 0);
	assert_int_equal(t.provider.n_ended, 1);
	assert_string_equal(t.provider.why, why);
	assert_true(t.provider.far_over);
	assert_int_equal(t.provider.far_reason, reason);
	assert_null(t.provider.e2e.handshake);
	end();
}

static void another_end_than_was_meant(void **state)
{
	static const char why[] = "it does not seal for this client's key and this private service";
	struct key_pair other;
	key_pair_random(&other);
	refused(&(struct flow_scene_config){.peer = other.public}, FRAME_RESET_DENIED, why);
	refused(&(struct flow_scene_config){.provider_service = "ntp"}, FRAME_RESET_DENIED, why);
	refused(&(struct flow_scene_config){.provider_link = 18}, FRAME_RESET_DENIED, why);
	refused(&(struct flow_scene_config){.plain = true}, FRAME_RESET_PROTOCOL,
		"what it sends is not sealed end to end");
}

/* What begins like the first message, and is none. */
static void no_first_message(void **state)
{
	static const struct {
		size_t n, at;
		uint8_t bits;
		enum frame_reset reason;
	} cases[] = {
		{0, 0, 0, FRAME_RESET_PROTOCOL},
		{1, 0, 0, FRAME_RESET_PROTOCOL},
		{E2E_FLOW_FIRST - 1, 0, 0, FRAME_RESET_PROTOCOL},
		{E2E_FLOW_FIRST + 1, 0, 0, FRAME_RESET_PROTOCOL},
		{E2E_FLOW_FIRST, 0, 2, FRAME_RESET_PROTOCOL}, /* data */
		{E2E_FLOW_FIRST, 1, 1, FRAME_RESET_PROTOCOL},
		{E2E_FLOW_FIRST, 4, 1, FRAME_RESET_PROTOCOL}, /* another version */
		{E2E_FLOW_FIRST, 5, 8, FRAME_RESET_PROTOCOL}, /* another suite */
		{E2E_FLOW_FIRST, 6, 1, FRAME_RESET_DENIED},
		{E2E_FLOW_FIRST, E2E_FLOW_FIRST - 1, 0x80, FRAME_RESET_DENIED},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t message[E2E_FLOW_FIRST + 1] = {0};
		begin(&(struct flow_scene_config){0});
		assert_int_equal(t.consumer.n_said, 1);
		memcpy(message, t.consumer.said[0].p, E2E_FLOW_FIRST);
		message[cases[i].at] ^= cases[i].bits;
		flow_scene_tell(&t, &t.provider, message, cases[i].n);
		assert_int_equal(t.provider.n_asked, 0);
		assert_true(t.provider.far_over);
		assert_int_equal(t.provider.far_reason, cases[i].reason);
		end();
	}
}

static void no_second_message(void **state)
{
	begin(&(struct flow_scene_config){0});
	flow_scene_forward(&t, &t.consumer);
	t.provider.said[0].p[20] ^= 1;
	flow_scene_run(&t);
	assert_string_equal(t.consumer.why,
		"its other end has not the key that its private service should have");
	assert_int_equal(t.consumer.n_ended, 1);
	assert_int_equal(t.consumer.reason, FRAME_RESET_DENIED);
	end();
}

/* Of a stream of bytes: its label is another one. */
static void messages_of_bytes_are_none(void **state)
{
	static const char prologue[] = "tunnel.e2e.v1\1dns\0\0\0\0\21";
	uint8_t message[E2E_FLOW_FIRST] = {1, 'E', '2', 'E', 1, 1};
	struct handshake hs;
	size_t n;
	begin(&(struct flow_scene_config){0});
	struct handshake_keys keys = {.own = &t.consumer.keys, .peer = t.provider.keys.public};
	handshake_init_ik(&hs, SEAL_CHACHAPOLY, prologue, sizeof(prologue) - 1, &keys);
	assert_int_equal(handshake_write(&hs, NULL, 0, message + 6, HANDSHAKE_IK_FIRST, &n), 0);
	handshake_deinit(&hs);
	flow_scene_tell(&t, &t.provider, message, sizeof(message));
	assert_int_equal(t.provider.n_asked, 0);
	assert_int_equal(t.provider.far_reason, FRAME_RESET_DENIED);
	end();
	/* While the same with this label is one. */
	static const char own[] = "tunnel.e2e.udp.v1\1dns\0\0\0\0\21";
	begin(&(struct flow_scene_config){0});
	keys = (struct handshake_keys){.own = &t.consumer.keys, .peer = t.provider.keys.public};
	handshake_init_ik(&hs, SEAL_CHACHAPOLY, own, sizeof(own) - 1, &keys);
	assert_int_equal(handshake_write(&hs, NULL, 0, message + 6, HANDSHAKE_IK_FIRST, &n), 0);
	handshake_deinit(&hs);
	flow_scene_tell(&t, &t.provider, message, sizeof(message));
	assert_int_equal(t.provider.n_asked, 1);
	end();
}

static void a_key_that_is_none(void **state)
{
	static const uint8_t zero[KEY_PAIR_SIZE];
	assert_int_equal(flow_scene_init(&t, &(struct flow_scene_config){.peer = zero}), -EPROTO);
	end();
}

static void the_exit_node_ends_it(void **state)
{
	begin(&(struct flow_scene_config){0});
	flow_scene_run(&t);
	flow_scene_send(&t, &t.consumer, 10);
	flow_abort(&t.consumer.far, FRAME_RESET_ABORTED);
	flow_scene_turn(&t);
	assert_int_equal(t.consumer.n_ended, 1);
	assert_int_equal(t.consumer.reason, FRAME_RESET_ABORTED);
	assert_int_equal(t.consumer.e2e.state, E2E_OVER);
	end();
}

static int start(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_all_sizes),
		cmocka_unit_test(too_large_ones_are_dropped),
		cmocka_unit_test(what_goes_is_sealed),
		cmocka_unit_test(lost_messages_are_said_again),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(messages_that_come_twice),
		cmocka_unit_test(data_before_the_answer),
		cmocka_unit_test(accepted_later),
		cmocka_unit_test(what_waits_is_bounded),
		cmocka_unit_test(what_waits_is_not_late_yet),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(another_end_than_was_meant),
		cmocka_unit_test(no_first_message),
		cmocka_unit_test(no_second_message),
		cmocka_unit_test(messages_of_bytes_are_none),
		cmocka_unit_test(a_key_that_is_none),
		cmocka_unit_test(the_exit_node_ends_it),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
