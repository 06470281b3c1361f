/* SPDX-License-Identifier: MIT */
#pragma once
/* Buffers with some memory that are kept for the next request. */
#include "base/buf.h"

#define BUF_POOL_SIZE 1024 /* buffers: as many requests end before as many begin */
#define BUF_POOL_MAX  2048 /* bytes of one; larger buffers are not kept */

struct buf_pool {
	struct buf spares[BUF_POOL_SIZE];
	size_t n;
};

void buf_pool_deinit(struct buf_pool *p);

/* One with some memory, if one is kept; and back again. */
struct buf buf_pool_take(struct buf_pool *p);
void buf_pool_give(struct buf_pool *p, struct buf *b);
