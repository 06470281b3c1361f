/* SPDX-License-Identifier: MIT */
#include "server/route/origin_pick.h"

#include "base/macros.h"
#include "server/base/worker.h"
#include "server/link/server_link.h"

/*
 * Requests under way that an origin may have beyond twice its part by weight, before its turns go to others: at few
 * requests chance alone does that.
 */
#define OVERLOAD_SLACK 4

#define RANK_NONE UINT32_MAX /* it takes nothing */
#define RANK_LAST 0x100      /* added to the priority of one that fails or does not answer */

/* Those of the best rank, summed up. */
struct contenders {
	unsigned rank;
	uint64_t weights, under_way;
	bool weighted;                        /* one of them has a weight */
	bool here;                            /* one of them has a link on this worker */
	struct service_shard *wanted, *named; /* by route_query::wanted, and by its cookie */
};

static unsigned weight_of(const struct service_shard *shard)
{
	return shard->origin.weight ? shard->origin.weight : ORIGIN_WEIGHT;
}

/* The best of its session's shards on other workers; NULL: none is usable. */
static const struct session_shard *elsewhere(const struct service_shard *shard,
	const struct worker *w)
{
	return session_base_pick(shard->service->session, (int)w->index);
}

static bool fails_there(const struct service_shard *shard, const struct session_shard *there,
	uint64_t now)
{
	return session_shard_silent(there) ||
	       service_shard_fails(&shard->service->shards[session_shard_worker(there)], now);
}

/* Here, unless it fails here and does not there. */
static void rank_enabled(struct service_shard *shard, const struct worker *w, uint64_t now)
{
	struct origin *o = &shard->origin;
	o->enabled_rank = RANK_NONE;
	const struct server_link *l = server_link_pick(shard->session_shard);
	bool fails_here = l && (service_shard_fails(shard, now) || server_link_silent(l));
	o->is_here = l;
	if (l && !fails_here) {
		o->enabled_rank = o->priority;
		return;
	}
	const struct session_shard *there = elsewhere(shard, w);
	if (there && !fails_there(shard, there, now)) {
		o->enabled_rank = o->priority;
		o->is_here = false;
	} else if (l || there) {
		o->enabled_rank = RANK_LAST + o->priority;
	}
}

static void rank(struct service_shard *shard, const struct worker *w, uint64_t now)
{
	struct origin *o = &shard->origin;
	rank_enabled(shard, w, now);
	o->rank = o->state == ORIGIN_ENABLED ? o->enabled_rank : RANK_NONE;
}

static void add(struct contenders *f, struct service_shard *shard, const struct route_query *query)
{
	const struct origin *o = &shard->origin;
	if (o->rank == RANK_NONE || o->rank > f->rank)
		return;
	if (o->rank < f->rank)
		*f = (struct contenders){.rank = o->rank};
	f->weights += weight_of(shard);
	f->under_way += shard->outstanding;
	f->weighted |= o->weight > 0;
	f->here |= o->is_here;
	/* Where it has gone meanwhile, another is chosen here. */
	if (o->is_here && query->wanted == shard->service)
		f->wanted = shard;
}

/* Whether it has far more to do here than its part. */
static bool overloaded(const struct contenders *f, const struct service_shard *shard)
{
	return shard->outstanding * f->weights >
	       2 * f->under_way * weight_of(shard) + OVERLOAD_SLACK * f->weights;
}

/* One that was away comes back at the others' place: it has no turns to make up for. */
static uint64_t pass_of(const struct service_shard *shard, const struct route *route)
{
	const struct origin *o = &shard->origin;
	return o->pass > route->pass ? o->pass : route->pass;
}

static bool is_before(const struct contenders *f, const struct service_shard *a,
	const struct service_shard *b, const struct route *route)
{
	uint64_t x = pass_of(a, route), y = pass_of(b, route);
	if (f->weighted && overloaded(f, a) != overloaded(f, b))
		return overloaded(f, b);
	if (f->weighted && x != y)
		return x < y;
	return a->outstanding < b->outstanding;
}

static struct service_shard *choose(const struct contenders *f, const struct route *route,
	bool here)
{
	struct service_shard *best = NULL;
	list_for_each (it, &route->entries) {
		struct service_shard *shard = service_shard_of(it);
		if (shard->origin.rank != f->rank || (here && !shard->origin.is_here))
			continue;
		if (!best || is_before(f, shard, best, route))
			best = shard;
	}
	return best;
}

static void take_turn(struct service_shard *shard, struct route *route)
{
	uint64_t pass = pass_of(shard, route);
	route->pass = pass;
	shard->origin.pass = pass + ORIGIN_STRIDE / weight_of(shard);
}

/*
 * That the visitor's cookie names, unless others go before it. One that is not enabled keeps the visitors that it has
 * while it is well. What does not choose is not moved for it. NULL: there is none.
 */
static struct service_shard *find_named(const struct contenders *f, const struct route *route,
	const struct route_query *query)
{
	struct service_shard *best = NULL;
	list_for_each (it, &route->entries) {
		struct service_shard *shard = service_shard_of(it);
		const struct origin *o = &shard->origin;
		bool drains = o->state == ORIGIN_DISABLED && o->enabled_rank < RANK_LAST;
		if (shard == query->exclude || strcmp(o->tag, query->cookie) != 0 ||
			!(drains || o->rank == f->rank) || (!o->is_here && !query->chooses))
			continue;
		if (!best || shard->outstanding < best->outstanding)
			best = shard;
	}
	return best;
}

static enum route_outcome found(const struct worker *w, struct service_shard *shard,
	struct route_found *found_out)
{
	found_out->service = shard->service;
	if (shard->origin.is_here) {
		found_out->shard = shard;
		return ROUTE_HERE;
	}
	found_out->worker = session_shard_worker(elsewhere(shard, w));
	return ROUTE_ELSEWHERE;
}

enum route_outcome origin_pick(const struct worker *w, struct route *route,
	const struct route_query *query, struct route_found *found_out)
{
	struct contenders f = {.rank = RANK_NONE};
	uint64_t now = loop_now(w->loop);
	list_for_each (it, &route->entries) {
		struct service_shard *shard = service_shard_of(it);
		rank(shard, w, now);
		if (shard == query->exclude)
			shard->origin.rank = RANK_NONE;
		add(&f, shard, query);
	}
	*found_out = (struct route_found){.route = route, .last = f.rank >= RANK_LAST};
	if (query->cookie)
		f.named = find_named(&f, route, query);
	if (f.named)
		return found(w, f.named, found_out);
	if (f.rank == RANK_NONE)
		return ROUTE_NONE;
	if (f.wanted)
		return found(w, f.wanted, found_out);
	/* To move for an even load alone is not worth it; a turn by weight is another's to be had. */
	bool stays = f.here && (!f.weighted || !query->chooses);
	struct service_shard *shard = choose(&f, route, stays);
	if (f.weighted)
		take_turn(shard, route);
	return found(w, shard, found_out);
}

enum origin_standing origin_standing(const struct worker *w, struct route *route,
	struct service_shard *shard)
{
	unsigned best = RANK_NONE;
	list_for_each (it, &route->entries) {
		struct service_shard *other = service_shard_of(it);
		rank(other, w, loop_now(w->loop));
		best = MIN(best, other->origin.rank);
	}
	if (shard->origin.state != ORIGIN_ENABLED)
		return ORIGIN_OFF;
	if (shard->origin.rank == RANK_NONE)
		return ORIGIN_AWAY;
	if (shard->origin.rank == best)
		return ORIGIN_USED;
	return shard->origin.rank >= RANK_LAST ? ORIGIN_FAILING : ORIGIN_RESERVE;
}

const char *origin_standing_name(enum origin_standing standing)
{
	static const char *const names[] = {
		[ORIGIN_USED] = "used",
		[ORIGIN_RESERVE] = "reserve",
		[ORIGIN_FAILING] = "failing",
		[ORIGIN_AWAY] = "away",
		[ORIGIN_OFF] = "disabled",
	};
	return names[standing];
}
