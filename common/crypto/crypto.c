/*
 * Start-up of the two libraries. OpenSSL's configuration file is left in force on purpose: the same
 * library does TLS elsewhere in the process, and what an administrator wrote there must hold for
 * it.
 */
#include "crypto/crypto.h"

#include <errno.h>

#include <openssl/evp.h>
#include <sodium.h>

int crypto_start(void)
{
	if (sodium_init() < 0)
		return -EIO;
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	if (!cipher)
		return -ENOTSUP;
	EVP_CIPHER_free(cipher);
	return 0;
}
