/* SPDX-License-Identifier: MIT */
/* The client's limits, how much of each is used, and what was most. */
#include <stdio.h>

#include "api/api_json.h"
#include "client/admin/client_admin.h"
#include "client/admin/client_api.h"

static json_t *limit_json(const char *name, const char *unit, uint64_t limit, uint64_t used,
	uint64_t peak)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:n, s:n}", "name", name, "unit", unit, "limit",
		(json_int_t)limit, "use", (json_int_t)used, "peak", (json_int_t)peak, "reached",
		"reachedAt");
}

/* Of a queue, which knows more. */
static json_t *queue_json(const char *name, const struct fair_queue *q)
{
	json_t *item = limit_json(name, "connections", q->max, q->inside, q->peak);
	json_object_set_new(item, "reached", json_integer((json_int_t)q->reached));
	json_object_set_new(item, "reachedAt", clock_moment_json(q->reached_at));
	return item;
}

static void limits(struct api_request *rq)
{
	const struct client_session *s = client_admin_of(rq)->session;
	const struct client_options *o = *client_admin_of(rq)->options;
	const struct publications *all = s->publications;
	json_t *items = json_array();
	items = append_json(items, queue_json("max-dials", &s->upstream_conns->dials));
	items = append_json(items, limit_json("max-streams", "streams", o->max_streams * s->n,
					   s->streams.open, s->streams.peak));
	items = append_json(items, limit_json("memory-budget", "bytes", s->budget.limit,
					   s->budget.sum.held, s->budget.peak));
	for (size_t i = 0; i < all->n; i++) {
		const struct publication *pub = all->v[i];
		char name[UPSTREAM_PLACE_SIZE + 32], place[UPSTREAM_PLACE_SIZE];
		if (!pub->connections.max)
			continue;
		snprintf(name, sizeof(name), "max-connections of %s",
			upstream_place(&pub->upstream, place));
		items = append_json(items, queue_json(name, &pub->connections));
	}
	api_answer(rq, 200, items ? json_pack("{s:o}", "items", items) : NULL);
}

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/limits", API_OPERATOR, .run = limits},
};
const struct api_operations client_api_limits = {rows, ARRAY_LEN(rows)};
