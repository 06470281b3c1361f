/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Shared by the files of end to end alone: e2e_terms.c at the bottom, of both kinds of streams; above it those of bytes,
 * e2e_handshake.c, e2e_input.c and e2e.c on top; and of datagrams, e2e_flow.c.
 */
#include "base/macros.h"
#include "net/e2e.h"

#define E2E_MAGIC      "E2E\1"
#define E2E_MAGIC_SIZE (sizeof(E2E_MAGIC) - 1)
#define E2E_SIZE_BYTES 2 /* of the number before a message or record */

_Static_assert(E2E_HEAD == E2E_MAGIC_SIZE + 1 + E2E_SIZE_BYTES, "magic, suite, size");
_Static_assert(E2E_HEAD + HANDSHAKE_IK_FIRST <= E2E_OUT, "the first message goes through `out`");
_Static_assert(E2E_OUT <= UINT8_MAX, "its bounds are bytes");

static inline struct e2e *e2e_of(struct stream *s)
{
	return container_of(s, struct relay, stream)->e2e;
}

/* ---- e2e_terms.c ---- */

/* Every legal transition; anything else is a bug of ours. */
void e2e_step(enum e2e_state *state, enum e2e_state to);
/* The byte that says which; false: this machine has not that cipher. */
bool e2e_read_suite(uint8_t byte, enum seal_suite *out);
static inline uint8_t e2e_suite_byte(enum seal_suite suite)
{
	return (uint8_t)(suite + 1);
}

/* What both ends must agree on, as in docs/protocol.md, section 12. */
struct e2e_terms {
	const char *label; /* of the kind of stream: no message of one is good for the other */
	enum seal_suite suite;
	const char *service; /* E2E_SERVICE_MAX bytes at most */
	uint32_t link;
};
/* `peer` is the provider's key, at the consumer's end; else NULL. */
void e2e_handshake_init(struct handshake *hs, const struct e2e_terms *terms,
	const struct key_pair *own, const uint8_t *peer);

/* ---- e2e_handshake.c ---- */

void e2e_set_state(struct e2e *e, enum e2e_state state);
/* Wipes and frees what only the handshake needs. */
void e2e_handshake_over(struct e2e *e);
/* Nothing is sealed or opened any more; the stream is closed, or about to be. */
void e2e_over(struct e2e *e);
/* Never from within pull(). The stream is closed behind it. */
void e2e_fail(struct e2e *e, enum frame_reset reason, const char *why);
/* `peer` is the provider's key, at the consumer's end; else NULL. `suite` is set. */
void e2e_handshake_begin(struct e2e *e, const uint8_t *peer);
/* Writes the next message into `out`, with its size before it. False: the keys are none. */
bool e2e_write_message(struct e2e *e);
/* `in` is a whole message of the peer's. */
void e2e_message_came(struct e2e *e);

/* ---- e2e_input.c ---- */

/* As stream_ops. */
size_t e2e_push(struct stream *s, const uint8_t *p, size_t n);
void e2e_push_end(struct stream *s);
