/* SPDX-License-Identifier: MIT */
#include "server/admin/authority.h"

#include "base/clock.h"
#include "base/macros.h"
#include "tls/tls_authority.h"

_Static_assert(TLS_ROOT_KEY_SIZE == POLICY_ROOT_KEY_SIZE, "the store has the key of a root");

const struct tls_authority *authority_signer(struct authority *a, const struct policy_root *root,
	struct error *err)
{
	if (a->signer && a->id == root->id)
		return a->signer;
	authority_deinit(a);
	a->signer = tls_authority_new(root->certificate, root->key, err);
	a->id = root->id;
	return a->signer;
}

bool authority_take(struct authority *a, uint64_t now)
{
	uint64_t until = MAX(a->busy_until, now) + CLOCK_S / AUTHORITY_RATE;
	if (until > now + CLOCK_S)
		return false;
	a->busy_until = until;
	return true;
}

void authority_deinit(struct authority *a)
{
	a->signer = tls_authority_free(a->signer);
}
