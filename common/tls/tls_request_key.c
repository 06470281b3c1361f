/* SPDX-License-Identifier: MIT */
/*
 * What counts of somebody's request: a public key, and that he has the private one. Names, extensions and attributes
 * of it are not looked at, so none can be smuggled into a certificate.
 */
#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/macros.h"
#include "tls/tls_internal.h"
#include "tls/tls_x509.h"

/*
 * Fewer bits can be factored in our days; with more a signature takes the main thread's time. Other public exponents
 * than 65537 are nobody's who means well: they make the check slow.
 */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096
#define RSA_EXPONENT 65537

static int refuse_kind(struct error *err)
{
	ERR_clear_error();
	return error_set(err, -EINVAL,
		"the key of the request must be of ECDSA with P-256 or P-384, Ed25519, or RSA with "
		"2048 to 4096 bits");
}

/* The curve by its name: one that is spelled out may look like it and be weak (CVE-2020-0601). */
static bool is_good_curve(const EVP_PKEY *key)
{
	char group[32] = "";
	int spelled_out = 1;
	if (!EVP_PKEY_get_group_name(key, group, sizeof group, NULL) ||
		!EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
			&spelled_out) ||
		spelled_out)
		return false;
	return strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0;
}

static bool is_good_rsa(const EVP_PKEY *key)
{
	BIGNUM *exponent = NULL;
	int bits = EVP_PKEY_get_bits(key);
	bool good = bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX &&
		    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) &&
		    BN_is_word(exponent, RSA_EXPONENT);
	BN_free(exponent);
	return good;
}

/* A point, and not the one at infinity, for which anybody could sign. */
static bool is_good_point(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool good = context && EVP_PKEY_public_check_quick(context) == 1;
	EVP_PKEY_CTX_free(context);
	return good;
}

static bool is_good_key(EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_EC:
		return is_good_curve(key) && is_good_point(key);
	case EVP_PKEY_ED25519:
		return true;
	case EVP_PKEY_RSA:
		return is_good_rsa(key);
	default:
		return false;
	}
}

/* Of those with a digest, SHA-2 alone: a signature with another is no proof that he has the key. */
static bool is_good_digest(const X509_REQ *request)
{
	static const int good[] = {NID_sha256, NID_sha384, NID_sha512, NID_undef};
	int digest, key;
	if (!OBJ_find_sigid_algs(X509_REQ_get_signature_nid(request), &digest, &key))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (digest == good[i])
			return true;
	return false;
}

static int read_key(X509_REQ *request, EVP_PKEY **key_out, struct error *err)
{
	EVP_PKEY *key = X509_REQ_get0_pubkey(request);
	if (!key || !is_good_key(key))
		return refuse_kind(err);
	if (!is_good_digest(request) || X509_REQ_verify(request, key) != 1) {
		ERR_clear_error();
		return error_set(err, -EINVAL,
			"the request is not signed by its own key with SHA-256, SHA-384 or "
			"SHA-512");
	}
	EVP_PKEY_up_ref(key);
	*key_out = key;
	return 0;
}

int tls_request_key(const char *text, size_t n, EVP_PKEY **key_out, struct error *err)
{
	if (n > TLS_REQUEST_MAX)
		return error_set(err, -EINVAL, "the request has more than %d bytes",
			TLS_REQUEST_MAX);
	BIO *pem = BIO_new_mem_buf(text, (int)n);
	X509_REQ *request = pem ? PEM_read_bio_X509_REQ(pem, NULL, tls_no_password, NULL) : NULL;
	int r = request ? read_key(request, key_out, err)
			: tls_error(err, -EINVAL, "it is no certificate request (PKCS#10) in PEM");
	X509_REQ_free(request);
	BIO_free(pem);
	return r;
}
