/* SPDX-License-Identifier: MIT */
/*
 * Masking. The vectors are loaded and stored with memcpy, which the compiler turns into unaligned
 * moves: aligning `p` first would cost short payloads more than it saves long ones.
 */
#include <string.h>

#include "wire/mask.h"

typedef uint64_t vector __attribute__((vector_size(16)));

static vector load(const uint8_t *p)
{
	vector v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static void store(uint8_t *p, vector v)
{
	memcpy(p, &v, sizeof(v));
}

void ws_mask(uint8_t *p, size_t n, uint32_t key)
{
	uint64_t twice = (uint64_t)key << 32 | key;
	vector k = {twice, twice};

	/* Four at a time, each in a variable of its own: gcc keeps an array of them on the stack. */
	for (; n >= 64; p += 64, n -= 64) {
		vector a = load(p) ^ k, b = load(p + 16) ^ k;
		vector c = load(p + 32) ^ k, d = load(p + 48) ^ k;
		store(p, a);
		store(p + 16, b);
		store(p + 32, c);
		store(p + 48, d);
	}
	for (; n >= 16; p += 16, n -= 16)
		store(p, load(p) ^ k);
	uint8_t rest[16];
	store(rest, k);
	for (size_t i = 0; i < n; i++)
		p[i] ^= rest[i];
}
