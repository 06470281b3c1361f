/* SPDX-License-Identifier: MIT */
/* What the client carries at the moment, all that it publishes together. */
#include "api/api_json.h"
#include "base/clock.h"
#include "client/admin/client_admin.h"
#include "client/admin/client_api.h"
#include "policy/timestamp.h"

void publication_traffic(const struct publication *pub, uint64_t counts[TRAFFIC_KINDS])
{
	const struct publication_counts *c = &pub->counts;
	counts[TRAFFIC_CONNECTIONS] += counter_get(&c->dials[0]) + counter_get(&c->dials[1]);
	counts[TRAFFIC_IN] += counter_get(&c->bytes.taken);
	counts[TRAFFIC_OUT] += counter_get(&c->bytes.sent);
}

static const double *take(struct client_admin *a)
{
	uint64_t counts[TRAFFIC_KINDS] = {0};
	const struct publications *all = a->session->publications;
	if (a->requests.inspector)
		counts[TRAFFIC_REQUESTS] = a->requests.inspector->captured;
	for (size_t i = 0; i < all->n; i++)
		publication_traffic(all->v[i], counts);
	traffic_take(&a->traffic, counts, a->started, clock_now());
	return a->traffic.rate;
}

static void overview(struct api_request *rq)
{
	struct client_admin *a = container_of(rq->api, struct client_admin, api);
	const struct client_session *s = a->session;
	const double *rate = take(a);
	size_t up = 0, streams = 0;
	uint64_t trip = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct uplink *u = &s->uplinks[i];
		streams += uplink_streams(u);
		if (u->state != UPLINK_UP)
			continue;
		up++;
		trip = clock_earlier(trip, mux_rtt(&u->link->io.link.mux));
	}
	api_answer(rq, 200,
		json_pack("{s:f, s:o, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I}",
			"at", (double)policy_now() / CLOCK_S, "rps",
			a->requests.inspector ? json_real(rate[TRAFFIC_REQUESTS]) : json_null(),
			"cps", rate[TRAFFIC_CONNECTIONS], "in", rate[TRAFFIC_IN], "out",
			rate[TRAFFIC_OUT], "open", (json_int_t)streams, "mem",
			(json_int_t)s->budget.sum.held, "budget", (json_int_t)s->budget.limit,
			"links", (json_int_t)s->n, "linksUp", (json_int_t)up, "services",
			(json_int_t)s->publications->n, "granted",
			(json_int_t)publications_count(s->publications, PUBLICATION_GRANTED),
			"roundTripSeconds", trip ? seconds_json(trip) : json_null(), "waiting",
			(json_int_t)s->upstream_conns->dials.waiting));
}

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/overview", API_OPERATOR, .run = overview},
};
const struct api_operations client_api_overview = {rows, ARRAY_LEN(rows)};
