/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A consumer and a provider, each with a relay whose program is the scene itself, or a socket of the test's, and between them an exit node that
 * a test plays: what each end sends waits in `said` until the test puts it, or something else, into the other's
 * `told`. Programs send a pattern of their own, and what they are given is held against the other's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "mux/mux.h"
#include "net/e2e.h"

struct scene_end {
	struct relay relay;
	struct e2e e2e;
	struct key_pair keys;
	struct mux mux;          /* the client's end of its link */
	struct mux node;         /* the exit node's */
	struct stream far;       /* the exit node's stream there */
	struct scene_end *other; /* who it should be joined with */
	unsigned pattern;        /* of what its program sends */

	/* The program. */
	size_t give; /* bytes that it sends, in all */
	bool end;    /* and then ends */
	size_t sent; /* of them, so far */
	bool sent_end;
	size_t take; /* bytes that it takes, in all */
	size_t got;
	bool got_end;
	bool wrong;  /* it was given what the other's has not sent, or anything behind an end */
	int n_ended; /* its socket was closed, */
	enum frame_reset reason; /* by an RST if this is not NONE */

	/* The provider's end. */
	bool waits; /* asked() does not accept */
	int n_asked;
	uint8_t asked_by[KEY_PAIR_SIZE];
	const char *why; /* of failed() */

	/* The exit node. */
	struct buf said, told;
	bool said_end, told_end;
	bool far_over; /* its stream was closed, */
	enum frame_reset far_reason;
};

struct scene {
	struct scene_end consumer, provider;
	struct budget budget;
};

struct scene_config {
	uint32_t window; /* bytes of credit; 0: MUX_BASE_WINDOW */
	size_t budget;   /* bytes; 0: enough */
	enum seal_suite suite;
	const char *consumer_service, *provider_service; /* NULL: "redis" */
	uint32_t consumer_link, provider_link;           /* 0: 17 */
	const uint8_t *peer; /* whose key the consumer wants; NULL: the provider's */
	bool plain;          /* the consumer does not seal */
	struct loop *loop; /* relays are as they are, for sockets; NULL: the program is the scene */
};

/* Both streams are open; nothing was said. 0 or -ENOMEM. */
int scene_init(struct scene *t, const struct scene_config *config);
void scene_deinit(struct scene *t);

/* What each end and the exit node have to say to each other goes, until nobody has anything. */
void scene_turn(struct scene *t);
/* Bytes, and the end, that `from` said go on to the other, `n` at most. Whether there were any. */
bool scene_forward(struct scene_end *from, size_t n);
/* Turns, and forwards everything both ways, until nothing is left. */
void scene_run(struct scene *t);

/* What stands at this place of what the program of `end` sends. */
uint8_t scene_byte(const struct scene_end *end, size_t at);
/* More for the exit node's stream to say to that end. */
void scene_tell(struct scene_end *to, const void *p, size_t n);
