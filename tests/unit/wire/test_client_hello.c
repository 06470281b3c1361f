/* SPDX-License-Identifier: MIT */
/*
 * The name in a ClientHello: real ones of OpenSSL and curl, cut and split in every way, and what a
 * strict reader refuses.
 */
#include "client_hellos.h"

static void real_ones(void **state)
{
	static const size_t each[] = {1, 2, 3, 4, 5, 7, 100};
	uint8_t whole[1024], records[8192];
	for (size_t i = 0; i < ARRAY_LEN(real); i++) {
		size_t n = unhex(real[i].hex, whole, sizeof whole);
		check_real(i, whole, n);
		for (size_t k = 0; k < ARRAY_LEN(each); k++)
			check_real(i, records, split(whole, n, each[k], records));
		/* What follows is not looked at. */
		struct client_hello c;
		whole[n] = 0xff;
		assert_int_equal(read_exact(whole, n + 1, &c), 0);
	}
}

/* No other value at any place makes it read bytes that are not there, or wait for ever. */
static void every_byte_changed(void **state)
{
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	uint8_t whole[1024];
	size_t n = unhex(CURL, whole, sizeof whole);
	for (size_t at = 0; at < n; at++)
		for (size_t v = 0; v < ARRAY_LEN(values); v++) {
			struct client_hello c;
			uint8_t kept = whole[at];
			whole[at] = values[v];
			int r = read_exact(whole, n, &c);
			/* Only the two lengths can ask for more. */
			if (r == CLIENT_HELLO_MORE)
				assert_true((at >= 3 && at <= 4) || (at >= 6 && at <= 8));
			whole[at] = kept;
		}
}

static void first_bytes(void **state)
{
	static const struct {
		int result;
		const char *hex;
	} rows[] = {
		{CLIENT_HELLO_MORE, ""}, {CLIENT_HELLO_MORE, "16"}, {CLIENT_HELLO_MORE, "160303"},
		{CLIENT_HELLO_MORE, "1603024000"}, {CLIENT_HELLO_MORE, "160301400001003ff7"},
		{CLIENT_HELLO_E_NOT_TLS, "47"},     /* GET */
		{CLIENT_HELLO_E_NOT_TLS, "15"},     /* an alert */
		{CLIENT_HELLO_E_NOT_TLS, "802e01"}, /* SSL 2 */
		{CLIENT_HELLO_E_NOT_TLS, "1602"}, {CLIENT_HELLO_E_NOT_TLS, "160300"},
		{CLIENT_HELLO_E_NOT_TLS, "160304"},
		{CLIENT_HELLO_E_MALFORMED, "1603010000"},         /* an empty record */
		{CLIENT_HELLO_E_MALFORMED, "1603014001"},         /* above 2^14 */
		{CLIENT_HELLO_E_MALFORMED, "160301000402000001"}, /* a ServerHello */
		{CLIENT_HELLO_E_MALFORMED, "160301400001003ff8"}, /* cannot be within the limit */
		{CLIENT_HELLO_E_MALFORMED, "1603014000"
					   "01ffffff"},
		{CLIENT_HELLO_E_MALFORMED, "160301000101"
					   "17"}, /* another record between */
		{CLIENT_HELLO_E_MALFORMED, "160301000101"
					   "160300"},
		{CLIENT_HELLO_E_MALFORMED, "160301000101"
					   "1603010000"},
		{CLIENT_HELLO_E_MALFORMED, "1603010004"
					   "01000000"}, /* empty */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[64];
		struct client_hello c;
		int r = read_exact(bytes, unhex(rows[i].hex, bytes, sizeof bytes), &c);
		if (r != rows[i].result)
			fail_msg("%s: %d", rows[i].hex, r);
	}
}

/* RFC 8737, 3: whoever offers something else as well is no CA that verifies a name. */
static void the_protocol_of_a_ca(void **state)
{
	static const struct {
		const char *list;
		bool acme;
	} rows[] = {
		{"\x0a"
		 "acme-tls/1",
			true},
		{"\x02h2", false},
		{"\x0a"
		 "acme-tls/2",
			false},
		{"\x02h2\x0a"
		 "acme-tls/1",
			false},
		{"\x0a"
		 "acme-tls/1\x02h2",
			false},
		{"\x0a"
		 "acme-tls/1\x0a"
		 "acme-tls/1",
			false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t list = (uint8_t)strlen(rows[i].list),
			hello[256] = {22, 3, 1, 0, (uint8_t)(53 + list), 1, 0, 0,
				(uint8_t)(49 + list), 3, 3};
		uint8_t *p = hello + 43;
		static const uint8_t rest[] = {0, 0, 2, 0x13, 0x01, 1, 0};
		memcpy(p, rest, sizeof rest);
		p += sizeof rest - 1;
		memcpy(p,
			(uint8_t[]){0, 0, (uint8_t)(list + 6), 0, 16, 0, (uint8_t)(list + 2), 0,
				list},
			9);
		memcpy(p + 9, rows[i].list, list);
		struct client_hello c;
		assert_int_equal(read_exact(hello, (size_t)(p + 9 + list - hello), &c), 0);
		assert_true(c.alpn);
		assert_true(c.acme == rows[i].acme);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_ones),
		cmocka_unit_test(every_byte_changed),
		cmocka_unit_test(first_bytes),
		cmocka_unit_test(the_protocol_of_a_ca),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
