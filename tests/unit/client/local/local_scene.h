/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A consumer of private services, and an exit node of a few lines at the other end of two muxes that hand each other
 * their records: it keeps what it was asked, answers when the test says so, and takes the streams.
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
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/local/consumer.h"
#include "crypto/crypto.h"
#include "net/flow.h"

#define FARS  64
#define ASKED 64

struct scene;

/* The exit node's end of a stream: sends back what it got, and FIN behind FIN, unless it is mute. */
struct far {
	struct stream stream; /* of bytes */
	struct flow flow;     /* of datagrams */
	struct scene *scene;
	struct frame_open open;
	struct buf out;
	bool got_end, closed;
	enum frame_reset reason;
	size_t got;
};

/* A message that came. */
struct asked {
	enum control_type type;
	uint32_t endpoint;
	enum control_kind kind;
	char service[64], name[64], message[160];
};

struct scene {
	struct loop *loop;
	struct offload *offload;
	struct client_options options;
	struct consumer consumer;
	struct budget budget;
	struct link link; /* the client's end, of which the mux alone is there */
	struct mux server;
	bool away;      /* no link is there to pick */
	bool older;     /* the exit node has no private services */
	bool mute;      /* its streams say nothing by themselves */
	unsigned n_due; /* calls of due() */
	struct far fars[FARS];
	size_t n_fars;
	struct asked asked[ASKED];
	size_t n_asked;
	int ended; /* -1, or enum consumer_end */
};

/* For a group of tests that make files: a folder of their own, and back. */
int in_own_folder(void **state);
int leave_folder(void **state);

/* Services between spaces, as --service has them, or "stdio:ALIAS". */
void begin(struct scene *s, const char *services);
/* The same with options that are set already. */
void begin_with(struct scene *s, const char *services, struct client_options options);
void end(struct scene *s);
/* The configuration is read again. */
struct client_endpoints_change set(struct scene *s, const char *services);

/* What the consumer has to say goes to the exit node. */
void offer(struct scene *s);
/* The exit node's answers. `sentence` may be NULL. */
void attached(struct scene *s, uint32_t endpoint, enum control_endpoint_state state, bool usable,
	const char *sentence);
void attached_names(struct scene *s, uint32_t endpoint, const char *alias, const char *fqdns);
void declined(struct scene *s, uint32_t endpoint);
/* Asks, and is told that it may. */
void use(struct scene *s, uint32_t endpoint);

enum client_endpoint_state state_of(const struct scene *s, uint32_t number);
const struct client_endpoint *endpoint(const struct scene *s, uint32_t number);
/* The message of this index, which is of that type and about that endpoint. */
const struct asked *expect(const struct scene *s, size_t i, enum control_type type,
	uint32_t number);

/* A program's connection to the port of an endpoint, which is open. */
int dial(const struct scene *s, uint32_t number);
/* Whether the connection was reset; else it goes on. */
bool is_reset(int fd);
/* Whether nobody listens there. */
bool is_refused(const char *host, uint16_t port);

void turn(struct scene *s);
void on_tick(struct loop_timer *timer);

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

/* Turns for that time. */
void settle(struct scene *s, uint64_t time);
