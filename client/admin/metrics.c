/* SPDX-License-Identifier: MIT */
/* What scrapers ask of a client (docs/monitoring/README.md has the names). All of it is counted on this loop. */
#include <stdio.h>
#include <stdlib.h>

#include "client/admin/client_admin.h"
#include "client/admin/client_api.h"
#include "metrics/process.h"
#include "version.h"

#define NUMBER_SIZE 12

/* A publication's labels: its public place, and its number, as several may ask for any port. */
struct labels {
	char place[UPSTREAM_PLACE_SIZE], number[NUMBER_SIZE];
	const char *service;
};

static void labels_of(const struct publication *pub, struct labels *l)
{
	const char *place = upstream_place(&pub->upstream, l->place);
	l->service = *place ? place : "*";
	snprintf(l->number, sizeof(l->number), "%u", (unsigned)pub->number);
}

static void write_sample(struct exposition *e, const struct publication *pub, const char *label,
	const char *value, double n)
{
	struct labels l;
	labels_of(pub, &l);
	exposition_sample(e, n, "service", l.service, "number", l.number, label, value, NULL);
}

static void write_links(struct exposition *e, const struct client_session *s)
{
	uint64_t up = 0, again = 0, failures = 0, losses = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct uplink *u = &s->uplinks[i];
		up += u->state == UPLINK_UP;
		again += u->ups ? u->ups - 1 : 0;
		failures += u->failures;
		losses += u->losses;
	}
	exposition_gauge(e, "tunnel_link_up", "Links to the exit node that are up.", (double)up);
	exposition_gauge(e, "tunnel_links_configured", "Links that there should be (--links).",
		(double)s->n);
	exposition_counter(e, "tunnel_reconnects", "Links that came up again.", (double)again);
	exposition_counter(e, "tunnel_links_failed",
		"Attempts that led to no link; the log says why.", (double)failures);
	exposition_counter(e, "tunnel_links_lost", "Links that were up and broke.", (double)losses);
}

static void write_dials(struct exposition *e, const struct publications *p)
{
	struct histogram_sum times = {0};
	exposition_family(e, "tunnel_upstream_dials", EXPOSITION_COUNTER,
		"Connections to upstreams that were tried.");
	for (size_t i = 0; i < p->n; i++) {
		const struct publication_counts *c = &p->v[i]->counts;
		write_sample(e, p->v[i], "result", "ok", (double)counter_get(&c->dials[1]));
		write_sample(e, p->v[i], "result", "failed", (double)counter_get(&c->dials[0]));
		histogram_add(&times, &c->dial_times);
	}
	exposition_family(e, "tunnel_upstream_dial_duration_seconds", EXPOSITION_HISTOGRAM,
		"How long those took that succeeded.");
	exposition_histogram(e, &times, NULL, NULL);
	exposition_family(e, "tunnel_upstream_up", EXPOSITION_GAUGE,
		"Whether the last connection to an upstream succeeded; nothing before the first.");
	for (size_t i = 0; i < p->n; i++) {
		struct labels l;
		labels_of(p->v[i], &l);
		if (p->v[i]->counts.tried)
			exposition_sample(e, p->v[i]->counts.up, "service", l.service, "number",
				l.number, NULL);
	}
}

static void write_traffic(struct exposition *e, const struct client_session *s)
{
	const struct publications *p = s->publications;
	size_t streams = 0;
	for (size_t i = 0; i < s->n; i++)
		streams += uplink_streams(&s->uplinks[i]);
	exposition_gauge(e, "tunnel_streams", "Streams of visitors that are open.",
		(double)streams);
	exposition_gauge(e, "tunnel_dials_waiting", "Connections that wait for their turn to dial.",
		(double)s->upstream_conns->dials.waiting);
	exposition_family(e, "tunnel_bytes", EXPOSITION_COUNTER,
		"Bytes to upstreams (in) and back (out).");
	for (size_t i = 0; i < p->n; i++) {
		const struct stream_counts *c = &p->v[i]->counts.bytes;
		write_sample(e, p->v[i], "direction", "in", (double)counter_get(&c->taken));
		write_sample(e, p->v[i], "direction", "out", (double)counter_get(&c->sent));
	}
}

static void metrics(struct api_request *rq)
{
	const struct client_session *s = client_admin_of(rq)->session;
	struct exposition e = {.open_metrics = exposition_accepts_open_metrics(rq->accept)};
	size_t n = 0;
	metrics_build(&e, TUNNEL_VERSION, "client");
	write_links(&e, s);
	write_dials(&e, s->publications);
	write_traffic(&e, s);
	const struct inspector *in = client_admin_of(rq)->requests.inspector;
	if (in)
		exposition_counter(&e, "tunnel_inspected_requests",
			"Requests that the inspector captured.", (double)in->captured);
	metrics_log(&e);
	metrics_process(&e);
	char *text = exposition_finish(&e, &n);
	api_answer_text(rq, text ? 200 : 500, exposition_content_type(&e), text, n);
}

static const struct api_operation rows[] = {
	{API_GET, "/metrics", API_SCRAPER, .run = metrics},
};
const struct api_operations client_api_metrics = {rows, ARRAY_LEN(rows)};
