/* SPDX-License-Identifier: MIT */
/* Who loses his place when there are too many half-open links; and that honest clients do not. */
#include "server/base/half_open.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"
#include "server/base/node.h"
#include "tests/unit/base/chain.h"

#define LIMIT 256
#define NOW   (100 * CLOCK_S)

static unsigned woken[WORKERS_MAX];
static struct half_open all;
/* Links are only told apart by address here. */
static char links[8192];

static void wake(struct half_open *h, unsigned worker)
{
	woken[worker]++;
}

static int begin(void **state)
{
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		woken[i] = 0;
	half_open_init(&all, wake);
	return 0;
}

static int end(void **state)
{
	assert_int_equal(half_open_count(&all), 0);
	half_open_deinit(&all);
	return 0;
}

static struct address host(unsigned number)
{
	return (struct address){.family = ADDRESS_V4,
		.bytes = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static struct server_link *server_link(size_t number)
{
	return (struct server_link *)(void *)&links[number];
}

/* One more from there, on worker 1; NULL: refused. */
static struct half_open_slot *enter(unsigned from, size_t number, uint64_t now)
{
	struct address peer = host(from);
	struct half_open_slot *slot = NULL;
	int r = half_open_enter(&all, &peer, LIMIT, now, &slot);
	if (r < 0) {
		assert_int_equal(r, -EBUSY);
		return NULL;
	}
	assert_true(half_open_begin(&all, slot, server_link(number), 1));
	return slot;
}

/* The number of the one that was told to go, or -1. */
static long evicted(void)
{
	struct server_link *l = half_open_evicted(&all, 1);
	return l ? (char *)l - links : -1;
}

static void known(unsigned from, uint64_t now)
{
	struct address peer = host(from);
	half_open_proved(&all, &peer, now);
}

/* So many silent addresses that ask again and again; then one client, once. */
static void check_client_gets_in(unsigned addresses)
{
	enum { ROUNDS = 1000 };
	static struct half_open_slot *slots[ROUNDS + 1];
	for (unsigned i = 0; i < ROUNDS; i++) {
		slots[i] = enter(1 + i % addresses, i, NOW);
		assert_non_null(slots[i]);
	}
	assert_in_range(half_open_count(&all), 1, LIMIT);
	slots[ROUNDS] = enter(0, ROUNDS, NOW);
	assert_non_null(slots[ROUNDS]);
	/* While it goes on, the one that goes is never the client. */
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct half_open_slot *slot = enter(1 + i % addresses, ROUNDS + 1 + i, NOW);
		assert_non_null(slot);
		half_open_leave(&all, slots[i]);
		slots[i] = slot;
	}
	for (long t; (t = evicted()) >= 0;)
		assert_int_not_equal(t, ROUNDS);
	for (unsigned i = 0; i <= ROUNDS; i++)
		half_open_leave(&all, slots[i]);
}

static void test_client_gets_in(void **state)
{
	check_client_gets_in(1);
	check_client_gets_in(9);
	check_client_gets_in(90);
}

/* The oldest of the address that has most; of equals the one that has as many longest. */
static void test_order(void **state)
{
	struct half_open_slot *slots[LIMIT + 3];
	size_t n = 0;
	for (; n < 3; n++)
		slots[n] = enter(7, n, NOW);
	for (; n < LIMIT - LIMIT / HALF_OPEN_RESERVE; n++)
		slots[n] = enter(100 + (unsigned)n, n, NOW);
	assert_int_equal(evicted(), -1);
	slots[n] = enter(8, n, NOW);
	n++;
	assert_int_equal(evicted(), 0);
	slots[n] = enter(8, n, NOW);
	n++;
	assert_int_equal(evicted(), 1);
	/* 8 has two now, and 7 one. */
	slots[n] = enter(9, n, NOW);
	n++;
	assert_int_equal(evicted(), n - 3);
	/* All have one: the oldest of all. */
	slots[n] = enter(10, n, NOW);
	n++;
	assert_int_equal(evicted(), 3);
	assert_int_equal(evicted(), -1);
	while (n)
		half_open_leave(&all, slots[--n]);
}

/* An address that has all it may loses its own oldest, also while there is room for others. */
static void test_per_address(void **state)
{
	struct half_open_slot *slots[HALF_OPEN_PER_ADDRESS + 1];
	for (unsigned i = 0; i <= HALF_OPEN_PER_ADDRESS; i++) {
		assert_int_equal(evicted(), -1);
		/* Any address of its /64 is the same one. */
		struct address peer = {.family = ADDRESS_V6, .bytes = {0x20, 1, [15] = (uint8_t)i}};
		assert_true(half_open_enter(&all, &peer, LIMIT, NOW, &slots[i]) >= 0);
		assert_true(half_open_begin(&all, slots[i], server_link(i), 1));
	}
	assert_int_equal(evicted(), 0);
	assert_int_equal(half_open_count(&all), HALF_OPEN_PER_ADDRESS);
	for (unsigned i = 0; i <= HALF_OPEN_PER_ADDRESS; i++)
		half_open_leave(&all, slots[i]);
}

/* Strangers leave a reserve to addresses that are known, and take no place of theirs. */
static void test_reserve(void **state)
{
	enum { STRANGERS = LIMIT - LIMIT / HALF_OPEN_RESERVE };
	struct half_open_slot *slots[2 * LIMIT + 1];
	size_t n = 0;
	for (unsigned i = 0; i < LIMIT; i++)
		known(i, NOW);
	for (; n < LIMIT; n++)
		slots[n] = enter(1000 + (unsigned)n, n, NOW);
	assert_int_equal(half_open_count(&all), STRANGERS);
	while (evicted() >= 0)
		;
	/* Into the reserve, then in place of strangers. */
	for (unsigned i = 0; i < LIMIT; i++) {
		slots[n] = enter(i, n, NOW);
		n++;
		assert_int_equal(evicted() >= 0, i >= LIMIT - STRANGERS);
	}
	/* All are known now: a stranger finds nobody whom he could displace, a known address does. */
	assert_null(enter(5000, n, NOW));
	slots[n] = enter(0, n, NOW);
	n++;
	assert_int_equal(evicted(), LIMIT);
	while (n)
		half_open_leave(&all, slots[--n]);
}

/* What has lasted too long goes while strangers hold half of their places, and not before. */
static void test_less_time_under_pressure(void **state)
{
	enum { HALF = (LIMIT - LIMIT / HALF_OPEN_RESERVE) / 2 };
	struct half_open_slot *slots[HALF + 3];
	size_t n = 0;
	for (; n < HALF; n++)
		slots[n] = enter((unsigned)n, n, n ? NOW + 1 : NOW);
	slots[n] = enter((unsigned)n, n, NOW + HALF_OPEN_CROWDED);
	n++;
	assert_int_equal(evicted(), -1);
	slots[n] = enter((unsigned)n, n, NOW + HALF_OPEN_CROWDED);
	n++;
	assert_int_equal(evicted(), 0);
	assert_int_equal(evicted(), -1);
	while (n)
		half_open_leave(&all, slots[--n]);
}

/* The memory of those who proved a key is bounded, ends with time, and keeps whom it heard last. */
/* Who is never locked out. */
static void test_knows(void **state)
{
	struct address good = host(1), other = host(2);
	assert_false(half_open_knows(&all, &good, NOW));
	struct half_open_slot *slot = enter(2, 0, NOW); /* a place alone proves nothing */
	known(1, NOW);
	assert_true(half_open_knows(&all, &good, NOW));
	assert_false(half_open_knows(&all, &other, NOW));
	half_open_leave(&all, slot);
	assert_true(half_open_knows(&all, &good, NOW + HALF_OPEN_KNOWN_TIME - 1));
	assert_false(half_open_knows(&all, &good, NOW + HALF_OPEN_KNOWN_TIME + 1));
}

static void test_known_are_bounded(void **state)
{
	for (unsigned i = 0; i < 2 * HALF_OPEN_KNOWN_MAX; i++) {
		known(i, NOW + i);
		known(0, NOW + i);
	}
	assert_int_equal(all.n_known, HALF_OPEN_KNOWN_MAX);
	assert_int_equal(all.hosts.table.n, HALF_OPEN_KNOWN_MAX);
	assert_in_range(longest_chain(&all.hosts.table), 0, CHAIN_MAX);
	struct half_open_slot *slot = enter(0, 0, NOW + CLOCK_S);
	assert_int_equal(all.ranks[1].n, 1);
	half_open_leave(&all, slot);
	slot = enter(1, 0, NOW + CLOCK_S);
	assert_int_equal(all.ranks[0].n, 1);
	half_open_leave(&all, slot);
	/* One that proves its key becomes known with the places that it holds, and ceases to be so. */
	slot = enter(1, 0, NOW + CLOCK_S);
	known(1, NOW + CLOCK_S);
	assert_int_equal(all.ranks[1].n, 1);
	struct half_open_slot *later = enter(2, 0, NOW + 2 * HALF_OPEN_KNOWN_TIME);
	assert_int_equal(all.n_known, 0);
	assert_int_equal(all.ranks[0].n, 2);
	half_open_leave(&all, slot);
	half_open_leave(&all, later);
	assert_int_equal(all.hosts.table.n, 0);
}

/* A place that is lost on the way to its worker, one that ends before it hears of it; one wake-up for all. */
static void test_eviction_crosses(void **state)
{
	struct half_open_slot *slots[HALF_OPEN_PER_ADDRESS + 4];
	struct address peer = host(1);
	assert_int_equal(half_open_enter(&all, &peer, LIMIT, NOW, &slots[0]), 0);
	size_t n = 1;
	for (; n <= HALF_OPEN_PER_ADDRESS; n++)
		slots[n] = enter(1, n, NOW);
	assert_false(half_open_begin(&all, slots[0], server_link(0), 1));
	assert_int_equal(woken[1], 0);
	for (unsigned i = 0; i < 3; i++, n++)
		slots[n] = enter(1, n, NOW);
	assert_int_equal(woken[1], 1);
	half_open_leave(&all, slots[1]);
	assert_int_equal(evicted(), 2);
	half_open_leave(&all, slots[3]);
	assert_int_equal(evicted(), -1);
	struct half_open_slot *more = enter(1, n, NOW);
	assert_int_equal(woken[1], 2);
	half_open_leave(&all, more);
	half_open_leave(&all, slots[0]);
	half_open_leave(&all, slots[2]);
	while (n > 4)
		half_open_leave(&all, slots[--n]);
	assert_int_equal(half_open_count(&all), 0);
	assert_int_equal(evicted(), -1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_client_gets_in),
		TEST(test_order),
		TEST(test_per_address),
		TEST(test_reserve),
		TEST(test_less_time_under_pressure),
		TEST(test_knows),
		TEST(test_known_are_bounded),
		TEST(test_eviction_crosses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
