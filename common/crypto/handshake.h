/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Noise, revision 34 (https://noiseprotocol.org/noise.html), with Curve25519, BLAKE2b and ChaChaPoly or
 * AESGCM: two messages, from which both sides get fresh keys that no key of longer life gives away.
 *
 * NNpsk0, of links: each side shows that it knows the pre-shared key (rule 6 of docs/protocol.md).
 *
 *	-> psk, e		initiator: write, read, split
 *	<- e, ee		responder: read, write, split
 *
 * IK, of what goes end to end through an exit node: the initiator knows the responder's public key, and
 * shows its own to whoever has the private one of that, who may look at it before it answers.
 *
 *	<- s			known before
 *	-> e, es, s, ss
 *	<- e, ee, se
 *
 * Knows no sockets and no token. A call out of this order is -EPROTO and changes nothing; any other
 * refusal of a message ends the handshake, which then wipes its secrets and answers -EPROTO.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/key_pair.h"
#include "crypto/seal.h"

#define HANDSHAKE_KEY_SIZE  32 /* pre-shared key, private and public keys of Curve25519 */
#define HANDSHAKE_HASH_SIZE 64 /* BLAKE2b-512 */

/* What either message of NNpsk0 is longer than its payload: a public key in front, a tag behind. */
#define HANDSHAKE_OVERHEAD (HANDSHAKE_KEY_SIZE + 16)

/* Likewise of IK's; the first has the sealed static key as well. */
#define HANDSHAKE_IK_FIRST  (HANDSHAKE_KEY_SIZE + HANDSHAKE_KEY_SIZE + 16 + 16)
#define HANDSHAKE_IK_SECOND HANDSHAKE_OVERHEAD

/* Bytes: the longest message that Noise allows. */
#define HANDSHAKE_MESSAGE_MAX 65535

/* The peer does not know the key, saw another prologue, or the message was tampered with. */
#define HANDSHAKE_E_AUTH 1

enum handshake_pattern { HANDSHAKE_NNPSK0, HANDSHAKE_IK };

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
	enum handshake_pattern pattern;
	enum seal_suite suite;
	uint8_t hash[HANDSHAKE_HASH_SIZE]; /* h: of all that was said so far */
	struct handshake_secrets {
		uint8_t chaining[HANDSHAKE_HASH_SIZE]; /* ck */
		uint8_t key[HANDSHAKE_KEY_SIZE];       /* k */
		uint8_t ephemeral[HANDSHAKE_KEY_SIZE]; /* e, private */
		uint8_t own[HANDSHAKE_KEY_SIZE];       /* s, private */
	} secrets;
	uint8_t own[HANDSHAKE_KEY_SIZE];         /* s, public */
	uint8_t peer[HANDSHAKE_KEY_SIZE];        /* re, public */
	uint8_t peer_static[HANDSHAKE_KEY_SIZE]; /* rs, public */
};

/* NNpsk0. Keeps no pointer. `ephemeral` is NULL, and a fresh private key drawn, but in tests of vectors. */
void handshake_init(struct handshake *hs, enum seal_suite suite, bool initiator,
	const void *prologue, size_t n, const uint8_t psk[HANDSHAKE_KEY_SIZE],
	const uint8_t *ephemeral);

/* The keys of IK. */
struct handshake_keys {
	const struct key_pair *own;
	const uint8_t *peer;      /* public; NULL at the responder, who learns it */
	const uint8_t *ephemeral; /* as above */
};

/* IK; the initiator is who has `peer`. Keeps no pointer. */
void handshake_init_ik(struct handshake *hs, enum seal_suite suite, const void *prologue, size_t n,
	const struct handshake_keys *keys);
/* Wipes; accepts NULL and zeroed memory. */
void handshake_deinit(struct handshake *hs);

/*
 * The next message around `n` bytes of payload (in the first one the payload has no forward
 * secrecy). `out` must not overlap it. -ENOBUFS when `cap` is below n and the message's overhead,
 * -EMSGSIZE when that is above HANDSHAKE_MESSAGE_MAX; neither ends the handshake. HANDSHAKE_E_AUTH
 * when a public key of the peer's makes a shared secret zero.
 */
int handshake_write(struct handshake *hs, const void *payload, size_t n, uint8_t *out, size_t cap,
	size_t *n_out);

/*
 * Takes the peer's message; its payload is n less the message's overhead, and -ENOBUFS (which
 * does not end the handshake) says that `cap` is less. A message of impossible length is
 * HANDSHAKE_E_AUTH too.
 */
int handshake_read(struct handshake *hs, const uint8_t *msg, size_t n, uint8_t *payload_out,
	size_t cap, size_t *n_out);

/* Once, after both messages: initialises the two directions, or as seal_init() fails, neither. */
int handshake_split(struct handshake *hs, struct seal *send_out, struct seal *recv_out);

/* HANDSHAKE_HASH_SIZE bytes, equal on both sides and never seen before; NULL until the end. */
const uint8_t *handshake_hash(const struct handshake *hs);

/* IK: who the peer is, HANDSHAKE_KEY_SIZE bytes; at the responder once the first message was read, else NULL. */
const uint8_t *handshake_peer(const struct handshake *hs);
