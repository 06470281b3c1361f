/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which key a client's key id stands for, and whose it is (rules 5, 11, 12 and 27 of docs/protocol.md). It
 * never changes: what changes the keys makes another one, which a broadcast brings to every worker.
 *
 * A key id crosses the network in clear, so who has seen one must not learn whether it is still good. A
 * look-up takes the same steps for every id: eight are compared always, and one that is not there stands for
 * the PSK of nobody, which no client has. The PSKs are in one block of locked memory: a block for each would
 * take four pages, and tens of thousands of them more mappings than a process may have.
 */
#include <stddef.h>
#include <stdint.h>

#include "crypto/token.h"

struct credential;
struct keyring;

/* What it is made of: borrowed while it is made. */
struct keyring_key {
	const uint8_t *id;        /* TOKEN_ID_SIZE bytes */
	const uint8_t *psk;       /* TOKEN_PSK_SIZE bytes */
	struct credential *owner; /* not NULL */
};

/* No id may be there twice. NULL when memory is out. */
struct keyring *keyring_new(const struct keyring_key *keys, size_t n);
/* Wipes the keys; accepts NULL; returns NULL. */
struct keyring *keyring_free(struct keyring *k);

/*
 * The PSK to try, TOKEN_PSK_SIZE bytes that are there as long as the keyring; `*owner_out` is NULL when it is
 * that of nobody.
 */
const uint8_t *keyring_find(const struct keyring *k, const uint8_t id[TOKEN_ID_SIZE],
	struct credential **owner_out);

/* A number that tells it from every other keyring, drawn at random. */
uint64_t keyring_stamp(const struct keyring *k);

/* Bytes of memory that it takes, locked ones included. */
size_t keyring_size(const struct keyring *k);
