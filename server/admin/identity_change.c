/* SPDX-License-Identifier: MIT */
#include "server/admin/identity_change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct identity *identity_of_path(struct api_request *rq)
{
	char name[POLICY_NAME_SIZE], room[API_QUOTE_SIZE];
	const char *asked = api_parameter(rq, 0);
	struct error err;
	struct identity *i = NULL;
	if (policy_name_check(str_from(asked), name, &err) == 0)
		i = catalog_find(admin_of(rq)->catalog, str_from(name));
	if (!i)
		api_refuse(rq, API_NOT_FOUND, "there is no identity \"%s\"",
			api_quote(asked, room));
	return i;
}

void identity_refuse_revoked(struct api_request *rq, const struct identity *i)
{
	const char *instead = i == admin_of(rq)->catalog->everybody
				      ? "make another identity instead"
				      : "delete it, and make it anew";
	api_refuse(rq, API_TAKEN, "%s is revoked, so no token of it is good: %s", i->name, instead);
}

void identity_answer(struct api_request *rq, unsigned status, const struct identity *i)
{
	api_set_etag(rq, i->value.rev);
	api_answer(rq, status, identity_json(i));
}

/* ---- The change ---- */

struct identity_change *identity_change_new(struct api_request *rq, const struct change_ops *ops)
{
	struct identity_change *ic = calloc(1, sizeof(*ic));
	if (!ic) {
		api_refuse(rq, API_BUSY, "the server is out of memory");
		return NULL;
	}
	return admin_change_begin(&ic->change, rq, ops) ? ic : NULL;
}

void identity_change_free(struct change *c)
{
	struct identity_change *ic = identity_change_of(c);
	derivation_deinit(&ic->derivation);
	policy_identity_deinit(&ic->value);
	free(ic);
}

/* ---- Its token ---- */

static void derive_drop(struct api_request *rq)
{
	struct identity_change *ic = rq->work;
	/* The process ends: what derives has ended before, or will find this. */
	admin_change_abandon(&ic->change);
	offload_cancel(&ic->derivation.job);
}

static void derived(struct derivation *d)
{
	struct identity_change *ic = container_of(d, struct identity_change, derivation);
	struct change *c = &ic->change.change;
	if (atomic_load(&d->job.cancelled)) {
		change_give_up(c);
	} else if (d->result == 0) {
		memcpy(ic->key_id, d->key->id, TOKEN_ID_SIZE);
		admin_change_submit(&ic->change);
	} else {
		if (d->result == -ENOMEM)
			change_no_memory(c);
		else
			api_refuse(request_of(c), API_INVALID, "the token is empty");
		change_give_up(c);
	}
}

void identity_change_derive(struct identity_change *ic)
{
	struct change *c = &ic->change.change;
	struct api_request *rq = request_of(c);
	struct error err;
	const char *given = json_string_value(json_object_get(rq->json, "token"));
	rq->work = ic;
	rq->drop = derive_drop;
	int r = derivation_start(&ic->derivation, admin_change_of(c)->admin, given, derived, &err);
	if (r == 0)
		return;
	api_refuse(rq, r == -ENOMEM ? API_BUSY : API_INVALID, "%s", err.text);
	change_give_up(c);
}

const char *label_of_body(const struct api_request *rq)
{
	const char *label = json_string_value(json_object_get(rq->json, "label"));
	return label ? label : "";
}

/* ---- Rows ---- */

uint64_t identity_id(const struct admin *a, const struct identity *i)
{
	/* `default` is no row until something about it is stored. */
	return i->value.id ? i->value.id : a->catalog->max_id + 1;
}

struct policy_identity *change_identity(struct change *c, struct change_rows *rows,
	const struct identity *i)
{
	struct store_row *row = change_add(c, rows, STORE_IDENTITY);
	if (!row)
		return NULL;
	row->rev = i->value.rev;
	if (policy_identity_copy(&row->identity, &i->value) < 0) {
		change_no_memory(c);
		return NULL;
	}
	row->identity.id = identity_id(admin_change_of(c)->admin, i);
	return &row->identity;
}

struct policy_credential *change_credential(struct change *c, struct change_rows *rows,
	const struct credential *k, uint64_t identity)
{
	struct store_row *row = change_add(c, rows, STORE_CREDENTIAL);
	if (!row)
		return NULL;
	row->rev = k->value.rev;
	if (policy_credential_copy(&row->credential, &k->value) < 0) {
		change_no_memory(c);
		return NULL;
	}
	if (k->psk)
		memcpy(row->psk, psk_pool_at(&catalog_of(c)->psks, k->psk), TOKEN_PSK_SIZE);
	row->credential.identity = identity;
	return &row->credential;
}

bool change_derived(struct change *c, const struct derivation *d, uint64_t identity,
	const char *label)
{
	struct store_row *row = change_add(c, &c->rows, STORE_CREDENTIAL);
	if (!row)
		return false;
	struct policy_credential *k = &row->credential;
	*k = (struct policy_credential){.identity = identity,
		.label = policy_text_new(str_from(label)),
		.created_at = policy_now(),
		.expires_at = POLICY_NONE,
		.revoked_at = POLICY_NONE,
		.last_used_at = POLICY_NONE};
	memcpy(k->key_id, d->key->id, TOKEN_ID_SIZE);
	memcpy(row->psk, d->key->psk, TOKEN_PSK_SIZE);
	return k->label ? true : change_no_memory(c);
}

bool derived_is_new(struct change *c)
{
	const struct credential *k = catalog_find_key(catalog_of(c), identity_change_of(c)->key_id);
	if (!k || k->deleted)
		return true;
	api_refuse(request_of(c), API_TAKEN, "this token is one of %s already", k->identity->name);
	return false;
}

void answer_ended(struct change *c)
{
	api_answer(request_of(c), 200,
		json_pack("{s:i, s:i}", "sessionsEnded", (int)c->sessions, "streamsCut",
			streams_cut(c)));
}
