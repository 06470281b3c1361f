/* SPDX-License-Identifier: MIT */
/* Rule 25: so many dials in all, so many for one visitor, in turn, and none for who has gone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/publish/fair_queue.h"
#include "tests/unit/base/chain.h"

#define TICKETS 64

static struct fair_slot slots[TICKETS];
static int order[TICKETS], n_admitted, last_displaced;

static void admitted(struct fair_queue *q, struct fair_slot *slot)
{
	assert_int_equal(slot->state, FAIR_SLOT_INSIDE);
	order[n_admitted++] = (int)(slot - slots);
}

static void displaced(struct fair_queue *q, struct fair_slot *slot)
{
	assert_int_equal(slot->state, FAIR_SLOT_IDLE);
	last_displaced = (int)(slot - slots);
}

static void begin(struct fair_queue *q, size_t max, size_t max_per_visitor)
{
	for (size_t i = 0; i < TICKETS; i++)
		fair_slot_init(&slots[i]);
	n_admitted = 0;
	fair_queue_init(q, max, max_per_visitor, admitted);
}

static void end(struct fair_queue *q)
{
	for (size_t i = 0; i < TICKETS; i++)
		fair_queue_leave(q, &slots[i]);
	assert_int_equal(q->inside, 0);
	assert_int_equal(q->waiting, 0);
	fair_queue_deinit(q);
}

static void enter(struct fair_queue *q, int slot, int visitor)
{
	struct address a = {.bytes = {10, 0, 0, (uint8_t)visitor},
		.port = (uint16_t)slot,
		.family = 4};
	assert_int_equal(fair_queue_enter(q, &slots[slot], &a, NULL), 0);
}

static void test_limit(void **state)
{
	struct fair_queue t;
	begin(&t, 3, 10);
	for (int i = 0; i < 5; i++)
		enter(&t, i, i);
	assert_int_equal(n_admitted, 0); /* nobody enters before the turn's end */
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 3);
	fair_queue_leave(&t, &slots[1]);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 4);
	assert_int_equal(order[3], 3);
	end(&t);
}

static void test_limit_per_visitor(void **state)
{
	struct fair_queue t;
	begin(&t, 100, 2);
	for (int i = 0; i < 10; i++)
		enter(&t, i, 1);
	enter(&t, 10, 2);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 3);
	assert_int_equal(slots[10].state, FAIR_SLOT_INSIDE);
	assert_int_equal(slots[2].state, FAIR_SLOT_WAITING);
	fair_queue_leave(&t, &slots[0]);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 4);
	assert_int_equal(order[3], 2);
	end(&t);
}

/* A visitor that asks for much does not stand before the others. */
static void test_turns(void **state)
{
	struct fair_queue t;
	begin(&t, 4, 4);
	for (int i = 0; i < 20; i++)
		enter(&t, i, 1);
	enter(&t, 20, 2);
	enter(&t, 21, 3);
	fair_queue_admit(&t);
	static const int expected[] = {0, 20, 21, 1};
	assert_int_equal(n_admitted, 4);
	assert_memory_equal(order, expected, sizeof(expected));
	end(&t);
}

static void test_gone_before_its_turn(void **state)
{
	struct fair_queue t;
	begin(&t, 10, 10);
	enter(&t, 0, 1);
	enter(&t, 1, 1);
	fair_queue_leave(&t, &slots[0]);
	fair_queue_leave(&t, &slots[0]);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 1);
	assert_int_equal(order[0], 1);
	/* And the last of a visitor takes what is known of it along. */
	fair_queue_leave(&t, &slots[1]);
	enter(&t, 2, 1);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 2);
	end(&t);
}

static void test_families_differ(void **state)
{
	struct fair_queue t;
	begin(&t, 10, 1);
	struct address v4 = {.bytes = {1, 2, 3, 4}, .family = 4};
	struct address v6 = {.bytes = {1, 2, 3, 4}, .family = 6};
	fair_queue_enter(&t, &slots[0], &v4, NULL);
	fair_queue_enter(&t, &slots[1], &v6, NULL);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 2);
	end(&t);
}

/* Visitors from all over one prefix or one network are found as fast as any others. */
static void test_one_prefix(void **state)
{
	enum { N = 16384 };                  /* streams that a link has open at once by default */
	static const size_t rows[] = {4, 6}; /* the byte of the address from which on they differ */
	struct fair_slot *many = calloc(N, sizeof(*many));
	assert_non_null(many);
	for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
		struct fair_queue t;
		fair_queue_init(&t, 1, 1, admitted);
		for (unsigned i = 0; i < N; i++) {
			struct address a = {.bytes = {0x20, 0x01, 0x0d, 0xb8},
				.family = ADDRESS_V6};
			a.bytes[rows[row]] = (uint8_t)(i >> 8);
			a.bytes[rows[row] + 1] = (uint8_t)i;
			fair_slot_init(&many[i]);
			assert_int_equal(fair_queue_enter(&t, &many[i], &a, NULL), 0);
		}
		assert_int_equal(t.visitors.table.n, N);
		assert_in_range(longest_chain(&t.visitors.table), 0, CHAIN_MAX);
		assert_in_range(longest_chain(&t.flows), 0, CHAIN_MAX);
		for (unsigned i = 0; i < N; i++)
			fair_queue_leave(&t, &many[i]);
		assert_int_equal(t.visitors.table.n, 0);
		assert_int_equal(t.flows.n, 0);
		fair_queue_deinit(&t);
	}
	free(many);
}

/* One subscriber's addresses are one visitor; his neighbour's are not. */
static void test_subscribers(void **state)
{
	struct fair_queue t;
	begin(&t, 10, 1);
	struct address a = {.bytes = {0x20, 1, [7] = 1, [15] = 1}, .family = 6};
	struct address same = {.bytes = {0x20, 1, [7] = 1, [8] = 9}, .family = 6};
	struct address other = {.bytes = {0x20, 1, [7] = 2, [15] = 1}, .family = 6};
	fair_queue_enter(&t, &slots[0], &a, NULL);
	fair_queue_enter(&t, &slots[1], &same, NULL);
	fair_queue_enter(&t, &slots[2], &other, NULL);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 2);
	assert_int_equal(slots[1].state, FAIR_SLOT_WAITING);
	end(&t);
}

static int try_enter(struct fair_queue *q, int slot, int visitor)
{
	struct address a = {.bytes = {10, 0, 0, (uint8_t)visitor}, .family = 4};
	return fair_queue_enter(q, &slots[slot], &a, NULL);
}

/* So many may wait, besides those who go in in a moment. */
static void test_queue_is_bounded(void **state)
{
	struct fair_queue t;
	begin(&t, 2, SIZE_MAX);
	t.waiting_max = 3;
	t.waiting_max_per_visitor = 2;
	for (int i = 0; i < 4; i++)
		assert_int_equal(try_enter(&t, i, i), 0);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 2);
	assert_int_equal(try_enter(&t, 4, 4), 0);
	assert_int_equal(try_enter(&t, 5, 5), -EBUSY);
	fair_queue_leave(&t, &slots[0]);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 3);
	assert_int_equal(try_enter(&t, 5, 5), 0);
	end(&t);

	begin(&t, 100, 1);
	t.waiting_max_per_visitor = 2;
	for (int i = 0; i < 3; i++)
		assert_int_equal(try_enter(&t, i, 1), 0);
	assert_int_equal(try_enter(&t, 3, 1), -EBUSY);
	assert_int_equal(try_enter(&t, 4, 2), 0);
	end(&t);
}

/* Who has most waiting makes room for who has less, and nobody for who has as much. */
static void test_room_is_made(void **state)
{
	struct fair_queue t;
	begin(&t, 1, SIZE_MAX);
	t.waiting_max = 5;
	t.displaced = displaced;
	for (int i = 0; i < 2; i++)
		assert_int_equal(try_enter(&t, i, 1), 0);
	fair_queue_admit(&t);
	for (int i = 2; i < 6; i++)
		assert_int_equal(try_enter(&t, i, 2), 0);
	assert_int_equal(t.waiting, 5);
	assert_int_equal(try_enter(&t, 6, 3), 0);
	assert_int_equal(last_displaced, 5);
	assert_int_equal(try_enter(&t, 7, 3), 0);
	assert_int_equal(last_displaced, 4);
	assert_int_equal(t.waiting, 5);
	/* One waits of the first, two of each other. */
	assert_int_equal(try_enter(&t, 8, 1), -EBUSY);
	assert_int_equal(try_enter(&t, 8, 3), -EBUSY);
	assert_int_equal(try_enter(&t, 8, 4), 0);
	assert_int_equal(t.waiting, 5);
	assert_int_equal(try_enter(&t, 9, 5), 0);
	assert_int_equal(try_enter(&t, 10, 6), -EBUSY);
	assert_int_equal(n_admitted, 1);
	end(&t);
}

static void test_other_limits(void **state)
{
	struct fair_queue t;
	begin(&t, 10, 1);
	for (int i = 0; i < 5; i++)
		enter(&t, i, 1);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 1);
	fair_queue_set_max(&t, 10, 3);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 3);
	/* Whoever is inside stays; nobody follows before there is room. */
	fair_queue_set_max(&t, 2, 3);
	fair_queue_leave(&t, &slots[0]);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 3);
	fair_queue_leave(&t, &slots[1]);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 4);
	end(&t);
}

static void enter_for(struct fair_queue *q, int slot, int visitor,
	struct fair_queue_service *service)
{
	struct address a = {.bytes = {10, 0, 0, (uint8_t)visitor}, .family = 4};
	assert_int_equal(fair_queue_enter(q, &slots[slot], &a, service), 0);
}

/* A service keeps as many places as it leaves free, of all and of a visitor's. */
static void test_shares(void **state)
{
	static const struct {
		size_t max, max_per_visitor;
		int visitors;             /* 1: all slots are one visitor's */
		int first, second, third; /* that get in, of three services whose dials hang */
	} rows[] = {
		{8, 100, 20, 4, 2, 1},
		{100, 8, 1, 4, 2, 1},
		{9, 100, 20, 5, 2, 1},
		{1, 1, 1, 1, 0, 0},
		{3, 3, 1, 2, 1, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fair_queue_service publications[3];
		struct fair_queue t;
		begin(&t, rows[i].max, rows[i].max_per_visitor);
		fair_queue_set_shared(&t, true);
		const int expected[] = {rows[i].first, rows[i].second, rows[i].third};
		for (int k = 0; k < 3; k++) {
			fair_queue_service_init(&publications[k]);
			for (int j = 0; j < 20; j++)
				enter_for(&t, 20 * k + j, j % rows[i].visitors, &publications[k]);
			fair_queue_admit(&t);
			assert_int_equal(publications[k].inside, expected[k]);
		}
		end(&t);
	}
}

/* One service alone has all places; and again, when the other has gone. */
static void test_one_service_has_all(void **state)
{
	struct fair_queue_service service;
	struct fair_queue t;
	fair_queue_service_init(&service);
	begin(&t, 4, 4);
	fair_queue_set_shared(&t, true);
	for (int i = 0; i < 10; i++)
		enter_for(&t, i, 1, &service);
	fair_queue_admit(&t);
	assert_int_equal(service.inside, 2);
	fair_queue_set_shared(&t, false);
	fair_queue_admit(&t);
	assert_int_equal(service.inside, 4);
	end(&t);
}

/* Services are served in turn: who has many waiting does not stand before the others. */
static void test_publications_in_turn(void **state)
{
	struct fair_queue_service a, b;
	struct fair_queue t;
	fair_queue_service_init(&a);
	fair_queue_service_init(&b);
	begin(&t, 1, 100);
	fair_queue_set_shared(&t, true);
	for (int i = 0; i < 10; i++)
		enter_for(&t, i, i, &a);
	enter_for(&t, 10, 1, &b);
	enter_for(&t, 11, 2, &b);
	for (int i = 0; i < 4; i++) {
		fair_queue_admit(&t);
		fair_queue_leave(&t, &slots[order[n_admitted - 1]]);
	}
	static const int expected[] = {0, 10, 1, 11};
	assert_int_equal(n_admitted, 4);
	assert_memory_equal(order, expected, sizeof(expected));
	/* What is full for one visitor does not keep another from the same service. */
	end(&t);
	begin(&t, 100, 2);
	fair_queue_set_shared(&t, true);
	for (int i = 0; i < 5; i++)
		enter_for(&t, i, 1, &a);
	enter_for(&t, 5, 2, &a);
	enter_for(&t, 6, 1, &b);
	fair_queue_admit(&t);
	assert_int_equal(n_admitted, 3);
	assert_int_equal(slots[5].state, FAIR_SLOT_INSIDE);
	assert_int_equal(slots[6].state, FAIR_SLOT_INSIDE);
	fair_queue_leave(&t, &slots[6]);
	fair_queue_leave(&t, &slots[0]);
	fair_queue_admit(&t);
	assert_int_equal(slots[1].state, FAIR_SLOT_INSIDE);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_per_visitor),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_gone_before_its_turn),
		cmocka_unit_test(test_families_differ),
		cmocka_unit_test(test_one_prefix),
		cmocka_unit_test(test_subscribers),
		cmocka_unit_test(test_queue_is_bounded),
		cmocka_unit_test(test_room_is_made),
		cmocka_unit_test(test_other_limits),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_one_service_has_all),
		cmocka_unit_test(test_publications_in_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
