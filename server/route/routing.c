/* SPDX-License-Identifier: MIT */
#include "server/route/routing.h"

#include "base/macros.h"
#include "server/base/worker.h"

static void routing_expired(struct loop_timer *timer)
{
	routing_expire(container_of(timer, struct routing, expiry));
}

void routing_expire(struct routing *r)
{
	uint64_t now = loop_now(r->expiry.loop), names = routes_expire(&r->names, now);
	uint64_t ports = routes_expire(&r->ports, now), privates = routes_expire(&r->privates, now);
	uint64_t groups = routes_expire(&r->groups, now);
	loop_timer_set(&r->expiry,
		clock_earlier(clock_earlier(names, groups), clock_earlier(ports, privates)));
}

static bool is_over(const void *identity)
{
	return identity_is_over(identity);
}

void routing_forget(struct routing *r)
{
	routes_forget(&r->names, is_over);
	routes_forget(&r->groups, is_over);
	routes_forget(&r->privates, is_over);
}

void routing_forget_private(struct routing *r, struct str name)
{
	routes_forget_name(&r->privates, name);
}

int routing_init(struct routing *r, struct worker *w)
{
	r->unserved.worker = w;
	r->unserved.holds = 1;
	wait_queue_init(&r->wait_queue, w);
	loop_timer_init(&r->expiry, w->loop, routing_expired);
	int e = routes_init(&r->names, w->opts->reconnect_grace);
	if (e == 0)
		e = routes_init(&r->groups, w->opts->reconnect_grace);
	if (e == 0)
		e = routes_init(&r->privates, w->opts->reconnect_grace);
	/* A port is free at once. */
	return e < 0 ? e : routes_init(&r->ports, 0);
}

void routing_deinit(struct routing *r)
{
	loop_timer_cancel(&r->expiry);
	wait_queue_deinit(&r->wait_queue);
	routes_deinit(&r->names);
	routes_deinit(&r->ports);
	routes_deinit(&r->groups);
	routes_deinit(&r->privates);
}
