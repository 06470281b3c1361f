/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void buf_deinit(struct buf *b)
{
	free(b->data);
	*b = BUF_NULL;
}

int buf_reserve(struct buf *b, size_t n)
{
	if (buf_room(b) >= n)
		return 0;
	size_t len = buf_len(b);
	if (b->cap - len >= n) {
		memmove(b->data, buf_head(b), len);
		b->start = 0;
		b->end = len;
		return 0;
	}
	if (n > SIZE_MAX / 2 - len)
		return -ENOMEM;
	size_t cap = b->cap ? b->cap : 256;
	while (cap < len + n)
		cap *= 2;
	/* Not realloc(): it would copy the consumed part too. */
	uint8_t *data = malloc(cap);
	if (!data)
		return -ENOMEM;
	if (len)
		memcpy(data, buf_head(b), len);
	free(b->data);
	*b = (struct buf){.data = data, .start = 0, .end = len, .cap = cap};
	return 0;
}

int buf_append(struct buf *b, const void *p, size_t n)
{
	int r = buf_reserve(b, n);
	if (r < 0)
		return r;
	if (n)
		memcpy(buf_tail(b), p, n);
	buf_commit(b, n);
	return 0;
}
