/* SPDX-License-Identifier: MIT */
#include "server/link/link_worker.h"

#include "base/macros.h"
#include "server/base/worker.h"
#include "server/link/server_link.h"

static void evictions_deliver(struct mail *mail)
{
	struct worker *w = container_of(mail, struct link_worker, evictions)->worker;
	struct server_link *l;
	while ((l = half_open_evicted(&w->node->half_open, w->index)) != NULL)
		server_link_evict(l);
}

void link_worker_init(struct link_worker *l, struct worker *w)
{
	l->worker = w;
	l->evictions.deliver = evictions_deliver;
	list_init(&l->links);
	link_rates_init(&l->rates, w);
}

void link_worker_deinit(struct link_worker *l)
{
	while (!list_empty(&l->links))
		server_link_discard(list_entry(l->links.next, struct server_link, link));
	link_rates_deinit(&l->rates);
}

void link_worker_drain(struct link_worker *l)
{
	list_for_each (it, &l->links)
		server_link_drain(list_entry(it, struct server_link, link));
}

void link_worker_look(struct link_worker *l)
{
	list_for_each (it, &l->links) {
		struct server_link *link = list_entry(it, struct server_link, link);
		uint64_t rtt = mux_rtt(&link->io.link.mux);
		atomic_store_explicit(&link->seen_round_trip, rtt, memory_order_relaxed);
		atomic_store_explicit(&link->seen_active, link->active, memory_order_relaxed);
	}
}

/* Once at a time for each worker: half_open_evicted() sees to it. */
void link_worker_evict(struct half_open *h, unsigned worker)
{
	struct node *n = container_of(h, struct node, half_open);
	node_post(n, worker, &n->workers[worker]->link->evictions);
}
