/* SPDX-License-Identifier: MIT */
/* ClientHellos that are made byte by byte: what a strict reader refuses. */
#include "client_hellos.h"

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
		cmocka_unit_test(messages),
		cmocka_unit_test(the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
