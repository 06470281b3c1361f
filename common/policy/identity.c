/* SPDX-License-Identifier: MIT */
#include "policy/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

const char *policy_state_name(enum policy_state state)
{
	static const char *const names[] = {
		[POLICY_ACTIVE] = "active",
		[POLICY_REVOKED] = "revoked",
		[POLICY_EXPIRED] = "expired",
	};
	return names[state];
}

int policy_identity_init(struct policy_identity *i, const char *name)
{
	uint64_t now = policy_now();
	*i = (struct policy_identity){
		.max_sessions = POLICY_NONE,
		.max_streams = POLICY_NONE,
		.max_endpoints = POLICY_NONE,
		.rate_up = POLICY_NONE,
		.rate_down = POLICY_NONE,
		.expires_at = POLICY_NONE,
		.created_at = now,
		.updated_at = now,
		.name = policy_text_new(str_from(name)),
		.description = policy_text_new(STR("")),
	};
	return i->name ? 0 : -ENOMEM;
}

int policy_identity_init_all(struct policy_identity *i, const char *name)
{
	/* Without a "consume" and a "from" there is no bound there. */
	static const struct {
		enum policy_grant_kind kind;
		struct str text;
	} all[] = {
		{POLICY_HOST, STR("*")},
		{POLICY_TCP_PORT, STR("0")},
		{POLICY_UDP_PORT, STR("0")},
		{POLICY_PUBLISH, STR("*")},
	};
	struct error err;
	int r = policy_identity_init(i, name);
	for (size_t n = 0; !r && n < ARRAY_LEN(all); n++)
		r = policy_grants_add(&i->grants, all[n].kind, all[n].text, &err);
	if (r)
		policy_identity_deinit(i);
	return r;
}

int policy_identity_copy(struct policy_identity *to, const struct policy_identity *from)
{
	*to = *from;
	to->name = policy_text_new(str_from(from->name));
	to->description = policy_text_new(str_from(from->description));
	/* Empty when it fails, so that nothing of `from` is freed with it. */
	int r = policy_grants_copy(&to->grants, &from->grants);
	if (!r && to->name && to->description)
		return 0;
	policy_identity_deinit(to);
	return -ENOMEM;
}

void policy_identity_deinit(struct policy_identity *i)
{
	policy_text_free(i->name);
	policy_text_free(i->description);
	policy_grants_deinit(&i->grants);
	memset(i, 0, sizeof *i);
}

enum policy_state policy_identity_state(const struct policy_identity *i, uint64_t now)
{
	return i->revoked ? POLICY_REVOKED : now >= i->expires_at ? POLICY_EXPIRED : POLICY_ACTIVE;
}

int policy_credential_copy(struct policy_credential *to, const struct policy_credential *from)
{
	*to = *from;
	to->label = policy_text_new(str_from(from->label ? from->label : ""));
	if (to->label)
		return 0;
	policy_credential_deinit(to);
	return -ENOMEM;
}

void policy_credential_deinit(struct policy_credential *c)
{
	policy_text_free(c->label);
	memset(c, 0, sizeof *c);
}

enum policy_state policy_credential_state(const struct policy_credential *c, uint64_t now)
{
	/* A time to come is no exception: nobody revokes for later. */
	if (c->revoked_at != POLICY_NONE)
		return POLICY_REVOKED;
	return now >= c->expires_at ? POLICY_EXPIRED : POLICY_ACTIVE;
}

void policy_meta_deinit(struct policy_meta *m)
{
	free(m->name);
	free(m->value);
	*m = (struct policy_meta){0};
}
