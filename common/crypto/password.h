/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Passwords against their hashes, as htpasswd files have them: bcrypt ("$2y$", by libcrypt) and Argon2id in
 * libsodium's text ("$argon2id$"). Both are slow by design: a check blocks for as long as the hash's cost says.
 */
#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

#define PASSWORD_HASH_MAX 127 /* characters of a hash */
#define PASSWORD_MAX \
	72 /* bytes: bcrypt sees no more, and would take a longer one for its beginning */

/* What a check may cost at the most: of more, whoever sends passwords could occupy the machine. */
struct password_cost {
	int bcrypt;                            /* 2^n rounds */
	unsigned long argon_kib, argon_passes; /* of Argon2id */
};
extern const struct password_cost password_cost_own;    /* about a second */
extern const struct password_cost password_cost_client; /* of rules of clients: about a quarter */

/* Whether it is a hash that can be checked here. 0, or -EINVAL with a sentence that does not show the hash. */
int password_hash_check(struct str hash, const struct password_cost *max, struct error *err);

/* The hash was found good by password_hash_check(). False also for a password above PASSWORD_MAX. */
bool password_verify(const char *hash, struct str password);
