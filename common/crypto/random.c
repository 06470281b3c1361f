/* SPDX-License-Identifier: MIT */
#include "crypto/random.h"

#include <string.h>
#include <sys/random.h>

#include <sodium.h>

#define MASK_SIZE 4 /* RFC 6455, section 5.3 */

_Static_assert(RANDOM_POOL_SIZE % MASK_SIZE == 0, "a key never straddles a refill");

/* libsodium 1.0.18 asks the kernel for 256 bytes at a time. */
static void fill(uint8_t *p, size_t n)
{
	ssize_t got = getrandom(p, n, 0);
	if (got < (ssize_t)n)
		randombytes_buf(p, n);
}

void random_bytes(void *p, size_t n)
{
	randombytes_buf(p, n);
}

void random_pool_init(struct random_pool *pool)
{
	pool->next = RANDOM_POOL_SIZE;
}

void random_pool_deinit(struct random_pool *pool)
{
	if (pool)
		sodium_memzero(pool, sizeof(*pool));
}

void random_pool_mask(struct random_pool *pool, uint8_t mask_out[4])
{
	if (pool->next == RANDOM_POOL_SIZE) {
		fill(pool->bytes, sizeof(pool->bytes));
		pool->next = 0;
	}
	uint8_t *p = pool->bytes + pool->next;
	memcpy(mask_out, p, MASK_SIZE);
	memset(p, 0, MASK_SIZE);
	pool->next += MASK_SIZE;
}
