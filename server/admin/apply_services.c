/* SPDX-License-Identifier: MIT */
#include "server/admin/apply_services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/admin/private_json.h"
#include "server/admin/service_change.h"

/* ---- What is asked ---- */

static const struct api_member members[] = {
	{"name", API_TEXT, .max = POLICY_NAME_MAX, .required = true},
	{"owner", API_TEXT, .max = POLICY_NAME_MAX},
	{"kind", API_TEXT, .max = sizeof "tcp" - 1},
	SERVICE_MEMBERS,
	{0},
};

static int read_one(struct apply_service *s, const json_t *object, struct error *err)
{
	char name[POLICY_NAME_SIZE];
	enum policy_service_kind kind = POLICY_TCP;
	const json_t *display = json_object_get(object, "name"),
		     *owner = json_object_get(object, "owner"),
		     *given = json_object_get(object, "kind");
	int r = api_members_check(object, members, err);
	struct str of = {json_string_value(display), json_string_length(display)};
	r = r ? r : policy_name_check(of, name, err);
	strcpy(s->owner, POLICY_DEFAULT);
	if (r == 0 && owner)
		r = policy_name_check((struct str){json_string_value(owner),
					      json_string_length(owner)},
			s->owner, err);
	r = r ? r : service_kind_from_json(given, &kind, err);
	if (r)
		return r;
	s->kind_given = given;
	if (policy_private_service_init(&s->value, json_string_value(display), 0, kind) < 0)
		return -ENOMEM;
	s->value.managed = true;
	return service_from_json(&s->value, object, err);
}

static bool is_twice(const struct apply_services *a, const struct apply_service *s)
{
	for (size_t n = 0; n < a->n; n++)
		if (strcmp(a->v[n].value.name, s->value.name) == 0)
			return true;
	return false;
}

int apply_services_read(struct apply_services *a, const json_t *list, struct error *err)
{
	size_t i;
	const json_t *object;
	a->v = calloc(json_array_size(list) + 1, sizeof(*a->v));
	if (!a->v)
		return error_set(err, -ENOMEM, "the server is out of memory");
	json_array_foreach(list, i, object)
	{
		struct apply_service *each = &a->v[i];
		int r = read_one(each, object, err);
		if (r == 0 && is_twice(a, each))
			r = error_set(err, -EINVAL, "%s is there twice", each->value.name);
		if (r == 0 || each->value.name)
			a->n++;
		if (r == -EINVAL)
			error_prefix(err, "service %zu", i + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

void apply_services_deinit(struct apply_services *a)
{
	for (size_t i = 0; i < a->n; i++)
		policy_private_service_deinit(&a->v[i].value);
	free(a->v);
	*a = (struct apply_services){0};
}

/* ---- What it does ---- */

static bool refuse(struct change *c, enum api_reason reason, const char *name, const char *what,
	const char *who)
{
	api_refuse(request_of(c), reason, "service %s: %s%s", name, what, who);
	return false;
}

static bool may_be(const struct apply_service *s, struct change *c,
	const struct policy_identity *owner, const struct private_service *was)
{
	const char *name = s->value.name;
	if (!owner)
		return refuse(c, API_INVALID, name, "there is no identity ", s->owner);
	if (was && was->value.owner != owner->id)
		return refuse(c, API_TAKEN, name, "the name is taken, by ", was->owner->name);
	if (!policy_may_publish(&owner->grants, str_from(name)))
		return refuse(c, API_DENIED, name, "it takes \"publish\" in what may ", s->owner);
	if (was && !was->value.deleted && s->kind_given && s->value.kind != was->value.kind)
		return refuse(c, API_INVALID, name, "its kind is what its client publishes: ",
			policy_service_kind_name(was->value.kind));
	return true;
}

/* The file's texts, in what else was there. */
static struct policy_private_service merged(const struct apply_service *s, struct apply_ids *ids,
	uint64_t owner, const struct private_service *was)
{
	struct policy_private_service is = s->value; /* its texts stay the file's */
	is.owner = owner;
	is.id = was ? was->value.id : ids->service++;
	is.rev = was ? was->value.rev : 0;
	if (was && !was->value.deleted) {
		is.tag = was->value.tag;
		is.kind = was->value.kind;
		is.created_at = was->value.created_at;
		memcpy(is.e2e_key, was->value.e2e_key, sizeof(is.e2e_key));
	}
	return is;
}

static json_t *difference(const struct policy_private_service *was,
	const struct policy_private_service *is)
{
	json_t *detail = json_pack("{s:o}", "is", service_value_json(is));
	if (detail && was && json_object_set_new(detail, "was", service_value_json(was))) {
		json_decref(detail);
		return NULL;
	}
	return detail;
}

static bool look(const struct apply_service *s, struct change *c, struct apply_ids *ids,
	json_t *changes)
{
	char subject[POLICY_NAME_SIZE + sizeof "service "];
	bool failed;
	const struct policy_identity *owner = apply_identity(c, s->owner, ids, &failed);
	const struct private_service *was =
		catalog_find_service(catalog_of(c), str_from(s->value.name));
	if (failed || !may_be(s, c, owner, was))
		return false;
	snprintf(subject, sizeof(subject), "service %s", s->value.name);
	struct policy_private_service is = merged(s, ids, owner->id, was);
	bool there = was && !was->value.deleted;
	if (there && service_is_same(&was->value, &is))
		return apply_say(c, changes, "none", subject, json_object());
	return change_service(c, was ? &was->value : NULL, &is) &&
	       apply_say(c, changes, there ? "update" : "create", subject,
		       difference(there ? &was->value : NULL, &is));
}

bool apply_services_look(const struct apply_services *a, struct change *c, struct apply_ids *ids,
	json_t *changes)
{
	for (size_t i = 0; i < a->n; i++)
		if (!look(&a->v[i], c, ids, changes))
			return false;
	return true;
}
