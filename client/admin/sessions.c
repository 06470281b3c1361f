/* SPDX-License-Identifier: MIT */
/* The client's own session, which is one or none, as the exit node's list of sessions has it. */
#include <string.h>

#include "api/api_json.h"
#include "api/page.h"
#include "client/admin/client_admin.h"
#include "client/admin/client_api.h"

static const char *const states[] = {
	[CLIENT_SESSION_DOWN] = "down",
	[CLIENT_SESSION_OPENING] = "opening",
	[CLIENT_SESSION_OPEN] = "open",
	[CLIENT_SESSION_DRAINING] = "draining",
	[CLIENT_SESSION_OVER] = "over",
};

static const char *const uplink_states[] = {
	[UPLINK_IDLE] = "idle",
	[UPLINK_CONNECTING] = "connecting",
	[UPLINK_HANDSHAKING] = "handshaking",
	[UPLINK_UP] = "up",
	[UPLINK_BACKOFF] = "waiting",
	[UPLINK_STOPPED] = "stopped",
};

static json_t *link_json(const struct uplink *u)
{
	const struct client_link *l = u->state == UPLINK_UP ? u->link : NULL;
	return json_pack("{s:i, s:s, s:o, s:o, s:b, s:I, s:s}", "number", (int)u->number, "state",
		uplink_states[u->state], "since", clock_moment_json(l ? l->up_at : 0),
		"roundTripSeconds", l ? seconds_json(mux_rtt(&l->io.link.mux)) : json_null(),
		"sealed", l && l->io.link.sealed, "streams", (json_int_t)uplink_streams(u),
		"lastFailure", l ? "" : u->last_failure);
}

/* What all links have: 0 streams and no moment while none is up. */
struct sums {
	uint64_t since; /* of the oldest link */
	size_t up, streams;
};

static struct sums sums_of(const struct client_session *s)
{
	struct sums sums = {0};
	for (size_t i = 0; i < s->n; i++) {
		const struct uplink *u = &s->uplinks[i];
		sums.streams += uplink_streams(u);
		if (u->state != UPLINK_UP)
			continue;
		if (!sums.up++ || u->link->up_at < sums.since)
			sums.since = u->link->up_at;
	}
	return sums;
}

static json_t *session_json(const struct client_session *s)
{
	const struct sums sums = sums_of(s);
	json_t *links = json_array();
	for (size_t i = 0; i < s->n; i++)
		links = append_json(links, link_json(&s->uplinks[i]));
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I}", "id", s->name, "state",
		states[s->state], "exitNode", s->remote.authority, "since",
		clock_moment_json(sums.since), "links", links, "linksUp", (json_int_t)sums.up,
		"streams", (json_int_t)sums.streams, "services", (json_int_t)s->publications->n,
		"granted", (json_int_t)publications_count(s->publications, PUBLICATION_GRANTED));
}

static void sessions_rows(struct api_page *p)
{
	const struct client_session *s = client_admin_of(p->request)->session;
	/* Before the exit node has named it, "-" is the cursor behind it. */
	const char *cursor = *s->name ? s->name : "-";
	if (!*p->cursor && api_page_room(p)) {
		json_t *item = session_json(s);
		if (item)
			api_page_add(p, cursor, item);
		else
			api_page_fail(p);
	}
	if (p->state == API_PAGE_GOES_ON)
		api_page_end(p);
}

static void sessions_list(struct api_request *rq)
{
	api_page_start(rq, sessions_rows);
}

static void session_show(struct api_request *rq)
{
	const struct client_session *s = client_admin_of(rq)->session;
	char room[API_QUOTE_SIZE];
	if (*s->name && strcmp(api_parameter(rq, 0), s->name) == 0)
		api_answer(rq, 200, session_json(s));
	else
		api_refuse(rq, API_NOT_FOUND, "this client has no session \"%s\"",
			api_quote(api_parameter(rq, 0), room));
}

static const char *const list_query[] = {API_PAGE_QUERY, NULL};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/sessions", API_OPERATOR, .query = list_query, .run = sessions_list},
	{API_GET, "/api/v1/sessions/{id}", API_OPERATOR, .run = session_show},
};
const struct api_operations client_api_sessions = {rows, ARRAY_LEN(rows)};
