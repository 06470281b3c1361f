/* SPDX-License-Identifier: MIT */
/* What the first bytes of a connection are, however they are cut, and who may say whose it is. */
#include "server/accept/sniff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"

#define BALANCER "10.0.0.1:999"
#define STRANGER "192.0.2.1:999"
#define HERE     "10.0.0.9:443"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V1        "PROXY TCP4 198.51.100.7 203.0.113.9 4567 443\r\n"
#define V1_V6     "PROXY TCP6 2001:db8::7 2001:db8::9 4567 443\r\n"
#define V2        SIGNATURE "\x21\x11\0\x0c\xc6\x33\x64\x07\xcb\0\x71\x09\x11\xd7\x01\xbb"
#define V2_LOCAL  SIGNATURE "\x20\0\0\0"

/* A ClientHello for a.test, in one record and with its message cut in two. */
#define RANDOM        "0123456789abcdef0123456789abcdef"
#define MESSAGE_BEGIN "\x01\0\0\x3a\x03\x03" RANDOM "\0\0\x02\x13"
#define MESSAGE_END                                \
	"\x01\x01\0\0\x0f\0\0\0\x0b\0\x09\0\0\x06" \
	"a.test"
#define HELLO     "\x16\x03\x01\0\x3e" MESSAGE_BEGIN MESSAGE_END
#define HELLO_CUT "\x16\x03\x01\0\x2a" MESSAGE_BEGIN "\x16\x03\x03\0\x14" MESSAGE_END

static const struct {
	const char *name, *peer;
	struct str in; /* the last byte is the one that decides */
	enum sniff_look look;
	enum sniff_verdict want;
	size_t header; /* bytes */
	const char *visitor, *local, *sni;
} rows[] = {
#define PLAIN_OF(name, peer, in, look)                                    \
	{                                                                 \
		name, peer, STR(in), look, SNIFF_PLAIN, 0, peer, HERE, "" \
	}
	PLAIN_OF("nobody looks", STRANGER, "", SNIFF_LOOK_NOT),
	PLAIN_OF("text", STRANGER, "G", SNIFF_LOOK_KIND),
	PLAIN_OF("text beside names", STRANGER, "G", SNIFF_LOOK_NAME),
	PLAIN_OF("a stranger's header is data", STRANGER, "P", SNIFF_LOOK_KIND),
	PLAIN_OF("a stranger's binary header is data", STRANGER, "\r", SNIFF_LOOK_NAME),
	{"TLS", STRANGER, STR(HELLO_CUT), SNIFF_LOOK_KIND, SNIFF_TLS, 0, STRANGER, HERE, "a.test"},
	{"TLS in name alone", STRANGER, STR("\x16\x03\x04"), SNIFF_LOOK_KIND, SNIFF_E_HELLO, 0,
		STRANGER, HERE, ""},
	{"TLS of a name", STRANGER, STR(HELLO), SNIFF_LOOK_NAME, SNIFF_TLS, 0, STRANGER, HERE,
		"a.test"},
	{"TLS of a name, cut", STRANGER, STR(HELLO_CUT), SNIFF_LOOK_NAME, SNIFF_TLS, 0, STRANGER,
		HERE, "a.test"},
	{"no TLS", STRANGER, STR("\x16G"), SNIFF_LOOK_NAME, SNIFF_E_HELLO, 0, STRANGER, HERE, ""},

	{"version 1", BALANCER, STR(V1), SNIFF_LOOK_NOT, SNIFF_PLAIN, sizeof(V1) - 1,
		"198.51.100.7:4567", "203.0.113.9:443", ""},
	{"version 1, IPv6", BALANCER, STR(V1_V6 "G"), SNIFF_LOOK_KIND, SNIFF_PLAIN,
		sizeof(V1_V6) - 1, "[2001:db8::7]:4567", "[2001:db8::9]:443", ""},
	{"version 2", BALANCER, STR(V2 HELLO_CUT), SNIFF_LOOK_KIND, SNIFF_TLS, sizeof(V2) - 1,
		"198.51.100.7:4567", "203.0.113.9:443", "a.test"},
	{"version 2, TLS of a name", BALANCER, STR(V2 HELLO_CUT), SNIFF_LOOK_NAME, SNIFF_TLS,
		sizeof(V2) - 1, "198.51.100.7:4567", "203.0.113.9:443", "a.test"},
	{"LOCAL", BALANCER, STR(V2_LOCAL "G"), SNIFF_LOOK_KIND, SNIFF_PLAIN, sizeof(V2_LOCAL) - 1,
		BALANCER, HERE, ""},
	{"UNKNOWN", BALANCER, STR("PROXY UNKNOWN\r\nG"), SNIFF_LOOK_KIND, SNIFF_PLAIN, 15, BALANCER,
		HERE, ""},
	{"a second header is data", BALANCER, STR(V1 "P"), SNIFF_LOOK_KIND, SNIFF_PLAIN,
		sizeof(V1) - 1, "198.51.100.7:4567", "203.0.113.9:443", ""},
	{"a balancer without header", BALANCER, STR("G"), SNIFF_LOOK_KIND, SNIFF_E_HEADER, 0,
		BALANCER, HERE, ""},
	{"TLS of a balancer without header", BALANCER, STR("\x16"), SNIFF_LOOK_NOT, SNIFF_E_HEADER,
		0, BALANCER, HERE, ""},
	{"almost a header", BALANCER, STR("PO"), SNIFF_LOOK_KIND, SNIFF_E_HEADER, 0, BALANCER, HERE,
		""},
	{"a header longer than is read", BALANCER, STR(SIGNATURE "\x21\x11\x04\0"), SNIFF_LOOK_KIND,
		SNIFF_E_HEADER, 0, BALANCER, HERE, ""},
};

static struct address address(const char *text)
{
	struct address a;
	assert_true(address_parse(str_from(text), &a));
	return a;
}

static void init(struct sniff *s, const char *peer, const char *balancers, enum sniff_look look)
{
	struct cidr_list list = CIDR_LIST_NULL;
	struct error err;
	struct address from = address(peer), here = address(HERE);
	assert_int_equal(cidr_list_add(&list, str_from(balancers), &err), 0);
	sniff_init(s, &from, &here, &list, look);
	cidr_list_deinit(&list);
}

static void assert_address(const char *name, const struct address *a, const char *want)
{
	char text[ADDRESS_TEXT_SIZE];
	address_format(a, text);
	if (strcmp(text, want) != 0)
		fail_msg("%s: %s instead of %s", name, text, want);
}

/* Gives `step` more bytes each time, as an owner would: what is used is taken away. */
static void run(size_t row, size_t step)
{
	struct sniff a;
	struct client_hello hello = {.sni = "untouched"};
	const uint8_t *p = (const uint8_t *)rows[row].in.p;
	size_t all = rows[row].in.n, begin = 0, end = 0, used;
	init(&a, rows[row].peer, "10.0.0.0/8", rows[row].look);
	assert_int_equal(sniff_header_due(&a), strcmp(rows[row].peer, BALANCER) == 0);
	enum sniff_verdict v;
	while ((v = sniff_take(&a, p + begin, end - begin, &used, &hello)) == SNIFF_MORE) {
		begin += used;
		if (end == all)
			fail_msg("%s: not decided", rows[row].name);
		end = MIN(all, end + step);
	}
	begin += used;
	if (v != rows[row].want)
		fail_msg("%s: %d with %zu bytes", rows[row].name, v, end);
	assert_int_equal(end, all);
	assert_int_equal(begin, rows[row].header);
	assert_int_equal(sniff_header_due(&a), v == SNIFF_E_HEADER);
	assert_int_equal(a.relayed, strcmp(rows[row].visitor, rows[row].peer) != 0);
	assert_address(rows[row].name, &a.peer, rows[row].visitor);
	assert_address(rows[row].name, &a.local, rows[row].local);
	assert_string_equal(hello.sni, v == SNIFF_TLS ? rows[row].sni : "untouched");
}

static void test_byte_by_byte(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run(i, 1);
}

static void test_at_once(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t step = 2; step < 200; step++)
			run(i, step);
}

/* Bytes far behind the header do not matter to it, nor to what is told to be used. */
static void test_data_behind(void **state)
{
	static const char in[] = V1 "SSH-2.0-x\r\nPROXY TCP4 6.6.6.6 6.6.6.6 1 1\r\n";
	struct sniff a;
	size_t used;
	init(&a, BALANCER, "10.0.0.1", SNIFF_LOOK_NOT);
	assert_int_equal(sniff_take(&a, (const uint8_t *)in, sizeof in - 1, &used, NULL),
		SNIFF_PLAIN);
	assert_int_equal(used, sizeof(V1) - 1);
	assert_address("data", &a.peer, "198.51.100.7:4567");
}

/* A listener without a list believes nobody, and a header is waited for before anybody speaks. */
static void test_due(void **state)
{
	struct sniff a;
	size_t used;
	init(&a, BALANCER, "", SNIFF_LOOK_NOT);
	assert_false(sniff_header_due(&a));
	assert_int_equal(sniff_take(&a, NULL, 0, &used, NULL), SNIFF_PLAIN);
	init(&a, BALANCER, "192.0.2.0/24, 10.0.0.1", SNIFF_LOOK_NOT);
	assert_true(sniff_header_due(&a));
	assert_int_equal(sniff_take(&a, NULL, 0, &used, NULL), SNIFF_MORE);
}

/* A hello without end is not held without end. */
static void test_endless_hello(void **state)
{
	static uint8_t in[SNIFF_MAX];
	static const uint8_t head[] = {0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff};
	memcpy(in, head, sizeof head);
	struct sniff a;
	struct client_hello hello;
	size_t used;
	init(&a, STRANGER, "", SNIFF_LOOK_NAME);
	assert_int_equal(sniff_take(&a, in, sizeof in, &used, &hello), SNIFF_E_HELLO);
}

/* A name that is none matters where names decide, and TLS answers it elsewhere. */
static void test_no_host(void **state)
{
	static const enum sniff_verdict want[] = {
		[SNIFF_LOOK_KIND] = SNIFF_TLS,
		[SNIFF_LOOK_NAME] = SNIFF_E_HELLO,
	};
	for (int look = SNIFF_LOOK_KIND; look <= SNIFF_LOOK_NAME; look++) {
		char in[] = HELLO_CUT;
		char *name = memmem(in, sizeof in, "a.test", 6);
		assert_non_null(name);
		name[1] = ' ';
		struct sniff a;
		struct client_hello hello = {.sni = "untouched"};
		size_t used;
		init(&a, STRANGER, "", (enum sniff_look)look);
		assert_int_equal(sniff_take(&a, (const uint8_t *)in, sizeof in - 1, &used, &hello),
			want[look]);
		assert_string_equal(hello.sni, "untouched");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_data_behind),
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_endless_hello),
		cmocka_unit_test(test_no_host),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
