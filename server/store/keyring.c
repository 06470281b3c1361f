/* SPDX-License-Identifier: MIT */
#include "server/store/keyring.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keyed_hash.h"
#include "crypto/random.h"

#define BUCKET_KEYS 8 /* ids of 8 bytes: a cache line */
/* Of so many places one is taken at most: then a bucket overflows rarely, and the table is doubled rarely. */
#define SPARENESS   4

_Static_assert(TOKEN_ID_SIZE == sizeof(uint64_t), "an id is compared as a number");

struct keyring_bucket {
	uint64_t ids[BUCKET_KEYS];
};

struct keyring {
	struct hash_key seed; /* of the hash that picks a bucket: clients choose no buckets */
	size_t mask;          /* buckets - 1 */
	struct keyring_bucket *buckets;
	uint32_t (*keys)
		[BUCKET_KEYS]; /* of each id, its place in the two below; 0: the place is free */
	struct secret *psks;   /* [0] is nobody's */
	struct credential **owners; /* [0] is NULL */
	size_t n;                   /* of these two */
};

static size_t bucket_of(const struct keyring *k, const uint8_t id[TOKEN_ID_SIZE])
{
	return keyed_hash(&k->seed, id, TOKEN_ID_SIZE) & k->mask;
}

static uint8_t *psk_at(const struct keyring *k, size_t key)
{
	return k->psks->bytes + key * TOKEN_PSK_SIZE;
}

/* False: the bucket is full. */
static bool keyring_put(struct keyring *k, const uint8_t id[TOKEN_ID_SIZE], uint32_t key)
{
	size_t bucket = bucket_of(k, id);
	for (size_t i = 0; i < BUCKET_KEYS; i++) {
		if (k->keys[bucket][i])
			continue;
		memcpy(&k->buckets[bucket].ids[i], id, TOKEN_ID_SIZE);
		k->keys[bucket][i] = key;
		return true;
	}
	return false;
}

static bool keyring_put_all(struct keyring *k, const struct keyring_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!keyring_put(k, keys[i].id, (uint32_t)i + 1))
			return false;
	return true;
}

/* False when memory is out. */
static bool keyring_fill(struct keyring *k, const struct keyring_key *keys, size_t n)
{
	size_t buckets = 1;
	while (buckets * BUCKET_KEYS < n * SPARENESS)
		buckets *= 2;
	for (;; buckets *= 2) {
		free(k->buckets);
		free(k->keys);
		k->buckets = aligned_alloc(sizeof(*k->buckets), buckets * sizeof(*k->buckets));
		k->keys = calloc(buckets, sizeof(*k->keys));
		if (!k->buckets || !k->keys)
			return false;
		memset(k->buckets, 0, buckets * sizeof(*k->buckets));
		k->mask = buckets - 1;
		hash_key_init(&k->seed);
		if (keyring_put_all(k, keys, n))
			return true;
	}
}

struct keyring *keyring_new(const struct keyring_key *keys, size_t n)
{
	struct keyring *k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->n = n + 1;
	k->psks = secret_new(NULL, k->n * TOKEN_PSK_SIZE);
	k->owners = calloc(k->n, sizeof(struct credential *));
	if (!k->psks || !k->owners || !keyring_fill(k, keys, n))
		return keyring_free(k);
	random_bytes(psk_at(k, 0), TOKEN_PSK_SIZE);
	for (size_t i = 0; i < n; i++) {
		memcpy(psk_at(k, i + 1), keys[i].psk, TOKEN_PSK_SIZE);
		k->owners[i + 1] = keys[i].owner;
	}
	return k;
}

struct keyring *keyring_free(struct keyring *k)
{
	if (!k)
		return NULL;
	secret_free(k->psks);
	free(k->owners);
	free(k->keys);
	free(k->buckets);
	free(k);
	return NULL;
}

const uint8_t *keyring_find(const struct keyring *k, const uint8_t id[TOKEN_ID_SIZE],
	struct credential **owner_out)
{
	size_t bucket = bucket_of(k, id);
	uint64_t wanted;
	uint32_t key = 0;
	memcpy(&wanted, id, sizeof(wanted));
	/* A free place has the id of open mode, and 0. */
	for (size_t i = 0; i < BUCKET_KEYS; i++) {
		uint64_t other = k->buckets[bucket].ids[i] ^ wanted;
		uint32_t same = (uint32_t)((other | -other) >> 63) - 1;
		__asm__("" : "+r"(same)); /* else clang sees a condition in it, and branches */
		key |= k->keys[bucket][i] & same;
	}
	*owner_out = k->owners[key];
	return psk_at(k, key);
}

size_t keyring_size(const struct keyring *k)
{
	return sizeof(*k) + (k->mask + 1) * (sizeof(*k->buckets) + sizeof(*k->keys)) +
	       k->n * (TOKEN_PSK_SIZE + sizeof(*k->owners));
}

uint64_t keyring_stamp(const struct keyring *k)
{
	return keyed_hash(&k->seed, NULL, 0);
}
