/*
 * OpenSSL does the bulk because its ChaCha20-Poly1305 is about twice as fast as libsodium's on long
 * messages. The context keeps the fetched cipher and the key schedule; a message only sets its
 * nonce.
 */
#include "crypto/seal.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#define NONCE_SIZE 12

/* The nonce that no message has: Rekey() uses it (Noise, section 4.2). */
#define NONCE_REKEY UINT64_MAX

/* Four zero bytes, then the number in little endian (Noise, section 12.3). */
static void nonce_make(uint64_t n, uint8_t nonce_out[NONCE_SIZE])
{
	uint64_t le = htole64(n);
	memset(nonce_out, 0, NONCE_SIZE - sizeof(le));
	memcpy(nonce_out + NONCE_SIZE - sizeof(le), &le, sizeof(le));
}

int seal_init(struct seal *seal, const uint8_t key[SEAL_KEY_SIZE])
{
	*seal = (struct seal){0};
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
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
	uint8_t nonce[NONCE_SIZE];
	uint8_t sealed[SEAL_KEY_SIZE + SEAL_TAG_SIZE];
	nonce_make(NONCE_REKEY, nonce);
	/* By libsodium, since a context that opens messages cannot encrypt without being set up
	 * anew. */
	crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, zeros, sizeof(zeros), NULL, 0, NULL,
		nonce, seal->key);
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
	nonce_make(seal->n, nonce);
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
	nonce_make(seal->n, nonce);
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
