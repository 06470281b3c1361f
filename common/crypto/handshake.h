/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b, or the same with AESGCM, revision 34
 * (https://noiseprotocol.org/noise.html): two messages in which each side shows that it knows the
 * pre-shared key, and from which both get fresh keys that the pre-shared key alone does not give away
 * (rule 6 of docs/protocol.md).
 *
 *	-> psk, e	initiator: write, read, split
 *	<- e, ee	responder: read, write, split
 *
 * Knows no sockets and no token. A call out of this order is -EPROTO and changes nothing; any other
 * refusal of a message ends the handshake, which then wipes its secrets and answers -EPROTO.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/seal.h"

#define HANDSHAKE_KEY_SIZE  32 /* pre-shared key, private and public keys of Curve25519 */
#define HANDSHAKE_HASH_SIZE 64 /* BLAKE2b-512 */

/* What either message is longer than its payload: a public key in front, a tag behind. */
#define HANDSHAKE_OVERHEAD (HANDSHAKE_KEY_SIZE + 16)

/* Bytes: the longest message that Noise allows. */
#define HANDSHAKE_MESSAGE_MAX 65535

/* The peer does not know the key, saw another prologue, or the message was tampered with. */
#define HANDSHAKE_E_AUTH 1

enum handshake_state {
	HANDSHAKE_NONE, /* zeroed, or deinitialised */
	HANDSHAKE_WRITE_FIRST,
	HANDSHAKE_READ_SECOND,
	HANDSHAKE_READ_FIRST,
	HANDSHAKE_WRITE_SECOND,
	HANDSHAKE_DONE,
	HANDSHAKE_SPLIT,
	HANDSHAKE_FAILED,
};

struct handshake {
	enum handshake_state state;
	bool initiator;
	enum seal_suite suite;
	uint8_t hash[HANDSHAKE_HASH_SIZE]; /* h: of all that was said so far */
	struct handshake_secrets {
		uint8_t chaining[HANDSHAKE_HASH_SIZE]; /* ck */
		uint8_t key[HANDSHAKE_KEY_SIZE];       /* k */
		uint8_t ephemeral[HANDSHAKE_KEY_SIZE]; /* e, private */
	} secrets;
	uint8_t peer[HANDSHAKE_KEY_SIZE]; /* re, public */
};

/* Keeps no pointer. `ephemeral` is NULL, and a fresh private key drawn, but in tests of vectors. */
void handshake_init(struct handshake *hs, enum seal_suite suite, bool initiator,
	const void *prologue, size_t n, const uint8_t psk[HANDSHAKE_KEY_SIZE],
	const uint8_t *ephemeral);
/* Wipes; accepts NULL and zeroed memory. */
void handshake_deinit(struct handshake *hs);

/*
 * The next message around `n` bytes of payload (in the first one the payload has no forward
 * secrecy). `out` must not overlap it. -ENOBUFS when `cap` is below n + HANDSHAKE_OVERHEAD,
 * -EMSGSIZE when that is above HANDSHAKE_MESSAGE_MAX; neither ends the handshake. HANDSHAKE_E_AUTH,
 * from the responder only, when the initiator's public key makes the shared secret zero.
 */
int handshake_write(struct handshake *hs, const void *payload, size_t n, uint8_t *out, size_t cap,
	size_t *n_out);

/*
 * Takes the peer's message; its payload is n - HANDSHAKE_OVERHEAD bytes, and -ENOBUFS (which
 * does not end the handshake) says that `cap` is less. A message of impossible length is
 * HANDSHAKE_E_AUTH too.
 */
int handshake_read(struct handshake *hs, const uint8_t *msg, size_t n, uint8_t *payload_out,
	size_t cap, size_t *n_out);

/* Once, after both messages: initialises the two directions, or as seal_init() fails, neither. */
int handshake_split(struct handshake *hs, struct seal *send_out, struct seal *recv_out);

/* HANDSHAKE_HASH_SIZE bytes, equal on both sides and never seen before; NULL until the end. */
const uint8_t *handshake_hash(const struct handshake *hs);
