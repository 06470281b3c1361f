/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A byte queue in one piece of memory: bytes are appended behind `end` and consumed from `start`.
 * The memory is contiguous, so a parser or a write sees all bytes as one slice.
 *
 *	data            start              end                cap
 *	 |   consumed     |   buf_len()     |   buf_room()     |
 */
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data; /* owned; NULL until the first reserve and after a release */
	size_t start, end, cap;
};

#define BUF_NULL ((struct buf){0})

/* Frees the memory; the buffer is empty and usable afterwards. */
void buf_deinit(struct buf *b);

/*
 * Makes room for `n` more bytes behind the end, by moving what is there to the front or by growing
 * to the next power of two. -ENOMEM leaves the buffer as it was.
 */
int buf_reserve(struct buf *b, size_t n);

/* Appends a copy of `n` bytes; 0 or -ENOMEM. */
int buf_append(struct buf *b, const void *p, size_t n);

static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->start;
}

static inline size_t buf_room(const struct buf *b)
{
	return b->cap - b->end;
}

/*
 * NULL in a buffer without memory. C does not define NULL + 0, and compilers conclude from an addition that
 * the pointer is not NULL; so the sum is one of numbers.
 */
static inline uint8_t *buf_at(const struct buf *b, size_t offset)
{
	return (uint8_t *)((uintptr_t)b->data + offset);
}

static inline uint8_t *buf_head(const struct buf *b)
{
	return buf_at(b, b->start);
}

static inline uint8_t *buf_tail(const struct buf *b)
{
	return buf_at(b, b->end);
}

/* `n` bytes were written behind the end; at most buf_room(). */
static inline void buf_commit(struct buf *b, size_t n)
{
	b->end += n;
}

/* `n` bytes at the front are done with; at most buf_len(). */
static inline void buf_consume(struct buf *b, size_t n)
{
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}
