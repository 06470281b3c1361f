/* SPDX-License-Identifier: MIT */
/*
 * Who serves which name, port or group: the list, and for one host what route_find() chooses, with its reason. As
 * worker 0 has them, whose routes say what is taken.
 */
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "server/admin/api.h"
#include "server/admin/figures_json.h"
#include "api/select.h"
#include "server/base/worker.h"
#include "server/control/registrar.h"
#include "server/route/balance.h"

static const struct worker *decider(const struct api_request *rq)
{
	return admin_of(rq)->node->workers[0];
}

/* "*" is the catch-all, as grants write it. */
static const char *shown(const struct route *route)
{
	return route->host.n ? route->host.p : "*";
}

/* NULL: memory is out. */
static json_t *sessions_of(const struct route *route)
{
	json_t *array = json_array();
	if (route)
		list_for_each (it, &route->entries) {
			json_t *name = json_string(service_shard_of(it)->service->session->name);
			if (json_array_append_new(array, name) < 0) {
				json_decref(array);
				return NULL;
			}
		}
	return array;
}

/* ---- The list ---- */

static json_t *route_json(const void *row)
{
	const struct route *route = row;
	const struct service *service =
		list_empty(&route->entries) ? NULL : service_shard_of(route->entries.next)->service;
	const struct identity *holder = service ? service->session->identity : NULL;
	struct figures_sum sum = {0};
	list_for_each (it, &route->entries) {
		const struct service_look look = figures_look(service_shard_of(it)->service);
		figures_sum_add(&sum, &look);
	}
	json_t *object = json_pack("{s:s, s:s?, s:o, s:s?}", "host", shown(route), "kind",
		service ? control_kind_name(service->kind) : NULL, "sessions", sessions_of(route),
		"identity", holder ? holder->name : NULL);
	return figures_sum_set(object, &sum);
}

static void routes_offer(const struct routes *r, struct api_select *found)
{
	list_for_each (it, &r->all) {
		struct route *route = list_entry(it, struct route, all);
		api_select_offer(found, shown(route), route);
	}
}

static void routes_rows(struct api_page *p)
{
	const struct routing *r = decider(p->request)->routing;
	struct api_select found = {.after = p->cursor};
	routes_offer(&r->names, &found);
	routes_offer(&r->ports, &found);
	routes_offer(&r->groups, &found);
	api_select_page(&found, p, route_json);
}

/* ---- One host ---- */

/* The route, then the session: "…; …". */
struct reason {
	char text[3 * HOSTNAME_SIZE + 400];
	size_t n;
};

static void __attribute__((format(printf, 2, 3))) say(struct reason *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	size_t room = sizeof(r->text) - r->n;
	int n = vsnprintf(r->text + r->n, room, fmt, ap);
	r->n += n < 0 ? 0 : MIN((size_t)n, room - 1);
	va_end(ap);
}

static void say_route(struct reason *r, const char *host, const struct route *route)
{
	if (!route)
		say(r, "nothing that is published covers %s", host);
	else if (!route->host.n)
		say(r, "%s has no route of its own and none of a wildcard, so the catch-all has it",
			host);
	else if (*route->host.p == '*')
		say(r, "%s has no route of its own, and %s is the longest wildcard that covers it",
			host, route->host.p);
	else
		say(r, "%s is published by this name", host);
}

static void say_choice(struct reason *r, const struct worker *w, enum route_outcome outcome,
	const struct route_found *found)
{
	size_t n = 0;
	if (found->route)
		list_for_each (it, &found->route->entries)
			n++;
	const char *of = n == 1 ? "the only one there" : "the one with the least to do";
	switch (outcome) {
	case ROUTE_HERE:
		say(r, "; session %s gets the next request: %s",
			found->shard->service->session->name,
			found->last ? "others fail or do not answer, and so does it" : of);
		break;
	case ROUTE_ELSEWHERE:
		say(r,
			"; the next request goes to worker %u, which has a link to the session "
			"that "
			"serves it: %s",
			found->worker, found->last ? "others fail or do not answer" : of);
		break;
	case ROUTE_WAIT:
		say(r,
			"; no client serves it now, and a request waits up to %llu s for one to "
			"come back",
			(unsigned long long)(w->opts->reconnect_grace / CLOCK_S));
		break;
	case ROUTE_NONE:
		say(r, "%s",
			found->route ? "; none of its clients takes requests now"
				     : "; a request gets an error page");
		break;
	}
}

static void explain_path(struct reason *r, const char *path, const struct route *route)
{
	if (!path || !route || list_empty(&route->entries))
		return;
	const struct service *service = service_shard_of(route->entries.next)->service;
	say(r, "; the path does not choose: %s of %s is asked for %s%s", service->upstream,
		service->session->name, service->path, path);
}

static void explain(struct api_request *rq, const char *asked)
{
	char host[HOSTNAME_SIZE];
	size_t n;
	int bad = hostname_canonical(str_from(asked), host, &n);
	if (bad) {
		char room[API_QUOTE_SIZE];
		api_refuse(rq, API_INVALID, "host \"%s\" %s", api_quote(asked, room),
			hostname_error_text(bad));
		return;
	}
	const struct worker *w = decider(rq);
	struct route_query query = {.routes = &w->routing->names,
		.host = {host, n},
		.any = true,
		.moved = true};
	struct route_found found;
	struct reason r = {0};
	enum route_outcome outcome = route_find(w, &query, &found);
	say_route(&r, host, found.route);
	say_choice(&r, w, outcome, &found);
	explain_path(&r, api_query(rq, "path"), found.route);
	/* The path may be any bytes, and the sentence is cut anywhere. */
	char safe[sizeof(r.text)];
	safe[escape_text(safe, sizeof(safe) - 1, r.text, r.n, ESCAPE_SENTENCE)] = 0;
	api_answer(rq, 200,
		json_pack("{s:s, s:s?, s:s, s:o}", "host", host, "matched",
			found.route ? shown(found.route) : NULL, "why", safe, "sessions",
			sessions_of(found.route)));
}

static void routes_get(struct api_request *rq)
{
	const char *host = api_query(rq, "host");
	if (host)
		explain(rq, host);
	else if (api_query(rq, "path"))
		api_refuse(rq, API_INVALID, "\"path\" of the query needs \"host\"");
	else
		api_page_start(rq, routes_rows);
}

static const char *const query_names[] = {API_PAGE_QUERY, "host", "path", NULL};
static const struct api_operation rows[] = {
	{API_GET, "/api/v1/routes", API_OPERATOR, .query = query_names, .run = routes_get},
};
const struct api_operations admin_routes = {rows, ARRAY_LEN(rows)};
