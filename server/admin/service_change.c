/* SPDX-License-Identifier: MIT */
#include "server/admin/service_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/admin/private_json.h"
#include "server/admin/private_scope.h"
#include "server/control/change_rows.h"
#include "server/route/service.h"

/* One of these for each request. */
struct service_change {
	struct admin_change change;
	char name[POLICY_NAME_SIZE]; /* of the one that it is about, once that is known */
	unsigned disconnected;       /* endpoints */
	unsigned sessions;           /* that published it */
};

static struct service_change *of(struct change *c)
{
	return container_of(c, struct service_change, change.change);
}

static void service_change_free(struct change *c)
{
	free(of(c));
}

static void submit(struct api_request *rq, const struct change_ops *ops, const char *name)
{
	struct service_change *sc = calloc(1, sizeof(*sc));
	if (!sc) {
		api_refuse(rq, API_BUSY, "the server is out of memory");
		return;
	}
	if (!admin_change_begin(&sc->change, rq, ops))
		return;
	snprintf(sc->name, sizeof(sc->name), "%s", name);
	sc->change.change.volatile_will_do = true;
	admin_change_submit(&sc->change);
}

static void answer_service(struct change *c, unsigned status)
{
	struct api_request *rq = request_of(c);
	const struct private_service *s =
		catalog_find_service(catalog_of(c), str_from(of(c)->name));
	if (s)
		api_set_etag(rq, s->value.rev);
	api_answer(rq, status, s ? service_json(admin_of(rq), s, true) : NULL);
}

static bool refuse_value(struct change *c, int r, const struct error *err)
{
	if (r == -ENOMEM)
		return change_no_memory(c);
	api_refuse(request_of(c), API_INVALID, "%s", err->text);
	return false;
}

static json_t *difference(const struct policy_private_service *was,
	const struct policy_private_service *is)
{
	json_t *detail = json_pack("{s:o}", "is", service_value_json(is));
	if (detail && was && json_object_set_new(detail, "was", service_value_json(was))) {
		json_decref(detail);
		return NULL;
	}
	return detail;
}

/* ---- Made ---- */

/* Whose it is to be. NULL: the request was refused. */
static struct identity *owner_of_body(struct api_request *rq)
{
	const char *given = json_string_value(json_object_get(rq->json, "owner"));
	char name[POLICY_NAME_SIZE], room[API_QUOTE_SIZE];
	struct error err;
	struct identity *owner =
		rq->actor.identity ? rq->actor.identity : admin_of(rq)->catalog->everybody;
	if (given)
		owner = policy_name_check(str_from(given), name, &err) < 0
				? NULL
				: catalog_find(admin_of(rq)->catalog, str_from(name));
	/* Of others he is not told whether they exist. */
	if (!rq->actor.may_all && owner != rq->actor.identity)
		api_refuse(rq, API_DENIED,
			"%s makes private services of its own; for others it takes an identity "
			"with --operator",
			rq->actor.name);
	else if (!owner)
		api_refuse(rq, API_NOT_FOUND, "there is no identity \"%s\"",
			api_quote(given, room));
	else if (owner->open)
		api_refuse(rq, API_UNSUPPORTED,
			"private services need tokens, and this exit node runs without one "
			"(--no-token)");
	else
		return owner;
	return NULL;
}

/* Whether the owner may have one of this name, or one more. False: the request was refused. */
static bool may_have(struct change *c, const struct identity *owner,
	const struct private_service *there)
{
	struct api_request *rq = request_of(c);
	const char *name = of(c)->name;
	if (!policy_may_publish(&owner->value.grants, str_from(name)))
		api_refuse(rq, API_DENIED,
			"%s may not publish %s: an operator allows it with \"tunnel token update "
			"%s --publish=…\"",
			owner->name, name, owner->name);
	else if (there && (!there->value.deleted || there->owner != owner))
		api_refuse(rq, API_TAKEN, "the name %s is taken", name);
	else if (!there && !catalog_may_add_service(owner))
		api_refuse(rq, API_LIMIT, "%s has %u private services, and may have no more",
			owner->name, owner->n_private_services);
	else
		return true;
	return false;
}

/* The value: a new one, or the one that was deleted, once more. */
static int make_value(struct change *c, const struct private_service *there, uint64_t owner,
	struct policy_private_service *out, struct error *err)
{
	const json_t *body = request_of(c)->json;
	enum policy_service_kind kind = there ? there->value.kind : POLICY_TCP;
	const char *display = json_string_value(json_object_get(body, "name"));
	int r = service_kind_from_json(json_object_get(body, "kind"), &kind, err);
	if (r < 0)
		return r;
	r = policy_private_service_init(out, display, owner, kind);
	if (r == 0 && there) {
		/* The same row, and its endpoints of before: but for the name nothing of it stays. */
		out->id = there->value.id;
		out->rev = there->value.rev;
	} else {
		out->id = catalog_of(c)->private.max_service_id + 1;
	}
	return r == 0 ? service_from_json(out, body, err) : r;
}

static bool create_check(struct change *c)
{
	struct policy_private_service value = {0};
	struct error err = {""};
	const struct identity *owner = owner_of_body(request_of(c));
	const struct private_service *there =
		catalog_find_service(catalog_of(c), str_from(of(c)->name));
	if (!owner || !may_have(c, owner, there))
		return false;
	uint64_t id = change_identity_id(c, owner);
	if (!id)
		return false;
	int r = make_value(c, there, id, &value, &err);
	bool fine = r == 0 ? change_service(c, there ? &there->value : NULL, &value) &&
				     admin_change_note(c, "service.create", of(c)->name,
					     json_pack("{s:s, s:o}", "owner", owner->name, "is",
						     service_value_json(&value)))
			   : refuse_value(c, r, &err);
	policy_private_service_deinit(&value);
	return fine;
}

static void create_answer(struct change *c)
{
	if (asprintf(&request_of(c)->location, "/api/v1/services/%s", of(c)->name) < 0)
		request_of(c)->location = NULL;
	answer_service(c, 201);
}

static const struct change_ops create_ops =
	ADMIN_CHANGE_OPS(create_check, create_answer, service_change_free);

void service_create(struct api_request *rq)
{
	char name[POLICY_NAME_SIZE];
	struct error err;
	const json_t *given = json_object_get(rq->json, "name");
	if (policy_name_check((struct str){json_string_value(given), json_string_length(given)},
		    name, &err) < 0) {
		api_refuse(rq, API_INVALID, "%s", err.text);
		return;
	}
	submit(rq, &create_ops, name);
}

/* ---- Changed ---- */

/* A client that is connected states who may use it, and what it states counts. */
static bool is_stated(const struct private_service *s)
{
	list_for_each (it, &s->services)
		if (list_entry(it, struct service, of_private)->states_lists)
			return true;
	return false;
}

/* Whether a client's own words would be put aside. False: the request was refused. */
static bool is_free(struct change *c, const struct private_service *s,
	const struct policy_private_service *is)
{
	const json_t *body = request_of(c)->json;
	bool lists = json_object_get(body, "visibility") || json_object_get(body, "autoApproval");
	if (!lists || is->managed || !is_stated(s))
		return true;
	api_refuse(request_of(c), API_TAKEN,
		"the client that publishes %s states who may use it: change its --visibility and "
		"--auto-approve, or give --managed, so that what it states does not count",
		s->name);
	return false;
}

static bool update_rows(struct change *c, const struct private_service *s,
	struct policy_private_service *is)
{
	struct error err = {""};
	int r = policy_private_service_copy(is, &s->value);
	if (r == 0)
		r = service_from_json(is, request_of(c)->json, &err);
	if (r < 0)
		return refuse_value(c, r, &err);
	if (!is_free(c, s, is))
		return false;
	if (service_is_same(is, &s->value)) {
		answer_service(c, 200);
		return false;
	}
	is->updated_at = policy_now();
	return change_service(c, &s->value, is) &&
	       admin_change_note(c, "service.update", s->name, difference(&s->value, is));
}

static struct private_service *service_of_path(struct change *c)
{
	struct private_service *s =
		private_scope_own_service(request_of(c), api_parameter(request_of(c), 0));
	if (!s || !api_if_match(request_of(c), s->value.rev))
		return NULL;
	snprintf(of(c)->name, sizeof(of(c)->name), "%s", s->name);
	return s;
}

static bool update_check(struct change *c)
{
	struct policy_private_service is = {0};
	const struct private_service *s = service_of_path(c);
	bool fine = s && update_rows(c, s, &is);
	policy_private_service_deinit(&is);
	return fine;
}

static void update_answer(struct change *c)
{
	answer_service(c, 200);
}

static const struct change_ops update_ops =
	ADMIN_CHANGE_OPS(update_check, update_answer, service_change_free);

void service_update(struct api_request *rq)
{
	submit(rq, &update_ops, "");
}

/* ---- Deleted ---- */

static bool disconnect(struct change *c, struct change_rows *rows, const struct endpoint *e)
{
	struct policy_endpoint_outcome outcome;
	struct error err;
	struct store_row *row = change_add(c, rows, STORE_ENDPOINT);
	if (!row)
		return false;
	row->rev = e->value.rev;
	if (policy_endpoint_copy(&row->endpoint, &e->value) < 0 ||
		policy_endpoint_apply(&row->endpoint, POLICY_DELETE_SERVICE, STR(""),
			admin_change_of(c)->actor.name, &outcome, &err) < 0)
		return change_no_memory(c);
	return true;
}

/* It stays, without being found, until its endpoints are gone: their consumers are told what became of them. */
static bool delete_rows(struct change *c, struct change_rows *rows, const struct private_service *s)
{
	struct store_row *row = change_add(c, rows, STORE_SERVICE);
	if (!row)
		return false;
	row->rev = s->value.rev;
	if (policy_private_service_copy(&row->service, &s->value) < 0)
		return change_no_memory(c);
	row->gone = !s->n_endpoints;
	row->service.deleted = true;
	row->service.updated_at = policy_now();
	of(c)->disconnected = 0;
	list_for_each (it, &s->endpoints) {
		const struct endpoint *e = list_entry(it, struct endpoint, of_service);
		if (e->value.state == POLICY_DISCONNECTED)
			continue;
		if (!disconnect(c, rows, e))
			return false;
		of(c)->disconnected++;
	}
	return true;
}

static bool delete_check(struct change *c)
{
	const struct private_service *s = service_of_path(c);
	of(c)->sessions = s ? s->n_services : 0;
	return s && delete_rows(c, &c->narrowed, s) && delete_rows(c, &c->rows, s) &&
	       admin_change_note(c, "service.delete", s->name,
		       json_pack("{s:o, s:i}", "was", service_value_json(&s->value),
			       "endpointsDisconnected", (int)of(c)->disconnected));
}

static void delete_answer(struct change *c)
{
	api_answer(request_of(c), 200,
		json_pack("{s:i, s:i, s:i}", "sessions", (int)of(c)->sessions,
			"endpointsDisconnected", (int)of(c)->disconnected, "streamsCut",
			(int)c->cut));
}

static const struct change_ops delete_ops =
	ADMIN_CHANGE_OPS(delete_check, delete_answer, service_change_free);

void service_delete(struct api_request *rq)
{
	submit(rq, &delete_ops, "");
}
