/* SPDX-License-Identifier: MIT */
/* Tokens, their keys and the memory they live in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "crypto/token.h"
#include "hex.h"

#define PHRASE "correct horse battery staple"

/*
 * Made with the Argon2 reference program and Python, neither of which is what the code uses:
 *	printf %s "$TOKEN" | argon2 "$SALT" -id -t 2 -k 19456 -p 1 -l 32 -r
 *	hashlib.blake2b(b"tunnel.v1 psk", key=…, digest_size=32), for the id the first 8 bytes under
 *	b"tunnel.v1 key id"
 */
#define PHRASE_PSK "fb7a820941ac06053fcc72ee1421c24b93d048f81c24e59accc8239098cb0476"
#define PHRASE_ID  "5189498f58a0a498"
#define SALT_F_PSK "263c3258fd5144becc6426169d869878271f44e509a3b0eb114866f62ba36ad5"
#define SALT_F_ID  "c5b3ce151038df6c"

static void derive(const char *token, const char *salt, struct token_key *key)
{
	assert_int_equal(token_key_derive((const uint8_t *)token, strlen(token),
				 (const uint8_t *)salt, key),
		0);
}

static void known_answers(void **state)
{
	static const struct {
		const char *token, *salt, *psk, *id;
	} cases[] = {
		{PHRASE, "0123456789abcdef", PHRASE_PSK, PHRASE_ID},
		{PHRASE, "0123456789abcdeF", SALT_F_PSK, SALT_F_ID},
		/* As a file, an echo, or a Windows editor leaves it. */
		{PHRASE "\n", "0123456789abcdef", PHRASE_PSK, PHRASE_ID},
		{PHRASE "\r\n", "0123456789abcdef", PHRASE_PSK, PHRASE_ID},
		{PHRASE "\n\r\n\n", "0123456789abcdef", PHRASE_PSK, PHRASE_ID},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct token_key key;
		uint8_t psk[TOKEN_PSK_SIZE], id[TOKEN_ID_SIZE];
		derive(cases[i].token, cases[i].salt, &key);
		unhex(cases[i].psk, psk, sizeof(psk));
		unhex(cases[i].id, id, sizeof(id));
		assert_memory_equal(key.psk, psk, sizeof(psk));
		assert_memory_equal(key.id, id, sizeof(id));
	}
}

static void only_the_end_is_trimmed(void **state)
{
	static const char *const others[] = {"\n" PHRASE, "correct horse\nbattery staple",
		PHRASE " ", PHRASE "\n\t", "Correct horse battery staple"};
	uint8_t psk[TOKEN_PSK_SIZE], id[TOKEN_ID_SIZE];
	unhex(PHRASE_PSK, psk, sizeof(psk));
	unhex(PHRASE_ID, id, sizeof(id));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct token_key key;
		derive(others[i], "0123456789abcdef", &key);
		assert_memory_not_equal(key.psk, psk, sizeof(psk));
		assert_false(token_id_equal(key.id, id));
	}
}

static void an_empty_token_is_none(void **state)
{
	static const char *const empty[] = {"", "\n", "\r\n"};
	struct token_key key;
	memset(&key, 0x5a, sizeof(key));
	const struct token_key before = key;
	for (size_t i = 0; i < ARRAY_LEN(empty); i++)
		assert_int_equal(token_key_derive((const uint8_t *)empty[i], strlen(empty[i]),
					 (const uint8_t *)"0123456789abcdef", &key),
			-EINVAL);
	assert_memory_equal(&key, &before, sizeof(key));
}

static void open_mode(void **state)
{
	/* hashlib.blake2b(b"tunnel.v1 open", digest_size=32) */
	uint8_t psk[TOKEN_PSK_SIZE];
	unhex("d0d2e5293f2647afd7420456fb813c6cc84abc56eb0ca882476c232519a51239", psk, sizeof(psk));
	struct token_key key;
	memset(&key, 0x5a, sizeof(key));
	token_key_open_mode(&key);
	assert_memory_equal(key.psk, psk, sizeof(psk));
	assert_true(token_id_is_open(key.id));
	for (size_t i = 0; i < TOKEN_ID_SIZE; i++) {
		uint8_t id[TOKEN_ID_SIZE] = {0};
		id[i] = 1;
		assert_false(token_id_is_open(id));
		assert_false(token_id_equal(id, key.id));
	}
}

static void ids_compare_whole(void **state)
{
	const uint8_t id[TOKEN_ID_SIZE] = "abcdefgh";
	uint8_t other[TOKEN_ID_SIZE];
	memcpy(other, id, sizeof(other));
	assert_true(token_id_equal(id, other));
	for (size_t bit = 0; bit < sizeof(other) * 8; bit++) {
		other[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(token_id_equal(id, other));
		other[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void random_tokens(void **state)
{
	char a[TOKEN_RANDOM_LEN + 1], b[TOKEN_RANDOM_LEN + 1];
	memset(a, 'x', sizeof(a));
	token_random(a);
	token_random(b);
	assert_int_equal(strlen(a), TOKEN_RANDOM_LEN);
	assert_int_equal(strspn(a, "0123456789abcdef"), TOKEN_RANDOM_LEN);
	assert_string_not_equal(a, b);
	assert_true(TOKEN_RANDOM_LEN >= TOKEN_SHORT);
}

static void secrets_are_copies(void **state)
{
	/* Every alignment of the end, and more than a page. */
	static uint8_t bytes[5000];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	static const size_t sizes[] = {0, 1, 7, 8, 9, 40, 4096, 5000};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct secret *secret = secret_new(bytes, sizes[i]);
		assert_non_null(secret);
		assert_int_equal(secret->n, sizes[i]);
		assert_memory_equal(secret->bytes, bytes, sizes[i]);
		assert_null(secret_free(secret));
	}
	assert_null(secret_new(bytes, SIZE_MAX));
	assert_null(secret_free(NULL));
}

static void keys_start_empty(void **state)
{
	static const struct token_key zero;
	struct token_key *key = token_key_new();
	assert_non_null(key);
	assert_memory_equal(key, &zero, sizeof(zero));
	token_key_open_mode(key);
	assert_null(token_key_free(key));
	assert_null(token_key_free(NULL));
}

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(only_the_end_is_trimmed),
		cmocka_unit_test(an_empty_token_is_none),
		cmocka_unit_test(open_mode),
		cmocka_unit_test(ids_compare_whole),
		cmocka_unit_test(random_tokens),
		cmocka_unit_test(secrets_are_copies),
		cmocka_unit_test(keys_start_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
