/* SPDX-License-Identifier: MIT */
/*
 * Two libraries, by length. OpenSSL's ciphers are up to twice as fast as libsodium's on long messages, but
 * what it does around a message takes longer than a short one's cipher. Either opens what the other
 * has sealed.
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

/*
 * The longest message, in bytes of plain text, that is libsodium's. Measured: with warm caches both take
 * equally long at 256 and at 1,300; with cold ones, as a wakeup finds them, OpenSSL takes three times as
 * long even at 2,048.
 */
static const struct {
	const char *name;
	size_t short_max;
} suites[] = {
	[SEAL_CHACHAPOLY] = {"ChaCha20-Poly1305", 256},
	[SEAL_AESGCM] = {"AES-256-GCM", 2048},
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

/* Both libraries make their schedule of the key. */
static int take_key(struct seal *seal)
{
	if (seal->aes)
		crypto_aead_aes256gcm_beforenm(seal->aes, seal->key);
	return EVP_CipherInit_ex(seal->cipher, NULL, NULL, seal->key, NULL, -1) ? 0 : -EIO;
}

int seal_init(struct seal *seal, enum seal_suite suite, const uint8_t key[SEAL_KEY_SIZE])
{
	bool aes = suite == SEAL_AESGCM;
	*seal = (struct seal){.suite = suite};
	if (aes && !seal_has_aes())
		return -ENOTSUP;
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, suites[suite].name, NULL);
	if (!cipher)
		return -ENOTSUP;
	memcpy(seal->key, key, SEAL_KEY_SIZE);
	seal->aes = aes ? malloc(sizeof(*seal->aes)) : NULL;
	seal->cipher = EVP_CIPHER_CTX_new();
	bool ok = (seal->aes || !aes) && seal->cipher &&
		  EVP_EncryptInit_ex(seal->cipher, cipher, NULL, NULL, NULL) && take_key(seal) == 0;
	EVP_CIPHER_free(cipher); /* the context holds its own reference */
	if (ok)
		return 0;
	seal_deinit(seal);
	return -ENOMEM;
}

void seal_deinit(struct seal *seal)
{
	if (!seal)
		return;
	EVP_CIPHER_CTX_free(seal->cipher); /* clears its key */
	if (seal->aes)
		sodium_memzero(seal->aes, sizeof(*seal->aes));
	free(seal->aes);
	sodium_memzero(seal, sizeof(*seal));
}

/* Noise, section 11.3: the new key is the first 32 bytes of ENCRYPT(k, 2^64-1, "", 32 zeros). */
static void next_key(const struct seal *seal, uint8_t key_out[SEAL_KEY_SIZE])
{
	static const uint8_t zeros[SEAL_KEY_SIZE];
	uint8_t sealed[SEAL_KEY_SIZE + SEAL_TAG_SIZE];
	/* Not by the context: one that opens messages cannot encrypt without being set up anew. */
	seal_once(seal->suite, seal->key, NONCE_REKEY, NULL, 0, zeros, sizeof(zeros), sealed);
	memcpy(key_out, sealed, SEAL_KEY_SIZE);
	sodium_memzero(sealed, sizeof(sealed));
}

static int rekey(struct seal *seal)
{
	next_key(seal, seal->key);
	return take_key(seal);
}

/* A message was sealed or opened. */
static int advance(struct seal *seal, uint64_t every)
{
	seal->n++;
	return seal->n % every == 0 ? rekey(seal) : 0;
}

static int encrypt_short(struct seal *seal, const uint8_t *nonce, uint8_t *p, size_t n)
{
	if (seal->aes)
		return crypto_aead_aes256gcm_encrypt_afternm(p, NULL, p, n, NULL, 0, NULL, nonce,
			seal->aes);
	return crypto_aead_chacha20poly1305_ietf_encrypt(p, NULL, p, n, NULL, 0, NULL, nonce,
		seal->key);
}

static int encrypt_long(struct seal *seal, const uint8_t *nonce, uint8_t *p, size_t n)
{
	EVP_CIPHER_CTX *c = seal->cipher;
	int len;
	bool ok = EVP_EncryptInit_ex(c, NULL, NULL, NULL, nonce) &&
		  EVP_EncryptUpdate(c, p, &len, p, (int)n) && EVP_EncryptFinal_ex(c, p + n, &len) &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_SIZE, p + n);
	return ok ? 0 : -EIO;
}

static int encrypt_next(struct seal *seal, uint8_t *p, size_t n, uint64_t rekey_every)
{
	uint8_t nonce[NONCE_SIZE];
	if (n > SEAL_PLAIN_MAX)
		return -EMSGSIZE;
	if (seal->n == NONCE_REKEY)
		return -EIO;
	nonce_make(seal->suite, seal->n, nonce);
	bool is_short = n <= suites[seal->suite].short_max;
	int r = (is_short ? encrypt_short : encrypt_long)(seal, nonce, p, n);
	return r == 0 ? advance(seal, rekey_every) : -EIO;
}

int seal_encrypt(struct seal *seal, uint8_t *p, size_t n)
{
	return encrypt_next(seal, p, n, SEAL_REKEY_EVERY);
}

int seal_encrypt_datagram(struct seal *seal, uint8_t *p, size_t n, uint64_t *number_out)
{
	uint64_t number = seal->n;
	int r = encrypt_next(seal, p, n, SEAL_DATAGRAMS_PER_KEY);
	if (r == 0)
		*number_out = number;
	return r;
}

/* `n` without the tag, here and in the next. 0 or SEAL_E_AUTH. */
static int decrypt_short(struct seal *seal, const uint8_t *nonce, uint8_t *p, size_t n)
{
	int r = seal->aes ? crypto_aead_aes256gcm_decrypt_afternm(p, NULL, NULL, p,
				    n + SEAL_TAG_SIZE, NULL, 0, nonce, seal->aes)
			  : crypto_aead_chacha20poly1305_ietf_decrypt(p, NULL, NULL, p,
				    n + SEAL_TAG_SIZE, NULL, 0, nonce, seal->key);
	return r == 0 ? 0 : SEAL_E_AUTH;
}

/* And -EIO. */
static int decrypt_long(struct seal *seal, const uint8_t *nonce, uint8_t *p, size_t n)
{
	EVP_CIPHER_CTX *c = seal->cipher;
	int len;
	if (!EVP_DecryptInit_ex(c, NULL, NULL, NULL, nonce) ||
		!EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_SIZE, p + n) ||
		!EVP_DecryptUpdate(c, p, &len, p, (int)n))
		return -EIO;
	return EVP_DecryptFinal_ex(c, p + n, &len) ? 0 : SEAL_E_AUTH;
}

static bool has_message_size(size_t n)
{
	return n >= SEAL_TAG_SIZE && n <= SEAL_PLAIN_MAX + SEAL_TAG_SIZE;
}

/* With the key that the seal has. `n` with the tag. */
static int decrypt_at(struct seal *seal, uint64_t number, uint8_t *p, size_t n)
{
	uint8_t nonce[NONCE_SIZE];
	if (!has_message_size(n))
		return SEAL_E_AUTH;
	size_t plain = n - SEAL_TAG_SIZE;
	bool is_short = plain <= suites[seal->suite].short_max;
	nonce_make(seal->suite, number, nonce);
	return (is_short ? decrypt_short : decrypt_long)(seal, nonce, p, plain);
}

int seal_decrypt(struct seal *seal, uint8_t *p, size_t n)
{
	if (seal->n == NONCE_REKEY)
		return -EIO;
	int r = decrypt_at(seal, seal->n, p, n);
	if (r == 0)
		return advance(seal, SEAL_REKEY_EVERY);
	/* What was deciphered is whatever a stranger wanted it to be; nobody may use it by mistake. */
	memset(p, 0, n);
	return r;
}

/* The first one of the next key, which is taken if it opens. */
static int decrypt_ahead(struct seal *seal, uint64_t number, uint8_t *p, size_t n)
{
	uint8_t key[SEAL_KEY_SIZE];
	if (!has_message_size(n))
		return SEAL_E_AUTH;
	next_key(seal, key);
	int r = seal_open_once(seal->suite, key, number, NULL, 0, p, n, p);
	if (r == 0) {
		memcpy(seal->key, key, sizeof(key));
		seal->n = number;
		r = take_key(seal);
	}
	sodium_memzero(key, sizeof(key));
	return r;
}

int seal_decrypt_datagram(struct seal *seal, uint64_t number, uint8_t *p, size_t n)
{
	uint64_t is = number / SEAL_DATAGRAMS_PER_KEY, has = seal->n / SEAL_DATAGRAMS_PER_KEY;
	int r = SEAL_E_AUTH;
	if (number != NONCE_REKEY && is == has)
		r = decrypt_at(seal, number, p, n);
	else if (number != NONCE_REKEY && is == has + 1)
		r = decrypt_ahead(seal, number, p, n);
	if (r != 0)
		memset(p, 0, n);
	return r;
}
