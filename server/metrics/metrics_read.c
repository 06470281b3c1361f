/* SPDX-License-Identifier: MIT */
/* What was counted, read where it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/worker.h"
#include "server/link/link_worker.h"
#include "server/metrics/metrics_parts.h"

/* ---- Numbers ---- */

void metrics_totals(const struct node *n, struct metrics_totals *out)
{
	*out = (struct metrics_totals){0};
	series_total(n->series, SERIES_HTTP, &out->http);
	series_total(n->series, SERIES_TCP, &out->tcp);
	series_total(n->series, SERIES_UDP, &out->udp);
	series_total(n->series, SERIES_PRIVATE, &out->private);
	for (unsigned i = 0; i < n->n_workers; i++)
		for (unsigned code = 0; code < SERIES_CODES; code++)
			out->unserved[code] +=
				counter_get(&n->workers[i]->routing->unserved.codes[code]);
}

static void gauges_run(struct broadcast *b, struct worker *w)
{
	struct gauges_query *q = container_of(b, struct gauges_query, broadcast);
	q->sum.memory += w->budget.sum.held;
	link_worker_look(w->link);
}

static void gauges_done(struct broadcast *b)
{
	struct gauges_query *q = container_of(b, struct gauges_query, broadcast);
	q->done(q);
}

static void gauges_discard(struct broadcast *b)
{
	struct gauges_query *q = container_of(b, struct gauges_query, broadcast);
	q->discard(q);
}

void gauges_ask(struct gauges_query *q, struct node *n)
{
	static const struct broadcast_ops ops = {
		.run = gauges_run,
		.done = gauges_done,
		.discard = gauges_discard,
	};
	q->sum = (struct gauges){0};
	broadcast_send(&q->broadcast, n, &ops);
}

/* ---- Series ---- */

static const char *shown(const char *place)
{
	if (!place)
		return "other";
	if (strncmp(place, "tcp:", 4) == 0 || strncmp(place, "udp:", 4) == 0)
		return place + 4;
	return *place ? place : "*";
}

static void note(void *arg, const char *place, const struct service_sum *sum)
{
	struct metrics_series *s = arg;
	struct metrics_row *row = &s->rows[s->n++];
	snprintf(row->place, sizeof(row->place), "%s", shown(place));
	row->sum = *sum;
}

/* The row of what no service took, behind the others. */
static void add_unserved(struct metrics_series *s, const struct node *n)
{
	struct metrics_row *row = &s->rows[s->n++];
	strcpy(row->place, "none");
	for (unsigned i = 0; i < n->n_workers; i++)
		service_counts_add(&row->sum, &n->workers[i]->routing->unserved);
}

struct metrics_series *metrics_series_read(const struct node *n, enum series_kind kind)
{
	size_t most = series_most(n->series) + 1;
	struct metrics_series *s = calloc(1, sizeof(*s) + most * sizeof(s->rows[0]));
	if (!s)
		return NULL;
	series_each(n->series, kind, clock_now(), note, s);
	if (kind == SERIES_HTTP)
		add_unserved(s, n);
	return s;
}
