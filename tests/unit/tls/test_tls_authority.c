/* SPDX-License-Identifier: MIT */
/* Roots, what they sign, and who of those that ask gets nothing, or not what was asked for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "tls/tls_request.h"
#include "tls/tls_x509.h"

#define DOMAIN "1a2b3c4d.tunnel"
#define ID     "spiffe://" DOMAIN "/ns/default/dc/exit.example/svc/web"
#define HOUR   3600
#define YEAR   (365 * 24 * HOUR)

struct root {
	uint8_t key[TLS_ROOT_KEY_SIZE];
	char *certificate;
	struct tls_authority *authority;
};

static struct root root, next;
static int64_t now;

static struct root make_root(int64_t lasts)
{
	struct root made;
	struct error err = {""};
	assert_int_equal(tls_root_make(DOMAIN, now - 60, now + lasts, made.key, &made.certificate,
				 &err),
		0);
	made.authority = tls_authority_new(made.certificate, made.key, &err);
	if (!made.authority)
		fail_msg("%s", err.text);
	return made;
}

static void free_root(struct root *r)
{
	tls_authority_free(r->authority);
	free(r->certificate);
}

static int group_setup(void **state)
{
	assert_int_equal(crypto_start(), 0);
	now = time(NULL);
	root = make_root(10 * YEAR);
	next = make_root(10 * YEAR);
	return 0;
}

static int group_teardown(void **state)
{
	free_root(&root);
	free_root(&next);
	return 0;
}

/* The certificate for a request; NULL when it is refused, with a sentence. */
static char *issue_by(const struct root *r, const char *request, struct tls_facts *facts,
	struct error *err)
{
	const struct tls_leaf leaf = {request, strlen(request), ID, now - 60, now + 72 * HOUR};
	char *certificate = NULL;
	int result = tls_authority_issue(r->authority, &leaf, &certificate, facts, err);
	assert_int_equal(result, certificate ? 0 : -EINVAL);
	return certificate;
}

static char *issue(const char *request)
{
	struct tls_facts facts;
	struct error err = {""};
	char *certificate = issue_by(&root, request, &facts, &err);
	if (!certificate)
		fail_msg("%s", err.text);
	return certificate;
}

static char *joined(const char *a, const char *b)
{
	char *text;
	assert_true(asprintf(&text, "%s%s", a, b) > 0);
	return text;
}

/* ---- Roots ---- */

static void a_root_is_of_its_trust_domain_and_its_key(void **state)
{
	struct tls_facts facts;
	struct error err = {""};
	assert_string_equal(tls_authority_domain(root.authority), DOMAIN);
	assert_int_equal(tls_facts_read(root.certificate, &facts, &err), 0);
	assert_string_equal(facts.id, "spiffe://" DOMAIN);
	assert_int_equal(facts.from, now - 60);
	assert_int_equal(facts.to, now + 10 * YEAR);
	X509 *x = tls_x509_read(root.certificate);
	assert_int_equal(X509_check_ca(x), 1);
	assert_int_equal(X509_get_key_usage(x),
		KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
	X509_free(x);
	assert_null(tls_authority_new(root.certificate, next.key, &err));
	assert_non_null(strstr(err.text, "not of one pair"));
	assert_null(tls_authority_new(root.certificate, (uint8_t[TLS_ROOT_KEY_SIZE]){0}, &err));
	assert_null(tls_authority_new("no certificate", root.key, &err));
	assert_int_equal(tls_facts_read("no certificate", &facts, &err), -EINVAL);
}

static void certificates_end_with_their_root(void **state)
{
	struct root brief = make_root(HOUR);
	struct secret *key;
	char *request;
	struct tls_facts facts;
	struct error err;
	assert_int_equal(tls_request_make(&key, &request, &err), 0);
	char *certificate = issue_by(&brief, request, &facts, &err);
	assert_int_equal(facts.to, now + HOUR);
	secret_free(key);
	free(request);
	free(certificate);
	free_root(&brief);
}

static void what_a_new_root_signs_is_trusted_by_the_old_one(void **state)
{
	struct secret *key;
	char *request, *cross;
	struct tls_facts facts;
	struct error err = {""};
	assert_int_equal(tls_request_make(&key, &request, &err), 0);
	assert_int_equal(tls_authority_cross(root.authority, next.certificate, now - 60, now + HOUR,
				 &cross, &err),
		0);
	char *certificate = issue_by(&next, request, &facts, &err);
	char *chain = joined(certificate, cross);
	assert_int_equal(tls_request_check(key, certificate, next.certificate, &facts, &err), 0);
	assert_int_equal(tls_request_check(key, certificate, root.certificate, &facts, &err),
		-EINVAL);
	assert_int_equal(tls_request_check(key, chain, root.certificate, &facts, &err), 0);
	assert_string_equal(facts.id, ID);
	assert_int_equal(tls_facts_read(cross, &facts, &err), 0);
	assert_int_equal(facts.to, now + HOUR);
	free(chain);
	free(certificate);
	free(cross);
	free(request);
	secret_free(key);
}

/* ---- What a certificate says ---- */

static bool is_critical(X509 *x, int nid)
{
	int at = X509_get_ext_by_NID(x, nid, -1);
	assert_true(at >= 0);
	return X509_EXTENSION_get_critical(X509_get_ext(x, at));
}

/* All of it: one name, what it is for, and not a word more. */
static void check_certificate(const char *certificate)
{
	X509 *x = tls_x509_read(certificate);
	assert_non_null(x);
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), 0);
	assert_int_equal(X509_get_ext_count(x), 6);
	assert_true(is_critical(x, NID_subject_alt_name));
	assert_true(is_critical(x, NID_basic_constraints));
	assert_true(is_critical(x, NID_key_usage));
	assert_false(is_critical(x, NID_ext_key_usage));
	assert_true(X509_get_ext_by_NID(x, NID_subject_key_identifier, -1) >= 0);
	assert_true(X509_get_ext_by_NID(x, NID_authority_key_identifier, -1) >= 0);
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(names), 1);
	const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);
	assert_int_equal(name->type, GEN_URI);
	assert_int_equal(ASN1_STRING_length(name->d.uniformResourceIdentifier), strlen(ID));
	assert_memory_equal(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier), ID,
		strlen(ID));
	GENERAL_NAMES_free(names);
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT |
							KU_DATA_ENCIPHERMENT | KU_KEY_AGREEMENT);
	assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_CLIENT | XKU_SSL_SERVER);
	X509_free(x);
}

static void a_certificate_is_for_the_key_and_the_identity(void **state)
{
	struct secret *key, *other;
	char *request, *unused;
	struct tls_facts facts;
	struct error err = {""};
	assert_int_equal(tls_request_make(&key, &request, &err), 0);
	assert_int_equal(tls_request_make(&other, &unused, &err), 0);
	char *certificate = issue(request), *again = issue(request);
	check_certificate(certificate);
	if (tls_request_check(key, certificate, root.certificate, &facts, &err))
		fail_msg("%s", err.text);
	assert_string_equal(facts.id, ID);
	assert_int_equal(facts.from, now - 60);
	assert_int_equal(facts.to, now + 72 * HOUR);
	char serial[TLS_SERIAL_SIZE];
	strcpy(serial, facts.serial);
	assert_int_equal(tls_facts_read(again, &facts, &err), 0);
	assert_string_not_equal(serial, facts.serial);
	assert_int_equal(tls_request_check(other, certificate, root.certificate, &facts, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "another key"));
	assert_int_equal(tls_request_check(key, certificate, next.certificate, &facts, &err),
		-EINVAL);
	assert_int_equal(tls_request_check(key, "", root.certificate, &facts, &err), -EINVAL);
	assert_int_equal(tls_request_check(key, certificate, "", &facts, &err), -EINVAL);
	free(again);
	free(certificate);
	free(request);
	free(unused);
	secret_free(key);
	secret_free(other);
}

/* ---- Requests that are made by others ---- */

static char *text_of(X509_REQ *request)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *p;
	assert_true(PEM_write_bio_X509_REQ(text, request));
	long n = BIO_get_mem_data(text, &p);
	char *copy = strndup(p, (size_t)n);
	BIO_free(text);
	return copy;
}

/* Signed by `signer`, which may be another key than the one that is asked about. */
static char *request_of(EVP_PKEY *key, EVP_PKEY *signer, const EVP_MD *digest)
{
	X509_REQ *request = X509_REQ_new();
	assert_true(X509_REQ_set_pubkey(request, key));
	assert_true(X509_REQ_sign(request, signer, digest) > 0);
	char *text = text_of(request);
	X509_REQ_free(request);
	return text;
}

static void nothing_of_a_request_counts_but_its_key(void **state)
{
	static const struct {
		int nid;
		const char *value;
	} asked[] = {
		{NID_subject_alt_name,
			"URI:spiffe://" DOMAIN "/ns/default/dc/x/svc/admin,DNS:evil.example"},
		{NID_basic_constraints, "critical,CA:TRUE"},
		{NID_key_usage, "critical,keyCertSign,cRLSign"},
		{NID_ext_key_usage, "codeSigning,anyExtendedKeyUsage"},
		{NID_netscape_comment, "whatever"},
		{NID_name_constraints, "permitted;DNS:evil.example"},
	};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_REQ *request = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	X509_NAME *name = X509_REQ_get_subject_name(request);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"admin", -1, -1, 0);
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		sk_X509_EXTENSION_push(extensions,
			X509V3_EXT_conf_nid(NULL, NULL, asked[i].nid, asked[i].value));
	assert_int_equal(sk_X509_EXTENSION_num(extensions), ARRAY_LEN(asked));
	assert_true(X509_REQ_add_extensions(request, extensions));
	assert_true(X509_REQ_add1_attr_by_NID(request, NID_pkcs9_challengePassword, MBSTRING_ASC,
		(const uint8_t *)"secret", -1));
	assert_true(X509_REQ_set_pubkey(request, key));
	assert_true(X509_REQ_sign(request, key, EVP_sha256()) > 0);
	char *text = text_of(request), *certificate = issue(text);
	check_certificate(certificate);
	free(certificate);
	free(text);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(request);
	EVP_PKEY_free(key);
}

static EVP_PKEY *rsa_key(unsigned bits, unsigned exponent)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *e = BN_new();
	EVP_PKEY *key = NULL;
	BN_set_word(e, exponent);
	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)bits), 1);
	assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e), 1);
	assert_int_equal(EVP_PKEY_generate(context, &key), 1);
	BN_free(e);
	EVP_PKEY_CTX_free(context);
	return key;
}

/* P-256 by its numbers instead of its name. */
static EVP_PKEY *spelled_out_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
				 OSSL_PKEY_EC_ENCODING_EXPLICIT),
		1);
	return key;
}

static void keys_that_are_weak_or_strange_are_refused(void **state)
{
	const struct {
		EVP_PKEY *key;
		bool good;
	} cases[] = {
		{EVP_EC_gen("P-256"), true},
		{EVP_EC_gen("P-384"), true},
		{EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), true},
		{rsa_key(2048, 65537), true},
		{rsa_key(1024, 65537), false},
		{rsa_key(2048, 3), false},
		{EVP_EC_gen("P-224"), false},
		{EVP_EC_gen("P-521"), false},
		{EVP_EC_gen("secp256k1"), false},
		{EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), false},
		{spelled_out_key(), false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tls_facts facts;
		struct error err = {""};
		const char *type = EVP_PKEY_get0_type_name(cases[i].key);
		char *text = request_of(cases[i].key, cases[i].key,
			strncmp(type, "ED", 2) == 0 ? NULL : EVP_sha256());
		char *certificate = issue_by(&root, text, &facts, &err);
		if (cases[i].good != (certificate != NULL))
			fail_msg("case %zu: %s", i, err.text);
		if (certificate)
			check_certificate(certificate);
		else
			assert_non_null(strstr(err.text, "must be of"));
		free(certificate);
		free(text);
		EVP_PKEY_free(cases[i].key);
	}
}

static void expect_refusal(const char *text, const char *sentence)
{
	struct tls_facts facts;
	struct error err = {""};
	assert_null(issue_by(&root, text, &facts, &err));
	if (!strstr(err.text, sentence))
		fail_msg("%s", err.text);
}

static void a_request_proves_that_its_key_is_there(void **state)
{
	EVP_PKEY *mine = EVP_EC_gen("P-256"), *yours = EVP_EC_gen("P-256");
	char *text = request_of(yours, mine, EVP_sha256());
	expect_refusal(text, "not signed by its own key");
	free(text);
	text = request_of(mine, mine, EVP_sha1());
	expect_refusal(text, "not signed by its own key");
	free(text);
	text = request_of(mine, mine, EVP_sha384());
	free(issue(text));
	free(text);
	EVP_PKEY_free(mine);
	EVP_PKEY_free(yours);
}

static void what_is_no_request_is_refused(void **state)
{
	static const char encrypted[] =
		"-----BEGIN CERTIFICATE REQUEST-----\nProc-Type: 4,ENCRYPTED\n"
		"DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n"
		"AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE REQUEST-----\n";
	static const char no_der[] = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"
				     "-----END CERTIFICATE REQUEST-----\n";
	char *huge = malloc(TLS_REQUEST_MAX + 2);
	memset(huge, 'A', TLS_REQUEST_MAX + 1);
	huge[TLS_REQUEST_MAX + 1] = 0;
	expect_refusal("", "no certificate request");
	expect_refusal("hello", "no certificate request");
	expect_refusal(encrypted, "no certificate request");
	expect_refusal(no_der, "no certificate request");
	expect_refusal(root.certificate, "no certificate request");
	expect_refusal(huge, "more than");
	free(huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_root_is_of_its_trust_domain_and_its_key),
		cmocka_unit_test(certificates_end_with_their_root),
		cmocka_unit_test(what_a_new_root_signs_is_trusted_by_the_old_one),
		cmocka_unit_test(a_certificate_is_for_the_key_and_the_identity),
		cmocka_unit_test(nothing_of_a_request_counts_but_its_key),
		cmocka_unit_test(keys_that_are_weak_or_strange_are_refused),
		cmocka_unit_test(a_request_proves_that_its_key_is_there),
		cmocka_unit_test(what_is_no_request_is_refused),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
