/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A certificate for a name of DNS, as a public CA is asked for one: what is sent to it, and what its answer is worth.
 * Nothing here blocks or logs.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "crypto/token.h"
#include "tls/tls.h"

/* Bytes of the text by which renewal information is asked for (RFC 9773, 4.1), with a NUL. */
#define TLS_RENEWAL_ID_SIZE 192

/*
 * A new key of P-256, in PEM, and a request (PKCS#10, in DER) of it for this name, which may be a wildcard. Both are
 * the caller's. 0 or -errno with a sentence.
 */
int tls_order_make(const char *name, struct secret **key_out, struct buf *der_out,
	struct error *err);

#define TLS_CHALLENGE_SIZE 32 /* bytes: SHA-256 of the key authorization (RFC 8737, 3) */

/*
 * What answers a CA that verifies the name by TLS (TLS-ALPN-01): a server with one certificate of its own making, which
 * says nothing but the name and the digest. NULL with a sentence: memory is out.
 */
struct tls_server *tls_challenge_server(const char *name, const uint8_t digest[TLS_CHALLENGE_SIZE],
	struct error *err);

struct tls_ordered {
	struct tls_dates dates;
	char renewal_id[TLS_RENEWAL_ID_SIZE]; /* "": its certificate has no key identifier */
};

/*
 * Of a text in PEM with a chain, the leaf first, and its key: whether they belong together, and are for this name.
 * 0, or -EINVAL with a sentence.
 */
int tls_order_read(const char *pem, size_t n, const char *name, struct tls_ordered *out,
	struct error *err);
