/*
 * OpenSSL does the bulk because its ciphers are about twice as fast as libsodium's on long messages. The
 * context keeps the fetched cipher and the key schedule; a message only sets its nonce. libsodium does
 * single messages under keys of their own, for which a context would have to be made.
 */
#include "crypto/seal.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#define NONCE_SIZE 12

/* The nonce that no message has: Rekey() uses it (Noise, section 4.2). */
#define NONCE_REKEY UINT64_MAX

static const char *const names[] = {
	[SEAL_CHACHAPOLY] = "ChaCha20-Poly1305",
	[SEAL_AESGCM] = "AES-256-GCM",
};

_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == SEAL_TAG_SIZE, "one size for both");
_Static_assert(crypto_aead_aes256gcm_ABYTES == SEAL_TAG_SIZE, "one size for both");
_Static_assert(crypto_aead_chacha20poly1305_ietf_NPUBBYTES == NONCE_SIZE, "one size for both");
_Static_assert(crypto_aead_aes256gcm_NPUBBYTES == NONCE_SIZE, "one size for both");

bool seal_has_aes(void)
{
	return crypto_aead_aes256gcm_is_available();
}

/* Four zero bytes, then the number: little endian in ChaChaPoly, big in AESGCM (Noise, 12.3, 12.4). */
static void nonce_make(enum seal_suite suite, uint64_t n, uint8_t nonce_out[NONCE_SIZE])
{
	uint64_t wire = suite == SEAL_AESGCM ? htobe64(n) : htole64(n);
	memset(nonce_out, 0, NONCE_SIZE - sizeof(wire));
	memcpy(nonce_out + NONCE_SIZE - sizeof(wire), &wire, sizeof(wire));
}

void seal_once(enum seal_suite suite, const uint8_t key[SEAL_KEY_SIZE], uint64_t number,
	const void *ad, size_t n_ad, const void *p, size_t n, uint8_t *out)
{
	uint8_t nonce[NONCE_SIZE];
	nonce_make(suite, number, nonce);
	int r = (suite == SEAL_AESGCM ? crypto_aead_aes256gcm_encrypt
				      : crypto_aead_chacha20poly1305_ietf_encrypt)(out, NULL, p, n,
		ad, n_ad, NULL, nonce, key);
	if (r != 0)
		abort(); /* AES without the instructions for it: whoever chose that is wrong */
}

int seal_open_once(enum seal_suite suite, const uint8_t key[SEAL_KEY_SIZE], uint64_t number,
	const void *ad, size_t n_ad, const uint8_t *p, size_t n, uint8_t *out)
{
	uint8_t nonce[NONCE_SIZE];
	nonce_make(suite, number, nonce);
	int r = (suite == SEAL_AESGCM ? crypto_aead_aes256gcm_decrypt
				      : crypto_aead_chacha20poly1305_ietf_decrypt)(out, NULL, NULL,
		p, n, ad, n_ad, nonce, key);
	return r == 0 ? 0 : SEAL_E_AUTH;
}

int seal_init(struct seal *seal, enum seal_suite suite, const uint8_t key[SEAL_KEY_SIZE])
{
	*seal = (struct seal){.suite = suite};
	if (suite == SEAL_AESGCM && !seal_has_aes())
		return -ENOTSUP;
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, names[suite], NULL);
	if (!cipher)
		return -ENOTSUP;
	seal->cipher = EVP_CIPHER_CTX_new();
	int ok = seal->cipher && EVP_EncryptInit_ex(seal->cipher, cipher, NULL, key, NULL);
	EVP_CIPHER_free(cipher); /* the context holds its own reference */
	if (!ok) {
		seal_deinit(seal);
		return -ENOMEM;
	}
	memcpy(seal->key, key, SEAL_KEY_SIZE);
	return 0;
}

void seal_deinit(struct seal *seal)
{
	if (!seal)
		return;
	EVP_CIPHER_CTX_free(seal->cipher); /* clears its key */
	sodium_memzero(seal, sizeof(*seal));
}

/* Noise, section 11.3: the new key is the first 32 bytes of ENCRYPT(k, 2^64-1, "", 32 zeros). */
static int rekey(struct seal *seal)
{
	static const uint8_t zeros[SEAL_KEY_SIZE];
	uint8_t sealed[SEAL_KEY_SIZE + SEAL_TAG_SIZE];
	/* Not by the context: one that opens messages cannot encrypt without being set up anew. */
	seal_once(seal->suite, seal->key, NONCE_REKEY, NULL, 0, zeros, sizeof(zeros), sealed);
	memcpy(seal->key, sealed, SEAL_KEY_SIZE);
	sodium_memzero(sealed, sizeof(sealed));
	return EVP_CipherInit_ex(seal->cipher, NULL, NULL, seal->key, NULL, -1) ? 0 : -EIO;
}

/* A message was sealed or opened. */
static int advance(struct seal *seal)
{
	seal->n++;
	return seal->n % SEAL_REKEY_EVERY == 0 ? rekey(seal) : 0;
}

int seal_encrypt(struct seal *seal, uint8_t *p, size_t n)
{
	uint8_t nonce[NONCE_SIZE];
	int len;
	if (n > SEAL_PLAIN_MAX)
		return -EMSGSIZE;
	if (seal->n == NONCE_REKEY)
		return -EIO;
	nonce_make(seal->suite, seal->n, nonce);
	EVP_CIPHER_CTX *c = seal->cipher;
	if (!EVP_EncryptInit_ex(c, NULL, NULL, NULL, nonce) ||
		!EVP_EncryptUpdate(c, p, &len, p, (int)n) || !EVP_EncryptFinal_ex(c, p + n, &len) ||
		!EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_SIZE, p + n))
		return -EIO;
	return advance(seal);
}

int seal_decrypt(struct seal *seal, uint8_t *p, size_t n)
{
	uint8_t nonce[NONCE_SIZE];
	int len;
	if (n < SEAL_TAG_SIZE || n > SEAL_PLAIN_MAX + SEAL_TAG_SIZE)
		goto forged;
	if (seal->n == NONCE_REKEY)
		return -EIO;
	n -= SEAL_TAG_SIZE;
	nonce_make(seal->suite, seal->n, nonce);
	EVP_CIPHER_CTX *c = seal->cipher;
	if (!EVP_DecryptInit_ex(c, NULL, NULL, NULL, nonce) ||
		!EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_SIZE, p + n) ||
		!EVP_DecryptUpdate(c, p, &len, p, (int)n))
		return -EIO;
	if (!EVP_DecryptFinal_ex(c, p + n, &len)) {
		n += SEAL_TAG_SIZE;
		goto forged;
	}
	return advance(seal);
forged:
	/* What was deciphered is whatever a stranger wanted it to be; nobody may use it by mistake.
	 */
	memset(p, 0, n);
	return SEAL_E_AUTH;
}
