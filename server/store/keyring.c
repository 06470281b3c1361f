/* SPDX-License-Identifier: MIT */
#include "server/store/keyring.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keyed_hash.h"
#include "crypto/random.h"

#define BUCKET_KEYS 8 /* ids of 8 bytes: a cache line or two */

_Static_assert(TOKEN_ID_SIZE == sizeof(uint64_t), "an id is compared as a number");

/*
 * Keys stand in the order of their buckets. A look-up compares the eight ids from where its bucket begins on;
 * those of the next buckets are other ones. What is [0], and what stands behind the last key so that there are
 * eight always, is nobody's: random, with NULL for an owner.
 */
struct keyring {
	struct hash_key seed; /* of the hash that picks a bucket: clients choose no buckets */
	size_t mask;          /* buckets - 1 */
	uint32_t *begins;     /* of each bucket, its first place in the three below */
	uint64_t *ids;
	struct secret *psks;
	struct credential **owners;
	size_t n; /* of these three */
};

static size_t bucket_of(const struct keyring *k, const uint8_t id[TOKEN_ID_SIZE])
{
	return keyed_hash(&k->seed, id, TOKEN_ID_SIZE) & k->mask;
}

static uint8_t *psk_at(const struct keyring *k, size_t place)
{
	return k->psks->bytes + place * TOKEN_PSK_SIZE;
}

/* Finds where each bucket begins. False: more keys are in one than a look-up compares. */
static bool keyring_lay_out(struct keyring *k, const struct keyring_key *keys, size_t n)
{
	uint32_t place = 1;
	for (size_t i = 0; i < n; i++)
		if (k->begins[bucket_of(k, keys[i].id)]++ == BUCKET_KEYS)
			return false;
	for (size_t bucket = 0; bucket <= k->mask; bucket++) {
		uint32_t in_it = k->begins[bucket];
		k->begins[bucket] = place;
		place += in_it;
	}
	return true;
}

/* False when memory is out. */
static bool keyring_choose_buckets(struct keyring *k, const struct keyring_key *keys, size_t n)
{
	size_t buckets = 1;
	/* At least as many as keys: then more than eight keys are rarely in one. */
	while (buckets < n)
		buckets *= 2;
	for (;; buckets *= 2) {
		free(k->begins);
		k->begins = calloc(buckets, sizeof(*k->begins));
		if (!k->begins)
			return false;
		k->mask = buckets - 1;
		hash_key_init(&k->seed);
		if (keyring_lay_out(k, keys, n))
			return true;
	}
}

/* The first place of its bucket that nobody has. */
static void keyring_put(struct keyring *k, const struct keyring_key *key)
{
	size_t place = k->begins[bucket_of(k, key->id)];
	while (k->owners[place])
		place++;
	memcpy(&k->ids[place], key->id, TOKEN_ID_SIZE);
	memcpy(psk_at(k, place), key->psk, TOKEN_PSK_SIZE);
	k->owners[place] = key->owner;
}

struct keyring *keyring_new(const struct keyring_key *keys, size_t n)
{
	struct keyring *k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->n = 1 + n + BUCKET_KEYS;
	k->ids = calloc(k->n, sizeof(*k->ids));
	k->psks = secret_new(NULL, k->n * TOKEN_PSK_SIZE);
	k->owners = calloc(k->n, sizeof(struct credential *));
	if (!k->ids || !k->psks || !k->owners || !keyring_choose_buckets(k, keys, n))
		return keyring_free(k);
	random_bytes(psk_at(k, 0), TOKEN_PSK_SIZE);
	random_bytes(psk_at(k, 1 + n), BUCKET_KEYS * TOKEN_PSK_SIZE);
	random_bytes(&k->ids[1 + n], BUCKET_KEYS * sizeof(*k->ids));
	for (size_t i = 0; i < n; i++)
		keyring_put(k, &keys[i]);
	return k;
}

struct keyring *keyring_free(struct keyring *k)
{
	if (!k)
		return NULL;
	secret_free(k->psks);
	free(k->owners);
	free(k->ids);
	free(k->begins);
	free(k);
	return NULL;
}

const uint8_t *keyring_find(const struct keyring *k, const uint8_t id[TOKEN_ID_SIZE],
	struct credential **owner_out)
{
	uint32_t begin = k->begins[bucket_of(k, id)], place = 0;
	uint64_t wanted;
	memcpy(&wanted, id, sizeof(wanted));
	for (uint32_t i = 0; i < BUCKET_KEYS; i++) {
		uint64_t other = k->ids[begin + i] ^ wanted;
		uint32_t same = (uint32_t)((other | -other) >> 63) - 1;
		__asm__("" : "+r"(same)); /* else clang sees a condition in it, and branches */
		place |= (begin + i) & same;
	}
	*owner_out = k->owners[place];
	return psk_at(k, place);
}

size_t keyring_size(const struct keyring *k)
{
	return sizeof(*k) + (k->mask + 1) * sizeof(*k->begins) +
	       k->n * (sizeof(*k->ids) + TOKEN_PSK_SIZE + sizeof(*k->owners));
}

uint64_t keyring_stamp(const struct keyring *k)
{
	return keyed_hash(&k->seed, NULL, 0);
}
