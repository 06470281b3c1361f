/* SPDX-License-Identifier: MIT */
/* What is said of private services, from JSON; and what a change of it takes away. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "server/admin/service_change.h"

/* ---- From JSON ---- */

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "the server is out of memory");
}

static int set_text(char **to, struct str text, struct error *err)
{
	char *copy = policy_text_new(text);
	if (!copy)
		return no_memory(err);
	policy_text_free(*to);
	*to = copy;
	return 0;
}

/* The texts of an array, with commas between and a NUL behind them. */
static int join(const json_t *array, struct buf *to)
{
	size_t i;
	const json_t *text;
	json_array_foreach(array, i, text)
	{
		if ((i && buf_append(to, ",", 1) < 0) ||
			buf_append(to, json_string_value(text), json_string_length(text)) < 0)
			return -ENOMEM;
	}
	return buf_append(to, "", 1);
}

typedef int list_check_fn(struct str text, const char *what, char **list_out, struct error *err);

/* NULL in `list_out`: it is not given. */
static int list_from_json(const json_t *object, const char *member, list_check_fn *check,
	char **list_out, struct error *err)
{
	const json_t *array = json_object_get(object, member);
	struct buf text = BUF_NULL;
	*list_out = NULL;
	if (!array)
		return 0;
	int r = join(array, &text) < 0
			? no_memory(err)
			: check(str_from((const char *)buf_head(&text)), member, list_out, err);
	buf_deinit(&text);
	return r;
}

static int lists_from_json(struct policy_private_service *s, const json_t *object,
	struct error *err)
{
	char *visibility, *auto_approval = NULL;
	int r = list_from_json(object, "visibility", policy_list_check, &visibility, err);
	if (r == 0)
		r = list_from_json(object, "autoApproval", policy_list_check, &auto_approval, err);
	if (r == 0 && (visibility || auto_approval))
		r = policy_private_service_set_lists(s, visibility, auto_approval, err);
	policy_text_free(visibility);
	policy_text_free(auto_approval);
	return r;
}

static int fqdns_from_json(struct policy_private_service *s, const json_t *object,
	struct error *err)
{
	char *list;
	int r = list_from_json(object, "fqdns", policy_fqdns_check, &list, err);
	if (list) {
		policy_text_free(s->fqdns);
		s->fqdns = list;
	}
	return r;
}

static int description_from_json(struct policy_private_service *s, const json_t *value,
	struct error *err)
{
	const char *text = json_is_null(value) ? "" : json_string_value(value);
	int r = policy_text_check(str_from(text), "description", err);
	return r ? r : set_text(&s->description, str_from(text), err);
}

int service_kind_from_json(const json_t *word, enum policy_service_kind *kind, struct error *err)
{
	static const enum policy_service_kind kinds[] = {POLICY_TCP, POLICY_UDP};
	for (size_t i = 0; word && i < ARRAY_LEN(kinds); i++)
		if (strcmp(json_string_value(word), policy_service_kind_name(kinds[i])) == 0) {
			*kind = kinds[i];
			return 0;
		}
	return word ? error_set(err, -EINVAL, "\"kind\" must be tcp or udp") : 0;
}

int service_from_json(struct policy_private_service *s, const json_t *object, struct error *err)
{
	const json_t *description = json_object_get(object, "description"),
		     *managed = json_object_get(object, "managed");
	int r = lists_from_json(s, object, err);
	if (r == 0)
		r = fqdns_from_json(s, object, err);
	if (r == 0 && description)
		r = description_from_json(s, description, err);
	if (managed)
		s->managed = json_is_true(managed);
	return r;
}

bool service_is_same(const struct policy_private_service *a, const struct policy_private_service *b)
{
	return strcmp(a->visibility, b->visibility) == 0 &&
	       strcmp(a->auto_approval, b->auto_approval) == 0 && strcmp(a->fqdns, b->fqdns) == 0 &&
	       a->managed == b->managed && strcmp(a->description, b->description) == 0;
}

/* ---- What is taken away ---- */

static int append(struct buf *to, struct str member)
{
	if (buf_len(to) && buf_append(to, ",", 1) < 0)
		return -ENOMEM;
	return buf_append(to, member.p, member.n);
}

/* Members of a list who are in another one too, but for those that `but` has literally. */
static int add_common(struct buf *to, const char *list, const char *other, const char *but)
{
	struct str missing;
	int r = 0;
	while (r == 0 && *list) {
		struct str member = {list, strcspn(list, ",")};
		char name[POLICY_NAME_SIZE];
		snprintf(name, sizeof(name), "%.*s", STR_ARG(member));
		if (policy_list_within(name, other, &missing) && !policy_list_has(but, member))
			r = append(to, member);
		list += member.n + (list[member.n] == ',');
	}
	return r;
}

/* Who is in both. -EINVAL: it is longer than a list may be. */
static int list_meet(const char *a, const char *b, char **out)
{
	struct buf text = BUF_NULL;
	struct error err;
	int r = add_common(&text, a, b, "");
	if (r == 0)
		r = add_common(&text, b, a, a);
	if (r == 0)
		r = policy_list_check((struct str){(const char *)buf_head(&text), buf_len(&text)},
			"list", out, &err);
	buf_deinit(&text);
	return r;
}

/* What is left of `was` at once: who is in both of the old lists and the new ones. */
static int narrow(struct policy_private_service *to, const struct policy_private_service *was,
	const struct policy_private_service *is)
{
	char *visibility = NULL, *auto_approval = NULL;
	struct error err;
	int r = policy_private_service_copy(to, was);
	if (r == 0)
		r = list_meet(was->visibility, is->visibility, &visibility);
	if (r == 0)
		r = list_meet(was->auto_approval, is->auto_approval, &auto_approval);
	if (r == 0)
		r = policy_private_service_set_lists(to, visibility, auto_approval, &err);
	policy_text_free(visibility);
	policy_text_free(auto_approval);
	return r;
}

static bool takes(const struct policy_private_service *was, const struct policy_private_service *is)
{
	struct str missing;
	return !policy_list_within(was->visibility, is->visibility, &missing) ||
	       !policy_list_within(was->auto_approval, is->auto_approval, &missing);
}

bool change_service(struct change *c, const struct policy_private_service *was,
	const struct policy_private_service *is)
{
	struct store_row *row = change_add(c, &c->rows, STORE_SERVICE);
	if (!row)
		return false;
	row->rev = was ? was->rev : 0;
	if (policy_private_service_copy(&row->service, is) < 0)
		return change_no_memory(c);
	c->gives = true;
	if (!was || was->deleted || !takes(was, is))
		return true;
	row = change_add(c, &c->narrowed, STORE_SERVICE);
	if (!row)
		return false;
	row->rev = was->rev;
	int r = narrow(&row->service, was, is);
	/* Two lists may have more in common than one has room for: it is taken when it is stored, then. */
	if (r == -EINVAL) {
		store_row_deinit(row);
		c->narrowed.n--;
		return true;
	}
	return r == 0 ? true : change_no_memory(c);
}
