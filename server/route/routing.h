/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is published where, as one worker sees it: the routes by name, port and group, and the requests that
 * wait for one of them to come back.
 */
#include "loop/loop.h"
#include "server/route/routes.h"
#include "server/route/series.h"
#include "server/route/wait_queue.h"

struct worker;

struct routing {
	struct routes names;
	struct routes ports;    /* by "tcp:2222" */
	struct routes groups;   /* origin groups, by "group:web": only rules lead there */
	struct routes privates; /* private services, by name: no front looks here (rule 49) */
	struct wait_queue wait_queue;
	struct loop_timer expiry;       /* of routes that were lost */
	struct service_counts unserved; /* HTTP requests that no service took */
	unsigned n_named;               /* services that TLS clients ask for by name */
};

/* 0 or -ENOMEM; deinit it either way. */
int routing_init(struct routing *r, struct worker *w);
void routing_deinit(struct routing *r);

/* A name or port was lost: forgets those that were lost long enough ago, and sets the time for the others. */
void routing_expire(struct routing *r);

/* Rights were taken away: names that were lost by identities that are over are others' to have. */
void routing_forget(struct routing *r);

/* The private service of that name is no more: the name, if it was lost, is anybody's who publishes it. */
void routing_forget_private(struct routing *r, struct str name);
