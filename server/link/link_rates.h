/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The rates of identities on the links of one worker: which links have one, and the timer by which their
 * streams that wait for it have their turns (mux/shaper.h). It runs while some do.
 */
#include "base/list.h"
#include "loop/event.h"

struct server_link;
struct worker;

struct link_rates {
	struct worker *worker;
	struct list held; /* shaper::link */
	struct loop_timer tick;
};

void link_rates_init(struct link_rates *r, struct worker *w);
/* Behind the links' end. */
void link_rates_deinit(struct link_rates *r);

/* Rates of identities have changed: holds on all links of the worker from now on. */
void link_rates_follow(struct worker *w);

/* The same for a link that belongs to a session now. */
void link_rate_follow(struct server_link *l);
/* It ends. */
void link_rate_forget(struct server_link *l);
