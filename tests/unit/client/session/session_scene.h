/* SPDX-License-Identifier: MIT */
#pragma once
/* A client's session against an exit node of a few lines in the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/session/client_link.h"
#include "client/session/client_session.h"
#include "client/session/uplink.h"
#include "crypto/crypto.h"
#include "crypto/digest.h"
#include "net/link_io.h"
#include "net/listener.h"

#define NODE_LINKS   32
#define NODE_STREAMS 16

struct node;

/* The exit node's end of one link. */
struct node_link {
	struct link_io io;
	struct node *node;
	struct conn conn; /* until its request is whole */
	char request[UPGRADE_REQUEST_MAX];
	size_t n_request;
	bool begun, up, ended, resumed, joined;
	size_t publishes, withdrawals, messages, attaches, opens;
	char features[CONTROL_FEATURES + 1]; /* of the client's hello */
};

struct node {
	struct loop *loop;
	struct listener listener;
	struct budget budget;
	struct random_pool random;
	struct token_key *key;
	uint8_t instance[CONTROL_INSTANCE];
	struct node_link links[NODE_LINKS];
	size_t n; /* that ever came */
	uint8_t id[CONTROL_SESSION], secret[CONTROL_SECRET];
	bool no_joins; /* closes who joins, as one does who does not know the session */
	bool no_session;
	bool private;     /* it has private services, and lets all that is asked for be used */
	bool names_joins; /* says `session` on links that join */
	struct stream streams[NODE_STREAMS]; /* that the client opened; they say nothing */
	size_t n_streams;
	struct tls_server *tls; /* NULL: plain text */
	bool in_between;        /* its exporter value is not the client's */
};

struct scene {
	struct loop *loop;
	struct offload *offload;
	struct resolver *resolver;
	struct node node;
	struct upstreams upstreams;
	struct client_options options;
	char authority[32];
	struct publications publications;
	struct upstream_conns upstream_conns;
	struct consumer consumer;
	struct client_session session;
	int ended; /* -1, or enum client_session_end */
};

/* Turns until the condition holds, for so long at most; whether it does. */
#define HOLDS(s, condition, time)                           \
	({                                                  \
		struct loop_timer tick;                     \
		loop_timer_init(&tick, (s)->loop, on_tick); \
		on_tick(&tick);                             \
		uint64_t end_ = clock_now() + (time);       \
		while (!(condition) && clock_now() < end_)  \
			turn(s);                            \
		loop_timer_cancel(&tick);                   \
		(condition);                                \
	})
#define UNTIL(s, condition) assert_true(HOLDS(s, condition, 5 * CLOCK_S))

void turn(struct scene *s);
void on_tick(struct loop_timer *timer);
void prepare(struct scene *s, unsigned links);
void start(struct scene *s);
void begin(struct scene *s, unsigned links);
void end(struct scene *s);
size_t count_up(const struct scene *s);
size_t count_joined(const struct scene *s);
/* Says `session` on a link. */
void name_session(struct node_link *t);
size_t count_published(const struct scene *s);
