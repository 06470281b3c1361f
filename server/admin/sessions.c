/* SPDX-License-Identifier: MIT */
/* Sessions: the list, one of them, and its end. */
#include <stdio.h>

#include "server/admin/api.h"
#include "server/admin/page.h"
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

static void sessions_rows(struct admin_page *p)
{
	struct admin_select found = {.after = p->cursor};
	session_select(p->request->admin->registrar, &found);
	admin_select_page(&found, p, session_item);
}

static void sessions_list(struct admin_request *rq)
{
	admin_page_start(rq, sessions_rows);
}

/* NULL: it was refused. */
static struct session *session_of_path(struct admin_request *rq)
{
	struct session *s = session_find(rq->admin->registrar, admin_parameter(rq, 0));
	char room[ADMIN_QUOTE_SIZE];
	if (!s)
		admin_refuse(rq, ADMIN_NOT_FOUND, "there is no session \"%s\"",
			admin_quote(admin_parameter(rq, 0), room));
	return s;
}

static void session_show(struct admin_request *rq)
{
	struct session *s = session_of_path(rq);
	if (s)
		admin_answer(rq, 200, session_json(s));
}

static void session_ended(void *arg, unsigned cut)
{
	struct admin_request *rq = arg;
	rq->admin->drains -= rq->work != NULL;
	admin_answer(rq, 200, json_pack("{s:i}", "streamsCut", (int)cut));
}

/* The process ends: it is answered by whoever ends it. */
static void session_end_dropped(struct admin_request *rq)
{
	session_close_forget(rq->work, rq);
}

static void session_delete(struct admin_request *rq)
{
	uint64_t drain = 0;
	if (!admin_query_number(rq, "drain", 0, DRAIN_MAX, &drain))
		return;
	struct session *s = session_of_path(rq);
	if (!s)
		return;
	char why[ADMIN_ACTOR_SIZE + ADMIN_VIA_SIZE + 40];
	snprintf(why, sizeof(why), "%s ended its session (%s)", rq->actor.name, rq->actor.via);
	if (!drain) {
		session_close(s, 0, why, session_ended, rq);
		return;
	}
	if (rq->admin->drains >= DRAINS_MAX) {
		admin_refuse(rq, ADMIN_BUSY,
			"%d sessions are being drained already: without a drain this one ends now",
			DRAINS_MAX);
		return;
	}
	rq->work = s;
	rq->drop = session_end_dropped;
	rq->admin->drains++;
	if (session_close(s, drain * CLOCK_S, why, session_ended, rq))
		return;
	rq->admin->drains--;
	rq->work = NULL;
	rq->drop = NULL;
	admin_refuse(rq, ADMIN_TAKEN, "the session ends already: without a drain it ends now");
}

static const char *const list_query[] = {ADMIN_PAGE_QUERY, NULL};
static const char *const delete_query[] = {"drain", NULL};

static const struct admin_operation rows[] = {
	{ADMIN_GET, "/api/v1/sessions", ADMIN_OPERATOR, .query = list_query, .run = sessions_list},
	{ADMIN_GET, "/api/v1/sessions/{id}", ADMIN_OPERATOR, .run = session_show},
	{ADMIN_DELETE, "/api/v1/sessions/{id}", ADMIN_OPERATOR, .query = delete_query,
		.run = session_delete},
};
const struct admin_operations admin_sessions = {rows, ARRAY_LEN(rows)};
