#include "server/route/service.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "server/http/stream_pool.h"
#include "server/control/publish_check.h"
#include "server/control/registrar.h"
#include "server/base/worker.h"
#include "server/route/routing.h"

struct service *service_new(struct session_base *s, const struct control *publish)
{
	struct service *service =
		calloc(1, sizeof(*service) + s->n_shards * sizeof(struct service_shard));
	if (!service)
		return NULL;
	service->session = s;
	service->number = publish->publish.service;
	service->n_numbers = publish_ports(publish);
	service->kind = publish->publish.kind;
	service->tls = publish->publish.tls;
	service->per_visitor = publish->publish.per_visitor;
	service->half_closed = publish->publish.half_closed;
	service->exclusive = publish->publish.exclusive;
	service->scheme = publish->publish.scheme;
	service->host_only = publish->publish.host_only;
	service->upstream = strdup(publish->publish.upstream ? publish->publish.upstream : "");
	service->path = strdup(publish->publish.path ? publish->publish.path : "");
	if (publish->publish.rewrite)
		service->rewrite = strdup(publish->publish.rewrite);
	if (publish->publish.alpn)
		service->alpn = strdup(publish->publish.alpn);
	atomic_init(&service->holds, 1);
	list_init(&service->of_session);
	for (unsigned i = 0; i < s->n_shards; i++) {
		struct service_shard *shard = &service->shards[i];
		shard->service = service;
		shard->session_shard = &s->shards[i];
		list_init(&shard->streams);
		list_init(&shard->idle);
		list_init(&shard->resting);
	}
	if (!service->upstream || !service->path ||
		(publish->publish.rewrite && !service->rewrite) ||
		(publish->publish.alpn && !service->alpn)) {
		service_release(service);
		return NULL;
	}
	return service;
}

void service_release(struct service *service)
{
	if (atomic_fetch_sub_explicit(&service->holds, 1, memory_order_acq_rel) > 1)
		return;
	free(service->upstream);
	free(service->path);
	free(service->rewrite);
	free(service->alpn);
	free(service);
}

void service_shard_distrust(struct service_shard *shard)
{
	struct service *service = shard->service;
	if (atomic_exchange_explicit(&service->strict, true, memory_order_relaxed))
		return;
	log_warn("%s: the upstream %s sent bytes that no request asked for: its Content-Length is "
		 "too short, or it answers HEAD with a body; mend it; until the service is "
		 "published anew, its connections rest for %u ms before another visitor's request "
		 "goes there",
		service->place[0] ? service->place : "the catch-all", service->upstream,
		(unsigned)(POOLED_STREAM_REST_TIME / CLOCK_MS));
	service_shard_notice(shard,
		"sent bytes that no request asked for: its Content-Length is too short, or it "
		"answers HEAD with a body; mend it");
}

void service_shard_notice(struct service_shard *shard, const char *fmt, ...)
{
	struct server_link *l = service_shard_link(shard);
	char more[LOG_LIMIT_MORE], text[CONTROL_TEXT / 2], sentence[CONTROL_TEXT + 1];
	if (!l || !log_limit_pass(&shard->notices, loop_now(l->worker->loop), SERVICE_NOTICE_EVERY,
			  1, more))
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(sentence, sizeof(sentence), "the upstream %.400s %s%s", shard->service->upstream,
		text, more);
	struct control m = {.type = CONTROL_NOTICE};
	m.notice.sentence = sentence;
	link_send(&l->io.link, &m);
}

static struct routes *service_shard_routes(const struct service_shard *shard, struct worker *w)
{
	return shard->service->has_port ? &w->routing->ports : &w->routing->names;
}

int service_shard_open(struct service_shard *shard, struct worker *w,
	const struct route **holder_out)
{
	const struct service *service = shard->service;
	int r = routes_claim(service_shard_routes(shard, w), service->session->identity->identity,
		str_from(service->place), &shard->entry, service->at, holder_out);
	shard->named = r == 0 && service_is_named(service);
	w->routing->n_named += shard->named;
	return r;
}

void service_shard_close(struct service_shard *shard, struct worker *w)
{
	w->routing->n_named -= shard->named;
	shard->named = false;
	routes_release(service_shard_routes(shard, w), &shard->entry, shard->service->at);
	service_shard_rest(shard, NULL);
	if (list_empty(&shard->streams) && !shard->outstanding)
		return;
	shard->gone = true;
	atomic_fetch_add_explicit(&shard->service->holds, 1, memory_order_relaxed);
}

void service_shard_emptied(struct service_shard *shard)
{
	shard->gone = false;
	service_release(shard->service);
}

const struct service *routes_service(const struct routes *r, struct str name, uint64_t now)
{
	const struct route *route = routes_find(r, name, now);
	if (!route || list_empty(&route->entries))
		return NULL;
	return service_shard_of(route->entries.next)->service;
}

bool route_takes(const struct route *route, enum control_kind kind, enum control_tls tls)
{
	if (list_empty(&route->entries))
		return true;
	const struct service *service = service_shard_of(route->entries.next)->service;
	return service->kind == kind && service->tls == tls;
}

static bool service_shard_fails(const struct service_shard *shard, uint64_t now)
{
	return atomic_load_explicit(&shard->failing_until, memory_order_relaxed) > now;
}

struct server_link *service_shard_link(const struct service_shard *shard)
{
	return server_link_pick(shard->session_shard);
}

struct session_shard *service_shard_pick_session(const struct route *route)
{
	struct session_shard *best = NULL;
	list_for_each (it, &route->entries) {
		struct session_shard *shard =
			session_base_pick(service_shard_of(it)->service->session, -1);
		if (shard && (!best || session_shard_better(shard, best)))
			best = shard;
	}
	return best;
}

/*
 * A connection that moves costs about as much as a small request, so one goes only where there is far
 * less to do. Two that share a worker part that way, and then stay.
 */
static bool service_shard_crowded(const struct service_shard *shard, unsigned elsewhere)
{
	return shard->outstanding > 2 * elsewhere + 1;
}

struct pick service_shard_pick(struct worker *w, const struct route *route,
	const struct service_shard *but, bool settled)
{
	uint64_t now = loop_now(w->loop);
	struct service_shard *here = NULL, *failing = NULL;
	int there = -1, failing_there = -1;
	unsigned load = 0;
	list_for_each (it, &route->entries) {
		struct service_shard *shard = service_shard_of(it);
		if (shard == but)
			continue;
		const struct server_link *l = service_shard_link(shard);
		if (l) {
			bool last = service_shard_fails(shard, now) || server_link_silent(l);
			struct service_shard **rank = last ? &failing : &here;
			if (!*rank || shard->outstanding < (*rank)->outstanding)
				*rank = shard;
		}
		const struct session_shard *other =
			session_base_pick(shard->service->session, (int)w->index);
		if (!other)
			continue;
		int at = (int)session_shard_worker(other);
		unsigned other_load = session_shard_load(other);
		if (service_shard_fails(&shard->service->shards[at], now) ||
			session_shard_silent(other)) {
			failing_there = at;
		} else if (there < 0 || other_load < load) {
			there = at;
			load = other_load;
		}
	}
	if (there >= 0 && (!here || (!settled && service_shard_crowded(here, load))))
		return (struct pick){.worker = there};
	if (here)
		return (struct pick){.shard = here, .worker = -1};
	return (struct pick){failing, failing ? -1 : failing_there, .last = true};
}

void service_shard_rest(struct service_shard *shard, const struct server_link *l)
{
	list_for_each_safe (it, &shard->streams) {
		struct pooled_stream *pooled =
			list_entry(it, struct pooled_stream, of_service_shard);
		if (!pooled->user && (!l || pooled->server_link == l))
			pooled_stream_drop(pooled, FRAME_RESET_NONE);
	}
}

void service_shard_failed(struct service_shard *shard, uint64_t now)
{
	/* The dials of one burst fail together, and are one failure. */
	if (service_shard_fails(shard, now))
		return;
	shard->penalty =
		shard->penalty ? MIN(2 * shard->penalty, SERVICE_PENALTY_MAX) : SERVICE_PENALTY_MIN;
	atomic_store_explicit(&shard->failing_until, now + shard->penalty, memory_order_relaxed);
}

void service_shard_worked(struct service_shard *shard)
{
	if (!shard->penalty)
		return;
	shard->penalty = 0;
	atomic_store_explicit(&shard->failing_until, 0, memory_order_relaxed);
}
