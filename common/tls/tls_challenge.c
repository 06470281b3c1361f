/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "tls/tls_internal.h"
#include "tls/tls_order.h"
#include "tls/tls_x509.h"
#include "wire/hostname.h"

#define IDENTIFIER "1.3.6.1.5.5.7.1.31" /* id-pe-acmeIdentifier: RFC 8737, 6.1 */
#define LASTS      (7 * 86400L)         /* s; a validation is over within a minute */

/* Critical, an OCTET STRING within that of each extension (RFC 8737, 3). */
static bool add_digest(X509 *x, const uint8_t digest[TLS_CHALLENGE_SIZE])
{
	uint8_t der[2 + TLS_CHALLENGE_SIZE] = {V_ASN1_OCTET_STRING, TLS_CHALLENGE_SIZE};
	memcpy(der + 2, digest, TLS_CHALLENGE_SIZE);
	ASN1_OBJECT *type = OBJ_txt2obj(IDENTIFIER, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension = NULL;
	if (type && value && ASN1_OCTET_STRING_set(value, der, sizeof der))
		extension = X509_EXTENSION_create_by_OBJ(NULL, type, 1, value);
	bool good = extension && X509_add_ext(x, extension, -1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(type);
	return good;
}

static bool fill_in(X509 *x, EVP_PKEY *key, const char *name,
	const uint8_t digest[TLS_CHALLENGE_SIZE])
{
	char names[sizeof "DNS:" + HOSTNAME_SIZE];
	snprintf(names, sizeof names, "DNS:%s", name);
	X509_NAME *subject = X509_get_subject_name(x);
	return X509_set_version(x, X509_VERSION_3) && tls_x509_serial(x) &&
	       X509_gmtime_adj(X509_getm_notBefore(x), -86400L) &&
	       X509_gmtime_adj(X509_getm_notAfter(x), LASTS) &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
		       (const uint8_t *)"ACME challenge", -1, -1, 0) &&
	       X509_set_issuer_name(x, subject) && X509_set_pubkey(x, key) &&
	       tls_x509_extension(x, NULL, NID_subject_alt_name, names) && add_digest(x, digest) &&
	       X509_sign(x, key, EVP_sha256());
}

static int add(struct tls_server *s, const char *name, const uint8_t digest[TLS_CHALLENGE_SIZE],
	struct error *err)
{
	struct tls_certificate *c = s->certs = calloc(1, sizeof *c);
	if (!c)
		return error_set(err, -ENOMEM, "out of memory");
	s->n_certs = s->cap_certs = 1;
	c->kind = TLS_ECDSA;
	c->leaf = X509_new();
	c->chain = sk_X509_new_null();
	c->key = EVP_EC_gen("P-256");
	return c->leaf && c->chain && c->key && fill_in(c->leaf, c->key, name, digest)
		       ? 0
		       : tls_error(err, -ENOMEM, "a certificate cannot be made");
}

struct tls_server *tls_challenge_server(const char *name, const uint8_t digest[TLS_CHALLENGE_SIZE],
	struct error *err)
{
	struct tls_server *s = calloc(1, sizeof *s);
	if (!s) {
		error_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	ERR_clear_error();
	tls_tickets_init(&s->tickets);
	int r = tls_context_init(&s->context, TLS_server_method(), err);
	r = r ? r : add(s, name, digest, err);
	r = r ? r : tls_server_ready(s, name, err);
	return r ? tls_server_unref(s) : s;
}
