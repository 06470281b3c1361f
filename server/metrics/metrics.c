/* SPDX-License-Identifier: MIT */
#include "server/metrics/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "metrics/process.h"
#include "server/acme/acme.h"
#include "server/base/worker.h"
#include "server/control/registrar.h"
#include "server/metrics/metrics_parts.h"
#include "server/trace/tracer.h"
#include "tls/tls.h"
#include "version.h"

#define CERTIFICATES_MAX 100 /* that are told of: each is a series */

static void metrics_certificates(struct exposition *e, const struct tls_server *tls)
{
	size_t n = tls ? MIN(tls_server_count(tls), CERTIFICATES_MAX) : 0;
	if (!n)
		return;
	exposition_family(e, "tunnel_certificate_expiry_timestamp_seconds", EXPOSITION_GAUGE,
		"When the certificate for these names ends, since 1970.");
	for (size_t i = 0; i < n; i++) {
		struct tls_dates d;
		bool twice = false;
		tls_server_dates(tls, i, &d);
		for (size_t j = 0; j < i && !twice; j++) {
			struct tls_dates other;
			tls_server_dates(tls, j, &other);
			twice = strcmp(d.names, other.names) == 0;
		}
		if (!twice) /* as RSA and ECDSA: the first is told of */
			exposition_sample(e, (double)d.to, "certificate", d.names, NULL);
	}
}

static void metrics_acme(struct exposition *e, const struct acme *acme)
{
	if (!acme)
		return;
	exposition_family(e, "tunnel_acme_orders", EXPOSITION_COUNTER,
		"Certificates that were ordered by ACME, by what came of it.");
	exposition_sample(e, (double)acme->issued, "result", "issued", NULL);
	exposition_sample(e, (double)acme->failed, "result", "failed", NULL);
}

static void write_all(struct exposition *e, const struct registrar *r, const struct gauges *g,
	struct metrics_series *const *kinds)
{
	const struct node *n = r->node;
	metrics_build(e, TUNNEL_VERSION, "server");
	metrics_links(e, r, kinds);
	metrics_http(e, n, kinds[SERIES_HTTP]);
	metrics_rules(e, n);
	metrics_ports(e, n, kinds[SERIES_TCP], kinds[SERIES_UDP]);
	metrics_private(e, r, kinds[SERIES_PRIVATE]);
	metrics_limits(e, n);
	exposition_gauge(e, "tunnel_memory_budget_bytes", "What queued bytes may take.",
		(double)n->workers[0]->opts->memory_budget);
	exposition_gauge(e, "tunnel_memory_used_bytes", "What queued bytes take.",
		(double)g->memory);
	metrics_certificates(e, n->workers[0]->tls);
	metrics_acme(e, n->acme);
	if (n->tracer)
		exposition_counter(e, "tunnel_spans_dropped",
			"Spans that did not get to the collector of --otlp.",
			(double)tracer_dropped(n->tracer));
	metrics_log(e);
	metrics_process(e);
}

void metrics_write(struct exposition *e, const struct registrar *r, const struct gauges *g)
{
	struct metrics_series *kinds[SERIES_KINDS];
	for (unsigned k = 0; k < SERIES_KINDS; k++) {
		kinds[k] = metrics_series_read(r->node, (enum series_kind)k);
		e->failed |= !kinds[k];
	}
	if (!e->failed)
		write_all(e, r, g, kinds);
	for (unsigned k = 0; k < SERIES_KINDS; k++)
		free(kinds[k]);
}
