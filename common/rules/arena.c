/* SPDX-License-Identifier: MIT */
#include "rules/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

/* Bytes: each block has twice the size of the one before. The rules of one service fit into the first mostly. */
#define BLOCK_FIRST (1u << 10)
#define BLOCK_SIZE  (8u << 10)
#define ALIGNMENT   _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t at, size;
	max_align_t bytes[];
};

struct arena_end {
	struct arena_end *next;
	void *what;
	void (*end)(void *what);
};

static struct arena_block *block_new(struct arena *a, size_t n)
{
	size_t next = a->blocks ? MIN(2 * a->blocks->size, BLOCK_SIZE) : BLOCK_FIRST;
	size_t size = MAX(n, next);
	struct arena_block *b = calloc(1, sizeof(*b) + size);
	if (!b)
		return NULL;
	b->size = size;
	b->next = a->blocks;
	a->blocks = b;
	a->held += sizeof(*b) + size;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->blocks;
	n = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (!b || b->size - b->at < n)
		b = block_new(a, n);
	if (!b)
		return NULL;
	void *p = (char *)b->bytes + b->at;
	b->at += n;
	a->used += n;
	return p;
}

struct str arena_copy(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);
	if (!p)
		return STR_NULL;
	if (s.n)
		memcpy(p, s.p, s.n);
	return (struct str){p, s.n};
}

int arena_own(struct arena *a, void *what, size_t n, void (*end)(void *what))
{
	struct arena_end *e = arena_alloc(a, sizeof(*e));
	if (!e) {
		end(what);
		return -ENOMEM;
	}
	*e = (struct arena_end){a->ends, what, end};
	a->ends = e;
	a->held += n;
	return 0;
}

void arena_deinit(struct arena *a)
{
	for (struct arena_end *e = a->ends; e; e = e->next)
		e->end(e->what);
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
	*a = ARENA_NULL;
}
