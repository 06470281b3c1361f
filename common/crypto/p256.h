/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A key pair of ECDSA with P-256 and SHA-256, as JSON Web Signatures use it (ES256: RFC 7518, 3.4).
 */
#include <stddef.h>
#include <stdint.h>

#include "crypto/token.h"

#define P256_COORDINATE 32 /* bytes, big-endian */
#define P256_SIGNATURE  64 /* bytes: R and S */

struct p256;

/* A new one. NULL: memory is out. */
struct p256 *p256_new(void);
/* Of a private key in PEM. NULL: it is none of P-256. */
struct p256 *p256_read(const char *pem, size_t n);
struct p256 *p256_free(struct p256 *key); /* accepts NULL; returns NULL */

/* The private key in PEM (PKCS#8), without a NUL; the caller's. NULL: memory is out. */
struct secret *p256_write(const struct p256 *key);

/* The point of the public key. */
void p256_public(const struct p256 *key, uint8_t x_out[P256_COORDINATE],
	uint8_t y_out[P256_COORDINATE]);

/* 0, or -ENOMEM. Two signatures of the same bytes are not the same. */
int p256_sign(const struct p256 *key, const void *p, size_t n, uint8_t out[P256_SIGNATURE]);
