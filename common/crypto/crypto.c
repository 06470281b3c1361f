/* SPDX-License-Identifier: MIT */
/*
 * Start-up of the two libraries. OpenSSL's configuration file is left in force on purpose: the same
 * library does TLS elsewhere in the process, and what an administrator wrote there must hold for
 * it.
 */
#include "crypto/crypto.h"

#include <errno.h>

#include <sodium.h>

#include "crypto/seal.h"

int crypto_start(void)
{
	if (sodium_init() < 0)
		return -EIO;
	static const uint8_t key[SEAL_KEY_SIZE];
	struct seal seal;
	for (enum seal_suite suite = SEAL_CHACHAPOLY; suite <= SEAL_AESGCM; suite++) {
		if (suite == SEAL_AESGCM && !seal_has_aes())
			continue;
		int r = seal_init(&seal, suite, key);
		if (r != 0)
			return r;
		seal_deinit(&seal);
	}
	return 0;
}
