/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A consumer's client and a provider's, as they are, and between them an exit node that a test plays: it joins the
 * streams of both, and each byte of a stream, or each datagram, passes meddle(). A program connects to the consumer's port,
 * an upstream accepts what the provider dials, or has datagrams from there.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/keys/client_keys.h"
#include "client/keys/identity_key.h"
#include "client/local/consumer.h"
#include "client/upstream/upstream_conn.h"
#include "crypto/crypto.h"
#include "mux/mux.h"
#include "net/listener.h"

#define JOINS    16
#define PATIENCE (30 * CLOCK_S)
#define ALIAS    "redis.k7m2q9x4p3ta.exit.example.org"

struct scene;

/* The exit node's stream to one of both. */
struct node_end {
	struct stream stream;
	struct scene *scene;
	struct node_end *other; /* where it goes */
	struct buf out;         /* to be sent; datagrams, each behind its size as u16 */
	bool to_provider;       /* what comes here goes there */
	bool out_end, closed;
	enum frame_reset reason;
	size_t passed; /* bytes that came here */
};

struct join {
	struct node_end near, far; /* of the consumer, to the provider */
	struct frame_open open;
};

struct scene {
	struct loop *loop;
	struct offload *offload;
	struct resolver *resolver;
	struct budget budget;

	struct client_options consumer_options, provider_options;
	struct client_keys consumer_keys, provider_keys;

	struct consumer consumer;
	struct link consumer_link; /* its mux alone is there */
	struct mux consumer_node;  /* the exit node's end of it */

	struct publications publications;
	struct upstream_conns upstream_conns;
	struct link provider_link;
	struct mux provider_node;
	struct control published; /* what was published last */
	uint8_t published_key[KEY_PAIR_SIZE];
	struct listener upstream;
	int udp; /* the upstream's socket of datagrams; -1: the service is TCP's */
	int accepted[JOINS];
	size_t n_accepted;

	/* The exit node. */
	struct join joins[JOINS];
	size_t n_joins;
	const char *name; /* what it calls the consumer */
	uint32_t link;    /* and its link id */
	size_t change_at; /* the byte of what comes at `change` that is changed; SIZE_MAX: none */
	const struct node_end *change;
	/* May change what goes from one end to the other; NULL: nothing does. */
	void (*meddle)(struct scene *s, struct node_end *from, struct buf *bytes);
};

struct scene_options {
	char *answer;           /* the exit node's to `publish`; NULL: ALIAS */
	const char *service;    /* as --service has it, but for "=0"; NULL: the alias */
	bool insist;            /* --end-to-end of the consumer */
	bool plain;             /* without --end-to-end of the provider */
	const char *known_keys; /* the file of the provider's */
	bool no_state;          /* of the consumer: there is no state directory */
	bool udp;               /* the service is UDP's */
};

/* A folder for the state directories of all tests, and away with it. */
int in_own_folder(void **state);
int leave_folder(void **state);
/* Both clients forget everything but their keys. */
void forget_all(void);

void begin(struct scene *s, const struct scene_options *options);
void end(struct scene *s);

/* `attached` of the exit node, with that key; NULL: without. */
void attach(struct scene *s, const uint8_t *key);
/* The state of the consumer's only endpoint. */
struct client_endpoint *endpoint(struct scene *s);

void turn(struct scene *s);
void on_tick(struct loop_timer *timer);

/* Turns until the condition holds. */
#define UNTIL(s, condition)                                             \
	do {                                                            \
		struct loop_timer tick;                                 \
		loop_timer_init(&tick, (s)->loop, on_tick);             \
		on_tick(&tick);                                         \
		bool holds = false;                                     \
		for (uint64_t end_ = clock_now() + PATIENCE; !holds;) { \
			assert_true(clock_now() < end_);                \
			turn(s);                                        \
			holds = (condition);                            \
		}                                                       \
		loop_timer_cancel(&tick);                               \
	} while (0)

/* A program's connection to the consumer's port; or a socket for datagrams to it. */
int connect_program(struct scene *s);
void say(int fd, const char *text);
/* Whether exactly that can be read now; takes it. */
bool hears(int fd, const char *text);
/* Whether nothing more comes, by FIN; and by RST. */
bool has_ended(int fd);
bool was_reset(int fd);
