/* SPDX-License-Identifier: MIT */
/* Buckets: what passes in a time, what is owed, and whose share is how much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/macros.h"
#include "mux/rate.h"

#define NOW (10000 * CLOCK_S)
#define MIB (1u << 20)

static struct rate_bucket *bucket(struct rate **r, uint64_t limit)
{
	*r = rate_new();
	assert_non_null(*r);
	rate_bucket_set(&(*r)->up, limit, NOW - 3600 * CLOCK_S);
	return &(*r)->up;
}

/* As much as passes from NOW on, looked at `every` µs, in pieces of at most `piece`. */
static uint64_t passes(struct rate_bucket *b, uint64_t time, uint64_t every, size_t piece)
{
	uint64_t sum = 0;
	for (uint64_t now = NOW; now <= NOW + time; now += every) {
		size_t n;
		while ((n = MIN(rate_bucket_level(b, now), piece)) > 0) {
			rate_bucket_take(b, n, now);
			sum += n;
		}
	}
	assert_int_equal(b->passed, sum);
	return sum;
}

/* From a full bucket on, whatever the pieces and however often somebody looks. */
static void holds_within_five_percent(void **state)
{
	static const struct {
		uint64_t limit, every;
		size_t piece;
	} rows[] = {
		{10 * MIB, 10 * CLOCK_MS, 65536},
		{10 * MIB, 100, 1},
		{10 * MIB, 1 * CLOCK_MS, 1448},
		{10 * MIB, 200 * CLOCK_MS, 65536},
		{64 << 10, 10 * CLOCK_MS, 4096},
		{10007, 7 * CLOCK_MS, 333},
		{UINT64_C(5) << 30, 1 * CLOCK_MS, 65536},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rate *r;
		struct rate_bucket *b = bucket(&r, rows[i].limit);
		double sum = (double)passes(b, 10 * CLOCK_S, rows[i].every, rows[i].piece);
		double share = sum / (double)(10 * rows[i].limit);
		if (share < 0.95 || share > 1.05)
			fail_msg("row %zu: %.3f of the rate passed", i, share);
		rate_free(r);
	}
}

static void a_pause_brings_a_burst_and_no_more(void **state)
{
	struct rate *r;
	struct rate_bucket *b = bucket(&r, 1000000);
	assert_int_equal(rate_bucket_level(b, NOW), 250000);
	rate_bucket_take(b, 250000, NOW);
	assert_int_equal(rate_bucket_level(b, NOW), 0);
	assert_int_equal(rate_bucket_level(b, NOW + 10 * CLOCK_MS), 10000);
	assert_int_equal(rate_bucket_level(b, NOW + 3600 * CLOCK_S), 250000);
	/* A clock that another thread read earlier. */
	assert_int_equal(rate_bucket_level(b, NOW - CLOCK_S), 0);
	rate_free(r);
}

static void what_is_owed_is_paid_back(void **state)
{
	struct rate *r;
	struct rate_bucket *b = bucket(&r, 1000000);
	rate_bucket_take(b, 250000 + 65000, NOW);
	assert_int_equal(rate_bucket_level(b, NOW + 65 * CLOCK_MS), 0);
	assert_int_equal(rate_bucket_level(b, NOW + 66 * CLOCK_MS), 1000);
	rate_free(r);
}

static void a_new_rate_holds_from_now_on(void **state)
{
	struct rate *r;
	struct rate_bucket *b = bucket(&r, 1000);
	rate_bucket_take(b, 100000, NOW); /* would take 100 s */
	rate_bucket_set(b, 1000000, NOW);
	assert_int_equal(rate_bucket_level(b, NOW + CLOCK_MS), 1000);
	rate_bucket_set(b, RATE_NONE, NOW);
	assert_true(rate_bucket_level(b, NOW) == SIZE_MAX);
	assert_true(rate_bucket_share(b, 1, NOW, NOW) == SIZE_MAX);
	uint64_t passed = b->passed;
	rate_bucket_take(b, 100, NOW);
	assert_int_equal(b->passed, passed + 100);
	/* 0 and more than there is are rates, too. */
	rate_bucket_set(b, 0, NOW);
	assert_int_equal(rate_bucket_level(b, NOW), RATE_BURST_MIN); /* it had none, and is full */
	rate_bucket_set(b, 0, NOW);
	assert_int_equal(rate_bucket_level(b, NOW), 0);
	assert_int_equal(rate_bucket_level(b, NOW + 600 * CLOCK_S), 600);
	assert_int_equal(rate_bucket_level(b, NOW + 9000 * CLOCK_S), RATE_BURST_MIN);
	rate_bucket_set(b, RATE_NONE - 1, NOW);
	assert_int_equal(rate_bucket_limit(b), RATE_MAX);
	/* 256 GiB, where memory has so many bytes. */
	assert_true(rate_bucket_level(b, NOW + CLOCK_S) == MIN(RATE_MAX / 4, SIZE_MAX - 1));
	rate_free(r);
}

static void shares_are_by_streams(void **state)
{
	struct rate *r;
	struct rate_bucket *b = bucket(&r, 1000000);
	uint64_t now = NOW + 10 * CLOCK_MS;
	rate_bucket_take(b, 250000, NOW);
	b->waiting = 20;
	assert_int_equal(rate_bucket_share(b, 5, NOW, now), 2500);
	assert_int_equal(rate_bucket_share(b, 15, NOW, now), 7500);
	/* Not more than there is, */
	assert_int_equal(rate_bucket_share(b, 30, NOW - CLOCK_S, now), 10000);
	rate_bucket_take(b, 9000, now);
	assert_int_equal(rate_bucket_share(b, 5, NOW, now), 1000);
	/* and what nobody took is anybody's. */
	assert_int_equal(rate_bucket_share(b, 5, now + 90 * CLOCK_MS, now + 100 * CLOCK_MS),
		2500 + 101000 - 20000);
	rate_free(r);
}

/* ---- Threads ---- */

#define THREADS 4
#define PIECE   16384

struct taker {
	struct rate_bucket *bucket;
	atomic_uint_least64_t *now;
	uint64_t sum;
};

static void *take_all(void *arg)
{
	struct taker *t = arg;
	for (int i = 0; i < 20000; i++) {
		uint64_t now = atomic_fetch_add(t->now, 50);
		size_t n = MIN(rate_bucket_level(t->bucket, now), PIECE);
		if (n)
			rate_bucket_take(t->bucket, n, now);
		t->sum += n;
	}
	return NULL;
}

/* What they take at the same moment is owed: in all it is the rate, and one piece of each besides. */
static void threads_share_one_bucket(void **state)
{
	struct rate *r;
	struct rate_bucket *b = bucket(&r, 10 * MIB);
	atomic_uint_least64_t now = NOW;
	struct taker takers[THREADS];
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++) {
		takers[i] = (struct taker){.bucket = b, .now = &now};
		assert_int_equal(pthread_create(&threads[i], NULL, take_all, &takers[i]), 0);
	}
	uint64_t sum = 0;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		sum += takers[i].sum;
	}
	assert_int_equal(b->passed, sum);
	uint64_t time = now - NOW, most = 10 * MIB * (time + RATE_BURST) / CLOCK_S;
	assert_true(sum <= most + THREADS * PIECE);
	assert_true(sum >= 10 * MIB * time / CLOCK_S - THREADS * PIECE);
	rate_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_within_five_percent),
		cmocka_unit_test(a_pause_brings_a_burst_and_no_more),
		cmocka_unit_test(what_is_owed_is_paid_back),
		cmocka_unit_test(a_new_rate_holds_from_now_on),
		cmocka_unit_test(shares_are_by_streams),
		cmocka_unit_test(threads_share_one_bucket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
