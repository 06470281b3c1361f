/* SPDX-License-Identifier: MIT */
/* The first messages' bytes: exact sizes, one spelling for one meaning, and rule 8's truth table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/macros.h"
#include "wire/hello.h"

typedef int reader(const uint8_t *p, size_t n);

static int as_hello(const uint8_t *p, size_t n)
{
	struct hello h;
	return hello_read(p, n, &h);
}

static int as_first(const uint8_t *p, size_t n)
{
	struct hello_first f;
	return hello_read_first(p, n, &f);
}

static int as_answer(const uint8_t *p, size_t n)
{
	struct hello_answer a;
	return hello_read_answer(p, n, &a);
}

static int as_proof(const uint8_t *p, size_t n)
{
	struct hello_proof f;
	return hello_read_proof(p, n, &f);
}

static int as_result(const uint8_t *p, size_t n)
{
	struct hello_result r;
	return hello_read_result(p, n, &r);
}

/* Good at exactly its size, and at no other; each size in memory of its own. */
static void only_exact(reader *read, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i <= n + 1; i++) {
		uint8_t *copy = calloc(1, i ? i : 1);
		memcpy(copy, p, MIN(i, n));
		assert_int_equal(read(copy, i), i == n ? 0 : HELLO_E_MALFORMED);
		free(copy);
	}
}

static const uint8_t key_id[HELLO_KEY_ID] = {1, 2, 3, 4, 5, 6, 7, 8};

static struct hello sample(void)
{
	struct hello h = {.versions = {1, 2}, .version_count = 2};
	memset(h.random, 'r', sizeof h.random);
	memset(h.salt, 's', sizeof h.salt);
	return h;
}

static void hello_bytes(void **state)
{
	uint8_t at[HELLO_MAX];
	struct hello h = sample(), back;
	size_t n = hello_write(at, &h);
	assert_int_equal(n, 12 + 1 + 2 + 32 + 16);
	assert_memory_equal(at, "tunnel.hello\x02\x01\x02rrrr", 19);
	assert_memory_equal(at + n - 17, "rssssssssssssssss", 17);
	assert_int_equal(hello_read(at, n, &back), 0);
	assert_memory_equal(&back, &h, sizeof h);
	only_exact(as_hello, at, n);
}

static void hello_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {
		{0, 'T'}, {11, 'O'},       /* magic */
		{12, 0}, {12, 1}, {12, 3}, /* count: none, and sizes that do not add up */
		{12, 255},                 /* count above the maximum */
		{13, 0}, {13, 2}, {14, 1}, /* versions: zero, twice, falling */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t at[HELLO_MAX];
		struct hello h = sample();
		size_t n = hello_write(at, &h);
		at[rows[i].at] = rows[i].value;
		assert_int_equal(as_hello(at, n), HELLO_E_MALFORMED);
	}
	uint8_t many[HELLO_MAX + 1] = "tunnel.hello\x11";
	for (uint8_t i = 0; i < 17; i++)
		many[13 + i] = i + 1;
	assert_int_equal(as_hello(many, sizeof many), HELLO_E_MALFORMED);
}

static void first_message(void **state)
{
	uint8_t at[HELLO_FIRST];
	struct hello_first f;
	memset(at, 'n', sizeof at);
	assert_int_equal(hello_write_first(at, 7, key_id), 9);
	assert_int_equal(HELLO_FIRST, 92);
	only_exact(as_first, at, sizeof at);
	assert_int_equal(hello_read_first(at, sizeof at, &f), 0);
	assert_int_equal(f.version, 7);
	assert_memory_equal(f.key_id, key_id, sizeof key_id);
	assert_ptr_equal(f.noise, at + 9);
}

static void answers(void **state)
{
	uint8_t at[HELLO_ANSWER];
	struct hello_answer a;
	memset(at, 'n', sizeof at);
	assert_int_equal(hello_write_answer(at), 1);
	assert_int_equal(HELLO_ANSWER, 86);
	only_exact(as_answer, at, sizeof at);
	assert_int_equal(hello_read_answer(at, sizeof at, &a), 0);
	assert_ptr_equal(a.noise, at + 1);

	assert_int_equal(hello_write_rejection(at, HELLO_REJECTED_BUSY), HELLO_REJECTION);
	assert_memory_equal(at, "\x02\x03", 2);
	only_exact(as_answer, at, HELLO_REJECTION);
	assert_int_equal(hello_read_answer(at, HELLO_REJECTION, &a), 0);
	assert_null(a.noise);
	assert_int_equal(a.reason, HELLO_REJECTED_BUSY);

	/* One's first byte with the other's size is neither. */
	assert_int_equal(as_answer((const uint8_t *)"\x01\x01", 2), HELLO_E_MALFORMED);
	assert_int_equal(as_answer((const uint8_t *)"\x03\x01", 2), HELLO_E_MALFORMED);
	at[0] = 2;
	assert_int_equal(as_answer(at, sizeof at), HELLO_E_MALFORMED);
}

static struct hello_proof proof(bool tls, char cb, bool waived)
{
	struct hello_proof p = {.tls = tls ? HELLO_TLS_13 : HELLO_TLS_NONE, .seal_waived = waived};
	p.cb_present = cb != 0;
	memset(p.cb, cb, sizeof p.cb);
	return p;
}

static void proofs(void **state)
{
	const struct hello_proof rows[] = {proof(false, 0, false), proof(true, 0, true),
		proof(true, 'c', false)};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t at[HELLO_PROOF];
		struct hello_proof back;
		hello_write_proof(at, &rows[i]);
		only_exact(as_proof, at, sizeof at);
		assert_int_equal(hello_read_proof(at, sizeof at, &back), 0);
		assert_int_equal(back.tls, rows[i].tls);
		assert_int_equal(back.cb_present, rows[i].cb_present);
		assert_int_equal(back.seal_waived, rows[i].seal_waived);
		assert_memory_equal(back.cb, rows[i].cb, HELLO_CB);
	}
}

static void proofs_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {{0, 2}, {1, 2}, {34, 2}, /* flags */
		{0, 0},                      /* a cb without TLS 1.3 */
		{1, 0}};                     /* a cb that is said to be absent */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t at[HELLO_PROOF];
		struct hello_proof p = proof(true, 'c', true);
		hello_write_proof(at, &p);
		at[rows[i].at] = rows[i].value;
		assert_int_equal(as_proof(at, sizeof at), HELLO_E_MALFORMED);
	}
}

static void results(void **state)
{
	uint8_t at[HELLO_RESULT];
	struct hello_result r = {.proof = proof(true, 'c', false), .bound = true}, back;
	hello_write_result(at, &r);
	only_exact(as_result, at, sizeof at);
	assert_int_equal(hello_read_result(at, sizeof at, &back), 0);
	assert_true(back.bound);
	assert_false(back.sealed);
	assert_memory_equal(back.proof.cb, r.proof.cb, HELLO_CB);
	at[HELLO_RESULT - 1] = 2;
	assert_int_equal(as_result(at, sizeof at), HELLO_E_MALFORMED);
}

static void agreement(void **state)
{
	static const struct {
		bool a_tls;
		char a_cb;
		bool a_waived, b_tls;
		char b_cb;
		bool b_waived, bound, sealed;
	} rows[] = {
		{false, 0, false, false, 0, false, false, true},
		{true, 'x', false, true, 'x', false, true, false},
		{true, 'x', false, true, 'y', false, false, true}, /* TLS ends in between */
		{true, 0, false, true, 0, false, false, true},     /* absent equals nothing */
		{true, 'x', false, true, 0, false, false, true},
		{true, 'x', false, false, 0, false, false, true},
		{false, 0, true, false, 0, true, false, false},
		{false, 0, true, false, 0, false, false, true}, /* one end alone cannot waive */
		{true, 'x', true, true, 'x', true, true, false},
		{true, 'x', true, true, 'y', true, false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct hello_proof a = proof(rows[i].a_tls, rows[i].a_cb, rows[i].a_waived);
		struct hello_proof b = proof(rows[i].b_tls, rows[i].b_cb, rows[i].b_waived);
		for (int turned = 0; turned < 2; turned++) {
			bool bound, sealed;
			hello_agree(turned ? &b : &a, turned ? &a : &b, &bound, &sealed);
			if (bound != rows[i].bound || sealed != rows[i].sealed)
				fail_msg("row %zu", i);
		}
	}
	/* Every byte of a cb counts. */
	for (size_t i = 0; i < HELLO_CB; i++) {
		struct hello_proof a = proof(true, 'x', false), b = a;
		bool bound, sealed;
		b.cb[i] ^= 1;
		hello_agree(&a, &b, &bound, &sealed);
		assert_false(bound);
		assert_true(sealed);
	}
}

static void prologue(void **state)
{
	uint8_t hello[HELLO_MAX], at[HELLO_PROLOGUE_MAX];
	struct hello h = sample();
	size_t n = hello_write(hello, &h);
	size_t size = hello_prologue(at, hello, n, 2, key_id);
	assert_int_equal(size, 9 + n + 1 + 8);
	assert_memory_equal(at, "tunnel.v1", 9);
	assert_memory_equal(at + 9, hello, n);
	assert_int_equal(at[9 + n], 2);
	assert_memory_equal(at + 10 + n, key_id, 8);
	memset(hello, 'x', sizeof hello);
	assert_int_equal(hello_prologue(at, hello, HELLO_MAX, 2, key_id), HELLO_PROLOGUE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_bytes),
		cmocka_unit_test(hello_refused),
		cmocka_unit_test(first_message),
		cmocka_unit_test(answers),
		cmocka_unit_test(proofs),
		cmocka_unit_test(proofs_refused),
		cmocka_unit_test(results),
		cmocka_unit_test(agreement),
		cmocka_unit_test(prologue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
