/* SPDX-License-Identifier: MIT */
/* The key for a salt: derived once, off the loop, and given to all who asked. The threads are a fake of this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/session/key_cache.h"
#include "crypto/crypto.h"

/* ---- Threads that do nothing until the test says so ---- */

static struct offload_job *jobs[4];
static size_t n_jobs;

void offload_submit(struct offload *offload, struct loop *home, struct offload_job *job)
{
	jobs[n_jobs++] = job;
}

void offload_cancel(struct offload_job *job)
{
	atomic_store(&job->cancelled, true);
}

static void finish(size_t i)
{
	if (!atomic_load(&jobs[i]->cancelled))
		jobs[i]->run(jobs[i]);
	jobs[i]->done(jobs[i]);
}

/* ---- Who asks ---- */

static struct {
	unsigned calls;
	bool given;
	struct token_key *key; /* the last that came; borrowed */
} got;

static void on_made(struct key_cache *k, const struct token_key *key)
{
	got.calls++;
	got.given = key != NULL;
	got.key = (struct token_key *)(uintptr_t)key;
}

static const uint8_t one[TOKEN_SALT_SIZE] = {1}, two[TOKEN_SALT_SIZE] = {2};

static void begin(struct key_cache *k, const char *token)
{
	memset(&got, 0, sizeof(got));
	n_jobs = 0;
	assert_int_equal(key_cache_init(k, NULL, NULL, token, on_made), 0);
}

static void assert_key_is_for(const struct token_key *key, const char *token,
	const uint8_t salt[TOKEN_SALT_SIZE])
{
	struct token_key *expected = token_key_new();
	assert_int_equal(token_key_derive((const uint8_t *)token, strlen(token), salt, expected),
		0);
	assert_memory_equal(key, expected, sizeof(*key));
	token_key_free(expected);
}

static void test_made_once(void **state)
{
	struct key_cache k;
	begin(&k, "a token");
	key_cache_ask(&k, one);
	key_cache_ask(&k, one); /* another link: it waits for the same job */
	assert_int_equal(n_jobs, 1);
	assert_int_equal(got.calls, 0);
	finish(0);
	assert_int_equal(got.calls, 1);
	assert_true(got.given);
	assert_memory_equal(k.salt, one, sizeof(one));
	assert_key_is_for(got.key, "a token", one);
	/* From then on it is there. */
	key_cache_ask(&k, one);
	assert_int_equal(got.calls, 2);
	assert_true(got.given);
	assert_int_equal(n_jobs, 1);
	key_cache_deinit(&k);
}

/* The exit node was set up anew: the key for the salt of before is no use, whenever it comes. */
static void test_another_salt(void **state)
{
	struct key_cache k;
	begin(&k, "a token");
	key_cache_ask(&k, one);
	key_cache_ask(&k, two);
	assert_int_equal(n_jobs, 2);
	finish(0);
	assert_int_equal(got.calls, 0);
	finish(1);
	assert_int_equal(got.calls, 1);
	assert_key_is_for(got.key, "a token", two);
	key_cache_ask(&k, one);
	assert_int_equal(n_jobs, 3);
	assert_int_equal(got.calls, 1);
	assert_null(k.key);
	finish(2);
	assert_key_is_for(got.key, "a token", one);
	key_cache_deinit(&k);
}

static void test_open_mode(void **state)
{
	struct key_cache k;
	begin(&k, NULL);
	key_cache_ask(&k, one);
	key_cache_ask(&k, two);
	assert_int_equal(got.calls, 2);
	assert_true(got.given);
	assert_int_equal(n_jobs, 0);
	key_cache_deinit(&k);
}

/* The client ends while the key is being derived. */
static void test_gone(void **state)
{
	struct key_cache k;
	begin(&k, "a token");
	key_cache_ask(&k, one);
	key_cache_deinit(&k);
	finish(0);
	assert_int_equal(got.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_once),
		cmocka_unit_test(test_another_salt),
		cmocka_unit_test(test_open_mode),
		cmocka_unit_test(test_gone),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
