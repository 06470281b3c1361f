/* SPDX-License-Identifier: MIT */
#include "server/link/link_rates.h"

#include <stdlib.h>

#include "mux/shaper.h"
#include "server/base/worker.h"
#include "server/link/link_worker.h"
#include "server/link/server_link.h"
#include "server/link/session_shard.h"

/* One link that a rate holds, for the shaper alone does not know whose it is. */
struct link_rate {
	struct shaper shaper;
	struct link_rates *rates;
};

static void link_rate_held(struct shaper *sh)
{
	struct link_rates *r = container_of(sh, struct link_rate, shaper)->rates;
	if (list_linked(&sh->link))
		return;
	if (list_empty(&r->held))
		loop_timer_set(&r->tick, loop_now(r->worker->loop) + SHAPER_TICK);
	list_append(&r->held, &sh->link);
}

/* Links neither begin nor end in here; streams do. */
static void link_rates_tick(struct loop_timer *timer)
{
	struct link_rates *r = container_of(timer, struct link_rates, tick);
	uint64_t now = loop_now(r->worker->loop);
	list_for_each_safe (it, &r->held) {
		struct shaper *sh = list_entry(it, struct shaper, link);
		if (!shaper_tick(sh, now))
			list_unlink(&sh->link);
	}
	if (!list_empty(&r->held))
		loop_timer_set(&r->tick, now + SHAPER_TICK);
}

void link_rates_init(struct link_rates *r, struct worker *w)
{
	r->worker = w;
	list_init(&r->held);
	loop_timer_init(&r->tick, w->loop, link_rates_tick);
}

void link_rates_deinit(struct link_rates *r)
{
	loop_timer_cancel(&r->tick);
}

/* NULL: none, or it has no limit now. */
static struct rate *link_rate_of(const struct server_link *l)
{
	struct rate *rate =
		l->session_shard ? atomic_load_explicit(&l->session_shard->session->identity->rate,
					   memory_order_acquire)
				 : NULL;
	bool limited = rate && (rate_bucket_limit(&rate->up) != RATE_NONE ||
				       rate_bucket_limit(&rate->down) != RATE_NONE);
	return limited ? rate : NULL;
}

void link_rate_forget(struct server_link *l)
{
	struct shaper *sh = l->io.link.mux.shaper;
	if (!sh)
		return;
	shaper_deinit(sh);
	free(container_of(sh, struct link_rate, shaper));
}

void link_rate_follow(struct server_link *l)
{
	struct mux *m = &l->io.link.mux;
	struct rate *rate = link_rate_of(l);
	if (!rate)
		link_rate_forget(l);
	if (!rate || m->shaper)
		return; /* what waits sees another limit at the next tick */
	struct link_rate *mine = calloc(1, sizeof(*mine));
	if (!mine) {
		link_close(&l->io.link, LINK_END_LOCAL,
			"there is no memory to hold its identity's rate");
		return;
	}
	mine->rates = &l->worker->link->rates;
	shaper_init(&mine->shaper, m, &rate->down, &rate->up, link_rate_held);
}

void link_rates_follow(struct worker *w)
{
	list_for_each_safe (it, &w->link->links)
		link_rate_follow(list_entry(it, struct server_link, link));
}
