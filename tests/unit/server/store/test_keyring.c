/* SPDX-License-Identifier: MIT */
/* Which key id opens the listener, and for whom. */
#include "server/store/keyring.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"

static const uint8_t salt[TOKEN_SALT_SIZE] = "0123456789abcdef";
static const uint8_t open_id[TOKEN_ID_SIZE];

static int add(struct keyring *k, const char *identity, const char *token, struct error *err)
{
	struct secret *secret = secret_new(token, strlen(token));
	int r = keyring_add(k, identity, secret, salt, err);
	secret_free(secret);
	return r;
}

/* What a client with this token would send. */
static const struct keyring_entry *find(const struct keyring *k, const char *token)
{
	struct token_key key;
	assert_int_equal(token_key_derive((const uint8_t *)token, strlen(token), salt, &key), 0);
	const struct keyring_entry *e = keyring_find(k, key.id);
	if (e)
		assert_memory_equal(e->key->psk, key.psk, TOKEN_PSK_SIZE);
	return e;
}

static void test_tokens(void **state)
{
	struct keyring k = KEYRING_NULL;
	struct error err;
	char name[] = "team";
	assert_null(keyring_find(&k, open_id));
	assert_int_equal(add(&k, KEYRING_DEFAULT, "a token that is long enough\n", &err), 0);
	assert_int_equal(add(&k, name, "fifteen letters\r\n", &err), 0);
	assert_int_equal(add(&k, "team", "the next one, for rotation", &err), 0);
	name[0] = 'T'; /* names are copied */

	const struct keyring_entry *first = find(&k, "a token that is long enough");
	const struct keyring_entry *old = find(&k, "fifteen letters");
	const struct keyring_entry *new = find(&k, "the next one, for rotation");
	assert_string_equal(first->identity, KEYRING_DEFAULT);
	assert_string_equal(old->identity, "team");
	/* Two tokens, one identity: claims compare addresses. */
	assert_ptr_equal(old->identity, new->identity);
	assert_ptr_not_equal(old, new);
	assert_false(first->open);

	assert_null(find(&k, "another token altogether"));
	/* Rule 12: a server with tokens has no open listener. */
	assert_null(keyring_find(&k, open_id));
	assert_int_equal(keyring_add_open(&k, &err), -EINVAL);
	assert_null(keyring_find(&k, open_id));

	assert_int_equal(add(&k, "thief", "fifteen letters", &err), -EINVAL);
	assert_non_null(strstr(err.text, "team"));
	assert_null(strstr(err.text, "fifteen"));
	assert_int_equal(add(&k, "nobody", "\r\n", &err), -EINVAL);
	assert_int_equal(k.n, 3);
	keyring_deinit(&k);
	keyring_deinit(&k);
}

static void test_open(void **state)
{
	struct keyring k = KEYRING_NULL;
	struct error err;
	assert_int_equal(keyring_add_open(&k, &err), 0);
	const struct keyring_entry *e = keyring_find(&k, open_id);
	assert_non_null(e);
	assert_true(e->open);
	assert_string_equal(e->identity, KEYRING_DEFAULT);
	assert_null(find(&k, "a client's token"));
	assert_int_equal(add(&k, "x", "a token that is long enough", &err), -EINVAL);
	assert_int_equal(k.n, 1);
	keyring_deinit(&k);
}

static int setup(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_open),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
