/* SPDX-License-Identifier: MIT */
#include "crypto/keyed_hash.h"

#include <string.h>

#include <sodium.h>

#include "crypto/random.h"

_Static_assert(HASH_KEY_SIZE == crypto_shorthash_KEYBYTES, "the key is SipHash's");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "and so is what comes out");

void hash_key_init(struct hash_key *key)
{
	random_bytes(key->bytes, sizeof(key->bytes));
}

uint64_t keyed_hash(const struct hash_key *key, const void *p, size_t n)
{
	static const uint8_t nothing;
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t hash;
	crypto_shorthash(out, n ? p : &nothing, n, key->bytes);
	memcpy(&hash, out, sizeof(hash));
	return hash;
}
