/* SPDX-License-Identifier: MIT */
#pragma once
/* The client's end of streams, over two muxes that hand each other their records; and an upstream. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/upstream/upstream_conn.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "mux/mux.h"
#include "net/conn.h"
#include "net/listener.h"

#define STREAMS 64

struct scene {
	struct loop *loop;
	struct resolver *resolver;
	struct upstreams upstreams;
	struct client_options options;
	struct publications publications;
	struct upstream_conns upstream_conns;
	struct budget budget;
	struct mux client, server;
	struct listener upstream;
	int accepted[STREAMS];
	size_t n_accepted;
};

/* A stream of the exit node's. */
struct visitor {
	struct stream stream;
	uint32_t service;
	uint8_t kind, ip;
	uint32_t link;    /* of a consumer, which has a name; 0: a visitor */
	const char *data; /* to send */
	bool fin;         /* then ends */
	bool closed;
	enum frame_reset reason;
	char got[64];
	size_t n_got;
};

/* Both directions once, then what the sockets have to say. */
void turn(struct scene *s);
/* What one of the muxes has for the other. */
void carry(struct mux *from, struct mux *to);
void on_tick(struct loop_timer *timer);
void settle(struct scene *s, uint64_t time);

/* No test waits for this to pass: a machine that is slow, or valgrind, needs so long at most. */
#define SCENE_PATIENCE (30 * CLOCK_S)

/* Turns until the condition holds, for SCENE_PATIENCE at most. */
#define UNTIL(s, condition)                                                         \
	do {                                                                        \
		struct loop_timer tick;                                             \
		loop_timer_init(&tick, (s)->loop, on_tick);                         \
		on_tick(&tick);                                                     \
		for (uint64_t end_ = clock_now() + SCENE_PATIENCE; !(condition);) { \
			assert_true(clock_now() < end_);                            \
			turn(s);                                                    \
		}                                                                   \
		loop_timer_cancel(&tick);                                           \
	} while (0)

/* A "%u" in the upstream is where the scene's listener is. */
void begin_as(struct scene *s, const char *upstream, struct service_options what);
void begin(struct scene *s, const char *upstream);
void end(struct scene *s);

/* Opens a stream; of kind http to service 1 unless the visitor says else. */
void visit(struct scene *s, struct visitor *v);
