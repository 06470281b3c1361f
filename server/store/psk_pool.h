/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The PSKs of all credentials, by numbers from 1 on, in one block of locked memory that doubles when it is
 * full: a block for each would take four pages. One thread only.
 */
#include <stddef.h>
#include <stdint.h>

#include "crypto/token.h"

struct psk_pool {
	struct secret
		*psks;   /* owned; a place that is free has the number of the next one in front */
	uint32_t n;      /* places */
	uint32_t unused; /* the first free place; 0: none */
};

/* Copies it: its number, or 0 when memory is out. Accepts zeroed memory. */
uint32_t psk_pool_add(struct psk_pool *p, const uint8_t psk[TOKEN_PSK_SIZE]);
/* Wipes it. 0 is left alone. */
void psk_pool_remove(struct psk_pool *p, uint32_t number);
/* Good until the next psk_pool_add(). */
const uint8_t *psk_pool_at(const struct psk_pool *p, uint32_t number);
void psk_pool_deinit(struct psk_pool *p);
