/* SPDX-License-Identifier: MIT */
/* Private services as values, and who may ask for one. */
#include "policy/private_service.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

static struct policy_private_service make(const char *visibility, const char *auto_approval)
{
	struct policy_private_service s;
	struct error err;
	assert_int_equal(policy_private_service_init(&s, "myPLS", 7, POLICY_UDP), 0);
	assert_int_equal(policy_private_service_set_lists(&s, visibility, auto_approval, &err), 0);
	return s;
}

static void test_values(void **state)
{
	struct policy_private_service s = make("web", "web"), copy;
	uint64_t now = policy_now();
	s.e2e_key[31] = 1;
	assert_int_equal(policy_private_service_copy(&copy, &s), 0);
	policy_private_service_deinit(&s);
	policy_private_service_deinit(&s);
	assert_null(s.name);
	assert_string_equal(copy.name, "mypls");
	assert_string_equal(copy.display, "myPLS");
	assert_int_equal(strlen(copy.tag), POLICY_TAG_LENGTH);
	assert_int_equal(copy.owner, 7);
	assert_int_equal(copy.kind, POLICY_UDP);
	assert_string_equal(copy.visibility, "web");
	assert_string_equal(copy.auto_approval, "web");
	assert_string_equal(copy.fqdns, "");
	assert_string_equal(copy.description, "");
	assert_true(policy_key_given(copy.e2e_key));
	assert_false(copy.managed || copy.deleted);
	assert_true(copy.created_at <= now && copy.updated_at == copy.created_at);
	policy_private_service_deinit(&copy);
	assert_false(policy_key_given(copy.e2e_key));
	assert_string_equal(policy_service_kind_name(POLICY_TCP), "tcp");
	assert_string_equal(policy_service_kind_name(POLICY_UDP), "udp");
}

static void test_lists(void **state)
{
	struct policy_private_service s = make("api,web", "web");
	struct error err = {""};
	/* Each alone is held against the other as it is. */
	assert_int_equal(policy_private_service_set_lists(&s, NULL, "batch", &err), -EINVAL);
	assert_string_equal(err.text,
		"batch is on the auto-approval list of mypls and not on its visibility list: who "
		"may not ask needs no approval");
	assert_int_equal(policy_private_service_set_lists(&s, "api", NULL, &err), -EINVAL);
	assert_string_equal(s.visibility, "api,web");
	assert_string_equal(s.auto_approval, "web");
	assert_int_equal(policy_private_service_set_lists(&s, "api", "", &err), 0);
	assert_string_equal(s.visibility, "api");
	assert_string_equal(s.auto_approval, "");
	assert_int_equal(policy_private_service_set_lists(&s, "*", "@all", &err), -EINVAL);
	assert_int_equal(policy_private_service_set_lists(&s, "@all", "*", &err), 0);
	assert_int_equal(policy_private_service_set_lists(&s, NULL, NULL, &err), 0);
	assert_string_equal(s.visibility, "@all");
	policy_private_service_deinit(&s);
}

static void test_visible(void **state)
{
	static const struct {
		const char *visibility;
		bool web_by_name, web_by_alias, batch_by_name, batch_by_alias;
	} table[] = {
		{"", false, false, false, false},
		{"web", true, true, false, false},
		{"*", false, true, false, true},
		{"*,web", true, true, false, true},
		{"@all", true, true, true, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct policy_private_service s = make(table[i].visibility, "");
		assert_int_equal(policy_visible(&s, "web", false, false), table[i].web_by_name);
		assert_int_equal(policy_visible(&s, "web", false, true), table[i].web_by_alias);
		assert_int_equal(policy_visible(&s, "batch", false, false), table[i].batch_by_name);
		assert_int_equal(policy_visible(&s, "batch", false, true), table[i].batch_by_alias);
		assert_true(policy_visible(&s, "owner", true, false));
		s.deleted = true;
		assert_false(policy_visible(&s, "web", false, true));
		assert_false(policy_visible(&s, "owner", true, true));
		policy_private_service_deinit(&s);
	}
}

static void test_auto_approves(void **state)
{
	static const struct {
		const char *list;
		bool web;
	} table[] = {{"", false}, {"api", false}, {"web", true}, {"*", true}, {"@all", true}};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct policy_private_service s = make("@all", table[i].list);
		assert_int_equal(policy_auto_approves(&s, "web"), table[i].web);
		policy_private_service_deinit(&s);
	}
}

static void test_revive(void **state)
{
	struct policy_private_service s = make("web", "");
	char tag[POLICY_TAG_SIZE];
	strcpy(tag, s.tag);
	s.deleted = true;
	s.updated_at = 0;
	assert_int_equal(policy_private_service_revive(&s), 0);
	assert_false(s.deleted);
	assert_string_not_equal(s.tag, tag);
	assert_true(s.updated_at > 0);
	assert_true(policy_visible(&s, "web", false, false));
	policy_private_service_deinit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_visible),
		cmocka_unit_test(test_auto_approves),
		cmocka_unit_test(test_revive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
