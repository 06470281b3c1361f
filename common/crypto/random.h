/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Random bytes from the kernel. random_bytes() makes one system call and is meant for keys and ids;
 * a pool cuts the masking keys of WebSocket frames out of one block, because a system call per
 * frame would cost more than the frame (rule 15 of docs/protocol.md).
 */
#include <stddef.h>
#include <stdint.h>

/* Bytes drawn at once: 1,024 masking keys for one getrandom call. */
#define RANDOM_POOL_SIZE 4096

/* One per worker, embedded; not shared between threads. */
struct random_pool {
	uint8_t bytes[RANDOM_POOL_SIZE];
	size_t next; /* first byte not handed out yet */
};

/* Cannot fail: without a source of randomness the process ends in crypto_start(). */
void random_bytes(void *p, size_t n);

/* An empty pool; the first key taken fills it. */
void random_pool_init(struct random_pool *pool);
void random_pool_deinit(struct random_pool *pool);

/* Four bytes that were never handed out before and of which the pool keeps no copy. */
void random_pool_mask(struct random_pool *pool, uint8_t mask_out[4]);
