/* SPDX-License-Identifier: MIT */
#include "client/inspector/capture_pool.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/macros.h"

struct block {
	uint32_t next;
	uint8_t text[CAPTURE_BLOCK_TEXT];
};

static struct block *block_at(const struct capture_pool *pool, uint32_t number)
{
	return (struct block *)(void *)(pool->base + (size_t)(number - 1) * CAPTURE_BLOCK);
}

static uint32_t number_of(const struct capture_pool *pool, const void *block)
{
	return (uint32_t)((size_t)((const uint8_t *)block - pool->base) / CAPTURE_BLOCK) + 1;
}

int capture_pool_init(struct capture_pool *pool, size_t size)
{
	*pool = (struct capture_pool){0};
	size -= size % CAPTURE_BLOCK;
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -ENOMEM;
	madvise(base, size, MADV_DONTDUMP);
	/* A huge page would be touched whole for one request. */
	madvise(base, size, MADV_NOHUGEPAGE);
	pool->base = base;
	pool->n = (uint32_t)(size / CAPTURE_BLOCK);
	return 0;
}

void capture_pool_deinit(struct capture_pool *pool)
{
	if (pool->base)
		munmap(pool->base, (size_t)pool->n * CAPTURE_BLOCK);
	*pool = (struct capture_pool){0};
}

void *capture_pool_take(struct capture_pool *pool)
{
	struct block *b;
	if (pool->free) {
		b = block_at(pool, pool->free);
		pool->free = b->next;
	} else {
		b = block_at(pool, ++pool->fresh);
	}
	pool->used++;
	return b;
}

void capture_pool_give(struct capture_pool *pool, void *block)
{
	struct block *b = block;
	b->next = pool->free;
	pool->free = number_of(pool, b);
	pool->used--;
}

/* Bytes that its last block still takes. */
static size_t room_of(const struct capture_text *t)
{
	size_t in_last = t->n % CAPTURE_BLOCK_TEXT;
	return in_last ? CAPTURE_BLOCK_TEXT - in_last : 0;
}

size_t capture_text_needs(const struct capture_text *t, size_t n)
{
	size_t room = room_of(t);
	return n <= room ? 0 : (n - room + CAPTURE_BLOCK_TEXT - 1) / CAPTURE_BLOCK_TEXT;
}

static void append_block(struct capture_text *t, struct capture_pool *pool)
{
	struct block *b = capture_pool_take(pool);
	uint32_t number = number_of(pool, b);
	b->next = 0;
	if (t->last)
		block_at(pool, t->last)->next = number;
	else
		t->first = number;
	t->last = number;
}

void capture_text_append(struct capture_text *t, struct capture_pool *pool, const void *p, size_t n)
{
	const uint8_t *from = p;
	while (n) {
		size_t room = room_of(t);
		if (!room) {
			append_block(t, pool);
			room = CAPTURE_BLOCK_TEXT;
		}
		size_t m = MIN(n, room);
		memcpy(block_at(pool, t->last)->text + (CAPTURE_BLOCK_TEXT - room), from, m);
		t->n += m;
		from += m;
		n -= m;
	}
}

void capture_text_clear(struct capture_text *t, struct capture_pool *pool)
{
	for (uint32_t at = t->first; at;) {
		struct block *b = block_at(pool, at);
		at = b->next;
		capture_pool_give(pool, b);
	}
	*t = (struct capture_text){0};
}

void capture_text_copy(const struct capture_text *t, const struct capture_pool *pool, size_t at,
	size_t n, void *to)
{
	uint32_t number = t->first;
	for (; at >= CAPTURE_BLOCK_TEXT; at -= CAPTURE_BLOCK_TEXT)
		number = block_at(pool, number)->next;
	for (uint8_t *out = to; n; at = 0) {
		const struct block *b = block_at(pool, number);
		size_t m = MIN(n, CAPTURE_BLOCK_TEXT - at);
		memcpy(out, b->text + at, m);
		out += m;
		n -= m;
		number = b->next;
	}
}
