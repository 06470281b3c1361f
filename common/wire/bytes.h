/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Big-endian numbers and runs of bytes, read and written through a cursor that cannot leave its
 * slice. Going too far marks the cursor bad, gives zeros and NULL from then on, and is asked about
 * once at the end: a parser checks one thing in one place, not a length before each field.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes_reader {
	const uint8_t *p;
	size_t n;
	bool bad;
};

struct bytes_writer {
	uint8_t *p;
	size_t n, cap; /* n bytes of cap are written */
	bool bad;
};

static inline uint16_t bytes_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t bytes_be32(const uint8_t *p)
{
	return (uint32_t)bytes_be16(p) << 16 | bytes_be16(p + 2);
}

static inline uint64_t bytes_be64(const uint8_t *p)
{
	return (uint64_t)bytes_be32(p) << 32 | bytes_be32(p + 4);
}

static inline void bytes_set_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void bytes_set_be32(uint8_t *p, uint32_t v)
{
	bytes_set_be16(p, (uint16_t)(v >> 16));
	bytes_set_be16(p + 2, (uint16_t)v);
}

static inline void bytes_set_be64(uint8_t *p, uint64_t v)
{
	bytes_set_be32(p, (uint32_t)(v >> 32));
	bytes_set_be32(p + 4, (uint32_t)v);
}

/* The next `n` bytes, borrowed from the slice; NULL when there are fewer. */
static inline const uint8_t *bytes_take(struct bytes_reader *r, size_t n)
{
	const uint8_t *p = r->p;
	if (r->bad || n > r->n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->n -= n;
	return p;
}

/* Copies the next `n` bytes; zeros when there are fewer. */
static inline void bytes_copy(struct bytes_reader *r, void *to, size_t n)
{
	const uint8_t *p = bytes_take(r, n);
	if (p)
		memcpy(to, p, n);
	else
		memset(to, 0, n);
}

static inline uint8_t bytes_u8(struct bytes_reader *r)
{
	const uint8_t *p = bytes_take(r, 1);
	return p ? *p : 0;
}

static inline uint16_t bytes_u16(struct bytes_reader *r)
{
	const uint8_t *p = bytes_take(r, 2);
	return p ? bytes_be16(p) : 0;
}

static inline uint32_t bytes_u32(struct bytes_reader *r)
{
	const uint8_t *p = bytes_take(r, 4);
	return p ? bytes_be32(p) : 0;
}

static inline uint64_t bytes_u64(struct bytes_reader *r)
{
	const uint8_t *p = bytes_take(r, 8);
	return p ? bytes_be64(p) : 0;
}

/* Whether all was there and nothing is left over. */
static inline bool bytes_at_end(const struct bytes_reader *r)
{
	return !r->bad && r->n == 0;
}

/* The next `n` bytes to be filled in; NULL when they do not fit. */
static inline uint8_t *bytes_room(struct bytes_writer *w, size_t n)
{
	uint8_t *p = w->p + w->n;
	if (w->bad || n > w->cap - w->n) {
		w->bad = true;
		return NULL;
	}
	w->n += n;
	return p;
}

static inline void bytes_put(struct bytes_writer *w, const void *from, size_t n)
{
	uint8_t *p = bytes_room(w, n);
	if (p && n)
		memcpy(p, from, n);
}

static inline void bytes_put_u8(struct bytes_writer *w, uint8_t v)
{
	bytes_put(w, &v, 1);
}

static inline void bytes_put_u16(struct bytes_writer *w, uint16_t v)
{
	uint8_t *p = bytes_room(w, 2);
	if (p)
		bytes_set_be16(p, v);
}

static inline void bytes_put_u32(struct bytes_writer *w, uint32_t v)
{
	uint8_t *p = bytes_room(w, 4);
	if (p)
		bytes_set_be32(p, v);
}

static inline void bytes_put_u64(struct bytes_writer *w, uint64_t v)
{
	uint8_t *p = bytes_room(w, 8);
	if (p)
		bytes_set_be64(p, v);
}
