/* SPDX-License-Identifier: MIT */
/* Grants: what their texts may be, how they are kept, and what they let through. */
#include "policy/grants.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"

static void add(struct policy_grants *g, enum policy_grant_kind kind, const char *text)
{
	struct error err;
	assert_int_equal(policy_grants_add(g, kind, str_from(text), &err), 0);
}

static void test_texts(void **state)
{
	static const struct {
		enum policy_grant_kind kind;
		const char *in, *out; /* NULL: refused */
	} rows[] = {
		{POLICY_HOST, "A.Example.org.", "a.example.org"},
		{POLICY_HOST, "*.B.example.org", "*.b.example.org"},
		{POLICY_HOST, "*", "*"},
		{POLICY_HOST, "[2001:db8:0::1]", "[2001:db8::1]"},
		{POLICY_HOST, "", NULL},
		{POLICY_HOST, "a.*.org", NULL},
		{POLICY_HOST, "a.org:80", NULL},
		{POLICY_HOST, "**", NULL},
		{POLICY_TCP_PORT, "2222", "2222"},
		{POLICY_TCP_PORT, "7000-7010", "7000-7010"},
		{POLICY_TCP_PORT, "7000-7000", "7000"},
		{POLICY_TCP_PORT, "0", "0"},
		{POLICY_UDP_PORT, "65535", "65535"},
		{POLICY_UDP_PORT, "65536", NULL},
		{POLICY_UDP_PORT, "0-10", NULL},
		{POLICY_UDP_PORT, "10-9", NULL},
		{POLICY_UDP_PORT, "", NULL},
		{POLICY_UDP_PORT, "1-", NULL},
		{POLICY_UDP_PORT, "70000-70001", NULL},
		{POLICY_PUBLISH, "Redis", "redis"},
		{POLICY_PUBLISH, "super-*", "super-*"},
		{POLICY_CONSUME, "*", "*"},
		{POLICY_CONSUME, "*-api", NULL},
		{POLICY_FROM, "192.0.2.0/24", "192.0.2.0/24"},
		{POLICY_FROM, "192.0.2.7", "192.0.2.7"},
		{POLICY_FROM, "192.0.2.7/32", "192.0.2.7"},
		{POLICY_FROM, "2001:DB8::/32", "2001:db8::/32"},
		{POLICY_FROM, "0.0.0.0/0", "0.0.0.0/0"},
		{POLICY_FROM, "::ffff:192.0.2.0/120", "192.0.2.0/24"},
		{POLICY_FROM, "192.0.2.7/24", NULL},
		{POLICY_FROM, "fe80::%lo/64", NULL},
		{POLICY_FROM, "10.0.0.0/8,192.0.2.0/24", NULL},
		{POLICY_FROM, "", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy_grants g = POLICY_GRANTS_NULL;
		struct error err = {""};
		char text[POLICY_GRANT_SIZE];
		int r = policy_grants_add(&g, rows[i].kind, str_from(rows[i].in), &err);
		assert_int_equal(r, rows[i].out ? 0 : -EINVAL);
		assert_int_equal(policy_grants_count(&g, rows[i].kind), r == 0);
		assert_int_equal(err.text[0] == '\0', r == 0);
		if (!r)
			assert_string_equal(policy_grants_text(&g, rows[i].kind, 0, text),
				rows[i].out);
		policy_grants_deinit(&g);
	}
}

static void test_order_does_not_count(void **state)
{
	static const struct {
		enum policy_grant_kind kind;
		const char *texts[3];
	} rows[] = {
		{POLICY_HOST, {"b.org", "*.a.org", "a.org"}},
		{POLICY_TCP_PORT, {"80", "70-90", "8080"}},
		{POLICY_UDP_PORT, {"0", "53", "53-54"}},
		{POLICY_PUBLISH, {"b", "a*", "a"}},
		{POLICY_CONSUME, {"c", "b", "a"}},
		{POLICY_FROM, {"2001:db8::/32", "10.0.0.0/8", "10.0.0.0/9"}},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy_grants a = POLICY_GRANTS_NULL, b = POLICY_GRANTS_NULL, copy;
		for (size_t j = 0; j < 3; j++) {
			assert_int_equal(policy_grants_same(&a, &b), j == 0);
			add(&a, rows[i].kind, rows[i].texts[j]);
		}
		for (size_t j = 3; j-- > 0;) {
			add(&b, rows[i].kind, rows[i].texts[j]);
			add(&b, rows[i].kind, rows[i].texts[j]);
		}
		assert_int_equal(policy_grants_count(&b, rows[i].kind), 3);
		assert_true(policy_grants_same(&a, &b));
		assert_int_equal(policy_grants_copy(&copy, &b), 0);
		assert_true(policy_grants_same(&a, &copy));
		policy_grants_clear(&copy, rows[i].kind);
		assert_false(policy_grants_same(&a, &copy));
		policy_grants_deinit(&a);
		policy_grants_deinit(&b);
		policy_grants_deinit(&copy);
	}
}

static void test_none_given(void **state)
{
	struct policy_grants g = POLICY_GRANTS_NULL;
	struct address peer = {.family = ADDRESS_V4}, unknown = {0};
	assert_false(policy_may_host(&g, STR("a.org")));
	assert_false(policy_may_host(&g, STR("")));
	assert_false(policy_may_ports(&g, POLICY_TCP_PORT, 80, 1));
	assert_false(policy_may_ports(&g, POLICY_UDP_PORT, 0, 1));
	assert_false(policy_may_publish(&g, STR("redis")));
	assert_true(policy_may_consume(&g, STR("redis")));
	assert_true(policy_may_come_from(&g, &peer));
	assert_true(policy_may_come_from(&g, &unknown));
}

static void test_hosts(void **state)
{
	static const struct {
		const char *grant, *host;
		bool may;
	} rows[] = {
		{"a.example.org", "a.example.org", true},
		{"a.example.org", "b.example.org", false},
		{"a.example.org", "*.a.example.org", false},
		{"a.example.org", "x.a.example.org", false},
		{"a.example.org", "*.example.org", false},
		{"a.example.org", "", false},
		{"*.b.example.org", "x.b.example.org", true},
		{"*.b.example.org", "x.y.b.example.org", true},
		{"*.b.example.org", "*.b.example.org", true},
		{"*.b.example.org", "*.y.b.example.org", true},
		{"*.b.example.org", "b.example.org", false},
		{"*.b.example.org", "xb.example.org", false},
		{"*.b.example.org", "*.example.org", false},
		{"*.b.example.org", "", false},
		{"*", "", true},
		{"*", "a.example.org", true},
		{"*", "*.org", true},
		{"*", "[2001:db8::1]", true},
		{"*.org", "[2001:db8::1]", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy_grants g = POLICY_GRANTS_NULL;
		add(&g, POLICY_HOST, rows[i].grant);
		assert_int_equal(policy_may_host(&g, str_from(rows[i].host)), rows[i].may);
		policy_grants_deinit(&g);
	}
}

static void test_ports(void **state)
{
	struct policy_grants g = POLICY_GRANTS_NULL;
	add(&g, POLICY_TCP_PORT, "7000-7004");
	add(&g, POLICY_TCP_PORT, "7005-7010");
	add(&g, POLICY_TCP_PORT, "65535");
	assert_true(policy_may_ports(&g, POLICY_TCP_PORT, 7000, 11));
	assert_false(policy_may_ports(&g, POLICY_TCP_PORT, 7000, 12));
	assert_false(policy_may_ports(&g, POLICY_TCP_PORT, 6999, 2));
	assert_false(policy_may_ports(&g, POLICY_TCP_PORT, 7000, 0));
	assert_false(policy_may_ports(&g, POLICY_TCP_PORT, 0, 1));
	assert_true(policy_may_ports(&g, POLICY_TCP_PORT, 65535, 1));
	assert_false(policy_may_ports(&g, POLICY_TCP_PORT, 65535, 2));
	assert_false(policy_may_ports(&g, POLICY_TCP_PORT, 65535, UINT32_MAX));
	assert_false(policy_may_ports(&g, POLICY_UDP_PORT, 7000, 1));
	add(&g, POLICY_UDP_PORT, "0");
	assert_true(policy_may_ports(&g, POLICY_UDP_PORT, 0, 1));
	assert_true(policy_may_ports(&g, POLICY_UDP_PORT, 53, 100));
	policy_grants_deinit(&g);
}

static void test_names_and_places(void **state)
{
	struct policy_grants g = POLICY_GRANTS_NULL;
	struct address peer, unknown = {0};
	add(&g, POLICY_PUBLISH, "super-*");
	add(&g, POLICY_CONSUME, "redis");
	add(&g, POLICY_FROM, "192.0.2.0/24");
	assert_true(policy_may_publish(&g, STR("super-api")));
	assert_false(policy_may_publish(&g, STR("redis")));
	assert_true(policy_may_consume(&g, STR("redis")));
	assert_false(policy_may_consume(&g, STR("super-api")));
	assert_true(address_parse_ip(STR("::ffff:192.0.2.9"), &peer));
	assert_true(policy_may_come_from(&g, &peer));
	assert_true(address_parse_ip(STR("192.0.3.9"), &peer));
	assert_false(policy_may_come_from(&g, &peer));
	assert_false(policy_may_come_from(&g, &unknown));
	policy_grants_deinit(&g);
}

static void test_end(void **state)
{
	struct policy_grants g = POLICY_GRANTS_NULL;
	struct error err;
	char text[16];
	for (unsigned i = 0; i < POLICY_GRANTS_MAX; i++) {
		snprintf(text, sizeof text, "n%u", i);
		add(&g, POLICY_PUBLISH, text);
	}
	assert_int_equal(policy_grants_add(&g, POLICY_PUBLISH, STR("more"), &err), -EINVAL);
	assert_int_equal(policy_grants_add(&g, POLICY_PUBLISH, STR("n7"), &err), 0);
	policy_grants_deinit(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_order_does_not_count),
		cmocka_unit_test(test_none_given),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_names_and_places),
		cmocka_unit_test(test_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
