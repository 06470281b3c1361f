/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where what a visitor asks for is served: the route for a host or a port, and the session of it, here or on
 * another worker, that should get the next request, connection or flow.
 */
#include "server/route/routing.h"
#include "server/route/service.h"

enum route_outcome {
	ROUTE_HERE, /* a service of this worker takes it */
	ROUTE_ELSEWHERE, /* it has to move to another worker, which has a link for it, or far less to do */
	ROUTE_WAIT, /* no session serves it now, but one did a moment ago: it may wait (wait_queue.h) */
	ROUTE_NONE, /* no session serves it, or what serves it is of another kind */
};

struct route_query {
	const struct routes *routes; /* routing::names, ::groups or ::ports, of this worker */
	struct str host;             /* canonical, or the name of a group or port */
	/* What the visitor's connection fits; any: whatever is published there. */
	bool any;
	enum control_kind kind;
	enum control_tls tls;
	const struct service_shard *exclude; /* it has failed just now; NULL: none has */
	/* It came from another worker just now, so it does not move again merely to share load. */
	bool moved;
	/* It may go to another worker, and is to if the origin there has its turn by weight (origin.h). */
	bool chooses;
	/* That was chosen before it came here; only its address is looked at. NULL: none was */
	const struct service *wanted;
	const char *cookie; /* origin::tag of one that is used if it can be; NULL: none is named */
};

struct route_found {
	struct route *route;           /* NULL: nobody has published it */
	struct service_shard *shard;   /* ROUTE_HERE */
	const struct service *service; /* that was chosen, where one was: it is wanted elsewhere */
	unsigned worker;               /* ROUTE_ELSEWHERE */
	bool last;                     /* all that there is fails, or does not answer */
};

/*
 * Usable, not failing and not silent while another is neither, with the fewest requests under way; another
 * worker's only if this one has none or far more to do. `*found_out` is set whatever the outcome.
 */
enum route_outcome route_find(const struct worker *w, const struct route_query *query,
	struct route_found *found_out);

/* As route_find(), for a route that was found already: ROUTE_HERE, ROUTE_ELSEWHERE, or ROUTE_NONE. */
enum route_outcome route_pick(const struct worker *w, struct route *route,
	const struct route_query *query, struct route_found *found_out);

/* Whether a session that would serve it may still come, now: `route` is one that was lost, or NULL. */
bool route_may_wait(const struct worker *w, const struct route *route);

/* Any service of the route for that name, as all of one route are alike. NULL: there is none. */
const struct service *route_service(const struct routes *r, struct str name, uint64_t now);

/*
 * For a connection that was just accepted: the shard, of any worker's, that has the least to do for the route;
 * sessions that have equally much take turns. NULL: there is none. Its `coming` is the caller's to count.
 */
struct session_shard *route_pick_session(struct route *route);
