/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A key pair of Curve25519, by which a client is known to other clients whatever an exit node says, and how people
 * write the keys: the private one as 64 hexadecimal digits, alone in a file; the public one as x25519/ and as many.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define KEY_PAIR_SIZE 32

/* Characters of a public key's text. */
#define KEY_TEXT_PREFIX "x25519/"
#define KEY_TEXT_LEN    (7 + 2 * KEY_PAIR_SIZE)

/* Characters of a private key's. */
#define KEY_PRIVATE_LEN (2 * KEY_PAIR_SIZE)

struct key_pair {
	uint8_t private[KEY_PAIR_SIZE];
	uint8_t public[KEY_PAIR_SIZE];
};

/* Draws one. */
void key_pair_random(struct key_pair *out);
/* The public key is computed from the private one. False: the text is none, and nothing was written. */
bool key_pair_parse(struct str text, struct key_pair *out);
/* With a NUL behind it; the caller wipes it. */
void key_pair_text(const struct key_pair *pair, char text_out[KEY_PRIVATE_LEN + 1]);
/* Wipes; accepts zeroed memory. */
void key_pair_deinit(struct key_pair *pair);

/* Public keys. False: the text is none, or the key is one that every private key agrees with on zero. */
bool key_parse(struct str text, uint8_t key_out[KEY_PAIR_SIZE]);
/* With a NUL behind it. */
void key_text(const uint8_t key[KEY_PAIR_SIZE], char text_out[KEY_TEXT_LEN + 1]);
