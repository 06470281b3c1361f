/*
 * The name in a ClientHello: real ones of OpenSSL and curl, cut and split in every way, and what a
 * strict reader refuses.
 */
#include "wire/client_hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/crypto/hex.h"
#include "base/macros.h"
#include "wire/bytes.h"

/* Captured on loopback: openssl 3.0 s_client, curl 7.88. */
#define OPENSSL_13                                                                                 \
	"16030100de010000da030382312a39cbe190454d6c576ffe3a4f091dfb519337e5b0dc10760463bf0d7ccf20" \
	"58cde3d94592f93bf2d0f1c46363448e1bd47dfe57bd99e7e9d87e1edb4e4cb80004130100ff0100008d0000" \
	"0014001200000f5757572e4578616d706c652e636f6d000b000403000102000a00040002001d002300000016" \
	"000000170000000d001e001c040305030603080708080809080a080b080408050806040105010601002b0003" \
	"020304002d00020101003300260024001d0020f7f596bde9b9c8bdc4e7c7df53018c98dfdf7d52fc348621c1" \
	"605b290bf2b040"
#define OPENSSL_12                                                                                 \
	"1603010095010000910303a9b19deb3336cc23e7cbf881764ae57f8e4d41166d17a7d774d6fdd72033a22800" \
	"0004c02f00ff010000640000000e000c000009612e6578616d706c65000b000403000102000a000c000a001d" \
	"0017001e00190018002300000016000000170000000d002a0028040305030603080708080809080a080b0804" \
	"08050806040105010601030303010302040205020602"
#define OPENSSL_NO_NAME                                                                            \
	"16030100d8010000d40303f979cb7c405a34b1b4d2a249f4fca88495fb9eb41c28179fbaa98be9beab186620" \
	"dcd8573c45418c6c5051b9f5b865b3057323357a022f6041dbb6464d4c2e05300004130100ff01000087000b" \
	"000403000102000a00040002001d002300000010000e000c02683208687474702f312e310016000000170000" \
	"000d001e001c040305030603080708080809080a080b080408050806040105010601002b0003020304002d00" \
	"020101003300260024001d0020138679af25531e980fcd4ed0d072976088aab06ac30dfdad2bbf240fdbf71e" \
	"7a"
#define CURL                                                                                       \
	"1603010200010001fc0303bc79d8a18eb3f5d5942ceeab58e48dc8931cb180c1e804acc100a9f444af855520" \
	"e40b5456a413f0865165fe731a793c83473caa13ff6fbfc63bbaf41eb6e3ed9a003e130213031301c02cc030" \
	"009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d" \
	"003c0035002f00ff0100017500000015001300001073686f702e6578616d706c652e6f7267000b0004030001" \
	"02000a00160014001d0017001e00190018010001010102010301040010000e000c02683208687474702f312e" \
	"31001600000017000000310000000d002a0028040305030603080708080809080a080b080408050806040105" \
	"010601030303010302040205020602002b0009080304030303020301002d00020101003300260024001d0020" \
	"6065ac9a5848516c91fc13a002bc6dbcbf134ee984b0673e913739937961db5c001500ad0000000000000000" \
	"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
	"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
	"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
	"000000000000000000000000000000000000000000000000000000000000000000"

static const struct {
	const char *hex, *sni;
	bool alpn;
} real[] = {
	{OPENSSL_13, "www.example.com", false}, /* was asked for as WWW.Example.com */
	{OPENSSL_12, "a.example", false},
	{OPENSSL_NO_NAME, "", true},
	{CURL, "shop.example.org", true},
};

/* Reads from memory of exactly that size. */
static int read_exact(const uint8_t *p, size_t n, struct client_hello *out)
{
	uint8_t *copy = malloc(n ? n : 1);
	assert_non_null(copy);
	memcpy(copy, p, n);
	int r = client_hello_read(copy, n, out);
	free(copy);
	return r;
}

static void check_real(size_t i, const uint8_t *p, size_t n)
{
	struct client_hello c;
	for (size_t cut = 0; cut < n; cut++) {
		c.sni_size = 77;
		if (read_exact(p, cut, &c) != CLIENT_HELLO_MORE)
			fail_msg("row %zu, cut at %zu", i, cut);
		assert_int_equal(c.sni_size, 77); /* untouched */
	}
	assert_int_equal(read_exact(p, n, &c), 0);
	assert_string_equal(c.sni, real[i].sni);
	assert_int_equal(c.sni_size, strlen(real[i].sni));
	assert_int_equal(c.alpn, real[i].alpn);
}

/* The message of `whole`, one record, in records of at most `each` bytes. */
static size_t split(const uint8_t *whole, size_t n, size_t each, uint8_t *to)
{
	size_t size = 0;
	for (size_t at = 5; at < n; at += each) {
		size_t take = MIN(each, n - at);
		memcpy(to + size, "\x16\3\1", 3);
		bytes_set_be16(to + size + 3, (uint16_t)take);
		memcpy(to + size + 5, whole + at, take);
		size += 5 + take;
	}
	return size;
}

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

/* A message by hand: `body` behind the random bytes, in hexadecimal, in one record. */
static size_t message(const char *major, const char *body, uint8_t out[1024])
{
	uint8_t *p = out + 9;
	p += unhex(major, p, 2);
	memset(p, 0xaa, 32);
	p += 32;
	p += unhex(body, p, 900);
	size_t n = (size_t)(p - out);
	memcpy(out, "\x16\3\1", 3);
	bytes_set_be16(out + 3, (uint16_t)(n - 5));
	bytes_set_be32(out + 5, 1u << 24 | (uint32_t)(n - 9));
	return n;
}

#define START  \
	"00"   \
	"0002" \
	"1301" \
	"0100" /* Of a hello that is well-formed, but asks for what is no host name. */
static const char no_host[] = "none"; /* not "": clang makes one of both */

/* no session, one cipher, no compression */
#define NAME   \
	"0000" \
	"0006" \
	"0004" \
	"00"   \
	"0001" \
	"61"
#define ALPN   \
	"0010" \
	"0005" \
	"0003" \
	"02"   \
	"6832"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void messages(void **state)
{
	static const struct {
		const char *body, *sni; /* NULL: malformed */
		bool alpn;
	} rows[] = {
		{START, "", false},
		{START "0000", "", false},
		{"20" ZEROS "0002"
		 "1301"
		 "0100",
			"", false},
		{START "000a" NAME, "a", false},
		{START "0013" NAME ALPN, "a", true},
		{START "0013" ALPN NAME, "a", true},
		{START "0004"
		       "fe0d"
		       "0000",
			"", false},
		{START "0009"
		       "0010"
		       "0005"
		       "0003"
		       "02"
		       "6832",
			"", true},
		{START "000b"
		       "0010"
		       "0007"
		       "0005"
		       "01"
		       "61"
		       "02"
		       "6832",
			"", true},
		{START "000c"
		       "0000"
		       "0008"
		       "0006"
		       "00"
		       "0003"
		       "422e2e",
			no_host, false},
		{START "000c"
		       "0000"
		       "0008"
		       "0006"
		       "00"
		       "0003"
		       "42"
		       "5f"
		       "2e",
			"b_", false},

		{"", NULL, false},
		{"00", NULL, false},
		{"21" ZEROS "00"
		 "0002"
		 "1301"
		 "0100",
			NULL, false},
		{"00"
		 "0000"
		 "0100",
			NULL, false},
		{"00"
		 "0003"
		 "130113"
		 "0100",
			NULL, false},
		{"00"
		 "0002"
		 "1301"
		 "00",
			NULL, false},
		{"00"
		 "0002"
		 "1301"
		 "02"
		 "00",
			NULL, false},
		{"00"
		 "ffff"
		 "1301"
		 "0100",
			NULL, false},
		{START "00", NULL, false},
		{START "0001", NULL, false},
		{START "0000"
		       "00",
			NULL, false},
		{START "0009" NAME, NULL, false},
		{START "000b" NAME, NULL, false},
		{START "000b" NAME "00", NULL, false},
		{START "0003"
		       "fe0d00",
			NULL, false},
		{START "0004"
		       "fe0d"
		       "0001",
			NULL, false},
		/* Names: twice, two in a list, another type, empty, lengths that do not fit. */
		{START "0014" NAME NAME, NULL, false},
		{START "000e"
		       "0000"
		       "000a"
		       "0008"
		       "00"
		       "0001"
		       "61"
		       "00"
		       "0001"
		       "62",
			NULL, false},
		{START "000a"
		       "0000"
		       "0006"
		       "0004"
		       "01"
		       "0001"
		       "61",
			NULL, false},
		{START "0009"
		       "0000"
		       "0005"
		       "0003"
		       "00"
		       "0000",
			NULL, false},
		{START "0006"
		       "0000"
		       "0002"
		       "0000",
			NULL, false},
		{START "0004"
		       "0000"
		       "0000",
			NULL, false},
		{START "000a"
		       "0000"
		       "0006"
		       "0003"
		       "00"
		       "0001"
		       "61",
			NULL, false},
		{START "000a"
		       "0000"
		       "0006"
		       "0005"
		       "00"
		       "0001"
		       "61",
			NULL, false},
		{START "000a"
		       "0000"
		       "0006"
		       "0004"
		       "00"
		       "0002"
		       "61",
			NULL, false},
		{START "000a"
		       "0000"
		       "0006"
		       "0004"
		       "00"
		       "0000"
		       "61",
			NULL, false},
		{START "000b"
		       "0000"
		       "0007"
		       "0004"
		       "00"
		       "0001"
		       "61"
		       "00",
			NULL, false},
		/* Names that are none: NUL, space, "é", "*", ".", "[::]". */
		{START "000b"
		       "0000"
		       "0007"
		       "0005"
		       "00"
		       "0002"
		       "6100",
			no_host, false},
		{START "000b"
		       "0000"
		       "0007"
		       "0005"
		       "00"
		       "0002"
		       "6120",
			no_host, false},
		{START "000b"
		       "0000"
		       "0007"
		       "0005"
		       "00"
		       "0002"
		       "c3a9",
			no_host, false},
		{START "000a"
		       "0000"
		       "0006"
		       "0004"
		       "00"
		       "0001"
		       "2a",
			no_host, false},
		{START "000a"
		       "0000"
		       "0006"
		       "0004"
		       "00"
		       "0001"
		       "2e",
			no_host, false},
		{START "000d"
		       "0000"
		       "0009"
		       "0007"
		       "00"
		       "0004"
		       "5b3a3a5d",
			no_host, false},
		/* ALPN: twice, empty, an empty name, lengths that do not fit. */
		{START "0012" ALPN ALPN, NULL, false},
		{START "0006"
		       "0010"
		       "0002"
		       "0000",
			NULL, false},
		{START "0007"
		       "0010"
		       "0003"
		       "0001"
		       "00",
			NULL, false},
		{START "0009"
		       "0010"
		       "0005"
		       "0003"
		       "03"
		       "6832",
			NULL, false},
		{START "0009"
		       "0010"
		       "0005"
		       "0002"
		       "02"
		       "6832",
			NULL, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[1024];
		struct client_hello c;
		int r = read_exact(bytes, message("0303", rows[i].body, bytes), &c);
		int want = rows[i].sni == no_host ? CLIENT_HELLO_E_NAME
			   : rows[i].sni          ? 0
						  : CLIENT_HELLO_E_MALFORMED;
		if (r != want)
			fail_msg("row %zu: %d", i, r);
		if (r == 0) {
			assert_string_equal(c.sni, rows[i].sni);
			assert_int_equal(c.alpn, rows[i].alpn);
		}
	}
	uint8_t bytes[1024];
	struct client_hello c;
	assert_int_equal(read_exact(bytes, message("0301", START, bytes), &c), 0);
	assert_int_equal(read_exact(bytes, message("0203", START, bytes), &c),
		CLIENT_HELLO_E_MALFORMED);
	/* A byte behind the message, in its record: whether there yet or only announced. */
	size_t n = message("0303", START, bytes);
	bytes[4]++;
	bytes[n] = 0;
	assert_int_equal(read_exact(bytes, n, &c), CLIENT_HELLO_E_MALFORMED);
	assert_int_equal(read_exact(bytes, n + 1, &c), CLIENT_HELLO_E_MALFORMED);
}

/* The longest message that fits, with an extension as filler, and how it ends beyond. */
static void the_limit(void **state)
{
	static uint8_t bytes[CLIENT_HELLO_MAX + 1], records[6 * CLIENT_HELLO_MAX];
	struct client_hello c;
	size_t n = CLIENT_HELLO_MAX, start = message("0303", START "0000" NAME, bytes);
	bytes_set_be16(bytes + start - 12, (uint16_t)(n - start + 10)); /* all extensions */
	bytes_set_be16(bytes + start, 0xfe0d);
	bytes_set_be16(bytes + start + 2, (uint16_t)(n - start - 4));
	bytes_set_be16(bytes + 3, (uint16_t)(n - 5));
	bytes_set_be32(bytes + 5, 1u << 24 | (uint32_t)(n - 9));
	assert_int_equal(read_exact(bytes, n - 1, &c), CLIENT_HELLO_MORE);
	assert_int_equal(read_exact(bytes, n, &c), 0);
	assert_string_equal(c.sni, "a");
	assert_int_equal(read_exact(bytes, n + 1, &c), 0);
	/* In small records the same is too much, and said to be so from the limit on. */
	split(bytes, n, 1, records);
	assert_int_equal(read_exact(records, CLIENT_HELLO_MAX - 1, &c), CLIENT_HELLO_MORE);
	assert_int_equal(read_exact(records, CLIENT_HELLO_MAX, &c), CLIENT_HELLO_E_MALFORMED);
	assert_int_equal(read_exact(records, sizeof records, &c), CLIENT_HELLO_E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_ones),
		cmocka_unit_test(every_byte_changed),
		cmocka_unit_test(first_bytes),
		cmocka_unit_test(messages),
		cmocka_unit_test(the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
