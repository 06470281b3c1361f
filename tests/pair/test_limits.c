/* SPDX-License-Identifier: MIT */
/* Where a link's limits are, to the message, the byte and the microsecond. */
#include "base/macros.h"
#include "crypto/crypto.h"
#include "pair.h"

/* A message of a later version, which is read and passed over, of `n` bytes. */
static void say(struct side *s, size_t n)
{
	static const char begin[] = "{\"type\":\"later\",\"x\":\"", end[] = "\"}";
	static char json[CONTROL_MAX];
	size_t pad = n - strlen(begin) - strlen(end);
	memcpy(json, begin, strlen(begin));
	memset(json + strlen(begin), 'x', pad);
	memcpy(json + strlen(begin) + pad, end, strlen(end));
	assert_int_equal(mux_control(&s->link.mux, json, n), 0);
	while (pair_step(s->pair)) /* the time stands still */
		;
}

/* How many of them, up to `max`, the other side takes before it closes the link. */
static size_t taken(struct side *s, size_t n, size_t max)
{
	const struct link *other = &pair_other(s)->link;
	for (size_t i = 0; i < max; i++) {
		say(s, n);
		if (other->state == LINK_CLOSED)
			return i;
	}
	return max;
}

/* A burst, and then what the rate allows: by bytes, but a small one costs as much as LINK_CONTROL_LEAST. */
static void control_messages_are_bounded(void **state)
{
	static const struct {
		size_t size, cost;
	} rows[] = {
		{40, LINK_CONTROL_LEAST},
		{LINK_CONTROL_LEAST, LINK_CONTROL_LEAST},
		{2 * LINK_CONTROL_LEAST, 2 * LINK_CONTROL_LEAST},
		{CONTROL_MAX, CONTROL_MAX},
	};
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		struct pair p;
		size_t size = rows[i / 2].size, cost = rows[i / 2].cost;
		/* All but the hello, and what rounding takes: one in a hundred. */
		size_t burst = LINK_CONTROL_BURST / cost, slack = burst / 100 + 3;
		size_t a_second = LINK_CONTROL_RATE / cost;
		pair_init(&p, NULL, 1);
		p.cut = NOWHERE;
		pair_up(&p);
		struct side *s = i % 2 ? &p.client : &p.server;
		assert_int_equal(taken(s, size, burst - slack), burst - slack);
		p.now += CLOCK_S;
		assert_int_equal(taken(s, size, a_second), a_second);
		/* A time without any is worth a burst and no more. */
		p.now += 100 * CLOCK_S;
		assert_in_range(taken(s, size, SIZE_MAX), burst - 1, burst + slack);
		const struct link *other = &pair_other(s)->link;
		assert_int_equal(other->end, LINK_END_VIOLATION);
		assert_string_equal(other->why, "more control messages than it may send");
		pair_break(&p);
		pair_deinit(&p);
	}
}

/* One record more is made as long as it fits, to the byte, beside what waits for the socket already. */
static void records_are_made_while_they_fit(void **state)
{
	struct pair p;
	const uint8_t *bytes;
	pair_init(&p, NULL, 1);
	pair_up(&p);
	struct link *l = &p.client.link;
	pair_open(&p.client, 1, 300000, true);
	mux_set_record(&l->mux, MUX_RECORD_MIN);
	l->output_max = 0;
	size_t n = link_output(l, &bytes, p.now);
	assert_true(n > 0); /* one there is always */
	l->output_max = (uint32_t)n + MUX_RECORD_MIN - 1;
	assert_int_equal(link_output(l, &bytes, p.now), n);
	l->output_max++;
	assert_true(link_output(l, &bytes, p.now) > n);
	pair_run(&p);
	pair_deinit(&p);
}

/* What came at the moment of the question is no answer to it. */
static void an_answer_comes_later(void **state)
{
	struct pair p;
	pair_init(&p, NULL, 1);
	p.cut = NOWHERE;
	pair_up(&p);
	say(&p.client, 40);
	assert_true(link_expect(&p.server.link, p.now));
	assert_false(link_expect(&p.server.link, p.now)); /* it is expected already */
	p.now++;
	assert_false(link_expect(&p.server.link, p.now));
	say(&p.client, 40);
	assert_true(link_expect(&p.server.link, p.now));
	pair_deinit(&p);
}

static void a_handshake_has_its_time(void **state)
{
	struct pair p;
	pair_init(&p, NULL, 1);
	struct link *l = &p.server.link;
	assert_int_equal(link_deadline(l), p.now + LINK_HANDSHAKE_TIME);
	assert_int_equal(link_tick(l, p.now + LINK_HANDSHAKE_TIME - 1), 0);
	assert_int_equal(l->state, LINK_HANDSHAKE);
	assert_true(link_tick(l, p.now + LINK_HANDSHAKE_TIME) < 0);
	assert_int_equal(l->end, LINK_END_SILENT);
	pair_break(&p);
	pair_deinit(&p);
}

static int start(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_messages_are_bounded),
		cmocka_unit_test(records_are_made_while_they_fit),
		cmocka_unit_test(an_answer_comes_later),
		cmocka_unit_test(a_handshake_has_its_time),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
