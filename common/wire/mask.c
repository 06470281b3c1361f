/*
 * Masking. The vectors are loaded and stored with memcpy, which the compiler turns into unaligned
 * moves: aligning `p` first would cost short payloads more than it saves long ones.
 */
#include <string.h>

#include "wire/mask.h"

typedef uint64_t vector __attribute__((vector_size(16)));

void ws_mask(uint8_t *p, size_t n, uint32_t key, size_t phase)
{
	uint8_t wire[4], turned[16];
	memcpy(wire, &key, 4);
	for (size_t i = 0; i < sizeof turned; i++)
		turned[i] = wire[(phase + i) & 3];
	vector k;
	memcpy(&k, turned, sizeof k);

	/* Four at a time, because gcc -O2 does not unroll and one load a turn is half the speed. */
	for (; n >= 64; p += 64, n -= 64) {
		vector v[4];
		memcpy(v, p, sizeof v);
		v[0] ^= k;
		v[1] ^= k;
		v[2] ^= k;
		v[3] ^= k;
		memcpy(p, v, sizeof v);
	}
	for (; n >= 16; p += 16, n -= 16) {
		vector v;
		memcpy(&v, p, sizeof v);
		v ^= k;
		memcpy(p, &v, sizeof v);
	}
	for (size_t i = 0; i < n; i++)
		p[i] ^= turned[i];
}
