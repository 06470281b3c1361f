/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Tokens as the server keeps them: for each identity the key that its token gives under the server's
 * salt (rules 5, 11, 12 and 27 of docs/protocol.md). Filled at start, read-only while links come.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "crypto/token.h"

/* The identity of a single --token, and of everybody in open mode. */
#define KEYRING_DEFAULT "default"

struct keyring_entry {
	const char *identity;  /* one address for one name, however many tokens it has */
	struct token_key *key; /* owned */
	bool open;             /* the key that everybody knows */
	char name[];           /* where `identity` of its first entry points */
};

struct keyring {
	struct keyring_entry **entries; /* owned, each; their addresses stay */
	size_t n;
};

#define KEYRING_NULL ((struct keyring){0})

/*
 * Derives the token's key: about 20 ms and 19 MiB, so never on a loop's thread. -EINVAL with a
 * sentence for an empty token, one that is there already, or an open keyring; -ENOMEM.
 */
int keyring_add(struct keyring *k, const char *identity, const struct secret *token,
	const uint8_t salt[TOKEN_SALT_SIZE], struct error *err);

/* --no-token: takes everybody, and never together with tokens (-EINVAL). */
int keyring_add_open(struct keyring *k, struct error *err);

/* Wipes the keys. Accepts zeroed memory. */
void keyring_deinit(struct keyring *k);

/*
 * The entry of that key id or NULL. Takes the same time for every id that is asked for, known or not;
 * the id of open mode finds nothing where there are tokens.
 */
const struct keyring_entry *keyring_find(const struct keyring *k, const uint8_t id[TOKEN_ID_SIZE]);
