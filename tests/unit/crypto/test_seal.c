/* SPDX-License-Identifier: MIT */
/* The record cipher: known answers, the rekey, and everything that must not open. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "crypto/seal.h"
#include "hex.h"

static const uint8_t key_zero[SEAL_KEY_SIZE];
static const uint8_t key_count[SEAL_KEY_SIZE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static enum seal_suite suite; /* of the tests that run now */

/* Both ends of one direction. */
struct pair {
	struct seal send, recv;
};

static void pair_init(struct pair *p, const uint8_t key[SEAL_KEY_SIZE])
{
	assert_int_equal(seal_init(&p->send, suite, key), 0);
	assert_int_equal(seal_init(&p->recv, suite, key), 0);
}

static void pair_deinit(struct pair *p)
{
	seal_deinit(&p->send);
	seal_deinit(&p->recv);
}

/* One short message that says its own number goes through. */
static void pass(struct pair *p, uint64_t number)
{
	uint8_t buf[sizeof(number) + SEAL_TAG_SIZE];
	memcpy(buf, &number, sizeof(number));
	assert_int_equal(seal_encrypt(&p->send, buf, sizeof(number)), 0);
	assert_memory_not_equal(buf, &number, sizeof(number));
	assert_int_equal(seal_decrypt(&p->recv, buf, sizeof(buf)), 0);
	assert_memory_equal(buf, &number, sizeof(number));
}

/*
 * RFC 8439 has no vector without associated data, but its pieces: with key and nonce zero the
 * cipher text of 64 zeros is the key stream of A.1, test vector 2, and the tag is Poly1305 over it
 * under the one-time key that A.1, test vector 1, begins with (computed with plain integers in
 * Python).
 */
static void rfc_8439(void **state)
{
	struct pair p;
	uint8_t buf[64 + SEAL_TAG_SIZE] = {0};
	uint8_t expected[sizeof(buf)];
	unhex("9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
	      "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"
	      "75c5180ef52d6921037a3d0af9f0dac8",
		expected, sizeof(expected));
	pair_init(&p, key_zero);
	assert_int_equal(seal_encrypt(&p.send, buf, 64), 0);
	assert_memory_equal(buf, expected, sizeof(buf));
	assert_int_equal(seal_decrypt(&p.recv, buf, sizeof(buf)), 0);
	assert_memory_equal(buf, key_zero, 32);
	pair_deinit(&p);
}

/* Made with Python's cryptography: the same six bytes under nonce n and the key after n / 4096
 * rekeys; in ChaChaPoly and AESGCM. */
static void rekey_known_answers(void **state)
{
	static const struct {
		unsigned n;
		const char *sealed[2];
	} cases[] = {
		{0, {"6add215edf82b828e33d5e6784d0cac5e7e79ab69ca9",
			    "7cd9d6b1c748c1075cda2add8622a2895f380ef22c0d"}},
		{1, {"ed329030c74e03b35a3ff084d60e8119dc98ebbe0444",
			    "67b3dc9336904469a63285e0a21c75f7bcfc95cf16c0"}},
		{4095, {"83cbe876505602057b6c6d9a25bbb88fa635806be403",
			       "1f8c451c7430f5439cf4a640a6eb44fa59beaab5f722"}},
		{4096, {"cc83d8cb32beb29556eca69580699ce33ce149175137",
			       "91e1f597aeb1f0abcacf2f14035acc6f1d5534d968c8"}},
		{4097, {"bfafb771912b125016d3a89798a859ab69acb95a1863",
			       "660482b09f1491249b818875751a60e4cb14eefdf064"}},
		{8191, {"e98c66dd712281d53101a8df4225c47bc3b6a52086b0",
			       "04ff6a13cfeb721b88152d9720fe9b5d9e750330bd47"}},
		{8192, {"ee0b507e14bebc06dea2d3859f3831e5b62d1f0a266e",
			       "a430299b56cf1adb3b18c3d3c76b187674fd971fd969"}},
		{12288, {"312794f757369f9d02be89960846d45f7557e2f53880",
				"b9c382767929d02ed203ca3a53773c80532028c0950c"}},
		{16384, {"59e45bb1903e39b062da74d27dafb22e066f1db089ed",
				"f6c7636ee62de67793db822deb7b6ddf4be5989743f3"}},
	};
	struct seal seal;
	assert_int_equal(seal_init(&seal, suite, key_count), 0);
	size_t next = 0;
	for (unsigned n = 0; next < ARRAY_LEN(cases); n++) {
		uint8_t buf[6 + SEAL_TAG_SIZE] = "record", expected[sizeof(buf)];
		assert_int_equal(seal_encrypt(&seal, buf, 6), 0);
		if (n != cases[next].n)
			continue;
		unhex(cases[next++].sealed[suite], expected, sizeof(expected));
		assert_memory_equal(buf, expected, sizeof(buf));
	}
	seal_deinit(&seal);
}

/* Both libraries have a schedule of their own; the long message is the other's. */
static void a_rekey_reaches_long_messages(void **state)
{
	enum { N = 4096 };
	static const uint8_t plain[N];
	uint8_t buf[N + SEAL_TAG_SIZE] = {0}, once[sizeof(buf)];
	struct pair p;
	pair_init(&p, key_count);
	for (uint64_t i = 0; i < SEAL_REKEY_EVERY; i++)
		pass(&p, i);
	assert_int_equal(seal_encrypt(&p.send, buf, N), 0);
	seal_once(suite, p.send.key, SEAL_REKEY_EVERY, NULL, 0, plain, N, once);
	assert_memory_equal(buf, once, sizeof(buf));
	assert_int_equal(seal_decrypt(&p.recv, buf, sizeof(buf)), 0);
	assert_memory_equal(buf, plain, N);
	pair_deinit(&p);
}

/* One direction carries three times as much; each counts for itself. */
static void directions_stay_in_step(void **state)
{
	struct pair up, down;
	pair_init(&up, key_zero);
	pair_init(&down, key_count);
	uint8_t first[SEAL_KEY_SIZE];
	memcpy(first, up.send.key, sizeof(first));
	for (uint64_t i = 0; i < 4 * SEAL_REKEY_EVERY + 5; i++) {
		pass(&up, 3 * i);
		pass(&up, 3 * i + 1);
		pass(&up, 3 * i + 2);
		pass(&down, i);
		assert_memory_equal(up.send.key, up.recv.key, SEAL_KEY_SIZE);
		assert_memory_equal(down.send.key, down.recv.key, SEAL_KEY_SIZE);
	}
	assert_memory_not_equal(up.send.key, first, sizeof(first));
	assert_int_equal(up.send.n, 3 * (4 * SEAL_REKEY_EVERY + 5));
	pair_deinit(&up);
	pair_deinit(&down);
}

static void one_lost_message_ends_it_across_a_rekey(void **state)
{
	struct pair p;
	pair_init(&p, key_count);
	for (unsigned i = 0; i < SEAL_REKEY_EVERY - 1; i++)
		pass(&p, i);
	uint8_t lost[SEAL_TAG_SIZE], next[SEAL_TAG_SIZE];
	assert_int_equal(seal_encrypt(&p.send, lost, 0), 0);
	assert_int_equal(seal_encrypt(&p.send, next, 0), 0);
	assert_int_equal(seal_decrypt(&p.recv, next, sizeof(next)), SEAL_E_AUTH);
	pair_deinit(&p);
}

/* Every length around those at which another library takes over says the same as seal_once(). */
static void sizes(void **state)
{
	static const size_t lengths[] = {2047, 2048, 2049, 4096, 16384, SEAL_PLAIN_MAX};
	static uint8_t buf[SEAL_PLAIN_MAX + SEAL_TAG_SIZE + 2], plain[SEAL_PLAIN_MAX];
	static uint8_t once[SEAL_PLAIN_MAX + SEAL_TAG_SIZE];
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 31 + i / 256);
	struct pair p;
	pair_init(&p, key_count);
	for (size_t i = 0; i < 300 + ARRAY_LEN(lengths); i++) {
		size_t n = i < 300 ? i : lengths[i - 300];
		seal_once(suite, key_count, i, NULL, 0, plain, n, once);
		memcpy(buf, plain, n);
		buf[n + SEAL_TAG_SIZE] = 0xa5;
		assert_int_equal(seal_encrypt(&p.send, buf, n), 0);
		assert_memory_equal(buf, once, n + SEAL_TAG_SIZE);
		assert_int_equal(seal_decrypt(&p.recv, buf, n + SEAL_TAG_SIZE), 0);
		assert_memory_equal(buf, plain, n);
		assert_int_equal(buf[n + SEAL_TAG_SIZE], 0xa5);
	}
	for (size_t n = 0; n < SEAL_TAG_SIZE; n++)
		assert_int_equal(seal_decrypt(&p.recv, buf, n), SEAL_E_AUTH);
	pair_deinit(&p);
}

/* A peer that breaks the limit and seals one byte too many, correctly. */
static void too_long(void **state)
{
	static uint8_t buf[SEAL_PLAIN_MAX + 1 + SEAL_TAG_SIZE];
	struct pair p;
	pair_init(&p, key_zero);
	assert_int_equal(seal_encrypt(&p.send, buf, SEAL_PLAIN_MAX + 1), -EMSGSIZE);
	assert_int_equal(seal_encrypt(&p.send, buf, SEAL_PLAIN_MAX), 0);
	/* The last byte and the tag of 65,520 zeros, made with Python's cryptography. */
	unhex("a7cd22ff9c33fb0760574cce677349fd10", buf + SEAL_PLAIN_MAX, 1 + SEAL_TAG_SIZE);
	assert_int_equal(seal_decrypt(&p.recv, buf, sizeof(buf)), SEAL_E_AUTH);
	pair_deinit(&p);
}

/* In steps of so many bits and bytes. */
static void notice_changes(size_t n_plain, size_t step)
{
	static const uint8_t zeros[SEAL_PLAIN_MAX + SEAL_TAG_SIZE];
	static uint8_t sealed[sizeof(zeros)], buf[sizeof(zeros)];
	const size_t n_sealed = n_plain + SEAL_TAG_SIZE;
	struct pair p;
	pair_init(&p, key_count);
	strcpy((char *)sealed, "GET / HTTP/1.1");
	assert_int_equal(seal_encrypt(&p.send, sealed, n_plain), 0);
	for (size_t bit = 0; bit < n_sealed * 8; bit += step) {
		memcpy(buf, sealed, n_sealed);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(seal_decrypt(&p.recv, buf, n_sealed), SEAL_E_AUTH);
		assert_memory_equal(buf, zeros, n_sealed);
	}
	for (size_t n = 0; n < n_sealed; n += step) {
		memcpy(buf, sealed, n_sealed);
		assert_int_equal(seal_decrypt(&p.recv, buf, n), SEAL_E_AUTH);
	}
	/* The untouched one still opens: what was refused above was refused for its bits. */
	assert_int_equal(seal_decrypt(&p.recv, sealed, n_sealed), 0);
	assert_string_equal((char *)sealed, "GET / HTTP/1.1");
	pair_deinit(&p);
}

static void every_changed_bit_is_noticed(void **state)
{
	notice_changes(40, 1);
	notice_changes(5000, 61); /* the other library's */
}

static void order_is_part_of_the_seal(void **state)
{
	struct pair p;
	pair_init(&p, key_count);
	uint8_t a[4 + SEAL_TAG_SIZE] = "one", b[sizeof(a)] = "two", copy[sizeof(a)];
	assert_int_equal(seal_encrypt(&p.send, a, 4), 0);
	assert_int_equal(seal_encrypt(&p.send, b, 4), 0);
	memcpy(copy, b, sizeof(copy));
	assert_int_equal(seal_decrypt(&p.recv, copy, sizeof(copy)), SEAL_E_AUTH); /* overtaking */
	memcpy(copy, a, sizeof(copy));
	assert_int_equal(seal_decrypt(&p.recv, copy, sizeof(copy)), 0);
	memcpy(copy, a, sizeof(copy));
	assert_int_equal(seal_decrypt(&p.recv, copy, sizeof(copy)), SEAL_E_AUTH); /* replayed */
	assert_int_equal(seal_decrypt(&p.recv, b, sizeof(b)), 0);
	pair_deinit(&p);
}

static void the_last_nonce_is_reserved(void **state)
{
	struct seal seal;
	uint8_t buf[SEAL_TAG_SIZE];
	assert_int_equal(seal_init(&seal, suite, key_count), 0);
	seal.n = UINT64_MAX;
	assert_int_equal(seal_encrypt(&seal, buf, 0), -EIO);
	assert_int_equal(seal_decrypt(&seal, buf, sizeof(buf)), -EIO);
	seal_deinit(&seal);
}

static void deinit_wipes(void **state)
{
	static const struct seal zero;
	struct seal seal;
	assert_int_equal(seal_init(&seal, suite, key_count), 0);
	seal_deinit(&seal);
	assert_memory_equal(&seal, &zero, sizeof(zero));
	seal_deinit(&seal);
	seal_deinit(NULL);
}

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rekey_known_answers),
		cmocka_unit_test(a_rekey_reaches_long_messages),
		cmocka_unit_test(directions_stay_in_step),
		cmocka_unit_test(one_lost_message_ends_it_across_a_rekey),
		cmocka_unit_test(sizes),
		cmocka_unit_test(too_long),
		cmocka_unit_test(every_changed_bit_is_noticed),
		cmocka_unit_test(order_is_part_of_the_seal),
		cmocka_unit_test(the_last_nonce_is_reserved),
		cmocka_unit_test(deinit_wipes),
	};
	const struct CMUnitTest of_rfc_8439[] = {cmocka_unit_test(rfc_8439)};
	int failed = cmocka_run_group_tests(of_rfc_8439, NULL, NULL);
	failed += cmocka_run_group_tests(tests, NULL, NULL);
	if (seal_has_aes()) {
		suite = SEAL_AESGCM;
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	}
	return failed;
}
