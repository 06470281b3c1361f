/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One thread with one event loop, and everything that lives on it. What each room keeps on a worker
 * hangs on it by a pointer and is known to that room alone; server/workers.c puts the parts together. The
 * data path touches nothing outside its worker, so it locks nothing.
 */
#include "base/log_limit.h"
#include "loop/loop.h"
#include "mux/budget.h"
#include "server/base/charges.h"
#include "server/base/counts.h"
#include "server/base/node.h"
#include "server/base/options.h"

struct accept_worker;
struct challenges;
struct front;
struct http_worker;
struct keyring;
struct link_worker;
struct private_worker;
struct routing;
struct tcp_worker;
struct tls_server;
struct udp_worker;

struct worker {
	struct node *node;
	unsigned index; /* in node::workers */
	const struct server_options *opts;
	struct loop *loop;
	bool draining; /* the process ends: nothing new is begun */

	struct counts counts;
	struct budget budget;
	struct charges charges;
	const struct keyring *keyring; /* who may come: a broadcast brings another one */
	const struct front *front;     /* routes and their rules: likewise; NULL: none */
	struct tls_server *tls;        /* the certificates; NULL: none */
	struct challenges *challenges; /* of names that a CA verifies now; NULL: none */
	struct log_limit log_full;     /* --max-visitors is reached */
	struct log_limit log_rates[VISITOR_RATES_KINDS]; /* of visitors, that were reached */
	struct log_limit log_memory; /* connections that were closed for want of it */

	/* What the rooms above keep here */
	struct link_worker *link;
	struct routing *routing;
	struct http_worker *http;
	struct tcp_worker *tcp;
	struct udp_worker *udp;
	struct private_worker *private;
	struct accept_worker *accept;
};

/* 0 or -ENOMEM with nothing left behind. `w` is zeroed memory. */
int worker_init(struct worker *w, struct node *n, unsigned index,
	const struct server_options *opts);
/* When the rooms' parts have ended. The loop lives on: mail to it may be under way. */
void worker_deinit(struct worker *w);
