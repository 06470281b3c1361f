/* SPDX-License-Identifier: MIT */
/*
 * Identities, private services, decisions about endpoints, and intentions, many at once, as a file says: those that
 * are not there are made, those that are become what it says, in one change. What a file does not say of one it has
 * not, so a file means the same whatever was there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/narrow.h"
#include "server/admin/apply_endpoints.h"
#include "server/admin/apply_intentions.h"
#include "server/admin/apply_services.h"
#include "server/admin/api.h"
#include "server/admin/identity_change.h"

/* Of one request: its new tokens take 10 s of two cores. */
#define APPLY_MAX 1000

struct apply_item {
	struct apply *apply;
	struct policy_identity value;
	struct derivation derivation; /* of one that was not there */
	bool deriving;                /* it has a token, or will */
};

struct apply {
	struct admin_change change;
	struct apply_item *items[APPLY_MAX];
	size_t n;
	size_t under_way;     /* derivations; and one while they are begun */
	struct apply_ids ids; /* of rows that the judging adds */
	struct apply_services services;
	struct apply_endpoints endpoints;
	struct apply_intentions intentions;
	char subject[64]; /* of the audit */
	json_t *changes;
	bool failed; /* a derivation */
};

static struct apply *apply_of(struct change *c)
{
	return container_of(c, struct apply, change.change);
}

static void apply_free(struct change *c)
{
	struct apply *a = apply_of(c);
	for (size_t i = 0; i < a->n; i++) {
		policy_identity_deinit(&a->items[i]->value);
		derivation_deinit(&a->items[i]->derivation);
		free(a->items[i]);
	}
	apply_services_deinit(&a->services);
	apply_endpoints_deinit(&a->endpoints);
	apply_intentions_deinit(&a->intentions);
	json_decref(a->changes);
	free(a);
}

/* ---- What changes ---- */

static bool apply_create(struct change *c, struct apply_item *item)
{
	struct apply *a = apply_of(c);
	const struct credential *same = NULL;
	struct store_row *row = change_add(c, &c->rows, STORE_IDENTITY);
	if (!row)
		return false;
	item->value.id = a->ids.identity++;
	if (policy_identity_copy(&row->identity, &item->value) < 0)
		return change_no_memory(c);
	c->gives = true;
	/* A dry run derives nothing, and stores nothing. */
	if (item->deriving) {
		same = catalog_find_key(catalog_of(c), item->derivation.key->id);
		if (!change_derived(c, &item->derivation, item->value.id, ""))
			return false;
	}
	if (same && !same->deleted) {
		api_refuse(request_of(c), API_TAKEN, "a new token is one of %s already",
			same->identity->name);
		return false;
	}
	return apply_say(c, a->changes, "create", item->value.name,
		json_pack("{s:o}", "is", identity_value_json(&item->value)));
}

static bool apply_update(struct change *c, struct apply_item *item, const struct identity *i)
{
	struct policy_identity *is = &item->value;
	if (i->value.revoked) {
		identity_refuse_revoked(request_of(c), i);
		return false;
	}
	if (policy_identity_same_rights(&i->value, is) &&
		strcmp(i->value.description, is->description) == 0)
		return apply_say(c, apply_of(c)->changes, "none", i->name, json_object());
	is->id = i->value.id ? i->value.id : apply_of(c)->ids.identity++;
	is->created_at = i->value.created_at;
	return update_rows(c, i, is) && apply_say(c, apply_of(c)->changes, "update", i->name,
						identity_difference(&i->value, is));
}

static bool apply_look(struct change *c, bool dry)
{
	struct apply *a = apply_of(c);
	a->ids = apply_ids_of(catalog_of(c));
	json_decref(a->changes);
	a->changes = json_array();
	for (size_t n = 0; n < a->n; n++) {
		struct apply_item *item = a->items[n];
		const struct identity *i = catalog_find(catalog_of(c), str_from(item->value.name));
		if (!i && !dry && !item->deriving) {
			api_refuse(request_of(c), API_STALE,
				"%s was deleted meanwhile; apply it again", item->value.name);
			return false;
		}
		if (i ? !apply_update(c, item, i) : !apply_create(c, item))
			return false;
	}
	return apply_services_look(&a->services, c, &a->ids, a->changes) &&
	       apply_endpoints_look(&a->endpoints, c, &a->ids, a->changes) &&
	       apply_intentions_look(&a->intentions, c, a->changes);
}

static json_t *apply_tokens(struct apply *a)
{
	json_t *tokens = json_object();
	for (size_t i = 0; i < a->n; i++) {
		struct secret *token = a->items[i]->derivation.token;
		if (a->items[i]->deriving && token)
			json_object_set_new(tokens, a->items[i]->value.name,
				json_stringn((char *)token->bytes, token->n));
	}
	return tokens;
}

static void apply_answer(struct change *c)
{
	struct apply *a = apply_of(c);
	api_answer(request_of(c), 200,
		json_pack("{s:O, s:o, s:i}", "changes", a->changes, "tokens", apply_tokens(a),
			"streamsCut", (int)c->cut));
}

/* "identities and intentions": what the file has. */
static const char *apply_subject(struct apply *a)
{
	const struct {
		const char *what;
		size_t n;
	} lists[] = {
		{"identities", a->n},
		{"services", a->services.n},
		{"endpoints", a->endpoints.n},
		{"intentions", a->intentions.n},
	};
	size_t left = 0, end = 0;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		left += lists[i].n != 0;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (!lists[i].n)
			continue;
		left--;
		end += (size_t)snprintf(a->subject + end, sizeof(a->subject) - end, "%s%s",
			lists[i].what,
			left > 1    ? ", "
			: left == 1 ? " and "
				    : "");
	}
	return a->subject;
}

static bool apply_check(struct change *c)
{
	struct apply *a = apply_of(c);
	if (!apply_look(c, false))
		return false;
	if (!c->rows.n) {
		apply_answer(c);
		return false;
	}
	return admin_change_note(c, "apply", apply_subject(a),
		json_pack("{s:O}", "changes", a->changes));
}

static const struct change_ops apply_ops = ADMIN_CHANGE_OPS(apply_check, apply_answer, apply_free);

/* ---- Its tokens ---- */

/* The last one is there, or has been cancelled. */
static void apply_derivation_over(struct apply *a)
{
	struct change *c = &a->change.change;
	if (--a->under_way)
		return;
	if (a->failed && request_of(c))
		change_no_memory(c);
	if (request_of(c))
		admin_change_submit(&a->change);
	else
		change_give_up(c);
}

static void apply_derived(struct derivation *d)
{
	struct apply *a = container_of(d, struct apply_item, derivation)->apply;
	if (atomic_load(&d->job.cancelled))
		a->change.request = NULL;
	a->failed |= d->result != 0;
	apply_derivation_over(a);
}

static void apply_drop(struct api_request *rq)
{
	struct apply *a = rq->work;
	admin_change_abandon(&a->change);
}

static void apply_derive(struct apply *a)
{
	struct change *c = &a->change.change;
	struct error err;
	request_of(c)->work = a;
	request_of(c)->drop = apply_drop;
	a->under_way = 1;
	for (size_t i = 0; i < a->n && !a->failed; i++) {
		struct apply_item *item = a->items[i];
		if (catalog_find(catalog_of(c), str_from(item->value.name)))
			continue;
		item->deriving = true;
		if (derivation_start(&item->derivation, admin_change_of(c)->admin, NULL,
			    apply_derived, &err) < 0)
			a->failed = true;
		else
			a->under_way++;
	}
	apply_derivation_over(a);
}

/* ---- What is asked ---- */

static const struct api_member identity_members[] = {
	{"name", API_TEXT, .max = POLICY_NAME_MAX, .required = true},
	IDENTITY_MEMBERS,
	{0},
};

static int apply_value(struct policy_identity *value, const struct catalog *catalog,
	const json_t *object, struct error *err)
{
	char name[POLICY_NAME_SIZE];
	const json_t *given = json_object_get(object, "name");
	int r = api_members_check(object, identity_members, err);
	if (r == 0)
		r = policy_name_check((struct str){json_string_value(given),
					      json_string_length(given)},
			name, err);
	if (r == 0 && policy_name_reserved(name) && !catalog_find(catalog, str_from(name)))
		r = error_set(err, -EINVAL, "the name \"%s\" has a meaning of its own", name);
	if (r == 0 && policy_identity_init(value, name) < 0)
		r = error_set(err, -ENOMEM, "the server is out of memory");
	return r == 0 ? identity_from_json(value, object, err) : r;
}

static bool apply_has(const struct apply *a, const char *name)
{
	for (size_t i = 0; i + 1 < a->n; i++)
		if (strcmp(a->items[i]->value.name, name) == 0)
			return true;
	return false;
}

/* The items of the body. False: the request was refused. */
static bool apply_read(struct apply *a)
{
	struct api_request *rq = a->change.request;
	const json_t *each;
	struct error err;
	size_t n;
	json_array_foreach(json_object_get(rq->json, "identities"), n, each)
	{
		struct apply_item *item = calloc(1, sizeof(*item));
		if (!item)
			return change_no_memory(&a->change.change);
		item->apply = a;
		a->items[a->n++] = item;
		int r = apply_value(&item->value, admin_of(rq)->catalog, each, &err);
		if (r == 0 && apply_has(a, item->value.name))
			r = error_set(&err, -EINVAL, "%s is there twice", item->value.name);
		if (r < 0) {
			api_refuse(rq, API_INVALID, "identity %zu: %s", n + 1, err.text);
			return false;
		}
	}
	int r = apply_services_read(&a->services, json_object_get(rq->json, "services"), &err);
	if (r == 0)
		r = apply_endpoints_read(&a->endpoints, json_object_get(rq->json, "endpoints"),
			&err);
	if (r == 0)
		r = apply_intentions_read(&a->intentions, json_object_get(rq->json, "intentions"),
			rq->actor.name, &err);
	if (r == -ENOMEM)
		return change_no_memory(&a->change.change);
	if (r < 0)
		api_refuse(rq, API_INVALID, "%s", err.text);
	return r == 0;
}

static void apply_post(struct api_request *rq)
{
	bool dry = false;
	if (!api_query_flag(rq, "dryRun", &dry))
		return;
	if (!json_object_size(rq->json)) {
		api_refuse(rq, API_INVALID,
			"the body has none of \"identities\", \"services\", \"endpoints\" and "
			"\"intentions\"");
		return;
	}
	struct apply *a = calloc(1, sizeof(*a));
	if (!a) {
		api_answer(rq, 500, NULL);
		return;
	}
	if (!admin_change_begin(&a->change, rq, &apply_ops))
		return;
	if (!apply_read(a)) {
		change_give_up(&a->change.change);
	} else if (!dry) {
		apply_derive(a);
	} else {
		if (apply_look(&a->change.change, true))
			apply_answer(&a->change.change);
		change_give_up(&a->change.change);
	}
}

static const struct api_member apply_members[] = {
	{"identities", API_OBJECTS, .max = APPLY_MAX},
	{"services", API_OBJECTS, .max = APPLY_MAX},
	{"endpoints", API_OBJECTS, .max = APPLY_MAX},
	{"intentions", API_OBJECTS, .max = APPLY_MAX},
	{0},
};
static const char *const apply_query[] = {"dryRun", NULL};

static const struct api_operation rows[] = {
	{API_POST, "/api/v1/apply", API_OPERATOR, .query = apply_query, .members = apply_members,
		.run = apply_post},
};
const struct api_operations admin_apply = {rows, ARRAY_LEN(rows)};
