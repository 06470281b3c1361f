/* SPDX-License-Identifier: MIT */
#include "tls/tls_x509.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/pem.h>

#include "crypto/token.h"
#include "tls/tls_internal.h"

#define SERIAL_BITS 127 /* RFC 5280, 4.1.2.2: at most 20 octets, and positive */

/* ---- Written ---- */

bool tls_x509_serial(X509 *x)
{
	BIGNUM *number = BN_new();
	bool good = number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
		    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
	BN_free(number);
	return good;
}

bool tls_x509_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool good = extension && X509_add_ext(x, extension, -1);
	X509_EXTENSION_free(extension);
	return good;
}

/* By OpenSSL's structs: in its notation of text a name could have a comma, and another name behind it. */
bool tls_x509_uri(X509 *x, const char *uri, bool critical)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	bool good = names && name && text && ASN1_STRING_set(text, uri, (int)strlen(uri));
	if (good) {
		GENERAL_NAME_set0_value(name, GEN_URI, text);
		text = NULL;
		good = sk_GENERAL_NAME_push(names, name);
	}
	if (good) {
		name = NULL;
		good = X509_add1_ext_i2d(x, NID_subject_alt_name, names, critical,
			       X509V3_ADD_DEFAULT) == 1;
	}
	ASN1_IA5STRING_free(text);
	GENERAL_NAME_free(name);
	GENERAL_NAMES_free(names);
	return good;
}

bool tls_x509_dates(X509 *x, int64_t from, int64_t to)
{
	return ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from) &&
	       ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to);
}

/* ---- Read ---- */

static void read_uri(X509 *x, char out[TLS_ID_SIZE])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	out[0] = 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_URI)
			continue;
		const ASN1_IA5STRING *text = name->d.uniformResourceIdentifier;
		size_t n = (size_t)ASN1_STRING_length(text);
		const uint8_t *p = ASN1_STRING_get0_data(text);
		if (n < TLS_ID_SIZE && !memchr(p, 0, n)) {
			memcpy(out, p, n);
			out[n] = 0;
		}
		break;
	}
	GENERAL_NAMES_free(names);
}

static void read_serial(const X509 *x, char out[TLS_SERIAL_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	const uint8_t *p = ASN1_STRING_get0_data(serial);
	size_t n = (size_t)ASN1_STRING_length(serial), to = 0;
	for (size_t i = 0; i < n && to + 2 < TLS_SERIAL_SIZE; i++) {
		out[to++] = digits[p[i] >> 4];
		out[to++] = digits[p[i] & 15];
	}
	out[to] = 0;
}

void tls_x509_facts(X509 *x, struct tls_facts *out)
{
	struct tls_dates dates;
	uint8_t digest[TLS_PIN_SIZE];
	tls_dates_of(x, &dates);
	out->from = dates.from;
	out->to = dates.to;
	read_uri(x, out->id);
	read_serial(x, out->serial);
	out->pin[0] = 0;
	if (tls_spki(x, digest))
		tls_pin_text(digest, out->pin);
}

int tls_no_password(char *room, int n, int writing, void *arg)
{
	return -1;
}

X509 *tls_x509_read(const char *pem)
{
	BIO *text = BIO_new_mem_buf(pem, -1);
	X509 *x = text ? PEM_read_bio_X509(text, NULL, tls_no_password, NULL) : NULL;
	BIO_free(text);
	return x;
}

bool tls_x509_read_all(const char *pem, STACK_OF(X509) * to)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	for (const char *at = pem; (at = strstr(at, begin)); at += strlen(begin)) {
		X509 *x = tls_x509_read(at);
		if (!x || !sk_X509_push(to, x)) {
			X509_free(x);
			return false;
		}
	}
	return true;
}

char *tls_x509_write(X509 *x)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *p, *copy = NULL;
	if (text && PEM_write_bio_X509(text, x)) {
		long n = BIO_get_mem_data(text, &p);
		copy = strndup(p, (size_t)n);
	}
	BIO_free(text);
	return copy;
}

struct secret *tls_key_write(EVP_PKEY *key)
{
	BIO *text = BIO_new(BIO_s_secmem());
	struct secret *copy = NULL;
	char *p;
	if (text && PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL)) {
		long n = BIO_get_mem_data(text, &p);
		copy = secret_new(p, (size_t)n);
	}
	BIO_free(text);
	return copy;
}
