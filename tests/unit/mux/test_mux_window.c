/* SPDX-License-Identifier: MIT */
/* What a stream may send us and what holding it costs: rules 20 to 22 of docs/protocol.md. */
#include <stdlib.h>

#include "base/macros.h"
#include "fake.h"

#define BUDGET ((size_t)16 << 20)
#define GRANT  (FAKE_BASE / 2) /* bytes taken that are worth credit */

static struct fr seen[SEEN_MAX];

static void open_one(struct fake_mux *f, uint32_t id)
{
	assert_int_equal(feed(f, (struct fr[]){{FRAME_OPEN, id}, {0}}, FAKE_NOW), 0);
}

static void data(struct fake_mux *f, uint32_t id, size_t n, uint64_t now)
{
	while (n) {
		size_t part = MIN(n, 60000);
		assert_int_equal(feed(f, (struct fr[]){{FRAME_DATA, id, part}, {0}}, now), 0);
		n -= part;
	}
}

/* Sends all that is granted, then reads the WINDOW: how a fast peer behaves. Returns the window. */
static uint32_t round_trip(struct fake_mux *f, uint32_t id, uint64_t now)
{
	struct stream *s = &fake_stream(f, id)->stream;
	uint32_t had = s->granted;
	data(f, id, had, now);
	size_t n = fill(f, 0, now, seen);
	uint64_t got = 0;
	for (size_t i = 0; i < n; i++)
		if (seen[i].type == FRAME_WINDOW && seen[i].id == id)
			got += seen[i].v;
	assert_int_equal(got, s->granted);
	return s->window;
}

static void measured(struct fake_mux *f, uint64_t rtt)
{
	uint8_t record[4096];
	mux_ping(&f->mux, FAKE_NOW);
	size_t n = mux_fill(&f->mux, record, sizeof(record), FAKE_NOW);
	record[0] = FRAME_PONG;
	assert_int_equal(mux_input(&f->mux, record, n, FAKE_NOW + rtt), 0);
}

static void credit_comes_back_by_halves(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, BUDGET);
	open_one(&f, 1);
	data(&f, 1, GRANT - 1, FAKE_NOW);
	assert_false(mux_pending(&f.mux));
	data(&f, 1, 1, FAKE_NOW);
	data(&f, 1, GRANT, FAKE_NOW); /* a second grant joins the first */
	assert_int_equal(fill(&f, 0, FAKE_NOW, seen), 1);
	assert_int_equal(seen[0].type, FRAME_WINDOW);
	assert_int_equal(fake_stream(&f, 1)->stream.granted, FAKE_BASE - 2 * GRANT + seen[0].v);
	fake_deinit(&f);
}

static void nothing_taken_nothing_granted(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, BUDGET);
	f.take = GRANT - 1;
	open_one(&f, 1);
	data(&f, 1, FAKE_BASE, FAKE_NOW);
	assert_false(mux_pending(&f.mux));
	struct fake *a = fake_stream(&f, 1);
	assert_int_equal(a->stream.queued, FAKE_BASE - GRANT + 1);
	assert_int_equal(f.mux.account.moved, GRANT - 1);
	assert_in_range(f.budget.sum.held, a->stream.queued, FAKE_BASE + 1024);
	a->take = 1;
	stream_resume(&a->stream);
	assert_true(mux_pending(&f.mux));
	assert_int_equal(a->got, GRANT);
	fake_deinit(&f);
}

static void windows_grow_while_fast(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, BUDGET);
	measured(&f, 50 * CLOCK_MS);
	open_one(&f, 1);
	uint64_t now = FAKE_NOW + CLOCK_S;
	uint32_t before = round_trip(&f, 1, now), most = f.mux.limits.max_window;
	int rounds = 0;
	for (; before < most; rounds++) {
		now += 60 * CLOCK_MS; /* below two round trips */
		assert_int_equal(round_trip(&f, 1, now), 2 * before);
		before *= 2;
	}
	assert_int_equal(rounds, 6);
	assert_int_equal(f.budget.sum.promised, most - FAKE_BASE);
	now += 60 * CLOCK_MS;
	assert_int_equal(round_trip(&f, 1, now), most);

	/* It rests: credit cannot be taken back, but what is used of it is not given again. */
	mux_tick(&f.mux, now + MUX_REST - 1);
	struct stream *s = &fake_stream(&f, 1)->stream;
	assert_int_equal(s->window, most);
	assert_int_equal(f.budget.sum.promised, most - FAKE_BASE);
	now += MUX_REST;
	mux_tick(&f.mux, now);
	assert_int_equal(s->window, FAKE_BASE);
	assert_int_equal(f.budget.sum.promised, 0); /* nor is anything kept for it any more */
	data(&f, 1, s->granted - FAKE_BASE, now);
	assert_false(mux_pending(&f.mux));
	assert_int_equal(f.budget.sum.promised, 0);
	now += CLOCK_S;
	assert_int_equal(round_trip(&f, 1, now), FAKE_BASE);
	fake_deinit(&f);
}

/* Its peer learns that a slow reader takes something long before half of a window was taken. */
static void a_slow_reader_is_told_of(void **state)
{
	struct fake_mux f;
	uint32_t told = 0;
	fake_init(&f, false, BUDGET);
	open_one(&f, 1);
	struct fake *s = fake_stream(&f, 1);
	s->take = 0;
	data(&f, 1, FAKE_BASE, FAKE_NOW);
	for (uint64_t i = 1; i <= 20; i++) {
		f.mux.last_now = FAKE_NOW + i * MUX_TELL / 4;
		s->take = 10;
		stream_resume(&s->stream);
		size_t n = fill(&f, 0, f.mux.last_now, seen);
		for (size_t k = 0; k < n; k++, told++) {
			assert_int_equal(seen[k].type, FRAME_WINDOW);
			assert_int_equal(seen[k].v, 1);
		}
	}
	assert_in_range(told, 4, 5); /* four times as often it took some */
	/* Who takes nothing is not told of. */
	f.mux.last_now += 10 * MUX_TELL;
	s->take = 0;
	stream_resume(&s->stream);
	assert_false(mux_pending(&f.mux));
	fake_deinit(&f);
}

static void windows_stay_while_slow(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, BUDGET);
	measured(&f, 50 * CLOCK_MS);
	open_one(&f, 1);
	for (int i = 1; i < 50; i++)
		assert_int_equal(round_trip(&f, 1, FAKE_NOW + (uint64_t)i * 101 * CLOCK_MS),
			FAKE_BASE);
	assert_int_equal(f.budget.sum.promised, 0);
	fake_deinit(&f);
}

/* However many grow, and however much of their credit is under way: what all may get fits. */
static void growth_stays_in_the_budget(void **state)
{
	struct fake_mux f;
	size_t limit = 40 * FAKE_BASE;
	fake_init(&f, false, limit);
	for (uint32_t id = 1; id < 41; id += 2)
		open_one(&f, id);
	uint64_t now = FAKE_NOW + CLOCK_S;
	for (int i = 0; i < 30; i++) {
		now += 100;
		/* Each has just not used up half of its window. */
		for (size_t k = 0; k < f.n; k++) {
			struct stream *s = &f.streams[k]->stream;
			if (s->granted > s->window / 2 + 1)
				data(&f, s->id, s->granted - s->window / 2 - 1, now);
		}
		for (size_t k = 0; k < f.n; k++)
			data(&f, f.streams[k]->stream.id, 2, now);
		fill(&f, 0, now, seen);
		size_t sum = 0;
		for (size_t k = 0; k < f.n; k++)
			sum += f.streams[k]->stream.window - FAKE_BASE;
		assert_in_range(sum, i > 1 ? limit / 4 : 0, limit / 2);
	}
	fake_deinit(&f);
}

static void an_ended_direction_costs_nothing(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, BUDGET);
	open_one(&f, 1);
	uint64_t now = FAKE_NOW;
	for (int i = 0; i < 10; i++)
		round_trip(&f, 1, now += 100);
	assert_true(f.budget.sum.promised > 0);
	fake_stream(&f, 1)->take = 10;
	data(&f, 1, 100, now);
	assert_int_equal(feed(&f, (struct fr[]){{FRAME_FIN, 1}, {0}}, now), 0);
	assert_int_equal(f.budget.sum.promised, 0);
	assert_in_range(f.budget.sum.held, 90, 90 + 2048); /* what is queued, no more */
	assert_int_equal(fake_stream(&f, 1)->ended, 0);
	fake_stream(&f, 1)->take = SIZE_MAX;
	stream_resume(&fake_stream(&f, 1)->stream);
	assert_int_equal(fake_stream(&f, 1)->ended, 1);
	assert_int_equal(f.budget.sum.held, 0);
	assert_false(mux_pending(&f.mux)); /* and nothing is granted to a stream that ended */
	fake_deinit(&f);
}

/* A peer that sends single bytes may not cost much more than the bytes. */
static void small_frames_are_gathered(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, BUDGET);
	f.take = 0;
	open_one(&f, 1);
	for (size_t i = 0; i < FAKE_BASE; i++)
		data(&f, 1, 1, FAKE_NOW);
	struct fake *a = fake_stream(&f, 1);
	assert_in_range(f.budget.sum.held, FAKE_BASE, FAKE_BASE + FAKE_BASE / 8);
	assert_int_equal(feed(&f, (struct fr[]){{FRAME_FIN, 1}, {0}}, FAKE_NOW), 0);
	for (size_t i = 0; i < FAKE_BASE; i += 64) {
		assert_int_equal(a->ended, 0);
		a->take = 64;
		stream_resume(&a->stream);
		assert_int_equal(a->got, i + 64);
	}
	assert_int_equal(a->ended, 1);
	assert_int_equal(f.budget.sum.held, 0);
	fake_deinit(&f);
}

static void resume_again(struct fake *f)
{
	stream_resume(&f->stream);
	stream_ready(&f->stream);
}

static void resuming_inside_push(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, BUDGET);
	f.take = 5;
	open_one(&f, 1);
	struct fake *a = fake_stream(&f, 1);
	a->on_push = resume_again;
	data(&f, 1, 100, FAKE_NOW);
	assert_int_equal(a->got, 5);
	data(&f, 1, 100, FAKE_NOW);
	a->take = SIZE_MAX;
	stream_resume(&a->stream);
	assert_int_equal(a->got, 200);
	fake_deinit(&f);
}

static void reset_self(struct fake *f)
{
	stream_reset(&f->stream, FRAME_RESET_PROTOCOL);
}

static void close_mux(struct fake *f)
{
	mux_close(&f->owner->mux, FRAME_RESET_LINK_LOST);
}

/* The stream, or the whole mux, may go inside push() and push_end(), from the wire or the queue. */
static void gone_inside_push(void **state)
{
	for (int how = 0; how < 8; how++) {
		bool mux = how & 1, queued = how & 2, at_end = how & 4;
		struct fake_mux f;
		fake_init(&f, false, BUDGET);
		open_one(&f, 1);
		open_one(&f, 3);
		struct fake *a = fake_stream(&f, 1);
		a->take = queued ? 0 : SIZE_MAX;
		struct fr frames[] = {{FRAME_DATA, 1, 2000}, {FRAME_DATA, 1, 100}, {FRAME_FIN, 1},
			{FRAME_DATA, 3, 10}, {0}};
		void (*gone)(struct fake *) = mux ? close_mux : reset_self;
		if (!queued)
			*(at_end ? &a->on_end : &a->on_push) = gone;
		int r = feed(&f, frames, FAKE_NOW);
		assert_int_equal(r < 0, mux && !queued);
		if (queued) {
			*(at_end ? &a->on_end : &a->on_push) = gone;
			a->take = SIZE_MAX;
			stream_resume(&a->stream);
		}
		assert_int_equal(a->stream.state, STREAM_CLOSED);
		assert_int_equal(a->n_closed, mux);
		assert_int_equal(a->ended, at_end);
		assert_int_equal(fake_stream(&f, 3)->got, mux && !queued ? 0 : 10);
		assert_int_equal(f.budget.sum.held, 0);
		fake_deinit(&f);
	}
}

/* Sessions that were fast once and let their credit lie leave the budget to others. */
static void idle_credit_keeps_nobody_small(void **state)
{
	struct fake_mux idle, other, busy;
	fake_init(&busy, false, 32 * FAKE_BASE);
	fake_init(&idle, false, 1);
	fake_init(&other, false, 1);
	fake_share_budget(&idle, &busy);
	fake_share_budget(&other, &busy);
	open_one(&idle, 1);
	open_one(&other, 1);
	open_one(&busy, 1);
	uint64_t now = FAKE_NOW;
	for (int i = 0; i < 20; i++) {
		round_trip(&idle, 1, now += 100);
		round_trip(&other, 1, now);
	}
	size_t was = busy.budget.sum.promised;
	assert_in_range(was, 22 * FAKE_BASE, 32 * FAKE_BASE);
	now += MUX_REST;
	mux_tick(&idle.mux, now);
	mux_tick(&other.mux, now);
	assert_int_equal(busy.budget.sum.promised, 0);
	for (int i = 0; i < 20; i++)
		round_trip(&busy, 1, now += 100);
	assert_int_equal(fake_stream(&busy, 1)->stream.window, 16 * FAKE_BASE);
	/* Who sends by it after all is charged, and lets go before those who hold less. */
	idle.streams[0]->take = busy.streams[0]->take = other.streams[0]->take = 0;
	data(&idle, 1, idle.streams[0]->stream.granted, now);
	data(&busy, 1, 14 * FAKE_BASE, now);
	assert_int_equal(idle.streams[0]->n_closed, 0);
	data(&other, 1, 4 * FAKE_BASE, now);
	assert_int_equal(idle.streams[0]->reason, FRAME_RESET_NO_MEMORY);
	assert_int_equal(busy.streams[0]->n_closed + other.streams[0]->n_closed, 0);
	fake_deinit(&other);
	fake_deinit(&idle);
	fake_deinit(&busy);
}

/* Three sessions, one budget: who holds most lets go; credit of another one is in nobody's way. */
static void relief(void **state)
{
	struct fake_mux a, b, credit;
	fake_init(&a, false, 16 * FAKE_BASE);
	fake_init(&b, false, 1);
	fake_init(&credit, false, 1);
	fake_share_budget(&b, &a);
	fake_share_budget(&credit, &a);
	open_one(&credit, 1);
	uint64_t now = FAKE_NOW;
	for (int i = 0; i < 20; i++)
		round_trip(&credit, 1, now += 100);
	assert_int_equal(credit.mux.account.sum.promised, 7 * FAKE_BASE);

	a.take = b.take = 0;
	for (uint32_t id = 1; id < 40; id += 2) {
		open_one(&a, id);
		open_one(&b, id);
	}
	for (uint32_t id = 1; id < 8; id += 2)
		data(&a, id, FAKE_BASE, now);
	for (uint32_t id = 1; id < 40; id += 2) {
		data(&b, id, FAKE_BASE, now);
		assert_true(a.budget.sum.held <= a.budget.limit);
	}
	size_t n_reset = 0;
	for (size_t i = 0; i < b.n; i++)
		if (b.streams[i]->n_closed) {
			assert_int_equal(b.streams[i]->reason, FRAME_RESET_NO_MEMORY);
			n_reset++;
		}
	assert_in_range(n_reset, 8, 10); /* one at a time, until it is enough */
	for (size_t i = 0; i < a.n; i++)
		assert_int_equal(a.streams[i]->n_closed, 0);
	assert_int_equal(credit.streams[0]->n_closed, 0);
	/* And its peer is told of each. */
	assert_int_equal(fill(&b, 0, now, seen), n_reset);
	for (size_t i = 0; i < n_reset; i++) {
		assert_int_equal(seen[i].type, FRAME_RESET);
		assert_int_equal(seen[i].reason, FRAME_RESET_NO_MEMORY);
	}
	fake_deinit(&credit);
	fake_deinit(&b);
	fake_deinit(&a);
}

static uint32_t rng;

static uint32_t draw(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng % n;
}

/* One step of anything that can happen to streams; the fake notices bytes that are wrong. */
static void anything(struct fake_mux *f, uint32_t *next_id, uint64_t now)
{
	struct fake *x = f->n ? f->streams[draw((uint32_t)f->n)] : NULL;
	switch (draw(9)) {
	case 0:
		if (f->n < FAKE_STREAMS && f->mux.n_remote < 60) {
			open_one(f, *next_id);
			f->streams[f->n - 1]->give = draw(3) * draw(9000);
			f->streams[f->n - 1]->end = draw(2);
			*next_id += 2;
		}
		break;
	case 1:
	case 2:
		if (x && stream_alive(&x->stream) && x->stream.granted && x->stream.id < 64) {
			struct fr fr[] = {{FRAME_DATA, x->stream.id,
						  1 + draw(MIN(x->stream.granted, 60000))},
				{0}};
			assert_int_equal(feed(f, fr, now), 0);
		}
		break;
	case 3:
		if (x) {
			x->take = draw(2) ? draw(20000) : 0;
			stream_resume(&x->stream);
		}
		break;
	case 4:
		if (x && stream_alive(&x->stream) && !x->stream.remote_end &&
			x->stream.state != STREAM_HALF_REMOTE && !draw(4))
			assert_int_equal(feed(f, (struct fr[]){{FRAME_FIN, x->stream.id}, {0}},
						 now),
				0);
		break;
	case 5:
		if (x && !draw(6))
			stream_reset(&x->stream, FRAME_RESET_CANCELLED);
		else if (x && !draw(6) && x->stream.id)
			assert_int_equal(feed(f, (struct fr[]){{FRAME_RESET, x->stream.id}, {0}},
						 now),
				0);
		break;
	case 6:
		if (x)
			stream_ready(&x->stream);
		break;
	case 7:
		mux_tick(&f->mux, now);
		break;
	default:
		fill(f, 4096 + draw(60000), now, seen);
	}
}

static void budgets_return_to_nothing(void **state)
{
	for (uint32_t seed = 1; seed <= 60; seed++) {
		rng = seed * 2654435761u;
		struct fake_mux f;
		fake_init(&f, false, (draw(20) + 1) * FAKE_BASE);
		f.take = draw(2) ? SIZE_MAX : 1000;
		uint32_t next_id = 1;
		uint64_t now = FAKE_NOW;
		for (int i = 0; i < 1500; i++) {
			anything(&f, &next_id, now += draw(3000));
			size_t sum = 0;
			for (size_t k = 0; k < f.n; k++)
				sum += f.streams[k]->stream.charged + f.streams[k]->stream.promised;
			const struct budget_sum *all = &f.budget.sum;
			if (sum != all->held + all->promised || all->held > f.budget.limit)
				fail_msg("seed %u, step %d: %zu of streams, %zu held, %zu promised",
					seed, i, sum, all->held, all->promised);
		}
		while (!list_empty(&f.mux.streams)) {
			struct stream *s = list_entry(f.mux.streams.next, struct stream, all);
			stream_reset(s, FRAME_RESET_NONE);
		}
		fake_deinit(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credit_comes_back_by_halves),
		cmocka_unit_test(nothing_taken_nothing_granted),
		cmocka_unit_test(windows_grow_while_fast),
		cmocka_unit_test(a_slow_reader_is_told_of),
		cmocka_unit_test(windows_stay_while_slow),
		cmocka_unit_test(growth_stays_in_the_budget),
		cmocka_unit_test(an_ended_direction_costs_nothing),
		cmocka_unit_test(small_frames_are_gathered),
		cmocka_unit_test(resuming_inside_push),
		cmocka_unit_test(gone_inside_push),
		cmocka_unit_test(idle_credit_keeps_nobody_small),
		cmocka_unit_test(relief),
		cmocka_unit_test(budgets_return_to_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
