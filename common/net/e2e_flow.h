/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * End to end, of datagrams: what lies between a flow and its stream when two clients seal what an exit node carries for
 * them (docs/protocol.md, section 12). The first byte of each datagram says what it is:
 *
 *	consumer -> provider	1 | 'E' '2' 'E' 1 | suite u8 | the first message of Noise IK, 96 bytes
 *	provider -> consumer	2 | the second, 48 bytes
 *	both ways		3 | number u64 | record: one datagram, and a tag of 16 bytes
 *
 * Any of them may be lost on the way, as the links and the exit node drop what is late. So the consumer says its first
 * message again until it has an answer, and the provider says its answer again whenever it hears that very message;
 * numbers count from 0 in each direction, and what came before, or is older than REPLAY_WINDOW, is dropped. What does
 * not open is dropped and counted, and the flow goes on: only what comes instead of a handshake ends it. What a program
 * sends meanwhile waits in the flow, which keeps FLOW_UNSENT_MAX of it.
 */
#include "crypto/replay_window.h"
#include "net/e2e.h"
#include "net/flow.h"

#define E2E_FLOW_OVERHEAD (1 + 8 + SEAL_TAG_SIZE) /* bytes, of a datagram that is sealed */
#define E2E_FLOW_DATAGRAM_MAX \
	(FRAME_DATAGRAM_MAX - E2E_FLOW_OVERHEAD) /* bytes, of one that is to be */
#define E2E_FLOW_FIRST  (1 + 4 + 1 + HANDSHAKE_IK_FIRST)
#define E2E_FLOW_SECOND (1 + HANDSHAKE_IK_SECOND)

/* A round trip to a far provider, and some; a guess, as FLOW_ANSWER_TIME is. */
#define E2E_FLOW_REPEAT_EVERY (250 * CLOCK_MS)
#define E2E_FLOW_REPEATS      5 /* times; and after another pause the consumer gives up */

struct e2e_flow {
	struct flow *flow;
	const struct stream_ops *inner; /* the flow's own */
	enum e2e_state state;
	bool provider;
	enum seal_suite suite;
	const struct key_pair *own;
	char service[E2E_SERVICE_MAX + 1];
	uint32_t link;

	struct handshake *handshake; /* owned; NULL when it is over */
	struct seal send, recv;
	struct replay_window window;

	uint8_t first
		[E2E_FLOW_FIRST]; /* the consumer's message: ours, or the one that was accepted */
	uint8_t second[E2E_FLOW_SECOND]; /* the provider's end: the answer to it */
	bool saying;                     /* our message waits for the stream's turn */
	unsigned repeats;                /* the consumer's end: how often it was said again */
	uint64_t refused; /* datagrams that the other end has not sent, or that came before */

	/*
	 * The provider's end: the first message came, from whom has `key`. Say e2e_flow_accept(), now or later, or end the
	 * flow. From within push().
	 */
	void (*asked)(struct e2e_flow *e, const uint8_t key[KEY_PAIR_SIZE]);
	/*
	 * There will be no handshake; `why` is the rest of a sentence that begins with the flow. It is about to end, and its
	 * closed() runs next. For the log.
	 */
	void (*failed)(struct e2e_flow *e, const char *why);
	/* A datagram was dropped and counted in `refused`, and the flow goes on. For the log. */
	void (*dropped)(struct e2e_flow *e);
};

/*
 * Comes between a flow that was initialised and its stream, before that is opened; `config` as e2e_start() has it. `e` is
 * set but for the callbacks, must last until the flow's memory goes, and is for e2e_flow_deinit() then. 0; -ENOMEM; or
 * -EPROTO, when the provider's key is none.
 */
int e2e_flow_start(struct e2e_flow *e, struct flow *flow, const struct e2e_config *config);
/* Wipes; accepts zeroed memory. */
void e2e_flow_deinit(struct e2e_flow *e);

/*
 * The consumer's end, every E2E_FLOW_REPEAT_EVERY from its start: says the first message again, unless it has its answer.
 * False: it said it often enough, and nobody answers.
 */
bool e2e_flow_repeat(struct e2e_flow *e);

/* The provider's end: whoever has that key may use it. */
void e2e_flow_accept(struct e2e_flow *e);
