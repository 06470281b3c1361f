/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * End to end: what lies between a relay and its stream when two clients seal what an exit node carries for them
 * (docs/protocol.md, rule 53). The consumer, who opens the stream, begins:
 *
 *	consumer -> provider	'E' '2' 'E' 1 | suite u8 | u16 96 | the first message of Noise IK
 *	provider -> consumer	u16 48 | the second
 *	both ways		u16 n | record of n bytes, of which 16 are the tag
 *
 * Suite 1 is ChaChaPoly, 2 AESGCM. The prologue has the suite, the private service's name and the link id, so that
 * a stream that is led elsewhere ends there. A record has up to E2E_DATA_MAX bytes of data; one without any ends
 * the data of its direction and goes before FIN: where it is missing, or where anything else is wrong, the socket
 * is reset, as the program behind it must not take a part for the whole. Neither end sends data before it has
 * the other's message: the provider's socket may come when the first message was accepted, and not before.
 */
#include <stdbool.h>
#include <stdint.h>

#include "crypto/handshake.h"
#include "crypto/key_pair.h"
#include "crypto/seal.h"
#include "net/relay.h"

#define E2E_DATA_MAX \
	(16u << 10) /* bytes in a record: as TLS has it, what a stream waits for at most */
#define E2E_RECORD_MAX (E2E_DATA_MAX + SEAL_TAG_SIZE)
#define E2E_BATCH \
	(4 * E2E_DATA_MAX) /* bytes of data that its relay is given at once, or are kept for it */
#define E2E_SERVICE_MAX 63 /* bytes of a private service's name */
#define E2E_OUT         128 /* bytes; a whole first message, and records where there is little room */
#define E2E_HEAD        7   /* bytes before the first message; of everything else, 2 */

enum e2e_state {
	E2E_NONE,        /* zeroed */
	E2E_WRITE_FIRST, /* the consumer's end, before its turn */
	E2E_READ_SECOND, /* and behind it */
	E2E_READ_FIRST,  /* the provider's end */
	E2E_ASKED,       /* the provider's end, whose owner is to accept it */
	E2E_UP,
	E2E_OVER,
};

struct e2e_config {
	const struct key_pair *own; /* must outlast the stream */
	const uint8_t *peer;        /* the consumer's end: the provider's public key; else NULL */
	enum seal_suite suite;      /* of the consumer's choice: e2e_suite() */
	const char *service;        /* the private service's name, in lower case */
	uint32_t link;              /* the consumer's link id */
};

struct e2e {
	struct relay *relay;
	enum e2e_state state;
	bool in_ended;  /* the peer's end record came */
	bool out_ended; /* ours was given to the stream */
	bool opened; /* `in` is data of whole records for the relay, which has not taken it all */
	enum seal_suite suite;
	const struct key_pair *own;
	char service[E2E_SERVICE_MAX + 1];
	uint32_t link;

	struct handshake *handshake; /* owned; NULL when it is over */
	struct seal send, recv;

	uint8_t head[E2E_HEAD]; /* what stands before a message or record */
	uint8_t n_head;
	uint8_t *
		in; /* owned: the body, charged to the stream; NULL while it is not known how long it is */
	size_t in_size, in_len, in_taken;

	uint8_t out[E2E_OUT]; /* sealed bytes for which there was no room yet */
	uint8_t out_start, out_end;

	/*
	 * The provider's end: the first message came, from whom has `key`. Say e2e_accept(), now or later, or end the
	 * relay. From within push().
	 */
	void (*asked)(struct e2e *e, const uint8_t key[KEY_PAIR_SIZE]);
	/*
	 * What came is wrong; `why` is the rest of a sentence that begins with the stream. The relay is about to end,
	 * and its ended() runs next. For the log.
	 */
	void (*failed)(struct e2e *e, const char *why);
};

/* What the consumer's end should choose where the provider prefers AES (`aes` of `attached`), or does not. */
enum seal_suite e2e_suite(bool aes);

/*
 * Comes between a relay that was initialised and its stream, before that is opened; relay_hear() may come before or
 * after. `e` is set but for the callbacks, must last until the relay's memory goes, and is for e2e_deinit() then. 0,
 * or -ENOMEM.
 */
int e2e_start(struct e2e *e, struct relay *relay, const struct e2e_config *config);
/* Wipes; accepts zeroed memory. */
void e2e_deinit(struct e2e *e);

/* The provider's end: whoever has that key may use it. From here on the relay may be connected. */
void e2e_accept(struct e2e *e);
