/* SPDX-License-Identifier: MIT */
#include "policy/root.h"

#include <errno.h>
#include <string.h>

#include "policy/name.h"

static int set_texts(struct policy_root *r, const char *certificate, const char *cross)
{
	r->certificate = policy_text_new(str_from(certificate));
	r->cross = policy_text_new(str_from(cross));
	if (r->certificate && r->cross)
		return 0;
	policy_root_deinit(r);
	return -ENOMEM;
}

int policy_root_init(struct policy_root *r, const char *certificate, const char *cross)
{
	uint64_t now = policy_now();
	*r = (struct policy_root){.lifetime = POLICY_CERTIFICATE_LIFETIME,
		.listed_until = POLICY_NONE,
		.created_at = now,
		.updated_at = now};
	return set_texts(r, certificate, cross);
}

int policy_root_copy(struct policy_root *to, const struct policy_root *from)
{
	*to = *from;
	return set_texts(to, from->certificate, from->cross);
}

void policy_root_deinit(struct policy_root *r)
{
	policy_text_free(r->certificate);
	policy_text_free(r->cross);
	explicit_bzero(r, sizeof *r);
}

void policy_root_retire(struct policy_root *r)
{
	r->updated_at = policy_now();
	r->listed_until = r->updated_at + 2 * r->lifetime;
	explicit_bzero(r->key, sizeof r->key);
}

bool policy_root_listed(const struct policy_root *r, uint64_t now)
{
	return r->listed_until == POLICY_NONE || now < r->listed_until;
}
