/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Identities, and the credentials that stand for them, as values: what the store keeps and the server's memory
 * holds. All times are those of policy/timestamp.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/token.h"
#include "policy/grants.h"
#include "policy/name.h"
#include "policy/timestamp.h"

enum policy_state { POLICY_ACTIVE = 1, POLICY_REVOKED, POLICY_EXPIRED };

/* "active", "revoked", "expired" */
const char *policy_state_name(enum policy_state state);

struct policy_identity {
	uint64_t id; /* from 1; 0: not stored yet */
	char *name; /* owned, a policy_text_new(), as the other texts are; never NULL after policy_identity_init() */
	bool revoked;
	bool is_operator;  /* may use the admin API for everything, over a link too */
	char *description; /* owned; likewise */
	uint64_t max_sessions, max_streams, max_endpoints;
	uint64_t rate_up, rate_down; /* bytes a second */
	uint64_t expires_at, created_at, updated_at;
	uint64_t rev; /* the store's revision at which it changed last */
	struct policy_grants grants;
};

/* No grant, no limit, never expires, created now. `name` as policy_name_check() makes it. 0 or -ENOMEM. */
int policy_identity_init(struct policy_identity *i, const char *name);

/* The same with every grant and no operator: what the holder of the only token has. */
int policy_identity_init_all(struct policy_identity *i, const char *name);

/* 0, or -ENOMEM with `to` zeroed. */
int policy_identity_copy(struct policy_identity *to, const struct policy_identity *from);

/* Accepts zeroed memory. */
void policy_identity_deinit(struct policy_identity *i);

/* Revoked comes before expired. */
enum policy_state policy_identity_state(const struct policy_identity *i, uint64_t now);

/* What is known of a token, but for its key, which is never among what is shown. */
struct policy_credential {
	uint8_t key_id[TOKEN_ID_SIZE];
	uint64_t identity; /* its id */
	char *label;       /* owned, a policy_text_new(); never NULL in one that was read */
	uint64_t created_at, expires_at, revoked_at, last_used_at;
	uint64_t rev;
};

/* 0, or -ENOMEM with `to` zeroed. */
int policy_credential_copy(struct policy_credential *to, const struct policy_credential *from);

/* Accepts zeroed memory. */
void policy_credential_deinit(struct policy_credential *c);

/* Of the credential alone: its identity's state counts besides. */
enum policy_state policy_credential_state(const struct policy_credential *c, uint64_t now);

/* A value of the store as a whole, by name: the salt, say. */
struct policy_meta {
	char *name;  /* owned */
	void *value; /* owned */
	size_t n;
};

/* Accepts zeroed memory. */
void policy_meta_deinit(struct policy_meta *m);
