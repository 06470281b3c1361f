/* SPDX-License-Identifier: MIT */
/* Who is who. */
#include "server/store/catalog.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "store/store.h"
#include "tests/unit/emulated.h"

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

/* ---- Rows ---- */

static struct store_row identity_row(uint64_t id, const char *name)
{
	struct store_row row = {.kind = STORE_IDENTITY};
	assert_int_equal(policy_identity_init(&row.identity, name), 0);
	row.identity.id = id;
	return row;
}

static struct store_row credential_row(uint64_t identity, struct token_key *key)
{
	static char label[] = "laptop";
	struct store_row row = {.kind = STORE_CREDENTIAL};
	random_bytes(key, sizeof(*key));
	memcpy(row.credential.key_id, key->id, TOKEN_ID_SIZE);
	memcpy(row.psk, key->psk, TOKEN_PSK_SIZE);
	row.credential.identity = identity;
	row.credential.label = label;
	row.credential.expires_at = row.credential.revoked_at = POLICY_NONE;
	return row;
}

static void apply(struct catalog *c, struct store_row *rows, size_t n)
{
	assert_int_equal(catalog_apply(c, rows, n), 0);
	for (size_t i = 0; i < n; i++)
		if (rows[i].kind == STORE_IDENTITY)
			policy_identity_deinit(&rows[i].identity);
	catalog_look(c, policy_now());
}

static void rows_come_in_any_order(void **state)
{
	static const char *const names[] = {"b", "default", "ma", "mb", "z", NULL};
	struct catalog *c = *state;
	struct token_key key;
	/* A credential before its identity, and names not as they sort. */
	struct store_row rows[] = {credential_row(7, &key), identity_row(5, "z"),
		identity_row(7, "b"), identity_row(6, "mb")};
	apply(c, rows, ARRAY_LEN(rows));
	struct store_row one = identity_row(9, "ma");
	apply(c, &one, 1);
	for (size_t i = 0; names[i]; i++)
		assert_string_equal(c->identities[i]->name, names[i]);
	assert_int_equal(c->n, 5);
	assert_int_equal(c->max_id, 9);
	assert_int_equal(catalog_position(c, STR("m")), 2);
	assert_int_equal(catalog_position(c, STR("zz")), 5);
	assert_null(catalog_find(c, STR("m")));
	assert_null(catalog_find(c, STR("maa")));
	struct credential *k = owner_of(c, &key);
	assert_ptr_equal(k->identity, catalog_find(c, STR("b")));
	assert_string_equal(k->value.label, "laptop");
}

static void addresses_stay(void **state)
{
	struct catalog *c = *state;
	struct token_key key;
	struct store_row rows[] = {identity_row(1, "a"), credential_row(1, &key)};
	apply(c, rows, 2);
	struct identity *i = catalog_find(c, STR("a"));
	struct credential *k = owner_of(c, &key);
	struct store_row next = identity_row(1, "a");
	next.identity.max_streams = 3;
	apply(c, &next, 1);
	assert_ptr_equal(catalog_find(c, STR("a")), i);
	assert_int_equal(i->value.max_streams, 3);
	assert_int_equal(i->max_streams, 3);
	assert_ptr_equal(owner_of(c, &key), k);
	/* Deleted, and another one of its name comes in the same breath. */
	struct store_row again[] = {identity_row(1, "a"), identity_row(2, "a")};
	again[0].gone = true;
	apply(c, again, 2);
	assert_ptr_not_equal(catalog_find(c, STR("a")), i);
	assert_true(i->deleted);
	assert_string_equal(i->name, "a");
	assert_null(owner_of(c, &key));
	assert_null(catalog_find_key(c, key.id));
	assert_false(k->good);
	assert_int_equal(c->n_credentials, 0);
}

static void what_is_not_good_is_not_in_the_keyring(void **state)
{
	struct catalog *c = *state;
	struct token_key key;
	struct store_row rows[] = {identity_row(1, "a"), credential_row(1, &key)};
	struct store_row token = rows[1];
	apply(c, rows, 2);
	assert_non_null(owner_of(c, &key));
	assert_int_equal(catalog_look(c, policy_now()), POLICY_NONE);

	struct store_row identity = identity_row(1, "a");
	identity.identity.revoked = true;
	apply(c, &identity, 1);
	assert_null(owner_of(c, &key));
	identity = identity_row(1, "a");
	apply(c, &identity, 1);
	assert_non_null(owner_of(c, &key));

	uint64_t then = policy_now() + 1000 * CLOCK_S;
	token.credential.expires_at = then;
	apply(c, &token, 1);
	assert_int_equal(catalog_look(c, policy_now()), then);
	while (catalog_next_changed(c))
		;
	c->keys_changed = false;
	assert_int_equal(catalog_look(c, then), POLICY_NONE);
	assert_true(c->keys_changed);
	assert_ptr_equal(catalog_next_changed(c), catalog_find(c, STR("a")));
	assert_null(catalog_next_changed(c));
	assert_null(owner_of(c, &key));

	token.credential.expires_at = POLICY_NONE;
	apply(c, &token, 1);
	assert_non_null(owner_of(c, &key));
	/* Revoked: its key is wiped, so that no later row brings it back without one. */
	token.credential.revoked_at = policy_now();
	apply(c, &token, 1);
	assert_null(owner_of(c, &key));
	assert_int_equal(catalog_find_key(c, key.id)->psk, 0);
}

/* A row of `default` binds --token too, whichever comes first, and a key of it that was revoked is so. */
static void rows_of_default_bind_the_token(void **state)
{
	struct catalog *c = *state;
	struct token_key key;
	struct error err;
	struct store_row rows[] = {identity_row(4, POLICY_DEFAULT), credential_row(4, &key)};
	rows[1].credential.revoked_at = policy_now();
	apply(c, rows, 2);
	assert_int_equal(c->n, 1);
	assert_ptr_equal(catalog_find(c, STR("default")), c->everybody);
	assert_false(policy_may_host(&c->everybody->value.grants, STR("a.example")));
	assert_int_equal(catalog_add_token(c, &key, false, &err), 0);
	assert_null(owner_of(c, &key));
	/* It cannot be deleted. */
	struct store_row gone = identity_row(4, POLICY_DEFAULT);
	gone.gone = true;
	apply(c, &gone, 1);
	assert_false(c->everybody->deleted);
}

static void a_token_has_one_identity(void **state)
{
	struct catalog *c = *state;
	struct token_key key;
	struct error err;
	struct store_row rows[] = {identity_row(1, "a"), credential_row(1, &key)};
	apply(c, rows, 2);
	assert_int_equal(catalog_add_token(c, &key, false, &err), -EINVAL);
	assert_non_null(strstr(err.text, "identity a"));
}

#define MANY 20000

/* Processor time of this process, µs: others on the machine do not count. */
static uint64_t processor_time(void)
{
	return (uint64_t)clock() * CLOCK_S / CLOCKS_PER_SEC;
}

/* In a time that grows with their number, and not with its square. */
static void many_are_there_soon(void **state)
{
	struct catalog *c = *state;
	struct store_row *rows = calloc(2 * MANY, sizeof(*rows));
	struct token_key *keys = calloc(MANY, sizeof(*keys));
	for (size_t i = 0; i < MANY; i++) {
		char name[POLICY_NAME_SIZE];
		snprintf(name, sizeof(name), "team-%05zu", i * 7919 % MANY);
		rows[i] = identity_row(i + 1, name);
		rows[MANY + i] = credential_row(i + 1, &keys[i]);
	}
	uint64_t began = processor_time();
	apply(c, rows, 2 * MANY);
	uint64_t applied = processor_time();
	struct keyring *k = catalog_keyring(c);
	uint64_t ended = processor_time();
	print_message("%d rows in %llu ms, their keyring in %llu ms\n", 2 * MANY,
		(unsigned long long)((applied - began) / CLOCK_MS),
		(unsigned long long)((ended - applied) / CLOCK_MS));
	assert_true(EMULATED || ended - began < CLOCK_S);
	for (size_t i = 0; i < MANY; i++) {
		struct credential *owner;
		assert_memory_equal(keyring_find(k, keys[i].id, &owner), keys[i].psk,
			TOKEN_PSK_SIZE);
		assert_int_equal(owner->identity->value.id, i + 1);
	}
	keyring_free(k);
	free(keys);
	free(rows);
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
		TEST(rows_come_in_any_order),
		TEST(addresses_stay),
		TEST(what_is_not_good_is_not_in_the_keyring),
		TEST(rows_of_default_bind_the_token),
		TEST(a_token_has_one_identity),
		TEST(many_are_there_soon),
	};
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
