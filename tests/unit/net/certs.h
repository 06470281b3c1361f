/* SPDX-License-Identifier: MIT */
#pragma once
/* Certificates as these tests need them, made on the spot in a directory of the test's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sockets.h"

#define TEST_DAY 86400L

struct test_cert {
	X509 *x;
	EVP_PKEY *key;
};

static char test_dir[] = "/tmp/tunnel-tls-XXXXXX";

static inline const char *test_path(const char *name)
{
	static char paths[4][128];
	static int next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", test_dir, name);
	return path;
}

static inline void test_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(extension);
	assert_true(X509_add_ext(x, extension, -1));
	X509_EXTENSION_free(extension);
}

/* Valid from `from` to `to`, in days from now; `names` as openssl.cnf has them, NULL for a CA. */
static inline struct test_cert test_cert(const char *cn, const char *names, int from, int to,
	const struct test_cert *issuer)
{
	struct test_cert c = {.x = X509_new(), .key = EVP_EC_gen("P-256")};
	static long serial;
	assert_non_null(c.key);
	X509_set_version(c.x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(c.x), from * TEST_DAY);
	X509_gmtime_adj(X509_getm_notAfter(c.x), to * TEST_DAY);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(c.x), "CN", MBSTRING_ASC,
		(const uint8_t *)cn, -1, -1, 0);
	X509_set_issuer_name(c.x, X509_get_subject_name(issuer ? issuer->x : c.x));
	X509_set_pubkey(c.x, c.key);
	test_extension(c.x, NID_basic_constraints,
		names ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (names)
		test_extension(c.x, NID_subject_alt_name, names);
	assert_true(X509_sign(c.x, issuer ? issuer->key : c.key, EVP_sha256()));
	return c;
}

static inline void test_cert_free(struct test_cert *c)
{
	X509_free(c->x);
	EVP_PKEY_free(c->key);
}

/* Either may be NULL; `password` encrypts the key. */
static inline const char *test_write(const char *name, const struct test_cert *cert,
	const struct test_cert *key, const char *password, mode_t mode)
{
	const char *path = test_path(name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	if (cert)
		assert_true(PEM_write_X509(f, cert->x));
	if (key)
		assert_true(PEM_write_PrivateKey(f, key->key, password ? EVP_aes_128_cbc() : NULL,
			NULL, 0, NULL, (void *)(uintptr_t)password));
	fchmod(fileno(f), mode);
	fclose(f);
	return path;
}

static inline int test_dir_make(void **state)
{
	return mkdtemp(test_dir) ? 0 : -1;
}

static inline int test_dir_remove(void **state)
{
	char command[64];
	snprintf(command, sizeof command, "rm -rf %s", test_dir);
	return system(command);
}
