/* SPDX-License-Identifier: MIT */
/* The client's limits, and how much of each is used. */
#include "api/api_json.h"
#include "client/admin/client_admin.h"
#include "client/admin/client_api.h"

static json_t *limit_json(const char *name, const char *unit, uint64_t limit, uint64_t used)
{
	return json_pack("{s:s, s:s, s:I, s:I}", "name", name, "unit", unit, "limit",
		(json_int_t)limit, "use", (json_int_t)used);
}

static void limits(struct api_request *rq)
{
	const struct client_session *s = client_admin_of(rq)->session;
	const struct client_options *o = *client_admin_of(rq)->options;
	const struct fair_queue *dials = &s->upstream_conns->dials;
	json_t *items = json_array();
	size_t streams = 0;
	for (size_t i = 0; i < s->n; i++)
		streams += uplink_streams(&s->uplinks[i]);
	items = append_json(items,
		limit_json("max-dials", "connections", dials->max, dials->inside));
	items = append_json(items,
		limit_json("max-streams", "streams", o->max_streams * s->n, streams));
	items = append_json(items,
		limit_json("memory-budget", "bytes", s->budget.limit, s->budget.sum.held));
	api_answer(rq, 200, items ? json_pack("{s:o}", "items", items) : NULL);
}

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/limits", API_OPERATOR, .run = limits},
};
const struct api_operations client_api_limits = {rows, ARRAY_LEN(rows)};
