/* SPDX-License-Identifier: MIT */
/* Identities: the list, one of them, made, changed, revoked, deleted. */
#include <stdlib.h>
#include <string.h>

#include "policy/narrow.h"
#include "server/admin/api.h"
#include "server/admin/identity_change.h"
#include "api/page.h"

/* ---- Read ---- */

static void identities_rows(struct api_page *p)
{
	const struct catalog *c = admin_of(p->request)->catalog;
	const char *prefix = api_query(p->request, "name");
	size_t n = prefix ? strlen(prefix) : 0;
	const char *from = p->cursor;
	if (prefix && strcmp(from, prefix) < 0)
		from = prefix;
	size_t at = catalog_position(c, str_from(from));
	/* The cursor's own was on the page before; it may be gone since. */
	if (*p->cursor && at < c->n && strcmp(c->identities[at]->name, p->cursor) == 0)
		at++;
	for (; at < c->n; at++) {
		const struct identity *i = c->identities[at];
		if (n && strncmp(i->name, prefix, n) != 0)
			break;
		if (!api_page_room(p))
			return;
		json_t *item = identity_json(i);
		if (!item) {
			api_page_fail(p);
			return;
		}
		api_page_add(p, i->name, item);
	}
	api_page_end(p);
}

static void identities_list(struct api_request *rq)
{
	api_page_start(rq, identities_rows);
}

/* The name tells nothing of whether there are others. */
static bool identity_owns(const struct api_request *rq)
{
	return strcmp(rq->actor.identity->name, api_parameter(rq, 0)) == 0;
}

static void identity_show(struct api_request *rq)
{
	struct identity *i = identity_of_path(rq);
	if (i)
		identity_answer(rq, 200, i);
}

/* ---- Made ---- */

static bool create_check(struct change *c)
{
	struct identity_change *ic = identity_change_of(c);
	if (catalog_find(catalog_of(c), str_from(ic->value.name))) {
		api_refuse(request_of(c), API_TAKEN, "there is an identity \"%s\" already",
			ic->value.name);
		return false;
	}
	if (!derived_is_new(c))
		return false;
	struct store_row *row = change_add(c, &c->rows, STORE_IDENTITY);
	if (!row)
		return false;
	if (policy_identity_copy(&row->identity, &ic->value) < 0)
		return change_no_memory(c);
	uint64_t id = row->identity.id = catalog_of(c)->max_id + 1;
	c->gives = true;
	return change_derived(c, &ic->derivation, id, label_of_body(request_of(c))) &&
	       admin_change_note(c, "identity.create", ic->value.name,
		       json_pack("{s:o, s:o}", "is", identity_value_json(&ic->value), "keyId",
			       key_id_json(ic->key_id)));
}

static void create_answer(struct change *c)
{
	struct identity_change *ic = identity_change_of(c);
	const struct identity *i = catalog_find(catalog_of(c), str_from(ic->value.name));
	struct secret *token = ic->derivation.token;
	json_t *json = i ? identity_json(i) : NULL;
	if (json && ic->derivation.made)
		json_object_set_new(json, "token", json_stringn((char *)token->bytes, token->n));
	if (i)
		api_set_etag(request_of(c), i->value.rev);
	if (asprintf(&request_of(c)->location, "/api/v1/identities/%s", ic->value.name) < 0)
		request_of(c)->location = NULL;
	api_answer(request_of(c), 201, json);
}

static const struct change_ops create_ops =
	ADMIN_CHANGE_OPS(create_check, create_answer, identity_change_free);

/* The value that the body describes. False: it was refused. */
static bool create_value(struct api_request *rq, struct policy_identity *value)
{
	char name[POLICY_NAME_SIZE];
	struct error err;
	const json_t *given = json_object_get(rq->json, "name");
	int r = policy_name_check((struct str){json_string_value(given), json_string_length(given)},
		name, &err);
	if (r == 0 && policy_name_reserved(name)) {
		api_refuse(rq, API_INVALID, "the name \"%s\" has a meaning of its own", name);
		return false;
	}
	if (r == 0 && policy_identity_init(value, name) < 0) {
		api_refuse(rq, API_BUSY, "the server is out of memory");
		return false;
	}
	if (r == 0)
		r = identity_from_json(value, rq->json, &err);
	if (r == 0)
		r = policy_text_check(str_from(label_of_body(rq)), "label", &err);
	if (r < 0)
		api_refuse(rq, API_INVALID, "%s", err.text);
	return r == 0;
}

static void identity_create(struct api_request *rq)
{
	struct policy_identity value = {0};
	struct identity_change *ic = NULL;
	if (create_value(rq, &value))
		ic = identity_change_new(rq, &create_ops);
	if (!ic) {
		policy_identity_deinit(&value);
		return;
	}
	ic->value = value;
	identity_change_derive(ic);
}

/* ---- Changed ---- */

/* What the request makes of it; false: it was refused. */
static bool update_value(struct change *c, const struct identity *i, struct policy_identity *out)
{
	struct error err;
	if (!api_if_match(request_of(c), i->value.rev))
		return false;
	if (policy_identity_copy(out, &i->value) < 0)
		return change_no_memory(c);
	if (identity_from_json(out, request_of(c)->json, &err) < 0) {
		api_refuse(request_of(c), API_INVALID, "%s", err.text);
		return false;
	}
	out->id = identity_id(admin_change_of(c)->admin, i);
	out->updated_at = policy_now();
	return true;
}

static bool add_value(struct change *c, struct change_rows *rows, const struct identity *i,
	const struct policy_identity *value)
{
	struct store_row *row = change_add(c, rows, STORE_IDENTITY);
	if (!row)
		return false;
	row->rev = i->value.rev;
	return policy_identity_copy(&row->identity, value) == 0 ? true : change_no_memory(c);
}

bool update_rows(struct change *c, const struct identity *i, const struct policy_identity *is)
{
	struct policy_identity narrowed;
	if (policy_identity_narrow(&narrowed, &i->value, is) < 0)
		return change_no_memory(c);
	bool takes = !policy_identity_same_rights(&narrowed, &i->value);
	c->gives |= !policy_identity_same_rights(&narrowed, is);
	bool fine = add_value(c, &c->rows, i, is) &&
		    (!takes || add_value(c, &c->narrowed, i, &narrowed));
	policy_identity_deinit(&narrowed);
	return fine;
}

static bool update_check(struct change *c)
{
	const struct identity *i = identity_of_path(request_of(c));
	struct policy_identity is = {0};
	bool fine = i && update_value(c, i, &is);
	if (fine && policy_identity_same_rights(&i->value, &is) &&
		strcmp(i->value.description, is.description) == 0) {
		identity_answer(request_of(c), 200, i);
		fine = false;
	}
	fine = fine && update_rows(c, i, &is) &&
	       admin_change_note(c, "identity.update", i->name,
		       identity_difference(&i->value, &is));
	policy_identity_deinit(&is);
	return fine;
}

static void update_answer(struct change *c)
{
	struct identity *i = identity_of_path(request_of(c));
	if (i)
		identity_answer(request_of(c), 200, i);
}

static const struct change_ops update_ops =
	ADMIN_CHANGE_OPS(update_check, update_answer, identity_change_free);

static void identity_update(struct api_request *rq)
{
	struct identity_change *ic = identity_change_new(rq, &update_ops);
	if (ic)
		admin_change_submit(&ic->change);
}

/* ---- Revoked ---- */

/* The row is what it takes away, and what is to be. */
static bool revoke_rows(struct change *c, struct change_rows *rows, const struct identity *i)
{
	uint64_t now = policy_now();
	struct policy_identity *value = change_identity(c, rows, i);
	if (!value)
		return false;
	value->revoked = true;
	value->updated_at = now;
	for (const struct credential *k = i->credentials; k; k = k->next) {
		if (k->value.revoked_at != POLICY_NONE)
			continue;
		struct policy_credential *row =
			change_credential(c, rows, k, identity_id(admin_change_of(c)->admin, i));
		if (!row)
			return false;
		row->revoked_at = now;
	}
	return true;
}

static bool revoke_check(struct change *c)
{
	const struct identity *i = identity_of_path(request_of(c));
	if (!i || !api_if_match(request_of(c), i->value.rev))
		return false;
	if (i->value.revoked) {
		answer_ended(c);
		return false;
	}
	return revoke_rows(c, &c->narrowed, i) && revoke_rows(c, &c->rows, i) &&
	       admin_change_note(c, "identity.revoke", i->name, json_object());
}

static const struct change_ops revoke_ops =
	ADMIN_CHANGE_OPS(revoke_check, answer_ended, identity_change_free);

static void identity_revoke(struct api_request *rq)
{
	struct identity_change *ic = identity_change_new(rq, &revoke_ops);
	if (ic)
		admin_change_submit(&ic->change);
}

/* ---- Deleted ---- */

static bool delete_row(struct change *c, struct change_rows *rows, const struct identity *i)
{
	if (!change_identity(c, rows, i))
		return false;
	rows->v[rows->n - 1].gone = true;
	return true;
}

/* The store and the catalog take them along. */
static void count_what_goes(struct identity_change *ic, const struct identity *i)
{
	ic->services = i->n_private_services;
	ic->endpoints = i->n_endpoints;
	list_for_each (it, &i->private_services) {
		const struct private_service *s = list_entry(it, struct private_service, of_owner);
		list_for_each (each, &s->endpoints)
			ic->endpoints +=
				list_entry(each, struct endpoint, of_service)->consumer != i;
	}
}

static bool delete_check(struct change *c)
{
	const struct identity *i = identity_of_path(request_of(c));
	if (!i || !api_if_match(request_of(c), i->value.rev))
		return false;
	if (i == catalog_of(c)->everybody) {
		api_refuse(request_of(c), API_DENIED,
			"\"%s\" is the identity of the token that the server was started with, and "
			"cannot be deleted; it can be revoked",
			i->name);
		return false;
	}
	struct identity_change *ic = identity_change_of(c);
	count_what_goes(ic, i);
	return delete_row(c, &c->narrowed, i) && delete_row(c, &c->rows, i) &&
	       admin_change_note(c, "identity.delete", i->name,
		       json_pack("{s:o, s:i, s:i}", "was", identity_value_json(&i->value),
			       "privateServicesDeleted", (int)ic->services, "endpointsDeleted",
			       (int)ic->endpoints));
}

static void answer_deleted(struct change *c)
{
	const struct identity_change *ic = identity_change_of(c);
	api_answer(request_of(c), 200,
		json_pack("{s:i, s:i, s:i, s:i}", "sessionsEnded", (int)c->sessions, "streamsCut",
			streams_cut(c), "privateServicesDeleted", (int)ic->services,
			"endpointsDeleted", (int)ic->endpoints));
}

static const struct change_ops delete_ops =
	ADMIN_CHANGE_OPS(delete_check, answer_deleted, identity_change_free);

static void identity_delete(struct api_request *rq)
{
	struct identity_change *ic = identity_change_new(rq, &delete_ops);
	if (ic)
		admin_change_submit(&ic->change);
}

/* ---- The table ---- */

static const char *const list_query[] = {API_PAGE_QUERY, "name", NULL};

static const struct api_member create_members[] = {
	{"name", API_TEXT, .max = POLICY_NAME_MAX, .required = true},
	{"token", API_TEXT, .max = IDENTITY_TOKEN_MAX},
	{"label", API_TEXT, .max = POLICY_TEXT_MAX},
	IDENTITY_MEMBERS,
	{0},
};

static const struct api_member update_members[] = {
	IDENTITY_MEMBERS,
	{0},
};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/identities", API_OPERATOR, .query = list_query, .run = identities_list},
	{API_POST, "/api/v1/identities", API_OPERATOR, .members = create_members,
		.run = identity_create},
	{API_GET, "/api/v1/identities/{name}", API_OWNER, .owns = identity_owns,
		.run = identity_show},
	{API_PATCH, "/api/v1/identities/{name}", API_OPERATOR, .members = update_members,
		.run = identity_update},
	{API_DELETE, "/api/v1/identities/{name}", API_OPERATOR, .run = identity_delete},
	{API_POST, "/api/v1/identities/{name}/revoke", API_OPERATOR, .run = identity_revoke},
};
const struct api_operations admin_identities = {rows, ARRAY_LEN(rows)};
