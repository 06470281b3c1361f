/* SPDX-License-Identifier: MIT */
#include "server/route/origin.h"

#include <stdio.h>
#include <string.h>

#include "crypto/digest.h"
#include "rules/front.h"
#include "server/base/worker.h"
#include "server/route/service.h"

static const struct origin_group *find_group(const struct service *service, const struct worker *w)
{
	return w->front && !service->has_port && !service->is_private
		       ? front_group(w->front, str_from(service->place))
		       : NULL;
}

static uint32_t first_of(uint32_t operators, uint32_t clients, uint32_t otherwise)
{
	return operators ? operators : clients ? clients : otherwise;
}

/* A route whose origins are all alike is served without looking at any of this. */
static void grade(struct service_shard *shard, bool graded)
{
	struct origin *o = &shard->origin;
	shard->entry.route->graded += graded;
	shard->entry.route->graded -= o->graded;
	o->graded = graded;
}

/* BLAKE2b under the exit node's key, of the place and the name. */
static void set_tag(struct origin *o, const struct service *service, const uint8_t *key)
{
	uint8_t mac[MAC_SIZE];
	char text[SERVICE_PLACE_SIZE + SERVICE_ORIGIN_SIZE + 1];
	int n = snprintf(text, sizeof(text), "%s %s", service->place, service->origin);
	mac_make(key, text, (size_t)n, mac);
	base64url_encode(mac, ORIGIN_TAG_BYTES, o->tag, sizeof(o->tag));
}

void origin_set(struct service_shard *shard, const struct worker *w)
{
	static const struct origin_setting none;
	const struct service *service = shard->service;
	const struct origin_group *g = find_group(service, w);
	const struct origin_setting *said =
		g ? origin_group_find(g, str_from(service->origin)) : NULL;
	struct origin *o = &shard->origin;
	if (!g || !g->affinity || !w->node->affinity_key)
		o->tag[0] = '\0';
	else if (!o->tag[0])
		set_tag(o, service, w->node->affinity_key);
	if (!said)
		said = &none;
	o->priority = (uint8_t)first_of(said->priority, service->priority, ORIGIN_PRIORITY);
	o->weight = (uint16_t)first_of(said->weight, service->weight, 0);
	o->state = service->enabled ? ORIGIN_ENABLED : ORIGIN_DISABLED;
	grade(shard, o->priority != ORIGIN_PRIORITY || o->weight || o->state != ORIGIN_ENABLED);
}

static void set_all(const struct routes *r, const struct worker *w)
{
	list_for_each (it, &r->all) {
		struct route *route = list_entry(it, struct route, all);
		list_for_each (entry, &route->entries)
			origin_set(service_shard_of(entry), w);
	}
}

void origins_set(const struct worker *w)
{
	set_all(&w->routing->names, w);
	set_all(&w->routing->groups, w);
}

void origin_enter(struct service_shard *shard, const struct worker *w)
{
	/* A newcomer has no turns to make up for. */
	shard->origin.pass = shard->entry.route->pass;
	origin_set(shard, w);
}

void origin_leave(struct service_shard *shard)
{
	if (shard->entry.route)
		grade(shard, false);
}
