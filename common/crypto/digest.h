/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The small computations of the link that are neither handshake nor seal: the accept value of the
 * WebSocket upgrade, base64, and message authentication under a shared secret.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Sec-WebSocket-Key is base64 of 16 bytes, so always this long; the accept value is base64 of
 * SHA-1. */
#define WS_KEY_SIZE    24
#define WS_ACCEPT_SIZE 28

/*
 * Sec-WebSocket-Accept for the client's Sec-WebSocket-Key (RFC 6455, section 4.2.2), with a NUL
 * behind it. -EINVAL unless it is base64 of 16 bytes, -EIO when OpenSSL refuses SHA-1.
 */
int ws_accept(const char *key, size_t n, char accept_out[WS_ACCEPT_SIZE + 1]);

/* Bytes that base64_encode() writes for `n` bytes, the NUL included. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Standard alphabet, padded (RFC 4648, section 4), and a NUL. -ENOBUFS when `cap` is too small. */
int base64_encode(const void *p, size_t n, char *out, size_t cap);

/* At most `cap` bytes of it. How many, or -EINVAL: it is none, or is more. */
ssize_t base64_decode(const char *text, size_t n, void *out, size_t cap);

#define MAC_SIZE     32
#define MAC_KEY_SIZE 32

/* Keyed BLAKE2b-256 of `n` bytes. */
void mac_make(const uint8_t key[MAC_KEY_SIZE], const void *p, size_t n, uint8_t mac_out[MAC_SIZE]);

/* Whether `mac` is what mac_make() makes; takes the same time for every wrong value. */
bool mac_verify(const uint8_t key[MAC_KEY_SIZE], const void *p, size_t n,
	const uint8_t mac[MAC_SIZE]);

/* Bytes that base64url_encode() writes for `n` bytes, the NUL included. */
#define BASE64URL_SIZE(n) (((n)*4 + 2) / 3 + 1)

/* The alphabet for URLs, without padding (RFC 4648, 5; RFC 7515, 2), and a NUL. -ENOBUFS when `cap` is too small. */
int base64url_encode(const void *p, size_t n, char *out, size_t cap);

/* At most `cap` bytes of it. How many, or -EINVAL: it is none, or is more. */
ssize_t base64url_decode(const char *text, size_t n, void *out, size_t cap);

#define SHA256_SIZE 32

void sha256(const void *p, size_t n, uint8_t out[SHA256_SIZE]);
/* RFC 2104, with a key of any length. */
void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[SHA256_SIZE]);
