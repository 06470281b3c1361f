/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The token, which people type, copy and keep in files, and the two values that stand for it on a
 * link: a pre-shared key for the handshake and a key id that tells the server which key to try.
 * Both come from Argon2id, so that guessing a short token from a recorded handshake costs 19 MiB and 20
 * ms a guess (rules 5, 12 and 13 of docs/protocol.md).
 *
 * Tokens and keys live in memory from sodium_malloc(): locked against swapping and left out of core
 * dumps as far as the system allows, between guard pages, wiped when freed. Each takes four pages.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_SALT_SIZE 16
#define TOKEN_PSK_SIZE  32
#define TOKEN_ID_SIZE   8

/* Characters; a shorter token can be found by trying: warned about at every start (rule 13). */
#define TOKEN_SHORT 16

/* Characters of a token that token_random() makes: 160 bits in hexadecimal. */
#define TOKEN_RANDOM_LEN 40

/* Bytes in locked memory: a token as it was given, a resume secret, keys. */
struct secret {
	size_t n;
	uint8_t bytes[];
};

/* Copies `n` bytes (the caller wipes the original), or has zeros when `bytes` is NULL. NULL: memory is out. */
struct secret *secret_new(const void *bytes, size_t n);
/* Wipes; accepts NULL; returns NULL. */
struct secret *secret_free(struct secret *secret);

struct token_key {
	uint8_t psk[TOKEN_PSK_SIZE];
	uint8_t id[TOKEN_ID_SIZE]; /* not secret: it crosses the network in clear */
};

/* All zeros, in locked memory; NULL when memory is out. */
struct token_key *token_key_new(void);
/* Wipes; accepts NULL; returns NULL. */
struct token_key *token_key_free(struct token_key *key);

/*
 * Takes about 20 ms and 19 MiB: never on a thread that runs an event loop. CR and LF at the token's
 * end do not count, as files end with them. -EINVAL when nothing else is left, -ENOMEM.
 */
int token_key_derive(const uint8_t *token, size_t n, const uint8_t salt[TOKEN_SALT_SIZE],
	struct token_key *key_out);

/* The public key for links without a token, known to everybody (rule 12). Its id is all zeros. */
void token_key_open_mode(struct token_key *key_out);
bool token_id_is_open(const uint8_t id[TOKEN_ID_SIZE]);

/* In constant time: how long a look-up takes does not tell how much of an id was right. */
bool token_id_equal(const uint8_t a[TOKEN_ID_SIZE], const uint8_t b[TOKEN_ID_SIZE]);

/* A fresh token and a NUL; the caller wipes it. */
void token_random(char token_out[TOKEN_RANDOM_LEN + 1]);
