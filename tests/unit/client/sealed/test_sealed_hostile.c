/* SPDX-License-Identifier: MIT */
/*
 * An exit node that does not carry what it is given, between two clients as they are: nothing is delivered that was not
 * sent, nothing passes for whole, and no key of its own opens anything. (What it may do to a single stream at random is
 * in tests/unit/net/test_end_to_end_hostile.c.)
 */
#include "sealed_scene.h"

#define LONG_TEXT "what one says and the other is to hear, and nothing else, nor a part of it"

/* Where in what is said, counted from the first byte of the stream. */
enum { FIRST_MESSAGE = 20, FIRST_RECORD = 110 };

static void begin_usable(struct scene *s)
{
	forget_all();
	begin(s, &(struct scene_options){0});
	attach(s, s->published_key);
	UNTIL(s, endpoint(s)->state == CLIENT_ENDPOINT_USABLE);
}

/* The upstream's answer, unless its connection was reset by now. */
static void answer(struct scene *s, const char *text)
{
	send(s->accepted[0], text, strlen(text), MSG_NOSIGNAL);
}

/* ---- A byte of it is changed ---- */

static void a_changed_byte_is_a_reset(void **state)
{
	static const size_t places[] = {0, 4, 6, FIRST_MESSAGE, 102, 103, FIRST_RECORD, 150, 190};
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct scene s;
		begin_usable(&s);
		s.change = &s.joins[0].near;
		s.change_at = places[i];
		int program = connect_program(&s);
		say(program, LONG_TEXT);
		shutdown(program, SHUT_WR);
		UNTIL(&s, s.joins[0].far.closed || s.joins[0].near.closed);
		if (s.n_accepted)
			assert_false(hears(s.accepted[0], LONG_TEXT));
		UNTIL(&s, was_reset(program));
		if (s.n_accepted)
			assert_false(has_ended(s.accepted[0]));
		close(program);
		end(&s);
	}
}

/* The answer's: the program has asked, and is told nothing. */
static void a_changed_answer_is_a_reset(void **state)
{
	static const size_t places[] = {1, 2, 30, 49, 50, 60, 100};
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct scene s;
		begin_usable(&s);
		s.change = &s.joins[0].far;
		s.change_at = places[i];
		int program = connect_program(&s);
		say(program, "question");
		UNTIL(&s, s.n_accepted == 1);
		answer(&s, LONG_TEXT);
		close(s.accepted[0]);
		s.n_accepted = 0;
		UNTIL(&s, was_reset(program));
		close(program);
		end(&s);
	}
}

/* ---- It is cut, repeated, exchanged ---- */

/* Of what goes to the program, so many bytes and then an end in order. */
static size_t let_through;

static void cut_answer(struct scene *s, struct node_end *from, struct buf *bytes)
{
	if (from->to_provider)
		return;
	size_t n = buf_len(bytes), before = from->passed - n;
	size_t left = before < let_through ? MIN(n, let_through - before) : 0;
	bytes->end = bytes->start + left;
	if (left < n)
		from->other->out_end = true;
}

static void what_is_cut_short_is_a_reset(void **state)
{
	/* The answer to the handshake has 50 bytes, the record 18 more than the text. */
	const size_t whole = 50 + 18 + strlen(LONG_TEXT);
	const size_t places[] = {0, 20, 50, 52, 60, whole - 1, whole, whole + 1, whole + 17};
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct scene s;
		begin_usable(&s);
		let_through = places[i];
		s.meddle = cut_answer;
		int program = connect_program(&s);
		say(program, "question");
		UNTIL(&s, s.n_accepted == 1);
		answer(&s, LONG_TEXT);
		shutdown(s.accepted[0], SHUT_WR);
		if (places[i] >= whole)
			UNTIL(&s, hears(program, LONG_TEXT));
		UNTIL(&s, was_reset(program));
		close(program);
		end(&s);
	}
}

static struct buf recorded;

static void record_question(struct scene *s, struct node_end *from, struct buf *bytes)
{
	if (from->to_provider)
		assert_int_equal(buf_append(&recorded, buf_head(bytes), buf_len(bytes)), 0);
}

static bool replays;

static void replay_question(struct scene *s, struct node_end *from, struct buf *bytes)
{
	if (!from->to_provider)
		return;
	bytes->end = bytes->start;
	if (replays)
		assert_int_equal(buf_append(bytes, buf_head(&recorded), buf_len(&recorded)), 0);
	replays = false;
}

/* All that one stream said, said again in another: the upstream is dialled, and hears nothing. */
static void what_is_said_again_is_not_heard(void **state)
{
	struct scene s;
	begin_usable(&s);
	s.meddle = record_question;
	int program = connect_program(&s);
	say(program, "pay 100");
	UNTIL(&s, s.n_accepted == 1);
	UNTIL(&s, hears(s.accepted[0], "pay 100"));
	close(program);
	UNTIL(&s, has_ended(s.accepted[0]));

	replays = true;
	s.meddle = replay_question;
	program = connect_program(&s);
	UNTIL(&s, s.joins[1].far.closed);
	if (s.n_accepted == 2) {
		char byte;
		assert_true(recv(s.accepted[1], &byte, 1, MSG_DONTWAIT) < 0);
	}
	UNTIL(&s, was_reset(program));
	close(program);
	buf_deinit(&recorded);
	end(&s);
}

/* From some byte on, what one stream says goes to the other's, and back. */
static size_t swap_from;

static void swap(struct scene *s, struct node_end *from, struct buf *bytes)
{
	if (s->n_joins == 2 && from->passed > swap_from) {
		s->joins[0].near.other = &s->joins[1].far;
		s->joins[1].near.other = &s->joins[0].far;
		s->joins[0].far.other = &s->joins[1].near;
		s->joins[1].far.other = &s->joins[0].near;
	}
}

static void streams_that_are_exchanged_are_reset(void **state)
{
	struct scene s;
	begin_usable(&s);
	int a = connect_program(&s), b = connect_program(&s);
	say(a, "of a");
	say(b, "of b");
	UNTIL(&s, s.n_accepted == 2);
	/* Either may have been accepted first. */
	char first[8] = "", second[8] = "";
	UNTIL(&s, recv(s.accepted[0], first, 4, MSG_DONTWAIT) == 4);
	UNTIL(&s, recv(s.accepted[1], second, 4, MSG_DONTWAIT) == 4);
	assert_string_not_equal(first, second);
	swap_from = 0;
	s.meddle = swap;
	say(a, "more of a");
	UNTIL(&s, s.joins[0].near.passed > 103 + 22);
	send(b, "more of b", 9, MSG_NOSIGNAL); /* unless it is reset by now */
	UNTIL(&s, was_reset(a));
	UNTIL(&s, was_reset(b));
	for (int i = 0; i < 2; i++) {
		char got[64];
		ssize_t n = recv(s.accepted[i], got, sizeof(got), MSG_DONTWAIT);
		/* At most the rest of its own, which was on its way. */
		if (n > 0)
			assert_true(got[n - 1] == (i == 0 ? first[3] : second[3]));
	}
	close(a);
	close(b);
	end(&s);
}

/* ---- It stands in between ---- */

/* Of itself, as the provider: the consumer is told that key, and believes it at the first contact. */
static void a_key_of_its_own_opens_nothing_with_a_pin(void **state)
{
	struct scene s;
	struct key_pair node;
	char service[256], text[KEY_TEXT_LEN + 1];
	forget_all();
	begin(&s, &(struct scene_options){0});
	key_text(s.published_key, text);
	end(&s);
	snprintf(service, sizeof(service), ALIAS "#%s", text);
	key_pair_random(&node);
	begin(&s, &(struct scene_options){.service = service});
	attach(&s, node.public);
	UNTIL(&s, endpoint(&s)->state == CLIENT_ENDPOINT_BARRED);
	assert_false(endpoint(&s)->port.open);
	assert_int_equal(s.n_joins, 0);
	end(&s);
}

/* Told another key, a consumer that had none seals for that: the provider cannot be it, and takes nothing. */
static void a_consumer_that_is_lied_to_is_not_joined_to_the_provider(void **state)
{
	struct scene s;
	struct key_pair node;
	forget_all();
	key_pair_random(&node);
	begin(&s, &(struct scene_options){0});
	attach(&s, node.public);
	UNTIL(&s, endpoint(&s)->state == CLIENT_ENDPOINT_USABLE);
	int program = connect_program(&s);
	say(program, LONG_TEXT);
	UNTIL(&s, was_reset(program));
	close(program);
	assert_int_equal(s.n_accepted, 0);
	assert_int_equal(s.joins[0].far.reason, FRAME_RESET_DENIED);
	end(&s);
}

/* The provider is told another link id than the consumer: it is in what both hash. */
static void another_link_id_is_refused(void **state)
{
	struct scene s;
	begin_usable(&s);
	s.link = 18;
	int program = connect_program(&s);
	say(program, LONG_TEXT);
	UNTIL(&s, was_reset(program));
	close(program);
	assert_int_equal(s.n_accepted, 0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_byte_is_a_reset),
		cmocka_unit_test(a_changed_answer_is_a_reset),
		cmocka_unit_test(what_is_cut_short_is_a_reset),
		cmocka_unit_test(what_is_said_again_is_not_heard),
		cmocka_unit_test(streams_that_are_exchanged_are_reset),
		cmocka_unit_test(a_key_of_its_own_opens_nothing_with_a_pin),
		cmocka_unit_test(a_consumer_that_is_lied_to_is_not_joined_to_the_provider),
		cmocka_unit_test(another_link_id_is_refused),
	};
	return cmocka_run_group_tests(tests, in_own_folder, leave_folder);
}
