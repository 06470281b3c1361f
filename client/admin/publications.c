/* SPDX-License-Identifier: MIT */
/* What this client publishes, and how each of it stands at the exit node. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_json.h"
#include "api/page.h"
#include "base/escape.h"
#include "client/admin/client_admin.h"
#include "client/admin/client_api.h"

static const char *const states[] = {
	[PUBLICATION_IDLE] = "waiting",
	[PUBLICATION_OFFERED] = "offered",
	[PUBLICATION_GRANTED] = "granted",
	[PUBLICATION_REFUSED] = "refused",
	[PUBLICATION_LEAVING] = "leaving",
};

static json_t *failure_json(const struct publication *pub)
{
	const struct publication_counts *c = &pub->counts;
	const char *why = c->failed_why;
	char safe[2 * PUBLICATION_WHY_SIZE];
	safe[escape_text(safe, sizeof(safe) - 1, why, strlen(why), ESCAPE_SENTENCE)] = 0;
	return c->failed_at ? json_pack("{s:o, s:s}", "at", clock_moment_json(c->failed_at), "what",
				      safe)
			    : json_null();
}

/* Takes a reading for whoever looks, of all since the client started at the first. */
static const double *traffic_of(struct publication *pub, uint64_t started)
{
	uint64_t counts[TRAFFIC_KINDS] = {0};
	publication_traffic(pub, counts);
	traffic_take(&pub->traffic, counts, started, clock_now());
	return pub->traffic.rate;
}

static json_t *publication_json(struct publication *pub, uint64_t started)
{
	const double *rate = traffic_of(pub, started);
	char place[UPSTREAM_PLACE_SIZE], answer[CONTROL_TEXT * 2];
	const char *text = pub->answer ? pub->answer : "";
	bool granted = pub->state == PUBLICATION_GRANTED;
	answer[escape_text(answer, sizeof(answer) - 1, text, strlen(text), ESCAPE_SENTENCE)] = 0;
	char id[12];
	snprintf(id, sizeof(id), "%u", (unsigned)pub->number);
	return json_pack("{s:f, s:f, s:f, s:o, s:s, s:I, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:b, "
			 "s:I, s:I, s:I}",
		"cps", rate[TRAFFIC_CONNECTIONS], "in", rate[TRAFFIC_IN], "out", rate[TRAFFIC_OUT],
		"lastError", failure_json(pub), "id", id, "number", (json_int_t)pub->number, "kind",
		control_kind_name(pub->upstream.kind), "place",
		upstream_place(&pub->upstream, place), "private",
		pub->upstream.private.name != NULL, "state", states[pub->state], "address",
		granted ? answer : "", "why", pub->state == PUBLICATION_REFUSED ? answer : "",
		"upstream", pub->upstream.text, "exclusive", pub->upstream.exclusive, "open",
		(json_int_t)publication_streams(pub), "connections",
		(json_int_t)pub->connections.inside, "waiting",
		(json_int_t)pub->connections.waiting);
}

static void publications_rows(struct api_page *p)
{
	const struct publications *all = client_admin_of(p->request)->session->publications;
	uint64_t after = *p->cursor ? api_page_number(p) : 0;
	for (size_t i = 0; i < all->n; i++) {
		struct publication *pub = all->v[i];
		if (pub->number <= after)
			continue;
		if (!api_page_room(p))
			return;
		json_t *item = publication_json(pub, client_admin_of(p->request)->started);
		if (!item) {
			api_page_fail(p);
			return;
		}
		api_page_add_numbered(p, pub->number, item);
	}
	api_page_end(p);
}

static void publications_list(struct api_request *rq)
{
	api_page_start(rq, publications_rows);
}

static void publication_show(struct api_request *rq)
{
	const struct publications *all = client_admin_of(rq)->session->publications;
	const char *text = api_parameter(rq, 0);
	char *end, room[API_QUOTE_SIZE];
	unsigned long number = strtoul(text, &end, 10);
	struct publication *pub =
		*end || number > UINT32_MAX ? NULL : publications_find(all, (uint32_t)number);
	if (pub)
		api_answer(rq, 200, publication_json(pub, client_admin_of(rq)->started));
	else
		api_refuse(rq, API_NOT_FOUND, "this client publishes no number \"%s\"",
			api_quote(text, room));
}

static const char *const list_query[] = {API_PAGE_QUERY, NULL};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/publications", API_OPERATOR, .query = list_query,
		.run = publications_list},
	{API_GET, "/api/v1/publications/{number}", API_OPERATOR, .run = publication_show},
};
const struct api_operations client_api_publications = {rows, ARRAY_LEN(rows)};
