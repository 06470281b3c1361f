/* SPDX-License-Identifier: MIT */
/* Streams, time and loss over a link that is up: rules 14, 16 and 18 to 26 of docs/protocol.md. */

#include "base/macros.h"
#include "crypto/crypto.h"
#include "pair.h"

static const struct mux_limits small = {.base_window = 4096,
	.max_window = 65536,
	.max_streams = 40};

static struct side *side_at(struct pair *p, unsigned i)
{
	return i ? &p->server : &p->client;
}

static void more(struct flow *f, size_t give, bool end)
{
	f->give += give;
	f->end = end;
	stream_ready(&f->stream);
}

static void take(struct flow *f, size_t n)
{
	f->take = n;
	stream_resume(&f->stream);
}

static void reset(struct flow *f)
{
	f->resetting = stream_alive(&f->stream);
	stream_reset(&f->stream, FRAME_RESET_CANCELLED);
}

static struct flow *draw_flow(struct pair *p)
{
	struct side *s = side_at(p, pair_draw(p, 2));
	struct flow *f = &s->flows[pair_draw(p, PAIR_FLOWS)];
	return f->used ? f : NULL;
}

static void anything(struct pair *p, uint32_t *next)
{
	struct flow *f = draw_flow(p);
	uint32_t op = pair_draw(p, 10);
	if (op == 0) {
		struct side *s = side_at(p, pair_draw(p, 2));
		if (*next < PAIR_FLOWS && mux_may_open(&s->link.mux)) {
			f = pair_open(s, (*next)++, pair_draw(p, 30000), pair_draw(p, 2));
			f->piece = pair_draw(p, 3) * 300;
		}
	} else if (op > 5) {
		pair_step(p);
		p->now += pair_draw(p, 50000);
	} else if (f && !f->n_closed && !f->resetting) {
		if (op == 1 && !f->end)
			more(f, pair_draw(p, 20000), !pair_draw(p, 4));
		else if (op == 2)
			take(f, pair_draw(p, 3) * pair_draw(p, 9000));
		else if (op == 3)
			take(f, SIZE_MAX);
		else if (op == 4 && !pair_draw(p, 12))
			reset(f);
	}
}

static void finish(struct pair *p)
{
	for (unsigned i = 0; i < 2; i++) {
		for (size_t k = 0; k < PAIR_FLOWS; k++) {
			struct flow *f = &side_at(p, i)->flows[k];
			if (!f->used || f->n_closed || f->resetting)
				continue;
			more(f, 0, true);
			take(f, SIZE_MAX);
		}
	}
}

/* What must hold of both ends of a stream when all is said (the rest stands in pair.c). */
static void check(struct flow *f, uint32_t seed)
{
	if (!f->used)
		return;
	struct flow *peer = pair_peer(f);
	bool ended = f->n_closed && f->reason == FRAME_RESET_NONE;
	if (stream_alive(&f->stream) || (!f->n_closed && !f->resetting))
		fail_msg("seed %u: flow %u is still %s", seed, f->number,
			stream_state_name(f->stream.state));
	if (ended && (f->got != peer->total || (!peer->n_closed && !peer->resetting)))
		fail_msg("seed %u: flow %u lost bytes", seed, f->number);
	/* A peer may still give up what it has not taken, when both FINs have been said. */
	if (ended && peer->n_closed && peer->reason == FRAME_RESET_NONE)
		assert_int_equal(peer->got, f->total);
	if (!ended && !f->resetting && f->reason == FRAME_RESET_CANCELLED && peer->resetting &&
		f->taken != peer->got)
		fail_msg("seed %u: flow %u: %zu taken, %zu told", seed, f->number, peer->got,
			(size_t)f->taken);
	assert_true(f->got <= peer->sent);
}

static void random_scripts(void **state)
{
	for (uint32_t seed = 1; seed <= 150; seed++) {
		struct pair p;
		struct pair_config config = {.limits = small};
		config.client_waives = config.server_waives = seed & 1;
		if (seed % 5 == 0)
			config.budget = 50000;
		pair_init(&p, &config, seed);
		p.cut = seed % 3 ? 0 : NOWHERE;
		pair_up(&p);
		uint32_t next = 0;
		for (int i = 0; i < 1500; i++)
			anything(&p, &next);
		finish(&p);
		pair_run(&p);
		finish(&p); /* those that the other side heard of only now */
		pair_run(&p);
		for (unsigned i = 0; i < 2; i++) {
			struct side *s = side_at(&p, i);
			for (size_t k = 0; k < PAIR_FLOWS; k++)
				check(&s->flows[k], seed);
			if (s->budget.sum.held || s->link.state != LINK_UP)
				fail_msg("seed %u: %zu in the budget, %s", seed, s->budget.sum.held,
					s->link.why);
			assert_int_equal(s->link.mux.n_local + s->link.mux.n_remote, 0);
		}
		pair_deinit(&p);
	}
}

/* The connection lost at any moment of a random script: no stream ends in order by it. */
static void random_losses(void **state)
{
	for (uint32_t seed = 1; seed <= 150; seed++) {
		struct pair p;
		struct pair_config config = {.limits = small};
		pair_init(&p, &config, seed);
		p.cut = 0;
		pair_up(&p);
		struct side *s = side_at(&p, seed & 1);
		s->break_at = s->n_piped + pair_draw(&p, 60000);
		uint32_t next = 0;
		for (int i = 0; i < 1500 && !p.broken; i++)
			anything(&p, &next);
		if (!p.broken)
			pair_break(&p);
		for (unsigned i = 0; i < 2; i++) {
			for (size_t k = 0; k < PAIR_FLOWS; k++) {
				struct flow *f = &side_at(&p, i)->flows[k];
				assert_true(!f->used || f->n_closed || f->resetting);
			}
			assert_int_equal(side_at(&p, i)->budget.sum.held, 0);
		}
		pair_deinit(&p);
	}
}

/* A byte changed amid a random script: the reader closes, and no wrong byte was delivered. */
static void random_tampering(void **state)
{
	for (uint32_t seed = 1; seed <= 150; seed++) {
		struct pair p;
		struct pair_config config = {.limits = small};
		pair_init(&p, &config, seed);
		p.cut = 0;
		pair_up(&p);
		struct side *s = side_at(&p, seed & 1);
		s->tamper_at = s->n_piped + pair_draw(&p, 20000);
		s->tamper_by = (uint8_t)(1 + pair_draw(&p, 255));
		uint32_t next = 0;
		for (int i = 0; i < 1500; i++)
			anything(&p, &next);
		finish(&p);
		pair_wait(&p, 40 * CLOCK_S);
		if (s->n_piped > s->tamper_at)
			assert_int_equal(pair_other(s)->link.state, LINK_CLOSED);
		pair_deinit(&p);
	}
}

/* One whose reader stalls stops itself and nothing else. */
static void a_slow_reader_stops_only_itself(void **state)
{
	struct pair p;
	pair_init(&p, NULL, 1);
	pair_up(&p);
	struct flow *stalled = pair_open(&p.client, 2, 30u << 20, true);
	pair_step(&p);
	pair_peer(stalled)->take = 100;
	pair_run(&p);
	struct flow *quick = pair_open(&p.client, 3, 20u << 20, true);
	pair_run(&p);
	assert_true(pair_peer(quick)->got_end);
	assert_int_equal(pair_peer(quick)->got, 20u << 20);
	assert_true(stalled->sent - pair_peer(stalled)->got <= MUX_MAX_WINDOW);
	assert_true(p.server.budget.sum.held + p.server.budget.sum.promised <
		    MUX_MAX_WINDOW + (MUX_MAX_WINDOW >> 3));
	take(pair_peer(stalled), SIZE_MAX);
	pair_run(&p);
	assert_true(pair_peer(stalled)->got_end);
	pair_deinit(&p);
}

/* More than three keys in each direction (rule 16). */
static void keys_are_renewed(void **state)
{
	struct pair p;
	pair_init(&p, NULL, 1);
	pair_up(&p);
	struct flow *f = pair_open(&p.client, 1, 1, false);
	pair_run(&p);
	uint8_t keys[2][SEAL_KEY_SIZE] = {0};
	int renewed[2] = {0};
	for (int i = 0; i < 3 * 4096 + 100; i++) {
		more(f, 1, false);
		more(pair_peer(f), 1, false);
		while (pair_step(&p))
			;
		for (unsigned k = 0; k < 2; k++) {
			const uint8_t *key = side_at(&p, k)->link.send.key;
			renewed[k] += memcmp(keys[k], key, SEAL_KEY_SIZE) != 0;
			memcpy(keys[k], key, SEAL_KEY_SIZE);
		}
	}
	assert_int_equal(renewed[0], 1 + 3);
	assert_int_equal(renewed[1], 1 + 3);
	assert_int_equal(f->got, 3 * 4096 + 100);
	assert_int_equal(p.client.link.state, LINK_UP);
	pair_deinit(&p);
}

static void idle_links_live_and_rest(void **state)
{
	struct pair p;
	pair_init(&p, NULL, 1);
	pair_up(&p);
	struct flow *f = pair_open(&p.client, 1, 10u << 20, false);
	pair_run(&p);
	assert_int_equal(pair_peer(f)->got, 10u << 20);
	uint64_t pings = p.client.link.mux.n_pings;
	pair_wait(&p, 63 * CLOCK_S);
	assert_in_range(p.client.link.mux.n_pings - pings, 12, 13);
	for (unsigned i = 0; i < 2; i++) {
		struct link *l = &side_at(&p, i)->link;
		assert_int_equal(l->state, LINK_UP);
		assert_null(l->in.data);
		assert_null(l->out.data);
		assert_null(l->mux.frames.data);
	}
	more(f, 1000, true);
	pair_run(&p);
	assert_true(pair_peer(f)->got_end);
	pair_deinit(&p);
}

/* What a proxy between the two may send on its own. */
static void proxy_pings(struct pair *p, struct side *s)
{
	static const char masked[] = "\x89\x80\1\2\3\4", plain[] = "\x89";
	size_t room, n = s->client ? sizeof(plain)
				   : sizeof(masked) - 1; /* with the NUL: a length of 0 */
	uint8_t *at = link_room(&s->link, &room);
	assert_true(at && room >= n);
	memcpy(at, s->client ? plain : masked, n);
	assert_int_equal(link_input(&s->link, n, p->now), 0);
}

/* How long a side lives on when nothing comes any more, its deadlines being kept. */
static uint64_t lives_alone(struct pair *p, struct side *s, uint64_t acks_until, bool pings)
{
	uint64_t began = p->now, due;
	const uint8_t *bytes;
	int ticks = 0;
	while ((due = link_deadline(&s->link)) != CLOCK_NEVER) {
		assert_true(due >= p->now && ticks++ < 100);
		p->now = due;
		if (p->now - began < acks_until)
			link_alive(&s->link, true, p->now);
		if (pings)
			proxy_pings(p, s);
		link_tick(&s->link, p->now);
		if (s->link.state == LINK_UP)
			link_sent(&s->link, link_output(&s->link, &bytes, p->now));
	}
	return p->now - began;
}

static void silence_is_death(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct pair p;
		pair_init(&p, NULL, 1);
		pair_up(&p);
		struct flow *f = pair_open(side_at(&p, i), 1, 1, false);
		pair_run(&p);
		struct side *s = side_at(&p, i);
		uint64_t quiet = p.now - s->link.last_alive;
		assert_int_equal(lives_alone(&p, s, 0, false) + quiet, LINK_SILENCE_MAX);
		assert_int_equal(s->link.end, LINK_END_SILENT);
		assert_string_equal(s->link.why, "silent for 15 s");
		assert_int_equal(f->reason, FRAME_RESET_LINK_LOST);
		pair_break(&p);
		pair_deinit(&p);

		/* Acknowledged bytes are a sign of life while they come (rule 26). */
		pair_init(&p, NULL, 1);
		pair_up(&p);
		uint64_t lived = lives_alone(&p, side_at(&p, i), 60 * CLOCK_S, false);
		assert_in_range(lived, 70 * CLOCK_S, 75 * CLOCK_S);
		pair_break(&p);
		pair_deinit(&p);

		/* A proxy's pings are not (rule 17). */
		pair_init(&p, NULL, 1);
		pair_up(&p);
		assert_true(lives_alone(&p, side_at(&p, i), 0, true) <= LINK_SILENCE_MAX);
		pair_break(&p);
		pair_deinit(&p);
	}
}

/* How long until the link is silent, when nothing comes and the kernel says this; 0: it is not. */
static uint64_t falls_silent(struct pair *p, struct side *s, bool acked, bool under_way)
{
	uint64_t began = p->now;
	assert_true(link_expect(&s->link, p->now));
	assert_false(link_expect(&s->link, p->now)); /* it waits for the first */
	while (!s->link.silent && p->now - began < 4 * CLOCK_S) {
		p->now = link_deadline(&s->link);
		if (acked)
			link_alive(&s->link, under_way, p->now);
		link_tick(&s->link, p->now);
	}
	return s->link.silent ? p->now - began : 0;
}

/* A link that does not answer is silent long before it is dead, until something comes. */
static void silence_is_told(void **state)
{
	const uint64_t usual = LINK_ASK_AFTER + LINK_SILENT_AFTER + LINK_DOUBT;
	for (unsigned i = 0; i < 2; i++) {
		struct pair p;
		pair_init(&p, NULL, 1);
		pair_up(&p);
		struct side *s = side_at(&p, i);
		pair_wait(&p, 1);
		uint64_t pings = s->link.mux.n_pings;
		assert_true(link_expect(&s->link, p.now));
		pair_wait(&p, 2 * CLOCK_S);
		assert_int_equal(s->link.mux.n_pings, pings + 1); /* asked once, as it answered */
		assert_int_equal(s->silences, 0);

		assert_int_equal(falls_silent(&p, s, false, false), usual);
		assert_int_equal(s->silences, 1);
		pair_run(&p);
		assert_false(s->link.silent);
		assert_int_equal(s->silences, 2);

		/* What a proxy's kernel takes is no answer, but a PING behind much data has time. */
		pair_wait(&p, 1);
		assert_int_equal(falls_silent(&p, s, true, false), usual);
		pair_run(&p);
		pair_wait(&p, 1);
		assert_int_equal(falls_silent(&p, s, true, true), 0);
		pair_run(&p);
		assert_int_equal(s->silences, 4);

		/* A round trip of a second is none either. */
		pair_wait(&p, 1);
		s->link.mux.rtt[0] = s->link.mux.rtt[1] = CLOCK_S;
		assert_int_equal(falls_silent(&p, s, false, false),
			LINK_ASK_AFTER + LINK_SILENT_RTTS * CLOCK_S + LINK_DOUBT);
		pair_break(&p);
		pair_deinit(&p);
	}
}

static void close_link(struct flow *f)
{
	link_close(&f->side->link, LINK_END_LOCAL, "that was the last one");
}

/*
 * The owner closes the link inside whatever runs. The other side then reads whole messages and a
 * close frame, however the buffers lay.
 */
static void closed_inside_callbacks(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		for (size_t size = 1; size < 200000; size += 9973) {
			struct pair p;
			pair_init(&p, NULL, 1);
			pair_up(&p);
			struct side *s = side_at(&p, i);
			struct flow *f = pair_open(s, 1, size, false);
			pair_run(&p);
			struct flow *other = pair_open(s, 2, 300, false);
			s->on_closed = close_link;
			more(pair_peer(f), 10, true);
			pair_run(&p);
			assert_true(f->got_end);
			other->give += 300;
			stream_ready(&other->stream);
			more(f, size, true); /* its FIN is the end of it, inside mux_fill() */
			pair_run(&p);
			assert_int_equal(s->link.end, LINK_END_LOCAL);
			assert_int_equal(f->reason, FRAME_RESET_NONE);
			assert_int_equal(other->reason, FRAME_RESET_LINK_LOST);
			assert_int_equal(pair_other(s)->link.end, LINK_END_LOST);
			assert_string_equal(pair_other(s)->link.why,
				"the other side closed the connection");
			assert_int_equal(buf_len(&pair_other(s)->link.in), 0);
			pair_deinit(&p);
		}
	}
	for (unsigned i = 0; i < 2; i++) {
		struct pair p;
		pair_init(&p, NULL, 1);
		pair_up(&p);
		struct side *s = side_at(&p, i);
		s->on_push = close_link;
		struct flow *f = pair_open(pair_other(s), 1, 70000, true);
		pair_open(pair_other(s), 2, 70000, true);
		pair_run(&p);
		assert_int_equal(s->link.end, LINK_END_LOCAL);
		assert_int_equal(f->reason, FRAME_RESET_LINK_LOST);
		pair_deinit(&p);
	}
}

static void goaway_lets_streams_finish(void **state)
{
	struct pair p;
	pair_init(&p, NULL, 1);
	pair_up(&p);
	struct flow *old = pair_open(&p.server, 1, 10, false);
	pair_run(&p);
	struct flow *late = pair_open(&p.server, 2, 10, false);
	link_output(&p.server.link, &(const uint8_t *){NULL}, p.now); /* on its way already */
	mux_goaway(&p.client.link.mux, FRAME_GOAWAY_SHUTDOWN);
	pair_run(&p);
	assert_int_equal(p.server.goaways, 1);
	assert_int_equal(late->reason, FRAME_RESET_CANCELLED);
	assert_false(p.client.flows[2].used);
	more(old, 90000, true);
	more(pair_peer(old), 90000, true);
	pair_run(&p);
	assert_int_equal(old->reason, FRAME_RESET_NONE);
	assert_int_equal(old->got, 90000);
	pair_deinit(&p);
}

static void ids_run_low(void **state)
{
	struct pair p;
	pair_init(&p, NULL, 1);
	pair_up(&p);
	uint32_t number = 0;
	p.client.link.mux.next_id = UINT32_MAX - 2 * (1u << 20) - 4;
	assert_int_equal(p.client.link.mux.next_id & 1, 1);
	while (!mux_ids_low(&p.client.link.mux)) {
		struct flow *f = pair_open(&p.client, number++, 100, true);
		pair_run(&p);
		assert_true(pair_peer(f)->got_end);
	}
	assert_in_range(number, 1, 4);
	assert_false(mux_may_open(&p.client.link.mux));
	/* GOAWAY: the other side looks for a new link too. */
	pair_run(&p);
	assert_int_equal(p.server.goaways, 1);
	assert_false(mux_may_open(&p.server.link.mux));
	pair_deinit(&p);
}

static int start(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_scripts),
		cmocka_unit_test(random_losses),
		cmocka_unit_test(random_tampering),
		cmocka_unit_test(a_slow_reader_stops_only_itself),
		cmocka_unit_test(keys_are_renewed),
		cmocka_unit_test(idle_links_live_and_rest),
		cmocka_unit_test(silence_is_death),
		cmocka_unit_test(silence_is_told),
		cmocka_unit_test(closed_inside_callbacks),
		cmocka_unit_test(goaway_lets_streams_finish),
		cmocka_unit_test(ids_run_low),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
