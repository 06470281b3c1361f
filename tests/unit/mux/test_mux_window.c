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
	assert_in_range(f.budget.used, a->stream.queued, FAKE_BASE + 1024);
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
	assert_int_equal(f.budget.used, most - FAKE_BASE);
	now += 60 * CLOCK_MS;
	assert_int_equal(round_trip(&f, 1, now), most);

	/* It rests: credit cannot be taken back, but what is used of it is not given again. */
	mux_tick(&f.mux, now + MUX_REST - 1);
	struct stream *s = &fake_stream(&f, 1)->stream;
	assert_int_equal(s->window, most);
	assert_int_equal(f.budget.used, most - FAKE_BASE);
	now += MUX_REST;
	mux_tick(&f.mux, now);
	assert_int_equal(s->window, FAKE_BASE);
	assert_int_equal(f.budget.used, s->granted - FAKE_BASE);
	data(&f, 1, s->granted - FAKE_BASE, now);
	assert_false(mux_pending(&f.mux));
	assert_int_equal(f.budget.used, 0);
	now += CLOCK_S;
	assert_int_equal(round_trip(&f, 1, now), FAKE_BASE);
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
	assert_int_equal(f.budget.used, 0);
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
	assert_true(f.budget.used > 0);
	fake_stream(&f, 1)->take = 10;
	data(&f, 1, 100, now);
	assert_int_equal(feed(&f, (struct fr[]){{FRAME_FIN, 1}, {0}}, now), 0);
	assert_in_range(f.budget.used, 90, 90 + 2048); /* what is queued, no more */
	assert_int_equal(fake_stream(&f, 1)->ended, 0);
	fake_stream(&f, 1)->take = SIZE_MAX;
	stream_resume(&fake_stream(&f, 1)->stream);
	assert_int_equal(fake_stream(&f, 1)->ended, 1);
	assert_int_equal(f.budget.used, 0);
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
	assert_in_range(f.budget.used, FAKE_BASE, FAKE_BASE + FAKE_BASE / 8);
	assert_int_equal(feed(&f, (struct fr[]){{FRAME_FIN, 1}, {0}}, FAKE_NOW), 0);
	for (size_t i = 0; i < FAKE_BASE; i += 64) {
		assert_int_equal(a->ended, 0);
		a->take = 64;
		stream_resume(&a->stream);
		assert_int_equal(a->got, i + 64);
	}
	assert_int_equal(a->ended, 1);
	assert_int_equal(f.budget.used, 0);
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
		assert_int_equal(f.budget.used, 0);
		fake_deinit(&f);
	}
}

static void share_budget(struct fake_mux *f, struct fake_mux *with)
{
	void (*relieve)(struct budget_account *) = f->mux.account.relieve;
	budget_account_deinit(&f->mux.account);
	budget_account_init(&f->mux.account, &with->budget, relieve);
}

/* Three sessions, one budget: who holds most lets go, and what only has credit is not asked. */
static void relief(void **state)
{
	struct fake_mux a, b, credit;
	fake_init(&a, false, 32 * FAKE_BASE);
	fake_init(&b, false, 1);
	fake_init(&credit, false, 1);
	share_budget(&b, &a);
	share_budget(&credit, &a);
	open_one(&credit, 1);
	uint64_t now = FAKE_NOW;
	for (int i = 0; i < 20; i++)
		round_trip(&credit, 1, now += 100);
	assert_int_equal(credit.mux.account.used, 15 * FAKE_BASE);

	a.take = b.take = 0;
	for (uint32_t id = 1; id < 40; id += 2) {
		open_one(&a, id);
		open_one(&b, id);
	}
	for (uint32_t id = 1; id < 8; id += 2)
		data(&a, id, FAKE_BASE, now);
	for (uint32_t id = 1; id < 40; id += 2) {
		data(&b, id, FAKE_BASE, now);
		assert_true(a.budget.used <= a.budget.limit);
	}
	size_t n_reset = 0;
	for (size_t i = 0; i < b.n; i++)
		if (b.streams[i]->n_closed) {
			assert_int_equal(b.streams[i]->reason, FRAME_RESET_NO_MEMORY);
			n_reset++;
		}
	assert_in_range(n_reset, 10, 14); /* holding less than `credit`, which has nothing queued */
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
				sum += f.streams[k]->stream.charged;
			if (sum != f.budget.used || f.budget.used > f.budget.limit)
				fail_msg("seed %u, step %d: %zu charged, %zu used", seed, i, sum,
					f.budget.used);
		}
		while (!list_empty(&f.mux.streams)) {
			struct stream *s = list_entry(f.mux.streams.next, struct stream, all);
			stream_reset(s, FRAME_RESET_NONE);
		}
		if (f.budget.used)
			fail_msg("seed %u: %zu left", seed, f.budget.used);
		fake_deinit(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credit_comes_back_by_halves),
		cmocka_unit_test(nothing_taken_nothing_granted),
		cmocka_unit_test(windows_grow_while_fast),
		cmocka_unit_test(windows_stay_while_slow),
		cmocka_unit_test(growth_stays_in_the_budget),
		cmocka_unit_test(an_ended_direction_costs_nothing),
		cmocka_unit_test(small_frames_are_gathered),
		cmocka_unit_test(resuming_inside_push),
		cmocka_unit_test(gone_inside_push),
		cmocka_unit_test(relief),
		cmocka_unit_test(budgets_return_to_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
