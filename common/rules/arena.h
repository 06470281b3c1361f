/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Memory of what is made once, read by many, and freed as a whole: compiled rules. Small pieces stand beside
 * each other in blocks, in the order in which they were made.
 */
#include <stddef.h>

#include "base/str.h"

struct arena_block;
struct arena_end;

struct arena {
	struct arena_block *blocks; /* the one that is being filled first */
	struct arena_end *ends;
	size_t used; /* bytes that were given out */
	size_t held; /* bytes of memory, with what others hold for it (arena_own()) */
};

#define ARENA_NULL ((struct arena){0})

/* `n` zeroed bytes, aligned for anything; NULL: memory is out. */
void *arena_alloc(struct arena *a, size_t n);
/* A copy with a NUL behind it; its `p` is NULL when memory is out. */
struct str arena_copy(struct arena *a, struct str s);
/* What another library owns, of `n` bytes: `end` is called before the memory goes. 0 or -ENOMEM, when it was called at once. */
int arena_own(struct arena *a, void *what, size_t n, void (*end)(void *what));
/* Accepts zeroed memory. */
void arena_deinit(struct arena *a);
