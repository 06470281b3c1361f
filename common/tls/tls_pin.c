/* SPDX-License-Identifier: MIT */
/* The hash by which a certificate's key is pinned (RFC 7469, 2.4), and its text. */
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tls/tls_internal.h"

#define PIN_PREFIX "sha256/"
#define PIN_BASE64 44 /* characters for TLS_PIN_SIZE bytes, one of them padding */

bool tls_spki(X509 *x, uint8_t digest_out[TLS_PIN_SIZE])
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	if (n < 0)
		return false;
	int r = EVP_Digest(der, (size_t)n, digest_out, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return r == 1;
}

void tls_pin_text(const uint8_t digest[TLS_PIN_SIZE], char pin_out[TLS_PIN_TEXT])
{
	strcpy(pin_out, PIN_PREFIX);
	EVP_EncodeBlock((unsigned char *)pin_out + strlen(pin_out), digest, TLS_PIN_SIZE);
}

/* Written again and compared, because OpenSSL's decoder takes spaces and stray bits. */
static bool read_pin(struct str text, uint8_t pin_out[TLS_PIN_SIZE])
{
	uint8_t bytes[PIN_BASE64 / 4 * 3 + 1];
	char again[TLS_PIN_TEXT];
	if (text.n != TLS_PIN_TEXT - 1 ||
		EVP_DecodeBlock(bytes, (const uint8_t *)text.p + strlen(PIN_PREFIX), PIN_BASE64) <
			0)
		return false;
	tls_pin_text(bytes, again);
	if (!str_eq(text, str_from(again)))
		return false;
	memcpy(pin_out, bytes, TLS_PIN_SIZE);
	return true;
}

bool tls_is_pin(struct str text)
{
	uint8_t pin[TLS_PIN_SIZE];
	return read_pin(text, pin);
}

int tls_pin_parse(const char *text, uint8_t pin_out[TLS_PIN_SIZE], struct error *err)
{
	return read_pin(str_from(text), pin_out)
		       ? 0
		       : error_set(err, -EINVAL,
				 "\"%.80s\" is no pin: it is " PIN_PREFIX
				 " and %d characters of base64, as the exit node prints it",
				 text, PIN_BASE64);
}
