/* SPDX-License-Identifier: MIT */
#include "server/base/worker.h"

#include <errno.h>

#include "server/base/challenges.h"
#include "tls/tls.h"

int worker_init(struct worker *w, struct node *n, unsigned index, const struct server_options *opts)
{
	w->loop = loop_new();
	if (!w->loop)
		return -ENOMEM;
	w->node = n;
	w->index = index;
	w->opts = opts;
	budget_init(&w->budget, opts->memory_budget / n->n_workers);
	charges_init(&w->charges, w->loop, &w->budget);
	return 0;
}

void worker_deinit(struct worker *w)
{
	charges_deinit(&w->charges);
	w->tls = tls_server_unref(w->tls);
	w->challenges = challenges_unref(w->challenges);
}
