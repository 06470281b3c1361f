/* SPDX-License-Identifier: MIT */
#include "crypto/digest.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#define WS_GUID     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, section 1.3 */
#define WS_GUID_LEN (sizeof(WS_GUID) - 1)
#define SHA1_SIZE   20

_Static_assert(BASE64_SIZE(SHA1_SIZE) == WS_ACCEPT_SIZE + 1, "accept value is base64 of SHA-1");

int ws_accept(const char *key, size_t n, char accept_out[WS_ACCEPT_SIZE + 1])
{
	uint8_t nonce[16];
	size_t nonce_n;
	if (n != WS_KEY_SIZE ||
		sodium_base642bin(nonce, sizeof(nonce), key, n, NULL, &nonce_n, NULL,
			sodium_base64_VARIANT_ORIGINAL) != 0 ||
		nonce_n != sizeof(nonce))
		return -EINVAL;
	char text[WS_KEY_SIZE + WS_GUID_LEN];
	memcpy(text, key, WS_KEY_SIZE);
	memcpy(text + WS_KEY_SIZE, WS_GUID, WS_GUID_LEN);
	uint8_t sha1[SHA1_SIZE];
	if (!EVP_Q_digest(NULL, "SHA1", NULL, text, sizeof(text), sha1, NULL))
		return -EIO;
	return base64_encode(sha1, sizeof(sha1), accept_out, WS_ACCEPT_SIZE + 1);
}

int base64_encode(const void *p, size_t n, char *out, size_t cap)
{
	/* Asked first because libsodium ends the process when the room is too small. */
	if (n > SIZE_MAX / 2 || cap < BASE64_SIZE(n))
		return -ENOBUFS;
	sodium_bin2base64(out, cap, p, n, sodium_base64_VARIANT_ORIGINAL);
	return 0;
}

ssize_t base64_decode(const char *text, size_t n, void *out, size_t cap)
{
	size_t got;
	if (sodium_base642bin(out, cap, text, n, NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL))
		return -EINVAL;
	return (ssize_t)got;
}

void mac_make(const uint8_t key[MAC_KEY_SIZE], const void *p, size_t n, uint8_t mac_out[MAC_SIZE])
{
	crypto_generichash(mac_out, MAC_SIZE, p, n, key, MAC_KEY_SIZE);
}

bool mac_verify(const uint8_t key[MAC_KEY_SIZE], const void *p, size_t n,
	const uint8_t mac[MAC_SIZE])
{
	uint8_t expected[MAC_SIZE];
	mac_make(key, p, n, expected);
	bool equal = sodium_memcmp(expected, mac, MAC_SIZE) == 0;
	sodium_memzero(expected, sizeof(expected));
	return equal;
}

int base64url_encode(const void *p, size_t n, char *out, size_t cap)
{
	if (n > SIZE_MAX / 2 || cap < BASE64URL_SIZE(n))
		return -ENOBUFS;
	sodium_bin2base64(out, cap, p, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return 0;
}

ssize_t base64url_decode(const char *text, size_t n, void *out, size_t cap)
{
	size_t got;
	if (sodium_base642bin(out, cap, text, n, NULL, &got, NULL,
		    sodium_base64_VARIANT_URLSAFE_NO_PADDING))
		return -EINVAL;
	return (ssize_t)got;
}

void sha256(const void *p, size_t n, uint8_t out[SHA256_SIZE])
{
	crypto_hash_sha256(out, p, n);
}

void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[SHA256_SIZE])
{
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, key, key_n);
	crypto_auth_hmacsha256_update(&state, p, n);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}
