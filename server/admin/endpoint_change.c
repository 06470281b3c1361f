/* SPDX-License-Identifier: MIT */
#include "server/admin/endpoint_change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/key_pair.h"
#include "server/admin/private_json.h"
#include "server/admin/private_scope.h"

/* One of these for each request. */
struct endpoint_change {
	struct admin_change change;
	enum policy_endpoint_event event;
	/* Of the one that it is about, once that is known */
	uint64_t id;
	char path[ENDPOINT_PATH_SIZE];
	struct policy_endpoint_outcome outcome;
};

static struct endpoint_change *of(struct change *c)
{
	return container_of(c, struct endpoint_change, change.change);
}

static void endpoint_change_free(struct change *c)
{
	free(of(c));
}

static void submit(struct api_request *rq, const struct change_ops *ops,
	enum policy_endpoint_event event)
{
	struct endpoint_change *ec = calloc(1, sizeof(*ec));
	if (!ec) {
		api_refuse(rq, API_BUSY, "the server is out of memory");
		return;
	}
	if (!admin_change_begin(&ec->change, rq, ops))
		return;
	ec->event = event;
	ec->change.change.volatile_will_do = true;
	admin_change_submit(&ec->change);
}

/* ---- Rows ---- */

static const char *description_of(struct change *c)
{
	const char *text = json_string_value(json_object_get(request_of(c)->json, "description"));
	return text ? text : "";
}

/* What the event makes of it. False: the request was refused. */
static bool step(struct change *c, const struct endpoint *e, struct policy_endpoint *out)
{
	struct endpoint_change *ec = of(c);
	struct error err = {""};
	int r = policy_endpoint_copy(out, &e->value);
	if (r == 0)
		r = policy_endpoint_apply(out, ec->event, str_from(description_of(c)),
			admin_change_of(c)->actor.name, &ec->outcome, &err);
	if (r == -ENOMEM)
		return change_no_memory(c);
	if (r < 0)
		api_refuse(request_of(c), API_TAKEN, "%s", err.text);
	return r == 0;
}

static bool add(struct change *c, struct change_rows *rows, const struct policy_endpoint *value,
	bool gone)
{
	struct store_row *row = change_add(c, rows, STORE_ENDPOINT);
	if (!row)
		return false;
	row->rev = value->rev;
	row->gone = gone;
	return policy_endpoint_copy(&row->endpoint, value) == 0 ? true : change_no_memory(c);
}

/* What takes is in force before it is stored. */
static bool add_rows(struct change *c, const struct endpoint *e,
	const struct policy_endpoint *value)
{
	struct endpoint_change *ec = of(c);
	bool gone = ec->outcome.state == POLICY_ENDPOINT_NONE;
	ec->id = e->value.id;
	endpoint_path(e, ec->path);
	/* Also what takes nothing is told to its consumer: one that waited is rejected. */
	c->gives = !ec->outcome.cuts;
	return add(c, &c->rows, value, gone) &&
	       (!ec->outcome.cuts || add(c, &c->narrowed, value, gone));
}

static bool note(struct change *c, const char *action, const struct endpoint *e,
	const struct policy_endpoint *is)
{
	char subject[ENDPOINT_SUBJECT_SIZE];
	json_t *detail = json_pack("{s:s, s:s}", "was", policy_endpoint_state_name(e->value.state),
		"description", description_of(c));
	bool fine = detail;
	if (of(c)->outcome.state != POLICY_ENDPOINT_NONE)
		fine = fine && json_object_set_new(detail, "is",
				       json_string(policy_endpoint_state_name(is->state))) == 0;
	if (endpoint_shows_key(e))
		fine = fine && json_object_set_new(detail, "endToEndKey",
				       endpoint_key_json(is->e2e_key)) == 0;
	if (!fine) {
		json_decref(detail);
		detail = NULL;
	}
	return admin_change_note(c, action, endpoint_subject(e, subject), detail);
}

/* ---- Approved, rejected ---- */

/*
 * Whoever decides may have looked at a key, and then it is about that one: a consumer that shows another meanwhile is
 * not approved with it. False: the request was refused.
 */
static bool key_holds(struct change *c, const struct endpoint *e)
{
	const char *text = json_string_value(json_object_get(request_of(c)->json, "endToEndKey"));
	uint8_t key[POLICY_KEY_SIZE];
	char there[KEY_TEXT_LEN + 1] = "none";
	if (!text)
		return true;
	if (!key_parse(str_from(text), key)) {
		api_refuse(request_of(c), API_INVALID,
			"\"endToEndKey\" is no key: it is written x25519/ and 64 hexadecimal "
			"digits");
		return false;
	}
	if (memcmp(key, e->value.e2e_key, sizeof(key)) == 0)
		return true;
	if (policy_key_given(e->value.e2e_key))
		key_text(e->value.e2e_key, there);
	api_refuse(request_of(c), API_STALE,
		"its end-to-end key is another than that which is to be decided about: %s", there);
	return false;
}

static bool decide_check(struct change *c)
{
	struct api_request *rq = request_of(c);
	struct policy_endpoint is = {0};
	struct error err;
	const struct endpoint *e = private_scope_decided(rq, api_parameter(rq, 0));
	if (!e || !api_if_match(rq, e->value.rev) || !key_holds(c, e))
		return false;
	if (policy_text_check(str_from(description_of(c)), "description", &err) < 0) {
		api_refuse(rq, API_INVALID, "%s", err.text);
		return false;
	}
	bool fine = step(c, e, &is) && add_rows(c, e, &is) &&
		    note(c, of(c)->event == POLICY_APPROVE ? "endpoint.approve" : "endpoint.reject",
			    e, &is);
	policy_endpoint_deinit(&is);
	return fine;
}

static void decide_answer(struct change *c)
{
	struct api_request *rq = request_of(c);
	const struct endpoint *e = catalog_find_endpoint_row(catalog_of(c), of(c)->id);
	json_t *json = e ? endpoint_json(admin_of(rq), e) : NULL;
	if (json && json_object_set_new(json, "streamsCut", json_integer(c->cut))) {
		json_decref(json);
		json = NULL;
	}
	if (e)
		api_set_etag(rq, e->value.rev);
	api_answer(rq, 200, json);
}

static const struct change_ops decide_ops =
	ADMIN_CHANGE_OPS(decide_check, decide_answer, endpoint_change_free);

void endpoint_approve(struct api_request *rq)
{
	submit(rq, &decide_ops, POLICY_APPROVE);
}

void endpoint_reject(struct api_request *rq)
{
	submit(rq, &decide_ops, POLICY_REJECT);
}

/* ---- Deleted ---- */

/*
 * By whom: who is its consumer takes it away for good. So may an operator, once it is Disconnected: its consumer may
 * never come again.
 */
static enum policy_endpoint_event deleted_by(const struct api_actor *actor,
	const struct endpoint *e)
{
	if (actor->identity == e->consumer)
		return POLICY_DELETE;
	return actor->may_all && e->value.state == POLICY_DISCONNECTED ? POLICY_DELETE
								       : POLICY_REMOVE;
}

static bool delete_check(struct change *c)
{
	struct api_request *rq = request_of(c);
	struct policy_endpoint is = {0};
	const struct endpoint *e = private_scope_endpoint(rq, api_parameter(rq, 0));
	if (!e || !api_if_match(rq, e->value.rev))
		return false;
	of(c)->event = deleted_by(&rq->actor, e);
	bool fine =
		step(c, e, &is) && add_rows(c, e, &is) &&
		note(c, of(c)->event == POLICY_DELETE ? "endpoint.delete" : "endpoint.disconnect",
			e, &is);
	policy_endpoint_deinit(&is);
	return fine;
}

static void delete_answer(struct change *c)
{
	bool gone = of(c)->event == POLICY_DELETE;
	api_answer(request_of(c), 200,
		json_pack("{s:s, s:o, s:i}", "id", of(c)->path, "status",
			gone ? json_null()
			     : json_string(policy_endpoint_state_name(of(c)->outcome.state)),
			"streamsCut", (int)c->cut));
}

static const struct change_ops delete_ops =
	ADMIN_CHANGE_OPS(delete_check, delete_answer, endpoint_change_free);

void endpoint_delete(struct api_request *rq)
{
	submit(rq, &delete_ops, POLICY_REMOVE);
}
