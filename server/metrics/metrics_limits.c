/* SPDX-License-Identifier: MIT */
/* Visitors, and limits that were reached: by the options that set them. */
#include "server/base/visitor_rates.h"
#include "server/base/worker.h"
#include "server/metrics/metrics_parts.h"

static void sample_sum(struct exposition *e, const struct node *n, size_t offset, const char *label,
	const char *value)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < n->n_workers; i++)
		sum += counter_get(
			(const struct counter *)((const char *)&n->workers[i]->counts + offset));
	exposition_sample(e, (double)sum, label, value, NULL);
}

static void write_visitors(struct exposition *e, const struct node *n)
{
	struct limits *limits = (struct limits *)(uintptr_t)&n->limits; /* its lock is taken */
	static const char *const words[] = {
#define WORD(name, word) [COUNTS_VISITOR_##name] = word,
		COUNTS_VISITORS_REFUSED(WORD)
#undef WORD
	};
	exposition_gauge(e, "tunnel_visitors", "Connections of visitors.",
		(double)limits_count(limits, LIMITS_VISITOR));
	exposition_gauge(e, "tunnel_http_waiting",
		"Requests and TCP connections that wait for a client that was lost.",
		(double)limits_count(limits, LIMITS_WAITING));
	exposition_family(e, "tunnel_visitors_refused", EXPOSITION_COUNTER,
		"Connections of visitors that were closed at once.");
	for (unsigned i = 0; i < COUNTS_VISITOR_KINDS; i++)
		sample_sum(e, n, offsetof(struct counts, visitors_refused[i]), "why", words[i]);
	exposition_family(e, "tunnel_tls_handshakes", EXPOSITION_COUNTER,
		"TLS handshakes of visitors and clients.");
	sample_sum(e, n, offsetof(struct counts, tls_handshakes[1]), "result", "ok");
	sample_sum(e, n, offsetof(struct counts, tls_handshakes[0]), "result", "failed");
}

/* Those of server/base/limits.h. */
static void write_kinds(struct exposition *e, const struct node *n)
{
	static const struct {
		enum limits_kind kind;
		const char *total, *address;
	} kinds[] = {
		{LIMITS_VISITOR, "max-visitors", "max-visitors-per-address"},
		{LIMITS_WAITING, "max-waiting", "max-waiting-per-address"},
		{LIMITS_EXCHANGE, "max-exchanges", "max-exchanges-per-address"},
		{LIMITS_LINK, "max-sessions", NULL},
		{LIMITS_BRIDGES, "max-private-streams", NULL},
	};
	struct limits *limits = (struct limits *)(uintptr_t)&n->limits;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		uint64_t total, address;
		limits_reached(limits, kinds[i].kind, &total, &address);
		exposition_sample(e, (double)total, "limit", kinds[i].total, NULL);
		if (kinds[i].address)
			exposition_sample(e, (double)address, "limit", kinds[i].address, NULL);
	}
}

/* UDP's flows and TCP's connections have one option. */
static void write_rates(struct exposition *e, struct visitor_rates *r)
{
	uint64_t n[VISITOR_RATES_KINDS] = {0};
	for (unsigned i = 0; r && i < VISITOR_RATES_KINDS; i++)
		n[i] = atomic_load_explicit(&r->refused[i], memory_order_relaxed);
	n[VISITOR_RATE_ADDRESS_CONNECTIONS] += n[VISITOR_RATE_ADDRESS_FLOWS];
	for (unsigned i = 0; i < VISITOR_RATES_KINDS; i++)
		if (i != VISITOR_RATE_ADDRESS_FLOWS)
			exposition_sample(e, (double)n[i], "limit",
				visitor_rate_option((enum visitor_rate)i), NULL);
}

void metrics_limits(struct exposition *e, const struct node *n)
{
	static const char *const words[] = {
#define WORD(name, option) [COUNTS_LIMIT_##name] = option,
		COUNTS_LIMITS(WORD)
#undef WORD
	};
	write_visitors(e, n);
	exposition_family(e, "tunnel_limit_reached", EXPOSITION_COUNTER,
		"Times that a limit was reached, by the option that sets it.");
	write_kinds(e, n);
	for (unsigned i = 0; i < COUNTS_LIMIT_KINDS; i++)
		sample_sum(e, n, offsetof(struct counts, limits[i]), "limit", words[i]);
	write_rates(e, n->visitor_rates);
}
