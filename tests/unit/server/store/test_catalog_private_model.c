/* SPDX-License-Identifier: MIT */
/*
 * Random rows against a model that is a few arrays, looked through from end to end: after each the catalog has what
 * the model has, by every way that leads to it, and tells of the endpoints that the model says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "catalog_rows.h"
#include "crypto/crypto.h"

#define WALKS      20
#define STEPS      400
#define IDENTITIES 5
#define NAMES      4   /* of private services */
#define SERVICES   120 /* that ever are, at most: rows that come later are left out */
#define ENDPOINTS  250

struct model_service {
	bool there, deleted;
	uint64_t owner;
	unsigned name;
};

struct model_endpoint {
	bool there, marked;
	uint64_t service, consumer;
	unsigned name;
	enum policy_endpoint_state state;
	struct endpoint *used; /* a session uses it; also when it is gone */
	struct list attachment;
};

/* Ids are places; 0 is none. */
struct model {
	struct catalog *c;
	unsigned seed;
	bool identities[IDENTITIES + 1];
	struct model_service services[SERVICES];
	struct model_endpoint endpoints[ENDPOINTS];
	uint64_t n_services, n_endpoints, next_intention;
};

static unsigned draw(struct model *m, unsigned n)
{
	return (unsigned)rand_r(&m->seed) % n;
}

static const char *identity_name(uint64_t id)
{
	static const char *const names[IDENTITIES + 1] = {"", "i1", "i2", "i3", "i4", "i5"};
	return names[id];
}

static const char *service_name(unsigned name)
{
	static const char *const names[NAMES] = {"redis", "dns", "api", "ssh"};
	return names[name];
}

static const char *endpoint_name(unsigned name)
{
	static const char *const names[2] = {"a", "b"};
	return names[name];
}

/* ---- The model ---- */

static void mark_used(struct model *m, uint64_t id)
{
	m->endpoints[id].marked |= m->endpoints[id].there && m->endpoints[id].used;
}

static void endpoint_goes(struct model *m, uint64_t id);

static unsigned endpoints_of(const struct model *m, uint64_t service)
{
	unsigned n = 0;
	for (uint64_t id = 1; id <= m->n_endpoints; id++)
		n += m->endpoints[id].there && m->endpoints[id].service == service;
	return n;
}

static void service_goes(struct model *m, uint64_t id)
{
	m->services[id].there = false;
	for (uint64_t e = 1; e <= m->n_endpoints; e++)
		if (m->endpoints[e].there && m->endpoints[e].service == id)
			endpoint_goes(m, e);
}

static void endpoint_goes(struct model *m, uint64_t id)
{
	struct model_endpoint *e = &m->endpoints[id];
	struct model_service *s = &m->services[e->service];
	e->there = false;
	e->marked = e->used;
	if (s->there && s->deleted && !endpoints_of(m, e->service))
		service_goes(m, e->service);
}

static void identity_goes(struct model *m, uint64_t id)
{
	m->identities[id] = false;
	for (uint64_t s = 1; s <= m->n_services; s++)
		if (m->services[s].there && m->services[s].owner == id)
			service_goes(m, s);
	for (uint64_t e = 1; e <= m->n_endpoints; e++)
		if (m->endpoints[e].there && m->endpoints[e].consumer == id)
			endpoint_goes(m, e);
}

static uint64_t service_of_name(const struct model *m, unsigned name)
{
	for (uint64_t s = 1; s <= m->n_services; s++)
		if (m->services[s].there && m->services[s].name == name)
			return s;
	return 0;
}

static uint64_t endpoint_of(const struct model *m, uint64_t service, uint64_t consumer,
	unsigned name)
{
	for (uint64_t e = 1; e <= m->n_endpoints; e++)
		if (m->endpoints[e].there && m->endpoints[e].service == service &&
			m->endpoints[e].consumer == consumer && m->endpoints[e].name == name)
			return e;
	return 0;
}

/* ---- Steps, at both ---- */

static void put_identity(struct model *m)
{
	uint64_t id = draw(m, IDENTITIES) + 1;
	m->identities[id] = true;
	apply_row(m->c, identity_row(id, identity_name(id)));
	for (uint64_t e = 1; e <= m->n_endpoints; e++)
		if (m->endpoints[e].consumer == id ||
			m->services[m->endpoints[e].service].owner == id)
			mark_used(m, e);
}

static void delete_identity(struct model *m)
{
	uint64_t id = draw(m, IDENTITIES) + 1;
	if (draw(m, 6) || !m->identities[id])
		return;
	identity_goes(m, id);
	apply_gone(m->c, STORE_IDENTITY, id);
}

static void put_service(struct model *m)
{
	unsigned name = draw(m, NAMES);
	uint64_t owner = draw(m, IDENTITIES) + 1, id = service_of_name(m, name);
	if (id) {
		struct store_row row = copy_of_service(catalog_find_service_row(m->c, id));
		bool was = m->services[id].deleted;
		m->services[id].deleted = row.service.deleted = draw(m, 2);
		apply_row(m->c, row);
		for (uint64_t e = 1; e <= m->n_endpoints; e++)
			if (m->endpoints[e].service == id)
				mark_used(m, e);
		if (!was && m->services[id].deleted && !endpoints_of(m, id))
			service_goes(m, id);
	} else if (m->identities[owner] && m->n_services + 1 < SERVICES) {
		m->services[++m->n_services] =
			(struct model_service){.there = true, .owner = owner, .name = name};
		apply_row(m->c, service_row(m->n_services, service_name(name), owner));
	}
}

static void delete_service(struct model *m)
{
	uint64_t id = service_of_name(m, draw(m, NAMES));
	if (!id || draw(m, 4))
		return;
	service_goes(m, id);
	apply_gone(m->c, STORE_SERVICE, id);
}

static void put_endpoint(struct model *m)
{
	uint64_t service = service_of_name(m, draw(m, NAMES)), consumer = draw(m, IDENTITIES) + 1;
	unsigned name = draw(m, 2);
	if (!service || !m->identities[consumer])
		return;
	uint64_t id = endpoint_of(m, service, consumer, name);
	if (id) {
		struct store_row row = copy_of_endpoint(catalog_find_endpoint_row(m->c, id));
		row.endpoint.state = (enum policy_endpoint_state)(draw(m, 4) + 1);
		m->endpoints[id].state = row.endpoint.state;
		apply_row(m->c, row);
	} else if (m->n_endpoints + 1 < ENDPOINTS) {
		id = ++m->n_endpoints;
		m->endpoints[id] = (struct model_endpoint){.there = true,
			.service = service,
			.consumer = consumer,
			.name = name,
			.state = POLICY_PENDING};
		apply_row(m->c, endpoint_row(id, service, consumer, endpoint_name(name)));
	} else {
		return;
	}
	m->endpoints[id].marked = true;
}

static void delete_endpoint(struct model *m)
{
	uint64_t id = draw(m, ENDPOINTS);
	if (id > m->n_endpoints || !m->endpoints[id].there)
		return;
	endpoint_goes(m, id);
	apply_gone(m->c, STORE_ENDPOINT, id);
}

static void use_endpoint(struct model *m)
{
	uint64_t id = draw(m, ENDPOINTS);
	struct model_endpoint *e = &m->endpoints[id];
	if (id > m->n_endpoints || id == 0 || (!e->there && !e->used))
		return;
	if (e->used) {
		list_unlink(&e->attachment);
		endpoint_release(e->used);
		e->used = NULL;
		return;
	}
	e->used = catalog_find_endpoint_row(m->c, id);
	list_init(&e->attachment);
	list_append(&e->used->attachments, &e->attachment);
	endpoint_hold(e->used);
}

static void put_intention(struct model *m)
{
	uint64_t source = draw(m, IDENTITIES + 1);
	unsigned to = draw(m, NAMES + 1);
	struct store_row row = {.kind = STORE_INTENTION};
	const char *source_name = source ? identity_name(source) : POLICY_ANY;
	const char *destination = to < NAMES ? service_name(to) : POLICY_ANY;
	assert_int_equal(policy_intention_init(&row.intention, source_name, destination,
				 POLICY_DENY),
		0);
	row.intention.id = ++m->next_intention;
	apply_row(m->c, row);
	if (draw(m, 2))
		apply_gone(m->c, STORE_INTENTION, m->next_intention);
	for (uint64_t e = 1; e <= m->n_endpoints; e++)
		if ((!source || m->endpoints[e].consumer == source) &&
			(to == NAMES || m->services[m->endpoints[e].service].name == to))
			mark_used(m, e);
}

static void change_default(struct model *m)
{
	catalog_change_endpoints(m->c);
	for (uint64_t e = 1; e <= m->n_endpoints; e++)
		mark_used(m, e);
}

/* ---- What both have ---- */

static void compare_endpoint(struct model *m, uint64_t id)
{
	const struct model_endpoint *is = &m->endpoints[id];
	struct endpoint *e = catalog_find_endpoint_row(m->c, id);
	assert_int_equal(e != NULL, is->there);
	if (is->used) {
		assert_int_equal(is->used->gone, !is->there);
		assert_int_equal(is->used->service->gone, !m->services[is->service].there);
		assert_string_equal(is->used->value.name, endpoint_name(is->name));
	}
	if (!e)
		return;
	assert_true(!is->used || is->used == e);
	assert_int_equal(e->value.state, is->state);
	assert_ptr_equal(e->service, catalog_find_service_row(m->c, is->service));
	assert_ptr_equal(e->consumer, catalog_row(m->c, is->consumer));
	assert_ptr_equal(catalog_find_endpoint(m->c, e->service, e->consumer,
				 str_from(endpoint_name(is->name))),
		e);
	struct policy_endpoint_id text;
	struct endpoint *found;
	struct error err;
	char written[POLICY_ENDPOINT_ID_SIZE];
	policy_endpoint_id_format(e->consumer->name, e->value.uid, written);
	assert_int_equal(policy_endpoint_id_parse(str_from(written), &text, &err), 0);
	assert_int_equal(catalog_find_endpoint_id(m->c, &text, &found), 0);
	assert_ptr_equal(found, e);
}

/* A ring of endpoints has those of the model, in the order of their ids. */
static void compare_ring(struct model *m, const struct list *ring, uint64_t service,
	uint64_t consumer, unsigned n)
{
	const struct list *at = ring;
	for (uint64_t id = 1; id <= m->n_endpoints; id++) {
		const struct model_endpoint *is = &m->endpoints[id];
		if (!is->there || (service && is->service != service) ||
			(consumer && is->consumer != consumer))
			continue;
		at = at->next;
		const struct endpoint *e = service ? container_of((struct list *)(uintptr_t)at,
							     struct endpoint, of_service)
						   : container_of((struct list *)(uintptr_t)at,
							     struct endpoint, of_consumer);
		assert_int_equal(e->value.id, id);
		n--;
	}
	assert_ptr_equal(at->next, ring);
	assert_int_equal(n, 0);
}

static void compare_service(struct model *m, uint64_t id)
{
	const struct model_service *is = &m->services[id];
	struct private_service *s = catalog_find_service_row(m->c, id);
	struct policy_alias alias = {.tag = ""};
	assert_int_equal(s != NULL, is->there);
	if (!s)
		return;
	assert_int_equal(s->value.deleted, is->deleted);
	assert_ptr_equal(s->owner, catalog_row(m->c, is->owner));
	strcpy(alias.name, s->name);
	strcpy(alias.tag, s->value.tag);
	assert_ptr_equal(catalog_find_service(m->c, str_from(service_name(is->name))), s);
	assert_ptr_equal(catalog_find_alias(m->c, &alias), is->deleted ? NULL : s);
	compare_ring(m, &s->endpoints, id, 0, s->n_endpoints);
	unsigned of_state[POLICY_DISCONNECTED + 1] = {0};
	for (uint64_t e = 1; e <= m->n_endpoints; e++)
		if (m->endpoints[e].there && m->endpoints[e].service == id)
			of_state[m->endpoints[e].state]++;
	assert_memory_equal(s->n_of_state, of_state, sizeof(of_state));
}

static void compare_identity(struct model *m, uint64_t id)
{
	const struct identity *i = catalog_find(m->c, str_from(identity_name(id)));
	unsigned n = 0;
	uint64_t last = 0;
	assert_int_equal(i != NULL, m->identities[id]);
	if (!i)
		return;
	compare_ring(m, &i->endpoints, 0, id, i->n_endpoints);
	list_for_each (it, &i->private_services) {
		const struct private_service *s = list_entry(it, struct private_service, of_owner);
		assert_true(s->value.id > last && m->services[s->value.id].owner == id);
		last = s->value.id;
		n++;
	}
	assert_int_equal(n, i->n_private_services);
	for (uint64_t s = 1; s <= m->n_services; s++)
		n -= m->services[s].there && m->services[s].owner == id;
	assert_int_equal(n, 0);
}

static void compare_changed(struct model *m)
{
	struct endpoint *e;
	while ((e = catalog_next_changed_endpoint(m->c))) {
		assert_true(m->endpoints[e->value.id].marked);
		m->endpoints[e->value.id].marked = false;
	}
	for (uint64_t id = 1; id <= m->n_endpoints; id++)
		assert_false(m->endpoints[id].marked);
}

static void compare(struct model *m)
{
	size_t services = 0, endpoints = 0;
	for (uint64_t id = 1; id <= m->n_endpoints; id++) {
		compare_endpoint(m, id);
		if (m->endpoints[id].there)
			assert_int_equal(m->c->private.endpoints[endpoints++]->value.id, id);
	}
	for (uint64_t id = 1; id <= m->n_services; id++) {
		compare_service(m, id);
		if (m->services[id].there)
			assert_int_equal(m->c->private.services[services++]->value.id, id);
	}
	assert_int_equal(m->c->private.n_endpoints, endpoints);
	assert_int_equal(m->c->private.n_services, services);
	assert_int_equal(m->c->private.next_link, m->n_endpoints + 1);
	for (uint64_t id = 1; id <= IDENTITIES; id++)
		compare_identity(m, id);
	/* Now and then it has been a while. */
	if (draw(m, 3) == 0)
		compare_changed(m);
}

static void walk(unsigned seed)
{
	static void (*const steps[])(struct model * m) = {put_identity, delete_identity,
		put_service, put_service, delete_service, put_endpoint, put_endpoint, put_endpoint,
		put_endpoint, delete_endpoint, use_endpoint, use_endpoint, use_endpoint,
		put_intention, change_default};
	struct catalog c;
	struct model *m = calloc(1, sizeof(*m));
	assert_non_null(m);
	assert_int_equal(catalog_init(&c), 0);
	m->c = &c;
	m->seed = seed;
	for (unsigned i = 0; i < STEPS; i++) {
		steps[draw(m, ARRAY_LEN(steps))](m);
		/* What was let go while it was gone is told of to nobody. */
		for (uint64_t id = 1; id <= m->n_endpoints; id++)
			m->endpoints[id].marked &= m->endpoints[id].there || m->endpoints[id].used;
		compare(m);
	}
	for (uint64_t id = 1; id <= m->n_endpoints; id++)
		if (m->endpoints[id].used) {
			list_unlink(&m->endpoints[id].attachment);
			endpoint_release(m->endpoints[id].used);
		}
	catalog_deinit(&c);
	free(m);
}

static void test_walks(void **state)
{
	for (unsigned seed = 1; seed <= WALKS; seed++) {
		print_message("seed %u\n", seed);
		walk(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks),
	};
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
