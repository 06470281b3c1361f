/* SPDX-License-Identifier: MIT */
#include "server/admin/look.h"

#include <stdlib.h>

struct look {
	struct gauges_query query;
	struct api_request *request; /* NULL: it was dropped */
	void (*then)(struct api_request *rq, const struct gauges *gauges);
};

static void look_discard(struct gauges_query *q)
{
	struct look *l = container_of(q, struct look, query);
	if (l->request)
		api_work_ends(l->request);
	free(l);
}

static void look_done(struct gauges_query *q)
{
	struct look *l = container_of(q, struct look, query);
	struct api_request *rq = l->request;
	if (rq) {
		api_work_ends(rq);
		l->then(rq, &q->sum);
	}
	free(l);
}

/* The broadcast goes on without it. */
static void look_drop(struct api_request *rq)
{
	struct look *l = rq->work;
	l->request = NULL;
}

void admin_look(struct api_request *rq,
	void (*then)(struct api_request *rq, const struct gauges *gauges))
{
	struct look *l = calloc(1, sizeof(*l));
	if (!l) {
		api_answer(rq, 500, NULL);
		return;
	}
	l->request = rq;
	l->then = then;
	l->query.done = look_done;
	l->query.discard = look_discard;
	rq->work = l;
	rq->drop = look_drop;
	gauges_ask(&l->query, admin_of(rq)->node);
}
