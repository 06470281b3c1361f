/* SPDX-License-Identifier: MIT */
#include "server/admin/private_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "crypto/key_pair.h"
#include "server/admin/identity_json.h"
#include "server/base/node.h"
#include "server/control/attachments.h"
#include "server/control/public_address.h"
#include "wire/url.h"

#define LOCATION_SIZE (HOSTNAME_SIZE + 1) /* as url::host */
#define ETAG_SIZE     sizeof "W/\"18446744073709551615\""

/* A weak one, as Azure's: what is live may be another behind the same revision. */
static char *etag_format(uint64_t revision, char to[ETAG_SIZE])
{
	snprintf(to, ETAG_SIZE, "W/\"%" PRIu64 "\"", revision);
	return to;
}

/* "2026-11-28T13:01:02Z": what reads Azure's times knows no fractions. */
static char *second_format(uint64_t at, char to[POLICY_TIME_SIZE])
{
	size_t n = strcspn(policy_time_format(at, to), ".");
	if (to[n])
		strcpy(to + n, "Z");
	return to;
}

json_t *names_json(const char *list)
{
	json_t *array = json_array();
	while (array && *list) {
		size_t n = strcspn(list, ",");
		if (json_array_append_new(array, json_stringn(list, n)) < 0) {
			json_decref(array);
			return NULL;
		}
		list += n + (list[n] == ',');
	}
	return array;
}

json_t *endpoint_key_json(const uint8_t key[POLICY_KEY_SIZE])
{
	char text[KEY_TEXT_LEN + 1];
	if (!policy_key_given(key))
		return json_null();
	key_text(key, text);
	return json_string(text);
}

/* What the exit node is called in aliases, for people. "": a command that has the store to itself does not know. */
static char *location_format(const struct node *n, char to[LOCATION_SIZE])
{
	struct url u;
	struct error err;
	bool known = n && url_parse_remote(str_from(n->public_name), &u, &err) == 0;
	snprintf(to, LOCATION_SIZE, "%s", known ? u.host : "");
	return to;
}

static json_t *alias_json(const struct node *n, const struct private_service *s)
{
	char alias[POLICY_ALIAS_SIZE];
	return json_string(n ? public_alias(n, s, alias)
			     : policy_alias_format(s->name, s->value.tag, "", alias));
}

/* ---- Private services ---- */

json_t *service_value_json(const struct policy_private_service *s)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:s, s:o}", "name", s->display, "kind",
		policy_service_kind_name(s->kind), "visibility", names_json(s->visibility),
		"autoApproval", names_json(s->auto_approval), "fqdns", names_json(s->fqdns),
		"managed", s->managed, "description", s->description, "endToEndKey",
		endpoint_key_json(s->e2e_key));
}

/* Of all sessions that use it now. */
static unsigned endpoint_streams(const struct endpoint *e)
{
	unsigned n = 0;
	list_for_each (it, &e->attachments)
		n += attachment_streams(
			&list_entry(it, struct session_attachment, of_endpoint)->base);
	return n;
}

/* Streams between consumers and whoever publishes it now. */
static unsigned service_streams(const struct private_service *s)
{
	unsigned n = 0;
	list_for_each (it, &s->endpoints)
		n += endpoint_streams(list_entry(it, struct endpoint, of_service));
	return n;
}

/* What its owner alone sees. */
static json_t *own_json(const struct private_service *s)
{
	return json_pack("{s:{s:o}, s:{s:o}, s:b, s:i, s:i, s:{s:i, s:i, s:i, s:i}}", "visibility",
		"subscriptions", names_json(s->value.visibility), "autoApproval", "subscriptions",
		names_json(s->value.auto_approval), "managed", s->value.managed, "sessions",
		(int)s->n_services, "streams", (int)service_streams(s), "endpoints", "pending",
		(int)s->n_of_state[POLICY_PENDING], "approved", (int)s->n_of_state[POLICY_APPROVED],
		"rejected", (int)s->n_of_state[POLICY_REJECTED], "disconnected",
		(int)s->n_of_state[POLICY_DISCONNECTED]);
}

static json_t *service_properties(const struct admin *a, const struct private_service *s)
{
	const struct policy_private_service *v = &s->value;
	char created[POLICY_TIME_SIZE], updated[POLICY_TIME_SIZE];
	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:s, s:s, s:b, s:s, s:s}", "alias",
		alias_json(a->node, s), "displayName", v->display, "kind",
		policy_service_kind_name(v->kind), "fqdns", names_json(v->fqdns), "endToEndKey",
		endpoint_key_json(v->e2e_key), "description", v->description, "provisioningState",
		"Succeeded", "online", s->n_services > 0, "createdAt",
		second_format(v->created_at, created), "updatedAt",
		second_format(v->updated_at, updated));
}

json_t *service_json(const struct admin *a, const struct private_service *s, bool own)
{
	char etag[ETAG_SIZE], id[sizeof "/services/" + POLICY_NAME_SIZE], location[LOCATION_SIZE];
	json_t *properties = service_properties(a, s);
	json_t *more = own ? own_json(s) : json_object();
	bool fine = json_object_update(properties, more) == 0;
	json_decref(more);
	if (!fine) {
		json_decref(properties);
		return NULL;
	}
	snprintf(id, sizeof(id), "/services/%s", s->name);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "id", id, "name", s->name, "type",
		"tunnel/services", "location", location_format(a->node, location), "resourceGroup",
		s->owner->name, "etag", etag_format(s->value.rev, etag), "properties", properties);
}

/* ---- Endpoints ---- */

char *endpoint_path(const struct endpoint *e, char to[ENDPOINT_PATH_SIZE])
{
	char id[POLICY_ENDPOINT_ID_SIZE];
	snprintf(to, ENDPOINT_PATH_SIZE, "/services/%s/privateEndpointConnections/%s",
		e->service->name, policy_endpoint_id_format(e->consumer->name, e->value.uid, id));
	return to;
}

char *endpoint_subject(const struct endpoint *e, char to[ENDPOINT_SUBJECT_SIZE])
{
	char id[POLICY_ENDPOINT_ID_SIZE];
	snprintf(to, ENDPOINT_SUBJECT_SIZE, "%s/%s", e->service->name,
		policy_endpoint_id_format(e->consumer->name, e->value.uid, id));
	return to;
}

/*
 * Lists of endpoints are long, so theirs is written as text: a tree of 30 values takes longer than all else that is done
 * for one. Names, states and times have no character that JSON escapes.
 */
struct endpoint_text {
	char name[POLICY_ENDPOINT_ID_SIZE], path[ENDPOINT_PATH_SIZE];
	char location[LOCATION_SIZE], key[KEY_TEXT_LEN + sizeof "\"\""];
	char created[POLICY_TIME_SIZE], updated[POLICY_TIME_SIZE];
	/* What people wrote, escaped; each character has six at most. */
	char description[6 * POLICY_TEXT_MAX + 1], message[6 * POLICY_MESSAGE_SIZE + 1],
		decided_by[6 * API_ACTOR_SIZE + 1];
};

#define ENDPOINT_TEXT_SIZE (2048 + sizeof(struct endpoint_text))

static void escape(const char *text, char *to, size_t size)
{
	to[escape_text(to, size - 1, text, strlen(text), ESCAPE_JSON)] = '\0';
}

static void key_format(const uint8_t key[POLICY_KEY_SIZE], char to[KEY_TEXT_LEN + sizeof "\"\""])
{
	char text[KEY_TEXT_LEN + 1];
	key_text(key, text);
	sprintf(to, "\"%s\"", text);
}

bool endpoint_shows_key(const struct endpoint *e)
{
	return policy_key_given(e->service->value.e2e_key) && policy_key_given(e->value.e2e_key);
}

static void endpoint_texts(const struct admin *a, const struct endpoint *e, struct endpoint_text *t)
{
	const struct policy_endpoint *v = &e->value;
	policy_endpoint_id_format(e->consumer->name, v->uid, t->name);
	endpoint_path(e, t->path);
	location_format(a->node, t->location);
	strcpy(t->key, "null");
	if (endpoint_shows_key(e))
		key_format(v->e2e_key, t->key);
	second_format(v->created_at, t->created);
	second_format(v->updated_at, t->updated);
	escape(v->description, t->description, sizeof(t->description));
	escape(v->message, t->message, sizeof(t->message));
	escape(v->decided_by, t->decided_by, sizeof(t->decided_by));
}

int endpoint_write(const struct admin *a, const struct endpoint *e, struct buf *to)
{
	const struct policy_endpoint *v = &e->value;
	const char *consumer = e->consumer->name, *state = policy_endpoint_state_name(v->state);
	struct endpoint_text t;
	endpoint_texts(a, e, &t);
	if (buf_reserve(to, ENDPOINT_TEXT_SIZE) < 0)
		return -ENOMEM;
	int n = snprintf((char *)buf_tail(to), ENDPOINT_TEXT_SIZE,
		"{\"id\":\"%s\",\"name\":\"%s\","
		"\"type\":\"tunnel/services/privateEndpointConnections\",\"location\":\"%s\","
		"\"resourceGroup\":\"%s\",\"etag\":\"W/\\\"%" PRIu64 "\\\"\",\"properties\":{"
		"\"privateEndpoint\":{\"id\":\"/identities/%s/privateEndpoints/%s\","
		"\"resourceGroup\":\"%s\"},\"privateLinkServiceConnectionState\":{"
		"\"status\":\"%s\",\"description\":\"%s\",\"actionsRequired\":\"None\"},"
		"\"provisioningState\":\"%s\",\"linkIdentifier\":\"%" PRIu32 "\","
		"\"ipAddresses\":[],\"requestMessage\":\"%s\",\"endToEndKey\":%s,"
		"\"createdAt\":\"%s\",\"updatedAt\":\"%s\",\"decidedBy\":\"%s\","
		"\"streams\":%u,\"online\":%s}}",
		t.path, t.name, t.location, e->service->owner->name, v->rev, consumer, v->name,
		consumer, state, t.description, policy_endpoint_provisioning(v->state), v->link,
		t.message, t.key, t.created, t.updated, t.decided_by, endpoint_streams(e),
		list_empty(&e->attachments) ? "false" : "true");
	buf_commit(to, (size_t)n);
	return 0;
}

int endpoint_write_basic(const struct endpoint *e, struct buf *to)
{
	const struct policy_endpoint *v = &e->value;
	const char *consumer = e->consumer->name, *state = policy_endpoint_state_name(v->state);
	char path[ENDPOINT_PATH_SIZE], name[POLICY_ENDPOINT_ID_SIZE], created[POLICY_TIME_SIZE];
	char message[6 * POLICY_MESSAGE_SIZE + 1];
	policy_endpoint_id_format(consumer, v->uid, name);
	endpoint_path(e, path);
	second_format(v->created_at, created);
	escape(v->message, message, sizeof(message));
	if (buf_reserve(to, ENDPOINT_TEXT_SIZE) < 0)
		return -ENOMEM;
	int n = snprintf((char *)buf_tail(to), ENDPOINT_TEXT_SIZE,
		"{\"id\":\"%s\",\"name\":\"%s\",\"resourceGroup\":\"%s\",\"properties\":{"
		"\"privateEndpoint\":{\"resourceGroup\":\"%s\"},"
		"\"privateLinkServiceConnectionState\":{\"status\":\"%s\"},"
		"\"linkIdentifier\":\"%" PRIu32 "\",\"requestMessage\":\"%s\","
		"\"createdAt\":\"%s\",\"streams\":%u,\"online\":%s}}",
		path, name, e->service->owner->name, consumer, state, v->link, message, created,
		endpoint_streams(e), list_empty(&e->attachments) ? "false" : "true");
	buf_commit(to, (size_t)n);
	return 0;
}

json_t *endpoint_json(const struct admin *a, const struct endpoint *e)
{
	struct buf text = BUF_NULL;
	json_t *json = endpoint_write(a, e, &text) < 0
			       ? NULL
			       : json_loadb((const char *)buf_head(&text), buf_len(&text), 0, NULL);
	buf_deinit(&text);
	return json;
}
