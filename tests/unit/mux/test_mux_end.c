/* SPDX-License-Identifier: MIT */
/* How streams end while they are sent: in order, by a reset, or inside their own callbacks. */
#include "seen.h"

/* An end of data behind bytes that used up the credit needs none itself. */
static void fin_comes_when_credit_does(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	mux_set_peer(&f.mux, 0, 10);
	struct fake *a = fake_open(&f, 0, true);
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_OPEN, 1, 13);
	struct fr window[] = {{FRAME_WINDOW, 1, 1}, {0}};
	assert_int_equal(feed(&f, window, FAKE_NOW), 0);
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_FIN, 1, 0);
	assert_int_equal(a->stream.state, STREAM_HALF_LOCAL);
	fake_deinit(&f);
}

static void ends_in_order(void **state)
{
	for (int peer_first = 0; peer_first < 2; peer_first++) {
		struct fake_mux f;
		fake_init(&f, true, BUDGET);
		struct fake *a = fake_open(&f, 5, !peer_first);
		fill_all(&f);
		struct fr end[] = {{FRAME_DATA, 1, 70}, {FRAME_FIN, 1, 5}, {0}};
		assert_int_equal(feed(&f, end, FAKE_NOW), 0);
		assert_int_equal(a->ended, 1);
		assert_int_equal(a->got, 70);
		assert_int_equal(a->n_closed, !peer_first);
		if (peer_first) {
			a->end = true;
			stream_ready(&a->stream);
			assert_int_equal(fill_all(&f), 1);
			expect(0, FRAME_FIN, 1, 70);
		}
		assert_int_equal(a->n_closed, 1);
		assert_int_equal(a->reason, FRAME_RESET_NONE);
		assert_int_equal(a->taken, 5);
		assert_int_equal(f.shared.open, 0);
		assert_int_equal(f.shared.peak, 1);
		/* And is over: late frames change nothing, and nothing is said any more. */
		assert_int_equal(feed(&f, (struct fr[]){{FRAME_WINDOW, 1, 9}, {0}}, FAKE_NOW), 0);
		stream_ready(&a->stream);
		stream_resume(&a->stream);
		stream_reset(&a->stream, FRAME_RESET_ABORTED);
		assert_int_equal(fill_all(&f), 0);
		fake_deinit(&f);
	}
}

static void broken_sources_reset(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	struct fake *a = fake_open(&f, 5, false);
	fill_all(&f);
	assert_int_equal(feed(&f, (struct fr[]){{FRAME_DATA, 1, 33}, {0}}, FAKE_NOW), 0);
	a->broken = -ECONNRESET;
	stream_ready(&a->stream);
	fill_all(&f);
	assert_int_equal(a->n_closed, 1);
	assert_int_equal(a->reason, FRAME_RESET_ABORTED);
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_RESET, 1, 33);
	assert_int_equal(seen[0].reason, FRAME_RESET_ABORTED);
	fake_deinit(&f);
}

static void close_mux(struct fake *f)
{
	mux_close(&f->owner->mux, FRAME_RESET_LINK_LOST);
}

static void want_memory(struct fake *f)
{
	budget_charge(&f->owner->mux.account, BUDGET);
	budget_release(&f->owner->mux.account, BUDGET);
}

/* The stream may be gone when pull() returns, whatever it returns. */
static void closed_inside_pull(void **state)
{
	static const struct {
		size_t give;
		bool end;
		int broken;
	} rows[] = {{100, false, 0}, {0, false, 0}, {0, true, 0}, {0, false, -EIO},
		{FAKE_BASE, false, 0}};
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		struct fake_mux f;
		fake_init(&f, false, BUDGET);
		f.take = 0;
		assert_int_equal(feed(&f,
					 (struct fr[]){{FRAME_OPEN, 1}, {FRAME_DATA, 1, 9},
						 {FRAME_OPEN, 3}, {0}},
					 FAKE_NOW),
			0);
		struct fake *a = fake_stream(&f, 1);
		a->give = rows[i / 2].give;
		a->end = rows[i / 2].end;
		a->broken = rows[i / 2].broken;
		a->on_pull = i & 1 ? close_mux : want_memory;
		stream_ready(&a->stream);
		fill_all(&f);
		assert_int_equal(a->n_closed, 1);
		assert_int_equal(a->reason, i & 1 ? FRAME_RESET_LINK_LOST : FRAME_RESET_NO_MEMORY);
		assert_true(list_empty(&f.mux.ready));
		fake_deinit(&f);
	}
}

static void reset_neighbour(struct fake *f)
{
	for (size_t i = 0; i < f->owner->n; i++)
		stream_reset(&f->owner->streams[i]->stream, FRAME_RESET_CANCELLED);
}

/* closed() of one stream may end others, also while many are being ended. */
static void closed_inside_closed(void **state)
{
	for (int how = 0; how < 3; how++) {
		struct fake_mux f;
		fake_init(&f, true, BUDGET);
		for (int i = 0; i < 10; i++)
			fake_open(&f, 1, false)->on_closed = how == 1 ? close_mux : reset_neighbour;
		fill_all(&f);
		if (how < 2)
			assert_int_equal(feed(&f, (struct fr[]){{FRAME_GOAWAY, 0, 0}, {0}},
						 FAKE_NOW),
				how == 1 ? -EPROTO : 0);
		else
			mux_close(&f.mux, FRAME_RESET_LINK_LOST);
		for (size_t i = 0; i < f.n; i++)
			assert_false(stream_alive(&f.streams[i]->stream));
		fake_deinit(&f);
	}
}

static void reset_in_second_chunk(struct fake *f)
{
	if (f->got <= 1024)
		return;
	f->stream.taken += 100; /* what this very call wrote before its socket broke */
	stream_reset(&f->stream, FRAME_RESET_PROTOCOL);
}

/* Rule 23: what was taken is said, also when the reset comes amid many pieces that were queued. */
static void resets_count_what_was_taken(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, BUDGET);
	f.take = 0;
	struct fr frames[] = {{FRAME_OPEN, 1}, {FRAME_DATA, 1, 1024}, {FRAME_DATA, 1, 2000}, {0}};
	assert_int_equal(feed(&f, frames, FAKE_NOW), 0);
	struct fake *a = fake_stream(&f, 1);
	a->take = SIZE_MAX;
	a->on_push = reset_in_second_chunk;
	stream_resume(&a->stream);
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_RESET, 1, 1124);
	fake_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fin_comes_when_credit_does),
		cmocka_unit_test(ends_in_order),
		cmocka_unit_test(broken_sources_reset),
		cmocka_unit_test(closed_inside_pull),
		cmocka_unit_test(closed_inside_closed),
		cmocka_unit_test(resets_count_what_was_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
