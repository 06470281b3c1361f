/* SPDX-License-Identifier: MIT */
#include "server/base/challenges.h"

#include <stdlib.h>

#include "tls/tls.h"

struct challenges *challenges_new(size_t n)
{
	struct challenges *c = calloc(1, sizeof(*c) + n * sizeof(c->v[0]));
	if (c)
		atomic_init(&c->refs, 1);
	return c;
}

struct challenges *challenges_ref(struct challenges *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

struct challenges *challenges_unref(struct challenges *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		tls_server_unref(c->v[i].tls);
	free(c);
	return NULL;
}

void challenges_add(struct challenges *c, const struct challenge *it)
{
	struct challenge *to = &c->v[c->n++];
	*to = *it;
	if (to->tls)
		tls_server_ref(to->tls);
}

struct tls_server *challenges_tls(const struct challenges *c, struct str name)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].tls && str_eq(str_from(c->v[i].name), name))
			return c->v[i].tls;
	return NULL;
}

static bool is_path(const struct challenge *c, struct str path)
{
	struct str prefix = str_from(c->path), token = str_from(c->token);
	return path.n == prefix.n + token.n && memcmp(path.p, prefix.p, prefix.n) == 0 &&
	       memcmp(path.p + prefix.n, token.p, token.n) == 0;
}

const struct challenge *challenges_find(const struct challenges *c, struct str host,
	struct str path)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].path && str_eq(str_from(c->v[i].name), host) && is_path(&c->v[i], path))
			return &c->v[i];
	return NULL;
}
