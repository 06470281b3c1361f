/* SPDX-License-Identifier: MIT */
/* Sessions: the list, one of them, and its end. */
#include <stdio.h>

#include "server/admin/api.h"
#include "api/page.h"
#include "server/admin/look.h"
#include "server/admin/session_json.h"
#include "server/control/session_close.h"

/* Seconds: as long as --grace may be. */
#define DRAIN_MAX  3600
/*
 * Requests that wait for a drain: half of what is under way at the admin socket, or whoever drains all sessions of
 * a server could revoke no token for that long.
 */
#define DRAINS_MAX 16

static json_t *session_item(const void *row)
{
	return session_json(row);
}

static void sessions_rows(struct api_page *p)
{
	struct api_select found = {.after = p->cursor};
	session_select(admin_of(p->request)->registrar, &found);
	api_select_page(&found, p, session_item);
}

static void sessions_page(struct api_request *rq, const struct gauges *gauges)
{
	api_page_start(rq, sessions_rows);
}

static void sessions_list(struct api_request *rq)
{
	admin_look(rq, sessions_page);
}

/* NULL: it was refused. */
static struct session *session_of_path(struct api_request *rq)
{
	struct session *s = session_find(admin_of(rq)->registrar, api_parameter(rq, 0));
	char room[API_QUOTE_SIZE];
	if (!s)
		api_refuse(rq, API_NOT_FOUND, "there is no session \"%s\"",
			api_quote(api_parameter(rq, 0), room));
	return s;
}

static void session_answer(struct api_request *rq, const struct gauges *gauges)
{
	struct session *s = session_of_path(rq);
	if (s)
		api_answer(rq, 200, session_json(s));
}

static void session_show(struct api_request *rq)
{
	admin_look(rq, session_answer);
}

static void session_ended(void *arg, unsigned cut)
{
	struct api_request *rq = arg;
	admin_of(rq)->drains -= rq->work != NULL;
	api_answer(rq, 200, json_pack("{s:i}", "streamsCut", (int)cut));
}

/* The process ends: it is answered by whoever ends it. */
static void session_end_dropped(struct api_request *rq)
{
	session_close_forget(rq->work, rq);
}

static void session_delete(struct api_request *rq)
{
	uint64_t drain = 0;
	if (!api_query_number(rq, "drain", 0, DRAIN_MAX, &drain))
		return;
	struct session *s = session_of_path(rq);
	if (!s)
		return;
	char why[API_ACTOR_SIZE + API_VIA_SIZE + 40];
	snprintf(why, sizeof(why), "%s ended its session (%s)", rq->actor.name, rq->actor.via);
	if (!drain) {
		session_close(s, 0, why, session_ended, rq);
		return;
	}
	if (admin_of(rq)->drains >= DRAINS_MAX) {
		api_refuse(rq, API_BUSY,
			"%d sessions are being drained already: without a drain this one ends now",
			DRAINS_MAX);
		return;
	}
	rq->work = s;
	rq->drop = session_end_dropped;
	admin_of(rq)->drains++;
	if (session_close(s, drain * CLOCK_S, why, session_ended, rq))
		return;
	admin_of(rq)->drains--;
	api_work_ends(rq);
	api_refuse(rq, API_TAKEN, "the session ends already: without a drain it ends now");
}

static const char *const list_query[] = {API_PAGE_QUERY, NULL};
static const char *const delete_query[] = {"drain", NULL};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/sessions", API_OPERATOR, .query = list_query, .run = sessions_list},
	{API_GET, "/api/v1/sessions/{id}", API_OPERATOR, .run = session_show},
	{API_DELETE, "/api/v1/sessions/{id}", API_OPERATOR, .query = delete_query,
		.run = session_delete},
};
const struct api_operations admin_sessions = {rows, ARRAY_LEN(rows)};
