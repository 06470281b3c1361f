/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The hash of keys that an attacker can choose, for base/table.h: SipHash-2-4 under a secret of the table
 * (libsodium's crypto_shorthash). Without the secret nobody can choose keys that share a bucket. It takes
 * some 20 ns for an address.
 */
#include <stddef.h>
#include <stdint.h>

#define HASH_KEY_SIZE 16

struct hash_key {
	uint8_t bytes[HASH_KEY_SIZE];
};

/* Draws it at random. */
void hash_key_init(struct hash_key *key);

/* All 64 bits are equally good. `p` may be NULL when `n` is 0. */
uint64_t keyed_hash(const struct hash_key *key, const void *p, size_t n);
