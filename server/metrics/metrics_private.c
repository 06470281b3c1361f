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

static const char *const states[] = {[POLICY_PENDING] = "pending",
	[POLICY_APPROVED] = "approved",
	[POLICY_REJECTED] = "rejected",
	[POLICY_DISCONNECTED] = "disconnected"};

static void write_endpoints(struct exposition *e, const struct catalog *c)
{
	uint64_t n[ARRAY_LEN(states)] = {0};
	for (size_t i = 0; i < c->private.n_endpoints; i++)
		n[c->private.endpoints[i]->value.state]++;
	exposition_family(e, "tunnel_endpoints", EXPOSITION_GAUGE,
		"Consumers of private services, by what was decided about them.");
	for (unsigned i = POLICY_PENDING; i < ARRAY_LEN(states); i++)
		exposition_sample(e, (double)n[i], "state", states[i], NULL);
}

static void write_decisions(struct exposition *e, const struct catalog *c)
{
	exposition_family(e, "tunnel_endpoint_decisions", EXPOSITION_COUNTER,
		"Times that a consumer's endpoint was approved, rejected or disconnected.");
	for (unsigned i = POLICY_APPROVED; i < ARRAY_LEN(states); i++)
		exposition_sample(e, (double)c->private.decided[i], "decision", states[i], NULL);
}

static void write_barred(struct exposition *e, const struct node *n, const char *name, size_t at,
	const char *help)
{
	static const char *const why[ATTACHMENT_BARS] = {
		[ATTACHMENT_NO_APPROVAL] = "approval",
		[ATTACHMENT_NO_INTENTION] = "intention",
		[ATTACHMENT_NO_GRANT] = "grant",
		[ATTACHMENT_NO_TOKEN] = "token",
		[ATTACHMENT_GONE] = "gone",
	};
	exposition_family(e, name, EXPOSITION_COUNTER, help);
	for (unsigned bar = 0; bar < ATTACHMENT_BARS; bar++) {
		uint64_t sum = 0;
		for (unsigned i = 0; i < n->n_workers; i++) {
			const char *p = (const char *)n->workers[i]->private + at;
			sum += counter_get(&((const struct counter *)(const void *)p)[bar]);
		}
		exposition_sample(e, (double)sum, "why", why[bar], NULL);
	}
}

void metrics_private(struct exposition *e, const struct registrar *r,
	const struct metrics_series *s)
{
	const struct node *n = r->node;
	write_streams(e, s);
	write_endpoints(e, r->catalog);
	write_decisions(e, r->catalog);
	write_barred(e, n, "tunnel_streams_denied", offsetof(struct private_worker, denied),
		"Streams to private services that might not pass, by what they had not.");
	write_barred(e, n, "tunnel_streams_cut", offsetof(struct private_worker, cut),
		"Streams that were ended because they may not pass any more, likewise.");
}
