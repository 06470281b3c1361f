/* SPDX-License-Identifier: MIT */
/* Which key id stands for which key, and that a stranger learns nothing from how long the answer takes. */
#include "server/store/keyring.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "tests/unit/emulated.h"

#define KEYS_MANY 20000      /* as many as an exit node is said to serve */
#define SIZE_MANY (5u << 18) /* bytes: 65 for each, of which 32 are the key */

struct credential {
	size_t number;
};

struct keys {
	size_t n;
	struct token_key *key;
	struct keyring_key *list;
	struct credential *owner;
	struct keyring *ring;
};

static struct keys *keys_new(size_t n)
{
	struct keys *k = calloc(1, sizeof(*k));
	assert_non_null(k);
	k->n = n;
	k->key = calloc(n + 1, sizeof(*k->key));
	k->list = calloc(n + 1, sizeof(*k->list));
	k->owner = calloc(n + 1, sizeof(*k->owner));
	for (size_t i = 0; i < n; i++) {
		random_bytes(&k->key[i], sizeof(k->key[i]));
		k->list[i] = (struct keyring_key){k->key[i].id, k->key[i].psk, &k->owner[i]};
	}
	k->ring = keyring_new(k->list, n);
	assert_non_null(k->ring);
	return k;
}

static void keys_free(struct keys *k)
{
	keyring_free(k->ring);
	free(k->key);
	free(k->list);
	free(k->owner);
	free(k);
}

static const size_t sizes[] = {0, 1, 2, 7, 8, 9, 100, 1000, KEYS_MANY};

/* Also with the same keys: what was remembered of one is not taken for the other's. */
static void each_has_a_stamp_of_its_own(void **state)
{
	struct keys *k = keys_new(3);
	struct keyring *again = keyring_new(k->list, k->n);
	assert_non_null(again);
	assert_int_equal(keyring_stamp(k->ring), keyring_stamp(k->ring));
	assert_true(keyring_stamp(k->ring) != keyring_stamp(again));
	keyring_free(again);
	keys_free(k);
}

static void each_key_is_found(void **state)
{
	for (size_t at = 0; at < ARRAY_LEN(sizes); at++) {
		struct keys *k = keys_new(sizes[at]);
		for (size_t i = 0; i < k->n; i++) {
			struct credential *owner = NULL;
			const uint8_t *psk = keyring_find(k->ring, k->key[i].id, &owner);
			assert_memory_equal(psk, k->key[i].psk, TOKEN_PSK_SIZE);
			assert_ptr_equal(owner, &k->owner[i]);
		}
		keys_free(k);
	}
}

/* Also one that shares all bytes but one with an id that is there, and the id of open mode (rule 12). */
static void an_unknown_id_stands_for_the_key_of_nobody(void **state)
{
	for (size_t at = 0; at < ARRAY_LEN(sizes); at++) {
		struct keys *k = keys_new(sizes[at]);
		struct credential *owner = &k->owner[0];
		uint8_t id[TOKEN_ID_SIZE] = {0}, first[TOKEN_PSK_SIZE];
		memcpy(first, keyring_find(k->ring, id, &owner), sizeof(first));
		assert_null(owner);
		for (size_t i = 0; i < k->n && i < 100; i++) {
			memcpy(id, k->key[i].id, sizeof(id));
			id[i % sizeof(id)] ^= (uint8_t)(1 + i % 255);
			owner = &k->owner[0];
			assert_memory_equal(keyring_find(k->ring, id, &owner), first,
				sizeof(first));
			assert_null(owner);
		}
		struct keyring *other = keyring_new(k->list, k->n);
		assert_memory_not_equal(keyring_find(other, id, &owner), first, sizeof(first));
		keyring_free(other);
		keys_free(k);
	}
}

static void everybody_is_found_in_open_mode(void **state)
{
	struct token_key key;
	struct credential everybody, *owner;
	token_key_open_mode(&key);
	struct keyring *k = keyring_new(&(struct keyring_key){key.id, key.psk, &everybody}, 1);
	assert_memory_equal(keyring_find(k, key.id, &owner), key.psk, TOKEN_PSK_SIZE);
	assert_ptr_equal(owner, &everybody);
	random_bytes(key.id, sizeof(key.id));
	keyring_find(k, key.id, &owner);
	assert_null(owner);
	keyring_free(k);
}

static void many_take_little_memory(void **state)
{
	struct keys *k = keys_new(KEYS_MANY);
	print_message("%d keys: %zu KiB\n", KEYS_MANY, keyring_size(k->ring) >> 10);
	assert_true(keyring_size(k->ring) < SIZE_MANY);
	keys_free(k);
}

/* ---- How long it takes: instructions of a child that is stepped through a look-up ---- */

static void child(const struct keyring *k, const uint8_t id[TOKEN_ID_SIZE])
{
	struct credential *owner;
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	keyring_find(k, id, &owner);
	_exit(0);
}

static unsigned long steps(const struct keyring *k, const uint8_t id[TOKEN_ID_SIZE])
{
	unsigned long n = 0;
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(k, id);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status)) {
		print_message("a process may not trace its child here\n");
		skip();
	}
	for (; WIFSTOPPED(status); n++) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	return n;
}

static void known_and_unknown_ids_take_the_same_steps(void **state)
{
	if (EMULATED)
		skip(); /* no ptrace(), by which steps are counted */
	struct keys *k = keys_new(1000);
	struct credential *owner;
	uint8_t id[TOKEN_ID_SIZE];
	/* What is resolved at the first call is so in each child. */
	keyring_find(k->ring, k->key[0].id, &owner);
	unsigned long known = steps(k->ring, k->key[0].id);
	for (unsigned i = 0; i < 4; i++) {
		random_bytes(id, sizeof(id));
		assert_int_equal(steps(k->ring, id), known);
		assert_int_equal(steps(k->ring, k->key[i + 1].id), known);
	}
	print_message("a look-up and what is around it: %lu instructions\n", known);
	keys_free(k);
}

static int setup(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_a_stamp_of_its_own),
		cmocka_unit_test(each_key_is_found),
		cmocka_unit_test(an_unknown_id_stands_for_the_key_of_nobody),
		cmocka_unit_test(everybody_is_found_in_open_mode),
		cmocka_unit_test(many_take_little_memory),
		cmocka_unit_test(known_and_unknown_ids_take_the_same_steps),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
