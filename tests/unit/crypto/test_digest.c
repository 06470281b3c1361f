/* SPDX-License-Identifier: MIT */
/* Accept value, base64 and message authentication, against what the RFCs print. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "crypto/digest.h"
#include "hex.h"

static void accept_of_the_rfc(void **state)
{
	/* RFC 6455, section 1.3 */
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
	char accept[WS_ACCEPT_SIZE + 1] = "";
	assert_int_equal(ws_accept(key, sizeof(key) - 1, accept), 0);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void accept_wants_a_key_of_its_length(void **state)
{
	static const char text[64] = "dGhlIHNhbXBsZSBub25jZQ==";
	char accept[WS_ACCEPT_SIZE + 1] = "untouched";
	for (size_t n = 0; n < sizeof(text); n++)
		if (n != WS_KEY_SIZE)
			assert_int_equal(ws_accept(text, n, accept), -EINVAL);
	assert_string_equal(accept, "untouched");
}

static void base64_vectors(void **state)
{
	/* RFC 4648, section 10; RFC 7617, section 2 */
	static const struct {
		const char *plain, *encoded;
	} cases[] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{"\xfb\xff\xfe", "+//+"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = strlen(cases[i].plain);
		char out[64];
		assert_int_equal(BASE64_SIZE(n), strlen(cases[i].encoded) + 1);
		assert_int_equal(base64_encode(cases[i].plain, n, out, BASE64_SIZE(n) - 1),
			-ENOBUFS);
		assert_int_equal(base64_encode(cases[i].plain, n, out, BASE64_SIZE(n)), 0);
		assert_string_equal(out, cases[i].encoded);
	}
}

static void mac_known_answer(void **state)
{
	/* Made with Python: hashlib.blake2b(text, key=bytes(range(32)), digest_size=32) */
	static const char text[] = "handshake hash";
	uint8_t key[MAC_KEY_SIZE], expected[MAC_SIZE], mac[MAC_SIZE];
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	unhex("01ae6eab721fac72944102106e13143eebd119c25e394b358c5ef67a056f9624", expected,
		MAC_SIZE);
	mac_make(key, text, sizeof(text) - 1, mac);
	assert_memory_equal(mac, expected, MAC_SIZE);
	assert_true(mac_verify(key, text, sizeof(text) - 1, mac));
	assert_false(mac_verify(key, text, sizeof(text) - 2, mac));
}

static void mac_refuses_every_changed_bit(void **state)
{
	uint8_t key[MAC_KEY_SIZE] = {7}, mac[MAC_SIZE];
	uint8_t text[] = "session 1";
	mac_make(key, text, sizeof(text), mac);
	struct {
		uint8_t *p;
		size_t n;
	} parts[] = {{key, sizeof(key)}, {mac, sizeof(mac)}, {text, sizeof(text)}};
	for (size_t part = 0; part < ARRAY_LEN(parts); part++)
		for (size_t bit = 0; bit < parts[part].n * 8; bit++) {
			parts[part].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(mac_verify(key, text, sizeof(text), mac));
			parts[part].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	assert_true(mac_verify(key, text, sizeof(text), mac));
}

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_of_the_rfc),
		cmocka_unit_test(accept_wants_a_key_of_its_length),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(mac_known_answer),
		cmocka_unit_test(mac_refuses_every_changed_bit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
