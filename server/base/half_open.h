/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Half-open links of the whole process: those whose peer has not proved its key. There are at most
 * --max-handshakes, and a peer that asks for a link and then sends nothing keeps its place for
 * LINK_HANDSHAKE_TIME. If new links were refused meanwhile, nine addresses could keep all clients out.
 *
 * So a new link gets a place, and the oldest half-open link of the address that has most of them ends.
 * Addresses count by their network (address_network()). An address from which a key was proved lately is
 * known: only known addresses may use the reserve, and no stranger takes a place of theirs.
 *
 * One lock, taken when a handshake begins and when it ends. Every function may be called from any thread.
 */
#include <pthread.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/list.h"
#include "net/network_table.h"
#include "server/base/options.h"
#include "wire/address.h"

#define HALF_OPEN_PER_ADDRESS 32 /* an office's clients after its router restarts */
/* One place in so many is kept for addresses that are known. */
#define HALF_OPEN_RESERVE     4
/* The time that strangers have while they hold half of their places: a slow phone needs one second. */
#define HALF_OPEN_CROWDED     (3 * CLOCK_S)
/*
 * Addresses that are remembered, 96 bytes each: as many as --max-sessions has links by default. Only
 * somebody with a token adds one; beyond the limit the one whose proof is oldest goes.
 */
#define HALF_OPEN_KNOWN_MAX   4096
#define HALF_OPEN_KNOWN_TIME  (24 * 3600 * CLOCK_S) /* a laptop that comes back in the morning */

struct server_link;
struct half_open_host;

enum half_open_state { HALF_OPEN_COMING, HALF_OPEN_HELD, HALF_OPEN_EVICTED };

/* A place; owned by the link, or by the mail that brings its connection. */
struct half_open_slot {
	enum half_open_state state;
	struct half_open_host *host;
	struct list of_host; /* while it is not evicted */
	struct list of_rank; /* the same; or half_open::workers[]::evicted */
	uint64_t began;
	unsigned worker;                 /* where the link lives */
	struct server_link *server_link; /* NULL while HALF_OPEN_COMING */
};

/* Strangers, or those who are known. */
struct half_open_rank {
	unsigned n;         /* places */
	struct list places; /* the oldest is first */
	/* Of struct half_open_host, by how many places each has; who has so many longest is first. */
	struct list hosts[HALF_OPEN_PER_ADDRESS + 2]; /* one too many, until the victim is out */
};

struct half_open {
	pthread_mutex_t lock;
	struct network_table hosts; /* that have a place or are known */
	struct list known; /* of struct half_open_host, the one whose proof is oldest is first */
	unsigned n_known;
	struct half_open_rank ranks[2]; /* [1]: of known hosts */
	struct {
		struct list evicted; /* of struct half_open_slot */
		bool told;           /* wake() was called and half_open_evicted() not to its end */
	} workers[WORKERS_MAX];
	/* Make this worker call half_open_evicted(). From any thread. */
	void (*wake)(struct half_open *h, unsigned worker);
};

void half_open_init(struct half_open *h, void (*wake)(struct half_open *h, unsigned worker));
void half_open_deinit(struct half_open *h); /* all places were given back */

/* Outcome of half_open_enter() */
#define HALF_OPEN_CROWDED_OUT 1

/*
 * A place for one more, of `limit` in all. 0; HALF_OPEN_CROWDED_OUT: the same, and another link lost its
 * place; -EBUSY: all are held by addresses that are known; -ENOMEM.
 */
int half_open_enter(struct half_open *h, const struct address *peer, unsigned limit, uint64_t now,
	struct half_open_slot **out);

/* The connection is this link's from here on. False: its place was given to another meanwhile. */
bool half_open_begin(struct half_open *h, struct half_open_slot *place, struct server_link *l,
	unsigned worker);

/* It is over, in whichever way; frees the place. Accepts NULL. */
void half_open_leave(struct half_open *h, struct half_open_slot *place);

/* Somebody from there proved a key, now or when its link began that ends now. */
void half_open_proved(struct half_open *h, const struct address *peer, uint64_t now);

/* Whether that was so within HALF_OPEN_KNOWN_TIME, and not forgotten for others since. */
bool half_open_knows(struct half_open *h, const struct address *peer, uint64_t now);

/* On that worker: a link there that has lost its place, each once, or NULL. */
struct server_link *half_open_evicted(struct half_open *h, unsigned worker);

/* How many there were a moment ago. */
unsigned half_open_count(struct half_open *h);
