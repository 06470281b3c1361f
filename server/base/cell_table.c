/* SPDX-License-Identifier: MIT */
#include "server/base/cell_table.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct cell {
	_Atomic uint64_t key;   /* or one of the two below */
	_Atomic uint64_t value; /* means nothing while the key is CELL_PLACING */
};

#define CELL_FREE    0 /* as calloc() leaves it */
#define CELL_PLACING 1 /* a thread is about to write the value of the key that it then writes */
#define CELL_KEYS    2 /* the lowest key */

#define CELL_SET_SIZE (CELL_TABLE_WAYS * sizeof(struct cell))
static_assert(CELL_SET_SIZE == 64, "a set is one cache line");

int cell_table_init(struct cell_table *t, size_t n)
{
	assert(n >= CELL_TABLE_WAYS && !(n & (n - 1)));
	/* Not aligned_alloc(): calloc() knows of large memory that it is zero without touching it. */
	void *memory = calloc(n * sizeof(struct cell) + CELL_SET_SIZE, 1);
	if (!memory)
		return -ENOMEM;
	uintptr_t start = ((uintptr_t)memory + CELL_SET_SIZE - 1) & ~(uintptr_t)(CELL_SET_SIZE - 1);
	*t = (struct cell_table){.memory = memory,
		.cells = (struct cell *)start,
		.sets = n / CELL_TABLE_WAYS};
	hash_key_init(&t->secret);
	return 0;
}

void cell_table_deinit(struct cell_table *t)
{
	free(t->memory);
	*t = (struct cell_table){0};
}

uint64_t cell_table_key(const struct cell_table *t, const void *p, size_t n)
{
	uint64_t hash = keyed_hash(&t->secret, p, n);
	return hash < CELL_KEYS ? hash + CELL_KEYS : hash;
}

static struct cell *cell_set(const struct cell_table *t, uint64_t key)
{
	return t->cells + (key & (t->sets - 1)) * CELL_TABLE_WAYS;
}

uint64_t cell_table_read(const struct cell_table *t, uint64_t key, struct cell **cell_out)
{
	struct cell *set = cell_set(t, key);
	*cell_out = NULL;
	for (unsigned i = 0; i < CELL_TABLE_WAYS; i++) {
		if (atomic_load_explicit(&set[i].key, memory_order_acquire) != key)
			continue;
		uint64_t value = atomic_load_explicit(&set[i].value, memory_order_acquire);
		/* It may have become another key's between the two. */
		if (atomic_load_explicit(&set[i].key, memory_order_relaxed) != key)
			continue;
		*cell_out = &set[i];
		return value;
	}
	return 0;
}

/* The one whose key goes, which is `*key_out`; NULL: others are placing keys in all of them. */
static struct cell *oldest(struct cell *set, uint64_t *key_out)
{
	struct cell *found = NULL;
	uint64_t lowest = UINT64_MAX;
	for (unsigned i = 0; i < CELL_TABLE_WAYS; i++) {
		uint64_t key = atomic_load_explicit(&set[i].key, memory_order_acquire);
		uint64_t value = atomic_load_explicit(&set[i].value, memory_order_relaxed);
		if (key == CELL_PLACING || (found && value >= lowest))
			continue;
		found = &set[i];
		lowest = value;
		*key_out = key;
	}
	return found;
}

/*
 * The value is written between two changes of the key: else the new key would have that of the old one for a
 * moment, and somebody would pay for what another did. Who still holds the cell for the old key finds another
 * value there than it read, and reads again.
 */
static bool place(struct cell *set, uint64_t key, uint64_t value)
{
	uint64_t gone;
	struct cell *cell = oldest(set, &gone);
	if (!cell)
		return true;
	if (!atomic_compare_exchange_strong_explicit(&cell->key, &gone, CELL_PLACING,
		    memory_order_acquire, memory_order_relaxed))
		return false;
	atomic_store_explicit(&cell->value, value, memory_order_release);
	atomic_store_explicit(&cell->key, key, memory_order_release);
	return true;
}

bool cell_table_write(struct cell_table *t, uint64_t key, struct cell *cell, uint64_t was,
	uint64_t value)
{
	if (!cell)
		return place(cell_set(t, key), key, value);
	return atomic_compare_exchange_strong_explicit(&cell->value, &was, value,
		memory_order_relaxed, memory_order_relaxed);
}
