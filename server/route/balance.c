/* SPDX-License-Identifier: MIT */
#include "server/route/balance.h"

#include "server/base/worker.h"
#include "server/link/server_link.h"
#include "server/route/origin_pick.h"

const struct service *route_service(const struct routes *r, struct str name, uint64_t now)
{
	const struct route *route = routes_find(r, name, now);
	if (!route || list_empty(&route->entries))
		return NULL;
	return service_shard_of(route->entries.next)->service;
}

/*
 * Whether a connection of that kind may be given to the services of a route, which are all alike. A route
 * that nobody serves now refuses nothing.
 */
static bool route_takes(const struct route *route, enum control_kind kind, enum control_tls tls)
{
	if (list_empty(&route->entries))
		return true;
	const struct service *service = service_shard_of(route->entries.next)->service;
	return service->kind == kind && service->tls == tls;
}

struct session_shard *route_pick_session(struct route *route)
{
	struct session_shard *best = NULL;
	struct service_shard *of = NULL;
	list_for_each (it, &route->entries) {
		struct service_shard *service = service_shard_of(it);
		struct session_shard *shard = session_base_pick(service->service->session, -1);
		if (shard && (!best || session_shard_better(shard, best))) {
			best = shard;
			of = service;
		}
	}
	/* Its stream may be another worker's, which does not see this list. */
	if (of)
		routes_used(&of->entry);
	return best;
}

/* The best of what a route has, by where it is, and whether it is the last to be tried. */
struct candidates {
	struct service_shard *here, *here_last;
	const struct session_shard *there, *there_last;
};

/* Of this worker: by the fewest requests under way. */
static void consider_here(struct candidates *c, struct service_shard *shard, uint64_t now)
{
	const struct server_link *l = server_link_pick(shard->session_shard);
	if (!l)
		return;
	bool last = service_shard_fails(shard, now) || server_link_silent(l);
	struct service_shard **best = last ? &c->here_last : &c->here;
	if (!*best || shard->outstanding < (*best)->outstanding)
		*best = shard;
}

/* Of the other workers: by what their session has to do there. */
static void consider_there(struct candidates *c, const struct service_shard *shard,
	const struct worker *w, uint64_t now)
{
	const struct session_shard *there =
		session_base_pick(shard->service->session, (int)w->index);
	if (!there)
		return;
	const struct service_shard *other = &shard->service->shards[session_shard_worker(there)];
	if (service_shard_fails(other, now) || session_shard_silent(there))
		c->there_last = there;
	else if (!c->there || session_shard_load(there) < session_shard_load(c->there))
		c->there = there;
}

/*
 * A connection that moves costs about as much as a small request, so one moves only where there is far less
 * to do. Two that share a worker part that way, and then stay.
 */
static bool crowded(const struct candidates *c)
{
	return c->here->outstanding > 2 * session_shard_load(c->there) + 1;
}

enum route_outcome route_pick(const struct worker *w, struct route *route,
	const struct route_query *query, struct route_found *found_out)
{
	if (route->graded || query->cookie)
		return origin_pick(w, route, query, found_out);
	struct candidates c = {0};
	uint64_t now = loop_now(w->loop);
	list_for_each (it, &route->entries) {
		struct service_shard *shard = service_shard_of(it);
		if (shard == query->exclude)
			continue;
		consider_here(&c, shard, now);
		consider_there(&c, shard, w, now);
	}
	bool move = c.there && (!c.here || (!query->moved && crowded(&c)));
	bool last = !c.here && !c.there;
	struct service_shard *here = move ? NULL : last ? c.here_last : c.here;
	const struct session_shard *there = move ? c.there : last && !here ? c.there_last : NULL;
	*found_out = (struct route_found){.route = route,
		.shard = here,
		.worker = there ? session_shard_worker(there) : 0,
		.last = last};
	return here ? ROUTE_HERE : there ? ROUTE_ELSEWHERE : ROUTE_NONE;
}

bool route_may_wait(const struct worker *w, const struct route *route)
{
	/* Our own restart counts as every session's loss. */
	return !w->draining &&
	       (route || loop_now(w->loop) - w->node->started < w->opts->reconnect_grace);
}

enum route_outcome route_find(const struct worker *w, const struct route_query *query,
	struct route_found *found_out)
{
	struct route *route = routes_find(query->routes, query->host, loop_now(w->loop));
	*found_out = (struct route_found){.route = route};
	if (route && !query->any && !route_takes(route, query->kind, query->tls))
		return ROUTE_NONE;
	enum route_outcome outcome = route ? route_pick(w, route, query, found_out) : ROUTE_NONE;
	if (outcome == ROUTE_NONE && route_may_wait(w, route))
		return ROUTE_WAIT;
	return outcome;
}
