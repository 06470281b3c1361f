/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the exit node counts, summed up over its workers: as numbers for the admin API, and as text for scrapers
 * (docs/monitoring/README.md has the names). Counts are read where they are; what workers alone know is brought by a
 * broadcast (struct gauges). On the main thread.
 */
#include "metrics/exposition.h"
#include "server/base/broadcast.h"
#include "server/route/series.h"

struct registrar;

/* ---- Numbers ---- */

/* All that passed since the start. */
struct metrics_totals {
	struct service_sum http, tcp, udp, private;
	uint64_t unserved[SERIES_CODES]; /* HTTP requests that no service took */
};
void metrics_totals(const struct node *n, struct metrics_totals *out);

/* What workers alone know, a moment ago; what they know of links is in these (server_link::seen_…). */
struct gauges {
	uint64_t memory; /* bytes that are queued, of --memory-budget */
};

/* Collects the gauges; `done` runs later, on the main thread. */
struct gauges_query {
	struct broadcast broadcast;
	struct gauges sum;
	void (*done)(struct gauges_query *q);
	/* Instead of done(): the process ends. */
	void (*discard)(struct gauges_query *q);
};
void gauges_ask(struct gauges_query *q, struct node *n);

/* ---- Text ---- */

/* Everything of /metrics. */
void metrics_write(struct exposition *e, const struct registrar *r, const struct gauges *g);
/* Under the names of inlets-pro, /metrics/inlets. */
void metrics_write_inlets(struct exposition *e, const struct registrar *r);
