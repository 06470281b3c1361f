/* SPDX-License-Identifier: MIT */
/* Clients: their sessions, links, services and streams. */
#include "server/base/worker.h"
#include "server/control/session_close.h"
#include "server/http/http_worker.h"
#include "server/metrics/metrics_parts.h"

struct now {
	uint64_t sessions, links, streams, services[CONTROL_HTTP + 1]; /* [0]: private ones */
};

static struct now look(const struct registrar *r)
{
	struct now now = {0};
	list_for_each (it, &r->sessions) {
		const struct session *s = list_entry(it, struct session, link);
		now.sessions++;
		now.links += s->n_links;
		now.streams += session_streams(s);
		list_for_each (at, &s->services) {
			const struct service *service = list_entry(at, struct service, of_session);
			now.services[service->is_private ? 0 : service->kind]++;
		}
	}
	return now;
}

static void write_now(struct exposition *e, const struct registrar *r)
{
	struct now now = look(r);
	exposition_gauge(e, "tunnel_sessions", "Clients that are connected.", (double)now.sessions);
	exposition_gauge(e, "tunnel_links", "Their links.", (double)now.links);
	exposition_gauge(e, "tunnel_streams",
		"Requests, connections and flows under way to clients.", (double)now.streams);
	exposition_family(e, "tunnel_services", EXPOSITION_GAUGE, "What clients publish.");
	for (unsigned kind = 0; kind <= CONTROL_HTTP; kind++)
		exposition_sample(e, (double)now.services[kind], "kind",
			kind ? control_kind_name((enum control_kind)kind) : "private", NULL);
}

static void write_ends(struct exposition *e, const struct registrar *r)
{
	static const char *const words[] = {
#define WORD(name, word) [REGISTRAR_END_##name] = word,
		REGISTRAR_ENDS(WORD)
#undef WORD
	};
	exposition_family(e, "tunnel_sessions_ended", EXPOSITION_COUNTER, "Clients that are gone.");
	for (unsigned i = 0; i < REGISTRAR_END_KINDS; i++)
		exposition_sample(e, (double)r->ended[i], "why", words[i], NULL);
}

static double begun(const struct metrics_series *s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += s->rows[i].sum.begun;
	return (double)n;
}

static void write_streams(struct exposition *e, const struct node *n,
	struct metrics_series *const *kinds)
{
	uint64_t http = 0;
	for (unsigned i = 0; i < n->n_workers; i++)
		http += counter_get(&n->workers[i]->http->counts.streams);
	exposition_family(e, "tunnel_streams_opened", EXPOSITION_COUNTER,
		"Streams to clients; one may carry many requests.");
	exposition_sample(e, (double)http, "kind", "http", NULL);
	exposition_sample(e, begun(kinds[SERIES_TCP]), "kind", "tcp", NULL);
	exposition_sample(e, begun(kinds[SERIES_UDP]), "kind", "udp", NULL);
	exposition_sample(e, begun(kinds[SERIES_PRIVATE]), "kind", "private", NULL);
}

static void write_handshakes(struct exposition *e, const struct node *n)
{
	static const char *const words[] = {
#define WORD(name, word) [COUNTS_HANDSHAKE_##name] = word,
		COUNTS_HANDSHAKES(WORD)
#undef WORD
	};
	struct histogram_sum trips = {0};
	exposition_family(e, "tunnel_handshakes", EXPOSITION_COUNTER,
		"Links that clients asked for.");
	for (unsigned k = 0; k < COUNTS_HANDSHAKE_KINDS; k++) {
		uint64_t sum = 0;
		for (unsigned i = 0; i < n->n_workers; i++)
			sum += counter_get(&n->workers[i]->counts.handshakes[k]);
		exposition_sample(e, (double)sum, "result", words[k], NULL);
	}
	for (unsigned i = 0; i < n->n_workers; i++)
		histogram_add(&trips, &n->workers[i]->counts.round_trips);
	exposition_family(e, "tunnel_link_round_trip_seconds", EXPOSITION_HISTOGRAM,
		"From a ping to its answer.");
	exposition_histogram(e, &trips, NULL, NULL);
}

void metrics_links(struct exposition *e, const struct registrar *r,
	struct metrics_series *const *kinds)
{
	write_now(e, r);
	write_ends(e, r);
	write_streams(e, r->node, kinds);
	write_handshakes(e, r->node);
}
