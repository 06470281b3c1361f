/* SPDX-License-Identifier: MIT */
#include "server/store/catalog_intentions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

/* ---- Look-ups ---- */

size_t catalog_intention_position(const struct catalog_intentions *c, const char *source,
	const char *destination)
{
	const struct policy_intention pair = {.source = (char *)(uintptr_t)source,
		.destination = (char *)(uintptr_t)destination};
	size_t from = 0, to = c->n;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (policy_intention_order(c->v[middle], &pair) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static bool is_pair(const struct policy_intention *i, const char *source, const char *destination)
{
	return strcmp(i->source, source) == 0 && strcmp(i->destination, destination) == 0;
}

const struct policy_intention *catalog_find_intention(const struct catalog_intentions *c,
	const char *source, const char *destination)
{
	size_t at = catalog_intention_position(c, source, destination);
	return at < c->n && is_pair(c->v[at], source, destination) ? c->v[at] : NULL;
}

static const struct policy_intention *find(const void *in, const char *source,
	const char *destination)
{
	return catalog_find_intention(in, source, destination);
}

const struct policy_intention *catalog_decide(const struct catalog_intentions *c,
	const char *source, const char *destination)
{
	return policy_decide(find, c, source, destination);
}

/* The place of the one with this id; `n`: there is none. */
static size_t position_of_id(const struct catalog_intentions *c, uint64_t id)
{
	size_t at = 0;
	while (at < c->n && c->v[at]->id != id)
		at++;
	return at;
}

const struct policy_intention *catalog_find_intention_row(const struct catalog_intentions *c,
	uint64_t id)
{
	size_t at = position_of_id(c, id);
	return at < c->n ? c->v[at] : NULL;
}

/* ---- Rows ---- */

int catalog_intentions_stage(const struct policy_intention *value,
	struct policy_intention **staged_out)
{
	struct policy_intention *i = malloc(sizeof(*i));
	if (!i || policy_intention_copy(i, value) < 0) {
		free(i);
		return -ENOMEM;
	}
	*staged_out = i;
	return 0;
}

void catalog_intention_free(struct policy_intention *i)
{
	if (i)
		policy_intention_deinit(i);
	free(i);
}

int catalog_intentions_reserve(struct catalog_intentions *c, size_t more)
{
	if (c->n + more <= c->room)
		return 0;
	size_t room = 2 * (c->n + more);
	struct policy_intention **v = reallocarray(c->v, room, sizeof(struct policy_intention *));
	if (!v)
		return -ENOMEM;
	c->v = v;
	c->room = room;
	return 0;
}

void catalog_intentions_put(struct catalog_intentions *c, struct policy_intention *i)
{
	size_t at = catalog_intention_position(c, i->source, i->destination);
	c->max_id = MAX(c->max_id, i->id);
	if (at < c->n && is_pair(c->v[at], i->source, i->destination)) {
		catalog_intention_free(c->v[at]);
	} else {
		memmove(c->v + at + 1, c->v + at, (c->n - at) * sizeof(struct policy_intention *));
		c->n++;
	}
	c->v[at] = i;
}

void catalog_intentions_remove(struct catalog_intentions *c, uint64_t id)
{
	size_t at = position_of_id(c, id);
	if (at == c->n)
		return;
	catalog_intention_free(c->v[at]);
	memmove(c->v + at, c->v + at + 1, (--c->n - at) * sizeof(struct policy_intention *));
}

void catalog_intentions_stored(struct catalog_intentions *c, uint64_t id, uint64_t rev)
{
	size_t at = position_of_id(c, id);
	if (at < c->n)
		c->v[at]->rev = rev;
}

void catalog_intentions_deinit(struct catalog_intentions *c)
{
	for (size_t i = 0; i < c->n; i++)
		catalog_intention_free(c->v[i]);
	free(c->v);
	*c = (struct catalog_intentions){0};
}
