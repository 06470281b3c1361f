/* SPDX-License-Identifier: MIT */
/* Noise IK: the published vectors, who learns whom, and everything that must end it. */
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

#define PROLOGUE "John Galt"

/* Of both vectors; they are in hexadecimal because a key pair is parsed from that. */
#define INITIATOR        "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1"
#define RESPONDER        "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893"
#define INITIATOR_E      "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"
#define RESPONDER_E      "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"
#define RESPONDER_PUBLIC "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62"

/*
 * Noise_IK_25519_ChaChaPoly_BLAKE2b and …_AESGCM_BLAKE2b from cacophony's test vectors, as carried by
 * mcginty/snow in tests/vectors/cacophony.txt. The initiator sends the first, third and fifth message.
 */
static const struct {
	const char *handshake_hash;
	struct {
		const char *payload, *ciphertext;
	} messages[6];
} vectors[] = {
	[SEAL_CHACHAPOLY] = {"1c8fa891cb414fedba6daa7c6f4ae0a6d98e5f9768cc9cecd27e805614943ee9"
			     "c8a1b27fbfb76dc197255c8aa69f6b4285c423840b8bedf45e652ca64f797d81",
		{{"4c756477696720766f6e204d69736573",
			 "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
			 "ba83a447b38c83e327ad936929812f624884847b7831e95e197b2f797088efdd"
			 "2f88f1db7e1fb0e99c64419097af91cee64e470f4b6fcd9298ce0b56fe20f86e"
			 "13bf70439c538e3602a7127af71a29cc"},
			{"4d757272617920526f746862617264",
				"95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
				"9f069b267a06b3de3ecb1043bcb098e9af91d9c64748d998c7b47890871571"},
			{"462e20412e20486179656b",
				"cd54383060e7a28434cca27fb1cc524cfbabeb18181589df219d07"},
			{"4361726c204d656e676572",
				"a856d3bf0246bfc476c655009cd1ed677b8dcc5b349ae8ef2a05f2"},
			{"4a65616e2d426170746973746520536179",
				"49063084b2c51f098337cb8a13739ac848f907e67cfb2cc8a8b60586467aa02f"
				"c7"},
			{"457567656e2042f6686d20766f6e2042617765726b",
				"8b9709d23b47e4639df7678d7a21741eba4ef1e9c60383001c7435549c20f9d5"
				"6f30e935d3"}}},
	[SEAL_AESGCM] = {"8ddf8b582c496c745188bfa839b17d70be1682160af9276158d921816b249350"
			 "4976f76644607e07f2c260273c73c4d7e97607e76a838fe1ce3d0f60ee4ada50",
		{{"4c756477696720766f6e204d69736573",
			 "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
			 "10ade309f400533fbc81fb0e8b55288091ab5fe35d8c3d5033dbec503bcfa062"
			 "69d8692447295ef3f3f47a1d6e6048bc4889db4631c5f5d18d37edd34e113a66"
			 "4e2eb59ac55371831af42186f54915eb"},
			{"4d757272617920526f746862617264",
				"95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
				"61923da61bbe936aa0e52e679c8a0341ab3e9ebca061b0423d0758f1c92d86"},
			{"462e20412e20486179656b",
				"76c378c26ad0616d8b5d12fb30069a3d2006f09c736d133b1b00e2"},
			{"4361726c204d656e676572",
				"44256a9fc73f965bb05905cea2c7f42446fdaeaad4005e3bfd5363"},
			{"4a65616e2d426170746973746520536179",
				"a760601455d420b671156c561657a8fdc110686208d9ef8f524ad3841f5718ff"
				"a9"},
			{"457567656e2042f6686d20766f6e2042617765726b",
				"a718f0df83c0a5e0715f7212aff997d406a65f06660102a7f522d9d5dd8bbd71"
				"1789825bd4"}}},
};

static enum seal_suite suite; /* of the tests that run now */

/* Both ends, and what they said. */
struct fixture {
	struct key_pair own[2]; /* 0: the initiator's */
	uint8_t ephemeral[2][32];
	uint8_t msg[2][256], payload[256];
	size_t msg_len[2], payload_len;
	struct handshake init, resp;
};

static struct key_pair pair_of(const char *hex)
{
	struct key_pair pair;
	assert_true(key_pair_parse(str_from(hex), &pair));
	return pair;
}

static void start(struct fixture *f)
{
	struct handshake_keys init = {&f->own[0], f->own[1].public, f->ephemeral[0]};
	struct handshake_keys resp = {&f->own[1], NULL, f->ephemeral[1]};
	handshake_init_ik(&f->init, suite, PROLOGUE, strlen(PROLOGUE), &init);
	handshake_init_ik(&f->resp, suite, PROLOGUE, strlen(PROLOGUE), &resp);
}

/* As the vector has them, nothing said yet. */
static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){.own = {pair_of(INITIATOR), pair_of(RESPONDER)}};
	unhex(INITIATOR_E, f->ephemeral[0], 32);
	unhex(RESPONDER_E, f->ephemeral[1], 32);
	start(f);
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
	assert_null(handshake_peer(hs));
	assert_null(handshake_hash(hs));
}

static void assert_hex(const uint8_t *p, size_t n, const char *hex)
{
	uint8_t expected[256];
	assert_int_equal(n, unhex(hex, expected, sizeof(expected)));
	assert_memory_equal(p, expected, n);
}

static void the_keys_of_the_vector_belong_together(void **state)
{
	struct fixture f;
	fixture_init(&f);
	assert_hex(f.own[1].public, 32, RESPONDER_PUBLIC);
}

static void cacophony(void **state)
{
	struct fixture f;
	play(&f, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_hex(f.msg[i], f.msg_len[i], vectors[suite].messages[i].ciphertext);
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

/* Who is who, and from when on. */
static void the_responder_learns_the_initiator_from_the_first_message(void **state)
{
	static const struct handshake none;
	struct fixture f;
	assert_null(handshake_peer(&none));
	fixture_init(&f);
	assert_null(handshake_peer(&f.resp));
	assert_memory_equal(handshake_peer(&f.init), f.own[1].public, 32);
	play(&f, 1);
	assert_memory_equal(handshake_peer(&f.resp), f.own[0].public, 32);
	play(&f, 2);
	assert_memory_equal(handshake_peer(&f.resp), f.own[0].public, 32);
	assert_memory_equal(handshake_peer(&f.init), f.own[1].public, 32);
}

/* Without payloads the messages have the sizes that the header says. */
static void the_shortest_messages(void **state)
{
	struct fixture f;
	size_t n;
	fixture_init(&f);
	assert_int_equal(handshake_write(&f.init, NULL, 0, f.msg[0], HANDSHAKE_IK_FIRST - 1, &n),
		-ENOBUFS);
	assert_int_equal(handshake_write(&f.init, NULL, 0, f.msg[0], HANDSHAKE_IK_FIRST, &n), 0);
	assert_int_equal(n, HANDSHAKE_IK_FIRST);
	assert_int_equal(handshake_read(&f.resp, f.msg[0], n, NULL, 0, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(handshake_write(&f.resp, NULL, 0, f.msg[1], HANDSHAKE_IK_SECOND - 1, &n),
		-ENOBUFS);
	assert_int_equal(handshake_write(&f.resp, NULL, 0, f.msg[1], HANDSHAKE_IK_SECOND, &n), 0);
	assert_int_equal(n, HANDSHAKE_IK_SECOND);
	assert_int_equal(handshake_read(&f.init, f.msg[1], n, NULL, 0, &n), 0);
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
			/* Curve25519 does not look at it, but the hash has it. */
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

static void every_shorter_or_longer_message_ends_it(void **state)
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
}

/* One bit of the responder's key, as the initiator knows it, or of the prologue. */
static void another_responder_or_prologue_ends_it(void **state)
{
	struct fixture f;
	fixture_init(&f);
	for (size_t bit = 0; bit < 32 * 8 - 1; bit += 7) {
		struct key_pair other = f.own[1];
		other.public[bit / 8] ^= (uint8_t)(1 << bit % 8);
		struct handshake_keys keys = {&f.own[0], other.public, f.ephemeral[0]};
		start(&f);
		handshake_init_ik(&f.init, suite, PROLOGUE, strlen(PROLOGUE), &keys);
		assert_int_equal(write_to(&f.init, &f, 0), 0);
		assert_int_equal(read_from(&f.resp, &f, 0), HANDSHAKE_E_AUTH);
		assert_failed(&f.resp);
	}
	const char *others[] = {"", "John Gal", "John Galt ", "john Galt"};
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct handshake_keys keys = {&f.own[1], NULL, f.ephemeral[1]};
		start(&f);
		handshake_init_ik(&f.resp, suite, others[i], strlen(others[i]), &keys);
		assert_int_equal(write_to(&f.init, &f, 0), 0);
		assert_int_equal(read_from(&f.resp, &f, 0), HANDSHAKE_E_AUTH);
		assert_failed(&f.resp);
	}
}

/* Who has seen a first message, and has a key of his own, cannot answer it; nor with a recorded answer. */
static void nobody_else_can_answer(void **state)
{
	struct fixture f, recorded;
	play(&recorded, 2);
	fixture_init(&f);
	unhex(RESPONDER_E, f.ephemeral[0], 32); /* a fresh one */
	start(&f);
	assert_int_equal(write_to(&f.init, &f, 0), 0);
	memcpy(f.msg[1], recorded.msg[1], f.msg_len[1] = recorded.msg_len[1]);
	assert_int_equal(read_from(&f.init, &f, 1), HANDSHAKE_E_AUTH);
	assert_failed(&f.init);

	start(&f);
	assert_int_equal(write_to(&f.init, &f, 0), 0);
	struct fixture liar = f;
	key_pair_random(&liar.own[1]);
	start(&liar);
	memcpy(liar.resp.peer, f.msg[0], 32);
	memcpy(liar.resp.peer_static, f.own[0].public, 32);
	liar.resp.state = HANDSHAKE_WRITE_SECOND;
	assert_int_equal(write_to(&liar.resp, &liar, 1), 0);
	memcpy(f.msg[1], liar.msg[1], f.msg_len[1] = liar.msg_len[1]);
	assert_int_equal(read_from(&f.init, &f, 1), HANDSHAKE_E_AUTH);
}

/*
 * A public key whose product with any private key is zero, from a peer who lets that pass; every tag is right
 * (noise_ik.py), so only the check for it can refuse.
 */
static void low_order_points_are_refused(void **state)
{
	static const struct {
		const char *what, *as_e, *as_s, *as_second;
	} cases[] = {{"0",
			     "0000000000000000000000000000000000000000000000000000000000000000"
			     "37de4fd6b2aa6b81b3dfe13b2e20f325ee1249e30bf101eb4b72ec1656ae504f"
			     "ed2a6c3b7c44529bb02b9205a3fa7adf57201791ab4afdcc6bdb45310a4c1ea6",
			     "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
			     "d140266d992b7705bfb0f65140aa13bd76e97d95dedccfc0ad66bcbb57df5887"
			     "bbf2f2a55a012feb8f0b2c21f4911c9d818f738a6c27e9beaba6913d183fe369",
			     "0000000000000000000000000000000000000000000000000000000000000000"
			     "eb5901205904b39259f1cbff735845d8"},
		{"1",
			"0100000000000000000000000000000000000000000000000000000000000000"
			"37de4fd6b2aa6b81b3dfe13b2e20f325ee1249e30bf101eb4b72ec1656ae504f"
			"198e28d5eb1950d5fb891c191c0c9e5fa384de355463ef04a28da14f387b2ab2",
			"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
			"d040266d992b7705bfb0f65140aa13bd76e97d95dedccfc0ad66bcbb57df5887"
			"a91f1706f3377193d6be482d21fd8f6202ee0726c5a240954e4b6b04b99b8241",
			"0100000000000000000000000000000000000000000000000000000000000000"
			"96a7771da70158b5b642f107ab46cbbc"},
		{"order 8",
			"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
			"37de4fd6b2aa6b81b3dfe13b2e20f325ee1249e30bf101eb4b72ec1656ae504f"
			"0d98b911d07b76cacfa00398cac1447d59107546645615cda610bd284a2d4142",
			"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
			"31ab5c11a26acfaba9e615abb135d7d7ace0f07e42ee7e3d2b04b9ad0896e087"
			"f4749c7d5814d73f6f32e424c5ece58ee8a3e4869c4a094baa5d4db3cb575217",
			"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
			"f01fe138b7dfd054a3cab09df4d4c74d"},
		{"order 8",
			"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"
			"37de4fd6b2aa6b81b3dfe13b2e20f325ee1249e30bf101eb4b72ec1656ae504f"
			"9ef0e95ebb5cc71498de8d4279ff58338cdf36a173dbf11d54bc2752e790493d",
			"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
			"8edcb3d13a7bfb210e604704dc29fce672ad215186c041467544f266874049d0"
			"413897470801c80b26088c6f9f85334e772febaf9385bb4f18030658ebac366b",
			"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"
			"6b0a57044c8849f2aa9e3084911b531a"},
		{"p-1",
			"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
			"37de4fd6b2aa6b81b3dfe13b2e20f325ee1249e30bf101eb4b72ec1656ae504f"
			"7ffeaa5f6829f09fa7bc885cfde43df59e4c2a2a26bf0993361af47a407fa24d",
			"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
			"3dbfd99266d488fa404f09aebf55ec428916826a2123303f52994344a820a7f8"
			"816d7a5c928f8f3e771ac308e3d32534bbe82c98c075e0c1e30dfb6b620bc5d3",
			"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
			"505549f9276a4398fd718ef138b9e1a4"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		fixture_init(&f);
		f.msg_len[0] = unhex(cases[i].as_e, f.msg[0], sizeof(f.msg[0]));
		assert_int_equal(read_from(&f.resp, &f, 0), HANDSHAKE_E_AUTH);
		assert_failed(&f.resp);

		fixture_init(&f);
		f.msg_len[0] = unhex(cases[i].as_s, f.msg[0], sizeof(f.msg[0]));
		assert_int_equal(read_from(&f.resp, &f, 0), HANDSHAKE_E_AUTH);
		assert_failed(&f.resp);

		fixture_init(&f);
		assert_int_equal(handshake_write(&f.init, NULL, 0, f.msg[0], sizeof(f.msg[0]),
					 &f.msg_len[0]),
			0);
		f.msg_len[1] = unhex(cases[i].as_second, f.msg[1], sizeof(f.msg[1]));
		assert_int_equal(read_from(&f.init, &f, 1), HANDSHAKE_E_AUTH);
		assert_failed(&f.init);

		/* As the key of whom to speak to. */
		uint8_t point[32];
		memcpy(point, f.msg[1], sizeof(point));
		struct handshake_keys keys = {&f.own[0], point, NULL};
		handshake_init_ik(&f.init, suite, PROLOGUE, strlen(PROLOGUE), &keys);
		assert_int_equal(write_to(&f.init, &f, 0), HANDSHAKE_E_AUTH);
		assert_failed(&f.init);
	}
}

static void split_wipes_the_private_keys(void **state)
{
	static const struct handshake_secrets wiped;
	struct fixture f;
	struct seal send, recv;
	play(&f, 2);
	assert_memory_not_equal(&f.resp.secrets, &wiped, sizeof(wiped));
	assert_int_equal(handshake_split(&f.resp, &send, &recv), 0);
	assert_memory_equal(&f.resp.secrets, &wiped, sizeof(wiped));
	seal_deinit(&send);
	seal_deinit(&recv);
	assert_int_equal(handshake_split(&f.resp, &send, &recv), -EPROTO);
	handshake_deinit(&f.init);
	assert_null(handshake_peer(&f.init));
}

/* Without an ephemeral key given, nothing of one handshake is in another. */
static void production_draws_its_keys(void **state)
{
	struct fixture f[2];
	for (unsigned i = 0; i < 2; i++) {
		fixture_init(&f[i]);
		struct handshake_keys init = {&f[i].own[0], f[i].own[1].public, NULL};
		struct handshake_keys resp = {&f[i].own[1], NULL, NULL};
		handshake_init_ik(&f[i].init, suite, "x", 1, &init);
		handshake_init_ik(&f[i].resp, suite, "x", 1, &resp);
		assert_int_equal(write_to(&f[i].init, &f[i], 0), 0);
		assert_int_equal(read_from(&f[i].resp, &f[i], 0), 0);
		assert_int_equal(write_to(&f[i].resp, &f[i], 1), 0);
		assert_int_equal(read_from(&f[i].init, &f[i], 1), 0);
	}
	assert_memory_not_equal(f[0].msg[0], f[1].msg[0], 32);
	assert_memory_not_equal(f[0].msg[0] + 32, f[1].msg[0] + 32, 48);
	assert_memory_not_equal(f[0].msg[1], f[1].msg[1], 32);
	assert_memory_not_equal(handshake_hash(&f[0].init), handshake_hash(&f[1].init),
		HANDSHAKE_HASH_SIZE);
}

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_keys_of_the_vector_belong_together),
		cmocka_unit_test(cacophony),
		cmocka_unit_test(the_responder_learns_the_initiator_from_the_first_message),
		cmocka_unit_test(the_shortest_messages),
		cmocka_unit_test(every_changed_bit_ends_it),
		cmocka_unit_test(every_shorter_or_longer_message_ends_it),
		cmocka_unit_test(another_responder_or_prologue_ends_it),
		cmocka_unit_test(nobody_else_can_answer),
		cmocka_unit_test(low_order_points_are_refused),
		cmocka_unit_test(split_wipes_the_private_keys),
		cmocka_unit_test(production_draws_its_keys),
	};
	const struct CMUnitTest aes_tests[] = {
		cmocka_unit_test(cacophony),
		cmocka_unit_test(every_changed_bit_ends_it),
		cmocka_unit_test(another_responder_or_prologue_ends_it),
		cmocka_unit_test(production_draws_its_keys),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (seal_has_aes()) {
		suite = SEAL_AESGCM;
		failed += cmocka_run_group_tests(aes_tests, NULL, NULL);
	}
	return failed;
}
