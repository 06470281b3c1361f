/* SPDX-License-Identifier: MIT */
#include "server/admin/overview.h"

#include "api/api_json.h"
#include "policy/timestamp.h"
#include "server/admin/api.h"
#include "server/admin/look.h"
#include "server/base/worker.h"
#include "server/control/session.h"
#include "server/route/figures.h"

/* ---- Rates ---- */

static uint64_t requests_of(const struct metrics_totals *t, unsigned first)
{
	uint64_t n = 0;
	for (unsigned code = first; code < SERIES_CODES; code++)
		n += t->http.codes[code] + t->unserved[code];
	return n;
}

static uint64_t sent_of(const struct metrics_totals *t)
{
	return t->http.sent + t->tcp.sent + t->udp.sent + t->private.sent;
}

static uint64_t taken_of(const struct metrics_totals *t)
{
	return t->http.taken + t->tcp.taken + t->udp.taken + t->private.taken;
}

static uint64_t open_of(const struct metrics_totals *t)
{
	return (t->http.begun - t->http.ended) + (t->tcp.begun - t->tcp.ended) +
	       (t->udp.begun - t->udp.ended) + (t->private.begun - t->private.ended);
}

void overview_sample(struct overview *o, const struct metrics_totals *totals, uint64_t started,
	uint64_t now)
{
	uint64_t since = o->at ? o->at : started;
	if (now <= since || (o->at && now - o->at < OVERVIEW_EVERY))
		return;
	double seconds = (double)(now - since) / CLOCK_S;
	const struct metrics_totals *b = &o->before;
	struct histogram_sum took =
		histogram_sum_since(&totals->http.durations, &b->http.durations);
	o->requests = figures_rate(requests_of(totals, 0), requests_of(b, 0), seconds);
	o->errors = figures_rate(requests_of(totals, 5), requests_of(b, 5), seconds);
	o->in = figures_rate(sent_of(totals), sent_of(b), seconds);
	o->out = figures_rate(taken_of(totals), taken_of(b), seconds);
	o->p50 = histogram_quantile(&took, 0.5);
	o->p99 = histogram_quantile(&took, 0.99);
	o->before = *totals;
	o->at = now;
}

/* ---- The request ---- */

static json_t *overview_json(const struct admin *a, const struct metrics_totals *t, uint64_t memory)
{
	const struct overview *o = &a->overview;
	struct node *n = a->node;
	size_t sessions = 0, links = 0, services = 0;
	list_for_each (it, &a->registrar->sessions) {
		const struct session *s = list_entry(it, struct session, link);
		sessions++;
		links += s->n_links;
		services += s->n_services;
	}
	return json_pack(
		"{s:f, s:f, s:f, s:f, s:f, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "at",
		(double)policy_now() / CLOCK_S, "rps", o->requests, "errors", o->errors, "in",
		o->in, "out", o->out, "open", (json_int_t)open_of(t), "p50", seconds_json(o->p50),
		"p99", seconds_json(o->p99), "mem", (json_int_t)memory, "budget",
		(json_int_t)n->workers[0]->opts->memory_budget, "sessions", (json_int_t)sessions,
		"links", (json_int_t)links, "services", (json_int_t)services, "visitors",
		(json_int_t)limits_count(&n->limits, LIMITS_VISITOR), "waiting",
		(json_int_t)limits_count(&n->limits, LIMITS_WAITING));
}

static void answer(struct api_request *rq, const struct gauges *gauges)
{
	struct admin *a = admin_of(rq);
	struct metrics_totals totals;
	metrics_totals(a->node, &totals);
	overview_sample(&a->overview, &totals, a->node->started, clock_now());
	api_answer(rq, 200, overview_json(a, &totals, gauges->memory));
}

static void overview(struct api_request *rq)
{
	admin_look(rq, answer);
}

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/overview", API_OPERATOR, .run = overview},
};
const struct api_operations admin_overview = {rows, ARRAY_LEN(rows)};
