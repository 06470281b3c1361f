/* SPDX-License-Identifier: MIT */
#include "policy/private_service.h"

#include <errno.h>
#include <string.h>

const char *policy_service_kind_name(enum policy_service_kind kind)
{
	return kind == POLICY_UDP ? "udp" : "tcp";
}

/* ---- Values ---- */

static bool has_all(const struct policy_private_service *s)
{
	return s->name && s->display && s->tag && s->visibility && s->auto_approval && s->fqdns &&
	       s->description;
}

static int no_memory(struct policy_private_service *s)
{
	policy_private_service_deinit(s);
	return -ENOMEM;
}

int policy_private_service_init(struct policy_private_service *s, const char *display,
	uint64_t owner, enum policy_service_kind kind)
{
	char name[POLICY_NAME_SIZE] = "", tag[POLICY_TAG_SIZE];
	struct error unused;
	uint64_t now = policy_now();
	policy_name_check(str_from(display), name, &unused);
	*s = (struct policy_private_service){
		.name = policy_text_new(str_from(name)),
		.display = policy_text_new(str_from(display)),
		.tag = policy_text_new(str_from(policy_tag_draw(tag))),
		.owner = owner,
		.kind = kind,
		.visibility = policy_text_new(STR("")),
		.auto_approval = policy_text_new(STR("")),
		.fqdns = policy_text_new(STR("")),
		.description = policy_text_new(STR("")),
		.created_at = now,
		.updated_at = now,
	};
	return has_all(s) ? 0 : no_memory(s);
}

int policy_private_service_copy(struct policy_private_service *to,
	const struct policy_private_service *from)
{
	*to = *from;
	to->name = policy_text_new(str_from(from->name));
	to->display = policy_text_new(str_from(from->display));
	to->tag = policy_text_new(str_from(from->tag));
	to->visibility = policy_text_new(str_from(from->visibility));
	to->auto_approval = policy_text_new(str_from(from->auto_approval));
	to->fqdns = policy_text_new(str_from(from->fqdns));
	to->description = policy_text_new(str_from(from->description));
	return has_all(to) ? 0 : no_memory(to);
}

void policy_private_service_deinit(struct policy_private_service *s)
{
	policy_text_free(s->name);
	policy_text_free(s->display);
	policy_text_free(s->tag);
	policy_text_free(s->visibility);
	policy_text_free(s->auto_approval);
	policy_text_free(s->fqdns);
	policy_text_free(s->description);
	memset(s, 0, sizeof *s);
}

static void replace(char **text, char *with)
{
	policy_text_free(*text);
	*text = with;
}

int policy_private_service_set_lists(struct policy_private_service *s, const char *visibility,
	const char *auto_approval, struct error *err)
{
	struct str who;
	visibility = visibility ? visibility : s->visibility;
	auto_approval = auto_approval ? auto_approval : s->auto_approval;
	if (!policy_list_within(auto_approval, visibility, &who))
		return error_set(err, -EINVAL,
			"%.*s is on the auto-approval list of %s and not on its visibility list: "
			"who may not ask needs no approval",
			STR_ARG(who), s->name);
	char *seen_by = policy_text_new(str_from(visibility));
	char *approved = policy_text_new(str_from(auto_approval));
	if (!seen_by || !approved) {
		policy_text_free(seen_by);
		policy_text_free(approved);
		return error_set(err, -ENOMEM, "no memory");
	}
	replace(&s->visibility, seen_by);
	replace(&s->auto_approval, approved);
	return 0;
}

int policy_private_service_revive(struct policy_private_service *s)
{
	char drawn[POLICY_TAG_SIZE];
	char *tag = policy_text_new(str_from(policy_tag_draw(drawn)));
	if (!tag)
		return -ENOMEM;
	replace(&s->tag, tag);
	s->deleted = false;
	s->updated_at = policy_now();
	return 0;
}

bool policy_key_given(const uint8_t key[POLICY_KEY_SIZE])
{
	uint8_t any = 0;
	for (size_t i = 0; i < POLICY_KEY_SIZE; i++)
		any |= key[i];
	return any;
}

/* ---- Who may ask ---- */

bool policy_visible(const struct policy_private_service *s, const char *identity, bool is_owner,
	bool by_alias)
{
	if (s->deleted)
		return false;
	return is_owner || policy_list_has(s->visibility, str_from(identity)) ||
	       policy_list_has(s->visibility, STR(POLICY_LIST_ALL)) ||
	       (by_alias && policy_list_has(s->visibility, STR(POLICY_LIST_ANY)));
}

bool policy_auto_approves(const struct policy_private_service *s, const char *identity)
{
	return policy_list_has(s->auto_approval, str_from(identity)) ||
	       policy_list_has(s->auto_approval, STR(POLICY_LIST_ALL)) ||
	       policy_list_has(s->auto_approval, STR(POLICY_LIST_ANY));
}
