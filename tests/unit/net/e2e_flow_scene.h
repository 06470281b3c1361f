/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A consumer's and a provider's flow, sealed, and between them an exit node that a test plays: each datagram that an end
 * sends waits in `said` until the test gives it, or something else, to the other. What a program is given is held
 * against what the other's has sent.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mux/mux.h"
#include "net/e2e_flow.h"

#define SAID_MAX 512
#define SENT_MAX 4096

struct datagram {
	uint8_t *p; /* owned */
	size_t n;
};

struct flow_end {
	struct flow flow;
	struct e2e_flow e2e;
	struct key_pair keys;
	struct mux mux;         /* the client's end of its link */
	struct mux node;        /* the exit node's */
	struct flow far;        /* the exit node's flow there */
	struct flow_end *other; /* who it should be joined with */
	unsigned pattern;       /* of what its program sends */

	/* The program. */
	size_t sizes[SENT_MAX]; /* of the datagrams that it sent, */
	size_t n_sent;
	bool arrived[SENT_MAX]; /* which came at the other's */
	size_t got;             /* datagrams that it was given */
	bool wrong;             /* one was not the other's, or came twice */
	int n_ended;
	enum frame_reset reason;

	/* The provider's end. */
	bool waits; /* asked() does not accept */
	int n_asked;
	uint8_t asked_by[KEY_PAIR_SIZE];
	const char *why; /* of failed() */
	size_t n_dropped;

	/* The exit node. */
	struct datagram said[SAID_MAX];
	size_t n_said;
	bool far_over;
	enum frame_reset far_reason;
};

struct flow_scene {
	struct flow_end consumer, provider;
	struct budget budget;
	uint64_t now; /* µs; the test's to move */
};

struct flow_scene_config {
	size_t budget; /* bytes; 0: enough */
	enum seal_suite suite;
	const char *consumer_service, *provider_service; /* NULL: "dns" */
	uint32_t consumer_link, provider_link;           /* 0: 17 */
	const uint8_t *peer; /* whose key the consumer wants; NULL: the provider's */
	bool plain;          /* the consumer does not seal */
};

/* Both streams are open; nothing was said. 0, or as e2e_flow_start(). */
int flow_scene_init(struct flow_scene *t, const struct flow_scene_config *config);
void flow_scene_deinit(struct flow_scene *t);

/* What each end and the exit node have to say to each other goes, until nobody has anything. */
void flow_scene_turn(struct flow_scene *t);
/* The first that waits goes to the other end; false: none does. */
bool flow_scene_forward(struct flow_scene *t, struct flow_end *from);
/* The one of that index is forgotten, and those behind it move up. */
void flow_scene_lose(struct flow_end *from, size_t at);
/* Turns, and forwards everything both ways, until nothing is left. */
void flow_scene_run(struct flow_scene *t);
/* The exit node says something to that end. */
void flow_scene_tell(struct flow_scene *t, struct flow_end *to, const void *p, size_t n);

/* The program of `end` sends a datagram of that size. */
void flow_scene_send(struct flow_scene *t, struct flow_end *end, size_t size);
