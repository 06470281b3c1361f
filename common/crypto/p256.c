/* SPDX-License-Identifier: MIT */
#include "crypto/p256.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

struct p256 {
	EVP_PKEY *pair;
	uint8_t x[P256_COORDINATE], y[P256_COORDINATE];
};

static bool coordinate(const EVP_PKEY *pair, const char *name, uint8_t out[P256_COORDINATE])
{
	BIGNUM *n = NULL;
	bool ok = EVP_PKEY_get_bn_param(pair, name, &n) &&
		  BN_bn2binpad(n, out, P256_COORDINATE) == P256_COORDINATE;
	BN_free(n);
	return ok;
}

/* Takes over the pair. */
static struct p256 *made_of(EVP_PKEY *pair)
{
	char group[32] = "";
	struct p256 *key = pair ? calloc(1, sizeof(*key)) : NULL;
	if (!key || !EVP_PKEY_get_group_name(pair, group, sizeof(group), NULL) ||
		strcmp(group, "prime256v1") != 0 ||
		!coordinate(pair, OSSL_PKEY_PARAM_EC_PUB_X, key->x) ||
		!coordinate(pair, OSSL_PKEY_PARAM_EC_PUB_Y, key->y)) {
		ERR_clear_error();
		EVP_PKEY_free(pair);
		free(key);
		return NULL;
	}
	key->pair = pair;
	return key;
}

struct p256 *p256_new(void)
{
	return made_of(EVP_EC_gen("P-256"));
}

/* Nobody is there to be asked. */
static int no_password(char *room, int n, int writing, void *arg)
{
	return -1;
}

struct p256 *p256_read(const char *pem, size_t n)
{
	BIO *text = BIO_new_mem_buf(pem, (int)n);
	EVP_PKEY *pair = text ? PEM_read_bio_PrivateKey(text, NULL, no_password, NULL) : NULL;
	BIO_free(text);
	ERR_clear_error();
	return made_of(pair);
}

struct p256 *p256_free(struct p256 *key)
{
	if (key)
		EVP_PKEY_free(key->pair);
	free(key);
	return NULL;
}

struct secret *p256_write(const struct p256 *key)
{
	BIO *text = BIO_new(BIO_s_secmem());
	struct secret *copy = NULL;
	char *p;
	if (text && PEM_write_bio_PrivateKey(text, key->pair, NULL, NULL, 0, NULL, NULL)) {
		long n = BIO_get_mem_data(text, &p);
		copy = secret_new(p, (size_t)n);
	}
	BIO_free(text);
	ERR_clear_error();
	return copy;
}

void p256_public(const struct p256 *key, uint8_t x_out[P256_COORDINATE],
	uint8_t y_out[P256_COORDINATE])
{
	memcpy(x_out, key->x, P256_COORDINATE);
	memcpy(y_out, key->y, P256_COORDINATE);
}

/* OpenSSL has the two numbers in ASN.1. */
static bool unwrap(const uint8_t *der, size_t n, uint8_t out[P256_SIGNATURE])
{
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)n);
	bool ok = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), out, P256_COORDINATE) == P256_COORDINATE &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(s), out + P256_COORDINATE, P256_COORDINATE) ==
			  P256_COORDINATE;
	ECDSA_SIG_free(s);
	return ok;
}

int p256_sign(const struct p256 *key, const void *p, size_t n, uint8_t out[P256_SIGNATURE])
{
	uint8_t der[P256_SIGNATURE + 16];
	size_t der_n = sizeof(der);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok = context &&
		  EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key->pair, NULL) &&
		  EVP_DigestSign(context, der, &der_n, p, n) && unwrap(der, der_n, out);
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return ok ? 0 : -ENOMEM;
}
