/* SPDX-License-Identifier: MIT */
/* Tokens of an identity: one more, which the others give way to, and one of them revoked. */
#include <inttypes.h>
#include <string.h>

#include "server/admin/api.h"
#include "server/admin/identity_change.h"

/* For how long the old and the new one are both good, unless the request says so: a deployment's time. */
#define OVERLAP_DEFAULT (3600 * CLOCK_S)

/* ---- Rotation ---- */

/*
 * Whether one more fits, the oldest that is over being deleted for it. Of `default` all stay: the server may be
 * started with one of them again, which must not be good then. False: the request was refused.
 */
static bool rotate_room(struct change *c, const struct identity *i)
{
	const struct credential *oldest = NULL;
	bool keeps = i == catalog_of(c)->everybody;
	unsigned n = 0;
	for (const struct credential *k = i->credentials; k; k = k->next) {
		if (k->good || !keeps)
			n++;
		if (!k->good && !keeps &&
			(!oldest || k->value.created_at < oldest->value.created_at))
			oldest = k;
	}
	if (n < IDENTITY_TOKENS_MAX)
		return true;
	if (!oldest) {
		api_refuse(request_of(c), API_LIMIT,
			"%s has %d tokens that are good; revoke one of them first", i->name,
			IDENTITY_TOKENS_MAX);
		return false;
	}
	if (!change_credential(c, &c->rows, oldest, i->value.id))
		return false;
	c->rows.v[c->rows.n - 1].gone = true;
	return true;
}

/* Those before go on until the overlap ends, or their own end. */
static bool rotate_others(struct change *c, const struct identity *i)
{
	struct identity_change *ic = identity_change_of(c);
	uint64_t end = policy_now() + ic->overlap;
	for (const struct credential *k = i->credentials; k; k = k->next) {
		if (!k->good)
			continue;
		struct policy_credential *row = change_credential(c, &c->rows, k,
			identity_id(admin_change_of(c)->admin, i));
		if (!row)
			return false;
		row->expires_at = MIN(row->expires_at, end);
		ic->previous_ends = ic->has_previous ? MAX(ic->previous_ends, row->expires_at)
						     : row->expires_at;
		ic->has_previous = true;
	}
	return true;
}

/* Whether a new token of it would be good, and the others end. False: the request was refused. */
static bool rotate_may(struct change *c, const struct identity *i)
{
	if (i->open)
		api_refuse(request_of(c), API_TAKEN, "the server runs without tokens (--no-token)");
	else if (i->value.revoked)
		identity_refuse_revoked(request_of(c), i);
	else if (!i->credentials && i == catalog_of(c)->everybody)
		api_refuse(request_of(c), API_TAKEN,
			"the token that the server is started with is not known here, and would "
			"stay good: rotate it while the server runs");
	else
		return true;
	return false;
}

static bool rotate_check(struct change *c)
{
	struct identity_change *ic = identity_change_of(c);
	const struct identity *i = identity_of_path(request_of(c));
	if (!i || !api_if_match(request_of(c), i->value.rev))
		return false;
	if (!rotate_may(c, i) || !derived_is_new(c) || !rotate_room(c, i))
		return false;
	/* Its tokens refer to a row of it. */
	if (!i->value.id && !change_identity(c, &c->rows, i))
		return false;
	c->gives = true;
	return rotate_others(c, i) &&
	       change_derived(c, &ic->derivation, identity_id(admin_change_of(c)->admin, i),
		       label_of_body(request_of(c))) &&
	       admin_change_note(c, "token.rotate", i->name,
		       json_pack("{s:o, s:o}", "keyId", key_id_json(ic->key_id), "previousExpireAt",
			       time_json(ic->has_previous ? ic->previous_ends : POLICY_NONE)));
}

static void rotate_answer(struct change *c)
{
	struct identity_change *ic = identity_change_of(c);
	struct secret *token = ic->derivation.token;
	json_t *json = json_pack("{s:o, s:s, s:o}", "keyId", key_id_json(ic->key_id), "label",
		label_of_body(request_of(c)), "previousExpireAt",
		time_json(ic->has_previous ? ic->previous_ends : POLICY_NONE));
	if (json && ic->derivation.made)
		json_object_set_new(json, "token", json_stringn((char *)token->bytes, token->n));
	api_answer(request_of(c), 201, json);
}

static const struct change_ops rotate_ops =
	ADMIN_CHANGE_OPS(rotate_check, rotate_answer, identity_change_free);

static void token_create(struct api_request *rq)
{
	const json_t *overlap = json_object_get(rq->json, "overlap");
	uint64_t span = OVERLAP_DEFAULT;
	struct error err;
	if (overlap && !span_from_json(overlap, &span)) {
		api_refuse(rq, API_INVALID,
			"\"overlap\" must be a number of seconds, or a text such as \"24h\"");
		return;
	}
	if (policy_text_check(str_from(label_of_body(rq)), "label", &err) < 0) {
		api_refuse(rq, API_INVALID, "%s", err.text);
		return;
	}
	/* Before 20 ms of a core are spent. */
	if (!identity_of_path(rq))
		return;
	struct identity_change *ic = identity_change_new(rq, &rotate_ops);
	if (!ic)
		return;
	ic->overlap = span;
	identity_change_derive(ic);
}

/* ---- One revoked ---- */

static bool key_id_parse(const char *text, uint8_t id[TOKEN_ID_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	if (strlen(text) != 2 * TOKEN_ID_SIZE || strspn(text, digits) != 2 * TOKEN_ID_SIZE)
		return false;
	for (size_t i = 0; i < TOKEN_ID_SIZE; i++)
		id[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) << 4 |
				  (strchr(digits, text[2 * i + 1]) - digits));
	return true;
}

static bool revoke_row(struct change *c, struct change_rows *rows, const struct credential *k,
	uint64_t now)
{
	/* A token refers to a row of its identity. */
	if (!k->identity->value.id && !change_identity(c, rows, k->identity))
		return false;
	struct policy_credential *row =
		change_credential(c, rows, k, identity_id(admin_change_of(c)->admin, k->identity));
	if (!row)
		return false;
	row->revoked_at = now;
	return true;
}

static bool token_revoke_check(struct change *c)
{
	uint8_t id[TOKEN_ID_SIZE];
	char room[API_QUOTE_SIZE];
	const char *asked = api_parameter(request_of(c), 1);
	const struct identity *i = identity_of_path(request_of(c));
	const struct credential *k = NULL;
	if (!i || !api_if_match(request_of(c), i->value.rev))
		return false;
	if (key_id_parse(asked, id))
		k = catalog_find_key(catalog_of(c), id);
	if (!k || k->deleted || k->identity != i) {
		api_refuse(request_of(c), API_NOT_FOUND, "%s has no token \"%s\"", i->name,
			api_quote(asked, room));
		return false;
	}
	if (k->value.revoked_at != POLICY_NONE) {
		answer_ended(c);
		return false;
	}
	uint64_t now = policy_now();
	return revoke_row(c, &c->narrowed, k, now) && revoke_row(c, &c->rows, k, now) &&
	       admin_change_note(c, "token.revoke", i->name,
		       json_pack("{s:o}", "keyId", key_id_json(id)));
}

static const struct change_ops token_revoke_ops =
	ADMIN_CHANGE_OPS(token_revoke_check, answer_ended, identity_change_free);

static void token_revoke(struct api_request *rq)
{
	struct identity_change *ic = identity_change_new(rq, &token_revoke_ops);
	if (ic)
		admin_change_submit(&ic->change);
}

/* ---- The table ---- */

static const struct api_member rotate_members[] = {
	{"overlap", API_SPAN, .max = IDENTITY_SPAN_MAX},
	{"label", API_TEXT, .max = POLICY_TEXT_MAX},
	{"token", API_TEXT, .max = IDENTITY_TOKEN_MAX},
	{0},
};

static const struct api_operation rows[] = {
	{API_POST, "/api/v1/identities/{name}/tokens", API_OPERATOR, .members = rotate_members,
		.run = token_create},
	{API_DELETE, "/api/v1/identities/{name}/tokens/{key}", API_OPERATOR, .run = token_revoke},
};
const struct api_operations admin_tokens = {rows, ARRAY_LEN(rows)};
