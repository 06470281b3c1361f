/* SPDX-License-Identifier: MIT */
/* The HTTP front: by route, which is the name that a client published, and never what a visitor asked for. */
#include <string.h>

#include "server/base/worker.h"
#include "server/http/http_worker.h"
#include "server/metrics/metrics_parts.h"

static const char *const codes[SERIES_CODES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

static void write_requests(struct exposition *e, const struct metrics_series *s)
{
	exposition_family(e, "tunnel_http_requests", EXPOSITION_COUNTER,
		"Requests that are over, by the first digit of the answer's status.");
	for (size_t i = 0; i < s->n; i++)
		for (unsigned code = 0; code < SERIES_CODES; code++)
			exposition_sample(e, (double)s->rows[i].sum.codes[code], "route",
				s->rows[i].place, "code", codes[code], NULL);
}

static void write_times(struct exposition *e, const struct metrics_series *s)
{
	exposition_family(e, "tunnel_http_request_duration_seconds", EXPOSITION_HISTOGRAM,
		"From a request's first byte to its answer's last; without upgraded ones.");
	for (size_t i = 0; i < s->n; i++)
		exposition_histogram(e, &s->rows[i].sum.durations, "route", s->rows[i].place);
	exposition_family(e, "tunnel_http_upstream_wait_seconds", EXPOSITION_HISTOGRAM,
		"From a request's way to the upstream to the head of its answer.");
	for (size_t i = 0; i < s->n; i++)
		exposition_histogram(e, &s->rows[i].sum.waits, "route", s->rows[i].place);
}

static void write_bytes(struct exposition *e, const struct metrics_series *s)
{
	exposition_family(e, "tunnel_http_bytes", EXPOSITION_COUNTER,
		"Bytes to upstreams (in) and back (out), heads included.");
	for (size_t i = 0; i < s->n; i++) {
		const struct metrics_row *row = &s->rows[i];
		exposition_sample(e, (double)row->sum.sent, "route", row->place, "direction", "in",
			NULL);
		exposition_sample(e, (double)row->sum.taken, "route", row->place, "direction",
			"out", NULL);
	}
}

/* Causes may share a word, which is one sample then. */
static uint64_t answers_of(const struct node *n, const char *word)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < n->n_workers; i++)
		for (unsigned c = 0; c < ERROR_PAGE_KINDS; c++)
			if (strcmp(error_page_word((enum error_page_cause)c), word) == 0)
				sum += counter_get(&n->workers[i]->http->counts.answers[c]);
	return sum;
}

static bool is_first(unsigned cause)
{
	for (unsigned c = 0; c < cause; c++)
		if (strcmp(error_page_word((enum error_page_cause)c),
			    error_page_word((enum error_page_cause)cause)) == 0)
			return false;
	return true;
}

static void write_refused(struct exposition *e, const struct node *n)
{
	exposition_family(e, "tunnel_http_refused", EXPOSITION_COUNTER,
		"Requests that the exit node answered itself, by the access log's word.");
	for (unsigned c = 0; c < ERROR_PAGE_KINDS; c++) {
		const char *word = error_page_word((enum error_page_cause)c);
		if (is_first(c))
			exposition_sample(e, (double)answers_of(n, word), "why", word, NULL);
	}
}

void metrics_http(struct exposition *e, const struct node *n, const struct metrics_series *s)
{
	uint64_t retried = 0, moved = 0, http1 = 0, http2 = 0;
	write_requests(e, s);
	write_times(e, s);
	write_bytes(e, s);
	write_refused(e, n);
	for (unsigned i = 0; i < n->n_workers; i++) {
		retried += counter_get(&n->workers[i]->http->counts.retried);
		moved += counter_get(&n->workers[i]->http->counts.moved);
		http1 += counter_get(&n->workers[i]->http->counts.http1);
		http2 += counter_get(&n->workers[i]->http->counts.http2);
	}
	exposition_counter(e, "tunnel_http_retried", "Requests that were sent a second time.",
		(double)retried);
	exposition_counter(e, "tunnel_http_moved",
		"Times that a connection went to another worker with its request.", (double)moved);
	exposition_family(e, "tunnel_http_protocol_requests", EXPOSITION_COUNTER,
		"Requests by the protocol that their visitors spoke.");
	exposition_sample(e, (double)http1, "protocol", "HTTP/1", NULL);
	exposition_sample(e, (double)http2, "protocol", "HTTP/2", NULL);
}
