/* SPDX-License-Identifier: MIT */
#pragma once
/* ClientHellos of OpenSSL and curl, in exactly allocated memory. */
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
static inline int read_exact(const uint8_t *p, size_t n, struct client_hello *out)
{
	uint8_t *copy = malloc(n ? n : 1);
	assert_non_null(copy);
	memcpy(copy, p, n);
	int r = client_hello_read(copy, n, out);
	free(copy);
	return r;
}

static inline void check_real(size_t i, const uint8_t *p, size_t n)
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
static inline size_t split(const uint8_t *whole, size_t n, size_t each, uint8_t *to)
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
