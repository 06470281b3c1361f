/* SPDX-License-Identifier: MIT */
#include "server/route/service.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "rules/front.h"
#include "server/base/worker.h"
#include "server/link/server_link.h"
#include "server/route/routing.h"

struct service *service_new(struct session_base *s, const struct control *publish)
{
	struct service *service =
		calloc(1, sizeof(*service) + s->n_shards * sizeof(struct service_shard));
	if (!service)
		return NULL;
	service->session = s;
	service->number = publish->publish.service;
	service->n_numbers = control_publish_ports(publish);
	service->kind = publish->publish.kind;
	service->tls = publish->publish.tls;
	service->per_visitor = publish->publish.per_visitor;
	service->half_closed = publish->publish.half_closed;
	service->exclusive = publish->publish.exclusive;
	service->scheme = publish->publish.scheme;
	service->protocol = publish->publish.protocol;
	service->host_only = publish->publish.host_only;
	service->is_private = publish->publish.private_name;
	service->aes = publish->publish.aes;
	service->in_group = publish->publish.group;
	service->origin_said = publish->publish.origin;
	service->priority = publish->publish.priority;
	service->weight = publish->publish.weight;
	service->enabled = control_publish_enabled(publish);
	snprintf(service->origin, sizeof(service->origin), "%s",
		publish->publish.origin ? publish->publish.origin : "");
	service->states_lists = publish->publish.visibility || publish->publish.auto_approve;
	service->upstream = strdup(publish->publish.upstream ? publish->publish.upstream : "");
	service->path = strdup(publish->publish.path ? publish->publish.path : "");
	if (publish->publish.rewrite)
		service->rewrite = strdup(publish->publish.rewrite);
	if (publish->publish.alpn)
		service->alpn = strdup(publish->publish.alpn);
	atomic_init(&service->holds, 1);
	list_init(&service->of_session);
	list_init(&service->of_private);
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
	front_release(service->rules);
	free(service->figures);
	free(service);
}

void service_shard_notice(struct service_shard *shard, const char *fmt, ...)
{
	struct server_link *l = server_link_pick(shard->session_shard);
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

/* ---- What is counted ---- */

static enum series_kind service_series(const struct service *s)
{
	if (s->is_private)
		return SERIES_PRIVATE;
	return s->kind == CONTROL_HTTP  ? SERIES_HTTP
	       : s->kind == CONTROL_TCP ? SERIES_TCP
					: SERIES_UDP;
}

void service_shard_count(struct service_shard *shard, struct worker *w)
{
	struct service_counts *c =
		service_counts_new(w, service_series(shard->service), shard->service->place);
	if (!c)
		c = service_counts_hold(&w->routing->unserved);
	atomic_store_explicit(&shard->counts, c, memory_order_release);
}

/* Nothing is under way to it any more, and nothing will be. */
static void service_shard_uncount(struct service_shard *shard)
{
	struct service_counts *c = service_shard_counts(shard);
	atomic_store_explicit(&shard->counts, NULL, memory_order_relaxed);
	service_counts_release(c);
}

/* Counts end by a mail to this thread, so those that a shard has now stay until this returns. */
void service_read(const struct service *s, struct service_sum *sum_out)
{
	*sum_out = (struct service_sum){0};
	for (unsigned i = 0; i < s->session->n_shards; i++) {
		const struct service_counts *c =
			atomic_load_explicit(&s->shards[i].counts, memory_order_acquire);
		if (c)
			service_counts_add(sum_out, c);
	}
}

struct service_look service_look(struct service *s, uint64_t now)
{
	struct service_look look = {0};
	struct service_sum sum;
	if (!s->figures && (s->figures = calloc(1, sizeof(*s->figures))))
		figures_init(s->figures, s->at);
	service_read(s, &sum);
	if (s->figures)
		figures_take(s->figures, &sum, now);
	look.figures = s->figures;
	look.down = atomic_load_explicit(&s->down, memory_order_relaxed);
	for (unsigned i = 0; i < s->session->n_shards; i++) {
		const struct service_shard *shard = &s->shards[i];
		uint64_t at = atomic_load_explicit(&shard->failed_at, memory_order_relaxed);
		look.fails |= service_shard_fails(shard, now);
		if (at <= look.failed_at)
			continue;
		look.failed_at = at;
		look.failed_why = (enum frame_reset)atomic_load_explicit(&shard->failed_why,
			memory_order_relaxed);
	}
	return look;
}

/*
 * All that serve a route should have the same rules, and while they do not, as while a client publishes with changed
 * ones, those of the newest that has any hold. One that is lost keeps what it had.
 */
static void service_choose_rules(struct routes *r, struct route *route)
{
	const struct service *newest = NULL;
	list_for_each (it, &route->entries) {
		const struct service *s = service_shard_of(it)->service;
		if (s->rules && (!newest || s->order > newest->order))
			newest = s;
	}
	const struct front *rules = newest ? newest->rules : NULL;
	if (rules != route->rules)
		routes_set_rules(r, route, rules);
}

int service_shard_open(struct service_shard *shard, struct worker *w,
	const struct route **holder_out)
{
	const struct service *service = shard->service;
	int r = routes_claim(service_routes(shard->service, w->routing), service->session->identity,
		str_from(service->place), &shard->entry, service->at, holder_out);
	if (r == 0) {
		origin_enter(shard, w);
		service_choose_rules(service_routes(service, w->routing), shard->entry.route);
	}
	shard->named = r == 0 && service_is_named(service);
	w->routing->n_named += shard->named;
	return r;
}

void service_shard_close(struct service_shard *shard, struct worker *w)
{
	w->routing->n_named -= shard->named;
	shard->named = false;
	origin_leave(shard);
	const struct service *service = shard->service;
	struct routes *routes = service_routes(service, w->routing);
	struct route *route = shard->entry.route;
	bool others = route && route->entries.next != route->entries.prev;
	if (service->denied || identity_is_over(service->session->identity))
		routes_withdraw(routes, &shard->entry, service->at);
	else
		routes_release(routes, &shard->entry, service->at);
	if (others)
		service_choose_rules(routes, route);
	if (list_empty(&shard->streams) && !shard->outstanding) {
		service_shard_uncount(shard);
		return;
	}
	shard->gone = true;
	atomic_fetch_add_explicit(&shard->service->holds, 1, memory_order_relaxed);
}

void service_shard_emptied(struct service_shard *shard)
{
	shard->gone = false;
	service_shard_uncount(shard);
	service_release(shard->service);
}

bool service_shard_fails(const struct service_shard *shard, uint64_t now)
{
	return atomic_load_explicit(&shard->failing_until, memory_order_relaxed) > now ||
	       atomic_load_explicit(&shard->service->down, memory_order_relaxed);
}

void service_shard_failed(struct service_shard *shard, enum frame_reset why, uint64_t now)
{
	atomic_store_explicit(&shard->failed_why, why, memory_order_relaxed);
	atomic_store_explicit(&shard->failed_at, now, memory_order_relaxed);
	/* The dials of one burst fail together, and are one failure. */
	if (atomic_load_explicit(&shard->failing_until, memory_order_relaxed) > now)
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
