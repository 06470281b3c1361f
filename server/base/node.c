/* SPDX-License-Identifier: MIT */
#include "server/base/node.h"

#include <string.h>

#include "server/base/visitor_rates.h"
#include "server/base/worker.h"

bool node_is_public_by_tls(const struct node *n)
{
	return n->public_scheme ? strcmp(n->public_scheme, "https") == 0
				: n->workers[0]->tls != NULL;
}

int node_limits_init(struct node *n, const struct server_options *o,
	void (*evicted)(struct half_open *h, unsigned worker))
{
	limits_init(&n->limits);
	half_open_init(&n->half_open, evicted);
	int r = lockout_init(&n->lockout);
	return r ? r : visitor_rates_new(o, &n->visitor_rates);
}

void node_limits_deinit(struct node *n)
{
	limits_deinit(&n->limits);
	half_open_deinit(&n->half_open);
	lockout_deinit(&n->lockout);
	n->visitor_rates = visitor_rates_free(n->visitor_rates);
}

void node_post(struct node *n, unsigned worker, struct mail *mail)
{
	mailbox_post(loop_mailbox(n->workers[worker]->loop), mail);
}

struct worker *node_place_link(struct node *n)
{
	unsigned start = atomic_fetch_add_explicit(&n->turn, 1, memory_order_relaxed);
	unsigned best = start % n->n_workers;
	for (unsigned i = 1; i < n->n_workers; i++) {
		unsigned other = (start + i) % n->n_workers;
		if (atomic_load_explicit(&n->links[other], memory_order_relaxed) <
			atomic_load_explicit(&n->links[best], memory_order_relaxed))
			best = other;
	}
	atomic_fetch_add_explicit(&n->links[best], 1, memory_order_relaxed);
	return n->workers[best];
}
