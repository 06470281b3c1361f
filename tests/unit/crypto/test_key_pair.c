/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "crypto/key_pair.h"
#include "hex.h"

/* RFC 7748, section 6.1: Bob's. */
#define BOB        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
#define BOB_PUBLIC "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"

static void the_public_key_is_computed(void **state)
{
	struct key_pair pair;
	char text[KEY_TEXT_LEN + 1], private[KEY_PRIVATE_LEN + 1];
	assert_true(key_pair_parse(STR(BOB), &pair));
	key_text(pair.public, text);
	assert_string_equal(text, "x25519/" BOB_PUBLIC);
	key_pair_text(&pair, private);
	assert_string_equal(private, BOB);
}

static void drawn_ones_differ_and_are_read_again(void **state)
{
	struct key_pair a, b, again;
	char private[KEY_PRIVATE_LEN + 1];
	key_pair_random(&a);
	key_pair_random(&b);
	assert_memory_not_equal(a.private, b.private, KEY_PAIR_SIZE);
	assert_memory_not_equal(a.public, b.public, KEY_PAIR_SIZE);
	key_pair_text(&a, private);
	assert_true(key_pair_parse(str_from(private), &again));
	assert_memory_equal(&again, &a, sizeof(a));
}

static void what_is_no_private_key_writes_nothing(void **state)
{
	static const char *const texts[] = {"", "5d", BOB "00", "x25519/" BOB,
		"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0e",
		"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eg"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct key_pair pair = {.private = {7}}, before = pair;
		assert_false(key_pair_parse(str_from(texts[i]), &pair));
		assert_memory_equal(&pair, &before, sizeof(pair));
	}
}

static void public_keys_are_read(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{"x25519/" BOB_PUBLIC, true},
		{"x25519/DE9EDB7D7B7DC1B4D35B61C2ECE435373F8343C85B78674DADFC7E146F882B4F", true},
		{BOB_PUBLIC, false},
		{"X25519/" BOB_PUBLIC, false},
		{"ed25519" BOB_PUBLIC, false},
		{"x25519/" BOB_PUBLIC "0", false},
		{"x25519/" BOB_PUBLIC ",", false},
		{"x25519/", false},
		{"", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t key[KEY_PAIR_SIZE] = {9}, before[KEY_PAIR_SIZE] = {9};
		char text[KEY_TEXT_LEN + 1];
		assert_int_equal(key_parse(str_from(cases[i].text), key), cases[i].ok);
		if (!cases[i].ok) {
			assert_memory_equal(key, before, sizeof(key));
			continue;
		}
		key_text(key, text);
		assert_string_equal(text, "x25519/" BOB_PUBLIC);
	}
}

/* Whose product with any private key is zero, with the highest bit or without. */
static void keys_that_nobody_has_are_none(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	for (size_t i = 0; i < 2 * ARRAY_LEN(points); i++) {
		uint8_t point[KEY_PAIR_SIZE], key[KEY_PAIR_SIZE];
		char text[KEY_TEXT_LEN + 1];
		unhex(points[i / 2], point, sizeof(point));
		point[KEY_PAIR_SIZE - 1] |= i % 2 ? 0x80 : 0;
		key_text(point, text);
		assert_false(key_parse(str_from(text), key));
		point[0] ^= 4; /* its neighbours are somebody's */
		key_text(point, text);
		assert_true(key_parse(str_from(text), key));
	}
}

static void deinit_wipes(void **state)
{
	static const struct key_pair zero;
	struct key_pair pair;
	key_pair_random(&pair);
	key_pair_deinit(&pair);
	assert_memory_equal(&pair, &zero, sizeof(pair));
}

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_public_key_is_computed),
		cmocka_unit_test(drawn_ones_differ_and_are_read_again),
		cmocka_unit_test(what_is_no_private_key_writes_nothing),
		cmocka_unit_test(public_keys_are_read),
		cmocka_unit_test(keys_that_nobody_has_are_none),
		cmocka_unit_test(deinit_wipes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
