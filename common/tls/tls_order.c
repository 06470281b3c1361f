/* SPDX-License-Identifier: MIT */
#include "tls/tls_order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/digest.h"
#include "tls/tls_internal.h"
#include "tls/tls_x509.h"

/* ---- Asked ---- */

/* By OpenSSL's structs: whatever stands in the name, it is one name. */
static bool add_name(X509_REQ *request, const char *text)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	bool good = names && name && value && ASN1_STRING_set(value, text, (int)strlen(text));
	if (good) {
		GENERAL_NAME_set0_value(name, GEN_DNS, value);
		value = NULL;
		good = sk_GENERAL_NAME_push(names, name);
	}
	if (good) {
		name = NULL;
		good = X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0,
			       X509V3_ADD_DEFAULT) == 1 &&
		       X509_REQ_add_extensions(request, extensions);
	}
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	ASN1_IA5STRING_free(value);
	GENERAL_NAME_free(name);
	GENERAL_NAMES_free(names);
	return good;
}

static bool write_request(EVP_PKEY *key, const char *name, struct buf *der_out)
{
	X509_REQ *request = X509_REQ_new();
	uint8_t *der = NULL;
	int n = 0;
	if (request && X509_REQ_set_version(request, X509_REQ_VERSION_1) &&
		X509_REQ_set_pubkey(request, key) && add_name(request, name) &&
		X509_REQ_sign(request, key, EVP_sha256()))
		n = i2d_X509_REQ(request, &der);
	bool good = n > 0 && buf_append(der_out, der, (size_t)n) == 0;
	OPENSSL_free(der);
	X509_REQ_free(request);
	return good;
}

int tls_order_make(const char *name, struct secret **key_out, struct buf *der_out,
	struct error *err)
{
	struct buf der = BUF_NULL;
	ERR_clear_error();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct secret *secret = key ? tls_key_write(key) : NULL;
	bool good = secret && write_request(key, name, &der);
	EVP_PKEY_free(key);
	if (!good) {
		secret_free(secret);
		buf_deinit(&der);
		return tls_error(err, -ENOMEM, "a certificate request for %s cannot be made", name);
	}
	*key_out = secret;
	*der_out = der;
	return 0;
}

/* ---- And answered ---- */

static bool has_name(X509 *x, const char *name)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	bool found = false;
	for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && !found; i++) {
		int type;
		const ASN1_STRING *value =
			GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		const struct str text = {(const char *)ASN1_STRING_get0_data(value),
			(size_t)ASN1_STRING_length(value)};
		found = type == GEN_DNS && str_eq_nocase(text, str_from(name));
	}
	GENERAL_NAMES_free(names);
	return found;
}

static bool is_of_key(X509 *x, const char *pem, size_t n)
{
	BIO *text = BIO_new_mem_buf(pem, (int)n);
	EVP_PKEY *key = text ? PEM_read_bio_PrivateKey(text, NULL, tls_no_password, NULL) : NULL;
	bool same = key && X509_check_private_key(x, key) == 1;
	EVP_PKEY_free(key);
	BIO_free(text);
	return same;
}

/* Both as they stand in the certificate's DER, a leading zero of the serial number included. */
static void renewal_id(X509 *x, char out[TLS_RENEWAL_ID_SIZE])
{
	char issuer[TLS_RENEWAL_ID_SIZE / 2], serial[TLS_RENEWAL_ID_SIZE / 2];
	const ASN1_OCTET_STRING *key = X509_get0_authority_key_id(x);
	uint8_t *der = NULL;
	int n = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &der);
	/* A serial number is short: one byte of type, one of length. */
	bool good = key && n > 2 && n < 128 &&
		    base64url_encode(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key),
			    issuer, sizeof issuer) == 0 &&
		    base64url_encode(der + 2, (size_t)n - 2, serial, sizeof serial) == 0;
	OPENSSL_free(der);
	if (good)
		snprintf(out, TLS_RENEWAL_ID_SIZE, "%s.%s", issuer, serial);
	else
		out[0] = 0;
}

int tls_order_read(const char *pem, size_t n, const char *name, struct tls_ordered *out,
	struct error *err)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *leaf = NULL;
	int r = 0;
	ERR_clear_error();
	if (!chain)
		r = error_set(err, -ENOMEM, "no memory for a certificate");
	else if (!tls_x509_read_all(pem, chain) || !(leaf = sk_X509_value(chain, 0)))
		r = error_set(err, -EINVAL, "there is no certificate, or a damaged one");
	else if (!is_of_key(leaf, pem, n))
		r = error_set(err, -EINVAL, "the certificate is of another key");
	else if (!has_name(leaf, name))
		r = error_set(err, -EINVAL, "the certificate is not for %s", name);
	if (r == 0) {
		tls_dates_of(leaf, &out->dates);
		renewal_id(leaf, out->renewal_id);
	}
	sk_X509_pop_free(chain, X509_free);
	ERR_clear_error();
	return r;
}
