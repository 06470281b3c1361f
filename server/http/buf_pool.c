/* SPDX-License-Identifier: MIT */
#include "server/http/buf_pool.h"

struct buf buf_pool_take(struct buf_pool *p)
{
	return p->n ? p->spares[--p->n] : BUF_NULL;
}

void buf_pool_give(struct buf_pool *p, struct buf *b)
{
	if (!b->data || b->cap > BUF_POOL_MAX || p->n == BUF_POOL_SIZE) {
		buf_deinit(b);
		return;
	}
	b->start = b->end = 0;
	p->spares[p->n++] = *b;
	*b = BUF_NULL;
}

void buf_pool_deinit(struct buf_pool *p)
{
	while (p->n)
		buf_deinit(&p->spares[--p->n]);
}
