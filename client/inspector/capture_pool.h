/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The memory of what was captured: one mapping of a fixed size, cut into blocks of one size, and texts that
 * are chains of them. So many captures can grow at a time, each can go at any time, and nothing is ever
 * moved. A block is touched when it is used first, and core dumps do not have the mapping: it is full of
 * other people's secrets.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes: a small exchange takes three of them. */
#define CAPTURE_BLOCK      1024
/* Bytes of a text in a block, behind the number of the next one. */
#define CAPTURE_BLOCK_TEXT (CAPTURE_BLOCK - sizeof(uint32_t))

struct capture_pool {
	uint8_t *base;  /* owned; NULL: no memory was to be had, or it is zero */
	uint32_t n;     /* blocks of the mapping; their numbers begin at 1 */
	uint32_t fresh; /* those that were touched */
	uint32_t free;  /* the first of those that were given back; 0: none */
	uint32_t used;
};

/* At least one block, at most UINT32_MAX of them. 0 or -ENOMEM. */
int capture_pool_init(struct capture_pool *pool, size_t size);
/* Accepts zeroed memory. */
void capture_pool_deinit(struct capture_pool *pool);

static inline bool capture_pool_has(const struct capture_pool *pool, size_t blocks)
{
	return pool->n - pool->used >= blocks;
}

/* A block that nobody else has, its bytes as they are. There has to be one. */
void *capture_pool_take(struct capture_pool *pool);
void capture_pool_give(struct capture_pool *pool, void *block);

/* Bytes that came one behind the other. Zero: none. */
struct capture_text {
	uint32_t first, last; /* blocks */
	size_t n;             /* bytes */
};

/* Blocks that it takes to append `n` bytes. */
size_t capture_text_needs(const struct capture_text *t, size_t n);
/* There have to be that many. */
void capture_text_append(struct capture_text *t, struct capture_pool *pool, const void *p,
	size_t n);
/* Gives its blocks back; it is empty then. */
void capture_text_clear(struct capture_text *t, struct capture_pool *pool);

/* Copies `n` bytes from `at` on, all of which it has. */
void capture_text_copy(const struct capture_text *t, const struct capture_pool *pool, size_t at,
	size_t n, void *to);
