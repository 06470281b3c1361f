/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Looking up names beside the loop, with a cache. getaddrinfo() knows neither, and one name whose
 * server is silent holds its thread for 10 s and more, so:
 *
 *	- a name is looked up once at a time, however many ask for it: it holds one thread at most;
 *	- an answer is fresh for RESOLVER_FRESH; for RESOLVER_STALE after that it is still given, at
 *	  once, while a new one is asked for; a failed dial ends both, so that the next one asks anew, and
 *	  a dial that had a stale answer goes on with the new one;
 *	- an answer "no name server answered" leaves the addresses that were known (RFC 8767);
 *	- names whose server answers in time go first, and names that are known to be slow may hold
 *	  half of the threads only.
 *
 * A resolver belongs to one loop. Names that must not wait for others have a resolver of their own.
 */
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "net/resolve.h"

#define RESOLVER_FRESH (5 * CLOCK_S)  /* as Envoy asks; getaddrinfo() does not tell the DNS's TTL */
#define RESOLVER_STALE (60 * CLOCK_S) /* longer than a look-up of three silent name servers takes */
#define RESOLVER_FAILED \
	CLOCK_S /* for an answer without addresses: a service that starts is found soon */
#define RESOLVER_OUTAGE \
	(3600 * CLOCK_S) /* addresses are used so long without a name server's word */

/* An address that did not connect comes after the others for so long. */
#define RESOLVER_AVOIDED (60 * CLOCK_S)

#define RESOLVER_THREADS   64   /* each is started when a look-up finds no other idle */
#define RESOLVER_NAMES_MAX 1024 /* cached, of 2 KiB: names come from the configuration */

/* Addresses given to one dial. Four of each family take longer to try than a dial waits. */
#define RESOLVER_LIST_MAX 8

struct resolver;
struct resolver_name;

/* In which order the addresses are given; families alternate in both. */
enum resolver_order {
	RESOLVER_IN_TURN, /* each of a family is first in its turn; what did not connect comes last */
	RESOLVER_AS_TOLD, /* in the order of getaddrinfo(), for a caller that cannot tell whether one connects */
};

/* One question. Zeroed memory is one that was not asked. */
struct resolver_query {
	struct resolver *resolver;
	struct resolver_name *name; /* from ask to release */
	struct list link;           /* resolver_name::queries, while it waits */
	struct loop_task deliver;   /* an answer that was known */
	enum resolver_order order;
	uint16_t port;
	uint64_t confirmed; /* when what `done` had was told, µs */
	bool stale;         /* and a newer answer is being asked for */
	/* n == 0: `why` says what failed, as a part of a sentence. */
	void (*done)(struct resolver_query *query, const struct address *list, size_t n,
		const char *why);
};

/* `lookup` instead of resolve(), for tests; NULL: resolve(). NULL when memory is out. */
struct resolver *resolver_new(struct loop *loop,
	void (*lookup)(const char *host, struct resolve_answer *out));

/* All queries are released. Before the loop is freed. Accepts NULL; returns NULL. */
struct resolver *resolver_free(struct resolver *r);

/*
 * Fill in `order`, `port` and `done` first. `done` comes once unless the query is released before, on
 * the loop, never from within, with at most RESOLVER_LIST_MAX addresses. 0, -EINVAL for a name that is
 * too long or empty, or -ENOMEM.
 */
int resolver_ask(struct resolver *r, struct resolver_query *query, const char *host);

/* Whether an address that `done` was given did connect. */
void resolver_report(struct resolver_query *query, const struct address *address, bool connected);

/*
 * None of the addresses is of use: later questions wait for a new answer. If the one that was given is
 * stale, `done` comes once more, with the new one: true.
 */
bool resolver_doubt(struct resolver_query *query);

/* `done` does not come any more, nor may the query report. A look-up that only it waited for and that
   has not begun never does. Zero or released is fine. */
void resolver_release(struct resolver_query *query);
