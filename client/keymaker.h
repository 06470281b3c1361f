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

struct keymaker_job;

struct keymaker {
	struct loop *loop;
	struct offload *offload;
	struct secret *token; /* NULL: open mode */
	uint8_t salt[TOKEN_SALT_SIZE];
	struct token_key *key;    /* for `salt`, once made; of open mode for any */
	struct keymaker_job *job; /* under way, for `salt` */
	void (*made)(struct keymaker *k, const struct token_key *key);
};

/* `token` NULL: the key that everybody knows. 0 or -ENOMEM. */
int keymaker_init(struct keymaker *k, struct loop *loop, struct offload *offload, const char *token,
	void (*made)(struct keymaker *k, const struct token_key *key));

/*
 * made() comes once, at once for a key that is there, else from the loop, with NULL when memory is
 * out, and only for the salt that was asked for last, which is k->salt: all who asked for it are
 * answered together.
 */
void keymaker_ask(struct keymaker *k, const uint8_t salt[TOKEN_SALT_SIZE]);

/* Wipes; accepts zeroed memory. */
void keymaker_deinit(struct keymaker *k);
