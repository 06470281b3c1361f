/* SPDX-License-Identifier: MIT */
#include "tls/tls_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "tls/tls_internal.h"
#include "tls/tls_x509.h"

/* ---- Asked ---- */

static char *write_request(EVP_PKEY *key)
{
	X509_REQ *request = X509_REQ_new();
	BIO *text = BIO_new(BIO_s_mem());
	char *p, *copy = NULL;
	if (request && text && X509_REQ_set_version(request, X509_REQ_VERSION_1) &&
		X509_REQ_set_pubkey(request, key) && X509_REQ_sign(request, key, EVP_sha256()) &&
		PEM_write_bio_X509_REQ(text, request)) {
		long n = BIO_get_mem_data(text, &p);
		copy = strndup(p, (size_t)n);
	}
	BIO_free(text);
	X509_REQ_free(request);
	return copy;
}

int tls_request_make(struct secret **key_out, char **request_out, struct error *err)
{
	ERR_clear_error();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct secret *secret = key ? tls_key_write(key) : NULL;
	char *request = secret ? write_request(key) : NULL;
	EVP_PKEY_free(key);
	if (!request) {
		secret_free(secret);
		return tls_error(err, -ENOMEM, "a certificate request cannot be made");
	}
	*key_out = secret;
	*request_out = request;
	return 0;
}

/* ---- And answered ---- */

static bool is_of_key(X509 *x, const struct secret *secret)
{
	BIO *text = BIO_new_mem_buf(secret->bytes, (int)secret->n);
	EVP_PKEY *key = text ? PEM_read_bio_PrivateKey(text, NULL, tls_no_password, NULL) : NULL;
	bool same = key && X509_check_private_key(x, key) == 1;
	EVP_PKEY_free(key);
	BIO_free(text);
	return same;
}

/* NULL, or why no root vouches for the first of them. */
static const char *verify(STACK_OF(X509) * chain, STACK_OF(X509) * roots)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	const char *why = "out of memory";
	if (context && X509_STORE_CTX_init(context, NULL, sk_X509_value(chain, 0), chain)) {
		X509_STORE_CTX_set0_trusted_stack(context, roots);
		X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
		why = X509_verify_cert(context) == 1
			      ? NULL
			      : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
	}
	X509_STORE_CTX_free(context);
	return why;
}

static int check(const struct secret *key, STACK_OF(X509) * chain, STACK_OF(X509) * roots,
	struct tls_facts *out, struct error *err)
{
	if (!sk_X509_num(chain) || !sk_X509_num(roots))
		return error_set(err, -EINVAL, "the answer has no certificate, or no root");
	if (!is_of_key(sk_X509_value(chain, 0), key))
		return error_set(err, -EINVAL, "the certificate is of another key");
	const char *why = verify(chain, roots);
	if (why)
		return error_set(err, -EINVAL,
			"the roots that came with the certificate do not vouch for it: %s", why);
	tls_x509_facts(sk_X509_value(chain, 0), out);
	return 0;
}

int tls_request_check(const struct secret *key, const char *certificate, const char *ca,
	struct tls_facts *out, struct error *err)
{
	STACK_OF(X509) *chain = sk_X509_new_null(), *roots = sk_X509_new_null();
	int r = -ENOMEM;
	ERR_clear_error();
	if (!chain || !roots)
		error_set(err, r, "no memory for a certificate");
	else if (!tls_x509_read_all(certificate, chain) || !tls_x509_read_all(ca, roots))
		r = tls_error(err, -EINVAL, "what was answered is no certificate");
	else
		r = check(key, chain, roots, out, err);
	sk_X509_pop_free(chain, X509_free);
	sk_X509_pop_free(roots, X509_free);
	ERR_clear_error();
	return r;
}
