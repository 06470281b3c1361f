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

/* A point of low order agrees on zero with every private key: nobody has the private one of it. */
static bool is_of_somebody(const uint8_t key[KEY_PAIR_SIZE])
{
	static const uint8_t any[KEY_PAIR_SIZE] = {1};
	uint8_t shared[KEY_PAIR_SIZE];
	return crypto_scalarmult(shared, any, key) == 0 && !sodium_is_zero(shared, sizeof(shared));
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
