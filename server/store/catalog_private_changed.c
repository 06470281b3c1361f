/* SPDX-License-Identifier: MIT */
/* Which endpoints, and which private services, are to be looked at again. */
#include "server/store/catalog_internal.h"

void catalog_mark_service(struct catalog_private *p, struct private_service *s)
{
	if (!list_linked(&s->changed))
		list_append(&p->changed_services, &s->changed);
}

void catalog_mark_endpoint(struct catalog_private *p, struct endpoint *e)
{
	if (!list_linked(&e->changed))
		list_append(&p->changed_endpoints, &e->changed);
}

/* Nothing hangs at the others: what they are now is found when something comes. */
static void mark_attached(struct catalog_private *p, struct endpoint *e)
{
	if (!list_empty(&e->attachments))
		catalog_mark_endpoint(p, e);
}

static void mark_of_service(struct catalog_private *p, const struct private_service *s)
{
	list_for_each (it, &s->endpoints)
		mark_attached(p, list_entry(it, struct endpoint, of_service));
}

static void mark_of_consumer(struct catalog_private *p, const struct identity *i,
	const struct private_service *at)
{
	list_for_each (it, &i->endpoints) {
		struct endpoint *e = list_entry(it, struct endpoint, of_consumer);
		if (!at || e->service == at)
			mark_attached(p, e);
	}
}

static void mark_all(struct catalog_private *p)
{
	for (size_t n = 0; n < p->n_endpoints; n++)
		mark_attached(p, p->endpoints[n]);
}

void catalog_mark_between(struct catalog_private *p, const struct identity *source,
	const struct private_service *destination)
{
	if (source)
		mark_of_consumer(p, source, destination);
	else if (destination)
		mark_of_service(p, destination);
	else
		mark_all(p);
}

void catalog_mark_identity(struct catalog_private *p, const struct identity *i)
{
	mark_of_consumer(p, i, NULL);
	list_for_each (it, &i->private_services)
		mark_of_service(p, list_entry(it, struct private_service, of_owner));
}

void catalog_change_endpoints(struct catalog *c)
{
	mark_all(&c->private);
}

struct endpoint *catalog_next_changed_endpoint(struct catalog *c)
{
	struct endpoint *e = list_first(&c->private.changed_endpoints, struct endpoint, changed);
	if (e)
		list_unlink(&e->changed);
	return e;
}

struct private_service *catalog_next_changed_service(struct catalog *c)
{
	struct private_service *s =
		list_first(&c->private.changed_services, struct private_service, changed);
	if (s)
		list_unlink(&s->changed);
	return s;
}
