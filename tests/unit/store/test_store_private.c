/* SPDX-License-Identifier: MIT */
/* Private services and endpoints in the store: each column, what goes with what, when they were used. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "crypto/crypto.h"
#include "store_fixture.h"

static struct store_fixture fixture;
static struct store *store;

static int set_up(void **state)
{
	fixture_make(&fixture);
	store = fixture_open(&fixture);
	return 0;
}

static int tear_down(void **state)
{
	store_close(store);
	store = NULL;
	fixture_remove(&fixture);
	return 0;
}

static void reopen(void)
{
	store_close(store);
	store = fixture_open(&fixture);
}

/* ---- Rows ---- */

static void set(char **text, const char *to)
{
	policy_text_free(*text);
	*text = policy_text_new(str_from(to));
}

static void put(struct store_row *row)
{
	fixture_put(store, row);
}

static int try(const struct store_row *row, struct error *err)
{
	uint64_t rev;
	return store_commit(store, row, 1, NULL, &rev, err);
}

struct seen {
	struct store_row services[8], endpoints[8];
	size_t n_services, n_endpoints;
	char gone[256]; /* "service 1, endpoint 2, " */
};

static void keep(void *arg, const struct store_row *row)
{
	struct seen *seen = arg;
	struct store_row *copy = row->kind == STORE_SERVICE ? &seen->services[seen->n_services]
							    : &seen->endpoints[seen->n_endpoints];
	char text[64];
	if (row->kind != STORE_SERVICE && row->kind != STORE_ENDPOINT)
		return;
	if (row->gone) {
		snprintf(text, sizeof text, "%s %" PRIu64 ", ",
			row->kind == STORE_SERVICE ? "service" : "endpoint",
			row->kind == STORE_SERVICE ? row->service.id : row->endpoint.id);
		strcat(seen->gone, text);
		return;
	}
	*copy = (struct store_row){.kind = row->kind, .rev = row->rev};
	if (row->kind == STORE_SERVICE) {
		assert_int_equal(policy_private_service_copy(&copy->service, &row->service), 0);
		seen->n_services++;
	} else {
		assert_int_equal(policy_endpoint_copy(&copy->endpoint, &row->endpoint), 0);
		seen->n_endpoints++;
	}
}

static void forget(struct seen *seen)
{
	while (seen->n_services)
		store_row_deinit(&seen->services[--seen->n_services]);
	while (seen->n_endpoints)
		store_row_deinit(&seen->endpoints[--seen->n_endpoints]);
	*seen = (struct seen){0};
}

static void read_since(uint64_t since, struct seen *seen)
{
	struct error err = {""};
	uint64_t rev;
	forget(seen);
	int r = store_read(store, since, keep, seen, &rev, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(r, 0);
}

/* The ids that are there, as "services 1 2 endpoints 1". */
static void expect(const char *what)
{
	struct seen seen = {.n_services = 0};
	char text[128] = "services", number[32];
	read_since(0, &seen);
	for (size_t i = 0; i < seen.n_services; i++) {
		snprintf(number, sizeof number, " %" PRIu64, seen.services[i].service.id);
		strcat(text, number);
	}
	strcat(text, " endpoints");
	for (size_t i = 0; i < seen.n_endpoints; i++) {
		snprintf(number, sizeof number, " %" PRIu64, seen.endpoints[i].endpoint.id);
		strcat(text, number);
	}
	assert_string_equal(text, what);
	forget(&seen);
}

/* Identities 1 (the owner), 2 and 3. */
static void put_identities(struct store_row identities[3])
{
	static const char *const names[] = {"api", "web", "batch"};
	for (uint64_t i = 0; i < 3; i++) {
		identities[i] = fixture_identity(i + 1, names[i]);
		put(&identities[i]);
	}
}

static void free_rows(struct store_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		store_row_deinit(&rows[i]);
}

/* ---- What is written is read ---- */

static void test_columns(void **state)
{
	struct store_row of[3];
	struct seen seen = {.n_services = 0};
	put_identities(of);
	struct store_row s = fixture_service(4, "myPLS", 1), e = fixture_endpoint(9, 4, 2);
	set(&s.service.visibility, "*,web");
	set(&s.service.auto_approval, "web");
	set(&s.service.fqdns, "a.example.org");
	set(&s.service.description, "Super API");
	s.service.kind = POLICY_UDP;
	s.service.managed = true;
	s.service.created_at = 5;
	s.service.updated_at = 6;
	memset(s.service.e2e_key, 0xab, POLICY_KEY_SIZE);
	e.endpoint.link = 77;
	e.endpoint.state = POLICY_APPROVED;
	e.endpoint.how = POLICY_HOW_OWNER;
	set(&e.endpoint.description, "ticket 4711");
	set(&e.endpoint.message, "for the web\xc3\xbc");
	set(&e.endpoint.decided_by, "uid 0");
	e.endpoint.created_at = 7;
	e.endpoint.updated_at = 8;
	e.endpoint.last_used_at = 9;
	memset(e.endpoint.e2e_key, 0xcd, POLICY_KEY_SIZE);
	put(&s);
	put(&e);
	reopen();
	read_since(0, &seen);
	assert_int_equal(seen.n_services, 1);
	const struct policy_private_service *rs = &seen.services[0].service;
	assert_int_equal(rs->id, 4);
	assert_string_equal(rs->name, "mypls");
	assert_string_equal(rs->display, "myPLS");
	assert_string_equal(rs->tag, s.service.tag);
	assert_int_equal(rs->owner, 1);
	assert_int_equal(rs->kind, POLICY_UDP);
	assert_string_equal(rs->visibility, "*,web");
	assert_string_equal(rs->auto_approval, "web");
	assert_string_equal(rs->fqdns, "a.example.org");
	assert_string_equal(rs->description, "Super API");
	assert_memory_equal(rs->e2e_key, s.service.e2e_key, POLICY_KEY_SIZE);
	assert_true(rs->managed && !rs->deleted);
	assert_true(rs->created_at == 5 && rs->updated_at == 6 && rs->rev == s.rev);
	assert_int_equal(seen.n_endpoints, 1);
	const struct policy_endpoint *re = &seen.endpoints[0].endpoint;
	assert_int_equal(re->id, 9);
	assert_memory_equal(re->uid, e.endpoint.uid, POLICY_UID_SIZE);
	assert_int_equal(re->link, 77);
	assert_true(re->service == 4 && re->consumer == 2);
	assert_string_equal(re->name, "web");
	assert_int_equal(re->state, POLICY_APPROVED);
	assert_int_equal(re->how, POLICY_HOW_OWNER);
	assert_string_equal(re->description, "ticket 4711");
	assert_string_equal(re->message, "for the web\xc3\xbc");
	assert_string_equal(re->decided_by, "uid 0");
	assert_memory_equal(re->e2e_key, e.endpoint.e2e_key, POLICY_KEY_SIZE);
	assert_true(re->created_at == 7 && re->updated_at == 8 && re->last_used_at == 9);
	assert_int_equal(re->rev, e.rev);

	/* And what is none. */
	memset(s.service.e2e_key, 0, POLICY_KEY_SIZE);
	memset(e.endpoint.e2e_key, 0, POLICY_KEY_SIZE);
	s.service.deleted = true;
	e.endpoint.state = POLICY_DISCONNECTED;
	e.endpoint.how = POLICY_HOW_NOT;
	e.endpoint.last_used_at = POLICY_NONE;
	put(&s);
	put(&e);
	read_since(s.rev - 1, &seen);
	rs = &seen.services[0].service;
	re = &seen.endpoints[0].endpoint;
	assert_false(policy_key_given(rs->e2e_key) || policy_key_given(re->e2e_key));
	assert_true(rs->deleted);
	assert_int_equal(re->state, POLICY_DISCONNECTED);
	assert_int_equal(re->how, POLICY_HOW_NOT);
	assert_true(re->last_used_at == POLICY_NONE);
	forget(&seen);
	free_rows(of, 3);
	store_row_deinit(&s);
	store_row_deinit(&e);
}

static void test_one_of_each(void **state)
{
	struct store_row of[3];
	struct error err;
	put_identities(of);
	struct store_row s = fixture_service(1, "redis", 1), e = fixture_endpoint(1, 1, 2);
	put(&s);
	put(&e);
	/* A name, a tag, a consumer's name for it, a uid, a link id: none is there twice, nor without its owner. */
	struct store_row more[] = {fixture_service(2, "redis", 2), fixture_service(2, "dns", 2),
		fixture_service(2, "dns", 9), fixture_endpoint(2, 1, 2), fixture_endpoint(2, 1, 3),
		fixture_endpoint(2, 1, 3), fixture_endpoint(2, 9, 3), fixture_endpoint(2, 1, 9)};
	set(&more[1].service.tag, s.service.tag);
	memcpy(more[4].endpoint.uid, e.endpoint.uid, POLICY_UID_SIZE);
	more[5].endpoint.link = 1;
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		if (try(&more[i], &err) != STORE_STALE)
			fail_msg("row %zu was taken", i);
	expect("services 1 endpoints 1");
	free_rows(more, ARRAY_LEN(more));
	free_rows(of, 3);
	store_row_deinit(&s);
	store_row_deinit(&e);
}

/* ---- What goes with what ---- */

static void test_identity_goes(void **state)
{
	struct store_row of[3];
	struct error err = {""};
	put_identities(of);
	struct store_row rows[] = {fixture_service(1, "redis", 1), fixture_service(2, "dns", 2),
		fixture_endpoint(1, 1, 2), fixture_endpoint(2, 2, 1), fixture_endpoint(3, 2, 3),
		fixture_endpoint(4, 1, 3)};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		put(&rows[i]);
	expect("services 1 2 endpoints 1 2 3 4");
	of[1].gone = true;
	put(&of[1]);
	/* Its service, the endpoints at that, and its own. */
	expect("services 1 endpoints 4");
	assert_int_equal(store_check(store, &err), 0);
	of[0].gone = true;
	put(&of[0]);
	expect("services endpoints");
	free_rows(rows, ARRAY_LEN(rows));
	free_rows(of, 3);
}

static void test_service_goes(void **state)
{
	struct store_row of[3];
	struct seen seen = {.n_services = 0};
	put_identities(of);
	struct store_row s = fixture_service(1, "redis", 1), a = fixture_endpoint(1, 1, 2),
			 b = fixture_endpoint(2, 1, 3), c = fixture_endpoint(3, 1, 1);
	put(&s);
	put(&a);
	put(&b);
	put(&c);
	s.service.deleted = true;
	put(&s);
	expect("services 1 endpoints 1 2 3");
	a.gone = true;
	put(&a);
	expect("services 1 endpoints 2 3");
	/* It has the name still, which its owner may publish anew: then it stays. */
	s.service.deleted = false;
	put(&s);
	c.gone = true;
	put(&c);
	expect("services 1 endpoints 2");
	s.service.deleted = true;
	put(&s);
	/* The last one goes, here with its consumer, and takes it along: who reads changes is told. */
	of[2].gone = true;
	put(&of[2]);
	expect("services endpoints");
	read_since(of[2].rev - 1, &seen);
	assert_string_equal(seen.gone, "service 1, ");
	forget(&seen);
	struct store_row again = fixture_service(2, "redis", 2);
	put(&again);
	/* Without endpoints it goes as soon as it is said to be deleted, and by its row. */
	again.service.deleted = true;
	put(&again);
	expect("services endpoints");
	struct store_row third = fixture_service(3, "redis", 2);
	put(&third);
	third.gone = true;
	put(&third);
	expect("services endpoints");
	free_rows(of, 3);
	store_row_deinit(&s);
	store_row_deinit(&a);
	store_row_deinit(&b);
	store_row_deinit(&c);
	store_row_deinit(&again);
	store_row_deinit(&third);
}

/* ---- Use ---- */

static void test_touch(void **state)
{
	struct store_row of[3];
	struct seen seen = {.n_services = 0};
	struct error err = {""};
	put_identities(of);
	struct store_row s = fixture_service(1, "redis", 1), e = fixture_endpoint(1, 1, 2),
			 c = fixture_credential(1, 2);
	put(&s);
	put(&e);
	put(&c);
	struct store_use uses[] = {{.kind = STORE_ENDPOINT, .endpoint = 1, .at = 12},
		{.kind = STORE_CREDENTIAL, .at = 13},
		{.kind = STORE_ENDPOINT, .endpoint = 9, .at = 14}};
	memcpy(uses[1].key_id, c.credential.key_id, TOKEN_ID_SIZE);
	assert_int_equal(store_touch(store, uses, ARRAY_LEN(uses), &err), 0);
	reopen();
	read_since(0, &seen);
	assert_int_equal(seen.endpoints[0].endpoint.last_used_at, 12);
	assert_int_equal(seen.endpoints[0].rev, e.rev);
	auto_free char *text = fixture_text(store, 0);
	assert_non_null(strstr(text, " 13\n"));
	assert_int_equal(store_check(store, &err), 0);
	forget(&seen);
	free_rows(of, 3);
	store_row_deinit(&s);
	store_row_deinit(&e);
	store_row_deinit(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_columns),
		TEST(test_one_of_each),
		TEST(test_identity_goes),
		TEST(test_service_goes),
		TEST(test_touch),
	};
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
