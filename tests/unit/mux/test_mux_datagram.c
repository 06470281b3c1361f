/* SPDX-License-Identifier: MIT */
/* Streams of datagrams: outside credit, whole or not at all, in turns (docs/protocol.md, rule 18). */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "fake.h"

#define BUDGET ((size_t)1 << 20)

static struct fr seen[SEEN_MAX];

static void expect(size_t at, uint8_t type, uint32_t id, uint64_t v)
{
	assert_int_equal(seen[at].type, type);
	assert_int_equal(seen[at].id, id);
	assert_int_equal(seen[at].v, v);
}

/* Opens one that has `give` datagrams of `size` bytes. */
static struct fake *open_flow(struct fake_mux *f, size_t give, size_t size)
{
	struct fake *x = fake_open(f, give, false);
	x->stream.datagrams = true;
	x->piece = size;
	return x;
}

static void all_the_credit(struct fake_mux *f, struct fake *x)
{
	struct fr window[] = {{FRAME_WINDOW, x->stream.id, FRAME_CREDIT_MAX - x->stream.credit},
		{0}};
	assert_int_equal(feed(f, window, FAKE_NOW), 0);
}

static void whole_and_without_credit(void **state)
{
	static const size_t sizes[] = {0, 1, 1400, FAKE_BASE + 1, FRAME_DATAGRAM_MAX};
	/* Small records, as on slow ways, do not hold up a large datagram. */
	for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
		size_t size = sizes[i / 2];
		struct fake_mux f;
		fake_init(&f, true, BUDGET);
		mux_set_record(&f.mux, i % 2 ? MUX_RECORD_MIN : MUX_RECORD);
		mux_set_peer(&f.mux, 0, 10); /* no window at all */
		struct fake *x = open_flow(&f, 1, size);
		size_t n = fill(&f, 0, FAKE_NOW, seen);
		assert_int_equal(seen[0].type, FRAME_OPEN);
		if (n == 1) /* the largest does not fit behind it */
			n = fill(&f, 0, FAKE_NOW, seen);
		expect(n - 1, FRAME_DATAGRAM, 1, size);
		assert_int_equal(fill(&f, 0, FAKE_NOW, seen),
			0); /* no FIN, also behind an empty one */
		assert_false(mux_pending(&f.mux));
		assert_int_equal(x->stream.state, STREAM_OPEN);
		assert_int_equal(x->stream.sent, size);
		x->give = 1; /* nor does it need any when it comes back */
		stream_ready(&x->stream);
		assert_true(mux_pending(&f.mux));
		assert_int_equal(fill(&f, 0, FAKE_NOW, seen), 1);
		expect(0, FRAME_DATAGRAM, 1, size);
		fake_deinit(&f);
	}
}

/* The record closes before it, and nothing at all goes ahead of it in the next one. */
static void what_does_not_fit_goes_first(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	struct fake *bulk = fake_open(&f, SIZE_MAX / 2, false);
	struct fake *x = open_flow(&f, 0, FRAME_DATAGRAM_MAX);
	struct fake *small = open_flow(&f, 0, 10);
	fill(&f, 0, FAKE_NOW, seen);
	all_the_credit(&f, bulk);
	for (int round = 0; round < 50; round++) {
		x->give = small->give = 1;
		stream_ready(&x->stream);
		stream_ready(&small->stream);
		int asked = x->n_pulls, records = 0;
		while (x->give) {
			assert_true(records++ < 3);
			mux_control(&f.mux, "{}", 2); /* in every record something goes first */
			mux_ping(&f.mux, FAKE_NOW);
			size_t n = fill(&f, 0, FAKE_NOW, seen);
			bool there = false;
			for (size_t i = 0; i < n; i++)
				there |= seen[i].type == FRAME_DATAGRAM && seen[i].id == 3;
			assert_int_equal(there, !x->give);
			if (there)
				expect(0, FRAME_DATAGRAM, 3, FRAME_DATAGRAM_MAX);
		}
		assert_true(x->n_pulls - asked <= 2); /* refused once at the most */
		size_t n = fill(&f, 0, FAKE_NOW, seen);
		assert_true(n >= 2 && seen[0].type != FRAME_DATAGRAM); /* what waited behind it */
		f.mux.ping_sent = 0;
	}
	fake_deinit(&f);
}

/* In less room than it needs it waits, and the link's own frames go nevertheless. */
static void waits_for_a_record_of_its_size(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	struct fake *x = open_flow(&f, 1, 9000);
	assert_int_equal(fill(&f, 5000, FAKE_NOW, seen), 1);
	for (int i = 0; i < 3; i++) {
		mux_control(&f.mux, "{}", 2);
		assert_int_equal(fill(&f, 5000, FAKE_NOW, seen), 1);
		expect(0, FRAME_CONTROL, 0, 2);
	}
	assert_int_equal(x->n_pulls, 1 + 3 * 2);
	assert_true(mux_pending(&f.mux));
	assert_int_equal(fill(&f, 9008, FAKE_NOW, seen), 1);
	expect(0, FRAME_DATAGRAM, 1, 9000);
	fake_deinit(&f);
}

/* One that is gone when its record begins changes nothing for the others. */
static void overdue_and_gone(void **state)
{
	for (int how = 0; how < 2; how++) {
		struct fake_mux f;
		fake_init(&f, true, BUDGET);
		struct fake *x = open_flow(&f, 1, FRAME_DATAGRAM_MAX), *y = open_flow(&f, 1, 5);
		assert_int_equal(fill(&f, 0, FAKE_NOW, seen), 1);
		assert_true(x->stream.overdue);
		if (how)
			stream_reset(&x->stream, FRAME_RESET_TIMEOUT);
		else
			x->give = 0;
		mux_ping(&f.mux, FAKE_NOW);
		size_t n = fill(&f, 0, FAKE_NOW, seen);
		assert_int_equal(n, how ? 4 : 3);
		expect(0, FRAME_PING, 0, 8);
		expect(n - 1, FRAME_DATAGRAM, y->stream.id, 5);
		fake_deinit(&f);
	}
}

/* A source whose datagram fits into no record is broken, not a reason to spin. */
static void too_large_for_any_record(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	struct fake *x = open_flow(&f, 1, FRAME_DATAGRAM_MAX + 1);
	for (int i = 0; i < 3 && !x->n_closed; i++)
		fill(&f, 0, FAKE_NOW, seen);
	assert_int_equal(x->n_closed, 1);
	assert_int_equal(x->reason, FRAME_RESET_ABORTED);
	fake_deinit(&f);
}

/* Equal shares of the wire, whatever the sizes; empty datagrams pay their headers. */
static void shares_are_equal(void **state)
{
	static const struct {
		size_t size[4]; /* of datagrams; BULK: a stream of bytes */
		size_t n;
	} rows[] = {
#define BULK SIZE_MAX
		{{BULK, 1400}, 2},
		{{BULK, 0}, 2},
		{{BULK, FRAME_DATAGRAM_MAX}, 2},
		{{BULK, 40000, BULK}, 3},
		{{1400, FRAME_DATAGRAM_MAX, BULK, 100}, 4},
		{{FRAME_DATAGRAM_MAX, FRAME_DATAGRAM_MAX}, 2},
		{{33000, 10}, 2},
	};
	for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
		struct fake_mux f;
		fake_init(&f, true, BUDGET);
		for (size_t i = 0; i < rows[row].n; i++) {
			bool bulk = rows[row].size[i] == BULK;
			struct fake *x = bulk ? fake_open(&f, SIZE_MAX / 2, false)
					      : open_flow(&f, SIZE_MAX / 2, rows[row].size[i]);
			(void)x;
		}
		for (int i = 0; i < 4; i++)
			fill(&f, 0, FAKE_NOW, seen);
		for (size_t i = 0; i < f.n; i++)
			if (!f.streams[i]->stream.datagrams)
				all_the_credit(&f, f.streams[i]);
		size_t bytes[16] = {0}, total = 0;
		while (total < 20u << 20) {
			size_t n = fill(&f, 0, FAKE_NOW, seen);
			assert_true(n > 0);
			for (size_t i = 0; i < n; i++) {
				bytes[seen[i].id] += FRAME_HEADER + seen[i].v;
				total += FRAME_HEADER + seen[i].v;
			}
		}
		for (size_t i = 0; i < f.n; i++) {
			double share = (double)bytes[2 * i + 1] * (double)f.n / (double)total;
			if (share < 0.95 || share > 1.05)
				fail_msg("row %zu: stream %zu has %.3f of its share", row, i,
					share);
		}
		fake_deinit(&f);
	}
}

/* A flow that empties itself with every large datagram does not get out of what it owes. */
static void debts_are_kept(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	struct fake *bulk = fake_open(&f, SIZE_MAX / 2, false);
	struct fake *x = open_flow(&f, 0, FRAME_DATAGRAM_MAX);
	fill(&f, 0, FAKE_NOW, seen);
	all_the_credit(&f, bulk);
	size_t before = bulk->pulled;
	for (int i = 0; i < 300; i++) {
		x->give = 1;
		stream_ready(&x->stream);
		while (x->stream.ready)
			fill(&f, 0, FAKE_NOW, seen);
	}
	assert_int_equal(x->pulled, 300 * FRAME_DATAGRAM_MAX);
	assert_true(bulk->pulled - before >= x->pulled * 9 / 10);
	fake_deinit(&f);
}

static void received_once(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	struct fake *x = open_flow(&f, 0, 0);
	fill(&f, 0, FAKE_NOW, seen);
	/* Far more than any window, none of it taken by push(). */
	for (int i = 0; i < 10; i++) {
		struct fr big[] = {{FRAME_DATAGRAM, 1, FRAME_DATAGRAM_MAX}, {0}};
		struct fr small[] = {{FRAME_DATAGRAM, 1, 0}, {FRAME_DATAGRAM, 1, 300}, {0}};
		assert_int_equal(feed(&f, big, FAKE_NOW), 0);
		assert_int_equal(feed(&f, small, FAKE_NOW), 0);
	}
	assert_int_equal(x->n_datagrams, 30);
	assert_int_equal(x->got, 10 * (FRAME_DATAGRAM_MAX + 300));
	assert_int_equal(x->stream.queued, 0);
	assert_int_equal(f.budget.sum.held, 0);
	assert_int_equal(fill(&f, 0, FAKE_NOW, seen), 0); /* no WINDOW */

	struct fr reset[] = {{FRAME_RESET, 1, 0, FRAME_RESET_TIMEOUT}, {FRAME_DATAGRAM, 1, 7}, {0}};
	assert_int_equal(feed(&f, reset, FAKE_NOW), 0);
	assert_int_equal(x->n_closed, 1);
	assert_int_equal(x->reason, FRAME_RESET_TIMEOUT);
	assert_int_equal(x->n_datagrams, 30); /* a late one is dropped */
	struct fr never[] = {{FRAME_DATAGRAM, 3, 7}, {0}};
	assert_int_equal(feed(&f, never, FAKE_NOW), -EPROTO);
	fake_deinit(&f);
}

static void frames_of_the_other_kind(void **state)
{
	static const struct {
		bool datagrams;
		struct fr fr;
		int result;
	} rows[] = {
		{true, {FRAME_DATA, 1, 10}, -EPROTO},
		{true, {FRAME_FIN, 1, 0}, -EPROTO},
		{true, {FRAME_WINDOW, 1, 10}, -EPROTO},
		{true, {FRAME_DATAGRAM, 1, 10}, 0},
		{true, {FRAME_RESET, 1, 0}, 0},
		{false, {FRAME_DATAGRAM, 1, 10}, 0},
		{false, {FRAME_DATAGRAM, 1, 0}, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_mux f;
		fake_init(&f, true, BUDGET);
		struct fake *x = fake_open(&f, 0, false);
		x->stream.datagrams = rows[i].datagrams;
		fill(&f, 0, FAKE_NOW, seen);
		struct fr frames[] = {rows[i].fr, {0}};
		assert_int_equal(feed(&f, frames, FAKE_NOW), rows[i].result);
		if (!rows[i].datagrams)
			assert_int_equal(x->got + (size_t)x->n_closed, 0);
		fake_deinit(&f);
	}
}

static void reset_self(struct fake *f)
{
	stream_reset(&f->stream, FRAME_RESET_DENIED);
}

static void close_link(struct fake *f)
{
	mux_close(&f->owner->mux, FRAME_RESET_LINK_LOST);
}

static void closed_inside_callbacks(void **state)
{
	struct fr frames[] = {{FRAME_DATAGRAM, 1, 10}, {FRAME_DATAGRAM, 1, 10}, {0}};
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	struct fake *x = open_flow(&f, 0, 0);
	fill(&f, 0, FAKE_NOW, seen);
	x->on_push = reset_self;
	assert_int_equal(feed(&f, frames, FAKE_NOW), 0);
	assert_int_equal(x->n_datagrams, 1);
	assert_int_equal(fill(&f, 0, FAKE_NOW, seen), 1);
	expect(0, FRAME_RESET, 1, 10);
	fake_deinit(&f);

	fake_init(&f, true, BUDGET);
	x = open_flow(&f, 0, 0);
	fill(&f, 0, FAKE_NOW, seen);
	x->on_push = close_link;
	assert_int_equal(feed(&f, frames, FAKE_NOW), -EPROTO);
	assert_int_equal(x->n_datagrams, 1);
	assert_int_equal(x->reason, FRAME_RESET_LINK_LOST);
	fake_deinit(&f);

	fake_init(&f, true, BUDGET);
	x = open_flow(&f, 5, 10);
	x->on_pull = close_link;
	fill(&f, 0, FAKE_NOW, seen);
	assert_int_equal(x->n_closed, 1);
	assert_int_equal(x->n_pulls, 1);
	fake_deinit(&f);
}

static void what_owners_hold_is_charged(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, 100000);
	struct fake *x = open_flow(&f, 0, 0), *y = open_flow(&f, 0, 0);
	assert_true(stream_hold(&x->stream, 30000));
	assert_true(stream_hold(&x->stream, 20000));
	assert_int_equal(f.budget.sum.held, 20000);
	assert_true(stream_hold(&y->stream, 30000));
	assert_false(stream_hold(&y->stream, 30001)); /* half of the budget for one link */
	assert_int_equal(f.budget.sum.held, 50000);
	assert_int_equal(x->n_closed + y->n_closed, 0);
	stream_reset(&x->stream, FRAME_RESET_TIMEOUT);
	assert_int_equal(f.budget.sum.held, 30000);
	assert_false(stream_hold(&x->stream, 1));
	fake_deinit(&f);
}

/* Who holds as much as before holds on, whatever has become of the budget; and it has stood still since then. */
static void holding_on_is_no_new_hold(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, 100000);
	struct fake *x = open_flow(&f, 0, 0);
	static const struct {
		size_t holds;
		unsigned since; /* the second in which it began to stand still */
	} rows[] = {{20000, 1}, {20000, 1}, {30000, 1}, {29999, 4}, {29999, 4}, {0, 6}, {10, 7}};
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		mux_tick(&f.mux, FAKE_NOW + (i + 1) * CLOCK_S);
		assert_true(stream_hold(&x->stream, rows[i].holds));
		assert_int_equal(f.budget.sum.held, rows[i].holds);
		assert_int_equal(x->stream.stalled_from, FAKE_NOW + rows[i].since * CLOCK_S);
	}
	f.budget.limit = 10;
	assert_true(stream_hold(&x->stream, 10));
	assert_false(stream_hold(&x->stream, 11));
	assert_int_equal(f.budget.sum.held, 10);
	fake_deinit(&f);
}

/* Whoever fills the budget with datagrams and takes none of them loses those, and nobody else anything. */
static void hoarded_datagrams_are_let_go(void **state)
{
	struct fake_mux f[3];
	fake_init(&f[0], true, 100000);
	for (int i = 1; i < 3; i++) {
		fake_init(&f[i], true, 1);
		fake_share_budget(&f[i], &f[0]);
	}
	struct fake *hoards[2], *other = fake_open(&f[2], 1, false);
	for (int i = 0; i < 2; i++) {
		hoards[i] = open_flow(&f[i], 0, 0);
		assert_true(stream_hold(&hoards[i]->stream, 50000));
	}
	/* Bytes on the same link are not what is too much of it. */
	struct fake *beside = fake_open(&f[0], 1, false);
	fill(&f[0], 0, FAKE_NOW, seen);
	fill(&f[2], 0, FAKE_NOW, seen);
	other->take = beside->take = 0;
	struct fr few[] = {{FRAME_DATA, beside->stream.id, 10}, {0}};
	assert_int_equal(feed(&f[0], few, FAKE_NOW), 0);
	struct fr data[] = {{FRAME_DATA, other->stream.id, 1000}, {0}};
	assert_int_equal(feed(&f[2], data, FAKE_NOW), 0);
	assert_int_equal(hoards[0]->n_closed + hoards[1]->n_closed, 1);
	assert_int_equal(other->n_closed + beside->n_closed, 0);
	assert_true(f[0].budget.sum.held < 53000);
	for (int i = 2; i >= 0; i--)
		fake_deinit(&f[i]);
}

/* What windows may come to is no reason to drop what is there now. */
static void promises_drop_no_datagram(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, 100000);
	struct fake *x = open_flow(&f, 0, 0);
	budget_promise(&f.mux.account, 0, 50000);
	assert_false(budget_fits(&f.mux.account, 1));
	assert_true(stream_hold(&x->stream, 50000));
	assert_false(stream_hold(&x->stream, 50001));
	budget_promise(&f.mux.account, 50000, 0);
	fake_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_and_without_credit),
		cmocka_unit_test(what_does_not_fit_goes_first),
		cmocka_unit_test(waits_for_a_record_of_its_size),
		cmocka_unit_test(overdue_and_gone),
		cmocka_unit_test(too_large_for_any_record),
		cmocka_unit_test(shares_are_equal),
		cmocka_unit_test(debts_are_kept),
		cmocka_unit_test(received_once),
		cmocka_unit_test(frames_of_the_other_kind),
		cmocka_unit_test(closed_inside_callbacks),
		cmocka_unit_test(what_owners_hold_is_charged),
		cmocka_unit_test(holding_on_is_no_new_hold),
		cmocka_unit_test(hoarded_datagrams_are_let_go),
		cmocka_unit_test(promises_drop_no_datagram),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
