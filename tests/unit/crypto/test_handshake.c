/* SPDX-License-Identifier: MIT */
/* The Noise handshake: the published vector, and everything that must end it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "crypto/handshake.h"
#include "crypto/seal.h"
#include "hex.h"

/*
 * Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b and …_AESGCM_BLAKE2b from cacophony's test vectors, as carried
 * by mcginty/snow in tests/vectors/cacophony.txt. The initiator sends the first, third and fifth message.
 */
static const struct {
	const char *prologue, *psk, *init_ephemeral, *resp_ephemeral, *handshake_hash;
	struct {
		const char *payload, *ciphertext;
	} messages[6];
} vectors[] = {
	[SEAL_CHACHAPOLY] =
		{
			"4a6f686e2047616c74",
			"54686973206973206d7920417573747269616e20706572737065637469766521",
			"893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
			"bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
			"ed5e9692d0ab507b6c2beec3f584fd5b127817a9d20b26cd50aa72c507260fa3"
			"1aa7d88dd3723316338af37ce0b4cfb2923aeb848bbf2b934911306f01ffc963",
			{
				{"4c756477696720766f6e204d69736573",
					"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa"
					"4c7944"
					"ed63df2f5a12aee1185ee9c50305f2ecf12421dcb53c047a63b784cf7c"
					"54a105"},
				{"4d757272617920526f746862617264",
					"95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144"
					"808843"
					"0e0fe7d5c0c9b92f7478716c8852f1b4f389edb75e3ebe546fafafd5b6"
					"f0f7"},
				{"462e20412e20486179656b",
					"0fe04b26dcfbb69f8a6a94c61f1a26ef88769218d32f5d17c068a6"},
				{"4361726c204d656e676572",
					"2239e0c540c01f09eb1f4cc5258fd5acfefff18a5a3773f21b7bfe"},
				{"4a65616e2d426170746973746520536179",
					"f216cb03d30fb8af1e561fe02a07552d09b416e27a75e62c77d193718b"
					"0bdaae9f"},
				{"457567656e2042f6686d20766f6e2042617765726b",
					"6e8baf98b944184dd7dc5ef14d8108cbeca626de118a5460f3308e294d"
					"61e172"
					"38bce29bd9"},
			},
		},
	[SEAL_AESGCM] =
		{
			"4a6f686e2047616c74",
			"54686973206973206d7920417573747269616e20706572737065637469766521",
			"893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
			"bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
			"d73c5533886889dde8746bfcd5d0eb738dcc2321bcc0e05981cff516b7e8da25"
			"effe1be1e0168075ea4df017c8e636f6012c55f726b466a5ae61bafdf6542ef2",
			{
				{"4c756477696720766f6e204d69736573",
					"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa"
					"4c7944"
					"ab67782ba522df522e3b26fec332f0247af54ca69936a856158422652c"
					"5f2f6c"},
				{"4d757272617920526f746862617264",
					"95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144"
					"808843"
					"57c12fca03369a584fdf46ddf33b8418701bb6c0fb9cf97743064e7dc9"
					"f9cc"},
				{"462e20412e20486179656b",
					"9c7cf240c92984f10f318283aad9fa98f5c609379329386bdcd041"},
				{"4361726c204d656e676572",
					"d10737813549738317379aa5a89afaa7709f09dea1e86863645037"},
				{"4a65616e2d426170746973746520536179",
					"50d6a3e902be8fb400fe88a3df63bfcb0f0f82d1829c5cadb09eaf58d2"
					"363ec110"},
				{"457567656e2042f6686d20766f6e2042617765726b",
					"f9291acf81dab96f88793a2885461fdf2b313fb54b9fbff07d695e0f52"
					"80646a"
					"75ff8a86ba"},
			},
		},
};

static enum seal_suite suite; /* of the tests that run now */

/* The vector's inputs as bytes, and room for messages. */
struct fixture {
	uint8_t prologue[16], psk[32], init_e[32], resp_e[32];
	size_t prologue_len;
	uint8_t msg[2][256], payload[256];
	size_t msg_len[2], payload_len;
	struct handshake init, resp;
};

/* Both sides as the vector has them, nothing said yet. */
static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){0};
	f->prologue_len = unhex(vectors[suite].prologue, f->prologue, sizeof(f->prologue));
	unhex(vectors[suite].psk, f->psk, sizeof(f->psk));
	unhex(vectors[suite].init_ephemeral, f->init_e, sizeof(f->init_e));
	unhex(vectors[suite].resp_ephemeral, f->resp_e, sizeof(f->resp_e));
	handshake_init(&f->init, suite, true, f->prologue, f->prologue_len, f->psk, f->init_e);
	handshake_init(&f->resp, suite, false, f->prologue, f->prologue_len, f->psk, f->resp_e);
}

static int write_to(struct handshake *hs, struct fixture *f, unsigned i)
{
	uint8_t payload[64];
	size_t n = unhex(vectors[suite].messages[i].payload, payload, sizeof(payload));
	return handshake_write(hs, payload, n, f->msg[i], sizeof(f->msg[i]), &f->msg_len[i]);
}

static int read_from(struct handshake *hs, struct fixture *f, unsigned i)
{
	return handshake_read(hs, f->msg[i], f->msg_len[i], f->payload, sizeof(f->payload),
		&f->payload_len);
}

/* Until `messages` of the two were written and read. */
static void play(struct fixture *f, unsigned messages)
{
	fixture_init(f);
	if (messages > 0) {
		assert_int_equal(write_to(&f->init, f, 0), 0);
		assert_int_equal(read_from(&f->resp, f, 0), 0);
	}
	if (messages > 1) {
		assert_int_equal(write_to(&f->resp, f, 1), 0);
		assert_int_equal(read_from(&f->init, f, 1), 0);
	}
}

static void assert_failed(struct handshake *hs)
{
	static const struct handshake_secrets wiped;
	assert_int_equal(hs->state, HANDSHAKE_FAILED);
	assert_memory_equal(&hs->secrets, &wiped, sizeof(wiped));
	uint8_t buf[128];
	size_t n;
	struct seal a, b;
	assert_int_equal(handshake_write(hs, NULL, 0, buf, sizeof(buf), &n), -EPROTO);
	assert_int_equal(handshake_read(hs, buf, sizeof(buf), buf, sizeof(buf), &n), -EPROTO);
	assert_int_equal(handshake_split(hs, &a, &b), -EPROTO);
	assert_null(handshake_hash(hs));
}

static void assert_hex(const uint8_t *p, size_t n, const char *hex)
{
	uint8_t expected[256];
	assert_int_equal(n, unhex(hex, expected, sizeof(expected)));
	assert_memory_equal(p, expected, n);
}

static void cacophony(void **state)
{
	struct fixture f;
	play(&f, 1);
	assert_hex(f.msg[0], f.msg_len[0], vectors[suite].messages[0].ciphertext);
	assert_hex(f.payload, f.payload_len, vectors[suite].messages[0].payload);
	assert_null(handshake_hash(&f.init));
	assert_null(handshake_hash(&f.resp));

	assert_int_equal(write_to(&f.resp, &f, 1), 0);
	assert_int_equal(read_from(&f.init, &f, 1), 0);
	assert_hex(f.msg[1], f.msg_len[1], vectors[suite].messages[1].ciphertext);
	assert_hex(f.payload, f.payload_len, vectors[suite].messages[1].payload);

	struct seal send[2], recv[2]; /* 0: the initiator's, 1: the responder's */
	assert_int_equal(handshake_split(&f.init, &send[0], &recv[0]), 0);
	assert_int_equal(handshake_split(&f.resp, &send[1], &recv[1]), 0);
	assert_hex(handshake_hash(&f.init), HANDSHAKE_HASH_SIZE, vectors[suite].handshake_hash);
	assert_hex(handshake_hash(&f.resp), HANDSHAKE_HASH_SIZE, vectors[suite].handshake_hash);

	for (unsigned i = 2; i < ARRAY_LEN(vectors[suite].messages); i++) {
		uint8_t buf[64];
		size_t n =
			unhex(vectors[suite].messages[i].payload, buf, sizeof(buf) - SEAL_TAG_SIZE);
		assert_int_equal(seal_encrypt(&send[i % 2], buf, n), 0);
		assert_hex(buf, n + SEAL_TAG_SIZE, vectors[suite].messages[i].ciphertext);
		assert_int_equal(seal_decrypt(&recv[1 - i % 2], buf, n + SEAL_TAG_SIZE), 0);
		assert_hex(buf, n, vectors[suite].messages[i].payload);
	}
	for (unsigned i = 0; i < 2; i++) {
		seal_deinit(&send[i]);
		seal_deinit(&recv[i]);
	}
}

static void every_changed_bit_ends_it(void **state)
{
	for (unsigned m = 0; m < 2; m++) {
		struct fixture f;
		play(&f, m);
		struct handshake *reader = m == 0 ? &f.resp : &f.init;
		assert_int_equal(write_to(m == 0 ? &f.init : &f.resp, &f, m), 0);
		const struct handshake before = *reader;
		for (size_t bit = 0; bit < f.msg_len[m] * 8; bit++) {
			*reader = before;
			f.payload_len = 99;
			f.msg[m][bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(read_from(reader, &f, m), HANDSHAKE_E_AUTH);
			f.msg[m][bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(f.payload_len, 99);
			assert_failed(reader);
		}
		*reader = before;
		assert_int_equal(read_from(reader, &f, m), 0);
	}
}

static void every_other_length_ends_it(void **state)
{
	for (unsigned m = 0; m < 2; m++) {
		struct fixture f;
		play(&f, m);
		struct handshake *reader = m == 0 ? &f.resp : &f.init;
		assert_int_equal(write_to(m == 0 ? &f.init : &f.resp, &f, m), 0);
		const struct handshake before = *reader;
		size_t right = f.msg_len[m];
		for (f.msg_len[m] = 0; f.msg_len[m] < right + 4; f.msg_len[m]++) {
			if (f.msg_len[m] == right)
				continue;
			*reader = before;
			assert_int_equal(read_from(reader, &f, m), HANDSHAKE_E_AUTH);
			assert_failed(reader);
		}
	}
	static uint8_t huge[HANDSHAKE_MESSAGE_MAX + 1];
	struct fixture f;
	fixture_init(&f);
	assert_int_equal(handshake_read(&f.resp, huge, sizeof(huge), huge, sizeof(huge),
				 &f.payload_len),
		HANDSHAKE_E_AUTH);
}

/* The responder notices in the first message; one that skipped that is noticed in the second. */
static void another_psk_or_prologue_ends_it(void **state)
{
	for (size_t bit = 0; bit < 32 * 8 + 9 * 8 + 2; bit++) {
		struct fixture f;
		fixture_init(&f);
		if (bit < 32 * 8)
			f.psk[bit / 8] ^= (uint8_t)(1 << bit % 8);
		else if (bit < 32 * 8 + 9 * 8)
			f.prologue[bit / 8 - 32] ^= (uint8_t)(1 << bit % 8);
		else
			f.prologue_len += bit % 2 ? 1 : (size_t)-1;
		handshake_init(&f.resp, suite, false, f.prologue, f.prologue_len, f.psk, NULL);
		assert_int_equal(write_to(&f.init, &f, 0), 0);
		assert_int_equal(read_from(&f.resp, &f, 0), HANDSHAKE_E_AUTH);
		assert_failed(&f.resp);

		/* A server that does not know the key, and answers as if it had understood. */
		struct handshake fake;
		handshake_init(&fake, suite, false, f.prologue, f.prologue_len, f.psk, NULL);
		memcpy(fake.peer, f.msg[0], sizeof(fake.peer));
		fake.state = HANDSHAKE_WRITE_SECOND;
		assert_int_equal(write_to(&fake, &f, 1), 0);
		assert_int_equal(read_from(&f.init, &f, 1), HANDSHAKE_E_AUTH);
		assert_failed(&f.init);
	}
}

/*
 * A peer that knows the psk picks a public key whose product with any private key is zero. Every
 * row's tags are right for such a peer (made with a Noise implementation of a page of Python that
 * lets the zero pass), so only the check for it can refuse.
 */
static void low_order_points_are_refused(void **state)
{
	static const struct {
		const char *what, *point, *tag_first, *tag_second;
	} cases[] = {
		{"0", "0000000000000000000000000000000000000000000000000000000000000000",
			"507727a42e5ae6368a853694da3c65d9", "8b3ddb5d4329412a94afaea611fae88a"},
		{"1", "0100000000000000000000000000000000000000000000000000000000000000",
			"be7b231eea8634bc072111fa8057c875", "0f16e8cc872b81b8b3acb2b9d0ea25f5"},
		{"order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
			"0c924cf47ea00aa96bc34cab4d716ee6", "3590122e555145e7c4e4d7af5b817170"},
		{"order 8", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
			"3b0c69a355b924438a41221c8e42a949", "bc1a45dc8f1e51fb6f6213a28ce8220a"},
		{"p-1", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
			"056ddb82a06ae9610d2f34fc7c6e2071", "6cde206891ab10a9aa36be08ee5570bc"},
		{"p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
			"87f1b4ec04ba76e41d645486851e0532", "f864420576e398cb55981775f920e319"},
		{"p+1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
			"b3fa4c5db3bc7b354ac91b8e309ec1e1", "5cfd7dcecd257b90c5cba16cb62b2052"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		fixture_init(&f);
		f.msg_len[0] = HANDSHAKE_OVERHEAD;
		unhex(cases[i].point, f.msg[0], 32);
		unhex(cases[i].tag_first, f.msg[0] + 32, 16);
		assert_int_equal(read_from(&f.resp, &f, 0), 0);
		assert_int_equal(write_to(&f.resp, &f, 1), HANDSHAKE_E_AUTH);
		assert_failed(&f.resp);

		fixture_init(&f);
		assert_int_equal(handshake_write(&f.init, NULL, 0, f.msg[0], sizeof(f.msg[0]),
					 &f.msg_len[0]),
			0);
		f.msg_len[1] = HANDSHAKE_OVERHEAD;
		unhex(cases[i].point, f.msg[1], 32);
		unhex(cases[i].tag_second, f.msg[1] + 32, 16);
		assert_int_equal(read_from(&f.init, &f, 1), HANDSHAKE_E_AUTH);
		assert_failed(&f.init);
	}
}

enum call { WRITE = 1, READ = 2, SPLIT = 4 };

/* What is not the turn of a side is -EPROTO and leaves the handshake as it was. */
static void order(void **state)
{
	static const struct {
		unsigned messages;
		unsigned init, resp; /* calls that are legal then */
	} cases[] = {{0, WRITE, READ}, {1, READ, WRITE}, {2, SPLIT, SPLIT}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		play(&f, cases[i].messages);
		for (unsigned side = 0; side < 2; side++) {
			struct handshake *hs = side == 0 ? &f.init : &f.resp;
			unsigned legal = side == 0 ? cases[i].init : cases[i].resp;
			const struct handshake before = *hs;
			struct seal a, b;
			f.msg_len[0] = 64;
			if (!(legal & WRITE))
				assert_int_equal(write_to(hs, &f, 0), -EPROTO);
			if (!(legal & READ))
				assert_int_equal(read_from(hs, &f, 0), -EPROTO);
			if (!(legal & SPLIT))
				assert_int_equal(handshake_split(hs, &a, &b), -EPROTO);
			assert_memory_equal(hs, &before, sizeof(before));
		}
	}
}

static void split_happens_once_and_wipes(void **state)
{
	static const struct handshake_secrets wiped;
	struct fixture f;
	struct seal send, recv;
	play(&f, 2);
	assert_int_equal(handshake_split(&f.init, &send, &recv), 0);
	seal_deinit(&send);
	seal_deinit(&recv);
	assert_memory_equal(&f.init.secrets, &wiped, sizeof(wiped));
	assert_int_equal(handshake_split(&f.init, &send, &recv), -EPROTO);
	assert_int_equal(write_to(&f.init, &f, 0), -EPROTO);
	assert_int_equal(read_from(&f.init, &f, 0), -EPROTO);
}

static void too_little_room_ends_nothing(void **state)
{
	struct fixture f;
	static uint8_t large[HANDSHAKE_MESSAGE_MAX];
	size_t n = 99;
	fixture_init(&f);
	assert_int_equal(handshake_write(&f.init, large, 16, f.msg[0], 63, &n), -ENOBUFS);
	assert_int_equal(handshake_write(&f.init, large, sizeof(large) - HANDSHAKE_OVERHEAD + 1,
				 large, sizeof(large), &n),
		-EMSGSIZE);
	assert_int_equal(write_to(&f.init, &f, 0), 0);
	assert_int_equal(handshake_read(&f.resp, f.msg[0], f.msg_len[0], f.payload, 15, &n),
		-ENOBUFS);
	assert_int_equal(n, 99);
	assert_int_equal(handshake_read(&f.resp, f.msg[0], f.msg_len[0], f.payload, 16, &n), 0);
	assert_hex(f.payload, n, vectors[suite].messages[0].payload);
}

static void the_longest_message(void **state)
{
	static uint8_t payload[HANDSHAKE_MESSAGE_MAX - HANDSHAKE_OVERHEAD];
	static uint8_t msg[HANDSHAKE_MESSAGE_MAX], opened[sizeof(payload)];
	struct fixture f;
	size_t n;
	memset(payload, 0x42, sizeof(payload));
	fixture_init(&f);
	assert_int_equal(handshake_write(&f.init, payload, sizeof(payload), msg, sizeof(msg), &n),
		0);
	assert_int_equal(n, sizeof(msg));
	assert_int_equal(handshake_read(&f.resp, msg, n, opened, sizeof(opened), &n), 0);
	assert_int_equal(n, sizeof(payload));
	assert_memory_equal(opened, payload, n);
}

/* Without an ephemeral key given, nothing of one handshake is in another. */
static void production_draws_its_keys(void **state)
{
	struct fixture f[2];
	for (unsigned i = 0; i < 2; i++) {
		fixture_init(&f[i]);
		handshake_init(&f[i].init, suite, true, "x", 1, f[i].psk, NULL);
		handshake_init(&f[i].resp, suite, false, "x", 1, f[i].psk, NULL);
		assert_int_equal(write_to(&f[i].init, &f[i], 0), 0);
		assert_int_equal(read_from(&f[i].resp, &f[i], 0), 0);
		assert_int_equal(write_to(&f[i].resp, &f[i], 1), 0);
		assert_int_equal(read_from(&f[i].init, &f[i], 1), 0);
		assert_memory_equal(handshake_hash(&f[i].init), handshake_hash(&f[i].resp),
			HANDSHAKE_HASH_SIZE);
	}
	assert_memory_not_equal(f[0].msg[0], f[1].msg[0], 32);
	assert_memory_not_equal(f[0].msg[1], f[1].msg[1], 32);
	assert_memory_not_equal(handshake_hash(&f[0].init), handshake_hash(&f[1].init),
		HANDSHAKE_HASH_SIZE);

	/* A recorded first message is worth nothing to another responder with the same prologue, */
	struct handshake again;
	struct seal a, b;
	handshake_init(&again, suite, false, "x", 1, f[0].psk, NULL);
	assert_int_equal(read_from(&again, &f[0], 0), 0);
	assert_int_equal(write_to(&again, &f[1], 1), 0);
	/* whose answer the one who recorded it cannot use: the private key is not his. */
	handshake_init(&f[1].init, suite, true, "x", 1, f[0].psk, NULL);
	assert_int_equal(write_to(&f[1].init, &f[1], 0), 0);
	assert_int_equal(read_from(&f[1].init, &f[1], 1), HANDSHAKE_E_AUTH);
	assert_int_equal(handshake_split(&again, &a, &b), 0);
	seal_deinit(&a);
	seal_deinit(&b);
}

static void deinit_wipes(void **state)
{
	static const struct handshake zero;
	struct fixture f;
	play(&f, 1);
	handshake_deinit(&f.init);
	assert_memory_equal(&f.init, &zero, sizeof(zero));
	handshake_deinit(&f.init);
	handshake_deinit(NULL);
	assert_int_equal(write_to(&f.init, &f, 0), -EPROTO);
}

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cacophony),
		cmocka_unit_test(every_changed_bit_ends_it),
		cmocka_unit_test(every_other_length_ends_it),
		cmocka_unit_test(another_psk_or_prologue_ends_it),
		cmocka_unit_test(low_order_points_are_refused),
		cmocka_unit_test(order),
		cmocka_unit_test(split_happens_once_and_wipes),
		cmocka_unit_test(too_little_room_ends_nothing),
		cmocka_unit_test(the_longest_message),
		cmocka_unit_test(production_draws_its_keys),
		cmocka_unit_test(deinit_wipes),
	};
	const struct CMUnitTest aes_tests[] = {
		cmocka_unit_test(cacophony),
		cmocka_unit_test(every_changed_bit_ends_it),
		cmocka_unit_test(another_psk_or_prologue_ends_it),
		cmocka_unit_test(the_longest_message),
		cmocka_unit_test(production_draws_its_keys),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (seal_has_aes()) {
		suite = SEAL_AESGCM;
		failed += cmocka_run_group_tests(aes_tests, NULL, NULL);
	}
	return failed;
}
