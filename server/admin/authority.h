/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The certificate authority at work: the root that signs, as OpenSSL has it, and how often it may. What the store keeps
 * of it is in the catalog. A signature takes a fraction of a millisecond, so it is made on the main thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/root.h"

/* Signatures a second: Consul's bound. A core makes thousands, and it is not for these that it is there. */
#define AUTHORITY_RATE 50

struct tls_authority;

struct authority {
	struct tls_authority *signer; /* owned; NULL: none yet */
	uint64_t id;                  /* of the root that it is made of */
	uint64_t busy_until;          /* of the loop's clock: what was signed is paid for by then */
};

/* The root, ready to sign. NULL with a sentence. */
const struct tls_authority *authority_signer(struct authority *a, const struct policy_root *root,
	struct error *err);

/* One more signature at this moment: a second's may come at once. False: there are too many. */
bool authority_take(struct authority *a, uint64_t now);

/* Accepts zeroed memory. */
void authority_deinit(struct authority *a);
