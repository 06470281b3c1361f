/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A table of fixed memory: 64 bits for each key, which strangers choose. Nobody can make it grow, and it has
 * no lock. A key is known by its hash under a secret alone, and belongs into one of the sets of four cells;
 * a new key takes the cell of its set whose value is the lowest, so values rise with time: the oldest goes.
 * Value 0 is that of a key that is not there: what a flood of keys pushes out is forgotten, never made worse.
 *
 * A cell is 16 bytes and a set one cache line. Memory that no key has touched takes no page.
 *
 *	do {
 *		was = cell_table_read(t, key, &cell);
 *		...
 *	} while (!cell_table_write(t, key, cell, was, value));
 *
 * Every function may be called from any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/keyed_hash.h"

#define CELL_TABLE_WAYS 4 /* cells of a set: 64 bytes, the cache line of common processors */

struct cell;

struct cell_table {
	struct hash_key secret;
	void *memory; /* owned; `cells` begins in it, on a cache line */
	struct cell *cells;
	uint64_t sets; /* a power of two */
};

/* `n` cells, a power of two, of 16 bytes each. 0 or -ENOMEM, which leaves nothing behind. */
int cell_table_init(struct cell_table *t, size_t n);
/* Accepts zeroed memory. */
void cell_table_deinit(struct cell_table *t);

/* The key that these bytes stand for. */
uint64_t cell_table_key(const struct cell_table *t, const void *p, size_t n);

/* The key's value; 0, and no cell, when it is not there. */
uint64_t cell_table_read(const struct cell_table *t, uint64_t key, struct cell **cell_out);

/*
 * Gives a key that was read its next value. False: another thread was faster, so read it again. A key that
 * finds no place, because other threads are placing keys in all cells of its set, stays unknown.
 */
bool cell_table_write(struct cell_table *t, uint64_t key, struct cell *cell, uint64_t was,
	uint64_t value);
