/* SPDX-License-Identifier: MIT */
/* The cipher of the records; opening what was sealed just before, which is not counted. */
#include <string.h>

#include "case.h"
#include "crypto/seal.h"
#include "meter.h"

static struct {
	struct seal ours, theirs;
	uint8_t bytes[SEAL_PLAIN_MAX + SEAL_TAG_SIZE];
	size_t size; /* of the plain text */
} it;

static void prepare(size_t size, enum seal_suite suite)
{
	uint8_t key[SEAL_KEY_SIZE];
	memset(key, 0x77, sizeof(key));
	it.size = size;
	count_expect(seal_init(&it.ours, suite, key) == 0 && seal_init(&it.theirs, suite, key) == 0,
		"the cipher could not be set up");
}

static void chacha_record(void)
{
	prepare(SEAL_PLAIN_MAX, SEAL_CHACHAPOLY);
}

static void chacha_small(void)
{
	prepare(SMALL, SEAL_CHACHAPOLY);
}

static void aes_record(void)
{
	prepare(SEAL_PLAIN_MAX, SEAL_AESGCM);
}

static void aes_small(void)
{
	prepare(SMALL, SEAL_AESGCM);
}

static size_t encrypt(size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (seal_encrypt(&it.ours, it.bytes, it.size) != 0)
			return i;
	return n;
}

static size_t encrypt_mib(size_t n)
{
	return encrypt(n * RECORDS_PER_MIB) / RECORDS_PER_MIB;
}

static void peer_encrypts(void *arg)
{
	count_expect(seal_encrypt(&it.theirs, it.bytes, it.size) == 0, "the peer cannot seal");
}

static size_t decrypt(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		meter_pause(peer_encrypts, NULL);
		if (seal_decrypt(&it.ours, it.bytes, it.size + SEAL_TAG_SIZE) != 0)
			return i;
	}
	return n;
}

static size_t decrypt_mib(size_t n)
{
	return decrypt(n * RECORDS_PER_MIB) / RECORDS_PER_MIB;
}

const struct count_case seal_cases[] = {
	{"seal/encrypt-chacha", "MiB", 8, chacha_record, encrypt_mib},
	{"seal/encrypt-chacha-small", "message", 4096, chacha_small, encrypt},
	{"seal/decrypt-chacha", "MiB", 8, chacha_record, decrypt_mib},
	{"seal/decrypt-chacha-small", "message", 4096, chacha_small, decrypt},
	{"seal/encrypt-aes", "MiB", 8, aes_record, encrypt_mib},
	{"seal/encrypt-aes-small", "message", 4096, aes_small, encrypt},
	{"seal/decrypt-aes", "MiB", 8, aes_record, decrypt_mib},
	{"seal/decrypt-aes-small", "message", 4096, aes_small, decrypt},
	{0},
};
