/* SPDX-License-Identifier: MIT */
#include "server/admin/endpoint_new.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/admin/admin_change.h"
#include "server/admin/private_json.h"
#include "server/control/attach_pace.h"
#include "server/control/endpoint_request.h"
#include "server/store/catalog.h"

/* One of these for each request. */
struct endpoint_new {
	struct admin_change change;
	struct identity *consumer; /* outlives it */
	bool made;
};

static struct endpoint_new *of(struct change *c)
{
	return container_of(c, struct endpoint_new, change.change);
}

static void endpoint_new_free(struct change *c)
{
	free(of(c));
}

/* Its texts are the body's. */
static struct endpoint_request asked_for(struct change *c)
{
	const json_t *body = request_of(c)->json;
	return (struct endpoint_request){.consumer = of(c)->consumer,
		.service = json_string_value(json_object_get(body, "service")),
		.name = json_string_value(json_object_get(body, "name")),
		.message = json_string_value(json_object_get(body, "message")),
		.by_operator = request_of(c)->actor.may_all};
}

static void answer(struct change *c)
{
	struct api_request *rq = request_of(c);
	const struct endpoint_request asked = asked_for(c);
	const struct endpoint *e = endpoint_request_find(catalog_of(c), &asked);
	char id[POLICY_ENDPOINT_ID_SIZE];
	if (e)
		api_set_etag(rq, e->value.rev);
	if (e && of(c)->made &&
		asprintf(&rq->location, "/api/v1/endpoints/%s",
			policy_endpoint_id_format(e->consumer->name, e->value.uid, id)) < 0)
		rq->location = NULL;
	api_answer(rq, of(c)->made ? 201 : 200, e ? endpoint_json(admin_of(rq), e) : NULL);
}

static void refuse(struct change *c, const struct endpoint_verdict *verdict)
{
	static const struct {
		enum control_reason of;
		enum api_reason is;
	} reasons[] = {
		{CONTROL_REASON_DENIED, API_DENIED},
		{CONTROL_REASON_INVALID, API_INVALID},
		{CONTROL_REASON_LIMIT, API_LIMIT},
		{CONTROL_REASON_UNSUPPORTED, API_UNSUPPORTED},
	};
	enum api_reason reason = API_NOT_FOUND;
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].of == verdict->reason)
			reason = reasons[i].is;
	api_refuse(request_of(c), reason, "%s", verdict->err.text);
}

/* Who guesses aliases is answered at the pace of a client's `attach`, before it is looked what there is. */
static bool is_due(struct change *c)
{
	const struct admin *a = admin_change_of(c)->admin;
	if (request_of(c)->actor.may_all ||
		attach_pace_due(of(c)->consumer) <= loop_now(a->api.loop))
		return true;
	api_refuse(request_of(c), API_LIMIT,
		"%s has asked for too many private services in a row that it cannot have: it may "
		"ask again in a second",
		of(c)->consumer->name);
	return false;
}

static bool check(struct change *c)
{
	const struct endpoint_request asked = asked_for(c);
	struct endpoint_verdict verdict;
	if (!is_due(c))
		return false;
	endpoint_request_check(catalog_of(c), &asked, &verdict);
	if (verdict.answer == ENDPOINT_REFUSED) {
		if (verdict.reason == CONTROL_REASON_UNKNOWN)
			attach_pace_missed(of(c)->consumer,
				loop_now(admin_change_of(c)->admin->api.loop));
		refuse(c, &verdict);
		return false;
	}
	if (verdict.answer == ENDPOINT_THERE) {
		answer(c);
		return false;
	}
	attach_pace_found(of(c)->consumer);
	of(c)->made = !verdict.endpoint;
	return endpoint_request_add(c, &asked, &verdict);
}

static const struct change_ops ops = ADMIN_CHANGE_OPS(check, answer, endpoint_new_free);

/* Who is to use it. NULL: the request was refused. */
static struct identity *consumer_of_body(struct api_request *rq)
{
	const char *given = json_string_value(json_object_get(rq->json, "consumer"));
	char name[POLICY_NAME_SIZE], room[API_QUOTE_SIZE];
	struct error err;
	struct identity *consumer =
		rq->actor.identity ? rq->actor.identity : admin_of(rq)->catalog->everybody;
	if (given)
		consumer = policy_name_check(str_from(given), name, &err) < 0
				   ? NULL
				   : catalog_find(admin_of(rq)->catalog, str_from(name));
	if (!rq->actor.may_all && consumer != rq->actor.identity)
		api_refuse(rq, API_DENIED,
			"%s asks for itself; for others it takes an identity with --operator",
			rq->actor.name);
	else if (!consumer)
		api_refuse(rq, API_NOT_FOUND, "there is no identity \"%s\"",
			api_quote(given, room));
	else
		return consumer;
	return NULL;
}

void endpoint_create(struct api_request *rq)
{
	struct identity *consumer = consumer_of_body(rq);
	struct endpoint_new *en = consumer ? calloc(1, sizeof(*en)) : NULL;
	if (!consumer)
		return;
	if (!en) {
		api_refuse(rq, API_BUSY, "the server is out of memory");
		return;
	}
	en->consumer = consumer;
	if (admin_change_begin(&en->change, rq, &ops))
		admin_change_submit(&en->change);
}
