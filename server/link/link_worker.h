/* SPDX-License-Identifier: MIT */
#pragma once
/* The links of one worker. */
#include "base/list.h"
#include "base/log_limit.h"
#include "loop/mailbox.h"
#include "server/link/link_rates.h"

struct half_open;
struct worker;

struct link_worker {
	struct worker *worker;
	struct list links;     /* of struct server_link */
	struct mail evictions; /* half-open links lost their places */
	struct link_rates rates;
	struct log_limit log_handshakes; /* that failed */
	struct log_limit log_refused;    /* clients, at a limit on links */
	struct log_limit log_locked;     /* addresses that were locked out */
	struct log_limit log_lockout;    /* clients that were refused for that */
	struct log_limit log_evicted;    /* clients, for whom another lost its place */
	struct log_limit log_leaving;    /* links that say GOAWAY */
	struct log_limit log_full;       /* identities that have as many streams as they may */
};

void link_worker_init(struct link_worker *l, struct worker *w);
/* Its links end, and with them the streams on them. */
void link_worker_deinit(struct link_worker *l);

/* Each client is told that the server ends. */
void link_worker_drain(struct link_worker *l);

/* Each of its links leaves for the main thread what its worker alone knows (server_link::seen_…). */
void link_worker_look(struct link_worker *l);

/* As half_open_init()'s `evicted`, of a node's: the half-open links that lost their places close there. */
void link_worker_evict(struct half_open *h, unsigned worker);
