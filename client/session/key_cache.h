/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The token's key for a server's salt: made off the loop, once per salt, and kept in locked memory
 * for the next link (docs/protocol.md, rule 5).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/token.h"
#include "loop/offload.h"

struct key_cache_job;

struct key_cache {
	struct loop *loop;
	struct offload *offload;
	struct secret *token; /* NULL: open mode */
	uint8_t salt[TOKEN_SALT_SIZE];
	struct token_key *key;     /* for `salt`, once made; of open mode for any */
	struct key_cache_job *job; /* under way, for `salt` */
	void (*made)(struct key_cache *k, const struct token_key *key);
};

/* `token` NULL: the key of open mode, which is public. 0 or -ENOMEM. */
int key_cache_init(struct key_cache *k, struct loop *loop, struct offload *offload,
	const char *token, void (*made)(struct key_cache *k, const struct token_key *key));

/*
 * Calls made() once: from within for a key that is there, else from the loop; with NULL when memory is out.
 * Only the salt that was asked for last gets a key, which is k->salt; all who asked for it are answered by
 * one call.
 */
void key_cache_ask(struct key_cache *k, const uint8_t salt[TOKEN_SALT_SIZE]);

/* Wipes; accepts zeroed memory. */
void key_cache_deinit(struct key_cache *k);
