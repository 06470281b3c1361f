/* SPDX-License-Identifier: MIT */
/*
 * The functions carry the names and the order of Noise's section 5.2 (symmetric state) and 5.3
 * (handshake state), so that they can be read beside it. Two things are simpler than there: the
 * `psk` token comes first for both roles, so initialisation spends it and the key is not kept; and
 * every key of this pattern encrypts a single payload, so the handshake's nonce is always zero.
 */
#include "crypto/handshake.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "base/state.h"

#define BLOCK_SIZE 128 /* BLAKE2b's, which HMAC pads its key to (Noise, section 12.8) */

/* Padded with zeros, as a name that is not longer than a hash is where h starts. */
static const char protocol_names[][HANDSHAKE_HASH_SIZE] = {
	[SEAL_CHACHAPOLY] = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b",
	[SEAL_AESGCM] = "Noise_NNpsk0_25519_AESGCM_BLAKE2b",
};

_Static_assert(HANDSHAKE_OVERHEAD == HANDSHAKE_KEY_SIZE + SEAL_TAG_SIZE, "public key and tag");

/* The only place that changes the state. What is not needed any more is wiped on the way. */
static void enter(struct handshake *hs, enum handshake_state to)
{
#define TO(state) (1u << HANDSHAKE_##state)
	static const char *const names[] = {"none", "to write the first message",
		"to read the second message", "to read the first message",
		"to write the second message", "done", "split", "failed"};
	static const uint8_t legal[] = {
		[HANDSHAKE_NONE] = TO(WRITE_FIRST) | TO(READ_FIRST),
		[HANDSHAKE_WRITE_FIRST] = TO(READ_SECOND) | TO(FAILED),
		[HANDSHAKE_READ_SECOND] = TO(DONE) | TO(FAILED),
		[HANDSHAKE_READ_FIRST] = TO(WRITE_SECOND) | TO(FAILED),
		[HANDSHAKE_WRITE_SECOND] = TO(DONE) | TO(FAILED),
		[HANDSHAKE_DONE] = TO(SPLIT) | TO(FAILED),
		[HANDSHAKE_SPLIT] = 0,
		[HANDSHAKE_FAILED] = 0,
	};
#undef TO
	static const struct state_table table = {"handshake", names, legal};
	state_step(&table, hs->state, to);
	hs->state = to;
	if (to == HANDSHAKE_SPLIT || to == HANDSHAKE_FAILED)
		sodium_memzero(&hs->secrets, sizeof(hs->secrets));
}

static int refuse(struct handshake *hs)
{
	enter(hs, HANDSHAKE_FAILED);
	return HANDSHAKE_E_AUTH;
}

/* HMAC-BLAKE2b of two parts, the second of which may be empty (RFC 2104). */
static void hmac(const uint8_t key[HANDSHAKE_HASH_SIZE], const uint8_t *a, size_t a_len,
	const uint8_t *b, size_t b_len, uint8_t hmac_out[HANDSHAKE_HASH_SIZE])
{
	crypto_generichash_state state;
	uint8_t pad[BLOCK_SIZE];
	uint8_t inner[HANDSHAKE_HASH_SIZE];

	memset(pad, 0x36, sizeof(pad));
	for (size_t i = 0; i < HANDSHAKE_HASH_SIZE; i++)
		pad[i] ^= key[i];
	crypto_generichash_init(&state, NULL, 0, sizeof(inner));
	crypto_generichash_update(&state, pad, sizeof(pad));
	crypto_generichash_update(&state, a, a_len);
	crypto_generichash_update(&state, b, b_len);
	crypto_generichash_final(&state, inner, sizeof(inner));

	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	crypto_generichash_init(&state, NULL, 0, HANDSHAKE_HASH_SIZE);
	crypto_generichash_update(&state, pad, sizeof(pad));
	crypto_generichash_update(&state, inner, sizeof(inner));
	crypto_generichash_final(&state, hmac_out, HANDSHAKE_HASH_SIZE);

	sodium_memzero(&state, sizeof(state));
	sodium_memzero(pad, sizeof(pad));
	sodium_memzero(inner, sizeof(inner));
}

/* Noise's HKDF with two or three outputs: output i is HMAC(temp, output i-1 || i). */
static void hkdf(const uint8_t chaining[HANDSHAKE_HASH_SIZE], const uint8_t *input, size_t n,
	uint8_t (*out)[HANDSHAKE_HASH_SIZE], uint8_t outputs)
{
	uint8_t temp[HANDSHAKE_HASH_SIZE];
	hmac(chaining, input, n, NULL, 0, temp);
	for (uint8_t i = 1; i <= outputs; i++)
		hmac(temp, i > 1 ? out[i - 2] : NULL, i > 1 ? HANDSHAKE_HASH_SIZE : 0, &i, 1,
			out[i - 1]);
	sodium_memzero(temp, sizeof(temp));
}

static void mix_hash(struct handshake *hs, const void *p, size_t n)
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, HANDSHAKE_HASH_SIZE);
	crypto_generichash_update(&state, hs->hash, HANDSHAKE_HASH_SIZE);
	crypto_generichash_update(&state, p, n);
	crypto_generichash_final(&state, hs->hash, HANDSHAKE_HASH_SIZE);
}

static void mix_key(struct handshake *hs, const uint8_t input[HANDSHAKE_KEY_SIZE])
{
	uint8_t out[2][HANDSHAKE_HASH_SIZE];
	hkdf(hs->secrets.chaining, input, HANDSHAKE_KEY_SIZE, out, 2);
	memcpy(hs->secrets.chaining, out[0], HANDSHAKE_HASH_SIZE);
	memcpy(hs->secrets.key, out[1], HANDSHAKE_KEY_SIZE);
	sodium_memzero(out, sizeof(out));
}

static void mix_key_and_hash(struct handshake *hs, const uint8_t psk[HANDSHAKE_KEY_SIZE])
{
	uint8_t out[3][HANDSHAKE_HASH_SIZE];
	hkdf(hs->secrets.chaining, psk, HANDSHAKE_KEY_SIZE, out, 3);
	memcpy(hs->secrets.chaining, out[0], HANDSHAKE_HASH_SIZE);
	mix_hash(hs, out[1], HANDSHAKE_HASH_SIZE);
	memcpy(hs->secrets.key, out[2], HANDSHAKE_KEY_SIZE);
	sodium_memzero(out, sizeof(out));
}

/* Token `e`, whose public key is mixed into the key as well in patterns with a psk (section 9.2).
 */
static void mix_ephemeral(struct handshake *hs, const uint8_t public_key[HANDSHAKE_KEY_SIZE])
{
	mix_hash(hs, public_key, HANDSHAKE_KEY_SIZE);
	mix_key(hs, public_key);
}

/*
 * Token `ee`. A public key of low order makes the shared secret zero whatever our key is, and the
 * keys would then hang on the psk alone: false.
 */
static bool mix_shared(struct handshake *hs)
{
	uint8_t shared[HANDSHAKE_KEY_SIZE];
	bool ok = crypto_scalarmult(shared, hs->secrets.ephemeral, hs->peer) == 0 &&
		  !sodium_is_zero(shared, sizeof(shared));
	if (ok)
		mix_key(hs, shared);
	sodium_memzero(shared, sizeof(shared));
	return ok;
}

void handshake_init(struct handshake *hs, enum seal_suite suite, bool initiator,
	const void *prologue, size_t n, const uint8_t psk[HANDSHAKE_KEY_SIZE],
	const uint8_t *ephemeral)
{
	*hs = (struct handshake){.initiator = initiator, .suite = suite};
	memcpy(hs->hash, protocol_names[suite], HANDSHAKE_HASH_SIZE);
	memcpy(hs->secrets.chaining, hs->hash, HANDSHAKE_HASH_SIZE);
	mix_hash(hs, prologue, n);
	if (ephemeral)
		memcpy(hs->secrets.ephemeral, ephemeral, HANDSHAKE_KEY_SIZE);
	else
		randombytes_buf(hs->secrets.ephemeral, HANDSHAKE_KEY_SIZE);
	mix_key_and_hash(hs, psk);
	enter(hs, initiator ? HANDSHAKE_WRITE_FIRST : HANDSHAKE_READ_FIRST);
}

void handshake_deinit(struct handshake *hs)
{
	if (hs)
		sodium_memzero(hs, sizeof(*hs));
}

int handshake_write(struct handshake *hs, const void *payload, size_t n, uint8_t *out, size_t cap,
	size_t *n_out)
{
	bool first = hs->state == HANDSHAKE_WRITE_FIRST;
	if (!first && hs->state != HANDSHAKE_WRITE_SECOND)
		return -EPROTO;
	if (n > HANDSHAKE_MESSAGE_MAX - HANDSHAKE_OVERHEAD)
		return -EMSGSIZE;
	if (cap < n + HANDSHAKE_OVERHEAD)
		return -ENOBUFS;

	crypto_scalarmult_base(out, hs->secrets.ephemeral);
	mix_ephemeral(hs, out);
	if (!first && !mix_shared(hs))
		return refuse(hs);

	uint8_t *sealed = out + HANDSHAKE_KEY_SIZE;
	seal_once(hs->suite, hs->secrets.key, 0, hs->hash, HANDSHAKE_HASH_SIZE, payload, n, sealed);
	mix_hash(hs, sealed, n + SEAL_TAG_SIZE);
	enter(hs, first ? HANDSHAKE_READ_SECOND : HANDSHAKE_DONE);
	*n_out = n + HANDSHAKE_OVERHEAD;
	return 0;
}

int handshake_read(struct handshake *hs, const uint8_t *msg, size_t n, uint8_t *payload_out,
	size_t cap, size_t *n_out)
{
	bool first = hs->state == HANDSHAKE_READ_FIRST;
	if (!first && hs->state != HANDSHAKE_READ_SECOND)
		return -EPROTO;
	if (n < HANDSHAKE_OVERHEAD || n > HANDSHAKE_MESSAGE_MAX)
		return refuse(hs);
	if (cap < n - HANDSHAKE_OVERHEAD)
		return -ENOBUFS;

	memcpy(hs->peer, msg, HANDSHAKE_KEY_SIZE);
	mix_ephemeral(hs, hs->peer);
	if (!first && !mix_shared(hs))
		return refuse(hs);

	/* In the first message nothing was spent on Curve25519 when a replay fails here. */
	const uint8_t *sealed = msg + HANDSHAKE_KEY_SIZE;
	size_t sealed_len = n - HANDSHAKE_KEY_SIZE;
	if (seal_open_once(hs->suite, hs->secrets.key, 0, hs->hash, HANDSHAKE_HASH_SIZE, sealed,
		    sealed_len, payload_out) != 0)
		return refuse(hs);
	mix_hash(hs, sealed, sealed_len);
	enter(hs, first ? HANDSHAKE_WRITE_SECOND : HANDSHAKE_DONE);
	*n_out = n - HANDSHAKE_OVERHEAD;
	return 0;
}

int handshake_split(struct handshake *hs, struct seal *send_out, struct seal *recv_out)
{
	if (hs->state != HANDSHAKE_DONE)
		return -EPROTO;
	/* The first key is the initiator's to send with, the second the responder's. */
	uint8_t keys[2][HANDSHAKE_HASH_SIZE];
	hkdf(hs->secrets.chaining, NULL, 0, keys, 2);
	struct seal send = {0};
	struct seal recv = {0};
	int r = seal_init(&send, hs->suite, keys[hs->initiator ? 0 : 1]);
	if (r == 0)
		r = seal_init(&recv, hs->suite, keys[hs->initiator ? 1 : 0]);
	sodium_memzero(keys, sizeof(keys));
	if (r != 0) {
		seal_deinit(&send);
		enter(hs, HANDSHAKE_FAILED);
		return r;
	}
	*send_out = send;
	*recv_out = recv;
	sodium_memzero(&send, sizeof(send));
	sodium_memzero(&recv, sizeof(recv));
	enter(hs, HANDSHAKE_SPLIT);
	return 0;
}

const uint8_t *handshake_hash(const struct handshake *hs)
{
	return hs->state == HANDSHAKE_DONE || hs->state == HANDSHAKE_SPLIT ? hs->hash : NULL;
}
