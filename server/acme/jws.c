/* SPDX-License-Identifier: MIT */
#include "server/acme/jws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/cleanup.h"

/* Bytes of a key's JSON, which has two coordinates, with a NUL. */
#define JWK_SIZE (64 + 2 * BASE64URL_SIZE(P256_COORDINATE))

/* Its members in the order and without the spaces that RFC 7638, 3.2 has for the thumbprint. Returns the length. */
static size_t jwk_text(const struct p256 *key, char out[JWK_SIZE])
{
	uint8_t x[P256_COORDINATE], y[P256_COORDINATE];
	char x_text[BASE64URL_SIZE(P256_COORDINATE)], y_text[sizeof(x_text)];
	p256_public(key, x, y);
	base64url_encode(x, sizeof(x), x_text, sizeof(x_text));
	base64url_encode(y, sizeof(y), y_text, sizeof(y_text));
	return (size_t)snprintf(out, JWK_SIZE,
		"{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x_text, y_text);
}

void jws_thumbprint(const struct p256 *key, char out[JWS_THUMBPRINT_SIZE])
{
	char jwk[JWK_SIZE];
	uint8_t digest[SHA256_SIZE];
	sha256(jwk, jwk_text(key, jwk), digest);
	base64url_encode(digest, sizeof(digest), out, JWS_THUMBPRINT_SIZE);
}

/* In base64url; the caller frees it. */
static char *coded(const void *p, size_t n)
{
	char *text = malloc(BASE64URL_SIZE(n));
	if (text)
		base64url_encode(p, n, text, BASE64URL_SIZE(n));
	return text;
}

/* Takes over the header. "HEADER.PAYLOAD" in base64url, and where the payload begins. */
static char *signing_input(json_t *header, const char *payload, size_t *at_out)
{
	char *text = NULL, *json = header ? json_dumps(header, JSON_COMPACT) : NULL;
	json_decref(header);
	if (!json)
		return NULL;
	auto_free char *head = coded(json, strlen(json));
	auto_free char *body = coded(payload, strlen(payload));
	free(json);
	if (!head || !body || asprintf(&text, "%s.%s", head, body) < 0)
		return NULL;
	*at_out = strlen(head) + 1;
	return text;
}

/* Nothing in it needs escaping: all of it is base64url. */
static char *flattened(const char *input, size_t at, const uint8_t *signature, size_t n)
{
	auto_free char *last = coded(signature, n);
	char *text;
	return !last || asprintf(&text,
				"{\"protected\":\"%.*s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
				(int)at - 1, input, input + at, last) < 0
		       ? NULL
		       : text;
}

char *jws_sign(const struct p256 *key, const struct jws_header *header, const char *payload)
{
	uint8_t signature[P256_SIGNATURE];
	size_t at;
	char jwk[JWK_SIZE];
	jwk_text(key, jwk);
	json_t *who = header->kid ? json_string(header->kid) : json_loads(jwk, 0, NULL);
	auto_free char *input = signing_input(json_pack("{s:s, s:o, s:s, s:s}", "alg", "ES256",
						      header->kid ? "kid" : "jwk", who, "nonce",
						      header->nonce, "url", header->url),
		payload ? payload : "", &at);
	if (!input || p256_sign(key, input, strlen(input), signature) < 0)
		return NULL;
	return flattened(input, at, signature, sizeof(signature));
}

char *jws_bind(const struct p256 *key, const struct jws_binding *binding, const char *url)
{
	uint8_t mac[SHA256_SIZE];
	size_t at;
	char jwk[JWK_SIZE];
	jwk_text(key, jwk);
	auto_free char *input = signing_input(json_pack("{s:s, s:s, s:s}", "alg", "HS256", "kid",
						      binding->kid, "url", url),
		jwk, &at);
	if (!input)
		return NULL;
	hmac_sha256(binding->key, binding->key_n, input, strlen(input), mac);
	return flattened(input, at, mac, sizeof(mac));
}
