/* SPDX-License-Identifier: MIT */
/*
 * The functions carry the names and the order of Noise's section 5.2 (symmetric state) and 5.3
 * (handshake state), and the patterns those of its section 7, so that they can be read beside it. Two
 * things are simpler than there: the `psk` token comes first for both roles, so initialisation spends
 * it and the key is not kept; and every key of these patterns encrypts a single payload, so the
 * handshake's nonce is always zero.
 */
#include "crypto/handshake.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "base/state.h"

#define BLOCK_SIZE 128 /* BLAKE2b's, which HMAC pads its key to (Noise, section 12.8) */

/* In a message, one after another; 0 ends it, and its payload follows. */
enum token { E = 1, S, EE, ES, SE, SS };

/* Names are padded with zeros, as one that is not longer than a hash is where h starts. */
static const struct pattern {
	char names[2][HANDSHAKE_HASH_SIZE];
	uint8_t tokens[2][5];
	uint8_t overhead[2]; /* bytes that a message is longer than its payload */
	bool psk;            /* and `e` is mixed into the key as well (section 9.2) */
} patterns[] = {
	[HANDSHAKE_NNPSK0] =
		{
			.names = {[SEAL_CHACHAPOLY] = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b",
				[SEAL_AESGCM] = "Noise_NNpsk0_25519_AESGCM_BLAKE2b"},
			.tokens = {{E}, {E, EE}},
			.overhead = {HANDSHAKE_OVERHEAD, HANDSHAKE_OVERHEAD},
			.psk = true,
		},
	[HANDSHAKE_IK] =
		{
			.names = {[SEAL_CHACHAPOLY] = "Noise_IK_25519_ChaChaPoly_BLAKE2b",
				[SEAL_AESGCM] = "Noise_IK_25519_AESGCM_BLAKE2b"},
			.tokens = {{E, ES, S, SS}, {E, EE, SE}},
			.overhead = {HANDSHAKE_IK_FIRST, HANDSHAKE_IK_SECOND},
		},
};

_Static_assert(HANDSHAKE_OVERHEAD == HANDSHAKE_KEY_SIZE + SEAL_TAG_SIZE, "public key and tag");
_Static_assert(HANDSHAKE_KEY_SIZE == KEY_PAIR_SIZE, "one curve");

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

/* Of what is told in clear: both have the same hash of it, or none of the next keys is right. */
static void mix_ephemeral(struct handshake *hs, const uint8_t public_key[HANDSHAKE_KEY_SIZE])
{
	mix_hash(hs, public_key, HANDSHAKE_KEY_SIZE);
	if (patterns[hs->pattern].psk)
		mix_key(hs, public_key);
}

/* The handshake's ENCRYPT: `n` bytes and a tag. */
static uint8_t *encrypt_and_hash(struct handshake *hs, const void *p, size_t n, uint8_t *out)
{
	seal_once(hs->suite, hs->secrets.key, 0, hs->hash, HANDSHAKE_HASH_SIZE, p, n, out);
	mix_hash(hs, out, n + SEAL_TAG_SIZE);
	return out + n + SEAL_TAG_SIZE;
}

/* `n` with the tag; false when this is not what the peer has sealed here. */
static bool decrypt_and_hash(struct handshake *hs, const uint8_t *p, size_t n, uint8_t *out)
{
	if (seal_open_once(hs->suite, hs->secrets.key, 0, hs->hash, HANDSHAKE_HASH_SIZE, p, n,
		    out) != 0)
		return false;
	mix_hash(hs, p, n);
	return true;
}

/*
 * Tokens `ee` to `ss`: the initiator's key has the first letter, the responder's the second. A public key
 * of low order makes the shared secret zero whatever our key is, and the keys would then hang on the
 * others alone: false.
 */
static bool mix_shared(struct handshake *hs, enum token token)
{
	bool own_static = token == SS || token == (hs->initiator ? SE : ES);
	bool peer_static = token == SS || token == (hs->initiator ? ES : SE);
	uint8_t shared[HANDSHAKE_KEY_SIZE];
	bool ok = crypto_scalarmult(shared, own_static ? hs->secrets.own : hs->secrets.ephemeral,
			  peer_static ? hs->peer_static : hs->peer) == 0 &&
		  !sodium_is_zero(shared, sizeof(shared));
	if (ok)
		mix_key(hs, shared);
	sodium_memzero(shared, sizeof(shared));
	return ok;
}

/* Writes what the token has in the message, and moves on. */
static bool write_token(struct handshake *hs, enum token token, uint8_t **at)
{
	if (token == E) {
		crypto_scalarmult_base(*at, hs->secrets.ephemeral);
		mix_ephemeral(hs, *at);
		*at += HANDSHAKE_KEY_SIZE;
		return true;
	}
	if (token != S)
		return mix_shared(hs, token);
	*at = encrypt_and_hash(hs, hs->own, HANDSHAKE_KEY_SIZE, *at);
	return true;
}

static bool read_token(struct handshake *hs, enum token token, const uint8_t **at)
{
	const size_t sealed = HANDSHAKE_KEY_SIZE + SEAL_TAG_SIZE;
	if (token == E) {
		memcpy(hs->peer, *at, HANDSHAKE_KEY_SIZE);
		mix_ephemeral(hs, hs->peer);
		*at += HANDSHAKE_KEY_SIZE;
		return true;
	}
	if (token != S)
		return mix_shared(hs, token);
	*at += sealed;
	return decrypt_and_hash(hs, *at - sealed, sealed, hs->peer_static);
}

/* ---- For everybody ---- */

static void start(struct handshake *hs, const void *prologue, size_t n, const uint8_t *ephemeral)
{
	memcpy(hs->hash, patterns[hs->pattern].names[hs->suite], HANDSHAKE_HASH_SIZE);
	memcpy(hs->secrets.chaining, hs->hash, HANDSHAKE_HASH_SIZE);
	mix_hash(hs, prologue, n);
	if (ephemeral)
		memcpy(hs->secrets.ephemeral, ephemeral, HANDSHAKE_KEY_SIZE);
	else
		randombytes_buf(hs->secrets.ephemeral, HANDSHAKE_KEY_SIZE);
}

void handshake_init(struct handshake *hs, enum seal_suite suite, bool initiator,
	const void *prologue, size_t n, const uint8_t psk[HANDSHAKE_KEY_SIZE],
	const uint8_t *ephemeral)
{
	*hs = (struct handshake){.pattern = HANDSHAKE_NNPSK0,
		.suite = suite,
		.initiator = initiator};
	start(hs, prologue, n, ephemeral);
	mix_key_and_hash(hs, psk);
	enter(hs, initiator ? HANDSHAKE_WRITE_FIRST : HANDSHAKE_READ_FIRST);
}

void handshake_init_ik(struct handshake *hs, enum seal_suite suite, const void *prologue, size_t n,
	const struct handshake_keys *keys)
{
	*hs = (struct handshake){.pattern = HANDSHAKE_IK, .suite = suite, .initiator = keys->peer};
	memcpy(hs->secrets.own, keys->own->private, HANDSHAKE_KEY_SIZE);
	memcpy(hs->own, keys->own->public, HANDSHAKE_KEY_SIZE);
	if (keys->peer)
		memcpy(hs->peer_static, keys->peer, HANDSHAKE_KEY_SIZE);
	start(hs, prologue, n, keys->ephemeral);
	/* The responder's key, which both know before. */
	mix_hash(hs, hs->initiator ? hs->peer_static : hs->own, HANDSHAKE_KEY_SIZE);
	enter(hs, hs->initiator ? HANDSHAKE_WRITE_FIRST : HANDSHAKE_READ_FIRST);
}

void handshake_deinit(struct handshake *hs)
{
	if (hs)
		sodium_memzero(hs, sizeof(*hs));
}

int handshake_write(struct handshake *hs, const void *payload, size_t n, uint8_t *out, size_t cap,
	size_t *n_out)
{
	const struct pattern *pattern = &patterns[hs->pattern];
	bool first = hs->state == HANDSHAKE_WRITE_FIRST;
	if (!first && hs->state != HANDSHAKE_WRITE_SECOND)
		return -EPROTO;
	size_t overhead = pattern->overhead[!first];
	if (n > HANDSHAKE_MESSAGE_MAX - overhead)
		return -EMSGSIZE;
	if (cap < n + overhead)
		return -ENOBUFS;

	uint8_t *at = out;
	for (const uint8_t *token = pattern->tokens[!first]; *token; token++)
		if (!write_token(hs, *token, &at))
			return refuse(hs);
	encrypt_and_hash(hs, payload, n, at);
	enter(hs, first ? HANDSHAKE_READ_SECOND : HANDSHAKE_DONE);
	*n_out = n + overhead;
	return 0;
}

int handshake_read(struct handshake *hs, const uint8_t *msg, size_t n, uint8_t *payload_out,
	size_t cap, size_t *n_out)
{
	const struct pattern *pattern = &patterns[hs->pattern];
	bool first = hs->state == HANDSHAKE_READ_FIRST;
	if (!first && hs->state != HANDSHAKE_READ_SECOND)
		return -EPROTO;
	size_t overhead = pattern->overhead[!first];
	if (n < overhead || n > HANDSHAKE_MESSAGE_MAX)
		return refuse(hs);
	if (cap < n - overhead)
		return -ENOBUFS;

	/* In NNpsk0's first message nothing was spent on Curve25519 when a replay fails here. */
	const uint8_t *at = msg;
	for (const uint8_t *token = pattern->tokens[!first]; *token; token++)
		if (!read_token(hs, *token, &at))
			return refuse(hs);
	if (!decrypt_and_hash(hs, at, n - (size_t)(at - msg), payload_out))
		return refuse(hs);
	enter(hs, first ? HANDSHAKE_WRITE_SECOND : HANDSHAKE_DONE);
	*n_out = n - overhead;
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

const uint8_t *handshake_peer(const struct handshake *hs)
{
	bool known = hs->pattern == HANDSHAKE_IK && hs->state != HANDSHAKE_READ_FIRST &&
		     hs->state != HANDSHAKE_FAILED && hs->state != HANDSHAKE_NONE;
	return known ? hs->peer_static : NULL;
}
