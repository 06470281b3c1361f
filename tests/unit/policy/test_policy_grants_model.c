/* SPDX-License-Identifier: MIT */
/* Grants against models too simple to be wrong: bits for ports, labels for hosts, fnmatch() for names. */
#include "policy/grants.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"

#define ROUNDS 4000
#define GRANTS 6

static uint64_t seed = 1;

/* The same in every run. */
static unsigned draw(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)((seed >> 33) % below);
}

static void add(struct policy_grants *g, enum policy_grant_kind kind, const char *text)
{
	struct error err;
	assert_int_equal(policy_grants_add(g, kind, str_from(text), &err), 0);
}

static void test_ports(void **state)
{
	enum { PORTS = 40, BASE = UINT16_MAX - PORTS + 1 };
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct policy_grants g = POLICY_GRANTS_NULL;
		bool granted[PORTS + 1] = {false};
		char text[32];
		for (unsigned i = draw(GRANTS); i > 0; i--) {
			unsigned first = draw(PORTS), last = first + draw(PORTS - first);
			snprintf(text, sizeof text, "%u-%u", BASE + first, BASE + last);
			add(&g, POLICY_TCP_PORT, text);
			for (unsigned p = first; p <= last; p++)
				granted[p] = true;
		}
		for (unsigned first = 0; first < PORTS; first++) {
			bool may = true;
			for (unsigned n = 1; first + n <= PORTS + 1; n++) {
				may = may && granted[first + n - 1];
				assert_int_equal(policy_may_ports(&g, POLICY_TCP_PORT,
							 (uint16_t)(BASE + first), n),
					may);
			}
		}
		policy_grants_deinit(&g);
	}
}

/* "*", or one to three labels of "a", "b" and "ab", perhaps behind "*." */
static const char *draw_host(char to[32], bool grant)
{
	static const char *const labels[] = {"a", "b", "ab"};
	if (draw(12) == 0)
		return strcpy(to, grant ? "*" : "");
	strcpy(to, draw(2) ? "*." : "");
	for (unsigned n = draw(3), i = 0; i <= n; i++) {
		strcat(to, labels[draw(3)]);
		strcat(to, i < n ? "." : "");
	}
	return to;
}

static unsigned split(const char *host, char to[4][8])
{
	unsigned n = 0;
	for (const char *at = host; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL)
		snprintf(to[n++], 8, "%.*s", (int)strcspn(at, "."), at);
	return n;
}

/* Each name that the claim stands for is one that the grant stands for. */
static bool host_model(const char *grant, const char *host)
{
	char g[4][8], h[4][8];
	if (!strcmp(grant, "*"))
		return true;
	if (!*host)
		return false;
	unsigned n = split(grant, g), m = split(host, h), from = !strcmp(g[0], "*");
	if (!from)
		return !strcmp(grant, host);
	if (m < n)
		return false;
	for (unsigned i = 1; i < n; i++)
		if (strcmp(g[n - i], h[m - i]) != 0)
			return false;
	return true;
}

static void test_hosts(void **state)
{
	unsigned granted = 0;
	for (unsigned round = 0; round < 10 * ROUNDS; round++) {
		struct policy_grants g = POLICY_GRANTS_NULL;
		char grants[GRANTS][32], host[32];
		unsigned n = draw(GRANTS);
		bool may = false;
		draw_host(host, false);
		for (unsigned i = 0; i < n; i++) {
			add(&g, POLICY_HOST, draw_host(grants[i], true));
			may = may || host_model(grants[i], host);
		}
		assert_int_equal(policy_may_host(&g, str_from(host)), may);
		granted += may;
		policy_grants_deinit(&g);
	}
	assert_in_range(granted, ROUNDS, 9 * ROUNDS);
}

static void test_names(void **state)
{
	static const char letters[] = "ab-";
	for (unsigned round = 0; round < 10 * ROUNDS; round++) {
		struct policy_grants g = POLICY_GRANTS_NULL;
		char pattern[8] = "a", name[8] = "a";
		for (unsigned i = 1, n = 1 + draw(4); i < n; i++)
			pattern[i] = letters[draw(3)];
		for (unsigned i = 1, n = 1 + draw(5); i < n; i++)
			name[i] = letters[draw(3)];
		strcat(pattern, draw(2) ? "*" : "b");
		strcat(name, "a");
		add(&g, POLICY_PUBLISH, pattern);
		assert_int_equal(policy_may_publish(&g, str_from(name)),
			fnmatch(pattern, name, 0) == 0);
		policy_grants_deinit(&g);
	}
}

/* What is in one of the networks, bit by bit. */
static void test_networks(void **state)
{
	for (unsigned round = 0; round < 10 * ROUNDS; round++) {
		struct policy_grants g = POLICY_GRANTS_NULL;
		uint32_t ip = draw(16) << 28 | draw(16);
		bool may = false;
		struct address peer = {.family = ADDRESS_V4};
		unsigned n = 1 + draw(3);
		for (unsigned i = 0; i < 4; i++)
			peer.bytes[i] = (uint8_t)(ip >> (24 - 8 * i));
		for (unsigned i = 0; i < n; i++) {
			unsigned bits = draw(2) ? draw(5) : 28 + draw(5);
			uint32_t mask = bits ? UINT32_MAX << (32 - bits) : 0;
			uint32_t net = (draw(16) << 28 | draw(16)) & mask;
			char text[32];
			snprintf(text, sizeof text, "%u.%u.%u.%u/%u", net >> 24, net >> 16 & 255,
				net >> 8 & 255, net & 255, bits);
			add(&g, POLICY_FROM, text);
			may = may || (ip & mask) == net;
		}
		assert_int_equal(policy_may_come_from(&g, &peer), may);
		policy_grants_deinit(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_networks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
