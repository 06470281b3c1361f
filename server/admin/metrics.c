/* SPDX-License-Identifier: MIT */
/* What scrapers ask for. */
#include "server/admin/api.h"
#include "server/admin/look.h"
#include "server/metrics/metrics.h"

static void answer(struct api_request *rq, struct exposition *e)
{
	size_t n = 0;
	char *text = exposition_finish(e, &n);
	api_answer_text(rq, text ? 200 : 500, exposition_content_type(e), text, n);
}

/* ---- /metrics ---- */

static void write_metrics(struct api_request *rq, const struct gauges *gauges)
{
	struct exposition e = {.open_metrics = exposition_accepts_open_metrics(rq->accept)};
	metrics_write(&e, admin_of(rq)->registrar, gauges);
	answer(rq, &e);
}

static void metrics(struct api_request *rq)
{
	admin_look(rq, write_metrics);
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
