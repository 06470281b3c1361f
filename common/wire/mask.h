/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * WebSocket masking (RFC 6455, 5.3). Every byte from the client goes through it once on each side,
 * so it works in whole vectors: a byte loop costs more than the cipher.
 */
#include <stddef.h>
#include <stdint.h>

/*
 * XORs `n` bytes at `p`, of any alignment, with the key. `key` holds the four key bytes as they
 * stand on the wire and in memory (memcpy in, memcpy out; no byte order). Masking twice gives back
 * what was there.
 */
void ws_mask(uint8_t *p, size_t n, uint32_t key);
