/* SPDX-License-Identifier: MIT */
#include "server/admin/apply_endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/catalog.h"

/* ---- What is asked ---- */

static const struct api_member members[] = {
	{"consumer", API_TEXT, .max = POLICY_NAME_MAX, .required = true},
	{"service", API_TEXT, .max = POLICY_NAME_MAX, .required = true},
	{"name", API_TEXT, .max = POLICY_NAME_MAX},
	{"status", API_TEXT, .max = sizeof "Approved" - 1},
	{"description", API_TEXT, .max = POLICY_TEXT_MAX, .nullable = true},
	{0},
};

static int read_name(const json_t *object, const char *member, char to[POLICY_NAME_SIZE],
	struct error *err)
{
	const json_t *text = json_object_get(object, member);
	int r = text ? policy_name_check((struct str){json_string_value(text),
						 json_string_length(text)},
			       to, err)
		     : 0;
	if (r < 0)
		error_prefix(err, "the %s", member);
	return r;
}

static int read_status(struct apply_endpoint *e, const char *word, struct error *err)
{
	e->event = POLICY_APPROVE;
	if (!word || strcasecmp(word, policy_endpoint_state_name(POLICY_APPROVED)) == 0)
		return 0;
	e->event = POLICY_REJECT;
	if (strcasecmp(word, policy_endpoint_state_name(POLICY_REJECTED)) == 0)
		return 0;
	return error_set(err, -EINVAL, "\"status\" must be Approved or Rejected");
}

static int read_one(struct apply_endpoint *e, const json_t *object, struct error *err)
{
	int r = api_members_check(object, members, err);
	r = r ? r : read_name(object, "consumer", e->consumer, err);
	r = r ? r : read_name(object, "service", e->service, err);
	strcpy(e->name, e->consumer);
	r = r ? r : read_name(object, "name", e->name, err);
	r = r ? r : read_status(e, json_string_value(json_object_get(object, "status")), err);
	const char *text = json_string_value(json_object_get(object, "description"));
	e->description = text ? text : "";
	return r ? r : policy_text_check(str_from(e->description), "description", err);
}

static bool is_twice(const struct apply_endpoints *a, const struct apply_endpoint *e)
{
	for (size_t n = 0; n < a->n; n++)
		if (strcmp(a->v[n].consumer, e->consumer) == 0 &&
			strcmp(a->v[n].service, e->service) == 0 &&
			strcmp(a->v[n].name, e->name) == 0)
			return true;
	return false;
}

int apply_endpoints_read(struct apply_endpoints *a, const json_t *list, struct error *err)
{
	size_t i;
	const json_t *object;
	a->v = calloc(json_array_size(list) + 1, sizeof(*a->v));
	if (!a->v)
		return error_set(err, -ENOMEM, "the server is out of memory");
	json_array_foreach(list, i, object)
	{
		struct apply_endpoint *each = &a->v[i];
		int r = read_one(each, object, err);
		if (r == 0 && is_twice(a, each))
			r = error_set(err, -EINVAL, "%s at %s is there twice", each->consumer,
				each->service);
		a->n += r == 0;
		if (r == -EINVAL)
			error_prefix(err, "endpoint %zu", i + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

void apply_endpoints_deinit(struct apply_endpoints *a)
{
	free(a->v);
	*a = (struct apply_endpoints){0};
}

/* ---- What it does ---- */

#define SUBJECT_SIZE (3 * POLICY_NAME_SIZE + sizeof "endpoint   at ")

/* "endpoint web at redis", and the endpoint's own name where it has another. */
static char *subject_of(const struct apply_endpoint *e, char to[SUBJECT_SIZE])
{
	bool own = strcmp(e->name, e->consumer) != 0;
	snprintf(to, SUBJECT_SIZE, "endpoint %s%s%s at %s", e->consumer, own ? " " : "",
		own ? e->name : "", e->service);
	return to;
}

static bool refuse(struct change *c, const struct apply_endpoint *e, enum api_reason reason,
	const char *what, const char *which)
{
	char subject[SUBJECT_SIZE];
	api_refuse(request_of(c), reason, "%s: %s%s", subject_of(e, subject), what, which);
	return false;
}

static json_t *detail_of(const struct endpoint *was, const struct policy_endpoint *is)
{
	json_t *detail = json_pack("{s:{s:s, s:s}}", "is", "status",
		policy_endpoint_state_name(is->state), "description", is->description);
	json_t *before = was ? json_pack("{s:s, s:s}", "status",
				       policy_endpoint_state_name(was->value.state), "description",
				       was->value.description)
			     : NULL;
	if (was && json_object_set_new(detail, "was", before) < 0) {
		json_decref(detail);
		return NULL;
	}
	return detail;
}

/* What the decision makes of a value. False: the request was refused. */
static bool decide(struct change *c, const struct apply_endpoint *e, struct policy_endpoint *value,
	bool *cuts_out)
{
	struct policy_endpoint_outcome outcome;
	struct error err;
	int r = policy_endpoint_apply(value, e->event, str_from(e->description),
		admin_change_of(c)->actor.name, &outcome, &err);
	if (r == -ENOMEM)
		return change_no_memory(c);
	if (r < 0)
		return refuse(c, e, API_TAKEN, err.text, "");
	*cuts_out = outcome.cuts;
	return true;
}

static bool add(struct change *c, struct change_rows *rows, const struct policy_endpoint *value)
{
	struct store_row *row = change_add(c, rows, STORE_ENDPOINT);
	if (!row)
		return false;
	row->rev = value->rev;
	return policy_endpoint_copy(&row->endpoint, value) == 0 ? true : change_no_memory(c);
}

/* A value to be decided about: a copy of the one that is there, or a new one. False: the request was refused. */
static bool begin(const struct apply_endpoint *e, struct change *c, struct apply_ids *ids,
	const struct endpoint *was, struct policy_endpoint *out)
{
	bool failed;
	if (was)
		return policy_endpoint_copy(out, &was->value) == 0 ? true : change_no_memory(c);
	const struct policy_identity *consumer = apply_identity(c, e->consumer, ids, &failed);
	if (failed)
		return false;
	if (!consumer)
		return refuse(c, e, API_INVALID, "there is no identity ", e->consumer);
	if (ids->link > UINT32_MAX)
		return refuse(c, e, API_LIMIT, "there is no link id left", "");
	if (policy_endpoint_init(out, e->name, POLICY_HOW_NOT) < 0)
		return change_no_memory(c);
	out->id = ids->endpoint++;
	out->link = (uint32_t)ids->link++;
	out->service = apply_service(c, e->service)->id;
	out->consumer = consumer->id;
	return true;
}

static bool put(const struct apply_endpoint *e, struct change *c, const struct endpoint *was,
	struct policy_endpoint *value, json_t *changes)
{
	char subject[SUBJECT_SIZE];
	bool cuts = false;
	if (!decide(c, e, value, &cuts))
		return false;
	c->gives |= !cuts;
	return add(c, &c->rows, value) && (!cuts || add(c, &c->narrowed, value)) &&
	       apply_say(c, changes, was ? "update" : "create", subject_of(e, subject),
		       detail_of(was, value));
}

static bool is_so(const struct apply_endpoint *e, const struct endpoint *was)
{
	enum policy_endpoint_state wanted =
		e->event == POLICY_APPROVE ? POLICY_APPROVED : POLICY_REJECTED;
	/* Who was approved without anybody's decision has a description of the exit node's. */
	bool decided = was && *was->value.decided_by && was->value.how != POLICY_HOW_AUTO;
	return was && was->value.state == wanted &&
	       (strcmp(was->value.description, e->description) == 0 ||
		       (!decided && !*e->description));
}

static bool look(const struct apply_endpoint *e, struct change *c, struct apply_ids *ids,
	json_t *changes)
{
	struct policy_endpoint value = {0};
	char subject[SUBJECT_SIZE];
	const struct private_service *s = catalog_find_service(catalog_of(c), str_from(e->service));
	const struct identity *consumer = catalog_find(catalog_of(c), str_from(e->consumer));
	const struct endpoint *was =
		s && consumer ? catalog_find_endpoint(catalog_of(c), s, consumer, str_from(e->name))
			      : NULL;
	if (!apply_service(c, e->service))
		return refuse(c, e, API_INVALID, "there is no private service ", e->service);
	if (is_so(e, was))
		return apply_say(c, changes, "none", subject_of(e, subject), json_object());
	bool fine = begin(e, c, ids, was, &value) && put(e, c, was, &value, changes);
	policy_endpoint_deinit(&value);
	return fine;
}

bool apply_endpoints_look(const struct apply_endpoints *a, struct change *c, struct apply_ids *ids,
	json_t *changes)
{
	for (size_t i = 0; i < a->n; i++)
		if (!look(&a->v[i], c, ids, changes))
			return false;
	return true;
}
