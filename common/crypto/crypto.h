/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The one call that this room needs before any other. What the room is made of:
 *
 *	token.h      what a person types, and the keys that come from it
 *	handshake.h  two messages that prove both sides know the token
 *	seal.h       the cipher of one direction after the handshake
 *	digest.h     WebSocket accept value, base64, message authentication
 *	random.h     random bytes, and cheap masking keys
 */

/*
 * Prepares libsodium and makes sure that OpenSSL has the ciphers of records. Once per process, before
 * threads are started. -EIO when the system gives no random bytes, -ENOTSUP when OpenSSL is
 * configured without one of them (a FIPS-only openssl.cnf has no ChaCha20-Poly1305), -ENOMEM.
 */
int crypto_start(void);
