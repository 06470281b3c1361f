/* SPDX-License-Identifier: MIT */
/* UDP flows: what waits for the link, how long, how much, and what is dropped (rule 18). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "mux/mux.h"
#include "net/flow.h"

#define NOW    (100 * CLOCK_S)
#define HEADER (sizeof(uint64_t) + sizeof(size_t)) /* bytes that a datagram costs beside its own */

/* Two muxes back to back, and one flow through them. */
static struct end {
	struct mux mux;
	struct budget budget;
	struct flow flow;
	int n, closed;
	enum frame_reset reason;
	size_t sizes[400];
	bool abort;
} ends[2];

static struct end *near = &ends[0], *far = &ends[1];

static struct end *end_of(struct flow *f)
{
	return container_of(f, struct end, flow);
}

static void on_opening(struct flow *f, struct frame_open *open_out)
{
	assert_int_equal(open_out->kind, FRAME_KIND_UDP);
	open_out->service = 5;
}

static uint8_t byte_at(size_t size, size_t i)
{
	return (uint8_t)(size * 7 + i * 13);
}

static void on_received(struct flow *f, const uint8_t *p, size_t n)
{
	struct end *e = end_of(f);
	assert_true(e->n < (int)ARRAY_LEN(e->sizes));
	e->sizes[e->n++] = n;
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte_at(n, i))
			fail_msg("byte %zu of %zu is wrong", i, n);
	if (e->abort)
		flow_abort(f, FRAME_RESET_DENIED);
}

static void on_closed(struct flow *f, enum frame_reset reason)
{
	end_of(f)->closed++;
	end_of(f)->reason = reason;
}

static const struct flow_ops flow_ops = {
	.opening = on_opening,
	.received = on_received,
	.closed = on_closed,
};

static struct stream *on_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct end *e = container_of(m, struct end, mux);
	assert_int_equal(open->kind, FRAME_KIND_UDP);
	assert_int_equal(open->service, 5);
	return &e->flow.stream;
}

static void on_wake(struct mux *m)
{
}

static const struct mux_ops mux_ops = {.open = on_open, .wake = on_wake};

/* One record from one to the other; false when there is none. */
static bool carry(struct end *from, uint64_t now)
{
	struct end *to = from == near ? far : near;
	static uint8_t record[FRAME_MESSAGE_MAX];
	size_t n = mux_fill(&from->mux, record, sizeof record, now);
	if (!n)
		return false;
	uint8_t *exact = malloc(n);
	assert_non_null(exact);
	memcpy(exact, record, n);
	assert_int_equal(mux_input(&to->mux, exact, n, now), 0);
	free(exact);
	return true;
}

static void carry_all(uint64_t now)
{
	for (int i = 0; carry(near, now) || carry(far, now); i++)
		assert_true(i < 1000);
}

static void begin(size_t budget)
{
	static const struct mux_limits limits = {.base_window = 1000,
		.max_window = 2000,
		.max_streams = 10};
	memset(ends, 0, sizeof ends);
	for (int i = 0; i < 2; i++) {
		budget_init(&ends[i].budget, budget);
		mux_init(&ends[i].mux, &mux_ops, &limits, &ends[i].budget, i == 1);
		mux_set_peer(&ends[i].mux, 1000, 10);
		flow_init(&ends[i].flow, &flow_ops);
	}
	assert_int_equal(mux_open(&near->mux, &near->flow.stream), 0);
	carry_all(NOW);
}

static void end(void)
{
	for (int i = 0; i < 2; i++) {
		mux_deinit(&ends[i].mux);
		assert_int_equal(ends[i].budget.sum.held, 0);
		assert_null(ends[i].flow.queue.data);
		flow_abort(&ends[i].flow, FRAME_RESET_NONE);
	}
}

static void put(struct end *e, size_t size, uint64_t now)
{
	uint8_t *p = malloc(MAX(size, 1));
	assert_non_null(p);
	for (size_t i = 0; i < size; i++)
		p[i] = byte_at(size, i);
	flow_send(&e->flow, p, size, now);
	free(p);
}

static void there_and_back(void **state)
{
	static const size_t sizes[] = {1400, 0, FRAME_DATAGRAM_MAX, 1, FRAME_DATAGRAM_MAX, 0, 20};
	begin((size_t)1 << 20);
	assert_int_equal(near->flow.moved, 0);
	for (int way = 0; way < 2; way++) {
		struct end *from = &ends[way], *to = &ends[1 - way];
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
			put(from, sizes[i], NOW + 1);
		assert_true(from->budget.sum.held > 2 * FRAME_DATAGRAM_MAX);
		carry_all(NOW + 2);
		assert_int_equal(to->n, ARRAY_LEN(sizes));
		assert_memory_equal(to->sizes, sizes, sizeof sizes);
		assert_int_equal(from->budget.sum.held, 0);
		assert_int_equal(from->flow.sent, ARRAY_LEN(sizes));
		assert_int_equal(to->flow.received, ARRAY_LEN(sizes));
		assert_int_equal(from->flow.dropped, 0);
		assert_int_equal(to->flow.moved, NOW + 2);
		assert_true(from->flow.queue.cap <= FLOW_KEEP);
	}
	assert_int_equal(near->closed + far->closed, 0);
	end();
}

static void old_ones_are_dropped(void **state)
{
	begin((size_t)1 << 20);
	put(near, 1, NOW);
	put(near, 2, NOW + 10 * CLOCK_MS);
	put(near, 3, NOW + 20 * CLOCK_MS);
	carry_all(NOW + 60 * CLOCK_MS); /* the first is 60 ms old, the second 50 */
	assert_int_equal(far->n, 2);
	assert_int_equal(far->sizes[0], 2);
	assert_int_equal(near->flow.dropped, 1);
	/* All of them: nothing is said, and nothing is left. */
	put(near, 4, NOW + 100 * CLOCK_MS);
	assert_false(carry(near, NOW + 151 * CLOCK_MS));
	assert_int_equal(near->flow.dropped, 2);
	assert_int_equal(near->budget.sum.held, 0);
	assert_false(mux_pending(&near->mux));
	put(near, 5, NOW + 151 * CLOCK_MS);
	carry_all(NOW + 152 * CLOCK_MS);
	assert_int_equal(far->n, 3);
	end();
}

/* What comes is dropped, not what waits; and when that is too old, it makes room. */
static void too_many_are_dropped(void **state)
{
	static const size_t sizes[] = {0, 984, 1384, FRAME_DATAGRAM_MAX};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		begin((size_t)1 << 20);
		size_t fit = FLOW_UNSENT_MAX / (sizes[i] + HEADER);
		for (size_t k = 0; k < fit + 3; k++)
			put(near, sizes[i], NOW);
		assert_int_equal(near->flow.dropped, 3);
		assert_true(near->budget.sum.held <= FLOW_UNSENT_MAX);
		put(near, sizes[i], NOW + 51 * CLOCK_MS);
		assert_int_equal(near->flow.dropped, fit + 3);
		carry_all(NOW + 51 * CLOCK_MS);
		assert_int_equal(far->n, 1);
		end();
	}
	begin((size_t)1 << 20);
	static uint8_t large[FRAME_DATAGRAM_MAX + 1];
	flow_send(&near->flow, large, sizeof large, NOW);
	assert_int_equal(near->flow.dropped, 1);
	end();
}

/* A flood costs at most half of the budget, and nobody his stream. */
static void the_budget_is_kept(void **state)
{
	begin(20000);
	for (int i = 0; i < 30; i++)
		put(near, 1000, NOW);
	assert_int_equal(near->flow.dropped, 30 - 10000 / (1000 + HEADER));
	assert_true(near->budget.sum.held <= 10000);
	carry_all(NOW);
	assert_int_equal(far->n, 9);
	assert_int_equal(near->closed, 0);
	end();
}

static void ends_by_reset(void **state)
{
	begin((size_t)1 << 20);
	put(near, 100, NOW);
	put(far, 100, NOW);
	flow_abort(&near->flow, FRAME_RESET_TIMEOUT);
	assert_int_equal(near->budget.sum.held, 0);
	assert_int_equal(near->closed, 0);
	carry_all(NOW);
	assert_int_equal(far->closed, 1);
	assert_int_equal(far->reason, FRAME_RESET_TIMEOUT);
	assert_int_equal(far->n, 0);
	put(far, 100, NOW); /* whoever did not hear of it yet */
	put(near, 100, NOW);
	assert_int_equal(far->flow.dropped, 1);
	assert_int_equal(far->budget.sum.held, 0);
	end();

	begin((size_t)1 << 20); /* inside received() */
	far->abort = true;
	put(near, 10, NOW);
	put(near, 11, NOW);
	carry_all(NOW);
	assert_int_equal(far->n, 1);
	assert_int_equal(near->closed, 1);
	assert_int_equal(near->reason, FRAME_RESET_DENIED);
	end();

	begin((size_t)1 << 20);
	put(near, 10, NOW);
	mux_close(&near->mux, FRAME_RESET_LINK_LOST);
	assert_int_equal(near->closed, 1);
	assert_int_equal(near->reason, FRAME_RESET_LINK_LOST);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(old_ones_are_dropped),
		cmocka_unit_test(too_many_are_dropped),
		cmocka_unit_test(the_budget_is_kept),
		cmocka_unit_test(ends_by_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
