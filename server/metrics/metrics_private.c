/* SPDX-License-Identifier: MIT */
/* Private services: by name, of which operators have as many as they made. */
#include "policy/endpoint.h"
#include "server/base/worker.h"
#include "server/control/registrar.h"
#include "server/metrics/metrics_parts.h"
#include "server/private/private_worker.h"
#include "server/store/catalog_private.h"

static void write_streams(struct exposition *e, const struct metrics_series *s)
{
	exposition_family(e, "tunnel_private_streams", EXPOSITION_GAUGE,
		"Streams to private services that are open.");
	for (size_t i = 0; i < s->n; i++)
		exposition_sample(e, (double)(s->rows[i].sum.begun - s->rows[i].sum.ended),
			"service", s->rows[i].place, NULL);
	exposition_family(e, "tunnel_private_streams", EXPOSITION_TWIN,
		"Streams to private services.");
	for (size_t i = 0; i < s->n; i++)
		exposition_sample(e, (double)s->rows[i].sum.begun, "service", s->rows[i].place,
			NULL);
	exposition_family(e, "tunnel_private_bytes", EXPOSITION_COUNTER,
		"Bytes to providers (in) and back (out).");
	for (size_t i = 0; i < s->n; i++) {
		const struct metrics_row *row = &s->rows[i];
		exposition_sample(e, (double)row->sum.sent, "service", row->place, "direction",
			"in", NULL);
		exposition_sample(e, (double)row->sum.taken, "service", row->place, "direction",
			"out", NULL);
	}
}

static void write_endpoints(struct exposition *e, const struct catalog *c)
{
	static const char *const names[] = {NULL, "pending", "approved", "rejected",
		"disconnected"};
	uint64_t n[ARRAY_LEN(names)] = {0};
	for (size_t i = 0; i < c->private.n_endpoints; i++)
		n[c->private.endpoints[i]->value.state]++;
	exposition_family(e, "tunnel_endpoints", EXPOSITION_GAUGE,
		"Consumers of private services, by what was decided about them.");
	for (unsigned i = POLICY_PENDING; i < ARRAY_LEN(names); i++)
		exposition_sample(e, (double)n[i], "state", names[i], NULL);
}

void metrics_private(struct exposition *e, const struct registrar *r,
	const struct metrics_series *s)
{
	const struct node *n = r->node;
	uint64_t denied = 0, cut = 0;
	write_streams(e, s);
	write_endpoints(e, r->catalog);
	for (unsigned i = 0; i < n->n_workers; i++) {
		denied += counter_get(&n->workers[i]->private->denied);
		cut += counter_get(&n->workers[i]->private->cut);
	}
	exposition_counter(e, "tunnel_streams_denied",
		"Streams to private services that might not pass; the audit log says why.",
		(double)denied);
	exposition_counter(e, "tunnel_streams_cut",
		"Streams that were ended because they may not pass any more.", (double)cut);
}
