/* SPDX-License-Identifier: MIT */
/*
 * PROXY headers: the specification's examples, what HAProxy writes, and every way of not being one.
 * What we write is read back to the same addresses.
 */
#include "wire/proxy_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/crypto/hex.h"
#include "base/macros.h"
#include "wire/bytes.h"

/* Reads from memory of exactly that size. */
static int read_exact(const void *p, size_t n, struct proxy_header *out)
{
	uint8_t *copy = malloc(n ? n : 1);
	assert_non_null(copy);
	memcpy(copy, p, n);
	int r = proxy_header_read(copy, n, out);
	free(copy);
	return r;
}

static void assert_address(const struct address *a, const char *expected)
{
	char text[ADDRESS_TEXT_SIZE];
	address_format(a, text);
	assert_string_equal(text, expected);
}

/* All of it is needed, what follows is not looked at, and these are the addresses; NULL: local. */
static void check(const uint8_t *p, size_t n, const char *source, const char *destination)
{
	struct proxy_header h;
	uint8_t more[PROXY_HEADER_READ_MAX + 1];
	for (size_t cut = 0; cut < n; cut++) {
		h.size = 7777;
		if (read_exact(p, cut, &h) != PROXY_HEADER_MORE)
			fail_msg("\"%.*s\" cut at %zu", (int)n, (const char *)p, cut);
		assert_int_equal(h.size, 7777);
	}
	memcpy(more, p, n);
	more[n] = 0xff;
	for (size_t k = n; k <= n + 1; k++) {
		if (read_exact(more, k, &h) != 0)
			fail_msg("\"%.*s\" is refused", (int)n, (const char *)p);
		assert_int_equal(h.size, n);
		assert_int_equal(h.local, source == NULL);
		assert_address(&h.source, source ? source : "-");
		assert_address(&h.destination, source ? destination : "-");
	}
}

#define V6_LONGEST "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

static void v1(void **state)
{
	static const struct {
		const char *line, *source, *destination;
	} rows[] = {
		{"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1:56324",
			"192.168.0.11:443"},
		{"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
			"255.255.255.255:65535", "255.255.255.255:65535"},
		{"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0", "0.0.0.0:0"},
		{"PROXY TCP6 ::1 2001:DB8::a 35366 59291\r\n", "[::1]:35366",
			"[2001:db8::a]:59291"},
		{"PROXY TCP6 " V6_LONGEST " " V6_LONGEST " 65535 65535\r\n",
			"[" V6_LONGEST "]:65535", "[" V6_LONGEST "]:65535"},
		{"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "192.0.2.1:1", "[::1]:2"},
		{"PROXY UNKNOWN\r\n", NULL, NULL},
		{"PROXY UNKNOWN \r\n", NULL, NULL},
		{"PROXY UNKNOWN " V6_LONGEST " " V6_LONGEST " 65535 65535\r\n", NULL, NULL},
		{"PROXY UNKNOWN TCP4 what ever\r\n", NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check((const uint8_t *)rows[i].line, strlen(rows[i].line), rows[i].source,
			rows[i].destination);
}

static void v1_refused(void **state)
{
	static const struct {
		int result;
		const char *line;
		size_t n;
	} rows[] = {
#define ROW(result, line) {PROXY_HEADER_##result, line, sizeof(line) - 1}
#define BAD(line)         ROW(E_MALFORMED, line)
		ROW(E_NOT, "GET / HTTP/1.1\r\n"),
		ROW(E_NOT, "PUT"),
		ROW(E_NOT, "proxy TCP4"),
		ROW(E_NOT, " PROXY"),
		ROW(E_NOT, "\0"),
		ROW(E_NOT, "\x16\x03\x01"),
		ROW(E_NOT, "\r\n\r\n\0\r\nQUIT\r"),
		BAD("PROXYX"),
		BAD("PROXY\r\n"),
		BAD("PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
		BAD("PROXY \r\n"),
		BAD("PROXY TCP4\r\n"),
		BAD("PROXY TCP4 \r\n"),
		BAD("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4  1 2\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1  2\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n"),
		BAD("PROXY TCP4 1.2.3.4\t1.2.3.4 1 2\r\n"),
		/* One end of the line, and one only. */
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx"),
		BAD("PROXY UNKNOWN\n"),
		BAD("PROXY UNKNOWN a\nb\r\n"),
		/* Protocols. */
		BAD("PROXY TCP 1.2.3.4 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"),
		BAD("PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n"),
		BAD("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"),
		BAD("PROXY UNKNOWNX\r\n"),
		BAD("PROXY UNKNOWN\tx\r\n"),
		/* Addresses. */
		BAD("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP6 ::1 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP6 fe80::1%1 ::1 1 2\r\n"),
		BAD("PROXY TCP4 ::1 ::1 1 2\r\n"),
		BAD("PROXY TCP4 ::ffff:1.2.3.4 ::ffff:1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4 1.2.3.-4 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4 0x1.2.3.4 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP4 localhost 1.2.3.4 1 2\r\n"),
		BAD("PROXY TCP6 [::1] ::1 1 2\r\n"),
		BAD("PROXY TCP6 ::1%lo ::1 1 2\r\n"),
		BAD("PROXY TCP6 1::2::3 ::1 1 2\r\n"),
		BAD("PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n"),
		BAD("PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n"),
		BAD("PROXY TCP6 00001::2 ::1 1 2\r\n"),
		/* Ports. */
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 4294967297\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 00 2\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 02\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 2x\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\0\r\n"),
		BAD("PROXY TCP4 1.2.3.4 1.2.3.4 a 2\r\n"),
#undef BAD
#undef ROW
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct proxy_header h = {0};
		int r = read_exact(rows[i].line, rows[i].n, &h);
		if (r != rows[i].result)
			fail_msg("%s: %d", rows[i].line, r);
		assert_int_equal(h.size, 0);
	}
}

/* Section 2.1: the CRLF is within the first 107 bytes. */
static void v1_length(void **state)
{
	char line[200];
	struct proxy_header h;
	memset(line, 'x', sizeof line);
	memcpy(line, "PROXY UNKNOWN ", 14);
	memcpy(line + 105, "\r\n", 2);
	check((const uint8_t *)line, 107, NULL, NULL);
	memcpy(line + 105, "x\r\n", 3);
	assert_int_equal(read_exact(line, 106, &h), PROXY_HEADER_MORE);
	assert_int_equal(read_exact(line, 107, &h), PROXY_HEADER_E_MALFORMED);
	assert_int_equal(read_exact(line, 108, &h), PROXY_HEADER_E_MALFORMED);
	assert_int_equal(read_exact(line, sizeof line, &h), PROXY_HEADER_E_MALFORMED);
}

#define SIGNATURE "0d0a0d0a000d0a515549540a"
#define LO4       "7f0000017f000001"
#define LO6       "00000000000000000000000000000001"
#define UNIX108   LO6 LO6 LO6 LO6 LO6 LO6 "000000000000000000000000"

static void v2(void **state)
{
	static const struct {
		const char *hex, *source, *destination;
	} rows[] = {
		/* What HAProxy 2.6 writes: send-proxy-v2, with crc32c, with ssl and ALPN. */
		{SIGNATURE "2111000c" LO4 "da58cfdd", "127.0.0.1:55896", "127.0.0.1:53213"},
		{SIGNATURE "21210024" LO6 LO6 "84da866d", "[::1]:34010", "[::1]:34413"},
		{SIGNATURE "21110013" LO4 "c330ca63030004e58b3626", "127.0.0.1:49968",
			"127.0.0.1:51811"},
		{SIGNATURE "2121002b" LO6 LO6 "945eadf503000444c31db1", "[::1]:37982",
			"[::1]:44533"},
		{SIGNATURE "21110030" LO4
			   "9de2b5df03000498a6ce69010008687474702f312e3120000f0100000000210007544c"
			   "5376312e33",
			"127.0.0.1:40418", "127.0.0.1:46559"},
		{SIGNATURE "21210048" LO6 LO6
			   "a068be2f0300041097c0b6010008687474702f312e3120000f0100000000210007544c"
			   "5376312e33",
			"[::1]:41064", "[::1]:48687"},
		/* IPv4 in IPv6's clothes is IPv4. */
		{SIGNATURE "21210024"
			   "00000000000000000000ffffc0000201" LO6 "00010002",
			"192.0.2.1:1", "[::1]:2"},
		/* Other TLVs, an empty one among them. */
		{SIGNATURE "21110012" LO4 "00010002"
			   "040000"
			   "ee0000",
			"127.0.0.1:1", "127.0.0.1:2"},
		/* The socket's own address goes on. LOCAL: the family and all the rest is ignored. */
		{SIGNATURE "20000000", NULL, NULL},
		{SIGNATURE "2000000301ffff", NULL, NULL},
		{SIGNATURE "2011000c" LO4 "00010002", NULL, NULL},
		{SIGNATURE "20ff0000", NULL, NULL},
		{SIGNATURE "21000000", NULL, NULL},
		{SIGNATURE "21000004ffffffff", NULL, NULL},
		{SIGNATURE "21010000", NULL, NULL},
		{SIGNATURE "21100000", NULL, NULL},
		{SIGNATURE "2112000c" LO4 "00010002", NULL, NULL},
		{SIGNATURE "21220024" LO6 LO6 "00010002", NULL, NULL},
		{SIGNATURE "213100d8" UNIX108 UNIX108, NULL, NULL},
		{SIGNATURE "213200d8" UNIX108 UNIX108, NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[PROXY_HEADER_READ_MAX];
		check(bytes, unhex(rows[i].hex, bytes, sizeof bytes), rows[i].source,
			rows[i].destination);
	}
}

static void v2_refused(void **state)
{
	static const struct {
		int result;
		const char *hex;
	} rows[] = {
#define NOT(hex) {PROXY_HEADER_E_NOT, hex}
#define BAD(hex)                              \
	{                                     \
		PROXY_HEADER_E_MALFORMED, hex \
	}
		NOT("0d0a0d0b"),
		NOT("0d0a0d0a000d0a515549540b"),
		NOT("0a"),
		/* Version and command, as soon as they are there. */
		BAD(SIGNATURE "11"),
		BAD(SIGNATURE "31"),
		BAD(SIGNATURE "01"),
		BAD(SIGNATURE "22"),
		BAD(SIGNATURE "2f"),
		/* Family and transport, and the length, before what they speak of. */
		BAD(SIGNATURE "2141000c"),
		BAD(SIGNATURE "21f1000c"),
		BAD(SIGNATURE "2113000c"),
		BAD(SIGNATURE "211f000c"),
		BAD(SIGNATURE "211103f1"),
		BAD(SIGNATURE "2111ffff"),
		BAD(SIGNATURE "200003f1"),
		/* Too short for the addresses. */
		BAD(SIGNATURE "21110000"),
		BAD(SIGNATURE "2111000b" LO4 "000100"),
		BAD(SIGNATURE "21210023" LO6 LO6 "000100"),
		BAD(SIGNATURE "2121000c" LO4 "00010002"),
		/* TLVs that do not add up. */
		BAD(SIGNATURE "2111000d" LO4 "0001000204"),
		BAD(SIGNATURE "2111000e" LO4 "000100020400"),
		BAD(SIGNATURE "2111000f" LO4 "00010002040001"),
		BAD(SIGNATURE "21110010" LO4 "0001000204000200"),
		/* The checksum: wrong, of a changed header, of another size, twice. */
		BAD(SIGNATURE "21110013" LO4 "c330ca6303000400000000"),
		BAD(SIGNATURE "21110013" LO4 "c330ca63030004e58b3627"),
		BAD(SIGNATURE "21110013" LO4 "c331ca63030004e58b3626"),
		BAD(SIGNATURE "21110012" LO4 "c330ca63030003e58b36"),
		BAD(SIGNATURE "2111000f" LO4 "c330ca63030000"),
		BAD(SIGNATURE "2111001a" LO4 "c330ca63030004e58b3626030004e58b3626"),
#undef NOT
#undef BAD
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[PROXY_HEADER_READ_MAX];
		struct proxy_header h = {0};
		int r = read_exact(bytes, unhex(rows[i].hex, bytes, sizeof bytes), &h);
		if (r != rows[i].result)
			fail_msg("row %zu: %d", i, r);
		assert_int_equal(h.size, 0);
	}
}

/* The largest header that is read: rule 39. */
static void v2_length(void **state)
{
	uint8_t bytes[PROXY_HEADER_READ_MAX] = {0};
	size_t head = unhex(SIGNATURE "211103f0" LO4 "00010002"
				      "0403e1",
		bytes, sizeof bytes);
	assert_int_equal(head + 0x3e1, sizeof bytes);
	check(bytes, sizeof bytes, "127.0.0.1:1", "127.0.0.1:2");
}

static struct address parsed(const char *text)
{
	struct address a = {.family = ADDRESS_NONE};
	if (text[0] != '-')
		assert_true(address_parse(str_from(text), &a));
	return a;
}

#define WIDE4 "255.255.255.255:65535"
#define WIDE6 "[" V6_LONGEST "]:65535"

/* 255 characters: as long as a name can be. */
#define A51       "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxy"
#define LONG_ALPN A51 A51 A51 A51 A51

static void written(void **state)
{
	static const struct {
		const char *visitor, *local;
		enum frame_tls tls;
		const char *alpn;
		const char *v1, *v2;
	} rows[] = {
		{"192.168.0.1:56324", "192.168.0.11:443", FRAME_TLS_NONE, "",
			"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
			"2111000c"
			"c0a80001c0a8000b"
			"dc0401bb"},
		{"[::1]:35366", "[2001:db8::a]:0", FRAME_TLS_NONE, "",
			"PROXY TCP6 ::1 2001:db8::a 35366 0\r\n",
			"21210024" LO6 "20010db800000000000000000000000a"
			"8a260000"},
		{"192.0.2.1:1", "[::1]:2", FRAME_TLS_1_2, "",
			"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n",
			"21210036"
			"00000000000000000000ffffc0000201" LO6 "00010002"
			"20000f"
			"01"
			"00000001"
			"210007"
			"544c5376312e32"},
		{"[::1]:2", "192.0.2.1:1", FRAME_TLS_NONE, "",
			"PROXY TCP6 ::1 ::ffff:192.0.2.1 2 1\r\n",
			"21210024" LO6 "00000000000000000000ffffc0000201"
			"00020001"},
		{"127.0.0.1:1", "127.0.0.1:2", FRAME_TLS_1_3, "http/1.1",
			"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n",
			"21110029" LO4 "00010002"
			"010008"
			"687474702f312e31"
			"20000f"
			"01"
			"00000001"
			"210007"
			"544c5376312e33"},
		{"-", "127.0.0.1:2", FRAME_TLS_1_3, "http/1.1", "PROXY UNKNOWN\r\n", "20000000"},
		{"127.0.0.1:2", "-", FRAME_TLS_NONE, "", "PROXY UNKNOWN\r\n", "20000000"},
		{WIDE4, WIDE4, (enum frame_tls)9, "",
			"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
			"2111000c"
			"ffffffffffffffffffffffff"},
		{WIDE6, WIDE6, FRAME_TLS_1_3, LONG_ALPN,
			"PROXY TCP6 " V6_LONGEST " " V6_LONGEST " 65535 65535\r\n", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t at[PROXY_HEADER_MAX + 1], expected[PROXY_HEADER_MAX];
		struct address visitor = parsed(rows[i].visitor), local = parsed(rows[i].local);
		bool unknown = rows[i].visitor[0] == '-' || rows[i].local[0] == '-';
		const char *source = unknown ? NULL : rows[i].visitor;

		memset(at, 0xee, sizeof at);
		size_t n = proxy_header_write_v1(at, &visitor, &local);
		assert_int_equal(n, strlen(rows[i].v1));
		assert_memory_equal(at, rows[i].v1, n);
		assert_int_equal(at[n], 0xee);
		check(at, n, source, rows[i].local);

		memset(at, 0xee, sizeof at);
		n = proxy_header_write_v2(at, &(struct proxy_header_facts){.visitor = &visitor,
						      .local = &local,
						      .tls = rows[i].tls,
						      .alpn = str_from(rows[i].alpn)});
		assert_int_equal(at[n], 0xee);
		check(at, n, source, rows[i].local);
		if (!rows[i].v2)
			continue;
		size_t head = unhex(SIGNATURE, expected, sizeof expected);
		head += unhex(rows[i].v2, expected + head, sizeof expected - head);
		assert_int_equal(n, head);
		assert_memory_equal(at, expected, n);
	}
}

/* Byte for byte what Azure's private link service writes, and the name behind it. */
static void written_of_a_consumer(void **state)
{
	static const struct {
		const char *visitor, *local;
		const char *bytes;
	} rows[] = {
		{"192.168.0.1:56324", "192.168.0.11:443",
			"2111001a"
			"c0a80001c0a8000bdc0401bb"
			"ee000501"
			"04030201"
			"e10003"
			"776562"},
		{"192.168.0.1:56324", "-",
			"2111001a"
			"c0a8000100000000dc040000"
			"ee000501"
			"04030201"
			"e10003"
			"776562"},
		{"-", "[::1]:443",
			"21210032"
			"00000000000000000000000000000000" LO6 "000001bb"
			"ee000501"
			"04030201"
			"e10003"
			"776562"},
		{"-", "-",
			"2100000e"
			"ee000501"
			"04030201"
			"e10003"
			"776562"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t at[PROXY_HEADER_MAX], expected[PROXY_HEADER_MAX];
		struct address visitor = parsed(rows[i].visitor), local = parsed(rows[i].local);
		size_t n =
			proxy_header_write_v2(at, &(struct proxy_header_facts){.visitor = &visitor,
							  .local = &local,
							  .link = 0x01020304,
							  .consumer = "web"});
		size_t head = unhex(SIGNATURE, expected, sizeof expected);
		head += unhex(rows[i].bytes, expected + head, sizeof expected - head);
		assert_int_equal(n, head);
		assert_memory_equal(at, expected, n);
	}
}

/* With all that it may tell of: the assertion in there counts. */
static void the_longest(void **state)
{
	uint8_t at[PROXY_HEADER_MAX + 1];
	struct address wide = parsed(WIDE6);
	char name[FRAME_CONSUMER_MAX + 1] = "";
	memset(name, 'z', FRAME_CONSUMER_MAX);
	memset(at, 0xdd, sizeof at);
	size_t n = proxy_header_write_v2(at, &(struct proxy_header_facts){.visitor = &wide,
						     .local = &wide,
						     .tls = FRAME_TLS_1_3,
						     .alpn = str_from(LONG_ALPN),
						     .link = UINT32_MAX,
						     .consumer = name});
	assert_int_equal(n, PROXY_HEADER_MAX);
	assert_int_equal(at[n], 0xdd);
	check(at, n, WIDE6, WIDE6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v1),
		cmocka_unit_test(v1_refused),
		cmocka_unit_test(v1_length),
		cmocka_unit_test(v2),
		cmocka_unit_test(v2_refused),
		cmocka_unit_test(v2_length),
		cmocka_unit_test(written),
		cmocka_unit_test(written_of_a_consumer),
		cmocka_unit_test(the_longest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
