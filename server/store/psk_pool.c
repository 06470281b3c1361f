/* SPDX-License-Identifier: MIT */
#include "server/store/psk_pool.h"

#include <string.h>

#include "base/macros.h"

#define PLACES_LEAST 8 /* most servers have a token or a few; the block takes four pages anyway */
/* It grows by a quarter: locked memory is scarce, and whoever has thousands of tokens adds few at once. */
#define GROWTH       4

static uint8_t *place(const struct psk_pool *p, uint32_t number)
{
	return p->psks->bytes + (size_t)(number - 1) * TOKEN_PSK_SIZE;
}

static void place_free(struct psk_pool *p, uint32_t number)
{
	memset(place(p, number), 0, TOKEN_PSK_SIZE);
	memcpy(place(p, number), &p->unused, sizeof(p->unused));
	p->unused = number;
}

static int grow(struct psk_pool *p)
{
	uint32_t n = p->n + MAX(p->n / GROWTH, PLACES_LEAST);
	struct secret *psks = secret_new(NULL, (size_t)n * TOKEN_PSK_SIZE);
	if (!psks)
		return -1;
	if (p->n)
		memcpy(psks->bytes, p->psks->bytes, (size_t)p->n * TOKEN_PSK_SIZE);
	secret_free(p->psks);
	p->psks = psks;
	for (uint32_t number = n; number > p->n; number--)
		place_free(p, number);
	p->n = n;
	return 0;
}

uint32_t psk_pool_add(struct psk_pool *p, const uint8_t psk[TOKEN_PSK_SIZE])
{
	if (!p->unused && grow(p) < 0)
		return 0;
	uint32_t number = p->unused;
	memcpy(&p->unused, place(p, number), sizeof(p->unused));
	memcpy(place(p, number), psk, TOKEN_PSK_SIZE);
	return number;
}

void psk_pool_remove(struct psk_pool *p, uint32_t number)
{
	if (number)
		place_free(p, number);
}

const uint8_t *psk_pool_at(const struct psk_pool *p, uint32_t number)
{
	return place(p, number);
}

void psk_pool_deinit(struct psk_pool *p)
{
	p->psks = secret_free(p->psks);
	*p = (struct psk_pool){0};
}
