/* SPDX-License-Identifier: MIT */
#pragma once
/* Parts of certificates as OpenSSL has them. For the files of this room alone. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509v3.h>

#include "tls/tls_authority.h"

struct secret;

/* All of these: false when memory is out. */

/* Random, so that nobody can tell one ahead. */
bool tls_x509_serial(X509 *x);
/* An extension in OpenSSL's notation; `issuer` as its key identifier wants to know it, NULL: it does not. */
bool tls_x509_extension(X509 *x, X509 *issuer, int nid, const char *value);
/* The only name that it has, critical where it has no subject. */
bool tls_x509_uri(X509 *x, const char *uri, bool critical);
bool tls_x509_dates(X509 *x, int64_t from, int64_t to);

void tls_x509_facts(X509 *x, struct tls_facts *out);

/* The first certificate of a PEM text; NULL: there is none. */
X509 *tls_x509_read(const char *pem);
/* Each of them, appended. False: one of them is none, or memory is out. */
bool tls_x509_read_all(const char *pem, STACK_OF(X509) * to);
/* The caller frees it; NULL: no memory. */
char *tls_x509_write(X509 *x);

/* A private key as PEM; the caller frees it with secret_free(). NULL: no memory. */
struct secret *tls_key_write(EVP_PKEY *key);

/*
 * The public key of a request that was signed with the private one (tls_request_key.c); the caller's. 0, or -EINVAL
 * with a sentence.
 */
int tls_request_key(const char *text, size_t n, EVP_PKEY **key_out, struct error *err);

/* For OpenSSL's readers of PEM: nobody is asked for a password on the terminal. */
int tls_no_password(char *room, int n, int writing, void *arg);
