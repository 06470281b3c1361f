/* SPDX-License-Identifier: MIT */
#include "tls/tls_authority.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "base/macros.h"
#include "crypto/random.h"
#include "tls/tls_internal.h"
#include "tls/tls_x509.h"

#define SPIFFE "spiffe://"

struct tls_authority {
	X509 *root;
	EVP_PKEY *key;
	struct tls_facts facts;
};

static int no_memory(struct error *err, const char *what)
{
	return tls_error(err, -ENOMEM, "%s cannot be made", what);
}

int tls_facts_read(const char *certificate, struct tls_facts *out, struct error *err)
{
	ERR_clear_error();
	X509 *x = tls_x509_read(certificate);
	if (!x)
		return tls_error(err, -EINVAL, "it is no certificate in PEM");
	tls_x509_facts(x, out);
	X509_free(x);
	return 0;
}

/* ---- The key of a root ---- */

static bool write_key(const EVP_PKEY *key, uint8_t out[TLS_ROOT_KEY_SIZE])
{
	BIGNUM *number = NULL;
	bool good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) &&
		    BN_bn2binpad(number, out, TLS_ROOT_KEY_SIZE) == TLS_ROOT_KEY_SIZE;
	BN_clear_free(number);
	return good;
}

/* The number that was kept, and the point of the certificate, which must be of one pair. */
static OSSL_PARAM *key_parameters(const uint8_t number[TLS_ROOT_KEY_SIZE], X509 *root,
	BIGNUM *secret)
{
	uint8_t point[2 * TLS_ROOT_KEY_SIZE + 1];
	size_t n;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *made = NULL;
	EVP_PKEY *public = X509_get0_pubkey(root);
	if (build && public && BN_bin2bn(number, TLS_ROOT_KEY_SIZE, secret) &&
		EVP_PKEY_get_octet_string_param(public, OSSL_PKEY_PARAM_PUB_KEY, point,
			sizeof point, &n) &&
		OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1",
			0) &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, n) &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret))
		made = OSSL_PARAM_BLD_to_param(build);
	OSSL_PARAM_BLD_free(build);
	return made;
}

static bool is_pair(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool good = context && EVP_PKEY_pairwise_check(context) == 1;
	EVP_PKEY_CTX_free(context);
	return good;
}

/* NULL: it is none, or none of this root. */
static EVP_PKEY *read_key(const uint8_t number[TLS_ROOT_KEY_SIZE], X509 *root)
{
	BIGNUM *secret = BN_secure_new();
	OSSL_PARAM *parameters = secret ? key_parameters(number, root, secret) : NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	if (!parameters || !context || EVP_PKEY_fromdata_init(context) <= 0 ||
		EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(parameters);
	BN_clear_free(secret);
	if (key && is_pair(key))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

/* ---- Roots ---- */

/* What it may sign is certificates, of roots behind it (a cross-signed one) as well. */
static bool add_root_extensions(X509 *x, X509 *issuer, const char *id)
{
	return tls_x509_extension(x, issuer, NID_basic_constraints, "critical,CA:TRUE") &&
	       tls_x509_extension(x, issuer, NID_key_usage,
		       "critical,digitalSignature,keyCertSign,cRLSign") &&
	       tls_x509_extension(x, issuer, NID_subject_key_identifier, "hash") &&
	       tls_x509_extension(x, issuer, NID_authority_key_identifier, "keyid:always") &&
	       tls_x509_uri(x, id, false);
}

/* Each root has a name of its own, by which chains are built. */
static bool add_root_name(X509 *x)
{
	uint32_t unique;
	char name[32];
	random_bytes(&unique, sizeof unique);
	snprintf(name, sizeof name, "tunnel CA %08x", unique);
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		       (const uint8_t *)name, -1, -1, 0) &&
	       X509_set_issuer_name(x, X509_get_subject_name(x));
}

static X509 *make_root(EVP_PKEY *key, const char *id, int64_t from, int64_t to)
{
	X509 *x = X509_new();
	if (x && X509_set_version(x, X509_VERSION_3) && tls_x509_serial(x) && add_root_name(x) &&
		tls_x509_dates(x, from, to) && X509_set_pubkey(x, key) &&
		add_root_extensions(x, x, id) && X509_sign(x, key, EVP_sha256()))
		return x;
	X509_free(x);
	return NULL;
}

int tls_root_make(const char *trust_domain, int64_t from, int64_t to,
	uint8_t key_out[TLS_ROOT_KEY_SIZE], char **certificate_out, struct error *err)
{
	char id[TLS_ID_SIZE];
	snprintf(id, sizeof id, SPIFFE "%s", trust_domain);
	ERR_clear_error();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key ? make_root(key, id, from, to) : NULL;
	char *text = x ? tls_x509_write(x) : NULL;
	int r = text && write_key(key, key_out) ? 0 : no_memory(err, "a root certificate");
	if (r)
		free(text);
	else
		*certificate_out = text;
	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}

struct tls_authority *tls_authority_new(const char *certificate,
	const uint8_t key[TLS_ROOT_KEY_SIZE], struct error *err)
{
	struct tls_authority *a = calloc(1, sizeof *a);
	ERR_clear_error();
	if (!a) {
		no_memory(err, "a certificate authority");
		return NULL;
	}
	a->root = tls_x509_read(certificate);
	a->key = a->root ? read_key(key, a->root) : NULL;
	if (!a->key) {
		tls_error(err, -EINVAL, "the root certificate and its key are not of one pair");
		return tls_authority_free(a);
	}
	tls_x509_facts(a->root, &a->facts);
	return a;
}

struct tls_authority *tls_authority_free(struct tls_authority *a)
{
	if (!a)
		return NULL;
	X509_free(a->root);
	EVP_PKEY_free(a->key);
	free(a);
	return NULL;
}

const char *tls_authority_domain(const struct tls_authority *a)
{
	size_t n = strlen(SPIFFE);
	return strncmp(a->facts.id, SPIFFE, n) == 0 ? a->facts.id + n : "";
}

/* ---- What it signs ---- */

static bool sign(const struct tls_authority *a, X509 *x, int64_t from, int64_t to)
{
	return X509_set_version(x, X509_VERSION_3) && tls_x509_serial(x) &&
	       tls_x509_dates(x, from, MIN(to, a->facts.to)) &&
	       X509_set_issuer_name(x, X509_get_subject_name(a->root)) &&
	       X509_sign(x, a->key, EVP_sha256());
}

int tls_authority_cross(const struct tls_authority *a, const char *root, int64_t from, int64_t to,
	char **certificate_out, struct error *err)
{
	ERR_clear_error();
	X509 *other = tls_x509_read(root), *x = other ? X509_new() : NULL;
	char *text = NULL;
	if (x && X509_set_subject_name(x, X509_get_subject_name(other)) &&
		X509_set_pubkey(x, X509_get0_pubkey(other)) &&
		add_root_extensions(x, a->root, a->facts.id) && sign(a, x, from, to))
		text = tls_x509_write(x);
	X509_free(x);
	X509_free(other);
	if (!text)
		return no_memory(err, "a cross-signed certificate");
	*certificate_out = text;
	return 0;
}

/* Consul's usages: programs with an ECDSA key need the first, those with an RSA key may want the others. */
static bool add_leaf_extensions(X509 *x, X509 *root, const char *id)
{
	return tls_x509_extension(x, root, NID_basic_constraints, "critical,CA:FALSE") &&
	       tls_x509_extension(x, root, NID_key_usage,
		       "critical,digitalSignature,keyEncipherment,dataEncipherment,keyAgreement") &&
	       tls_x509_extension(x, root, NID_ext_key_usage, "clientAuth,serverAuth") &&
	       tls_x509_extension(x, root, NID_subject_key_identifier, "hash") &&
	       tls_x509_extension(x, root, NID_authority_key_identifier, "keyid:always") &&
	       tls_x509_uri(x, id, true);
}

int tls_authority_issue(const struct tls_authority *a, const struct tls_leaf *leaf,
	char **certificate_out, struct tls_facts *facts_out, struct error *err)
{
	EVP_PKEY *key;
	ERR_clear_error();
	int r = tls_request_key(leaf->request, leaf->n, &key, err);
	if (r)
		return r;
	X509 *x = X509_new();
	char *text = NULL;
	if (x && X509_set_pubkey(x, key) && add_leaf_extensions(x, a->root, leaf->id) &&
		sign(a, x, leaf->from, leaf->to))
		text = tls_x509_write(x);
	if (text) {
		tls_x509_facts(x, facts_out);
		*certificate_out = text;
	} else {
		r = no_memory(err, "a certificate");
	}
	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}
