/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Roots of the certificate authority as values: the one that signs, and those whose place it took, which are listed
 * until nothing that they signed is valid any more.
 */
#include <stdbool.h>
#include <stdint.h>

#include "policy/timestamp.h"

#define POLICY_HOUR (UINT64_C(3600) * 1000 * 1000) /* µs */

/* µs; Consul's numbers: a certificate lasts for 72 h unless the operator says otherwise, and he may say these. */
#define POLICY_CERTIFICATE_LIFETIME     (72 * POLICY_HOUR)
#define POLICY_CERTIFICATE_LIFETIME_MIN POLICY_HOUR
#define POLICY_CERTIFICATE_LIFETIME_MAX (365 * 24 * POLICY_HOUR)
#define POLICY_ROOT_LIFETIME            (3652 * 24 * POLICY_HOUR) /* ten years */

/* Listed at a time: a bundle has them all, and more than a rotation a week is nobody's habit. */
#define POLICY_ROOTS_MAX 8

#define POLICY_ROOT_KEY_SIZE 32 /* bytes: TLS_ROOT_KEY_SIZE */

struct policy_root {
	uint64_t id;       /* from 1; the highest is the one that signs */
	char *certificate; /* owned, PEM; a policy_text_new(), as the other is; never NULL after init */
	char *cross; /* of the same name and key, signed by the one before; "": there was none */
	/* Its private key, which is worth more than all tokens; zeros once another has taken its place. */
	uint8_t key[POLICY_ROOT_KEY_SIZE];
	uint64_t lifetime;               /* µs, of what it signs unless less is asked for */
	uint64_t listed_until;           /* POLICY_NONE: it is the one that signs */
	uint64_t created_at, updated_at; /* policy/timestamp.h */
	uint64_t rev;                    /* the store's revision at which it changed last */
};

/* Created now, to sign from now on, with a key that is still to come. 0, or -ENOMEM with `r` zeroed. */
int policy_root_init(struct policy_root *r, const char *certificate, const char *cross);
/* 0, or -ENOMEM with `to` zeroed. */
int policy_root_copy(struct policy_root *to, const struct policy_root *from);
/* Wipes the key. Accepts zeroed memory. */
void policy_root_deinit(struct policy_root *r);

/*
 * Another signs from now on. It is listed for twice as long as the certificates last that it signed: who has one has
 * got another by then, and who was away for one such time still knows it.
 */
void policy_root_retire(struct policy_root *r);

/* Whether it is among those that programs are told to trust. */
bool policy_root_listed(const struct policy_root *r, uint64_t now);
