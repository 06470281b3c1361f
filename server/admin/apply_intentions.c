/* SPDX-License-Identifier: MIT */
#include "server/admin/apply_intentions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/admin/intention_change.h"
#include "server/base/options.h"
#include "server/base/worker.h"
#include "server/control/registrar.h"
#include "server/store/catalog.h"

/* ---- What is asked ---- */

static const struct api_member members[] = {
	{"source", API_TEXT, .max = POLICY_NAME_MAX, .required = true},
	{"destination", API_TEXT, .max = POLICY_NAME_MAX, .required = true},
	INTENTION_MEMBERS,
	{0},
};

static int read_name(const json_t *object, const char *member, char out[POLICY_NAME_SIZE],
	struct error *err)
{
	const json_t *text = json_object_get(object, member);
	int r = policy_intention_check_name((struct str){json_string_value(text),
						    json_string_length(text)},
		out, err);
	if (r < 0)
		error_prefix(err, "the %s", member);
	return r;
}

static int read_one(struct policy_intention *i, const json_t *object, const char *by,
	struct error *err)
{
	char source[POLICY_NAME_SIZE], destination[POLICY_NAME_SIZE];
	int r = api_members_check(object, members, err);
	r = r ? r : read_name(object, "source", source, err);
	r = r ? r : read_name(object, "destination", destination, err);
	if (r)
		return r;
	if (policy_intention_init(i, source, destination, POLICY_ALLOW) < 0)
		return -ENOMEM;
	policy_text_free(i->created_by);
	i->created_by = policy_text_new(str_from(by));
	return i->created_by ? intention_from_json(i, object, err) : -ENOMEM;
}

static bool is_twice(const struct apply_intentions *a, const struct policy_intention *i)
{
	for (size_t n = 0; n < a->n; n++)
		if (policy_intention_order(&a->v[n], i) == 0)
			return true;
	return false;
}

int apply_intentions_read(struct apply_intentions *a, const json_t *list, const char *by,
	struct error *err)
{
	size_t i;
	const json_t *object;
	a->v = calloc(json_array_size(list) + 1, sizeof(*a->v));
	if (!a->v)
		return error_set(err, -ENOMEM, "the server is out of memory");
	json_array_foreach(list, i, object)
	{
		struct policy_intention *each = &a->v[i];
		char subject[INTENTION_SUBJECT_SIZE];
		int r = read_one(each, object, by, err);
		if (r == 0 && is_twice(a, each))
			r = error_set(err, -EINVAL, "%s is there twice",
				intention_subject(each, subject));
		if (r == 0 || each->source)
			a->n++;
		if (r == -EINVAL)
			error_prefix(err, "intention %zu", i + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

void apply_intentions_deinit(struct apply_intentions *a)
{
	for (size_t i = 0; i < a->n; i++)
		policy_intention_deinit(&a->v[i]);
	free(a->v);
	*a = (struct apply_intentions){0};
}

/* ---- What it does ---- */

static bool meet(const char *a, const char *b)
{
	return strcmp(a, POLICY_ANY) == 0 || strcmp(b, POLICY_ANY) == 0 || strcmp(a, b) == 0;
}

/*
 * Whether every pair that an allow decides about was allowed before. Then it may be in force as soon as the denies
 * of the same file, which else cut for a moment what is allowed before and behind. In doubt it is not.
 */
static bool gives_nothing(struct change *c, const struct policy_intention *allow)
{
	const struct catalog_intentions *there = &catalog_of(c)->intentions;
	if (!c->queue->registrar)
		return false; /* nothing lives */
	const struct policy_intention *by =
		catalog_decide(there, allow->source, allow->destination);
	enum policy_action action =
		by ? by->action : server_default_intention(c->queue->registrar->worker->opts);
	bool pair = strcmp(allow->source, POLICY_ANY) != 0 &&
		    strcmp(allow->destination, POLICY_ANY) != 0;
	for (size_t i = 0; i < there->n && !pair; i++)
		if (there->v[i]->action == POLICY_DENY &&
			meet(there->v[i]->source, allow->source) &&
			meet(there->v[i]->destination, allow->destination))
			return false;
	return action == POLICY_ALLOW;
}

static json_t *difference(const struct policy_intention *was, const struct policy_intention *is)
{
	json_t *detail = json_pack("{s:o}", "is", intention_value_json(is));
	if (detail && was && json_object_set_new(detail, "was", intention_value_json(was))) {
		json_decref(detail);
		return NULL;
	}
	return detail;
}

static bool say(struct change *c, json_t *changes, const char *action,
	const struct policy_intention *i, json_t *detail)
{
	char subject[INTENTION_SUBJECT_SIZE];
	json_t *item = json_pack("{s:s, s:s, s:o}", "action", action, "subject",
		intention_subject(i, subject), "detail", detail);
	return json_array_append_new(changes, item) == 0 ? true : change_no_memory(c);
}

static bool is_another(const struct policy_intention *was, const struct policy_intention *is)
{
	return !was || was->action != is->action;
}

/* Whether any of them denies what is not denied by its own pair already. */
static bool takes(const struct apply_intentions *a, const struct catalog_intentions *there)
{
	for (size_t n = 0; n < a->n; n++) {
		const struct policy_intention *is = &a->v[n];
		if (is->action == POLICY_DENY &&
			is_another(catalog_find_intention(there, is->source, is->destination), is))
			return true;
	}
	return false;
}

static bool look(const struct policy_intention *is, struct change *c, json_t *changes,
	bool beside_denies, uint64_t *next_id)
{
	const struct policy_intention *was =
		catalog_find_intention(&catalog_of(c)->intentions, is->source, is->destination);
	if (was && intention_is_same(was, is))
		return say(c, changes, "none", is, json_object());
	struct policy_intention row = *is; /* its texts stay the file's */
	row.id = was ? was->id : (*next_id)++;
	row.rev = was ? was->rev : 0;
	if (was) {
		row.created_at = was->created_at;
		memcpy(row.uid, was->uid, sizeof(row.uid));
	}
	bool gives = is_another(was, is) && is->action == POLICY_ALLOW;
	c->gives |= gives;
	bool early = is_another(was, is) && beside_denies && (!gives || gives_nothing(c, is));
	return change_intention(c, &row, false, early) &&
	       say(c, changes, was ? "update" : "create", is, difference(was, is));
}

bool apply_intentions_look(const struct apply_intentions *a, struct change *c, json_t *changes)
{
	uint64_t next_id = catalog_of(c)->intentions.max_id + 1;
	bool denies = takes(a, &catalog_of(c)->intentions);
	for (size_t i = 0; i < a->n; i++)
		if (!look(&a->v[i], c, changes, denies, &next_id))
			return false;
	return true;
}
