/* SPDX-License-Identifier: MIT */
/* Which intention decides: a table that a real Consul agrees with, and random sets against a naive model. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "intention_cases.h"
#include "policy/timestamp.h"

#define SET_MAX 64

/* Intentions, each pair once. */
struct set {
	struct policy_intention v[SET_MAX];
	size_t n;
};

static size_t position(const struct set *s, const char *source, const char *destination)
{
	size_t i = 0;
	while (i < s->n && (strcmp(s->v[i].source, source) != 0 ||
				   strcmp(s->v[i].destination, destination) != 0))
		i++;
	return i;
}

static const struct policy_intention *find(const void *in, const char *source,
	const char *destination)
{
	const struct set *s = in;
	size_t i = position(s, source, destination);
	return i < s->n ? &s->v[i] : NULL;
}

static void take(struct set *s, const char *source, const char *destination)
{
	size_t i = position(s, source, destination);
	if (i == s->n)
		return;
	policy_intention_deinit(&s->v[i]);
	memmove(&s->v[i], &s->v[i + 1], (--s->n - i) * sizeof s->v[0]);
}

static void put(struct set *s, const char *source, const char *destination,
	enum policy_action action)
{
	take(s, source, destination);
	assert_int_equal(policy_intention_init(&s->v[s->n++], source, destination, action), 0);
}

static void clear(struct set *s)
{
	while (s->n)
		policy_intention_deinit(&s->v[--s->n]);
}

/* ---- The table ---- */

static void ask(const struct set *s, const struct intention_case *c)
{
	char by[2 * POLICY_NAME_SIZE + 8];
	const struct policy_intention *i = policy_decide(find, s, c->source, c->destination);
	bool allowed = (i ? i->action : c->otherwise) == POLICY_ALLOW;
	if (i)
		snprintf(by, sizeof by, "%s => %s", i->source, i->destination);
	if (allowed != c->allowed || !i != !c->by || (i && strcmp(by, c->by) != 0))
		fail_msg("case %d (%s): %s by %s", c->number, c->why,
			allowed ? "allowed" : "denied", i ? by : "the default");
	if (i)
		assert_int_equal(policy_precedence(i->source, i->destination), c->precedence);
}

static void test_cases(void **state)
{
	assert_int_equal(ARRAY_LEN(intention_cases), 40);
	for (size_t n = 0; n < ARRAY_LEN(intention_cases); n++) {
		const struct intention_case *c = &intention_cases[n];
		struct set s = {.n = 0};
		for (const struct intention_said *said = c->intentions; said->source; said++)
			put(&s, said->source, said->destination, said->action);
		if (c->deleted.source)
			take(&s, c->deleted.source, c->deleted.destination);
		ask(&s, c);
		clear(&s);
	}
}

/* ---- Random sets ---- */

static const char *const names[] = {"a", "b", "c", "*"};

static const char *any_name(void)
{
	return names[(size_t)rand() % ARRAY_LEN(names)];
}

static bool covers(const char *name, const char *other)
{
	return strcmp(name, "*") == 0 || strcmp(name, other) == 0;
}

static int by_precedence(const void *a, const void *b)
{
	return policy_intention_order(a, b);
}

/* As Consul's documents say it: sorted by precedence, the first that matches. */
static const struct policy_intention *naive(const struct set *s, const char *source,
	const char *destination, struct set *sorted)
{
	*sorted = *s;
	qsort(sorted->v, sorted->n, sizeof sorted->v[0], by_precedence);
	for (size_t i = 0; i < sorted->n; i++) {
		const struct policy_intention *it = &sorted->v[i];
		if (i)
			assert_true(policy_intention_order(it - 1, it) < 0);
		if (covers(it->source, source) && covers(it->destination, destination))
			return it;
	}
	return NULL;
}

static bool same(const struct policy_intention *a, const struct policy_intention *b)
{
	return !a == !b && (!a || memcmp(a->uid, b->uid, sizeof a->uid) == 0);
}

static void hold_against_naive(const struct set *s)
{
	struct set sorted;
	for (size_t a = 0; a < ARRAY_LEN(names); a++)
		for (size_t b = 0; b < ARRAY_LEN(names); b++)
			assert_true(same(policy_decide(find, s, names[a], names[b]),
				naive(s, names[a], names[b], &sorted)));
}

/* Of two that match one pair, one comes first by its precedence alone. */
static void never_a_tie(const struct set *s, const char *source, const char *destination)
{
	unsigned seen = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct policy_intention *it = &s->v[i];
		if (!covers(it->source, source) || !covers(it->destination, destination))
			continue;
		unsigned bit = 1U << policy_precedence(it->source, it->destination);
		assert_false(seen & bit);
		seen |= bit;
	}
}

static void test_random_sets(void **state)
{
	unsigned seed = (unsigned)(clock_now() ^ (clock_now() >> 32));
	srand(seed);
	print_message("seed %u\n", seed);
	for (int round = 0; round < 2000; round++) {
		struct set s = {.n = 0};
		for (int n = rand() % 12; n; n--)
			put(&s, any_name(), any_name(), rand() % 2 ? POLICY_ALLOW : POLICY_DENY);
		hold_against_naive(&s);
		never_a_tie(&s, any_name(), any_name());
		clear(&s);
	}
}

/* Deleting what decided is as never having had it. */
static void test_deleted(void **state)
{
	for (int round = 0; round < 2000; round++) {
		struct set with = {.n = 0}, without = {.n = 0};
		const char *source = any_name(), *destination = any_name();
		for (int n = rand() % 12; n; n--)
			put(&with, any_name(), any_name(), rand() % 2 ? POLICY_ALLOW : POLICY_DENY);
		const struct policy_intention *i = policy_decide(find, &with, source, destination);
		for (size_t n = 0; n < with.n; n++)
			if (&with.v[n] != i)
				assert_int_equal(policy_intention_copy(&without.v[without.n++],
							 &with.v[n]),
					0);
		if (i) {
			char of[POLICY_NAME_SIZE], to[POLICY_NAME_SIZE];
			strcpy(of, i->source);
			strcpy(to, i->destination);
			take(&with, of, to);
		}
		for (size_t a = 0; a < ARRAY_LEN(names); a++)
			for (size_t b = 0; b < ARRAY_LEN(names); b++)
				assert_true(same(policy_decide(find, &with, names[a], names[b]),
					policy_decide(find, &without, names[a], names[b])));
		clear(&with);
		clear(&without);
	}
}

/* ---- Values ---- */

static void test_precedence(void **state)
{
	assert_int_equal(policy_precedence("a", "b"), 9);
	assert_int_equal(policy_precedence("*", "b"), 8);
	assert_int_equal(policy_precedence("a", "*"), 6);
	assert_int_equal(policy_precedence("*", "*"), 5);
}

static void test_names(void **state)
{
	static const struct {
		const char *given, *is; /* NULL: refused */
	} table[] = {
		{"web", "web"},
		{"Web-1", "web-1"},
		{"*", "*"},
		{"we*", NULL},
		{"*b", NULL},
		{"**", NULL},
		{"", NULL},
		{"-a", NULL},
		{"a b", NULL},
	};
	char out[POLICY_NAME_SIZE];
	struct error err;
	for (size_t n = 0; n < ARRAY_LEN(table); n++) {
		strcpy(out, "untouched");
		int r = policy_intention_check_name(str_from(table[n].given), out, &err);
		assert_int_equal(r, table[n].is ? 0 : -EINVAL);
		assert_string_equal(out, table[n].is ? table[n].is : "untouched");
	}
	assert_int_equal(policy_intention_check_name(STR("we*"), out, &err), -EINVAL);
	assert_string_equal(err.text,
		"\"we*\": \"*\" is not a part of a name: it stands alone, for all");
}

static void test_values(void **state)
{
	struct policy_intention i, copy;
	uint64_t now = policy_now();
	assert_int_equal(policy_intention_init(&i, "web", "*", POLICY_DENY), 0);
	assert_int_equal(policy_intention_copy(&copy, &i), 0);
	policy_intention_deinit(&i);
	assert_null(i.source);
	assert_string_equal(copy.source, "web");
	assert_string_equal(copy.destination, "*");
	assert_string_equal(copy.description, "");
	assert_string_equal(copy.meta, "{}");
	assert_int_equal(copy.action, POLICY_DENY);
	assert_true(copy.created_at >= now && copy.updated_at == copy.created_at);
	policy_intention_deinit(&copy);
	policy_intention_deinit(&copy);
}

static void test_words(void **state)
{
	static const uint8_t uid[POLICY_UID_SIZE] = {0xbc, 0xfb, 0x46, 0x23, 0x14, 0x70, 0x65, 0xa5,
		0xa1, 0x2d, 0x77, 0x6b, 0x65, 0x6a, 0x49, 0x0a};
	char uuid[POLICY_UUID_SIZE];
	enum policy_action action = POLICY_ALLOW;
	struct error err;
	assert_string_equal(policy_uuid_format(uid, uuid), "bcfb4623-1470-65a5-a12d-776b656a490a");
	assert_int_equal(policy_action_parse(STR("deny"), &action, &err), 0);
	assert_int_equal(action, POLICY_DENY);
	assert_int_equal(policy_action_parse(STR("Deny"), &action, &err), -EINVAL);
	assert_int_equal(action, POLICY_DENY);
	assert_string_equal(policy_action_name(POLICY_ALLOW), "allow");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_random_sets),
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
