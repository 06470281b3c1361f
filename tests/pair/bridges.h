/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * An exit node of several workers, each on a thread, and two clients, each on a thread: one provides the private
 * service "echo" by some links, one uses it by others. Links, handshakes and sessions are real; what the registrar
 * would decide about the private service is made here. Each talk is one stream of the consumer's; what it carries
 * is a pattern of its own, which is checked where it arrives.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
#include "client/session/client_link.h"
#include "crypto/token.h"
#include "loop/loop.h"
#include "server/control/registrar.h"
#include "server/private/bridge_end.h"
#include "server/route/service.h"
#include "server/workers.h"

#define TALKS     200
#define LINKS_MAX 8
#define SERVICE   5
#define ATTACHED  9
#define TICK      CLOCK_MS

/* What it was written to do. Of one end; drawn before it begins. */
struct script {
	size_t give;     /* bytes, then FIN */
	size_t piece;    /* at most so many at once */
	size_t pause_at; /* bytes behind which it rests, and again that much later */
	size_t stall_at; /* bytes behind which it takes no more for a while */
	size_t reset_at; /* it resets when it has given or got so many; SIZE_MAX: never */
};

struct talk_end {
	struct stream stream;
	struct talk *talk;
	struct script script;
	bool near;
	bool begun, over; /* the stream is closed, by whomever */
	bool resetting;   /* we did it */
	size_t gave, got;
	size_t pulled_to, taken_to; /* what it may give and take before it rests */
	bool got_end;
	enum frame_reset reason;
};

/* An end belongs to its client's thread; the rest is both's. */
struct talk {
	uint16_t number; /* from 1: the port that the consumer states */
	bool refuse;     /* the provider refuses it the first time */
	struct talk_end near, far;
	atomic_size_t total[2]; /* bytes given before FIN: by the near end, by the far end */
	atomic_bool finished[2];
};

struct client {
	struct bridges *all;
	bool consumes;
	pthread_t thread;
	struct loop *loop;
	struct budget budget;
	struct random_pool random;
	struct loop_timer tick;
	uint32_t seed;
	struct client_link *links[LINKS_MAX];
	uint8_t instances[LINKS_MAX][CONTROL_INSTANCE];
	int fds[LINKS_MAX]; /* until they are links */
	unsigned n_links;
	unsigned next;      /* talk to be opened */
	atomic_uint n_live; /* ends that are open */
	atomic_uint n_over; /* near ends that are over */
	atomic_uint n_up;
	atomic_uint ticks;
	atomic_size_t moved; /* bytes, and ends that came or went */
	struct mail order;
	void (*ordered)(struct client *c);
	atomic_bool busy; /* with an order */
	bool stopping;
};

struct bridges {
	struct server_options options;
	struct node node;
	struct workers workers;
	struct catalog catalog;
	struct registrar registrar;
	struct token_key key;
	struct client consumer, provider;
	struct attachment attachments[LINKS_MAX];
	struct service *services[LINKS_MAX];
	unsigned n_attachments, n_services;
	struct attachment_sweep sweep;
	atomic_uint left; /* bridges that a sweep's look found behind it */
	atomic_uint cuts; /* streams that sweeps cut */

	struct talk talks[TALKS];
	uint32_t seed;
};

struct bridges_config {
	unsigned workers, consumer_links, provider_links;
	size_t memory_budget; /* bytes a worker */
};

/* bridges_node.c */
void bridges_open(struct bridges *b, const struct bridges_config *config);
/* Everybody leaves; asserts that nothing is left. */
void bridges_close(struct bridges *b);
/* Turns of the main thread until then; it is a lost wake-up if that takes WAIT_MAX. */
void bridges_wait(struct bridges *b, bool (*until)(const struct bridges *b), const char *what);
/* The attachments' flags. With false, nothing that passed is left when this returns. */
void bridges_set(struct bridges *b, bool usable);
unsigned bridges_live(const struct bridges *b);
/* The private service and the attachments go. */
void bridges_detach(struct bridges *b);

/* bridges_client.c */
void client_start(struct client *c, struct bridges *all, bool consumes, unsigned n_links);
void client_stop(struct client *c);
/* On its thread. */
void client_order(struct client *c, void (*ordered)(struct client *c));
void client_connect(struct client *c);
void client_hang_up(struct client *c);
/* All talks of the round are drawn anew; then the consumer begins them. */
void client_begin(struct client *c);

uint32_t draw(uint32_t *seed, uint32_t below);
