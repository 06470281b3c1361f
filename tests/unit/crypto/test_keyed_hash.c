/* SPDX-License-Identifier: MIT */
/* SipHash-2-4, by its authors' vectors; and a secret of each table's own. */
#include "crypto/keyed_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

/* Key 00 01 .. 0f, input 00 01 .. of so many bytes (Aumasson and Bernstein, vectors_sip64). */
static void test_vectors(void **state)
{
	static const struct {
		size_t n;
		uint8_t out[8];
	} rows[] = {
		{0, {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}},
		{1, {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74}},
		{15, {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1}},
	};
	struct hash_key key;
	uint8_t in[16];
	for (uint8_t i = 0; i < 16; i++)
		key.bytes[i] = in[i] = i;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t hash = keyed_hash(&key, rows[i].n ? in : NULL, rows[i].n);
		assert_memory_equal(&hash, rows[i].out, sizeof(hash));
	}
}

static void test_keys_differ(void **state)
{
	struct hash_key a = {0}, b = {0};
	hash_key_init(&a);
	hash_key_init(&b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_true(keyed_hash(&a, "x", 1) != keyed_hash(&b, "x", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_keys_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
