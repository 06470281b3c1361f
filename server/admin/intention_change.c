/* SPDX-License-Identifier: MIT */
#include "server/admin/intention_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/admin/intention_json.h"
#include "server/admin/intention_scope.h"

/* One of these for each request. */
struct intention_change {
	struct admin_change change;
	struct policy_intention value; /* what is asked for */
	bool replaces;                 /* PUT */
	bool was_there;
};

static struct intention_change *of(struct change *c)
{
	return container_of(c, struct intention_change, change.change);
}

static void intention_change_free(struct change *c)
{
	policy_intention_deinit(&of(c)->value);
	free(of(c));
}

/* ---- Rows ---- */

bool change_intention(struct change *c, const struct policy_intention *value, bool gone, bool takes)
{
	struct change_rows *const places[] = {&c->rows, &c->narrowed};
	for (size_t n = 0; n < (takes ? 2 : 1); n++) {
		struct store_row *row = change_add(c, places[n], STORE_INTENTION);
		if (!row)
			return false;
		if (policy_intention_copy(&row->intention, value) < 0)
			return change_no_memory(c);
		row->rev = value->rev;
		row->gone = gone;
	}
	return true;
}

/* ---- Made, or another one than it was ---- */

static bool has_room(struct change *c, const char *destination)
{
	const struct catalog_intentions *intentions = &catalog_of(c)->intentions;
	size_t n = 0;
	for (size_t i = 0; i < intentions->n; i++)
		n += strcmp(intentions->v[i]->destination, destination) == 0;
	if (n < INTENTIONS_OF_SERVICE_MAX || request_of(c)->actor.may_all)
		return true;
	api_refuse(request_of(c), API_LIMIT, "%s has %d intentions already", destination,
		INTENTIONS_OF_SERVICE_MAX);
	return false;
}

static bool refuse_taken(struct change *c, const struct policy_intention *i)
{
	api_refuse(request_of(c), API_TAKEN,
		"there is an intention %s => %s (%s) already, and a pair has one: --replace "
		"replaces it",
		i->source, i->destination, policy_action_name(i->action));
	return false;
}

bool intention_is_same(const struct policy_intention *a, const struct policy_intention *b)
{
	return a->action == b->action && strcmp(a->description, b->description) == 0 &&
	       strcmp(a->meta, b->meta) == 0;
}

static void answer_put(struct change *c)
{
	const struct policy_intention *value = &of(c)->value;
	struct api_request *rq = request_of(c);
	const struct policy_intention *i = catalog_find_intention(&catalog_of(c)->intentions,
		value->source, value->destination);
	bool was_there = of(c)->was_there;
	json_t *json = i ? intention_json(i) : NULL;
	if (json && (json_object_set_new(json, "replaced", json_boolean(was_there)) ||
			    json_object_set_new(json, "streamsCut", json_integer(c->cut)))) {
		json_decref(json);
		json = NULL;
	}
	if (i)
		api_set_etag(rq, i->rev);
	if (!was_there && asprintf(&rq->location, "/api/v1/intentions/%s/%s", value->source,
				  value->destination) < 0)
		rq->location = NULL;
	api_answer(rq, was_there ? 200 : 201, json);
}

/* What one says that is new, or of one that was there what is another now. */
static bool put_note(struct change *c, const struct policy_intention *was)
{
	const struct policy_intention *is = &of(c)->value;
	char subject[INTENTION_SUBJECT_SIZE];
	json_t *detail = json_pack("{s:o}", "is", intention_value_json(is));
	if (detail && was && json_object_set_new(detail, "was", intention_value_json(was))) {
		json_decref(detail);
		detail = NULL;
	}
	return admin_change_note(c, was ? "intention.replace" : "intention.create",
		intention_subject(is, subject), detail);
}

static bool put_check(struct change *c)
{
	struct intention_change *ic = of(c);
	struct policy_intention *is = &ic->value;
	const struct catalog_intentions *intentions = &catalog_of(c)->intentions;
	const struct policy_intention *was =
		catalog_find_intention(intentions, is->source, is->destination);
	ic->was_there = was;
	if (!intention_scope_may(request_of(c), is->destination) ||
		!api_if_match(request_of(c), was ? was->rev : 0))
		return false;
	if (was && !ic->replaces)
		return refuse_taken(c, was);
	/* What an earlier one left alone, one that does not say so cuts. */
	bool cuts = is->action == POLICY_DENY && !c->keep_live && c->queue->registrar &&
		    attachments_any_kept(c->queue->registrar);
	if (was && !cuts && intention_is_same(was, is)) {
		answer_put(c);
		return false;
	}
	if (!was && !has_room(c, is->destination))
		return false;
	is->id = was ? was->id : intentions->max_id + 1;
	is->rev = was ? was->rev : 0;
	if (was) {
		is->created_at = was->created_at;
		memcpy(is->uid, was->uid, sizeof(is->uid));
	}
	/* The action of one that stays what it was takes nothing and gives nothing. */
	bool another = !was || was->action != is->action;
	c->gives = another && is->action == POLICY_ALLOW;
	bool takes = cuts || (another && is->action == POLICY_DENY);
	return change_intention(c, is, false, takes) && put_note(c, was);
}

static const struct change_ops put_ops =
	ADMIN_CHANGE_OPS(put_check, answer_put, intention_change_free);

/* ---- Deleted ---- */

static void answer_deleted(struct change *c)
{
	api_answer(request_of(c), 200,
		json_pack("{s:b, s:i}", "deleted", of(c)->was_there, "streamsCut", (int)c->cut));
}

static bool delete_check(struct change *c)
{
	struct intention_change *ic = of(c);
	char subject[INTENTION_SUBJECT_SIZE];
	const struct policy_intention *i = catalog_find_intention(&catalog_of(c)->intentions,
		ic->value.source, ic->value.destination);
	ic->was_there = i;
	if (!intention_scope_may(request_of(c), ic->value.destination) ||
		!api_if_match(request_of(c), i ? i->rev : 0))
		return false;
	if (!i) {
		answer_deleted(c);
		return false;
	}
	c->gives = i->action == POLICY_DENY;
	return change_intention(c, i, true, i->action == POLICY_ALLOW) &&
	       admin_change_note(c, "intention.delete", intention_subject(i, subject),
		       json_pack("{s:o}", "was", intention_value_json(i)));
}

static const struct change_ops delete_ops =
	ADMIN_CHANGE_OPS(delete_check, answer_deleted, intention_change_free);

/* ---- What is asked ---- */

/* The value that the request names and says. False: it was refused. */
static bool read_value(struct api_request *rq, const char *source, const char *destination,
	struct policy_intention *out)
{
	char of_name[POLICY_NAME_SIZE], to_name[POLICY_NAME_SIZE];
	struct error err;
	if (!intention_scope_name(rq, "source", source, of_name) ||
		!intention_scope_name(rq, "destination", destination, to_name))
		return false;
	if (policy_intention_init(out, of_name, to_name, POLICY_ALLOW) < 0) {
		api_refuse(rq, API_BUSY, "the server is out of memory");
		return false;
	}
	int r = intention_from_json(out, rq->json, &err);
	char *by = policy_text_new(str_from(rq->actor.name));
	if (r < 0 || !by) {
		api_refuse(rq, r == -EINVAL ? API_INVALID : API_BUSY, "%s",
			r < 0 ? err.text : "the server is out of memory");
		policy_text_free(by);
		return false;
	}
	policy_text_free(out->created_by);
	out->created_by = by;
	return true;
}

static void ask_for(struct api_request *rq, const struct change_ops *ops, const char *source,
	const char *destination, bool replaces)
{
	bool keep_live = false;
	if (!api_query_flag(rq, "keepLive", &keep_live))
		return;
	struct intention_change *ic = calloc(1, sizeof(*ic));
	if (!ic) {
		api_refuse(rq, API_BUSY, "the server is out of memory");
		return;
	}
	/* Asked again when its turn has come: the private service may be another's by then. */
	if (!read_value(rq, source, destination, &ic->value) ||
		!intention_scope_may(rq, ic->value.destination)) {
		policy_intention_deinit(&ic->value);
		free(ic);
		return;
	}
	ic->replaces = replaces;
	ic->change.change.keep_live = keep_live;
	if (admin_change_begin(&ic->change, rq, ops))
		admin_change_submit(&ic->change);
}

void intention_create(struct api_request *rq)
{
	ask_for(rq, &put_ops, json_string_value(json_object_get(rq->json, "source")),
		json_string_value(json_object_get(rq->json, "destination")), false);
}

void intention_put(struct api_request *rq)
{
	ask_for(rq, &put_ops, api_parameter(rq, 0), api_parameter(rq, 1), true);
}

void intention_delete(struct api_request *rq)
{
	ask_for(rq, &delete_ops, api_parameter(rq, 0), api_parameter(rq, 1), true);
}
