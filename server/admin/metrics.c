/* SPDX-License-Identifier: MIT */
/* What scrapers ask for. */
#include <stdlib.h>

#include "server/admin/api.h"
#include "server/metrics/metrics.h"

static void answer(struct api_request *rq, struct exposition *e)
{
	size_t n = 0;
	char *text = exposition_finish(e, &n);
	api_answer_text(rq, text ? 200 : 500, exposition_content_type(e), text, n);
}

/* ---- /metrics: when the workers have said what they alone know ---- */

struct scrape {
	struct gauges_query query;
	struct api_request *request; /* NULL: it was dropped */
};

static void scrape_discard(struct gauges_query *q)
{
	free(container_of(q, struct scrape, query));
}

static void scrape_done(struct gauges_query *q)
{
	struct scrape *s = container_of(q, struct scrape, query);
	struct api_request *rq = s->request;
	if (rq) {
		struct exposition e = {.open_metrics = exposition_accepts_open_metrics(rq->accept)};
		metrics_write(&e, admin_of(rq)->registrar, &q->sum);
		rq->work = NULL;
		answer(rq, &e);
	}
	free(s);
}

/* The broadcast goes on without it. */
static void scrape_drop(struct api_request *rq)
{
	struct scrape *s = rq->work;
	s->request = NULL;
}

static void metrics(struct api_request *rq)
{
	struct scrape *s = calloc(1, sizeof(*s));
	if (!s) {
		api_answer(rq, 500, NULL);
		return;
	}
	s->request = rq;
	s->query.done = scrape_done;
	s->query.discard = scrape_discard;
	rq->work = s;
	rq->drop = scrape_drop;
	gauges_ask(&s->query, admin_of(rq)->node);
}

/* ---- /metrics/inlets ---- */

static void inlets(struct api_request *rq)
{
	struct exposition e = {.open_metrics = exposition_accepts_open_metrics(rq->accept)};
	metrics_write_inlets(&e, admin_of(rq)->registrar);
	answer(rq, &e);
}

static const struct api_operation rows[] = {
	{API_GET, "/metrics", API_SCRAPER, .run = metrics},
	{API_GET, "/metrics/inlets", API_OPERATOR, .run = inlets},
};
const struct api_operations admin_metrics = {rows, ARRAY_LEN(rows)};
