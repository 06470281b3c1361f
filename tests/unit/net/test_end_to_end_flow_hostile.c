/* SPDX-License-Identifier: MIT */
/*
 * An exit node that loses, repeats, delays, changes and invents datagrams of a sealed flow: a program is given what the
 * other's has sent, each at most once, and whatever was neither lost nor changed nor too far behind; nothing of it ends
 * the flow once both ends have their keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "tests/unit/net/e2e_flow_scene.h"

#define ROUNDS 200

static struct flow_scene t;
static uint32_t seed;

/* Below n. */
static uint32_t draw(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

static void begin(uint32_t round)
{
	seed = 88675123u + round;
	assert_int_equal(flow_scene_init(&t,
				 &(struct flow_scene_config){.suite = e2e_suite(round & 1)}),
		0);
	flow_scene_run(&t);
	assert_int_equal(t.consumer.e2e.state, E2E_UP);
	assert_int_equal(t.provider.e2e.state, E2E_UP);
}

static void end(void)
{
	assert_false(t.consumer.wrong);
	assert_false(t.provider.wrong);
	assert_int_equal(t.consumer.n_ended + t.provider.n_ended, 0);
	assert_int_equal(t.consumer.n_dropped, t.consumer.e2e.refused);
	flow_scene_deinit(&t);
	assert_int_equal(t.budget.sum.held, 0);
}

/* The one of that index goes on, and stays. */
static void forward_at(struct flow_end *from, size_t at)
{
	flow_scene_tell(&t, from->other, from->said[at].p, from->said[at].n);
}

static void swap(struct flow_end *from, size_t a, size_t b)
{
	struct datagram d = from->said[a];
	from->said[a] = from->said[b];
	from->said[b] = d;
}

static void say_many(struct flow_end *end, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		flow_scene_send(&t, end, 2 + draw(100));
		flow_scene_turn(&t);
	}
	assert_int_equal(end->n_said, n);
}

/* ---- One thing each ---- */

/* In any order within the window, each once. */
static void any_order(void **state)
{
	for (uint32_t round = 0; round < 20; round++) {
		begin(round);
		say_many(&t.consumer, REPLAY_WINDOW);
		for (size_t i = REPLAY_WINDOW - 1; i > 0; i--)
			swap(&t.consumer, i, draw((uint32_t)i + 1));
		for (size_t i = 0; i < REPLAY_WINDOW; i++) {
			forward_at(&t.consumer, i);
			assert_int_equal(t.provider.got, i + 1);
			forward_at(&t.consumer, draw((uint32_t)i + 1));
			assert_int_equal(t.provider.got, i + 1);
		}
		assert_int_equal(t.provider.n_dropped, REPLAY_WINDOW);
		end();
	}
}

static void too_far_behind(void **state)
{
	begin(1);
	say_many(&t.provider, REPLAY_WINDOW + 2);
	forward_at(&t.provider, REPLAY_WINDOW + 1);
	forward_at(&t.provider, 0);
	forward_at(&t.provider, 1);
	assert_int_equal(t.consumer.got, 1);
	assert_int_equal(t.consumer.n_dropped, 2);
	forward_at(&t.provider, 2); /* the window's last */
	assert_int_equal(t.consumer.got, 2);
	end();
}

/* Each bit of a datagram counts, that of its number and its kind as well. */
static void each_bit(void **state)
{
	for (uint32_t aes = 0; aes < 2; aes++) {
		begin(aes);
		say_many(&t.consumer, 1);
		struct datagram *d = &t.consumer.said[0];
		for (size_t bit = 0; bit < d->n * 8; bit++) {
			d->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			forward_at(&t.consumer, 0);
			d->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t n = 0; n < d->n; n++)
			flow_scene_tell(&t, &t.provider, d->p, n);
		assert_int_equal(t.provider.got, 0);
		assert_int_equal(t.provider.n_dropped, 9 * d->n);
		/* And none of them has moved the window. */
		forward_at(&t.consumer, 0);
		assert_int_equal(t.provider.got, 1);
		end();
	}
}

/* Back to its sender, or into the flow of another consumer. */
static void the_wrong_way(void **state)
{
	begin(0);
	say_many(&t.consumer, 3);
	for (size_t i = 0; i < 3; i++)
		flow_scene_tell(&t, &t.consumer, t.consumer.said[i].p, t.consumer.said[i].n);
	assert_int_equal(t.consumer.got, 0);
	assert_int_equal(t.consumer.n_dropped, 3);
	uint8_t other[200];
	size_t n = t.consumer.said[0].n;
	memcpy(other, t.consumer.said[0].p, n);
	end();
	begin(0);
	flow_scene_tell(&t, &t.provider, other, n);
	assert_int_equal(t.provider.got, 0);
	assert_int_equal(t.provider.n_dropped, 1);
	end();
}

/* A first message of another stream, when this one is up; and messages that only look like one. */
static void other_messages(void **state)
{
	begin(0);
	uint8_t first[E2E_FLOW_FIRST], second[E2E_FLOW_SECOND];
	memcpy(first, t.consumer.e2e.first, sizeof(first));
	memcpy(second, t.provider.e2e.second, sizeof(second));
	end();
	begin(0);
	flow_scene_tell(&t, &t.provider, first, sizeof(first));
	assert_int_equal(t.provider.n_said, 0);
	assert_int_equal(t.provider.n_asked, 1);
	assert_int_equal(t.provider.n_dropped, 1);
	flow_scene_tell(&t, &t.consumer, second, sizeof(second));
	flow_scene_tell(&t, &t.consumer, first, sizeof(first));
	assert_int_equal(t.consumer.n_dropped, 1);
	say_many(&t.provider, 1);
	flow_scene_run(&t);
	assert_int_equal(t.consumer.got, 1);
	end();
}

/* ---- The number of a new key ---- */

static void at_the_next_key(void **state)
{
	for (uint32_t aes = 0; aes < 2; aes++) {
		begin(aes);
		/* Both are at the key's end, as if as many had come. */
		t.consumer.e2e.send.n = t.provider.e2e.recv.n = SEAL_DATAGRAMS_PER_KEY - 5;
		t.provider.e2e.window.next = SEAL_DATAGRAMS_PER_KEY - 5;
		say_many(&t.consumer, 10);
		forward_at(&t.consumer, 0);
		forward_at(&t.consumer, 2);
		t.consumer.said[5].p[30] ^=
			1; /* the first of the new key, changed: moves nothing */
		forward_at(&t.consumer, 5);
		t.consumer.said[5].p[30] ^= 1;
		forward_at(&t.consumer, 4);
		assert_int_equal(t.provider.got, 3);
		forward_at(&t.consumer, 6);
		forward_at(&t.consumer, 5);
		assert_int_equal(t.provider.got, 5);
		forward_at(&t.consumer, 3); /* of the key before */
		assert_int_equal(t.provider.got, 5);
		for (size_t i = 7; i < 10; i++)
			forward_at(&t.consumer, i);
		assert_int_equal(t.provider.got, 8);
		assert_int_equal(t.provider.n_dropped, 2);
		end();
	}
}

/* ---- At random ---- */

static bool once(struct flow_end *from)
{
	size_t n = from->n_said, at = n ? draw((uint32_t)MIN(n, 4)) : 0;
	uint8_t junk[200];
	size_t size = draw(sizeof(junk));
	if (!n)
		return false;
	switch (draw(8)) {
	case 0: /* lost */
		flow_scene_lose(from, 0);
		break;
	case 1: /* repeated */
		forward_at(from, at);
		break;
	case 2: /* changed */
		if (from->said[at].n) {
			size_t bit = draw((uint32_t)from->said[at].n * 8);
			from->said[at].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			forward_at(from, at);
			from->said[at].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		break;
	case 3: /* invented */
		for (size_t i = 0; i < size; i++)
			junk[i] = (uint8_t)draw(256);
		if (size)
			junk[0] = (uint8_t)(1 + draw(3));
		flow_scene_tell(&t, from->other, junk, size);
		break;
	case 4: /* delayed */
		swap(from, 0, at);
		break;
	default:
		flow_scene_forward(&t, from);
	}
	return true;
}

static void at_random(void **state)
{
	size_t arrived = 0, dropped = 0;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		begin(round);
		for (int i = 0; i < 100; i++) {
			flow_scene_send(&t, draw(2) ? &t.consumer : &t.provider, 2 + draw(1500));
			flow_scene_turn(&t);
			if (draw(2))
				once(draw(2) ? &t.consumer : &t.provider);
		}
		while (once(&t.consumer) | once(&t.provider))
			;
		assert_true(t.provider.got <= t.consumer.n_sent);
		assert_true(t.consumer.got <= t.provider.n_sent);
		arrived += t.consumer.got + t.provider.got;
		dropped += t.consumer.n_dropped + t.provider.n_dropped;
		end();
	}
	/* Of 20,000, an eighth of what went was lost on the way. */
	assert_true(arrived > ROUNDS * 100 / 2);
	assert_true(dropped > ROUNDS * 100 / 8);
}

static int start(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order),
		cmocka_unit_test(too_far_behind),
		cmocka_unit_test(each_bit),
		cmocka_unit_test(the_wrong_way),
		cmocka_unit_test(other_messages),
		cmocka_unit_test(at_the_next_key),
		cmocka_unit_test(at_random),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
