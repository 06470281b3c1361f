/* SPDX-License-Identifier: MIT */
/* Signatures as RFC 7515 has them; OpenSSL verifies those that are made here. */
#include "server/acme/jws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/cleanup.h"
#include "crypto/crypto.h"
#include "keys.h"

static bool verifies(const char *input, size_t n, const uint8_t signature[P256_SIGNATURE])
{
	BIO *pem = BIO_new_mem_buf(rfc7515_pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
	ECDSA_SIG *s = ECDSA_SIG_new();
	ECDSA_SIG_set0(s, BN_bin2bn(signature, 32, NULL), BN_bin2bn(signature + 32, 32, NULL));
	uint8_t *der = NULL;
	int der_n = i2d_ECDSA_SIG(s, &der);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestVerify(context, der, (size_t)der_n, (const uint8_t *)input, n) == 1;
	EVP_MD_CTX_free(context);
	OPENSSL_free(der);
	ECDSA_SIG_free(s);
	EVP_PKEY_free(key);
	BIO_free(pem);
	return good;
}

/* The text of a part, decoded; the caller frees it. */
static char *decoded(const json_t *jws, const char *member)
{
	const char *text = json_string_value(json_object_get(jws, member));
	assert_non_null(text);
	char *out = calloc(1, strlen(text) + 1);
	assert_true(base64url_decode(text, strlen(text), out, strlen(text)) >= 0);
	return out;
}

static json_t *decoded_json(const json_t *jws, const char *member)
{
	auto_free char *text = decoded(jws, member);
	json_t *json = json_loads(text, 0, NULL);
	assert_true(json_is_object(json));
	return json;
}

static char *signing_input(const json_t *jws)
{
	char *text;
	assert_true(asprintf(&text, "%s.%s", json_string_value(json_object_get(jws, "protected")),
			    json_string_value(json_object_get(jws, "payload"))) > 0);
	return text;
}

/* RFC 7515, A.3: OpenSSL takes the signature that stands there, and no other. */
static void test_the_verifier(void **state)
{
	static const char input[] =
		"eyJhbGciOiJFUzI1NiJ9."
		"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
		"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
	static const char signature[] =
		"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8IS"
		"lSApmWQxfKTUJqPP3-Kg6NU1Q";
	uint8_t bytes[P256_SIGNATURE];
	assert_int_equal(base64url_decode(signature, strlen(signature), bytes, sizeof(bytes)),
		P256_SIGNATURE);
	assert_true(verifies(input, strlen(input), bytes));
	bytes[5] ^= 1;
	assert_false(verifies(input, strlen(input), bytes));
}

static void test_signed(void **state)
{
	struct p256 *key = rfc7515_key();
	const struct jws_header first = {"https://ca.example/new-account", "nonce-1", NULL};
	const struct jws_header later = {"https://ca.example/\"order\"", "nonce-2",
		"https://ca.example/account/1"};
	const struct jws_header *headers[] = {&first, &later, &later};
	static const char *const payloads[] = {"{\"a\":1}", "{}", NULL};
	for (size_t i = 0; i < 3; i++) {
		auto_free char *text = jws_sign(key, headers[i], payloads[i]);
		json_t *jws = json_loads(text, 0, NULL);
		json_t *header = decoded_json(jws, "protected");
		auto_free char *input = signing_input(jws), *payload = decoded(jws, "payload");
		auto_free uint8_t *signature = (uint8_t *)decoded(jws, "signature");
		assert_int_equal(json_object_size(jws), 3);
		assert_int_equal(json_object_size(header), 4);
		assert_string_equal(json_string_value(json_object_get(header, "alg")), "ES256");
		assert_string_equal(json_string_value(json_object_get(header, "nonce")),
			headers[i]->nonce);
		assert_string_equal(json_string_value(json_object_get(header, "url")),
			headers[i]->url);
		/* One of the two (RFC 8555, 6.2). */
		const json_t *kid = json_object_get(header, "kid");
		const json_t *jwk = json_object_get(header, "jwk");
		assert_true(!kid == !headers[i]->kid && !jwk == !!headers[i]->kid);
		if (jwk)
			assert_string_equal(json_string_value(json_object_get(jwk, "x")),
				"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
		assert_string_equal(payload, payloads[i] ? payloads[i] : "");
		assert_true(verifies(input, strlen(input), signature));
		json_decref(header);
		json_decref(jws);
	}
	p256_free(key);
}

static void test_thumbprint(void **state)
{
	struct p256 *key = rfc7515_key();
	char text[JWS_THUMBPRINT_SIZE];
	jws_thumbprint(key, text);
	assert_string_equal(text, RFC7515_THUMBPRINT);
	p256_free(key);
}

/* RFC 7515, A.1 */
static void test_hmac(void **state)
{
	static const char key[] =
		"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4"
		"hcgUuTwjAzZr1Z9CAow";
	static const char input[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
				    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9le"
				    "GFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
	uint8_t bytes[64], mac[SHA256_SIZE];
	char text[BASE64URL_SIZE(SHA256_SIZE)];
	assert_int_equal(base64url_decode(key, strlen(key), bytes, sizeof(bytes)), 64);
	hmac_sha256(bytes, sizeof(bytes), input, strlen(input), mac);
	base64url_encode(mac, sizeof(mac), text, sizeof(text));
	assert_string_equal(text, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

static void test_binding(void **state)
{
	struct p256 *key = rfc7515_key();
	static const uint8_t secret[] = "a key that the CA has given";
	const struct jws_binding binding = {"kid-7", secret, sizeof(secret)};
	auto_free char *text = jws_bind(key, &binding, "https://ca.example/new-account");
	json_t *jws = json_loads(text, 0, NULL);
	json_t *header = decoded_json(jws, "protected"), *payload = decoded_json(jws, "payload");
	auto_free char *input = signing_input(jws), *signature = decoded(jws, "signature");
	uint8_t mac[SHA256_SIZE];
	hmac_sha256(secret, sizeof(secret), input, strlen(input), mac);
	assert_memory_equal(mac, signature, sizeof(mac));
	/* RFC 8555, 7.3.4: no nonce, the key as the payload. */
	assert_int_equal(json_object_size(header), 3);
	assert_string_equal(json_string_value(json_object_get(header, "alg")), "HS256");
	assert_string_equal(json_string_value(json_object_get(header, "kid")), "kid-7");
	assert_string_equal(json_string_value(json_object_get(payload, "crv")), "P-256");
	json_decref(header);
	json_decref(payload);
	json_decref(jws);
	p256_free(key);
}

/* A key is read as it was written, and a key of another kind is none. */
static void test_keys(void **state)
{
	struct p256 *key = p256_new();
	struct secret *pem = p256_write(key);
	struct p256 *again = p256_read((const char *)pem->bytes, pem->n);
	char a[JWS_THUMBPRINT_SIZE], b[JWS_THUMBPRINT_SIZE];
	jws_thumbprint(key, a);
	jws_thumbprint(again, b);
	assert_string_equal(a, b);
	assert_null(
		p256_read("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 57));
	assert_null(p256_read("", 0));
	EVP_PKEY *other = EVP_EC_gen("P-384");
	BIO *text = BIO_new(BIO_s_mem());
	char *p;
	PEM_write_bio_PrivateKey(text, other, NULL, NULL, 0, NULL, NULL);
	long n = BIO_get_mem_data(text, &p);
	assert_null(p256_read(p, (size_t)n));
	BIO_free(text);
	EVP_PKEY_free(other);
	secret_free(pem);
	p256_free(again);
	p256_free(key);
}

int main(void)
{
	crypto_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_verifier),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_thumbprint),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
