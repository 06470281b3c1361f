#include "server/service.h"

#include <stdlib.h>
#include <string.h>

#include "server/lane.h"
#include "server/session.h"
#include "server/worker.h"

struct service *service_new(struct session *s, uint32_t number, const char *upstream,
	const char *path)
{
	struct service *service = calloc(1, sizeof(*service));
	if (!service)
		return NULL;
	list_init(&service->of_session);
	list_init(&service->lanes);
	list_init(&service->idle);
	service->session = s;
	service->number = number;
	service->upstream = strdup(upstream ? upstream : "");
	service->path = strdup(path ? path : "");
	if (!service->upstream || !service->path)
		return service_free(service);
	list_append(&s->services, &service->of_session);
	s->n_services++;
	return service;
}

struct service *service_free(struct service *service)
{
	if (!service)
		return NULL;
	struct worker *w = service->session->worker;
	if (list_linked(&service->of_session)) {
		list_unlink(&service->of_session);
		service->session->n_services--;
	}
	routes_release(&w->routes, &service->entry, loop_now(w->loop));
	loop_timer_set(&w->expiry, routes_expire(&w->routes, loop_now(w->loop)));
	while (!list_empty(&service->lanes)) {
		struct lane *lane = list_entry(service->lanes.next, struct lane, of_service);
		lane_fail(lane, FRAME_RESET_CANCELLED, lane->stream.sent);
	}
	free(service->upstream);
	free(service->path);
	free(service);
	return NULL;
}

struct service *service_pick(const struct route *route, const struct service *but, uint64_t now)
{
	struct service *best = NULL, *failing = NULL;
	list_for_each (it, &route->entries) {
		struct service *s = container_of(list_entry(it, struct route_entry, link),
			struct service, entry);
		if (s == but || !session_usable(s->session))
			continue;
		struct service **rank = s->failing_until > now ? &failing : &best;
		if (!*rank || s->outstanding < (*rank)->outstanding)
			*rank = s;
	}
	return best ? best : failing;
}

void service_rest(struct service *service)
{
	list_for_each_safe (it, &service->idle)
		lane_drop(list_entry(it, struct lane, idle), FRAME_RESET_NONE);
}

void service_failed(struct service *service, uint64_t now)
{
	/* The dials of one burst fail together, and are one failure. */
	if (service->failing_until > now)
		return;
	service->penalty = service->penalty ? MIN(2 * service->penalty, SERVICE_PENALTY_MAX)
					    : SERVICE_PENALTY_MIN;
	service->failing_until = now + service->penalty;
}

void service_worked(struct service *service)
{
	service->failing_until = service->penalty = 0;
}
