/* SPDX-License-Identifier: MIT */
/* What the client's user can do something about, each with what to do. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/api_json.h"
#include "base/escape.h"
#include "client/admin/client_admin.h"
#include "client/admin/client_api.h"

#define REFUSED_MAX 50 /* services that are refused, by name: as many as anybody reads */

/* Returns the array with it, or NULL. */
static json_t *note(json_t *items, bool bad, const char *about, const char *what, const char *todo)
{
	char safe[1024];
	safe[escape_text(safe, sizeof(safe) - 1, what, strlen(what), ESCAPE_SENTENCE)] = 0;
	return append_json(items,
		json_pack("{s:s, s:s, s:s, s:s}", "severity", bad ? "bad" : "warn", "about", about,
			"what", safe, "todo", todo));
}

static json_t *note_links(json_t *items, const struct client_session *s)
{
	char what[1024];
	const char *why = "";
	size_t up = 0;
	for (size_t i = 0; i < s->n; i++) {
		up += s->uplinks[i].state == UPLINK_UP;
		if (s->uplinks[i].state != UPLINK_UP && s->uplinks[i].last_failure[0])
			why = s->uplinks[i].last_failure;
	}
	if (up == s->n || (!*why && up))
		return items;
	snprintf(what, sizeof(what), "%zu of %zu links to %s are up%s%s", up, s->n,
		s->remote.authority, *why ? ": " : "", why);
	return note(items, !up, "session", what,
		"The client tries again by itself; tunnel check-config and its log say more.");
}

static const char *todo_refused(enum control_reason reason)
{
	switch (reason) {
	case CONTROL_REASON_TAKEN:
		return "Choose another name or port, or stop the client that has it.";
	case CONTROL_REASON_DENIED:
	case CONTROL_REASON_LIMIT:
		return "The exit node's operator can allow it.";
	case CONTROL_REASON_INVALID:
		return "Correct what --upstream says.";
	case CONTROL_REASON_UNSUPPORTED:
		return "The exit node may be an older version.";
	case CONTROL_REASON_UNKNOWN:
	case CONTROL_REASON_OTHER:
		break;
	}
	return "The client asks again; the exit node's log may say more.";
}

static json_t *note_refused(json_t *items, const struct publications *all)
{
	size_t n = 0;
	for (size_t i = 0; i < all->n && n < REFUSED_MAX; i++) {
		const struct publication *pub = all->v[i];
		char what[1024], place[UPSTREAM_PLACE_SIZE];
		if (pub->state != PUBLICATION_REFUSED)
			continue;
		n++;
		snprintf(what, sizeof(what), "%s is not published: %s",
			upstream_place(&pub->upstream, place),
			pub->answer ? pub->answer : "refused");
		items = note(items, true, "service", what, todo_refused(pub->reason));
	}
	return items;
}

/* Those whose last connection failed: nobody knows of others. */
static json_t *note_unreached(json_t *items, const struct publications *all)
{
	size_t n = 0;
	for (size_t i = 0; i < all->n && n < REFUSED_MAX; i++) {
		const struct publication *pub = all->v[i];
		const struct publication_counts *c = &pub->counts;
		char what[1024];
		if (!c->tried || c->up || pub->state == PUBLICATION_LEAVING)
			continue;
		n++;
		snprintf(what, sizeof(what),
			"The upstream %s was not reached when a visitor asked last: %s",
			pub->upstream.text, c->failed_why);
		items = note(items, true, "service", what,
			"Start it, or correct --upstream; the next visitor's request tries it "
			"again.");
	}
	return items;
}

static json_t *note_waiting(json_t *items, const struct publications *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct publication *pub = all->v[i];
		char what[1024];
		if (!pub->connections.waiting)
			continue;
		snprintf(what, sizeof(what), "%zu visitors wait for a connection to %s",
			pub->connections.waiting, pub->upstream.text);
		items = note(items, false, "limit", what,
			"Raise --max-connections of this upstream, if it can take more.");
	}
	return items;
}

static void attention(struct api_request *rq)
{
	const struct client_session *s = client_admin_of(rq)->session;
	json_t *items = note_links(json_array(), s);
	items = note_refused(items, s->publications);
	items = note_unreached(items, s->publications);
	items = note_waiting(items, s->publications);
	api_answer(rq, 200, items ? json_pack("{s:o}", "items", items) : NULL);
}

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/attention", API_OPERATOR, .run = attention},
};
const struct api_operations client_api_attention = {rows, ARRAY_LEN(rows)};
