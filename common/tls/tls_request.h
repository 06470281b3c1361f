/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The other side of an authority (tls/tls_authority.h): a key that never leaves its machine, the request for a
 * certificate of it, and whether what came back is one.
 */
#include "crypto/token.h"
#include "tls/tls_authority.h"

/* A new key of P-256 and a request that says nothing besides, both in PEM; the caller's. 0 or -errno with a sentence. */
int tls_request_make(struct secret **key_out, char **request_out, struct error *err);

/*
 * Whether the certificate, with those behind it, is of the key, and vouched for by a root of `ca`. Its dates are for
 * the caller to judge: the clock here may be another. 0; -EINVAL with a sentence; -ENOMEM with one.
 */
int tls_request_check(const struct secret *key, const char *certificate, const char *ca,
	struct tls_facts *out, struct error *err);
