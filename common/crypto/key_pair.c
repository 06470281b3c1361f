/* SPDX-License-Identifier: MIT */
#include "crypto/key_pair.h"

#include <string.h>

#include <sodium.h>

_Static_assert(KEY_PAIR_SIZE == crypto_scalarmult_SCALARBYTES, "the keys are Curve25519's");
_Static_assert(KEY_PAIR_SIZE == crypto_scalarmult_BYTES, "both of them");
_Static_assert(sizeof(KEY_TEXT_PREFIX "") - 1 + 2 * KEY_PAIR_SIZE == KEY_TEXT_LEN, "a whole text");

/* All of it, and nothing else. */
static bool from_hex(struct str text, uint8_t bytes_out[KEY_PAIR_SIZE])
{
	size_t n;
	return text.n == (size_t)2 * KEY_PAIR_SIZE &&
	       sodium_hex2bin(bytes_out, KEY_PAIR_SIZE, text.p, text.n, NULL, &n, NULL) == 0 &&
	       n == KEY_PAIR_SIZE;
}

void key_pair_random(struct key_pair *out)
{
	randombytes_buf(out->private, sizeof(out->private));
	crypto_scalarmult_base(out->public, out->private);
}

bool key_pair_parse(struct str text, struct key_pair *out)
{
	struct key_pair pair;
	bool ok = from_hex(text, pair.private);
	if (ok) {
		crypto_scalarmult_base(pair.public, pair.private);
		*out = pair;
	}
	key_pair_deinit(&pair);
	return ok;
}

void key_pair_text(const struct key_pair *pair, char text_out[KEY_PRIVATE_LEN + 1])
{
	sodium_bin2hex(text_out, KEY_PRIVATE_LEN + 1, pair->private, sizeof(pair->private));
}

void key_pair_deinit(struct key_pair *pair)
{
	sodium_memzero(pair, sizeof(*pair));
}

/*
 * A point of low order agrees on zero with every private key, so nobody has the private one of it: 0, 1, two of order 8,
 * p - 1, and p and p + 1, which are 0 and 1 again. Curve25519 does not look at the highest bit. Compared and not computed,
 * as a file may have ten thousand keys.
 */
static bool is_of_somebody(const uint8_t key[KEY_PAIR_SIZE])
{
	static const uint8_t points[][KEY_PAIR_SIZE] = {
		{0},
		{1},
		{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
			0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62,
			0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
		{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
			0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22,
			0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
		{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		{0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	};
	uint8_t without[KEY_PAIR_SIZE];
	memcpy(without, key, sizeof(without));
	without[KEY_PAIR_SIZE - 1] &= 0x7f;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		if (memcmp(without, points[i], sizeof(without)) == 0)
			return false;
	return true;
}

bool key_parse(struct str text, uint8_t key_out[KEY_PAIR_SIZE])
{
	const size_t prefix = sizeof(KEY_TEXT_PREFIX) - 1;
	uint8_t key[KEY_PAIR_SIZE];
	if (text.n != KEY_TEXT_LEN || memcmp(text.p, KEY_TEXT_PREFIX, prefix) != 0 ||
		!from_hex((struct str){text.p + prefix, text.n - prefix}, key) ||
		!is_of_somebody(key))
		return false;
	memcpy(key_out, key, sizeof(key));
	return true;
}

void key_text(const uint8_t key[KEY_PAIR_SIZE], char text_out[KEY_TEXT_LEN + 1])
{
	const size_t prefix = sizeof(KEY_TEXT_PREFIX) - 1;
	memcpy(text_out, KEY_TEXT_PREFIX, prefix);
	sodium_bin2hex(text_out + prefix, KEY_TEXT_LEN + 1 - prefix, key, KEY_PAIR_SIZE);
}
