/* SPDX-License-Identifier: MIT */
/* TCP and UDP: by port, as the client asked for it ("2222", "7000-7010"), or by the name that TLS leads to. */
#include "server/base/worker.h"
#include "server/metrics/metrics_parts.h"
#include "server/udp/udp_worker.h"

static void write_open(struct exposition *e, const struct metrics_series *s, const char *name,
	const char *help)
{
	exposition_family(e, name, EXPOSITION_GAUGE, help);
	for (size_t i = 0; i < s->n; i++)
		exposition_sample(e, (double)(s->rows[i].sum.begun - s->rows[i].sum.ended), "port",
			s->rows[i].place, NULL);
}

static void write_begun(struct exposition *e, const struct metrics_series *s, const char *name,
	const char *help)
{
	exposition_family(e, name, EXPOSITION_TWIN, help);
	for (size_t i = 0; i < s->n; i++)
		exposition_sample(e, (double)s->rows[i].sum.begun, "port", s->rows[i].place, NULL);
}

static void write_bytes(struct exposition *e, const struct metrics_series *s, const char *name,
	const char *help)
{
	exposition_family(e, name, EXPOSITION_COUNTER, help);
	for (size_t i = 0; i < s->n; i++) {
		const struct metrics_row *row = &s->rows[i];
		exposition_sample(e, (double)row->sum.sent, "port", row->place, "direction", "in",
			NULL);
		exposition_sample(e, (double)row->sum.taken, "port", row->place, "direction", "out",
			NULL);
	}
}

static void write_tcp(struct exposition *e, const struct metrics_series *s)
{
	write_open(e, s, "tunnel_tcp_connections", "Visitors' TCP connections that are open.");
	write_begun(e, s, "tunnel_tcp_connections", "Visitors' TCP connections.");
	write_bytes(e, s, "tunnel_tcp_bytes", "Bytes from visitors (in) and to them (out).");
}

static void write_udp(struct exposition *e, const struct metrics_series *s)
{
	write_open(e, s, "tunnel_udp_flows", "Flows that are open.");
	exposition_family(e, "tunnel_udp_datagrams", EXPOSITION_COUNTER,
		"Datagrams from visitors (in) and to them (out).");
	for (size_t i = 0; i < s->n; i++)
		for (unsigned out = 0; out < 2; out++)
			exposition_sample(e, (double)s->rows[i].sum.datagrams[out], "port",
				s->rows[i].place, "direction", out ? "out" : "in", NULL);
	write_bytes(e, s, "tunnel_udp_bytes", "Bytes of datagrams, likewise.");
}

static void write_dropped(struct exposition *e, const struct node *n)
{
	static const char *const why[UDP_PORT_DROPS] = {
		[UDP_PORT_DROP_NOBODY] = "no-client",
		[UDP_PORT_DROP_FULL] = "max-flows",
		[UDP_PORT_DROP_PACE] = "flow-rate",
		[UDP_PORT_DROP_LATE] = "late",
		[UDP_PORT_DROP_RATE] = "rate",
		[UDP_PORT_DROP_OVERRUN] = "receive-buffer",
		[UDP_PORT_DROP_SOCKET] = "socket",
	};
	exposition_family(e, "tunnel_udp_dropped", EXPOSITION_COUNTER,
		"Datagrams that went no further.");
	for (unsigned drop = 0; drop < UDP_PORT_DROPS; drop++) {
		uint64_t sum = 0;
		for (unsigned i = 0; i < n->n_workers; i++)
			sum += counter_get(&n->workers[i]->udp->drops[drop]);
		exposition_sample(e, (double)sum, "why", why[drop], NULL);
	}
}

void metrics_ports(struct exposition *e, const struct node *n, const struct metrics_series *tcp,
	const struct metrics_series *udp)
{
	write_tcp(e, tcp);
	write_udp(e, udp);
	write_dropped(e, n);
}
