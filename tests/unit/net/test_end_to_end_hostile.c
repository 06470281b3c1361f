/* SPDX-License-Identifier: MIT */
/*
 * An exit node that cuts what it carries where it likes, and once changes, drops, repeats, swaps or adds something:
 * whatever it does, a program is given a beginning of what the other has sent, and hears an end only behind all of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "tests/unit/net/e2e_scene.h"

#define ROUNDS 600

static uint32_t seed;

/* Below n. */
static uint32_t draw(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

enum harm { NOTHING, FLIP, DROP, REPEAT, SWAP, ADD, CUT, DONE, N_HARMS };

/* One direction, through the exit node. */
struct way {
	struct scene_end *from;
	size_t passed;  /* bytes of it that went on */
	size_t harm_at; /* where it is harmed; SIZE_MAX: nowhere */
	enum harm harm;
	bool harmed;
};

static void drop(struct buf *b, size_t at, size_t n)
{
	memmove(buf_head(b) + at, buf_head(b) + at + n, buf_len(b) - at - n);
	b->end -= n;
}

static void insert(struct buf *b, size_t at, const uint8_t *p, size_t n)
{
	assert_int_equal(buf_reserve(b, n), 0);
	memmove(buf_head(b) + at + n, buf_head(b) + at, buf_len(b) - at);
	memcpy(buf_head(b) + at, p, n);
	buf_commit(b, n);
}

/* What waits in `said` is harmed at its front, or not yet. */
static void do_harm(struct way *w)
{
	struct buf *said = &w->from->said;
	size_t len = buf_len(said);
	uint8_t *p = buf_head(said), copy[64];
	size_t n = 1 + draw(sizeof(copy));
	n = MIN(len, n);
	if (!n)
		return;
	memcpy(copy, p, n);
	switch (w->harm) {
	case FLIP:
		p[draw((uint32_t)n)] ^= (uint8_t)(1 << draw(8));
		break;
	case DROP:
		drop(said, 0, n);
		break;
	case REPEAT:
		insert(said, 0, copy, n);
		break;
	case SWAP:
		if (len < 2 * n || memcmp(p, p + n, n) == 0)
			return;
		memcpy(p, p + n, n);
		memcpy(p + n, copy, n);
		break;
	case ADD:
		for (size_t i = 0; i < n; i++)
			copy[i] = (uint8_t)draw(256);
		insert(said, 0, copy, n);
		break;
	case CUT: /* and FIN there */
		w->from->other->told_end = true;
		stream_ready(&w->from->other->far);
		break;
	case DONE:
		stream_reset(&w->from->other->far, FRAME_RESET_NONE);
		break;
	case NOTHING:
	case N_HARMS:
		break;
	}
	w->harmed = true;
}

/* Nothing goes on there any more. */
static bool over(const struct way *w)
{
	return w->harmed && (w->harm == CUT || w->harm == DONE);
}

static bool pass(struct way *w)
{
	size_t n = 1 + draw(draw(4) ? 40000 : 200);
	if (over(w))
		return false;
	if (!w->harmed && w->passed <= w->harm_at && w->harm_at - w->passed < n) {
		size_t before = w->harm_at - w->passed;
		if (before && before < buf_len(&w->from->said)) {
			scene_forward(w->from, before);
			w->passed = w->harm_at;
			return true;
		}
		if (!before)
			do_harm(w);
		if (over(w))
			return false;
	}
	n = MIN(n, buf_len(&w->from->said));
	w->passed += n;
	return scene_forward(w->from, n);
}

static void say(struct scene_end *end)
{
	end->give = draw(3) ? draw(500) : draw(60000);
	end->end = draw(8);
	stream_ready(&end->relay.stream);
}

static void play(struct scene *t, struct way ways[2])
{
	say(&t->consumer);
	say(&t->provider);
	for (int idle = 0; idle < 3;) {
		scene_turn(t);
		bool moved = pass(&ways[draw(2)]);
		idle = moved ? 0 : idle + 1;
	}
	for (int i = 0; i < 4; i++) {
		scene_turn(t);
		while (pass(&ways[0]) || pass(&ways[1]))
			scene_turn(t);
	}
	scene_turn(t);
}

/* Where it was harmed, no data passed for whole; unless nothing was said behind the harm. */
static void check(const struct scene *t, const struct way ways[2], uint32_t began_with)
{
	for (int i = 0; i < 2; i++) {
		const struct scene_end *from = ways[i].from, *to = from->other;
		bool right = !to->wrong && (!ways[i].harmed || !to->got_end);
		if (!ways[0].harmed && !ways[1].harmed)
			right = right && to->got == from->give && to->got_end == from->end;
		if (to->n_ended && to->reason == FRAME_RESET_NONE)
			right = right && to->got_end && from->sent_end && to->sent_end;
		if (!right)
			fail_msg(
				"seed %u: harm %d at %zu of the %s: given %zu of %zu%s%s, ended %d "
				"times with %d",
				began_with, ways[i].harm, ways[i].harm_at,
				i ? "provider" : "consumer", to->got, from->sent,
				to->got_end ? " and an end" : "",
				to->wrong ? ", something else" : "", to->n_ended, to->reason);
	}
}

static void nothing_else_is_given_and_nothing_passes_for_whole(void **state)
{
	unsigned harmed[N_HARMS] = {0};
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		static struct scene t;
		seed = round * 2654435761u;
		struct scene_config config = {
			.suite = e2e_suite(draw(2)),
			.window = draw(3) ? 0 : 200 + draw(40000),
		};
		assert_int_equal(scene_init(&t, &config), 0);
		struct way ways[2] = {{.from = &t.consumer, .harm_at = SIZE_MAX},
			{.from = &t.provider, .harm_at = SIZE_MAX}};
		struct way *w = &ways[draw(2)];
		w->harm = (enum harm)draw(N_HARMS);
		if (w->harm != NOTHING)
			w->harm_at = draw(draw(2) ? 200 : 3000);
		play(&t, ways);
		check(&t, ways, round);
		if (w->harmed)
			harmed[w->harm]++;
		scene_deinit(&t);
		assert_int_equal(t.budget.sum.held, 0);
	}
	for (int i = 1; i < N_HARMS; i++)
		assert_true(harmed[i] > ROUNDS / 40);
}

/* Two consumers of one private service, whose streams are led to each other's from some byte on. */
static void streams_are_not_swapped(void **state)
{
	static const size_t from[] = {0, 1, 5, 60, 103};
	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		static struct scene a, b;
		const struct scene_config other = {.consumer_link = 18, .provider_link = 18};
		assert_int_equal(scene_init(&a, &(struct scene_config){0}), 0);
		assert_int_equal(scene_init(&b, &other), 0);
		say(&a.consumer);
		a.consumer.give += 1000;
		scene_turn(&a);
		scene_turn(&b);
		if (from[i]) {
			scene_forward(&a.consumer, from[i]);
			scene_forward(&b.consumer, from[i]);
		}
		if (from[i] == 103) {
			scene_run(&a);
			scene_run(&b);
			assert_int_equal(a.provider.got, a.consumer.give);
			a.consumer.give += 100;
			a.consumer.end = false;
			stream_ready(&a.consumer.relay.stream);
			scene_turn(&a);
			b.consumer.sent = 100;
		}
		struct buf *said = &a.consumer.said;
		if (buf_len(said))
			scene_tell(&b.provider, buf_head(said), buf_len(said));
		scene_turn(&b);
		assert_int_equal(b.provider.got, 0);
		assert_false(b.provider.wrong);
		if (buf_len(said))
			assert_int_equal(b.provider.n_ended, 1);
		scene_deinit(&a);
		scene_deinit(&b);
	}
}

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_else_is_given_and_nothing_passes_for_whole),
		cmocka_unit_test(streams_are_not_swapped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
