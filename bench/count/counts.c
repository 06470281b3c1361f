/* SPDX-License-Identifier: MIT */
/* What a request to a service costs beyond the request itself, because it is counted. */
#include "case.h"
#include "server/base/worker.h"
#include "server/route/series.h"

static struct {
	struct node node;
	struct worker worker;
	struct service_counts *counts;
} it;

static void prepare(void)
{
	it.node.series = series_book_new(200);
	it.worker.node = &it.node;
	it.node.workers[0] = &it.worker;
	it.worker.loop = loop_new();
	count_expect(it.node.series && it.worker.loop, "there is no memory");
	it.counts = service_counts_new(&it.worker, SERIES_HTTP, "app.example.org");
	count_expect(it.counts, "there is no memory");
}

/* As service_shard_began(), the exchange, its stream and service_shard_finished() do it. */
static size_t count(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct service_counts *c = it.counts;
		counter_add(&c->begun, 1);
		service_counts_hold(c);
		counter_add(&c->bytes.sent, SMALL);
		counter_add(&c->bytes.taken, ANSWER);
		service_counts_request(c, 200, 900 + i, 700 + i);
		counter_add(&c->ended, 1);
		service_counts_release(c);
	}
	return n;
}

const struct count_case counts_cases[] = {
	{"counts/request", "request", 4000, prepare, count},
	{0},
};
