/* SPDX-License-Identifier: MIT */
/* What two identities both give, against the two questions asked one after the other. */
#include "policy/narrow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

#define ROUNDS 20000
#define GRANTS 4 /* of a kind, at most */

static const char *const hosts[] = {"*", "a.b", "*.b", "*.a.b", "c.a.b", "*.c.a.b", "d", "*.d"};
static const char *const ports[] = {"0", "1", "2-5", "4-9", "9", "65535", "10-12", "11"};
static const char *const patterns[] = {"*", "a", "a*", "ab", "ab*", "abc", "b", "b*"};
static const char *const networks[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "11.0.0.0/8",
	"2001:db8::/32", "2001:db8:1::/48", "::/0", "0.0.0.0/0"};

static const struct {
	enum policy_grant_kind kind;
	const char *const *texts;
} kinds[] = {
	{POLICY_HOST, hosts},
	{POLICY_TCP_PORT, ports},
	{POLICY_UDP_PORT, ports},
	{POLICY_PUBLISH, patterns},
	{POLICY_CONSUME, patterns},
	{POLICY_FROM, networks},
};

static uint64_t seed = 1;

/* The same in every run. */
static unsigned draw(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)((seed >> 33) % below);
}

static uint64_t draw_limit(void)
{
	return draw(3) ? draw(4) + 1 : POLICY_NONE;
}

static void draw_identity(struct policy_identity *i)
{
	struct error err;
	assert_int_equal(policy_identity_init(i, "i"), 0);
	i->revoked = draw(8) == 0;
	i->is_operator = draw(2);
	i->max_sessions = draw_limit();
	i->max_streams = draw_limit();
	i->max_endpoints = draw_limit();
	i->rate_up = draw_limit();
	i->rate_down = draw_limit();
	i->expires_at = draw_limit();
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (unsigned n = draw(GRANTS + 1); n > 0; n--)
			assert_int_equal(policy_grants_add(&i->grants, kinds[k].kind,
						 str_from(kinds[k].texts[draw(8)]), &err),
				0);
}

/* Something that an identity may ask for. */
struct question {
	char host[16], name[8];
	uint16_t first;
	unsigned n;
	struct address peer;
};

static void draw_question(struct question *q)
{
	static const char *const asked_hosts[] = {"", "a.b", "x.b", "*.b", "c.a.b", "*.a.b", "d",
		"x.d"};
	static const char *const asked_names[] = {"a", "ab", "abc", "abd", "b", "bb", "c"};
	static const char *const peers[] = {"10.1.2.3", "10.1.9.9", "10.9.9.9", "11.1.1.1",
		"12.0.0.1", "2001:db8:1::1", "2001:db8:2::1", "2001:db9::1"};
	struct cidr cidr;
	struct error err;
	strcpy(q->host, asked_hosts[draw(8)]);
	strcpy(q->name, asked_names[draw(7)]);
	q->first = (uint16_t)draw(13);
	q->n = 1 + draw(3);
	assert_int_equal(cidr_parse(str_from(peers[draw(8)]), &cidr, &err), 0);
	q->peer = cidr.net;
}

/* A bit for each thing that is asked for. */
static unsigned answers(const struct policy_identity *i, const struct question *q)
{
	const struct policy_grants *g = &i->grants;
	return policy_may_host(g, str_from(q->host)) | 0u |
	       (unsigned)policy_may_ports(g, POLICY_TCP_PORT, q->first, q->n) << 1 |
	       (unsigned)policy_may_ports(g, POLICY_UDP_PORT, q->first, q->n) << 2 |
	       (unsigned)policy_may_publish(g, str_from(q->name)) << 3 |
	       (unsigned)(i->max_endpoints > 0 && policy_may_consume(g, str_from(q->name))) << 4 |
	       (unsigned)(i->max_sessions > 0 && policy_may_come_from(g, &q->peer)) << 5;
}

static void check_limits(const struct policy_identity *n, const struct policy_identity *a,
	const struct policy_identity *b)
{
	assert_int_equal(n->revoked, a->revoked || b->revoked);
	assert_int_equal(n->is_operator, a->is_operator && b->is_operator);
	assert_true(
		n->max_sessions == 0 || n->max_sessions == MIN(a->max_sessions, b->max_sessions));
	assert_true(n->max_streams == MIN(a->max_streams, b->max_streams));
	assert_true(n->rate_up == MIN(a->rate_up, b->rate_up));
	assert_true(n->rate_down == MIN(a->rate_down, b->rate_down));
	assert_true(n->expires_at == MIN(a->expires_at, b->expires_at));
}

static void test_model(void **state)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct policy_identity a, b, n;
		draw_identity(&a);
		draw_identity(&b);
		assert_int_equal(policy_identity_narrow(&n, &a, &b), 0);
		check_limits(&n, &a, &b);
		for (unsigned i = 0; i < 10; i++) {
			struct question q;
			draw_question(&q);
			if (answers(&n, &q) != (answers(&a, &q) & answers(&b, &q)))
				fail_msg("round %u, %s %s %u+%u: %x is not %x and %x", round,
					q.host, q.name, q.first, q.n, answers(&n, &q),
					answers(&a, &q), answers(&b, &q));
		}
		policy_identity_deinit(&n);
		policy_identity_deinit(&a);
		policy_identity_deinit(&b);
	}
}

/* What neither takes away nor gives is what it was; what the new one says for people is the new one's. */
static void test_parts(void **state)
{
	struct policy_identity was, is, n;
	struct error err;
	assert_int_equal(policy_identity_init(&was, "i"), 0);
	assert_int_equal(policy_grants_add(&was.grants, POLICY_HOST, STR("*.b"), &err), 0);
	assert_int_equal(policy_identity_copy(&is, &was), 0);
	policy_text_free(is.description);
	is.description = strdup("new");
	assert_int_equal(policy_identity_narrow(&n, &was, &is), 0);
	assert_true(policy_identity_same_rights(&n, &was) && policy_identity_same_rights(&n, &is));
	assert_string_equal(n.description, "new");
	policy_identity_deinit(&n);

	/* It gives alone, */
	assert_int_equal(policy_grants_add(&is.grants, POLICY_HOST, STR("*"), &err), 0);
	assert_int_equal(policy_identity_narrow(&n, &was, &is), 0);
	assert_true(policy_identity_same_rights(&n, &was));
	assert_false(policy_identity_same_rights(&n, &is));
	policy_identity_deinit(&n);
	/* or takes away alone. */
	policy_grants_clear(&is.grants, POLICY_HOST);
	assert_int_equal(policy_grants_add(&is.grants, POLICY_HOST, STR("a.b"), &err), 0);
	assert_int_equal(policy_identity_narrow(&n, &was, &is), 0);
	assert_true(policy_identity_same_rights(&n, &is));
	assert_false(policy_identity_same_rights(&n, &was));
	policy_identity_deinit(&n);
	policy_identity_deinit(&was);
	policy_identity_deinit(&is);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_parts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
