/* SPDX-License-Identifier: MIT */
/* What goes end to end: both ways, its ends, its sizes, and each thing that must end it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "tests/unit/net/e2e_scene.h"

#define FIRST  (E2E_HEAD + HANDSHAKE_IK_FIRST)
#define SECOND (2 + HANDSHAKE_IK_SECOND)
#define EMPTY  (2 + SEAL_TAG_SIZE)

static struct scene t;

static void begin(const struct scene_config *config)
{
	assert_int_equal(scene_init(&t, config), 0);
}

static int teardown(void **state)
{
	scene_deinit(&t);
	assert_int_equal(t.budget.sum.held, 0);
	return 0;
}

/* Both have each other's message. */
static void begin_up(const struct scene_config *config)
{
	begin(config);
	scene_run(&t);
	assert_int_equal(t.consumer.e2e.state, E2E_UP);
	assert_int_equal(t.provider.e2e.state, E2E_UP);
}

static void say(struct scene_end *end, size_t n, bool then_end)
{
	end->give += n;
	end->end = then_end;
	stream_ready(&end->relay.stream);
}

static void assert_whole(void)
{
	for (int i = 0; i < 2; i++) {
		struct scene_end *end = i ? &t.consumer : &t.provider;
		assert_false(end->wrong);
		assert_int_equal(end->got, end->other->give);
		assert_true(end->got_end);
		assert_int_equal(end->n_ended, 1);
		assert_int_equal(end->reason, FRAME_RESET_NONE);
		assert_null(end->why);
	}
}

/* Its program's socket is reset, and it was given nothing else than what was sent. */
static void assert_reset(struct scene_end *end, enum frame_reset reason)
{
	assert_int_equal(end->n_ended, 1);
	assert_int_equal(end->reason, reason);
	assert_false(end->got_end);
	assert_false(end->wrong);
}

/* ---- What goes ---- */

static void both_ways_and_whole(void **state)
{
	const enum seal_suite suites[] = {SEAL_CHACHAPOLY, e2e_suite(true)};
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		begin(&(struct scene_config){.suite = suites[i]});
		say(&t.consumer, 300000, true);
		say(&t.provider, 200001, true);
		scene_run(&t);
		assert_whole();
		assert_int_equal(t.provider.n_asked, 1);
		assert_memory_equal(t.provider.asked_by, t.consumer.keys.public, KEY_PAIR_SIZE);
		scene_deinit(&t);
	}
	begin(&(struct scene_config){0});
}

static void the_suite_is_aes_where_both_have_it(void **state)
{
	assert_int_equal(e2e_suite(false), SEAL_CHACHAPOLY);
	assert_int_equal(e2e_suite(true), seal_has_aes() ? SEAL_AESGCM : SEAL_CHACHAPOLY);
	begin(&(struct scene_config){.suite = e2e_suite(true)});
	scene_turn(&t);
	assert_int_equal(buf_head(&t.consumer.said)[4], seal_has_aes() ? 2 : 1);
}

static void half_close_is_half_close(void **state)
{
	begin(&(struct scene_config){0});
	say(&t.consumer, 10, true);
	scene_run(&t);
	assert_true(t.provider.got_end);
	assert_int_equal(t.provider.n_ended, 0);
	say(&t.provider, 5000, false);
	scene_run(&t);
	assert_int_equal(t.consumer.got, 5000);
	assert_false(t.consumer.got_end);
	say(&t.provider, 0, true);
	scene_run(&t);
	assert_whole();
}

static void nothing_at_all_ends_in_order(void **state)
{
	begin(&(struct scene_config){0});
	say(&t.consumer, 0, true);
	say(&t.provider, 0, true);
	scene_run(&t);
	assert_whole();
}

/* What the frames in the document say, to the byte. */
static void the_messages_have_their_sizes(void **state)
{
	begin(&(struct scene_config){0});
	say(&t.consumer, 20000, true);
	say(&t.provider, 1, true);
	scene_turn(&t);
	assert_int_equal(buf_len(&t.consumer.said), FIRST);
	assert_memory_equal(buf_head(&t.consumer.said), "E2E\1\1\0\140", E2E_HEAD);
	assert_int_equal(buf_len(&t.provider.said), 0);
	scene_forward(&t.consumer, SIZE_MAX);
	scene_turn(&t);
	/* The provider's data may come right behind its message. */
	assert_int_equal(buf_len(&t.provider.said), SECOND + EMPTY + 1 + EMPTY);
	assert_memory_equal(buf_head(&t.provider.said), "\0\60", 2);
	scene_forward(&t.provider, SIZE_MAX);
	scene_turn(&t);
	const uint8_t *p = buf_head(&t.consumer.said);
	assert_int_equal(bytes_be16(p), E2E_RECORD_MAX);
	assert_int_equal(buf_len(&t.consumer.said), 20000 + 3 * EMPTY);
	assert_memory_equal(p + buf_len(&t.consumer.said) - EMPTY, "\0\20", 2);
	assert_true(t.consumer.said_end);
}

/* No byte of what is said can be read on the way, and no two streams say the same. */
static void nothing_is_in_clear(void **state)
{
	static uint8_t first[FIRST + 4096];
	for (int i = 0; i < 2; i++) {
		begin(&(struct scene_config){0});
		say(&t.consumer, 4000, false);
		scene_turn(&t);
		scene_forward(&t.consumer, SIZE_MAX);
		scene_turn(&t);
		scene_forward(&t.provider, SIZE_MAX);
		scene_turn(&t);
		assert_int_equal(buf_len(&t.consumer.said), 4000 + EMPTY);
		uint8_t clear[32];
		for (size_t at = 0; at < sizeof(clear); at++)
			clear[at] = scene_byte(&t.consumer, at);
		assert_null(memmem(buf_head(&t.consumer.said), buf_len(&t.consumer.said), clear,
			sizeof(clear)));
		if (i)
			assert_memory_not_equal(first, buf_head(&t.consumer.said) + 2, 64);
		memcpy(first, buf_head(&t.consumer.said) + 2, 64);
		if (!i)
			scene_deinit(&t);
	}
}

/* Keys change behind every 4,096 records, on both sides alike. */
static void more_records_than_a_key_lasts(void **state)
{
	begin_up(&(struct scene_config){0});
	for (int i = 0; i < SEAL_REKEY_EVERY + 5; i++) {
		say(&t.consumer, 1, false);
		scene_run(&t);
	}
	assert_int_equal(t.provider.got, SEAL_REKEY_EVERY + 5);
	say(&t.consumer, 0, true);
	say(&t.provider, 0, true);
	scene_run(&t);
	assert_whole();
}

/* ---- Room ---- */

/* Windows that leave less than a record's overhead, which is where a stream could be forgotten. */
static void crumbs_of_credit(void **state)
{
	static const uint32_t windows[] = {103, 104, 127, 128, 129, 1000, 4096, 16402, 16403, 16411,
		16420, 16500, 32804, 32810};
	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		begin(&(struct scene_config){.window = windows[i]});
		say(&t.consumer, 50000, true);
		say(&t.provider, 40000, true);
		scene_run(&t);
		assert_whole();
		if (i + 1 < ARRAY_LEN(windows))
			scene_deinit(&t);
	}
}

/* One byte at a time through the exit node, at either end. */
static void cut_to_bytes(void **state)
{
	begin(&(struct scene_config){0});
	say(&t.consumer, 700, true);
	say(&t.provider, 300, true);
	for (bool moved = true; moved;) {
		scene_turn(&t);
		moved = scene_forward(&t.consumer, 1);
		moved |= scene_forward(&t.provider, 1);
	}
	assert_whole();
}

/* What its program does not take waits, is charged, and comes when it takes it; its end does not overtake it. */
static void a_program_that_stalls(void **state)
{
	begin_up(&(struct scene_config){0});
	t.provider.take = 100;
	say(&t.consumer, 40000, true);
	scene_run(&t);
	assert_int_equal(t.provider.got, 100);
	assert_true(t.provider.relay.stream.charged >= E2E_RECORD_MAX);
	assert_false(t.provider.got_end);
	for (size_t take = 101; take <= 40000; take += 4111) {
		t.provider.take = take;
		stream_resume(&t.provider.relay.stream);
		scene_run(&t);
		assert_int_equal(t.provider.got, take);
		assert_false(t.provider.got_end);
	}
	t.provider.take = SIZE_MAX;
	stream_resume(&t.provider.relay.stream);
	say(&t.provider, 0, true);
	scene_run(&t);
	assert_whole();
}

/* As without it: by its window, and a batch. */
static void a_stalled_program_holds_the_exit_node_back(void **state)
{
	begin_up(&(struct scene_config){.window = 40000});
	t.provider.take = 0;
	say(&t.consumer, 1 << 20, true);
	scene_run(&t);
	assert_true(t.provider.relay.stream.queued <= 40000);
	assert_true(buf_len(&t.provider.told) > (1 << 20) - 40000 - 2 * E2E_BATCH);
	t.provider.take = SIZE_MAX;
	stream_resume(&t.provider.relay.stream);
	say(&t.provider, 0, true);
	scene_run(&t);
	assert_whole();
}

static void without_memory_it_is_reset(void **state)
{
	begin_up(&(struct scene_config){.budget = 20000});
	t.provider.take = 0;
	say(&t.consumer, 100000, true);
	scene_run(&t);
	assert_reset(&t.provider, FRAME_RESET_NO_MEMORY);
}

/* ---- Who may ---- */

static void nobody_is_dialled_before_the_key_was_accepted(void **state)
{
	begin(&(struct scene_config){0});
	t.provider.waits = true;
	say(&t.consumer, 100, false);
	scene_run(&t);
	assert_int_equal(t.provider.n_asked, 1);
	assert_int_equal(t.provider.e2e.state, E2E_ASKED);
	assert_int_equal(t.consumer.sent, 0);
	assert_int_equal(buf_len(&t.provider.said), 0);
	e2e_accept(&t.provider.e2e);
	e2e_accept(&t.provider.e2e); /* without effect */
	scene_run(&t);
	assert_int_equal(t.provider.got, 100);
}

/* Whoever says more than his first message before he is answered has to wait, and is not heard then. */
static void data_before_the_answer_is_not_heard(void **state)
{
	begin(&(struct scene_config){0});
	t.provider.waits = true;
	scene_run(&t);
	uint8_t early[40] = {0, 38};
	scene_tell(&t.provider, early, sizeof(early));
	scene_run(&t);
	assert_int_equal(t.provider.n_ended, 0);
	assert_int_equal(t.provider.relay.stream.queued, sizeof(early));
	e2e_accept(&t.provider.e2e);
	stream_resume(&t.provider.relay.stream);
	scene_run(&t);
	assert_reset(&t.provider, FRAME_RESET_PROTOCOL);
	assert_int_equal(t.provider.got, 0);
}

static void another_service_link_or_key_is_refused(void **state)
{
	struct key_pair other;
	key_pair_random(&other);
	const struct scene_config configs[] = {
		{.consumer_service = "redis", .provider_service = "mysql"},
		{.consumer_service = "redi", .provider_service = "redis"},
		{.consumer_link = 17, .provider_link = 18},
		{.peer = other.public},
	};
	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		begin(&configs[i]);
		say(&t.consumer, 100, true);
		scene_run(&t);
		assert_reset(&t.provider, FRAME_RESET_DENIED);
		assert_int_equal(t.provider.n_asked, 0);
		assert_true(t.provider.far_over);
		assert_int_equal(t.provider.far_reason, FRAME_RESET_DENIED);
		assert_int_equal(t.consumer.sent, 0);
		if (i + 1 < ARRAY_LEN(configs))
			scene_deinit(&t);
	}
}

/* A consumer that does not know, and an exit node that says so: nothing less is taken. */
static void plain_bytes_are_refused_at_once(void **state)
{
	begin(&(struct scene_config){.plain = true});
	say(&t.consumer, 2, false);
	scene_run(&t);
	assert_reset(&t.provider, FRAME_RESET_PROTOCOL);
	assert_int_equal(t.provider.n_asked, 0);
}

static void another_version_is_refused(void **state)
{
	begin(&(struct scene_config){0});
	scene_tell(&t.provider, "E2E\2", 4);
	scene_turn(&t);
	assert_reset(&t.provider, FRAME_RESET_PROTOCOL);
}

static void suites_that_are_none_are_refused(void **state)
{
	static const uint8_t suites[] = {0, 3, 255};
	for (size_t i = 0; i < sizeof(suites); i++) {
		begin(&(struct scene_config){0});
		scene_turn(&t);
		buf_head(&t.consumer.said)[4] = suites[i];
		scene_run(&t);
		assert_reset(&t.provider, FRAME_RESET_PROTOCOL);
		if (i + 1 < sizeof(suites))
			scene_deinit(&t);
	}
}

/* The weaker one of two instead of the other: what both have is in the prologue. */
static void the_suite_cannot_be_changed_on_the_way(void **state)
{
	if (!seal_has_aes())
		skip();
	begin(&(struct scene_config){.suite = SEAL_AESGCM});
	scene_turn(&t);
	buf_head(&t.consumer.said)[4] = 1;
	scene_run(&t);
	assert_reset(&t.provider, FRAME_RESET_DENIED);
}

/* A provider whose exit node answers for it. */
static void an_answer_of_somebody_else_is_refused(void **state)
{
	begin(&(struct scene_config){0});
	scene_turn(&t);
	uint8_t answer[SECOND] = {0, HANDSHAKE_IK_SECOND, 9};
	scene_tell(&t.consumer, answer, sizeof(answer));
	say(&t.consumer, 100, true);
	scene_turn(&t);
	assert_reset(&t.consumer, FRAME_RESET_DENIED);
	assert_int_equal(t.consumer.sent, 0);
	assert_true(t.consumer.far_over);
}

static void an_answer_before_the_question_is_refused(void **state)
{
	begin(&(struct scene_config){0});
	t.consumer.relay.stream.ready = false;
	uint8_t byte = 0;
	assert_int_equal(t.consumer.relay.stream.ops->push(&t.consumer.relay.stream, &byte, 1), 0);
	assert_reset(&t.consumer, FRAME_RESET_PROTOCOL);
}

/* ---- Lengths ---- */

static void lengths_that_cannot_be_are_refused(void **state)
{
	static const struct {
		bool up, consumer;
		uint16_t n;
	} cases[] = {
		{true, false, 0},
		{true, false, 15},
		{true, false, E2E_RECORD_MAX + 1},
		{true, false, 65535},
		{true, true, 15},
		{true, true, E2E_RECORD_MAX + 1},
		{false, true, HANDSHAKE_IK_SECOND - 1},
		{false, true, HANDSHAKE_IK_SECOND + 1},
		{false, true, 16},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].up)
			begin_up(&(struct scene_config){0});
		else
			begin(&(struct scene_config){0});
		scene_turn(&t);
		uint8_t head[2] = {(uint8_t)(cases[i].n >> 8), (uint8_t)cases[i].n};
		struct scene_end *end = cases[i].consumer ? &t.consumer : &t.provider;
		scene_tell(end, head, 2);
		scene_turn(&t);
		assert_reset(end, FRAME_RESET_PROTOCOL);
		if (i + 1 < ARRAY_LEN(cases))
			scene_deinit(&t);
	}
}

static void a_first_message_of_another_length_is_refused(void **state)
{
	for (int i = -1; i < 2; i += 2) {
		begin(&(struct scene_config){0});
		scene_turn(&t);
		buf_head(&t.consumer.said)[6] += (uint8_t)i;
		scene_run(&t);
		assert_reset(&t.provider, FRAME_RESET_PROTOCOL);
		if (i < 0)
			scene_deinit(&t);
	}
}

/* ---- Ends ---- */

/* FIN where the end record should be: between records, within one, before any. */
static void a_missing_end_is_a_reset(void **state)
{
	static const size_t cuts[] = {0, 1, 6, 7, 50, FIRST - 1, FIRST};
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		begin(&(struct scene_config){0});
		scene_turn(&t);
		if (cuts[i])
			scene_forward(&t.consumer, cuts[i]);
		t.provider.told_end = true;
		stream_ready(&t.provider.far);
		scene_turn(&t);
		assert_reset(&t.provider, FRAME_RESET_ABORTED);
		scene_deinit(&t);
	}
	static const size_t later[] = {0, 1, 2, 3, 1000, 1017, 1018, 1019, 1035};
	for (size_t i = 0; i < ARRAY_LEN(later); i++) {
		begin_up(&(struct scene_config){0});
		say(&t.consumer, 1000, true);
		scene_turn(&t);
		assert_int_equal(buf_len(&t.consumer.said), 1000 + 2 * EMPTY);
		if (later[i])
			scene_forward(&t.consumer, later[i]);
		t.provider.told_end = true;
		stream_ready(&t.provider.far);
		scene_turn(&t);
		assert_reset(&t.provider, FRAME_RESET_ABORTED);
		assert_int_equal(t.provider.got, later[i] < 1000 + EMPTY ? 0 : 1000);
		if (i + 1 < ARRAY_LEN(later))
			scene_deinit(&t);
	}
}

/* An exit node may say that the opener is done with a stream; the program hears an RST, not an end. */
static void done_with_is_no_end(void **state)
{
	begin_up(&(struct scene_config){0});
	say(&t.consumer, 1000, false);
	scene_run(&t);
	stream_reset(&t.provider.far, FRAME_RESET_NONE);
	scene_turn(&t);
	assert_reset(&t.provider, FRAME_RESET_ABORTED);
	assert_int_equal(t.provider.got, 1000);
}

static void resets_go_through_as_they_are(void **state)
{
	begin(&(struct scene_config){0});
	scene_turn(&t);
	stream_reset(&t.consumer.far, FRAME_RESET_REFUSED);
	scene_turn(&t);
	assert_reset(&t.consumer, FRAME_RESET_REFUSED);
}

static void bytes_behind_the_end_are_refused(void **state)
{
	begin_up(&(struct scene_config){0});
	say(&t.consumer, 10, true);
	scene_turn(&t);
	scene_forward(&t.consumer, 10 + 2 * EMPTY - 1);
	scene_turn(&t);
	scene_tell(&t.provider, buf_head(&t.consumer.said), 1);
	scene_tell(&t.provider, "x", 1);
	scene_turn(&t);
	assert_int_equal(t.provider.got, 10);
	assert_reset(&t.provider, FRAME_RESET_PROTOCOL);
}

/* A socket that breaks while its data waits. */
static void the_owner_may_abort_at_any_time(void **state)
{
	begin_up(&(struct scene_config){0});
	t.provider.take = 10;
	say(&t.consumer, 30000, false);
	scene_run(&t);
	relay_abort(&t.provider.relay, FRAME_RESET_TIMEOUT);
	scene_turn(&t);
	assert_true(t.provider.far_over);
	e2e_accept(&t.provider.e2e);
	assert_int_equal(t.budget.sum.held, 0);
}

static void what_belongs_to_another_stream_is_refused(void **state)
{
	begin_up(&(struct scene_config){0});
	say(&t.consumer, 100, false);
	scene_turn(&t);
	uint8_t recorded[100 + EMPTY];
	assert_int_equal(buf_len(&t.consumer.said), sizeof(recorded));
	memcpy(recorded, buf_head(&t.consumer.said), sizeof(recorded));
	scene_deinit(&t);

	begin_up(&(struct scene_config){0});
	t.consumer.sent = 100; /* as if: only the seal can tell */
	scene_tell(&t.provider, recorded, sizeof(recorded));
	scene_turn(&t);
	assert_reset(&t.provider, FRAME_RESET_PROTOCOL);
	assert_int_equal(t.provider.got, 0);
}

/* One's own words come back. */
static void what_it_said_itself_is_refused(void **state)
{
	begin_up(&(struct scene_config){0});
	say(&t.provider, 100, false);
	scene_turn(&t);
	scene_tell(&t.provider, buf_head(&t.provider.said), buf_len(&t.provider.said));
	scene_turn(&t);
	assert_reset(&t.provider, FRAME_RESET_PROTOCOL);
	assert_int_equal(t.provider.got, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		TEST(both_ways_and_whole),
		TEST(the_suite_is_aes_where_both_have_it),
		TEST(half_close_is_half_close),
		TEST(nothing_at_all_ends_in_order),
		TEST(the_messages_have_their_sizes),
		TEST(nothing_is_in_clear),
		TEST(more_records_than_a_key_lasts),
		TEST(crumbs_of_credit),
		TEST(cut_to_bytes),
		TEST(a_program_that_stalls),
		TEST(a_stalled_program_holds_the_exit_node_back),
		TEST(without_memory_it_is_reset),
		TEST(nobody_is_dialled_before_the_key_was_accepted),
		TEST(data_before_the_answer_is_not_heard),
		TEST(another_service_link_or_key_is_refused),
		TEST(plain_bytes_are_refused_at_once),
		TEST(another_version_is_refused),
		TEST(suites_that_are_none_are_refused),
		TEST(the_suite_cannot_be_changed_on_the_way),
		TEST(an_answer_of_somebody_else_is_refused),
		TEST(an_answer_before_the_question_is_refused),
		TEST(lengths_that_cannot_be_are_refused),
		TEST(a_first_message_of_another_length_is_refused),
		TEST(a_missing_end_is_a_reset),
		TEST(done_with_is_no_end),
		TEST(resets_go_through_as_they_are),
		TEST(bytes_behind_the_end_are_refused),
		TEST(the_owner_may_abort_at_any_time),
		TEST(what_belongs_to_another_stream_is_refused),
		TEST(what_it_said_itself_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
