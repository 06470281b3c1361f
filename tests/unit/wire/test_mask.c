/* SPDX-License-Identifier: MIT */
/* Masking in vectors gives what RFC 6455, 5.3 says byte by byte, at any alignment and length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/macros.h"
#include "wire/mask.h"

static const uint8_t key_bytes[4] = {0x37, 0xfa, 0x21, 0x3d};

static void equals_the_byte_loop(void **state)
{
	uint32_t key;
	memcpy(&key, key_bytes, 4);
	for (size_t n = 0; n < 200; n++) {
		for (size_t align = 0; align < 16; align++) {
			/* Exactly as large as needed, so that a sanitizer sees a byte too far. */
			uint8_t *p = malloc(align + n + 1), *q = p + align;
			for (size_t i = 0; i < n; i++)
				q[i] = (uint8_t)(i * 7);
			p = realloc(p, align + n ? align + n : 1);
			q = p + align;
			ws_mask(q, n, key);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(q[i], (uint8_t)(i * 7) ^ key_bytes[i % 4]);
			free(p);
		}
	}
}

static void twice_is_nothing(void **state)
{
	uint8_t p[1000], q[1000];
	for (size_t i = 0; i < sizeof p; i++)
		p[i] = q[i] = (uint8_t)(i * 31);
	ws_mask(p, sizeof p, 0xdeadbeef);
	assert_memory_not_equal(p, q, sizeof p);
	ws_mask(p, sizeof p, 0xdeadbeef);
	assert_memory_equal(p, q, sizeof p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_the_byte_loop),
		cmocka_unit_test(twice_is_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
