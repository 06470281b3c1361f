/* SPDX-License-Identifier: MIT */
/* Which stream lets go when memory is out (rule 21). */
#include "base/macros.h"
#include "fake.h"

#define N    8
#define HELD 2000 /* bytes that each stream holds before the one that is too many */

/* One a row: whose it is, and when it was given bytes and took some of them, in seconds. */
static const struct {
	struct {
		uint64_t group;
		unsigned came, took; /* took 0: none */
		size_t bytes;        /* so many then; 0: one */
	} streams[N];
	uint32_t gone; /* id of the one that is reset */
} rows[] = {
	/* Of one visitor: who has waited longest, not who came first. */
	{{{7, 1, 9}, {7, 2}, {7, 1, 8}, {7, 3}}, 3},
	{{{7, 1, 9}, {7, 1, 5}, {7, 1, 7}, {7, 1, 6}}, 3},
	/* Of many visitors: who has left most waiting for longest. */
	{{{1, 1, 9}, {2, 1, 9}, {3, 4}, {4, 5}}, 5},
	/* More streams make nobody lighter, nor do small steps with each of them. */
	{{{1, 5}, {2, 1, 8}, {2, 1, 8}, {2, 1, 8}, {2, 1, 8}, {2, 1, 7}}, 11},
	/* And a visitor of many that move is no heavier than one whose one does not. */
	{{{1, 2}, {2, 1, 10}, {2, 1, 10}, {2, 1, 10}, {2, 1, 10}, {2, 1, 10}}, 1},
	/* Streams of nobody weigh each for itself. */
	{{{0, 4}, {0, 4}, {0, 4}, {6, 2}}, 7},
	/* 1 KiB is good for a second: who takes more at once may rest longer. */
	{{{7, 1, 8, 2000}, {7, 9}}, 3},
	{{{7, 1, 7, 1024}, {7, 9}}, 1},
	/* Of two that weigh the same, the one whose stream came first. */
	{{{1, 5}, {2, 5}}, 1},
	/* What moved just now weighs by its bytes. */
	{{{1, 10}, {2, 10}, {2, 10}}, 3},
	{{{7, 1, 10, 200}, {7, 1, 10, 100}, {7, 1, 10, 300}}, 3},
};

static void run(size_t row)
{
	struct fake_mux f;
	size_t n = 0;
	fake_init(&f, false, SIZE_MAX / 4);
	f.take = 0;
	for (; n < N && rows[row].streams[n].came; n++) {
		uint32_t id = (uint32_t)(2 * n + 1);
		assert_int_equal(feed(&f, (struct fr[]){{FRAME_OPEN, id}, {0}}, FAKE_NOW), 0);
		fake_stream(&f, id)->stream.group = rows[row].streams[n].group;
	}
	for (unsigned second = 1; second <= 10; second++) {
		uint64_t now = FAKE_NOW + second * CLOCK_S;
		mux_tick(&f.mux, now);
		for (size_t i = 0; i < n; i++) {
			struct fake *x = f.streams[i];
			if (rows[row].streams[i].came == second)
				assert_int_equal(feed(&f,
							 (struct fr[]){{FRAME_DATA, x->stream.id,
									       HELD + 1},
								 {0}},
							 now),
					0);
			if (rows[row].streams[i].took != second)
				continue;
			x->take = rows[row].streams[i].bytes ? rows[row].streams[i].bytes : 1;
			stream_resume(&x->stream);
		}
	}
	f.budget.limit = f.budget.sum.held;
	budget_charge(&f.mux.account, 1);
	budget_release(&f.mux.account, 1);
	for (size_t i = 0; i < n; i++) {
		const struct fake *x = f.streams[i];
		bool gone = x->n_closed > 0;
		if (gone != (x->stream.id == rows[row].gone))
			fail_msg("row %zu: stream %u %s", row, x->stream.id,
				gone ? "is reset" : "is not");
		if (gone)
			assert_int_equal(x->reason, FRAME_RESET_NO_MEMORY);
	}
	fake_deinit(&f);
}

static void who_lets_go(void **state)
{
	for (size_t row = 0; row < ARRAY_LEN(rows); row++)
		run(row);
}

/* What the owner of a stream keeps of its bytes is charged as what is queued is, and given back with the stream. */
static void what_the_owner_keeps(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, 100000);
	f.take = SIZE_MAX;
	assert_int_equal(feed(&f, (struct fr[]){{FRAME_OPEN, 1}, {FRAME_OPEN, 3}, {0}}, FAKE_NOW),
		0);
	struct stream *a = &fake_stream(&f, 1)->stream, *b = &fake_stream(&f, 3)->stream;
	assert_true(stream_keep(a, 0, 30000));
	assert_int_equal(f.budget.sum.held, 30000);
	/* Bytes that pass change nothing about it. */
	assert_int_equal(feed(&f, (struct fr[]){{FRAME_DATA, 1, 100}, {0}}, FAKE_NOW), 0);
	assert_int_equal(f.budget.sum.held, 30000);
	assert_false(stream_keep(a, 30000, 50001)); /* half of the budget for one link */
	assert_true(stream_keep(a, 30000, 50000));
	assert_false(stream_keep(b, 0, 1));
	assert_true(stream_keep(a, 50000, 10000));
	assert_true(stream_keep(b, 0, 20000));
	assert_int_equal(f.budget.sum.held, 30000);
	/* It goes like any other that stands still. */
	f.budget.limit = f.budget.sum.held;
	budget_charge(&f.mux.account, 1);
	budget_release(&f.mux.account, 1);
	assert_int_equal(f.streams[0]->n_closed + f.streams[1]->n_closed, 1);
	assert_int_equal(f.streams[1]->reason, FRAME_RESET_NO_MEMORY);
	assert_false(stream_keep(b, 20000, 0)); /* it is closed */
	assert_int_equal(f.budget.sum.held, 10000);
	fake_deinit(&f);
}

/* What is kept for the peer and goes there moves: it weighs by its bytes, as a slow reader's queue does. */
static void what_the_owner_passes_on(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, 100000);
	assert_int_equal(feed(&f, (struct fr[]){{FRAME_OPEN, 1}, {FRAME_OPEN, 3}, {0}}, FAKE_NOW),
		0);
	struct stream *a = &fake_stream(&f, 1)->stream, *b = &fake_stream(&f, 3)->stream;
	/* More than one session may hold of datagrams, or an owner keep by its own choice. */
	stream_charge(a, 0, 60000);
	assert_int_equal(f.budget.sum.held, 60000);
	stream_charge(b, 0, 20000);
	f.mux.last_now += 100 * CLOCK_S;
	stream_charge(a, 60000, 10000);
	stream_charge(a, 10000, 60000);
	assert_int_equal(f.budget.sum.held, 80000);
	/* It holds more, and came first, but what stands still goes. */
	stream_charge(a, 60000, 80001);
	assert_int_equal(f.streams[1]->n_closed, 1);
	assert_int_equal(f.streams[1]->reason, FRAME_RESET_NO_MEMORY);
	assert_int_equal(f.streams[0]->n_closed, 0);
	/* And it goes itself, when there is nothing else. */
	stream_charge(a, 80001, 100001);
	assert_int_equal(f.streams[0]->n_closed, 1);
	assert_int_equal(f.budget.sum.held, 0);
	fake_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(who_lets_go),
		cmocka_unit_test(what_the_owner_keeps), cmocka_unit_test(what_the_owner_passes_on)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
