/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A certificate authority for programs that speak mutual TLS with each other: its roots, and what it signs. A
 * certificate of it says one thing, a SPIFFE ID (spiffe://TRUST-DOMAIN/…) as the one name, in a critical
 * subjectAltName with an empty subject, which is what SPIFFE's X.509-SVID asks for. Of a request its public key alone counts.
 *
 * Nothing here blocks or logs. Certificates are texts in PEM; times are seconds since 1970.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tls/tls.h"

#define TLS_ROOT_KEY_SIZE 32   /* bytes: a private key of P-256, as a number, big-endian */
#define TLS_ID_SIZE       2048 /* bytes of a SPIFFE ID, which has fewer (SPIFFE-ID, 2.3), and a NUL */
#define TLS_SERIAL_SIZE   41   /* 20 octets (RFC 5280, 4.1.2.2) in hexadecimal, and a NUL */
/* Bytes of a request in PEM: one with a key of RSA with 4096 bits has 1,700, and names nobody reads. */
#define TLS_REQUEST_MAX   8192

/* What the first certificate of a text says. */
struct tls_facts {
	int64_t from, to;
	char id[TLS_ID_SIZE]; /* "": it has none */
	char serial[TLS_SERIAL_SIZE];
	char pin[TLS_PIN_TEXT]; /* of its key */
};

/* 0, or -EINVAL with a sentence: it is none. */
int tls_facts_read(const char *certificate, struct tls_facts *out, struct error *err);

/*
 * A new root with a key of its own. The caller wipes the key and frees the certificate. 0 or -errno with a
 * sentence.
 */
int tls_root_make(const char *trust_domain, int64_t from, int64_t to,
	uint8_t key_out[TLS_ROOT_KEY_SIZE], char **certificate_out, struct error *err);

/* A root that can sign. Not thread-safe. */
struct tls_authority;

/* NULL with a sentence: the key is not that of the certificate, or it is none of a root. */
struct tls_authority *tls_authority_new(const char *certificate,
	const uint8_t key[TLS_ROOT_KEY_SIZE], struct error *err);
struct tls_authority *tls_authority_free(struct tls_authority *a); /* accepts NULL; returns NULL */

/* Its trust domain, "" when its certificate has none. */
const char *tls_authority_domain(const struct tls_authority *a);

/*
 * Vouches for another root: its name and its key, signed by this one, so that who knows this one alone trusts what
 * the other signs. It lasts until `to`, or as long as this root. The caller frees it.
 */
int tls_authority_cross(const struct tls_authority *a, const char *root, int64_t from, int64_t to,
	char **certificate_out, struct error *err);

struct tls_leaf {
	const char *request; /* PKCS#10 in PEM, `n` bytes */
	size_t n;
	const char *id;
	int64_t from, to; /* or as long as the root */
};

/*
 * A certificate for the key of the request, which proves by its signature to have it. The caller frees it. 0; -EINVAL
 * with a sentence: the request is none, its key is weak or of a kind that is not taken, its signature is wrong; or
 * -ENOMEM with one.
 */
int tls_authority_issue(const struct tls_authority *a, const struct tls_leaf *leaf,
	char **certificate_out, struct tls_facts *facts_out, struct error *err);
