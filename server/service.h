#pragma once
/* What a session publishes under one number: an upstream, reachable by one route. */
#include "base/list.h"
#include "net/loop.h"
#include "server/routes.h"

#define SERVICE_PENALTY_MIN CLOCK_S /* rule 31: no requests for so long after a failed dial, */
#define SERVICE_PENALTY_MAX (30 * CLOCK_S) /* doubling up to this, while another serves the route */

#define SERVICE_SESSION_NAME 17 /* characters of a session's name, and a NUL */

struct session;
struct worker;

struct service {
	struct route_entry entry; /* in its route: shares its load with the others there */
	struct list of_session;   /* session::services */
	struct session *session;
	uint32_t number;
	char *upstream; /* for people */
	char *path;     /* put before each request's path; "" mostly (rule 41) */

	struct list lanes; /* all lanes to it */
	struct list idle;  /* those that wait for a request; the one used last is first */
	unsigned n_idle;
	unsigned outstanding;            /* exchanges under way */
	uint64_t failing_until, penalty; /* µs */
};

/* NULL when out of memory. Not in a route yet. */
struct service *service_new(struct session *s, uint32_t number, const char *upstream,
	const char *path);

/* Leaves its route, ends what it still carries. Accepts NULL; returns NULL. */
struct service *service_free(struct service *service);

/*
 * The service of a route that takes the next request: usable, not failing while another is not, with
 * the fewest requests under way. `but` (or NULL) is one that has just failed. NULL: none.
 */
struct service *service_pick(const struct route *route, const struct service *but, uint64_t now);

/* Lets go of the lanes that wait: its session is about to leave. */
void service_rest(struct service *service);

/* A dial at its upstream failed, or succeeded. */
void service_failed(struct service *service, uint64_t now);
void service_worked(struct service *service);
