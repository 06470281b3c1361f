/* SPDX-License-Identifier: MIT */
#include "crypto/token.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include <sodium.h>

/*
 * OWASP's first choice for Argon2id (t=2, m=19 MiB, p=1; libsodium has no other p). Part of
 * protocol version tunnel.v1: different costs are a different key, so they are never configured or
 * negotiated.
 */
#define ARGON2_PASSES 2
#define ARGON2_MEMORY (19u * 1024 * 1024) /* bytes */

#define MASTER_SIZE 32
#define HASH_SIZE   32

/* What the two values are derived under. Neither can be computed from the other. */
#define LABEL_PSK  "tunnel.v1 psk"
#define LABEL_ID   "tunnel.v1 key id"
#define LABEL_OPEN "tunnel.v1 open"

_Static_assert(TOKEN_PSK_SIZE == HASH_SIZE, "the PSK is a whole hash");
_Static_assert(TOKEN_SALT_SIZE == crypto_pwhash_SALTBYTES, "Argon2's salt is the hello's");

/* BLAKE2b-256 of a label, keyed unless `key` is NULL. */
static void label_hash(const char *label, const uint8_t *key, uint8_t hash_out[HASH_SIZE])
{
	crypto_generichash(hash_out, HASH_SIZE, (const uint8_t *)label, strlen(label), key,
		key ? MASTER_SIZE : 0);
}

struct secret *secret_new(const void *bytes, size_t n)
{
	if (n > SIZE_MAX / 2)
		return NULL;
	/* sodium_malloc() ends the block at a page's end: only a round size is aligned for `n`. */
	const size_t align = alignof(struct secret);
	size_t size = (sizeof(struct secret) + n + align - 1) / align * align;
	struct secret *secret = sodium_malloc(size);
	if (!secret)
		return NULL;
	secret->n = n;
	if (!bytes)
		memset(secret->bytes, 0, n);
	else if (n > 0)
		memcpy(secret->bytes, bytes, n);
	return secret;
}

struct secret *secret_free(struct secret *secret)
{
	sodium_free(secret);
	return NULL;
}

struct token_key *token_key_new(void)
{
	struct token_key *key = sodium_malloc(sizeof(*key));
	if (key)
		memset(key, 0, sizeof(*key));
	return key;
}

struct token_key *token_key_free(struct token_key *key)
{
	sodium_free(key);
	return NULL;
}

int token_key_derive(const uint8_t *token, size_t n, const uint8_t salt[TOKEN_SALT_SIZE],
	struct token_key *key_out)
{
	while (n > 0 && (token[n - 1] == '\n' || token[n - 1] == '\r'))
		n--;
	if (n == 0)
		return -EINVAL;
	uint8_t master[MASTER_SIZE];
	if (crypto_pwhash(master, sizeof(master), (const char *)token, n, salt, ARGON2_PASSES,
		    ARGON2_MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return -ENOMEM;
	uint8_t id[HASH_SIZE]; /* cut to TOKEN_ID_SIZE: libsodium makes no hash that short */
	label_hash(LABEL_PSK, master, key_out->psk);
	label_hash(LABEL_ID, master, id);
	memcpy(key_out->id, id, TOKEN_ID_SIZE);
	sodium_memzero(master, sizeof(master));
	return 0;
}

void token_key_open_mode(struct token_key *key_out)
{
	label_hash(LABEL_OPEN, NULL, key_out->psk);
	memset(key_out->id, 0, TOKEN_ID_SIZE);
}

bool token_id_is_open(const uint8_t id[TOKEN_ID_SIZE])
{
	return sodium_is_zero(id, TOKEN_ID_SIZE);
}

bool token_id_equal(const uint8_t a[TOKEN_ID_SIZE], const uint8_t b[TOKEN_ID_SIZE])
{
	return sodium_memcmp(a, b, TOKEN_ID_SIZE) == 0;
}

void token_random(char token_out[TOKEN_RANDOM_LEN + 1])
{
	uint8_t bits[TOKEN_RANDOM_LEN / 2];
	randombytes_buf(bits, sizeof(bits));
	sodium_bin2hex(token_out, TOKEN_RANDOM_LEN + 1, bits, sizeof(bits));
	sodium_memzero(bits, sizeof(bits));
}
