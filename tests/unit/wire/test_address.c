/* SPDX-License-Identifier: MIT */
/* Addresses to text and back, and lists of networks. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "wire/cidr.h"

static void test_parse(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} rows[] = {
		{"1.2.3.4:80", "1.2.3.4:80"},
		{"1.2.3.4:0", "1.2.3.4:0"},
		{"[2001:DB8::0:1]:65535", "[2001:db8::1]:65535"},
		{"[::]:1", "[::]:1"},
		{"[::ffff:1.2.3.4]:80", "1.2.3.4:80"},
		{"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535",
			"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
		{"1.2.3.4", NULL},
		{"1.2.3.4:", NULL},
		{":80", NULL},
		{"80", NULL},
		{"", NULL},
		{"1.2.3.4:65536", NULL},
		{"1.2.3.4:000080", NULL},
		{"1.2.3.4:-1", NULL},
		{"1.2.3:80", NULL},
		{"01.2.3.4:80", NULL},
		{"::1:80", NULL},
		{"[::1]", NULL},
		{"[1.2.3.4]:80", NULL},
		{"[fe80::1%1]:80", "[fe80::1]:80"},
		{"[fe80::1%]:80", NULL},
		{"[2001:db8::1%1]:80", NULL},
		{"1.2.3.4%1:80", NULL},
		{"localhost:80", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address a;
		char text[ADDRESS_TEXT_SIZE];
		bool ok = address_parse(str_from(rows[i].in), &a);
		if (ok != (rows[i].out != NULL))
			fail_msg("%s", rows[i].in);
		if (!ok)
			continue;
		assert_int_equal(address_format(&a, text), strlen(rows[i].out));
		assert_string_equal(text, rows[i].out);

		struct sockaddr_storage ss;
		assert_true(address_to_sockaddr(&a, &ss) > 0);
		struct address back = address_from_sockaddr((struct sockaddr *)&ss);
		assert_memory_equal(&a, &back, sizeof a);
	}
}

static void test_global(void **state)
{
	static const char *const global[] = {"8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1",
		"172.15.0.1", "172.32.0.1", "192.167.1.1", "193.0.0.1", "223.255.255.255",
		"2001:4860:4860::8888", "2a00:1450::1", "::ffff:8.8.8.8"};
	static const char *const others[] = {"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1",
		"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1",
		"192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.9",
		"224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
		"fd12::1", "ff02::1", "2001:db8::1", "2002:a00:1::1", "64:ff9b::a00:1",
		"::ffff:10.0.0.1"};
	struct address a;
	for (size_t i = 0; i < ARRAY_LEN(global); i++) {
		assert_true(address_parse_ip(str_from(global[i]), &a));
		assert_true(address_is_global(&a));
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_true(address_parse_ip(str_from(others[i]), &a));
		assert_false(address_is_global(&a));
	}
	a = (struct address){0};
	assert_false(address_is_global(&a));
}

static void test_ip(void **state)
{
	struct address a, b;
	char text[ADDRESS_TEXT_SIZE];
	assert_true(address_parse_ip(STR("::1"), &a));
	assert_true(address_parse_ip(STR("[0::1]"), &b));
	assert_true(address_is_loopback(&a));
	b.port = 9;
	assert_true(address_same_ip(&a, &b));
	assert_int_equal(address_format_ip(&b, text), 3);
	assert_string_equal(text, "::1");
	assert_true(address_parse_ip(STR("::ffff:127.1.2.3"), &a));
	assert_int_equal(a.family, ADDRESS_V4);
	assert_true(address_is_loopback(&a));
	assert_false(address_same_ip(&a, &b));
	assert_true(address_parse_ip(STR("128.0.0.1"), &a));
	assert_false(address_is_loopback(&a));
	assert_false(address_parse_ip(STR("[::1"), &a));
	assert_false(address_parse_ip(STR("1.2.3.4\0"), &a));

	struct address none = {.family = ADDRESS_NONE};
	struct sockaddr_storage ss;
	assert_int_equal(address_format(&none, text), 1);
	assert_string_equal(text, "-");
	assert_int_equal(address_to_sockaddr(&none, &ss), 0);
	assert_int_equal(address_from_sockaddr((struct sockaddr *)&ss).family, ADDRESS_NONE);
}

/* Loopback is called lo, and is the first interface, in every network namespace. */
static void test_zones(void **state)
{
	static const struct {
		const char *in;
		bool ip, zoned;
		uint32_t zone;
	} rows[] = {
		{"fe80::1", true, true, 0},
		{"fe80::1%lo", true, true, 1},
		{"[fe80::1%lo]", true, true, 1},
		{"[fe80::1%25lo]", true, true, 1},
		{"febf::1%1", true, true, 1},
		{"fe80::1%25lo", true, false, 0},
		{"fe80::1%no-such", true, false, 0},
		{"fe80::1%4294967295", true, false, 0},
		{"fe80::1%4294967297", true, false, 0},
		{"fe80::1%", false, false, 0},
		{"fe80::1%/", false, false, 0},
		{"fec0::1%lo", false, false, 0},
		{"::1%lo", false, false, 0},
		{"%lo", false, false, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address a = {0}, b = {0};
		if (address_parse_ip(str_from(rows[i].in), &a) != rows[i].ip ||
			address_parse_zoned(str_from(rows[i].in), &b) != rows[i].zoned)
			fail_msg("%s", rows[i].in);
		assert_int_equal(a.zone, 0);
		assert_int_equal(b.zone, rows[i].zone);
		if (!b.zone)
			continue;
		char text[ADDRESS_TEXT_SIZE];
		address_format(&b, text);
		assert_null(strchr(text, '%'));
		assert_false(address_same_ip(&a, &b));
		struct sockaddr_storage ss;
		assert_true(address_to_sockaddr(&b, &ss) > 0);
		struct address back = address_from_sockaddr((struct sockaddr *)&ss);
		assert_true(address_same_ip(&back, &b));
	}
}

static void test_zones_of_networks(void **state)
{
	static const struct {
		const char *net, *address;
		bool has;
	} rows[] = {
		{"fe80::/10", "fe80::1%lo", true},
		{"fe80::%lo/10", "fe80::1%lo", true},
		{"fe80::1%lo", "fe80::1%lo", true},
		{"fe80::1%lo", "fe80::2%lo", false},
		{"fe80::%lo/10", "fe80::1", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cidr c;
		struct address a;
		struct error err;
		assert_int_equal(cidr_parse(str_from(rows[i].net), &c, &err), 0);
		assert_true(address_parse_zoned(str_from(rows[i].address), &a));
		if (cidr_has(&c, &a) != rows[i].has)
			fail_msg("%s %s", rows[i].net, rows[i].address);
	}
}

static void test_cidr(void **state)
{
	static const struct {
		const char *list, *address;
		bool in;
	} rows[] = {
		{"10.0.0.0/8", "10.255.0.1", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"10.0.0.0/8", "::ffff:10.1.1.1", true},
		{"::ffff:10.0.0.0/104", "10.1.1.1", true},
		{"10.0.0.128/25", "10.0.0.127", false},
		{"10.0.0.128/25", "10.0.0.128", true},
		{"0.0.0.0/0", "1.2.3.4", true},
		{"0.0.0.0/0", "::1", false},
		{"::/0", "1.2.3.4", false},
		{"::/0", "fe80::1", true},
		{"1.2.3.4", "1.2.3.4", true},
		{"1.2.3.4", "1.2.3.5", false},
		{"fd00::/9", "fd7f::", true},
		{"fd00::/9", "fd80::", false},
		{"::1/128", "::1", true},
		{" 10.0.0.0/8 ,\t::1/128", "::1", true},
		{"10.0.0.0/8,::1/128", "::2", false},
		{"", "1.2.3.4", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cidr_list l = CIDR_LIST_NULL;
		struct address a;
		struct error err;
		assert_int_equal(cidr_list_add(&l, str_from(rows[i].list), &err), 0);
		assert_true(address_parse_ip(str_from(rows[i].address), &a));
		if (cidr_list_has(&l, &a) != rows[i].in)
			fail_msg("%s %s", rows[i].list, rows[i].address);
		cidr_list_deinit(&l);
	}
}

static void test_cidr_refused(void **state)
{
	static const struct {
		const char *list, *why;
	} rows[] = {
		{"10.0.0.1/8", "did you mean 10.0.0.0/8"},
		{"::ffff:10.0.0.1/104", "did you mean 10.0.0.0/8"},
		{"10.0.0.0/33", "0 to 32"},
		{"::ffff:10.0.0.0/95", "96 to 128"},
		{"::/129", "0 to 128"},
		{"10.0.0.0/", "0 to 32"},
		{"10.0.0.0/-1", "0 to 32"},
		{"10.0.0.0/8/8", "0 to 32"},
		{"10/8", "not a network"},
		{"example.com", "not a network"},
		{"fe80::1%no-such", "no such interface"},
		{"fe80::%no-such/10", "no such interface"},
		{"2001:db8::%lo/32", "not a network"},
		{"::1,,::2", "not a network"},
		{",", "not a network"},
	};
	struct cidr_list l = CIDR_LIST_NULL;
	struct error err;
	struct address a;
	assert_int_equal(cidr_list_add(&l, STR("1.2.3.4"), &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(cidr_list_add(&l, str_from(rows[i].list), &err), -EINVAL);
		if (!strstr(err.text, rows[i].why))
			fail_msg("%s: %s", rows[i].list, err.text);
		assert_int_equal(l.n, 1);
	}
	assert_true(address_parse_ip(STR("1.2.3.4"), &a));
	assert_true(cidr_list_has(&l, &a));
	a.family = ADDRESS_NONE;
	assert_false(cidr_list_has(&l, &a));
	cidr_list_deinit(&l);
	cidr_list_deinit(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_global),
		cmocka_unit_test(test_ip),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_zones_of_networks),
		cmocka_unit_test(test_cidr),
		cmocka_unit_test(test_cidr_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
