/* SPDX-License-Identifier: MIT */
#include "server/base/lockout.h"

#include <string.h>

#include "base/macros.h"

/*
 * The value of a key: the number of its failures in the low byte, and above it the time of its last failure
 * or of the end of its lock-out, whichever is later; 56 bits of µs last for 2,000 years of a machine's uptime.
 */
#define FAILURES_BITS 8
#define FAILURES_MAX  ((1u << FAILURES_BITS) - 1)

/* What a key is of; zeros behind the address for the address itself. */
struct failure_key {
	uint64_t network;
	uint64_t of_try; /* 1, or 0 */
	uint64_t stamp;
	uint8_t key_id[TOKEN_ID_SIZE];
};

int lockout_init(struct lockout *l)
{
	*l = (struct lockout){0};
	return cell_table_init(&l->cells, LOCKOUT_CELLS);
}

void lockout_deinit(struct lockout *l)
{
	cell_table_deinit(&l->cells);
}

static uint64_t key_of_address(const struct lockout *l, const struct address *peer)
{
	const struct failure_key key = {.network = address_network(peer)};
	return cell_table_key(&l->cells, &key, sizeof(key));
}

static uint64_t key_of_try(const struct lockout *l, const struct lockout_try *t)
{
	struct failure_key key = {.network = address_network(t->peer),
		.of_try = 1,
		.stamp = t->stamp};
	memcpy(key.key_id, t->key_id, sizeof(key.key_id));
	return cell_table_key(&l->cells, &key, sizeof(key));
}

static uint64_t left(const struct lockout *l, uint64_t key, uint64_t now)
{
	struct cell *cell;
	uint64_t until = cell_table_read(&l->cells, key, &cell) >> FAILURES_BITS;
	return until > now ? until - now : 0;
}

uint64_t lockout_of_address(const struct lockout *l, const struct address *peer, uint64_t now)
{
	return left(l, key_of_address(l, peer), now);
}

uint64_t lockout_of_try(const struct lockout *l, const struct lockout_try *t, uint64_t now)
{
	uint64_t address = lockout_of_address(l, t->peer, now);
	uint64_t repeated = left(l, key_of_try(l, t), now);
	return MAX(address, repeated);
}

void lockout_refused(struct lockout *l)
{
	atomic_fetch_add_explicit(&l->refused, 1, memory_order_relaxed);
}

/* How long the failure with that number locks out. */
static uint64_t time_of(unsigned failures, unsigned free)
{
	uint64_t time = LOCKOUT_MIN;
	if (failures <= free)
		return 0;
	while (--failures > free && time < LOCKOUT_MAX)
		time *= 2;
	return MIN(time, LOCKOUT_MAX);
}

/* One more failure of a key. `*first_out`: it is the first that is remembered. Its lock-out in µs, or 0. */
static uint64_t fail(struct lockout *l, uint64_t key, unsigned free, uint64_t now, bool *first_out)
{
	struct cell *cell;
	uint64_t was, until, time;
	unsigned failures;
	do {
		was = cell_table_read(&l->cells, key, &cell);
		until = was >> FAILURES_BITS;
		failures = (unsigned)(was & FAILURES_MAX);
		if (now > until && now - until > LOCKOUT_FORGET)
			failures = 0;
		*first_out = !failures;
		failures = MIN(failures + 1, FAILURES_MAX);
		time = time_of(failures, free);
		/* Several may have been under way when it began: none of them makes it shorter. */
		until = MAX(until, now + time);
	} while (!cell_table_write(&l->cells, key, cell, was, until << FAILURES_BITS | failures));
	if (time)
		atomic_fetch_add_explicit(&l->begun, 1, memory_order_relaxed);
	return time;
}

uint64_t lockout_failed(struct lockout *l, const struct lockout_try *t, uint64_t now,
	bool *address_out)
{
	bool first, unused;
	uint64_t time = fail(l, key_of_try(l, t), LOCKOUT_REPEATS, now, &first);
	if (first)
		time = fail(l, key_of_address(l, t->peer), LOCKOUT_GUESSES, now, &unused);
	*address_out = first;
	return time;
}
