/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The workers of a node: made of what each room keeps on one, run on threads of their own, drained and
 * ended. Worker 0 runs on the main thread. All on the main thread.
 */
#include <pthread.h>

#include "server/base/broadcast.h"
#include "server/base/node.h"

struct server_options;

struct workers {
	struct node *node;
	pthread_t threads[WORKERS_MAX];
	unsigned n_threads;
	struct broadcast drain;
};

/* Makes --workers of them, which do not run yet: 0 or -ENOMEM. Deinit it either way. */
int workers_init(struct workers *ws, struct node *n, const struct server_options *opts);

/* Starts the threads: 0 or -errno. */
int workers_run(struct workers *ws);

/* No new visitors and no new streams, on any worker. */
void workers_drain(struct workers *ws);

/* Ends the threads: one thread from here on. */
void workers_stop(struct workers *ws);

/* Ends everything that is on them, when they are stopped. The loops live on: mail may be under way. */
void workers_close(struct workers *ws);

/* Discards mail that is left, and frees them. */
void workers_deinit(struct workers *ws);
