/* SPDX-License-Identifier: MIT */
#include "server/admin/intention_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/admin/identity_json.h"

/* ---- From JSON ---- */

static int set_text(char **to, const char *text, struct error *err)
{
	char *copy = policy_text_new(str_from(text));
	if (!copy)
		return error_set(err, -ENOMEM, "the server is out of memory");
	policy_text_free(*to);
	*to = copy;
	return 0;
}

static int set_description(struct policy_intention *i, const json_t *value, struct error *err)
{
	const char *text = json_string_value(value);
	int r = text ? policy_text_check(str_from(text), "description", err) : 0;
	return r ? r : set_text(&i->description, text ? text : "", err);
}

/* In one order of its members, so that the same is written the same. */
static int set_meta(struct policy_intention *i, const json_t *value, struct error *err)
{
	char *text = json_is_object(value) ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS)
					   : strdup("{}");
	int r = text ? set_text(&i->meta, text, err)
		     : error_set(err, -ENOMEM, "the server is out of memory");
	if (!r && strlen(text) > POLICY_META_MAX)
		r = error_set(err, -EINVAL, "\"meta\" has more than %d bytes", POLICY_META_MAX);
	free(text);
	return r;
}

int intention_from_json(struct policy_intention *i, const json_t *object, struct error *err)
{
	const json_t *action = json_object_get(object, "action");
	int r = action ? policy_action_parse((struct str){json_string_value(action),
						     json_string_length(action)},
				 &i->action, err)
		       : 0;
	if (!r)
		r = set_description(i, json_object_get(object, "description"), err);
	return r ? r : set_meta(i, json_object_get(object, "meta"), err);
}

/* ---- To JSON ---- */

/* What was put there is an object; a store of somebody else's making may have anything. */
static json_t *meta_json(const struct policy_intention *i)
{
	json_t *meta = json_loads(i->meta, 0, NULL);
	if (json_is_object(meta))
		return meta;
	json_decref(meta);
	return json_object();
}

json_t *intention_value_json(const struct policy_intention *i)
{
	return json_pack("{s:s, s:s, s:o}", "action", policy_action_name(i->action), "description",
		i->description, "meta", meta_json(i));
}

json_t *intention_json(const struct policy_intention *i)
{
	char id[POLICY_UUID_SIZE];
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:o, s:s, s:o, s:o, s:I}", "id",
		policy_uuid_format(i->uid, id), "source", i->source, "destination", i->destination,
		"action", policy_action_name(i->action), "precedence",
		(int)policy_precedence(i->source, i->destination), "description", i->description,
		"meta", meta_json(i), "createdBy", i->created_by, "createdAt",
		time_json(i->created_at), "updatedAt", time_json(i->updated_at), "revision",
		(json_int_t)i->rev);
}

char *intention_subject(const struct policy_intention *i, char to[INTENTION_SUBJECT_SIZE])
{
	snprintf(to, INTENTION_SUBJECT_SIZE, "%s => %s", i->source, i->destination);
	return to;
}
