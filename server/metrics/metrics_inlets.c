/* SPDX-License-Identifier: MIT */
/*
 * The names of inlets-pro, for dashboards that are there. Its "_gauge" is no name that promtool likes, so these
 * stand apart. Of HTTP we count the route and the first digit of the status, so `host` is the route, `code` is "200"
 * for what begins with a 2, and `method` is said by nobody.
 */
#include <stdlib.h>

#include "server/base/worker.h"
#include "server/control/registrar.h"
#include "server/control/session.h"
#include "server/metrics/metrics_parts.h"

static void write_controls(struct exposition *e, const struct registrar *r)
{
	uint64_t http = 0, tcp = 0, up = 0;
	list_for_each (it, &r->sessions) {
		bool has_http = false, has_tcp = false;
		list_for_each (at, &list_entry(it, struct session, link)->services) {
			const struct service *s = list_entry(at, struct service, of_session);
			has_http |= s->kind == CONTROL_HTTP && !s->is_private;
			has_tcp |= s->kind == CONTROL_TCP && !s->is_private;
		}
		http += has_http;
		tcp += has_tcp;
	}
	for (unsigned i = 0; i < r->node->n_workers; i++)
		up += counter_get(&r->node->workers[i]->counts.handshakes[COUNTS_HANDSHAKE_OK]);
	exposition_gauge(e, "http_controlplane_connected_gauge",
		"Clients that publish something of HTTP.", (double)http);
	exposition_gauge(e, "tcp_controlplane_connected_gauge",
		"Clients that publish something of TCP.", (double)tcp);
	exposition_family(e, "http_controlplane_requests", EXPOSITION_COUNTER,
		"Links that clients asked for.");
	exposition_sample(e, (double)up, "code", "101", "path", "/tunnel", NULL);
	exposition_family(e, "tcp_controlplane_requests", EXPOSITION_COUNTER, "The same links.");
	exposition_sample(e, (double)up, "code", "101", "path", "/tunnel", NULL);
}

static void write_http(struct exposition *e, const struct node *n)
{
	static const char *const codes[SERIES_CODES] = {"0", "101", "200", "300", "400", "500"};
	struct metrics_series *s = metrics_series_read(n, SERIES_HTTP);
	if (!s) {
		e->failed = true;
		return;
	}
	exposition_family(e, "http_dataplane_requests", EXPOSITION_COUNTER,
		"Requests that are over.");
	for (size_t i = 0; i < s->n; i++)
		for (unsigned code = 0; code < SERIES_CODES; code++)
			exposition_sample(e, (double)s->rows[i].sum.codes[code], "code",
				codes[code], "host", s->rows[i].place, "method", "", NULL);
	exposition_family(e, "http_dataplane_request_duration_seconds", EXPOSITION_HISTOGRAM,
		"From a request's first byte to its answer's last.");
	for (size_t i = 0; i < s->n; i++)
		exposition_histogram(e, &s->rows[i].sum.durations, "host", s->rows[i].place);
	free(s);
}

static void write_tcp(struct exposition *e, const struct node *n)
{
	struct metrics_series *s = metrics_series_read(n, SERIES_TCP);
	if (!s) {
		e->failed = true;
		return;
	}
	exposition_family(e, "tcp_dataplane_connections_gauge", EXPOSITION_GAUGE,
		"Connections that are open.");
	for (size_t i = 0; i < s->n; i++)
		exposition_sample(e, (double)(s->rows[i].sum.begun - s->rows[i].sum.ended), "port",
			s->rows[i].place, NULL);
	exposition_family(e, "tcp_dataplane_connections", EXPOSITION_COUNTER, "Connections.");
	for (size_t i = 0; i < s->n; i++)
		exposition_sample(e, (double)s->rows[i].sum.begun, "port", s->rows[i].place, NULL);
	free(s);
}

void metrics_write_inlets(struct exposition *e, const struct registrar *r)
{
	write_controls(e, r);
	write_http(e, r->node);
	write_tcp(e, r->node);
}
