/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What visitors' connections hold of their worker's memory beside what waits in streams: heads and
 * ClientHellos that are not whole, bodies that are held for sending again, TLS. It is charged to the
 * worker's budget, in one account, which may have half of it as one session may.
 *
 * When it has more, or the budget is out and no session holds as much, connections are closed one by one:
 * of the address that holds most (by its network, address_network(); to the next power of two), those
 * without a request in progress first, and of these the one that has moved nothing for longest. So a stranger
 * that fills the memory loses its own connections.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "mux/budget.h"
#include "loop/loop.h"
#include "net/network_table.h"
#include "wire/address.h"

#define CHARGE_RANKS 48 /* powers of two: more than any memory has */

struct charge_host;

/* Embedded in what holds the memory. */
struct charge {
	struct list link; /* charge_host::idle or ::busy; while `bytes` is not 0 */
	struct charge_host *host;
	size_t bytes;
	bool busy;
	/* Let go of it all: charge_drop() was called when this returns, or the charge is less. */
	void (*evict)(struct charge *c);
};

/* A worker's. */
struct charges {
	struct budget_account account;
	struct loop_task relief;
	struct loop *loop;
	struct network_table hosts; /* of struct charge_host */
	struct list
		ranks[CHARGE_RANKS]; /* of struct charge_host, by the logarithm of what it holds */
};

void charges_init(struct charges *all, struct loop *loop, struct budget *budget);
void charges_deinit(struct charges *all); /* nothing is charged any more */

void charge_init(struct charge *c, void (*evict)(struct charge *c));

/*
 * From here on it holds so many bytes for a connection of this address, which stays the same while it is
 * not 0; `busy`: a request is under way. Says as well that it has moved. Never evicts from within: that
 * comes later in the turn.
 */
void charge_set(struct charges *all, struct charge *c, const struct address *peer, size_t bytes,
	bool busy);

static inline void charge_drop(struct charges *all, struct charge *c)
{
	if (c->bytes)
		charge_set(all, c, NULL, 0, false);
}
