/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * JSON Web Signatures as ACME has them (RFC 7515; RFC 8555, 6.2): flattened JSON, ES256, and HS256 for the binding of an
 * account to one that the CA knows already (7.3.4). No input or output.
 */
#include <stddef.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "crypto/p256.h"

/* Characters of a key's thumbprint (RFC 7638, in base64url), and a NUL. */
#define JWS_THUMBPRINT_SIZE BASE64URL_SIZE(SHA256_SIZE)

void jws_thumbprint(const struct p256 *key, char out[JWS_THUMBPRINT_SIZE]);

/* What the protected header says besides the algorithm. */
struct jws_header {
	const char *url;
	const char *nonce;
	const char *kid; /* the account's URL; NULL: the key itself stands there (RFC 8555, 6.2) */
};

/*
 * The signed text of a request's body. `payload`: JSON; NULL: an empty one, for POST-as-GET (RFC 8555, 6.3). The caller
 * frees it; NULL: memory is out.
 */
char *jws_sign(const struct p256 *key, const struct jws_header *header, const char *payload);

/* What of an account the CA knows by another way: a name of the key, and the key. */
struct jws_binding {
	const char *kid;
	const uint8_t *key;
	size_t key_n;
};

/* The text of "externalAccountBinding" for this account's key. The caller frees it; NULL: memory is out. */
char *jws_bind(const struct p256 *key, const struct jws_binding *binding, const char *url);
