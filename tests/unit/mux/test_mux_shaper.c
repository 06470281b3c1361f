/* SPDX-License-Identifier: MIT */
/*
 * Links of one identity that a rate holds: an exit node's muxes and their clients', records carried from
 * one to the other at once, and time that is a number. A test lets it go by; shapers have their ticks when
 * they asked for them.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "fake.h"
#include "mux/shaper.h"

#define MIB    ((size_t)1 << 20)
#define BUDGET (64 * MIB)
#define ALWAYS (SIZE_MAX / 2) /* bytes: a source or sink that never ends */
#define LINKS  2
#define STEP   CLOCK_MS
#define START  (10000 * CLOCK_S) /* later than any bucket takes to fill */

struct end_pair {
	struct fake_mux node, client;
	struct shaper shaper;
	uint64_t phase; /* µs: its ticks come so much later than others' */
	uint64_t due;   /* µs; CLOCK_NEVER: nobody waits */
	int ticks;
};

static struct {
	struct rate *rate;
	struct end_pair links[LINKS];
	uint64_t now;
} it;

static uint8_t record[FRAME_MESSAGE_MAX];

static void on_held(struct shaper *sh)
{
	struct end_pair *l = container_of(sh, struct end_pair, shaper);
	if (l->due == CLOCK_NEVER)
		l->due = it.now + SHAPER_TICK + l->phase;
}

/* With the windows of real links. */
static void begin_end(struct fake_mux *f, bool client)
{
	fake_init(f, client, BUDGET);
	f->mux.limits.base_window = MUX_BASE_WINDOW;
	f->mux.limits.max_window = MUX_MAX_WINDOW;
	mux_set_peer(&f->mux, MUX_BASE_WINDOW, 1000);
}

static int begin(void **state)
{
	memset(&it, 0, sizeof(it));
	it.now = START;
	it.rate = rate_new();
	assert_non_null(it.rate);
	for (int i = 0; i < LINKS; i++) {
		struct end_pair *l = &it.links[i];
		begin_end(&l->node, false);
		begin_end(&l->client, true);
		shaper_init(&l->shaper, &l->node.mux, &it.rate->down, &it.rate->up, on_held);
	}
	return 0;
}

static int end(void **state)
{
	for (int i = 0; i < LINKS; i++) {
		shaper_deinit(&it.links[i].shaper);
		fake_deinit(&it.links[i].node);
		fake_deinit(&it.links[i].client);
	}
	assert_int_equal(it.rate->up.waiting, 0);
	assert_int_equal(it.rate->down.waiting, 0);
	it.rate = rate_free(it.rate);
	return 0;
}

/* Both ways, full for a start. */
static void limit(uint64_t rate)
{
	rate_bucket_set(&it.rate->up, rate, it.now - 3600 * CLOCK_S);
	rate_bucket_set(&it.rate->down, rate, it.now - 3600 * CLOCK_S);
}

static bool carry(struct fake_mux *from, struct fake_mux *to)
{
	if (from->mux.closed || !mux_pending(&from->mux))
		return false;
	size_t n = mux_fill(&from->mux, record, sizeof(record), it.now);
	if (from->mux.closed || to->mux.closed)
		return false;
	assert_int_equal(mux_input(&to->mux, record, n, it.now), 0);
	return n > 0;
}

static void carry_all(void)
{
	for (int i = 0; i < LINKS; i++) {
		struct end_pair *l = &it.links[i];
		for (bool more = true; more;) {
			more = carry(&l->node, &l->client);
			more |= carry(&l->client, &l->node);
		}
	}
}

static void wait_for(uint64_t time)
{
	for (uint64_t until = it.now + time; it.now < until;) {
		carry_all();
		it.now += STEP;
		for (int i = 0; i < LINKS; i++) {
			struct end_pair *l = &it.links[i];
			if (l->due == CLOCK_NEVER || l->due > it.now)
				continue;
			l->ticks++;
			l->due = shaper_tick(&l->shaper, it.now) ? it.now + SHAPER_TICK
								 : CLOCK_NEVER;
		}
	}
	carry_all();
}

/* A stream of a visitor's, with so many bytes each way. */
static struct fake *open_on(int link, size_t down, size_t up)
{
	struct end_pair *l = &it.links[link];
	struct fake *f = fake_open(&l->node, down, false);
	carry_all();
	struct fake *peer = fake_stream(&l->client, f->stream.id);
	assert_non_null(peer);
	peer->give = up;
	stream_ready(&peer->stream);
	return f;
}

static struct fake *peer_of(const struct fake *f)
{
	struct end_pair *l = container_of(f->owner, struct end_pair, node);
	return fake_stream(&l->client, f->stream.id);
}

static struct fake *open_flow(int link, size_t size, size_t down, size_t up)
{
	struct end_pair *l = &it.links[link];
	struct fake *f = fake_open(&l->node, down, false);
	f->stream.datagrams = true;
	f->piece = size;
	carry_all();
	struct fake *peer = fake_stream(&l->client, f->stream.id);
	peer->stream.datagrams = true;
	peer->piece = size;
	peer->give = up;
	stream_ready(&peer->stream);
	return f;
}

static void assert_share(const char *what, double is, double should, double tolerance)
{
	if (is < should * (1 - tolerance) || is > should * (1 + tolerance))
		fail_msg("%s: %.0f instead of %.0f", what, is, should);
}

/* ---- The rate ---- */

/* 10 MiB/s hold within 5 % over 10 s, and each stream has about the same; both ways at once. */
static void holds_for(unsigned here, unsigned there, uint64_t phase)
{
	begin(NULL);
	limit(10 * MIB);
	it.links[1].phase = phase;
	struct fake *streams[64];
	unsigned n = here + there;
	for (unsigned i = 0; i < n; i++)
		streams[i] = open_on(i < here ? 0 : 1, ALWAYS, ALWAYS);
	wait_for(10 * CLOCK_S);
	size_t up = 0, down = 0;
	for (unsigned i = 0; i < n; i++) {
		up += streams[i]->got;
		down += peer_of(streams[i])->got;
	}
	assert_share("up", (double)up, 100.0 * MIB, 0.05);
	assert_share("down", (double)down, 100.0 * MIB, 0.05);
	/* The first one alone had what a full bucket holds. */
	for (unsigned i = 1; i < n; i++) {
		double others_up = (double)(up - streams[0]->got) / (n - 1);
		double others_down = (double)(down - peer_of(streams[0])->got) / (n - 1);
		assert_share("a stream up", (double)streams[i]->got, others_up, 0.05);
		assert_share("a stream down", (double)peer_of(streams[i])->got, others_down, 0.05);
	}
	end(NULL);
}

static void holds(void **state)
{
	holds_for(1, 0, 0);
	holds_for(20, 0, 0);
	holds_for(10, 10, 0);
	holds_for(10, 10, 1 * CLOCK_MS);
	holds_for(5, 15, 1 * CLOCK_MS);
	holds_for(15, 5, 1 * CLOCK_MS);
	holds_for(19, 1, 9 * CLOCK_MS);
}

/* Where others use less than their share the rest is not lost. */
static void one_takes_what_others_leave(void **state)
{
	limit(10 * MIB);
	struct fake *bulk = open_on(0, 0, ALWAYS);
	for (int second = 0; second < 10; second++) {
		struct fake *little = open_on(1, 0, MIB);
		wait_for(CLOCK_S);
		assert_int_equal(little->got, MIB);
	}
	assert_share("bulk", (double)bulk->got, 90.0 * MIB, 0.05);
}

static void slow_rates_move_too(void **state)
{
	static const uint64_t rates[] = {1, 100, 3000, 40000};
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		begin(NULL);
		limit(rates[i]);
		struct fake *a = open_on(0, ALWAYS, ALWAYS), *b = open_on(1, ALWAYS, ALWAYS);
		wait_for(100 * CLOCK_S);
		size_t most = MAX(RATE_BURST_MIN, (size_t)(rates[i] * RATE_BURST / CLOCK_S)) +
			      100 * rates[i];
		size_t up = a->got + b->got, down = peer_of(a)->got + peer_of(b)->got;
		size_t least = most - MIN(most - 1, 2 * SHAPER_CRUMB + rates[i]);
		assert_in_range(up, least, most);
		assert_in_range(down, least, most + SHAPER_CRUMB); /* owed by one of them */
		end(NULL);
	}
}

/* ---- Who waits ---- */

/* Before the rate has brought a first share they come, several at once: filling a record ends nevertheless. */
static void they_come_before_the_first_share(void **state)
{
	struct fake *all[5];
	limit(1);
	all[0] = open_on(0, ALWAYS, 0);
	wait_for(10 * SHAPER_TICK);
	for (size_t i = 1; i < ARRAY_LEN(all); i++)
		all[i] = fake_open(&it.links[0].node, ALWAYS, false);
	wait_for(10 * SHAPER_TICK);
	limit(100 * MIB);
	wait_for(CLOCK_S);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		assert_true(all[i]->pulled > MIB);
}

/* While its source and sink would go on nobody is asked, nothing is to be sent, and no memory grows. */
static void who_waits_costs_nothing(void **state)
{
	limit(1000000);
	struct fake *f = open_on(0, ALWAYS, ALWAYS);
	carry_all();
	assert_false(mux_pending(&it.links[0].node.mux));
	assert_int_equal(f->pulled, 250000);
	assert_int_equal(f->got, 250000);
	int pulls = f->n_pulls;
	it.now += SHAPER_TICK - 1;
	stream_ready(&f->stream);
	stream_resume(&f->stream);
	carry_all();
	assert_int_equal(f->n_pulls, pulls);
	assert_int_equal(f->got, 250000);
	assert_false(mux_pending(&it.links[0].node.mux));
	/* No credit is given back for what waits. */
	assert_true(f->stream.queued <= f->stream.window);
	wait_for(5 * CLOCK_S);
	assert_true(f->stream.window <= 2 * MUX_BASE_WINDOW);
}

static void an_idle_rate_has_no_ticks(void **state)
{
	limit(MIB);
	open_on(0, 2 * MIB, 2 * MIB);
	wait_for(4 * CLOCK_S);
	int ticks = it.links[0].ticks;
	assert_true(ticks > 100 && ticks < 250);
	assert_int_equal(it.links[0].due, CLOCK_NEVER);
	assert_int_equal(it.rate->up.waiting + it.rate->down.waiting, 0);
	wait_for(CLOCK_S);
	assert_int_equal(it.links[0].ticks, ticks);
	assert_int_equal(it.rate->up.passed, 2 * MIB);
	assert_int_equal(it.rate->down.passed, 2 * MIB);
	assert_true(it.rate->up.held > 0 && it.rate->down.held > 0);
}

/* Behind 19 downloads and uploads a small question and its answer take less than what the burst lasts. */
static void small_answers_do_not_starve(void **state)
{
	limit(MIB);
	for (int i = 0; i < 19; i++)
		open_on(i % LINKS, ALWAYS, ALWAYS);
	wait_for(2 * CLOCK_S);
	for (int i = 0; i < 20; i++) {
		struct fake *f = open_on(i % LINKS, 400, 0);
		uint64_t began = it.now;
		while (!peer_of(f) || peer_of(f)->got < 400)
			wait_for(STEP);
		struct fake *peer = peer_of(f);
		peer->give = 400;
		stream_ready(&peer->stream);
		while (f->got < 400)
			wait_for(STEP);
		assert_in_range(it.now - began, 0, RATE_BURST);
		stream_reset(&f->stream, FRAME_RESET_CANCELLED);
	}
}

/* ---- Changes ---- */

static void a_raised_rate_wakes(void **state)
{
	limit(1000);
	struct fake *f = open_on(0, ALWAYS, ALWAYS);
	wait_for(CLOCK_S);
	size_t up = f->got, down = f->pulled;
	assert_in_range(up, 1, 2100);
	assert_in_range(down, 1, 2100);
	rate_bucket_set(&it.rate->up, 10 * MIB, it.now);
	rate_bucket_set(&it.rate->down, 10 * MIB, it.now);
	wait_for(CLOCK_S);
	assert_share("up", (double)(f->got - up), 10.0 * MIB, 0.05);
	assert_share("down", (double)(f->pulled - down), 10.0 * MIB, 0.05);
}

static void without_a_rate_all_goes_on(void **state)
{
	for (int how = 0; how < 2; how++) {
		begin(NULL);
		limit(1000);
		struct fake *f = open_on(0, MIB, MIB), *g = open_on(0, MIB, MIB);
		struct fake *flow = open_flow(0, 100, 10, 10);
		wait_for(100 * CLOCK_MS);
		assert_true(it.links[0].due != CLOCK_NEVER);
		if (how) {
			shaper_deinit(&it.links[0].shaper);
			it.links[0].due = CLOCK_NEVER;
			assert_null(it.links[0].node.mux.shaper);
		} else {
			rate_bucket_set(&it.rate->up, RATE_NONE, it.now);
			rate_bucket_set(&it.rate->down, RATE_NONE, it.now);
		}
		wait_for(3 * SHAPER_TICK);
		assert_int_equal(it.links[0].due, CLOCK_NEVER);
		assert_int_equal(f->got, MIB);
		assert_int_equal(g->got, MIB);
		assert_int_equal(peer_of(f)->got, MIB);
		assert_int_equal(peer_of(g)->got, MIB);
		assert_int_equal(peer_of(flow)->n_datagrams, 10);
		end(NULL);
	}
}

/* One way alone. */
static void the_other_way_is_free(void **state)
{
	rate_bucket_set(&it.rate->up, 1000, it.now);
	struct fake *f = open_on(0, 5 * MIB, ALWAYS);
	wait_for(CLOCK_S);
	assert_int_equal(peer_of(f)->got, 5 * MIB);
	assert_in_range(f->got, 1, 2100);
}

/* ---- Ends ---- */

static void what_waits_comes_before_its_end(void **state)
{
	limit(100000);
	struct fake *f = open_on(0, 60000, 60000);
	struct fake *peer = peer_of(f);
	f->end = peer->end = true;
	stream_ready(&f->stream);
	stream_ready(&peer->stream);
	wait_for(100 * CLOCK_MS);
	assert_int_equal(f->ended + peer->ended, 0);
	wait_for(CLOCK_S);
	assert_int_equal(f->got, 60000);
	assert_int_equal(peer->got, 60000);
	assert_int_equal(f->ended, 1);
	assert_int_equal(peer->ended, 1);
	assert_int_equal(f->n_closed, 1);
	assert_int_equal(f->reason, FRAME_RESET_NONE);
}

static void reset_now(struct fake *f)
{
	stream_reset(&f->stream, FRAME_RESET_CANCELLED);
}

static void close_link_now(struct fake *f)
{
	mux_close(&f->owner->mux, FRAME_RESET_LINK_LOST);
}

/* Streams and links that end while they wait, and in their own turns. */
static void ends_while_waiting(void **state)
{
	static void (*const rows[])(struct fake *) = {NULL, reset_now, close_link_now};
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		begin(NULL);
		limit(100000);
		struct fake *f[5];
		for (size_t j = 0; j < ARRAY_LEN(f); j++)
			f[j] = open_on(0, ALWAYS, ALWAYS);
		wait_for(CLOCK_S);
		void (*how)(struct fake *) = rows[i / 2];
		if (!how)
			reset_now(f[2]);
		else if (i % 2)
			f[2]->on_pull = how;
		else
			f[2]->on_push = how;
		if (how == reset_now && i % 2)
			f[2]->on_pull = NULL; /* pull() itself must not */
		wait_for(CLOCK_S);
		if (how == close_link_now)
			assert_int_equal(f[4]->n_closed, 1);
		else
			assert_true(stream_alive(&f[4]->stream));
		end(NULL);
	}
}

/* A socket without room does not keep the others from their turns, and goes on when it has some. */
static void full_sockets_do_not_hold_the_line(void **state)
{
	limit(MIB);
	struct fake *full = open_on(0, 0, ALWAYS), *good = open_on(0, 0, ALWAYS);
	wait_for(CLOCK_S);
	full->take = 0;
	size_t had = good->got, stuck = full->got;
	wait_for(CLOCK_S);
	assert_share("the other", (double)(good->got - had), 1.0 * MIB, 0.05);
	assert_int_equal(full->got, stuck);
	had = good->got;
	full->take = SIZE_MAX;
	stream_resume(&full->stream);
	wait_for(CLOCK_S);
	assert_share("half each", (double)(good->got - had), 0.5 * MIB, 0.1);
	assert_share("half each", (double)(full->got - stuck), 0.5 * MIB, 0.1);
}

/* ---- Datagrams ---- */

/* Passes and drops in all what the rate says; beside uploads a flow has a stream's share, as they have. */
static void datagrams_have_their_share(void **state)
{
	static const struct {
		unsigned bulk, flows;
		size_t size;
	} rows[] = {{0, 1, 1200}, {0, 4, 1200}, {1, 1, 1200}, {3, 1, 100}, {2, 2, 60000}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin(NULL);
		limit(MIB);
		struct fake *f[8];
		unsigned n = rows[i].bulk + rows[i].flows;
		for (unsigned j = 0; j < n; j++)
			f[j] = j < rows[i].bulk ? open_on(0, 0, ALWAYS)
						: open_flow(0, rows[i].size, 0, 0);
		uint64_t until = it.now + 20 * CLOCK_S;
		size_t sent = 0;
		while (it.now < until) { /* each flow twice the rate */
			for (unsigned j = rows[i].bulk; j < n; j++) {
				struct fake *peer = peer_of(f[j]);
				peer->give += (size_t)(2 * MIB * STEP / CLOCK_S) / rows[i].size + 1;
				sent += (size_t)(2 * MIB * STEP / CLOCK_S) / rows[i].size + 1;
				stream_ready(&peer->stream);
			}
			wait_for(STEP);
		}
		size_t sum = 0, came = 0;
		for (unsigned j = 0; j < n; j++) {
			sum += f[j]->got;
			came += (size_t)f[j]->n_datagrams;
		}
		assert_share("in all", (double)sum, 20.0 * MIB, 0.05);
		/* Flows alone: first come, first served. */
		for (unsigned j = 0; rows[i].bulk && j < n; j++)
			assert_share("a share", (double)f[j]->got, (double)sum / n, 0.1);
		assert_int_equal(it.rate->up.dropped, sent - came);
		end(NULL);
	}
}

/* What we send waits in its owner, and goes whole. */
static void datagrams_out(void **state)
{
	limit(MIB);
	struct fake *bulk = open_on(0, ALWAYS, 0);
	struct fake *flow = open_flow(0, 30000, ALWAYS, 0);
	wait_for(10 * CLOCK_S);
	double sum = (double)(bulk->pulled + flow->pulled);
	assert_share("in all", sum, 10.0 * MIB, 0.05);
	assert_share("the flow", (double)flow->pulled, sum / 2, 0.25);
	assert_int_equal(peer_of(flow)->got, flow->pulled);
}

int main(void)
{
#define SHAPED(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds),
		SHAPED(one_takes_what_others_leave),
		cmocka_unit_test(slow_rates_move_too),
		SHAPED(they_come_before_the_first_share),
		SHAPED(who_waits_costs_nothing),
		SHAPED(an_idle_rate_has_no_ticks),
		SHAPED(small_answers_do_not_starve),
		SHAPED(a_raised_rate_wakes),
		cmocka_unit_test(without_a_rate_all_goes_on),
		SHAPED(the_other_way_is_free),
		SHAPED(what_waits_comes_before_its_end),
		cmocka_unit_test(ends_while_waiting),
		SHAPED(full_sockets_do_not_hold_the_line),
		cmocka_unit_test(datagrams_have_their_share),
		SHAPED(datagrams_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
