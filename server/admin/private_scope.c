/* SPDX-License-Identifier: MIT */
#include "server/admin/private_scope.h"

#include <string.h>

bool private_scope_owns(const struct api_actor *actor, const struct private_service *s)
{
	return actor->may_all || s->owner == actor->identity;
}

bool private_scope_sees(const struct api_actor *actor, const struct private_service *s,
	bool by_alias)
{
	return private_scope_owns(actor, s) ||
	       policy_visible(&s->value, actor->identity->name, false, by_alias);
}

bool private_scope_sees_endpoint(const struct api_actor *actor, const struct endpoint *e)
{
	return private_scope_owns(actor, e->service) || e->consumer == actor->identity;
}

/* ---- Private services ---- */

static struct private_service *refuse_service(struct api_request *rq, const char *text)
{
	char room[API_QUOTE_SIZE];
	api_refuse(rq, API_NOT_FOUND, "there is no private service \"%s\"", api_quote(text, room));
	return NULL;
}

struct private_service *private_scope_service(struct api_request *rq, const char *text)
{
	struct policy_alias alias;
	struct private_service *s = NULL;
	struct error err;
	if (policy_alias_parse(str_from(text), &alias, &err) == 0)
		s = catalog_find_alias(admin_of(rq)->catalog, &alias);
	if (!s || !private_scope_sees(&rq->actor, s, *alias.tag))
		return refuse_service(rq, text);
	return s;
}

struct private_service *private_scope_own_service(struct api_request *rq, const char *text)
{
	struct private_service *s = private_scope_service(rq, text);
	if (!s || private_scope_owns(&rq->actor, s))
		return s;
	api_refuse(rq, API_DENIED, "%s is a private service of %s, who decides about it", s->name,
		s->owner->name);
	return NULL;
}

/* ---- Endpoints ---- */

static bool means(const struct policy_endpoint_id *id, const struct endpoint *e)
{
	return policy_endpoint_id_covers(id, e->value.uid) &&
	       (!*id->service || strcmp(id->service, e->service->name) == 0);
}

/* The private service that the query names, if it names one. */
static bool is_there(const struct api_request *rq, const struct endpoint *e)
{
	const char *service = api_query(rq, "service");
	return !service || strcasecmp(service, e->service->name) == 0;
}

/* Of a consumer's endpoints; others' are not looked at, so that they are no reason to say more. */
static struct endpoint *find(const struct api_request *rq, const struct policy_endpoint_id *id,
	bool *several_out)
{
	const struct identity *consumer =
		catalog_find(admin_of(rq)->catalog, str_from(id->consumer));
	struct endpoint *found = NULL;
	*several_out = false;
	if (!consumer)
		return NULL;
	list_for_each (it, &consumer->endpoints) {
		struct endpoint *e = list_entry(it, struct endpoint, of_consumer);
		if (!means(id, e) || !is_there(rq, e) ||
			!private_scope_sees_endpoint(&rq->actor, e))
			continue;
		*several_out |= found != NULL;
		found = e;
	}
	return found;
}

struct endpoint *private_scope_endpoint(struct api_request *rq, const char *text)
{
	struct policy_endpoint_id id;
	struct endpoint *e = NULL;
	struct error err;
	char room[API_QUOTE_SIZE];
	bool several = false;
	if (policy_endpoint_id_parse(str_from(text), &id, &err) == 0)
		e = find(rq, &id, &several);
	if (several)
		api_refuse(rq, API_INVALID,
			"there are several endpoints whose ids begin with \"%s\": more of it is "
			"needed",
			api_quote(text, room));
	else if (!e)
		api_refuse(rq, API_NOT_FOUND, "there is no endpoint \"%s\"", api_quote(text, room));
	return several ? NULL : e;
}

struct endpoint *private_scope_decided(struct api_request *rq, const char *text)
{
	struct endpoint *e = private_scope_endpoint(rq, text);
	if (!e || private_scope_owns(&rq->actor, e->service))
		return e;
	api_refuse(rq, API_DENIED, "%s is a private service of %s, who decides about it",
		e->service->name, e->service->owner->name);
	return NULL;
}
