/* SPDX-License-Identifier: MIT */
/* Who gets which name, who is found under it, and that neither depends on how many names there are. */
#include "server/route/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "wire/hostname.h"

#define GRACE (5 * CLOCK_S)
#define MANY  10000

static const char alice[] = "alice", bob[] = "bob";

static void assert_found(const struct routes *r, const char *host, uint64_t now, const char *want)
{
	struct route *route = routes_find(r, str_from(host), now);
	if (!want) {
		if (route)
			fail_msg("%s finds %s", host, route->host.p);
		return;
	}
	if (!route)
		fail_msg("%s finds nothing instead of \"%s\"", host, want);
	assert_string_equal(route->host.p, want);
}

/* Each line is one claim after the others. */
static void test_claims(void **state)
{
	static const struct {
		const char *who, *host, *holder; /* NULL: granted */
	} claims[] = {
		{alice, "a.example.com", NULL},
		{bob, "a.example.com", "a.example.com"},
		{bob, "b.example.com", NULL},
		{bob, "*.example.com", "a.example.com"},
		{alice, "*.example.com", "b.example.com"},
		{bob, "*.com", "a.example.com"},
		{bob, "", "a.example.com"},
		{alice, "*.a.example.com", NULL}, /* below it, not covered by it */
		{bob, "x.y.a.example.com", "*.a.example.com"},
		{bob, "*.y.a.example.com", "*.a.example.com"},
		{alice, "x.y.a.example.com", NULL}, /* one's own may overlap */
		{alice, "a.example.com", NULL},
		{bob, "example.com", NULL},
		{bob, "com", NULL},
		{bob, "*.b.example.com", NULL},
		{alice, "b.b.example.com", "*.b.example.com"},
		{bob, "xample.com", NULL},
		{alice, "*.xample.com", NULL},
		{alice, "example.org", NULL},
		{alice, "*.example.org", NULL},
		{bob, "*.org", "example.org"},
		{alice, "*.org", NULL},
		{bob, "new.org", "*.org"},
		{alice, "[::1]", NULL},
		{bob, "[::1]", "[::1]"},
		{bob, "[::2]", NULL},
	};
	struct route_entry entries[ARRAY_LEN(claims)] = {0};
	struct routes r;
	assert_int_equal(routes_init(&r, GRACE), 0);
	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		const struct route *holder = NULL;
		int got = routes_claim(&r, claims[i].who, str_from(claims[i].host), &entries[i],
			CLOCK_S, &holder);
		if (got != (claims[i].holder ? ROUTES_TAKEN : 0))
			fail_msg("claim %zu of \"%s\" gives %d", i, claims[i].host, got);
		if (claims[i].holder) {
			assert_string_equal(holder->host.p, claims[i].holder);
			assert_ptr_not_equal(holder->identity, claims[i].who);
			assert_null(entries[i].route);
		} else {
			assert_string_equal(entries[i].route->host.p, claims[i].host);
		}
	}
	routes_deinit(&r);
	assert_null(entries[0].route);
}

static void test_catch_all_covers(void **state)
{
	struct routes r;
	struct route_entry all = {0}, other = {0};
	const struct route *holder;
	assert_int_equal(routes_init(&r, GRACE), 0);
	assert_int_equal(routes_claim(&r, alice, STR(""), &all, 1, &holder), 0);
	assert_int_equal(routes_claim(&r, bob, STR("a"), &other, 1, &holder), ROUTES_TAKEN);
	assert_string_equal(holder->identity, alice);
	assert_int_equal(routes_claim(&r, bob, STR("*.a"), &other, 1, &holder), ROUTES_TAKEN);
	assert_int_equal(routes_claim(&r, bob, STR(""), &other, 1, &holder), ROUTES_TAKEN);
	assert_int_equal(routes_claim(&r, alice, STR("a"), &other, 1, &holder), 0);
	routes_deinit(&r);
}

static void test_finds_the_longest(void **state)
{
	static const char *const hosts[] = {"example.com", "*.example.com", "*.b.example.com",
		"a.b.example.com", "*.b.c.d.example.com"};
	static const struct {
		const char *host, *without, *with; /* the catch-all */
	} finds[] = {
		{"example.com", "example.com", "example.com"},
		{"b.example.com", "*.example.com", "*.example.com"},
		{"a.b.example.com", "a.b.example.com", "a.b.example.com"},
		{"c.b.example.com", "*.b.example.com", "*.b.example.com"},
		{"z.a.b.example.com", "*.b.example.com", "*.b.example.com"},
		{"z.y.example.com", "*.example.com", "*.example.com"},
		{"b.c.d.example.com", "*.example.com", "*.example.com"},
		{"x.b.c.d.example.com", "*.b.c.d.example.com", "*.b.c.d.example.com"},
		{"xexample.com", NULL, ""},
		{"com", NULL, ""},
		{"", NULL, ""},
		{"example.com.evil", NULL, ""},
		{"1.2.3.4", NULL, ""},
	};
	struct routes r;
	struct route_entry entries[ARRAY_LEN(hosts)] = {0}, all = {0};
	const struct route *holder;
	assert_int_equal(routes_init(&r, GRACE), 0);
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		assert_int_equal(routes_claim(&r, alice, str_from(hosts[i]), &entries[i], 1,
					 &holder),
			0);
	for (size_t i = 0; i < ARRAY_LEN(finds); i++)
		assert_found(&r, finds[i].host, 1, finds[i].without);
	assert_int_equal(routes_claim(&r, alice, STR(""), &all, 1, &holder), 0);
	for (size_t i = 0; i < ARRAY_LEN(finds); i++)
		assert_found(&r, finds[i].host, 1, finds[i].with);
	routes_deinit(&r);
}

static void test_lost_and_back(void **state)
{
	struct routes r;
	struct route_entry one = {0}, two = {0}, wild = {0};
	const struct route *holder;
	uint64_t t = 100 * CLOCK_S;
	assert_int_equal(routes_init(&r, GRACE), 0);
	assert_int_equal(routes_claim(&r, alice, STR("*.c"), &wild, t, &holder), 0);
	assert_int_equal(routes_claim(&r, alice, STR("a.c"), &one, t, &holder), 0);
	assert_int_equal(routes_claim(&r, alice, STR("a.c"), &two, t, &holder), 0);
	assert_ptr_equal(one.route, two.route);
	assert_ptr_equal(list_first(&one.route->entries, struct route_entry, link), &one);

	/* One of two gone is nothing; and what is in no route may be taken out. */
	struct route *route = one.route;
	routes_release(&r, &one, t);
	routes_release(&r, &one, t);
	assert_int_equal(route->lost_at, 0);
	assert_int_equal(routes_expire(&r, t + 2 * GRACE), CLOCK_NEVER);
	assert_found(&r, "a.c", t + 2 * GRACE, "a.c");

	/* Lost: kept for the grace, for nobody else, and then as if it had never been. */
	routes_release(&r, &two, t);
	assert_int_equal(route->lost_at, t);
	assert_true(list_empty(&route->entries));
	assert_int_equal(routes_expire(&r, t + GRACE - 1), t + GRACE);
	assert_found(&r, "a.c", t + GRACE - 1, "a.c");
	routes_release(&r, &wild, t + 1);
	assert_int_equal(routes_claim(&r, bob, STR("a.c"), &two, t + GRACE - 1, &holder),
		ROUTES_TAKEN);
	assert_found(&r, "a.c", t + GRACE, "*.c");
	assert_found(&r, "a.c", t + 1 + GRACE, NULL);
	assert_int_equal(routes_claim(&r, bob, STR("a.c"), &two, t + 1 + GRACE, &holder), 0);
	assert_string_equal(routes_find(&r, STR("a.c"), t + 1 + GRACE)->identity, bob);

	/* Back within the grace: the same route, lost no longer. */
	route = two.route;
	routes_release(&r, &two, t + 2 * GRACE);
	assert_int_equal(routes_claim(&r, bob, STR("a.c"), &one, t + 2 * GRACE + 1, &holder), 0);
	assert_ptr_equal(one.route, route);
	assert_int_equal(route->lost_at, 0);
	assert_int_equal(routes_expire(&r, t + 9 * GRACE), CLOCK_NEVER);
	routes_deinit(&r);
}

/* A private service that is no more: what is lost of its name is forgotten, what is served is not. */
static void test_forgets_a_name(void **state)
{
	struct routes r;
	struct route_entry mine = {0}, other = {0};
	const struct route *holder;
	assert_int_equal(routes_init(&r, GRACE), 0);
	assert_int_equal(routes_claim(&r, alice, STR("redis"), &mine, 1, &holder), 0);
	routes_forget_name(&r, STR("redis"));
	routes_forget_name(&r, STR("super-api"));
	assert_non_null(routes_find(&r, STR("redis"), 1));
	routes_release(&r, &mine, 2);
	assert_int_equal(routes_claim(&r, bob, STR("redis"), &other, 3, &holder), ROUTES_TAKEN);
	routes_forget_name(&r, STR("redis"));
	assert_null(routes_find(&r, STR("redis"), 3));
	assert_int_equal(routes_claim(&r, bob, STR("redis"), &other, 3, &holder), 0);
	routes_deinit(&r);
}

static void test_no_grace(void **state)
{
	struct routes r;
	struct route_entry one = {0};
	const struct route *holder;
	assert_int_equal(routes_init(&r, 0), 0);
	assert_int_equal(routes_claim(&r, alice, STR("a"), &one, 7, &holder), 0);
	routes_release(&r, &one, 7);
	assert_null(routes_find(&r, STR("a"), 7));
	assert_int_equal(routes_claim(&r, bob, STR("a"), &one, 7, &holder), 0);
	routes_deinit(&r);
}

/* A client that publishes and withdraws new names in a loop takes no more memory for each. */
static void test_many_lost(void **state)
{
	struct routes r;
	struct route_entry one = {0};
	const struct route *holder;
	char name[32];
	assert_int_equal(routes_init(&r, GRACE), 0);
	for (size_t i = 0; i < 2 * ROUTES_LOST_MAX; i++) {
		snprintf(name, sizeof name, "n%zu.example", i);
		assert_int_equal(routes_claim(&r, alice, str_from(name), &one, 7, &holder), 0);
		routes_release(&r, &one, 7);
	}
	assert_found(&r, name, 7, name);
	assert_found(&r, "n0.example", 7, NULL);
	assert_int_equal(r.n_lost, ROUTES_LOST_MAX);
	snprintf(name, sizeof name, "n%d.example", ROUTES_LOST_MAX - 1);
	assert_found(&r, name, 7, NULL);
	snprintf(name, sizeof name, "n%d.example", ROUTES_LOST_MAX);
	assert_found(&r, name, 7, name);
	assert_in_range(r.nodes.n, ROUTES_LOST_MAX, ROUTES_LOST_MAX + 2);
	routes_deinit(&r);
}

/* Ten thousand names of two identities in one domain, some below others. */
static void name_of(size_t i, char out[64])
{
	if (i % 10 == 9)
		snprintf(out, 64, "*.w%zu.example.com", i);
	else
		snprintf(out, 64, "h%zu.g%zu.example.com", i, i % 2);
}

static void test_many(void **state)
{
	struct routes r;
	struct route_entry *entries = calloc(MANY, sizeof *entries);
	const struct route *holder;
	char name[64], below[80];
	assert_non_null(entries);
	assert_int_equal(routes_init(&r, GRACE), 0);
	for (size_t i = 0; i < MANY; i++) {
		name_of(i, name);
		assert_int_equal(routes_claim(&r, i % 2 ? bob : alice, str_from(name), &entries[i],
					 1, &holder),
			0);
	}
	struct route_entry more = {0};
	for (size_t i = 0; i < MANY; i++) {
		name_of(i, name);
		assert_found(&r, name[0] == '*' ? "nobody.example.com" : name, 1,
			name[0] == '*' ? NULL : name);
		snprintf(below, sizeof below, "x.y.%s", name + (name[0] == '*' ? 2 : 0));
		assert_found(&r, below, 1, name[0] == '*' ? name : NULL);
		assert_int_equal(routes_claim(&r, i % 2 ? alice : bob, str_from(name), &more, 1,
					 &holder),
			ROUTES_TAKEN);
		assert_string_equal(holder->host.p, name);
	}
	/* g0 holds only names of one of them. */
	assert_int_equal(routes_claim(&r, bob, STR("*.g0.example.com"), &more, 1, &holder),
		ROUTES_TAKEN);
	assert_int_equal(routes_claim(&r, alice, STR("*.g0.example.com"), &more, 1, &holder), 0);
	routes_release(&r, &more, 1);
	for (size_t i = 1; i < MANY; i += 2)
		routes_release(&r, &entries[i], 1);
	/* Where nobody else is left, the whole domain is free to the other. */
	assert_int_equal(routes_claim(&r, alice, STR("*.com"), &more, 2 + GRACE, &holder), 0);
	for (size_t i = 0; i < MANY; i += 2)
		routes_release(&r, &entries[i], 2 + GRACE);
	routes_release(&r, &more, 2 + GRACE);
	assert_int_equal(routes_expire(&r, 3 + 2 * GRACE), CLOCK_NEVER);
	assert_true(list_empty(&r.all));
	assert_int_equal(r.nodes.n, 0);
	routes_deinit(&r);
	free(entries);
}

/* The tree against the rule as hostname_covers() has it, on random small names. */
static bool covers(const char *a, const char *b)
{
	return !*a || hostname_covers(str_from(a), str_from(b));
}

static void test_against_the_rule(void **state)
{
	enum { N = 24 };
	char names[N][16];
	const char *who[N];
	unsigned seed = 1;
	for (int broadcast = 0; broadcast < 2000; broadcast++) {
		struct routes r;
		struct route_entry entries[N] = {0};
		int n = 0;
		assert_int_equal(routes_init(&r, GRACE), 0);
		for (int i = 0; i < N; i++) {
			char name[16] = "";
			int labels = rand_r(&seed) % 4;
			if (labels && rand_r(&seed) % 3 == 0)
				strcat(name, "*.");
			for (int l = 0; l < labels; l++) {
				strcat(name, l ? "." : "");
				strcat(name, rand_r(&seed) % 2 ? "a" : "b");
			}
			if (!labels && rand_r(&seed) % 8)
				continue;
			const char *me = rand_r(&seed) % 4 ? alice : bob;
			bool free_to_me = true;
			for (int j = 0; j < n; j++)
				free_to_me &= who[j] == me || (strcmp(names[j], name) != 0 &&
								      !covers(names[j], name) &&
								      !covers(name, names[j]));
			const struct route *holder;
			int got = routes_claim(&r, me, str_from(name), &entries[n], 1, &holder);
			assert_int_equal(got, free_to_me ? 0 : ROUTES_TAKEN);
			if (!got) {
				strcpy(names[n], name);
				who[n++] = me;
			}
		}
		routes_deinit(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_catch_all_covers),
		cmocka_unit_test(test_finds_the_longest),
		cmocka_unit_test(test_lost_and_back),
		cmocka_unit_test(test_forgets_a_name),
		cmocka_unit_test(test_no_grace),
		cmocka_unit_test(test_many_lost),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_against_the_rule),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
