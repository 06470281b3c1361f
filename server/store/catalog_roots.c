/* SPDX-License-Identifier: MIT */
#include "server/store/catalog_roots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct policy_root *catalog_signing_root(const struct catalog_roots *c)
{
	const struct policy_root *last = c->n ? c->v[c->n - 1] : NULL;
	return last && last->listed_until == POLICY_NONE ? last : NULL;
}

int catalog_roots_stage(const struct policy_root *value, struct policy_root **staged_out)
{
	struct policy_root *r = malloc(sizeof(*r));
	if (!r || policy_root_copy(r, value) < 0) {
		free(r);
		return -ENOMEM;
	}
	*staged_out = r;
	return 0;
}

void catalog_root_free(struct policy_root *r)
{
	if (r)
		policy_root_deinit(r);
	free(r);
}

int catalog_roots_reserve(struct catalog_roots *c, size_t more)
{
	if (c->n + more <= c->room)
		return 0;
	struct policy_root **v = reallocarray(c->v, c->n + more, sizeof(struct policy_root *));
	if (!v)
		return -ENOMEM;
	c->v = v;
	c->room = c->n + more;
	return 0;
}

/* Of the first whose id is not below. */
static size_t position(const struct catalog_roots *c, uint64_t id)
{
	size_t at = 0;
	while (at < c->n && c->v[at]->id < id)
		at++;
	return at;
}

static struct policy_root *find(const struct catalog_roots *c, uint64_t id)
{
	size_t at = position(c, id);
	return at < c->n && c->v[at]->id == id ? c->v[at] : NULL;
}

void catalog_roots_put(struct catalog_roots *c, struct policy_root *r)
{
	size_t at = position(c, r->id);
	if (find(c, r->id)) {
		catalog_root_free(c->v[at]);
	} else {
		memmove(c->v + at + 1, c->v + at, (c->n - at) * sizeof(struct policy_root *));
		c->n++;
	}
	c->v[at] = r;
}

void catalog_roots_remove(struct catalog_roots *c, uint64_t id)
{
	size_t at = position(c, id);
	if (!find(c, id))
		return;
	catalog_root_free(c->v[at]);
	memmove(c->v + at, c->v + at + 1, (--c->n - at) * sizeof(struct policy_root *));
}

void catalog_roots_stored(struct catalog_roots *c, uint64_t id, uint64_t rev)
{
	struct policy_root *r = find(c, id);
	if (r)
		r->rev = rev;
}

void catalog_roots_deinit(struct catalog_roots *c)
{
	for (size_t i = 0; i < c->n; i++)
		catalog_root_free(c->v[i]);
	free(c->v);
	*c = (struct catalog_roots){0};
}
