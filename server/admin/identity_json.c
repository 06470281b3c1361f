/* SPDX-License-Identifier: MIT */
#include "server/admin/identity_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "server/store/catalog.h"

static const struct {
	const char *name;
	enum policy_grant_kind kind;
} lists[] = {
	{"hosts", POLICY_HOST},
	{"ports", POLICY_TCP_PORT},
	{"udpPorts", POLICY_UDP_PORT},
	{"publish", POLICY_PUBLISH},
	{"consume", POLICY_CONSUME},
	{"allowFrom", POLICY_FROM},
};

static const struct {
	const char *name;
	size_t at;
} numbers[] = {
	{"maxSessions", offsetof(struct policy_identity, max_sessions)},
	{"maxStreams", offsetof(struct policy_identity, max_streams)},
	{"maxEndpoints", offsetof(struct policy_identity, max_endpoints)},
	{"rateUp", offsetof(struct policy_identity, rate_up)},
	{"rateDown", offsetof(struct policy_identity, rate_down)},
};

static uint64_t *number_of(struct policy_identity *i, size_t n)
{
	return (void *)((char *)i + numbers[n].at);
}

/* ---- From JSON ---- */

bool span_from_json(const json_t *value, uint64_t *us_out)
{
	struct str text = {json_string_value(value), json_string_length(value)};
	*us_out = (uint64_t)json_integer_value(value) * CLOCK_S;
	return (!text.p || policy_duration_parse(text, us_out)) &&
	       *us_out <= IDENTITY_SPAN_MAX * CLOCK_S;
}

static int list_from_json(struct policy_identity *i, enum policy_grant_kind kind,
	const json_t *array, struct error *err)
{
	size_t n;
	const json_t *text;
	policy_grants_clear(&i->grants, kind);
	json_array_foreach(array, n, text)
	{
		int r = policy_grants_add(&i->grants, kind,
			(struct str){json_string_value(text), json_string_length(text)}, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int expiry_from_json(struct policy_identity *i, const json_t *object, struct error *err)
{
	const json_t *at = json_object_get(object, "expiresAt");
	const json_t *in = json_object_get(object, "expiresIn");
	uint64_t span;
	if (at && in)
		return error_set(err, -EINVAL,
			"\"expiresAt\" and \"expiresIn\" exclude each other");
	if (json_is_null(at))
		i->expires_at = POLICY_NONE;
	else if (at &&
		 !policy_time_parse((struct str){json_string_value(at), json_string_length(at)},
			 &i->expires_at))
		return error_set(err, -EINVAL,
			"\"expiresAt\" must be a time such as \"2027-01-31T12:00:00Z\"");
	if (in && (!span_from_json(in, &span)))
		return error_set(err, -EINVAL,
			"\"expiresIn\" must be a number of seconds, or a text such as \"90d\"");
	if (in)
		i->expires_at = policy_now() + span;
	return 0;
}

static int description_from_json(struct policy_identity *i, const json_t *value, struct error *err)
{
	const char *text = json_is_null(value) ? "" : json_string_value(value);
	int r = policy_text_check(str_from(text), "description", err);
	char *copy = r < 0 ? NULL : policy_text_new(str_from(text));
	if (r == 0 && !copy)
		return error_set(err, -ENOMEM, "the server is out of memory");
	if (r == 0) {
		policy_text_free(i->description);
		i->description = copy;
	}
	return r;
}

int identity_from_json(struct policy_identity *i, const json_t *object, struct error *err)
{
	const json_t *value = json_object_get(object, "description");
	int r = value ? description_from_json(i, value, err) : 0;
	if (r < 0)
		return r;
	value = json_object_get(object, "operator");
	if (value)
		i->is_operator = json_is_true(value);
	for (size_t n = 0; n < ARRAY_LEN(lists); n++) {
		value = json_object_get(object, lists[n].name);
		r = value ? list_from_json(i, lists[n].kind, value, err) : 0;
		if (r < 0) {
			error_prefix(err, "\"%s\"", lists[n].name);
			return r;
		}
	}
	for (size_t n = 0; n < ARRAY_LEN(numbers); n++) {
		value = json_object_get(object, numbers[n].name);
		if (value)
			*number_of(i, n) = json_is_null(value)
						   ? POLICY_NONE
						   : (uint64_t)json_integer_value(value);
	}
	return expiry_from_json(i, object, err);
}

/* ---- To JSON ---- */

json_t *time_json(uint64_t at)
{
	char text[POLICY_TIME_SIZE];
	if (at == POLICY_NONE || !*policy_time_format(at, text))
		return json_null();
	return json_string(text);
}

static json_t *number_json(uint64_t number)
{
	return number == POLICY_NONE ? json_null() : json_integer((json_int_t)number);
}

static json_t *list_json(const struct policy_grants *g, enum policy_grant_kind kind)
{
	char text[POLICY_GRANT_SIZE];
	json_t *array = json_array();
	for (size_t i = 0; i < policy_grants_count(g, kind); i++)
		if (json_array_append_new(array,
			    json_string(policy_grants_text(g, kind, i, text))) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

/* What was put last fails if anything before did: jansson refuses a NULL value, and so do we. */
static bool put(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new_nocheck(object, name, value) == 0;
}

json_t *identity_value_json(const struct policy_identity *i)
{
	json_t *object = json_object();
	struct policy_identity *values = (struct policy_identity *)(uintptr_t)i;
	bool fine = put(object, "name", json_string(i->name)) &&
		    put(object, "revoked", json_boolean(i->revoked)) &&
		    put(object, "operator", json_boolean(i->is_operator)) &&
		    put(object, "description", json_string(i->description));
	for (size_t n = 0; n < ARRAY_LEN(lists); n++)
		fine = fine && put(object, lists[n].name, list_json(&i->grants, lists[n].kind));
	for (size_t n = 0; n < ARRAY_LEN(numbers); n++)
		fine = fine && put(object, numbers[n].name, number_json(*number_of(values, n)));
	fine = fine && put(object, "expiresAt", time_json(i->expires_at));
	if (fine)
		return object;
	json_decref(object);
	return NULL;
}

json_t *key_id_json(const uint8_t id[TOKEN_ID_SIZE])
{
	char text[2 * TOKEN_ID_SIZE + 1];
	for (size_t i = 0; i < TOKEN_ID_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
	return json_string(text);
}

static json_t *token_json(const struct credential *k, uint64_t now)
{
	const struct policy_credential *v = &k->value;
	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "keyId", key_id_json(v->key_id),
		"label", v->label, "state", policy_state_name(policy_credential_state(v, now)),
		"createdAt", time_json(v->created_at), "expiresAt", time_json(v->expires_at),
		"revokedAt", time_json(v->revoked_at), "lastUsedAt", time_json(v->last_used_at));
}

static int older(const void *a, const void *b)
{
	const struct credential *x = *(const void *const *)a, *y = *(const void *const *)b;
	return (x->value.created_at > y->value.created_at) -
	       (x->value.created_at < y->value.created_at);
}

/* The oldest first: the list is in no order of theirs. */
static json_t *tokens_json(const struct identity *i, uint64_t now)
{
	const struct credential *tokens[IDENTITY_TOKENS_MAX];
	size_t n = 0;
	for (const struct credential *k = i->credentials; k && n < IDENTITY_TOKENS_MAX; k = k->next)
		tokens[n++] = k;
	qsort(tokens, n, sizeof(tokens[0]), older);
	json_t *array = json_array();
	for (size_t k = 0; k < n; k++)
		if (json_array_append_new(array, token_json(tokens[k], now)) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

json_t *identity_json(const struct identity *i)
{
	uint64_t now = policy_now();
	const struct policy_identity *v = &i->value;
	json_t *object = identity_value_json(v);
	bool fine = object && json_object_del(object, "revoked") == 0 &&
		    put(object, "state",
			    json_string(policy_state_name(policy_identity_state(v, now)))) &&
		    put(object, "createdAt", time_json(v->created_at)) &&
		    put(object, "updatedAt", time_json(v->updated_at)) &&
		    put(object, "revision", json_integer((json_int_t)v->rev)) &&
		    put(object, "sessions", json_integer(i->n_sessions)) &&
		    put(object, "privateServices", json_integer(i->n_private_services)) &&
		    put(object, "endpoints", json_integer(i->n_endpoints)) &&
		    put(object, "tokens", tokens_json(i, now));
	if (fine)
		return object;
	json_decref(object);
	return NULL;
}

json_t *identity_difference(const struct policy_identity *was, const struct policy_identity *is)
{
	json_t *before = identity_value_json(was), *after = identity_value_json(is);
	json_t *detail = json_pack("{s:{}, s:{}}", "was", "is");
	bool fine = before && after && detail;
	const char *name;
	json_t *value;
	if (fine)
		json_object_foreach(after, name, value)
		{
			json_t *old = json_object_get(before, name);
			if (json_equal(old, value))
				continue;
			fine = fine &&
			       json_object_set(json_object_get(detail, "was"), name, old) == 0 &&
			       json_object_set(json_object_get(detail, "is"), name, value) == 0;
		}
	json_decref(before);
	json_decref(after);
	if (fine)
		return detail;
	json_decref(detail);
	return NULL;
}
