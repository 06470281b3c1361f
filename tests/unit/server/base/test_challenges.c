/* SPDX-License-Identifier: MIT */
/* What is answered for names under way, and nothing else. */
#include "server/base/challenges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "tls/tls_order.h"

static void test_requests(void **state)
{
	static const struct {
		const char *host, *path, *answer;
	} rows[] = {
		{"a.example", "/.well-known/acme-challenge/tok", "tok.print"},
		{"b.example", "/.well-known/tunnel-check/abc", "here"},
		{"b.example", "/.well-known/acme-challenge/tok", NULL},
		{"a.example", "/.well-known/tunnel-check/tok", NULL},
		{"a.example", "/.well-known/acme-challenge/to", NULL},
		{"a.example", "/.well-known/acme-challenge/tok/", NULL},
		{"a.example", "/.well-known/acme-challenge/", NULL},
		{"a.example", "/.well-known/acme-challenge/../acme-challenge/tok", NULL},
		{"a.example", "/", NULL},
		{"a.example", "*", NULL},
		{"", "/.well-known/acme-challenge/tok", NULL},
		{"c.example", "/.well-known/acme-challenge/", NULL},
	};
	struct challenges *c = challenges_new(3);
	challenges_add(c,
		&(struct challenge){"a.example", CHALLENGE_HTTP_PATH, "tok", "tok.print", NULL});
	challenges_add(c,
		&(struct challenge){"b.example", CHALLENGE_CHECK_PATH, "abc", "here", NULL});
	challenges_add(c, &(struct challenge){"c.example", NULL, "", "", NULL});
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct challenge *found =
			challenges_find(c, str_from(rows[i].host), str_from(rows[i].path));
		assert_true(!found == !rows[i].answer);
		if (found)
			assert_string_equal(found->answer, rows[i].answer);
	}
	assert_null(challenges_tls(c, STR("a.example")));
	challenges_unref(c);
}

/* The table holds what it answers with for as long as a worker has it. */
static void test_tls(void **state)
{
	static const uint8_t digest[TLS_CHALLENGE_SIZE] = {1, 2, 3};
	struct error err;
	struct challenge it = {.name = "a.example",
		.tls = tls_challenge_server("a.example", digest, &err)};
	assert_non_null(it.tls);
	struct challenges *c = challenges_new(1);
	challenges_add(c, &it);
	it.tls = tls_server_unref(it.tls);
	struct challenges *worker = challenges_ref(c);
	challenges_unref(c);
	assert_non_null(challenges_tls(worker, STR("a.example")));
	assert_true(tls_server_covers(challenges_tls(worker, STR("a.example")), STR("b.example")) ==
		    false);
	assert_null(challenges_tls(worker, STR("b.example")));
	assert_null(challenges_tls(worker, STR("")));
	challenges_unref(worker);
}

int main(void)
{
	crypto_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
