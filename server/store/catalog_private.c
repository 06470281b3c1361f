/* SPDX-License-Identifier: MIT */
#include "server/store/catalog_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "server/store/catalog_internal.h"

/* ---- Places ---- */

static size_t service_place(const struct catalog_private *p, uint64_t id)
{
	size_t from = 0, to = p->n_services;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (p->services[middle]->value.id < id)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static size_t endpoint_place(const struct catalog_private *p, uint64_t id)
{
	size_t from = 0, to = p->n_endpoints;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (p->endpoints[middle]->value.id < id)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

size_t catalog_service_position(const struct catalog *c, uint64_t id)
{
	return service_place(&c->private, id);
}

size_t catalog_endpoint_position(const struct catalog *c, uint64_t id)
{
	return endpoint_place(&c->private, id);
}

static struct private_service *find_service(const struct catalog_private *p, uint64_t id)
{
	size_t at = service_place(p, id);
	bool there = at < p->n_services && p->services[at]->value.id == id;
	return there && !p->services[at]->gone ? p->services[at] : NULL;
}

static struct endpoint *find_endpoint(const struct catalog_private *p, uint64_t id)
{
	size_t at = endpoint_place(p, id);
	bool there = at < p->n_endpoints && p->endpoints[at]->value.id == id;
	return there && !p->endpoints[at]->gone ? p->endpoints[at] : NULL;
}

struct private_service *catalog_find_service_row(const struct catalog *c, uint64_t id)
{
	return find_service(&c->private, id);
}

struct endpoint *catalog_find_endpoint_row(const struct catalog *c, uint64_t id)
{
	return find_endpoint(&c->private, id);
}

/* ---- Names ---- */

static uint64_t name_hash(const struct catalog_private *p, struct str name)
{
	return keyed_hash(&p->hash_key, name.p, name.n);
}

struct private_service *catalog_find_service(const struct catalog *c, struct str name)
{
	table_for_each (node, &c->private.by_name, name_hash(&c->private, name)) {
		struct private_service *s = table_entry(node, struct private_service, by_name);
		if (str_eq(str_from(s->name), name))
			return s;
	}
	return NULL;
}

/* The three of which there is one endpoint at the most. */
static uint64_t endpoint_hash(const struct catalog_private *p, uint64_t service, uint64_t consumer,
	struct str name)
{
	struct {
		uint64_t service, consumer;
		char name[POLICY_NAME_SIZE];
	} of = {service, consumer, ""};
	memcpy(of.name, name.p, MIN(name.n, sizeof(of.name)));
	return keyed_hash(&p->hash_key, &of, sizeof(of));
}

struct endpoint *catalog_find_endpoint(const struct catalog *c, const struct private_service *s,
	const struct identity *consumer, struct str name)
{
	uint64_t hash = endpoint_hash(&c->private, s->value.id, consumer->value.id, name);
	table_for_each (node, &c->private.by_consumer, hash) {
		struct endpoint *e = table_entry(node, struct endpoint, by_consumer);
		if (e->service == s && e->consumer == consumer &&
			str_eq(str_from(e->value.name), name))
			return e;
	}
	return NULL;
}

/* ---- Rows come ---- */

/* Those that come count up, so the place is at the end, or near it. */
static void link_service(struct private_service *s, struct identity *owner)
{
	struct list *before = owner->private_services.prev;
	while (before != &owner->private_services &&
		list_entry(before, struct private_service, of_owner)->value.id > s->value.id)
		before = before->prev;
	list_prepend(before, &s->of_owner);
	owner->n_private_services++;
	s->owner = owner;
}

static void link_endpoint(struct endpoint *e, struct private_service *s, struct identity *consumer)
{
	struct list *before = s->endpoints.prev;
	while (before != &s->endpoints &&
		list_entry(before, struct endpoint, of_service)->value.id > e->value.id)
		before = before->prev;
	list_prepend(before, &e->of_service);
	before = consumer->endpoints.prev;
	while (before != &consumer->endpoints &&
		list_entry(before, struct endpoint, of_consumer)->value.id > e->value.id)
		before = before->prev;
	list_prepend(before, &e->of_consumer);
	s->n_endpoints++;
	s->n_of_state[e->value.state]++;
	consumer->n_endpoints++;
	private_service_hold(s);
	e->service = s;
	e->consumer = consumer;
}

static void add_service(struct catalog_private *p, struct private_service *s,
	struct identity *owner)
{
	size_t at = service_place(p, s->value.id);
	memmove(p->services + at + 1, p->services + at,
		(p->n_services - at) * sizeof(struct private_service *));
	p->services[at] = s;
	p->n_services++;
	p->max_service_id = MAX(p->max_service_id, s->value.id);
	table_add(&p->by_name, &s->by_name, name_hash(p, str_from(s->name)));
	link_service(s, owner);
	catalog_mark_service(p, s);
}

/* What another row says of it; its name, and whose it is, are for ever. */
static void change_service(struct catalog_private *p, struct private_service *s,
	struct private_service *staged)
{
	bool was_deleted = s->value.deleted;
	struct policy_private_service value = staged->value;
	staged->value = s->value;
	s->value = value;
	/* Others have the address of the text. */
	staged->value.name = value.name;
	s->value.name = (char *)(uintptr_t)s->name;
	catalog_mark_service(p, s);
	catalog_mark_between(p, NULL, s);
	private_service_release(staged);
	if (!was_deleted && s->value.deleted && !s->n_endpoints)
		catalog_bury_service(p, s);
}

void catalog_put_service(struct catalog_private *p, struct private_service *staged,
	struct identity *owner)
{
	struct private_service *s = find_service(p, staged->value.id);
	if (s)
		change_service(p, s, staged);
	else if (staged->value.deleted && staged->value.id <= p->max_service_id)
		private_service_release(
			staged); /* a row that is put in force twice, before and behind its storing */
	else
		add_service(p, staged, owner);
}

static void add_endpoint(struct catalog_private *p, struct endpoint *e, struct private_service *s,
	struct identity *consumer)
{
	size_t at = endpoint_place(p, e->value.id);
	memmove(p->endpoints + at + 1, p->endpoints + at,
		(p->n_endpoints - at) * sizeof(struct endpoint *));
	p->endpoints[at] = e;
	p->n_endpoints++;
	p->max_endpoint_id = MAX(p->max_endpoint_id, e->value.id);
	p->next_link = MAX(p->next_link, (uint64_t)e->value.link + 1);
	table_add(&p->by_consumer, &e->by_consumer,
		endpoint_hash(p, s->value.id, consumer->value.id, str_from(e->value.name)));
	link_endpoint(e, s, consumer);
}

static void change_endpoint(struct catalog_private *p, struct endpoint *e, struct endpoint *staged)
{
	struct policy_endpoint value = staged->value;
	/* It was used since the row was made of it. */
	value.last_used_at = e->value.last_used_at;
	e->service->n_of_state[e->value.state]--;
	e->service->n_of_state[value.state]++;
	p->decided[value.state] += value.state != e->value.state;
	staged->value = e->value;
	e->value = value;
	endpoint_release(staged);
}

void catalog_put_endpoint(struct catalog_private *p, struct endpoint *staged,
	struct private_service *service, struct identity *consumer)
{
	struct endpoint *e = find_endpoint(p, staged->value.id);
	if (e)
		change_endpoint(p, e, staged);
	else
		add_endpoint(p, staged, service, consumer);
	catalog_mark_endpoint(p, e ? e : staged);
}

/* ---- Rows go ---- */

/* The array lets go when it is tidied; a private service that is deleted goes with its last endpoint. */
void catalog_bury_endpoint(struct catalog_private *p, struct endpoint *e)
{
	struct private_service *s = e->service;
	e->gone = true;
	p->untidy = true;
	table_remove(&p->by_consumer, &e->by_consumer);
	list_unlink(&e->of_service);
	list_unlink(&e->of_consumer);
	e->consumer->n_endpoints--;
	s->n_endpoints--;
	s->n_of_state[e->value.state]--;
	catalog_mark_endpoint(p, e);
	if (s->value.deleted && !s->n_endpoints && !s->gone)
		catalog_bury_service(p, s);
}

void catalog_bury_service(struct catalog_private *p, struct private_service *s)
{
	s->gone = true;
	p->untidy = true;
	list_for_each_safe (it, &s->endpoints)
		catalog_bury_endpoint(p, list_entry(it, struct endpoint, of_service));
	table_remove(&p->by_name, &s->by_name);
	list_unlink(&s->of_owner);
	s->owner->n_private_services--;
	catalog_mark_service(p, s);
}

void catalog_bury_private_of(struct catalog_private *p, struct identity *i)
{
	struct list *first;
	while ((first = i->private_services.next) != &i->private_services)
		catalog_bury_service(p, list_entry(first, struct private_service, of_owner));
	while ((first = i->endpoints.next) != &i->endpoints)
		catalog_bury_endpoint(p, list_entry(first, struct endpoint, of_consumer));
}

void catalog_tidy(struct catalog_private *p)
{
	if (!p->untidy)
		return;
	size_t kept = 0;
	for (size_t n = 0; n < p->n_endpoints; n++)
		if (p->endpoints[n]->gone)
			endpoint_release(p->endpoints[n]);
		else
			p->endpoints[kept++] = p->endpoints[n];
	p->n_endpoints = kept;
	kept = 0;
	for (size_t n = 0; n < p->n_services; n++)
		if (p->services[n]->gone)
			private_service_release(p->services[n]);
		else
			p->services[kept++] = p->services[n];
	p->n_services = kept;
	p->untidy = false;
}

/* ---- All ---- */

static int reserve(void ***array, size_t *room, size_t n)
{
	if (n <= *room)
		return 0;
	void **grown = reallocarray(*array, 2 * n, sizeof(void *));
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = 2 * n;
	return 0;
}

int catalog_private_reserve(struct catalog_private *p, size_t more)
{
	if (reserve((void ***)&p->services, &p->services_room, p->n_services + more) < 0)
		return -ENOMEM;
	return reserve((void ***)&p->endpoints, &p->endpoints_room, p->n_endpoints + more);
}

int catalog_private_init(struct catalog_private *p)
{
	*p = (struct catalog_private){.next_link = 1};
	list_init(&p->changed_services);
	list_init(&p->changed_endpoints);
	hash_key_init(&p->hash_key);
	/* With buckets from the start, table_add() cannot fail. */
	return table_grow(&p->by_name) < 0 || table_grow(&p->by_consumer) < 0 ? -ENOMEM : 0;
}

void catalog_private_deinit(struct catalog_private *p)
{
	for (size_t n = 0; n < p->n_services; n++)
		if (!p->services[n]->gone)
			catalog_bury_service(p, p->services[n]);
	catalog_tidy(p);
	table_deinit(&p->by_name);
	table_deinit(&p->by_consumer);
	free(p->services);
	free(p->endpoints);
	*p = (struct catalog_private){0};
}
