/* SPDX-License-Identifier: MIT */
/* Identities and credentials as values: what a new one has, copies that stand alone, states. */
#include "policy/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_new(void **state)
{
	struct policy_identity i;
	uint64_t now = policy_now();
	assert_int_equal(policy_identity_init(&i, "api-team"), 0);
	assert_string_equal(i.name, "api-team");
	assert_string_equal(i.description, "");
	assert_int_equal(i.id, 0);
	assert_true(i.max_sessions == POLICY_NONE && i.max_streams == POLICY_NONE);
	assert_true(i.rate_up == POLICY_NONE && i.rate_down == POLICY_NONE);
	assert_true(i.max_endpoints == POLICY_NONE && i.expires_at == POLICY_NONE);
	assert_true(i.created_at >= now && i.updated_at == i.created_at);
	assert_false(i.is_operator || i.revoked);
	assert_false(policy_may_host(&i.grants, STR("a.org")));
	assert_false(policy_may_ports(&i.grants, POLICY_TCP_PORT, 80, 1));
	policy_identity_deinit(&i);
	policy_identity_deinit(&i);
}

static void test_every_grant(void **state)
{
	struct policy_identity i;
	struct address peer = {.family = ADDRESS_V6};
	assert_int_equal(policy_identity_init_all(&i, POLICY_DEFAULT), 0);
	assert_true(policy_may_host(&i.grants, STR("")));
	assert_true(policy_may_ports(&i.grants, POLICY_TCP_PORT, 0, 1));
	assert_true(policy_may_ports(&i.grants, POLICY_UDP_PORT, 1, 65535));
	assert_true(policy_may_publish(&i.grants, STR("redis")));
	assert_true(policy_may_consume(&i.grants, STR("redis")));
	assert_true(policy_may_come_from(&i.grants, &peer));
	assert_false(i.is_operator);
	policy_identity_deinit(&i);
}

static void test_copies(void **state)
{
	struct policy_identity i, copy;
	struct error err;
	assert_int_equal(policy_identity_init(&i, "a"), 0);
	assert_int_equal(policy_grants_add(&i.grants, POLICY_HOST, STR("a.org"), &err), 0);
	i.rate_up = 7;
	assert_int_equal(policy_identity_copy(&copy, &i), 0);
	policy_identity_deinit(&i);
	assert_true(policy_may_host(&copy.grants, STR("a.org")));
	assert_string_equal(copy.description, "");
	assert_int_equal(copy.rate_up, 7);
	policy_identity_deinit(&copy);

	struct policy_credential c = {.key_id = {1}, .label = NULL}, other;
	assert_int_equal(policy_credential_copy(&other, &c), 0);
	assert_string_equal(other.label, "");
	assert_int_equal(other.key_id[0], 1);
	policy_credential_deinit(&other);
	assert_int_equal(other.key_id[0], 0);
}

static void test_states(void **state)
{
	struct policy_identity i = {.expires_at = 100};
	struct policy_credential c = {.expires_at = POLICY_NONE, .revoked_at = POLICY_NONE};
	assert_int_equal(policy_identity_state(&i, 99), POLICY_ACTIVE);
	assert_int_equal(policy_identity_state(&i, 100), POLICY_EXPIRED);
	i.revoked = true;
	assert_int_equal(policy_identity_state(&i, 100), POLICY_REVOKED);
	assert_int_equal(policy_credential_state(&c, UINT64_MAX - 1), POLICY_ACTIVE);
	c.expires_at = 0;
	assert_int_equal(policy_credential_state(&c, 0), POLICY_EXPIRED);
	c.revoked_at = 0;
	assert_int_equal(policy_credential_state(&c, 0), POLICY_REVOKED);
	assert_string_equal(policy_state_name(POLICY_EXPIRED), "expired");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_every_grant),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_states),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
