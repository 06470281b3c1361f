/* SPDX-License-Identifier: MIT */
/* Private services and endpoints in the catalog: what is found, what goes with what, what is to be looked at. */
#include "server/store/catalog_private.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "catalog_rows.h"
#include "crypto/crypto.h"

static int setup(void **state)
{
	static struct catalog c;
	assert_int_equal(catalog_init(&c), 0);
	/* api is the owner, web and batch are consumers. */
	apply_row(&c, identity_row(1, "api"));
	apply_row(&c, identity_row(2, "web"));
	apply_row(&c, identity_row(3, "batch"));
	*state = &c;
	return 0;
}

static int teardown(void **state)
{
	catalog_deinit(*state);
	catalog_deinit(*state);
	return 0;
}

static void drain(struct catalog *c)
{
	while (catalog_next_changed_endpoint(c))
		;
	while (catalog_next_changed_service(c))
		;
}

static void put_service(struct catalog *c, uint64_t id, const char *name)
{
	apply_row(c, service_row(id, name, 1));
}

/* With that id and link id, of one named like its consumer. */
static struct endpoint *put_endpoint(struct catalog *c, uint64_t id, uint64_t service,
	uint64_t consumer)
{
	apply_row(c, endpoint_row(id, service, consumer, catalog_row(c, consumer)->name));
	return catalog_find_endpoint_row(c, id);
}

/* As a session does that uses it. */
static void attach(struct endpoint *e, struct list *attachment)
{
	list_init(attachment);
	list_append(&e->attachments, attachment);
	endpoint_hold(e);
}

static void detach(struct endpoint *e, struct list *attachment)
{
	list_unlink(attachment);
	endpoint_release(e);
}

/* ---- Look-ups ---- */

static void services_are_found(void **state)
{
	struct catalog *c = *state;
	put_service(c, 1, "redis");
	put_service(c, 2, "Super-API");
	struct private_service *s = catalog_find_service(c, STR("super-api"));
	assert_non_null(s);
	assert_ptr_equal(s, catalog_find_service_row(c, 2));
	assert_string_equal(s->name, "super-api");
	assert_string_equal(s->value.display, "Super-API");
	assert_ptr_equal(s->owner, catalog_row(c, 1));
	assert_null(catalog_find_service(c, STR("super")));
	assert_null(catalog_find_service(c, STR("")));
	assert_null(catalog_find_service_row(c, 3));
	assert_int_equal(c->private.max_service_id, 2);
	assert_int_equal(catalog_row(c, 1)->n_private_services, 2);
	/* In the order of their ids, whatever is between. */
	assert_int_equal(catalog_service_position(c, 0), 0);
	assert_int_equal(catalog_service_position(c, 2), 1);
	assert_int_equal(catalog_service_position(c, 3), 2);
}

static void aliases_are_found(void **state)
{
	struct catalog *c = *state;
	put_service(c, 1, "redis");
	struct private_service *s = catalog_find_service_row(c, 1);
	struct policy_alias alias = {"redis", ""}, other = {"redis", "000000000000"};
	assert_ptr_equal(catalog_find_alias(c, &alias), s);
	assert_null(catalog_find_alias(c, &other));
	strcpy(alias.tag, s->value.tag);
	assert_ptr_equal(catalog_find_alias(c, &alias), s);
	strcpy(alias.name, "redi");
	assert_null(catalog_find_alias(c, &alias));

	/* Deleted, it has its name still, and nobody who asks finds it. */
	put_endpoint(c, 1, 1, 2);
	struct store_row row = copy_of_service(s);
	row.service.deleted = true;
	apply_row(c, row);
	strcpy(alias.name, "redis");
	assert_null(catalog_find_alias(c, &alias));
	assert_ptr_equal(catalog_find_service(c, STR("redis")), s);
	row = copy_of_service(s);
	assert_int_equal(policy_private_service_revive(&row.service), 0);
	apply_row(c, row);
	/* Published anew it is the same one, which nobody finds by the alias of before. */
	assert_null(catalog_find_alias(c, &alias));
	strcpy(alias.tag, s->value.tag);
	assert_ptr_equal(catalog_find_alias(c, &alias), s);
	assert_int_equal(s->n_endpoints, 1);
}

static void endpoints_are_found(void **state)
{
	struct catalog *c = *state;
	struct endpoint *found = NULL;
	struct policy_endpoint_id id;
	struct error err;
	char text[POLICY_ENDPOINT_ID_SIZE];
	put_service(c, 1, "redis");
	put_service(c, 2, "dns");
	struct private_service *redis = catalog_find_service_row(c, 1);
	struct identity *web = catalog_row(c, 2), *batch = catalog_row(c, 3);
	struct endpoint *e = put_endpoint(c, 1, 1, 2);
	put_endpoint(c, 2, 2, 2);
	put_endpoint(c, 3, 1, 3);
	apply_row(c, endpoint_row(4, 1, 2, "second"));
	assert_ptr_equal(catalog_find_endpoint(c, redis, web, STR("web")), e);
	assert_int_equal(catalog_find_endpoint(c, redis, web, STR("second"))->value.id, 4);
	assert_null(catalog_find_endpoint(c, redis, batch, STR("web")));
	assert_null(catalog_find_endpoint(c, redis, web, STR("we")));

	policy_endpoint_id_format("web", e->value.uid, text);
	assert_int_equal(policy_endpoint_id_parse(str_from(text), &id, &err), 0);
	assert_int_equal(catalog_find_endpoint_id(c, &id, &found), 0);
	assert_ptr_equal(found, e);
	/* Its consumer's alone: nobody is meant by the beginning of a name. */
	id = (struct policy_endpoint_id){.consumer = "we"};
	assert_int_equal(catalog_find_endpoint_id(c, &id, &found), -ENOENT);
	strcpy(id.consumer, "web");
	assert_int_equal(catalog_find_endpoint_id(c, &id, &found), CATALOG_AMBIGUOUS);
	strcpy(id.service, "dns");
	assert_int_equal(catalog_find_endpoint_id(c, &id, &found), 0);
	assert_int_equal(found->value.id, 2);
	strcpy(id.consumer, "batch");
	assert_int_equal(catalog_find_endpoint_id(c, &id, &found), -ENOENT);
	id.service[0] = '\0';
	assert_int_equal(catalog_find_endpoint_id(c, &id, &found), 0);
	assert_int_equal(found->value.id, 3);
}

static void counts_and_limits(void **state)
{
	struct catalog *c = *state;
	struct identity *web = catalog_row(c, 2);
	put_service(c, 1, "redis");
	struct private_service *s = catalog_find_service_row(c, 1);
	put_endpoint(c, 1, 1, 2);
	put_endpoint(c, 2, 1, 3);
	assert_int_equal(s->n_of_state[POLICY_PENDING], 2);
	struct store_row row = copy_of_endpoint(catalog_find_endpoint_row(c, 1));
	row.endpoint.state = POLICY_APPROVED;
	apply_row(c, row);
	assert_int_equal(s->n_of_state[POLICY_PENDING], 1);
	assert_int_equal(s->n_of_state[POLICY_APPROVED], 1);
	assert_int_equal(web->n_endpoints, 1);
	assert_true(catalog_may_add_endpoint(web));
	struct store_row fewer = identity_row(2, "web");
	fewer.identity.max_endpoints = 1;
	apply_row(c, fewer);
	assert_false(catalog_may_add_endpoint(web));
	apply_row(c, identity_row(2, "web"));
	for (uint64_t id = 3; web->n_endpoints < POLICY_ENDPOINTS_MAX; id++) {
		char name[POLICY_NAME_SIZE];
		assert_true(catalog_may_add_endpoint(web));
		snprintf(name, sizeof name, "e%u", (unsigned)id);
		apply_row(c, endpoint_row(id, 1, 2, name));
	}
	assert_false(catalog_may_add_endpoint(web));
	for (uint64_t id = 2; catalog_row(c, 1)->n_private_services < POLICY_SERVICES_MAX; id++) {
		char name[POLICY_NAME_SIZE];
		assert_true(catalog_may_add_service(catalog_row(c, 1)));
		snprintf(name, sizeof name, "s%u", (unsigned)id);
		put_service(c, id, name);
	}
	assert_false(catalog_may_add_service(catalog_row(c, 1)));
}

static void links_count_up(void **state)
{
	struct catalog *c = *state;
	char name[] = STORE_META_NEXT_LINK, value[] = "41";
	struct store_row meta = {.kind = STORE_META};
	assert_int_equal(c->private.next_link, 1);
	put_service(c, 1, "redis");
	put_endpoint(c, 1, 1, 2);
	assert_int_equal(c->private.next_link, 2);
	meta.meta = (struct policy_meta){name, value, 2};
	assert_int_equal(catalog_apply(c, &meta, 1), 0);
	assert_int_equal(c->private.next_link, 41);
	put_endpoint(c, 3, 1, 3);
	assert_int_equal(c->private.next_link, 41);
	/* Those of endpoints that are gone stay theirs. */
	apply_gone(c, STORE_ENDPOINT, 3);
	apply_gone(c, STORE_ENDPOINT, 1);
	assert_int_equal(c->private.next_link, 41);
	assert_int_equal(c->private.max_endpoint_id, 3);
}

/* ---- Addresses ---- */

static void what_is_held_stays(void **state)
{
	struct catalog *c = *state;
	struct list attachment;
	put_service(c, 1, "redis");
	struct private_service *s = catalog_find_service_row(c, 1);
	struct endpoint *e = put_endpoint(c, 1, 1, 2);
	const char *name = s->name;
	struct store_row row = copy_of_service(s);
	set_text(&row.service.description, "other");
	apply_row(c, row);
	row = copy_of_endpoint(e);
	row.endpoint.state = POLICY_APPROVED;
	row.endpoint.last_used_at = 5;
	endpoint_used(e, 7);
	apply_row(c, row);
	assert_ptr_equal(catalog_find_service_row(c, 1), s);
	assert_ptr_equal(s->name, name);
	assert_ptr_equal(s->value.name, name);
	assert_string_equal(s->value.description, "other");
	assert_ptr_equal(catalog_find_endpoint_row(c, 1), e);
	assert_int_equal(e->value.state, POLICY_APPROVED);
	/* It was used since the row was made. */
	assert_int_equal(e->value.last_used_at, 7);
	assert_true(e->use_is_news);

	/* Gone while it is used: whoever uses it sees that, and nobody else finds it. */
	attach(e, &attachment);
	drain(c);
	apply_gone(c, STORE_SERVICE, 1);
	assert_true(e->gone && s->gone);
	assert_ptr_equal(e->service, s);
	assert_string_equal(e->service->name, "redis");
	assert_null(catalog_find_service(c, STR("redis")));
	assert_null(catalog_find_endpoint_row(c, 1));
	assert_int_equal(c->private.n_services + c->private.n_endpoints, 0);
	assert_int_equal(catalog_row(c, 1)->n_private_services, 0);
	assert_int_equal(catalog_row(c, 2)->n_endpoints, 0);
	assert_ptr_equal(catalog_next_changed_endpoint(c), e);
	assert_ptr_equal(catalog_next_changed_service(c), s);
	/* Another one of its name is another one. */
	put_service(c, 2, "redis");
	assert_ptr_not_equal(catalog_find_service(c, STR("redis")), s);
	detach(e, &attachment);
}

static void what_nobody_holds_is_in_no_list(void **state)
{
	struct catalog *c = *state;
	put_service(c, 1, "redis");
	put_endpoint(c, 1, 1, 2);
	apply_gone(c, STORE_ENDPOINT, 1);
	apply_gone(c, STORE_SERVICE, 1);
	assert_null(catalog_next_changed_endpoint(c));
	assert_null(catalog_next_changed_service(c));
	/* And let go before its turn: likewise. */
	put_service(c, 2, "redis");
	struct endpoint *e = put_endpoint(c, 2, 2, 2);
	struct list attachment;
	attach(e, &attachment);
	apply_gone(c, STORE_ENDPOINT, 2);
	detach(e, &attachment);
	assert_null(catalog_next_changed_endpoint(c));
}

/* ---- What goes with what ---- */

static void a_deleted_one_goes_with_its_last_endpoint(void **state)
{
	struct catalog *c = *state;
	put_service(c, 1, "redis");
	put_endpoint(c, 1, 1, 2);
	put_endpoint(c, 2, 1, 3);
	struct store_row row = copy_of_service(catalog_find_service_row(c, 1));
	row.service.deleted = true;
	apply_row(c, row);
	apply_gone(c, STORE_ENDPOINT, 1);
	assert_non_null(catalog_find_service(c, STR("redis")));
	apply_gone(c, STORE_IDENTITY, 3);
	assert_null(catalog_find_service(c, STR("redis")));
	assert_int_equal(c->private.n_services, 0);
	/* Without any it goes at once; but at a start they are still to come. */
	put_service(c, 2, "dns");
	row = copy_of_service(catalog_find_service_row(c, 2));
	row.service.deleted = true;
	apply_row(c, row);
	assert_null(catalog_find_service(c, STR("dns")));
	row = service_row(3, "dns", 1);
	row.service.deleted = true;
	apply_row(c, row);
	assert_non_null(catalog_find_service(c, STR("dns")));
	put_endpoint(c, 3, 3, 2);
	apply_gone(c, STORE_ENDPOINT, 3);
	assert_null(catalog_find_service(c, STR("dns")));
}

static void identities_take_theirs_along(void **state)
{
	struct catalog *c = *state;
	put_service(c, 1, "redis");
	apply_row(c, service_row(2, "dns", 2));
	put_endpoint(c, 1, 1, 2);
	put_endpoint(c, 2, 2, 1);
	put_endpoint(c, 3, 2, 3);
	put_endpoint(c, 4, 1, 3);
	apply_gone(c, STORE_IDENTITY, 2);
	assert_null(catalog_find_service(c, STR("dns")));
	assert_int_equal(c->private.n_services, 1);
	assert_int_equal(c->private.n_endpoints, 1);
	assert_int_equal(c->private.endpoints[0]->value.id, 4);
	assert_int_equal(catalog_find_service_row(c, 1)->n_endpoints, 1);
	assert_int_equal(catalog_row(c, 3)->n_endpoints, 1);
	assert_int_equal(catalog_row(c, 1)->n_endpoints, 0);
}

/* As the store has them: whatever comes first, and none whose owner is not there. */
static void rows_in_one_change(void **state)
{
	struct catalog *c = *state;
	struct store_row rows[] = {endpoint_row(1, 1, 4, "new"), service_row(1, "redis", 4),
		identity_row(4, "new"), service_row(2, "dns", 9), endpoint_row(2, 2, 4, "new"),
		endpoint_row(3, 1, 9, "new"), endpoint_row(4, 9, 4, "new")};
	assert_int_equal(catalog_apply(c, rows, ARRAY_LEN(rows)), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		store_row_deinit(&rows[i]);
	assert_int_equal(c->private.n_services, 1);
	assert_int_equal(c->private.n_endpoints, 1);
	assert_string_equal(c->private.endpoints[0]->consumer->name, "new");
	assert_string_equal(c->private.endpoints[0]->service->name, "redis");
}

static void revisions_are_stored(void **state)
{
	struct catalog *c = *state;
	put_service(c, 1, "redis");
	put_endpoint(c, 1, 1, 2);
	struct store_row rows[] = {copy_of_service(catalog_find_service_row(c, 1)),
		copy_of_endpoint(catalog_find_endpoint_row(c, 1)), {.kind = STORE_ENDPOINT}};
	rows[0].rev = rows[1].rev = rows[2].rev = 99;
	rows[2].endpoint.id = 77;
	catalog_stored(c, rows, ARRAY_LEN(rows));
	assert_int_equal(catalog_find_service_row(c, 1)->value.rev, 99);
	assert_int_equal(catalog_find_endpoint_row(c, 1)->value.rev, 99);
	assert_int_equal(c->rev, 99);
	store_row_deinit(&rows[0]);
	store_row_deinit(&rows[1]);
}

/* ---- What is to be looked at ---- */

/* The ids of what has changed, in order: "1 3 ". */
static const char *changed(struct catalog *c)
{
	static char text[256];
	bool is[16] = {false};
	struct endpoint *e;
	while ((e = catalog_next_changed_endpoint(c)))
		is[e->value.id] = true;
	size_t n = 0;
	text[0] = '\0';
	for (size_t id = 0; id < ARRAY_LEN(is); id++)
		if (is[id])
			n += (size_t)snprintf(text + n, sizeof text - n, "%zu ", id);
	return text;
}

static void put_intention(struct catalog *c, uint64_t id, const char *source,
	const char *destination)
{
	struct store_row row = {.kind = STORE_INTENTION};
	assert_int_equal(policy_intention_init(&row.intention, source, destination, POLICY_DENY),
		0);
	row.intention.id = id;
	apply_row(c, row);
}

static void changes_are_told(void **state)
{
	static const struct {
		const char *source, *destination, *changed;
	} intentions[] = {
		{"web", "redis", "1 "},
		{"web", "dns", "3 "},
		{"*", "redis", "1 2 "},
		{"batch", "*", "2 4 "},
		{"*", "*", "1 2 3 4 "},
		{"api", "redis", ""},
		{"nobody", "redis", ""},
		{"web", "nothing", ""},
	};
	struct catalog *c = *state;
	struct list attachments[6];
	put_service(c, 1, "redis");
	put_service(c, 2, "dns");
	put_endpoint(c, 1, 1, 2);
	put_endpoint(c, 2, 1, 3);
	put_endpoint(c, 3, 2, 2);
	put_endpoint(c, 4, 2, 3);
	apply_row(c, endpoint_row(5, 1, 2, "unattached"));
	assert_string_equal(changed(c), "1 2 3 4 5 ");
	for (uint64_t id = 1; id <= 4; id++)
		attach(catalog_find_endpoint_row(c, id), &attachments[id]);

	for (size_t i = 0; i < ARRAY_LEN(intentions); i++) {
		put_intention(c, i + 1, intentions[i].source, intentions[i].destination);
		assert_string_equal(changed(c), intentions[i].changed);
		apply_gone(c, STORE_INTENTION, i + 1);
		assert_string_equal(changed(c), intentions[i].changed);
	}
	apply_gone(c, STORE_INTENTION, 99);
	assert_string_equal(changed(c), "");

	apply_row(c, copy_of_service(catalog_find_service_row(c, 1)));
	assert_string_equal(changed(c), "1 2 ");
	apply_row(c, copy_of_endpoint(catalog_find_endpoint_row(c, 5)));
	assert_string_equal(changed(c), "5 ");
	apply_row(c, identity_row(2, "web"));
	assert_string_equal(changed(c), "1 3 ");
	/* An owner's: all at its services. Twice is once. */
	apply_row(c, identity_row(1, "api"));
	apply_row(c, identity_row(1, "api"));
	assert_string_equal(changed(c), "1 2 3 4 ");
	catalog_change_endpoints(c);
	assert_string_equal(changed(c), "1 2 3 4 ");
	for (uint64_t id = 1; id <= 4; id++)
		detach(catalog_find_endpoint_row(c, id), &attachments[id]);
	catalog_change_endpoints(c);
	assert_string_equal(changed(c), "");
}

/* What time changes comes by the same way. */
static void expiry_is_told(void **state)
{
	struct catalog *c = *state;
	struct list attachment;
	uint64_t then = policy_now() + 1000 * CLOCK_S;
	put_service(c, 1, "redis");
	attach(put_endpoint(c, 1, 1, 2), &attachment);
	struct store_row row = identity_row(2, "web"), key = credential_row(1, 2);
	row.identity.expires_at = then;
	apply_row(c, row);
	apply_row(c, key);
	catalog_look(c, policy_now());
	drain(c);
	catalog_look(c, then - 1);
	assert_null(catalog_next_changed_endpoint(c));
	catalog_look(c, then);
	assert_ptr_equal(catalog_next_changed_endpoint(c), catalog_find_endpoint_row(c, 1));
	detach(catalog_find_endpoint_row(c, 1), &attachment);
}

/* ---- Many ---- */

#define MANY 20000

static void many_are_there_soon(void **state)
{
	struct catalog *c = *state;
	struct store_row *rows = calloc(MANY, sizeof(*rows));
	char name[POLICY_NAME_SIZE];
	for (uint64_t id = 1; id <= 1000; id++) {
		snprintf(name, sizeof name, "s%u", (unsigned)id);
		put_service(c, id, name);
	}
	for (size_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "e%u", (unsigned)(i / 1000));
		rows[i] = endpoint_row(i + 1, i % 1000 + 1, 2, name);
	}
	uint64_t began = clock_now();
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(catalog_apply(c, &rows[i], 1), 0);
	uint64_t applied = clock_now();
	for (size_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "e%u", (unsigned)(i / 1000));
		const struct private_service *s = catalog_find_service_row(c, i % 1000 + 1);
		const struct endpoint *e =
			catalog_find_endpoint(c, s, catalog_row(c, 2), str_from(name));
		assert_int_equal(e->value.id, i + 1);
	}
	uint64_t found = clock_now();
	apply_gone(c, STORE_IDENTITY, 2);
	assert_int_equal(c->private.n_endpoints, 0);
	print_message("%d rows in %llu ms, found in %llu ms, gone in %llu ms\n", MANY,
		(unsigned long long)((applied - began) / CLOCK_MS),
		(unsigned long long)((found - applied) / CLOCK_MS),
		(unsigned long long)((clock_now() - found) / CLOCK_MS));
	for (size_t i = 0; i < MANY; i++)
		store_row_deinit(&rows[i]);
	free(rows);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int group_setup(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(services_are_found),
		TEST(aliases_are_found),
		TEST(endpoints_are_found),
		TEST(counts_and_limits),
		TEST(links_count_up),
		TEST(what_is_held_stays),
		TEST(what_nobody_holds_is_in_no_list),
		TEST(a_deleted_one_goes_with_its_last_endpoint),
		TEST(identities_take_theirs_along),
		TEST(rows_in_one_change),
		TEST(revisions_are_stored),
		TEST(changes_are_told),
		TEST(expiry_is_told),
		TEST(many_are_there_soon),
	};
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
