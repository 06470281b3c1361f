/* SPDX-License-Identifier: MIT */
/* Whether intentions let an identity use a private service, and what else a connection needs. */
#include <stdio.h>

#include "server/admin/api.h"
#include "server/admin/intention_json.h"
#include "server/admin/intention_scope.h"
#include "server/admin/private_scope.h"
#include "server/base/options.h"
#include "server/base/worker.h"
#include "server/control/registrar.h"

/* ---- What else it needs ---- */

static json_t *identity_state_json(const struct identity *i)
{
	if (!i)
		return json_null();
	return json_pack("{s:s, s:s, s:i}", "name", i->name, "state",
		policy_state_name(policy_identity_state(&i->value, policy_now())), "sessions",
		(int)i->n_sessions);
}

/* Of whoever has no bound there is "*". */
static json_t *consume_json(const struct identity *i)
{
	char text[POLICY_GRANT_SIZE];
	if (!i)
		return json_null();
	size_t n = policy_grants_count(&i->value.grants, POLICY_CONSUME);
	json_t *list = json_array();
	for (size_t k = 0; k < n; k++)
		json_array_append_new(list,
			json_string(policy_grants_text(&i->value.grants, POLICY_CONSUME, k, text)));
	if (!n)
		json_array_append_new(list, json_string(POLICY_ANY));
	return list;
}

/* Of the private services the one that is meant, if whoever asks may know that it is there. */
static const struct private_service *destination_of(const struct api_request *rq,
	const struct identity *consumer, const char *destination)
{
	const struct private_service *s =
		catalog_find_service(admin_of(rq)->catalog, str_from(destination));
	if (!s || private_scope_owns(&rq->actor, s))
		return s;
	list_for_each (it, &consumer->endpoints)
		if (list_entry(it, struct endpoint, of_consumer)->service == s)
			return s;
	return private_scope_sees(&rq->actor, s, false) ? s : NULL;
}

static json_t *endpoints_json(const struct private_service *s, const struct identity *consumer)
{
	json_t *list = json_array();
	for (struct list *it = s && consumer ? consumer->endpoints.next : NULL;
		it && it != &consumer->endpoints; it = it->next) {
		const struct endpoint *e = list_entry(it, struct endpoint, of_consumer);
		char id[POLICY_ENDPOINT_ID_SIZE];
		if (e->service != s)
			continue;
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s}", "name",
				policy_endpoint_id_format(consumer->name, e->value.uid, id),
				"status", policy_endpoint_state_name(e->value.state), "how",
				policy_endpoint_how_name(e->value.how)));
	}
	return list;
}

/* Why there is none, for people. */
static const char *no_endpoint(const struct private_service *s, const struct identity *consumer)
{
	if (!s || s->value.deleted)
		return "there is no such private service";
	if (!consumer)
		return "there is no such identity";
	if (!policy_visible(&s->value, consumer->name, s->owner == consumer, true))
		return "its visibility does not name the identity";
	return "the identity has not asked for it";
}

static json_t *explanation_json(const struct api_request *rq, const char *source,
	const char *destination)
{
	const struct identity *consumer = catalog_find(admin_of(rq)->catalog, str_from(source));
	bool may = consumer && policy_may_consume(&consumer->value.grants, str_from(destination));
	const struct private_service *s = destination_of(rq, consumer, destination);
	json_t *endpoints = endpoints_json(s, consumer);
	bool none = json_array_size(endpoints) == 0;
	return json_pack("{s:o, s:o, s:b, s:o, s:s, s:o, s:i}", "consumer",
		identity_state_json(consumer), "consume", consume_json(consumer), "mayConsume", may,
		"endpoints", endpoints, "noEndpoint", none ? no_endpoint(s, consumer) : "", "owner",
		identity_state_json(s ? s->owner : NULL), "sessions", s ? (int)s->n_services : 0);
}

/* ---- The answer ---- */

static json_t *answer_json(const struct api_request *rq, const char *source,
	const char *destination, bool explain)
{
	const struct admin *a = admin_of(rq);
	enum policy_action otherwise = server_default_intention(a->registrar->worker->opts);
	const struct policy_intention *i =
		catalog_decide(&a->catalog->intentions, source, destination);
	json_t *json = json_pack("{s:s, s:s, s:b, s:o, s:s}", "source", source, "destination",
		destination, "allowed", (i ? i->action : otherwise) == POLICY_ALLOW, "intention",
		i ? intention_json(i) : json_null(), "default", policy_action_name(otherwise));
	if (json && explain &&
		json_object_set_new(json, "explanation",
			explanation_json(rq, source, destination))) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* Both names of the query. False: the request was refused. */
static bool read_names(struct api_request *rq, char source[POLICY_NAME_SIZE],
	char destination[POLICY_NAME_SIZE])
{
	const char *from = api_query(rq, "source"), *to = api_query(rq, "destination");
	if (!from || !to) {
		api_refuse(rq, API_INVALID, "\"source\" and \"destination\" belong to the query");
		return false;
	}
	return intention_scope_name(rq, "source", from, source) &&
	       intention_scope_name(rq, "destination", to, destination);
}

static void intention_check(struct api_request *rq)
{
	char source[POLICY_NAME_SIZE], destination[POLICY_NAME_SIZE];
	bool explain = false;
	if (!read_names(rq, source, destination) || !api_query_flag(rq, "explain", &explain))
		return;
	const struct policy_intention pair = {.source = source, .destination = destination};
	if (!intention_scope_sees(admin_of(rq)->catalog, &rq->actor, &pair))
		api_refuse(rq, API_DENIED,
			"%s may ask about itself, and about private services of its own; about "
			"others "
			"it takes an identity with --operator",
			rq->actor.name);
	else
		api_answer(rq, 200, answer_json(rq, source, destination, explain));
}

static const char *const query[] = {"source", "destination", "explain", NULL};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/intentions/check", API_ANYBODY, .query = query, .run = intention_check},
};
const struct api_operations admin_intention_check = {rows, ARRAY_LEN(rows)};
