/* SPDX-License-Identifier: MIT */
/* Who is who. */
#include "server/store/catalog.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "crypto/random.h"

static int setup(void **state)
{
	static struct catalog c;
	assert_int_equal(catalog_init(&c), 0);
	*state = &c;
	return 0;
}

static int teardown(void **state)
{
	catalog_deinit(*state);
	catalog_deinit(*state);
	return 0;
}

/* Whose the id is in a keyring of what is good now. */
static struct credential *owner_of(const struct catalog *c, const struct token_key *key)
{
	struct credential *owner;
	struct keyring *k = catalog_keyring(c);
	assert_non_null(k);
	const uint8_t *psk = keyring_find(k, key->id, &owner);
	if (owner)
		assert_memory_equal(psk, key->psk, TOKEN_PSK_SIZE);
	keyring_free(k);
	return owner;
}

static void the_token_is_that_of_default(void **state)
{
	struct catalog *c = *state;
	struct token_key key, other;
	struct error err;
	random_bytes(&key, sizeof(key));
	random_bytes(&other, sizeof(other));
	struct identity *i = catalog_find(c, STR("default"));
	assert_ptr_equal(i, c->everybody);
	assert_null(owner_of(c, &key));
	assert_int_equal(catalog_add_token(c, &key, false, &err), 0);
	struct credential *k = owner_of(c, &key);
	assert_ptr_equal(k, catalog_find_key(c, key.id));
	assert_ptr_equal(k->identity, i);
	assert_string_equal(i->name, "default");
	assert_false(i->open);
	assert_true(k->good);
	assert_null(owner_of(c, &other));
	assert_true(policy_may_host(&i->value.grants, STR("")));
	assert_true(policy_may_ports(&i->value.grants, POLICY_TCP_PORT, 0, 1));
	assert_false(i->value.is_operator);
	/* Given twice it is one. */
	assert_int_equal(catalog_add_token(c, &key, false, &err), 0);
	assert_int_equal(c->n_credentials, 1);
}

static void without_a_token_it_is_everybodys(void **state)
{
	struct catalog *c = *state;
	struct token_key key;
	struct error err;
	token_key_open_mode(&key);
	assert_int_equal(catalog_add_token(c, &key, true, &err), 0);
	assert_non_null(owner_of(c, &key));
	assert_true(owner_of(c, &key)->identity->open);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int group_setup(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_token_is_that_of_default),
		TEST(without_a_token_it_is_everybodys),
	};
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
